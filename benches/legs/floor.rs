//! The floor: a process that receives each packet on a socket of its own per leg and sends one back, with no audio work.

use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, net::UdpSocket};

use crate::load;
use crate::process::Running;
use crate::stream::Stream;

/// How long the echo sleeps: what came meanwhile it answers in one go, as a server with a clock does, and so spares a
/// wake-up per packet.
const LOOK: Duration = Duration::from_millis(1);
/// Sockets that have something after one sleep; the rest has its turn after the next.
const EVENTS: usize = 4096;

/// CPU per leg and frame of the bare echo, in µs.
pub fn measure(legs: usize, duration: Duration) -> f64 {
    let (child, ports) = Running::this_program(&["floor-child", &legs.to_string()], legs);
    let ports = ports.iter().map(|line| line.parse::<u16>().expect("a port"));
    let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut streams: Vec<Stream> =
        addresses.enumerate().map(|(index, address)| Stream::to(index, address)).collect();
    load::run(&mut streams, Duration::from_secs(1));
    let before = child.cpu();
    let carried = load::run(&mut streams, duration);
    (child.cpu() - before).as_secs_f64() * 1e6 / (legs as f64 * carried.frames as f64)
}

/// The child's life: prints its ports, then echoes until it is killed.
pub fn echo(sockets: usize) {
    antiphon::worker::raise_file_limit().expect("the limit of open files can be raised to the hard one");
    let mut poll = Poll::new().expect("epoll");
    let mut events = Events::with_capacity(EVENTS);
    let mut legs: Vec<UdpSocket> = (0..sockets)
        .map(|_| UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket"))
        .collect();
    for (index, leg) in legs.iter_mut().enumerate() {
        poll.registry().register(leg, Token(index), Interest::READABLE).expect("registered");
        println!("{}", leg.local_addr().expect("an address").port());
    }
    let mut packet = [0; 2000];
    loop {
        std::thread::sleep(LOOK);
        if poll.poll(&mut events, Some(Duration::ZERO)).is_err() {
            continue;
        }
        for event in &events {
            let leg = &legs[event.token().0];
            while let Ok((len, from)) = leg.recv_from(&mut packet) {
                let _ = leg.send_to(&packet[..len], from);
            }
        }
    }
}
