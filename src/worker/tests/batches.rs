//! Media sockets served side by side: gathered before the laps, handed over after them.

use super::eventually;
use super::laps::logged_round;
use crate::worker::batch::WINDOW;
use crate::worker::socket::MAX_DATAGRAM_BYTES;
use crate::worker::testing::on_worker;
use crate::worker::{MediaSocket, Outcome, Round, SocketOptions, Task, Worker};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

fn media(worker: &Worker) -> Rc<MediaSocket> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Rc::new(MediaSocket::bind(worker, loopback, &SocketOptions::default()).expect("a free port"))
}

/// A peer outside the worker.
fn peer() -> UdpSocket {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    peer.set_nonblocking(true).expect("a socket can");
    peer
}

/// What has come to a peer.
fn received(peer: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 64];
    std::iter::from_fn(|| peer.recv(&mut buffer).ok().map(|len| buffer[..len][0])).collect()
}

/// A member that in each lap answers every datagram with the same, plus 100, until it is stopped.
fn echo(worker: &Worker, round: &Rc<Round>, socket: &Rc<MediaSocket>, stop: &Rc<Cell<bool>>) -> Task {
    let (mut place, socket, stop) = (round.join(), Rc::clone(socket), Rc::clone(stop));
    place.receives_on(&socket);
    let body = move || {
        let mut buffer = [0; 64];
        while !stop.get() {
            place.until_hear().expect("open");
            let mut heard = Vec::new();
            while let Some(datagram) = socket.recv(&mut buffer) {
                heard.push((buffer[0], datagram.from));
            }
            place.until_speak();
            heard.iter().for_each(|&(number, from)| socket.send(&[number + 100], from));
        }
    };
    worker.spawn("echo", body).expect("room")
}

/// Rounds of so many members, each of whom echoes what a peer of its own sends; all comes back, in order and once.
fn all_is_echoed(members: usize, rounds: usize) {
    on_worker(move |worker| {
        let before = worker.statistics();
        let (stop, mut pairs) = (Rc::default(), Vec::new());
        let rounds: Vec<_> = (0..rounds).map(|_| logged_round(worker).0).collect();
        for member in 0..members * rounds.len() {
            let (socket, peer) = (media(worker), peer());
            if member % 2 == 0 {
                socket.favour(peer.local_addr().expect("bound")).expect("loopback has a route");
            }
            peer.connect(socket.local_addr()).expect("loopback has a route");
            pairs.push((echo(worker, &rounds[member / members], &socket, &stop), peer, Vec::new()));
        }
        for number in 0..5_u8 {
            for (_, peer, _) in &pairs {
                peer.send(&[2 * number]).expect("room");
                peer.send(&[2 * number + 1]).expect("room");
            }
            worker.sleep_until(worker.now() + worker.metronome().frame());
        }
        for (_, peer, echoes) in &mut pairs {
            eventually(worker, "all is echoed", || {
                echoes.extend(received(peer));
                echoes.len() >= 10
            });
        }
        stop.set(true);
        for (task, peer, echoes) in &mut pairs {
            assert_eq!(task.join(), Outcome::Finished);
            echoes.extend(received(peer));
            assert_eq!(*echoes, (100..110).collect::<Vec<_>>());
        }
        assert_eq!(worker.statistics().gathered_lost, before.gathered_lost);
    });
}

#[test]
fn what_comes_to_small_rounds_in_one_slot_is_heard_and_answered() {
    all_is_echoed(3, 40);
}

#[test]
fn what_comes_to_a_round_of_several_windows_is_heard_and_answered() {
    all_is_echoed(2 * WINDOW + 7, 1);
}

#[test]
fn what_came_for_a_lap_that_is_not_made_is_counted_as_lost_and_nothing_after_it() {
    on_worker(|worker| {
        let before = worker.statistics().gathered_lost;
        let round = logged_round(worker).0;
        let stop = Rc::default();
        let goes_on = echo(worker, &round, &media(worker), &stop);
        let (socket, peer) = (media(worker), peer());
        let mut place = round.join();
        place.receives_on(&socket);
        place.until_hear().expect("open");
        place.until_speak();
        peer.send_to(b"1", socket.local_addr()).expect("room");
        place.until_hear().expect("open");
        // The lap goes by without a look at the socket.
        place.until_speak();
        peer.send_to(b"2", socket.local_addr()).expect("room");
        place.until_hear().expect("open");
        let mut buffer = [0; 64];
        assert!(socket.recv(&mut buffer).is_some());
        assert_eq!(buffer[0], b'2');
        assert_eq!(worker.statistics().gathered_lost, before + 1);
        drop(place);
        stop.set(true);
        assert_eq!(goes_on.join(), Outcome::Finished);
    });
}

#[test]
fn what_is_too_long_to_wait_for_its_window_is_sent_at_once_and_the_rest_in_order() {
    on_worker(|worker| {
        let (round, socket) = (logged_round(worker).0, media(worker));
        let mut buffer = vec![0; 2 * MAX_DATAGRAM_BYTES];
        let peer = peer();
        let to = peer.local_addr().expect("bound");
        let mut place = round.join();
        place.until_hear().expect("open");
        socket.send(b"short", to);
        assert!(peer.recv(&mut buffer).is_err(), "it waits for the others of its window");
        socket.send(&[7; MAX_DATAGRAM_BYTES + 1], to);
        assert_eq!(peer.recv(&mut buffer).ok(), Some(MAX_DATAGRAM_BYTES + 1));
        place.until_speak();
        worker.sleep_until(worker.now() + Duration::from_millis(1));
        assert_eq!(peer.recv(&mut buffer).ok(), Some(5));
        assert_eq!(socket.counters().sent, 2);
        socket.send(b"between laps", to);
        assert_eq!(peer.recv(&mut buffer).ok(), Some(12), "outside a slot all is sent at once");
    });
}
