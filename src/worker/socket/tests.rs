//! Sockets on the running worker, over loopback.

use crate::worker::testing::on_worker;
use crate::worker::tests::eventually;
use crate::worker::{
    Closed, DatagramSocket, MediaSocket, Outcome, RoundHooks, SocketOptions, Stream, StreamLimits,
    StreamListener, StreamSender, Tick, Worker, thread,
};
use bytes::Bytes;
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn any_port(ip: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 0)
}

fn loopback() -> SocketAddr {
    any_port(Ipv4Addr::LOCALHOST)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn media(worker: &Worker) -> Rc<MediaSocket> {
    Rc::new(MediaSocket::bind(worker, loopback(), &SocketOptions::default()).expect("a free port"))
}

#[test]
fn media_goes_both_ways_over_either_family_and_what_does_not_fit_is_told() {
    on_worker(|worker| {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let options = SocketOptions { dscp: 46, recv_buffer_bytes: Some(65_536), ..Default::default() };
            let bind = || MediaSocket::bind(worker, any_port(ip), &options).map(Rc::new);
            let (left, right) = match (bind(), bind()) {
                (Ok(left), Ok(right)) => (left, right),
                (Err(error), _) | (_, Err(error)) if ip.is_ipv6() => {
                    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable, "a machine without IPv6");
                    continue;
                }
                (left, right) => panic!("{:?} {:?}", left.err(), right.err()),
            };
            let mut buffer = [0; 8];
            assert!(right.recv(&mut buffer).is_none(), "nothing came, and it does not wait");
            left.send(b"frame", right.local_addr());
            left.send(b"too long", right.local_addr());
            let first = right.recv(&mut buffer).expect("loopback delivers at once");
            assert_eq!(
                (first.from, &buffer[..first.len], first.truncated),
                (left.local_addr(), &b"frame"[..], false)
            );
            let second = right.recv(&mut buffer[..3]).expect("loopback delivers at once");
            assert_eq!((&buffer[..second.len], second.truncated), (&b"too"[..], true));
            let counters = right.counters();
            assert_eq!((counters.received, counters.truncated, counters.receive_errors), (2, 1, 0));
            assert_eq!(left.counters().sent, 2);
        }
    });
}

#[test]
fn a_favoured_peer_has_the_port_shared_with_it_and_strangers_are_still_heard() {
    on_worker(|worker| {
        let (ours, peer, other) = (media(worker), media(worker), media(worker));
        let mut buffer = [0; 16];
        let mut hear = |socket: &MediaSocket| {
            socket.recv(&mut buffer).map(|datagram| (datagram.from, buffer[..datagram.len].to_vec()))
        };
        for (favoured, stranger) in [(&peer, &other), (&other, &peer)] {
            ours.favour(favoured.local_addr()).expect("loopback has a route");
            stranger.send(b"stranger", ours.local_addr());
            favoured.send(b"peer", ours.local_addr());
            assert_eq!(hear(&ours), Some((favoured.local_addr(), b"peer".to_vec())), "its own queue first");
            assert_eq!(hear(&ours), Some((stranger.local_addr(), b"stranger".to_vec())));
            assert_eq!(hear(&ours), None);
            for to in [favoured, stranger] {
                ours.send(b"answer", to.local_addr());
                assert_eq!(hear(to), Some((ours.local_addr(), b"answer".to_vec())));
            }
        }
        let sharer = SocketOptions { reuse_port: true, ..Default::default() };
        for options in [SocketOptions::default(), sharer] {
            let refused = MediaSocket::bind(worker, ours.local_addr(), &options);
            assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
        }
        assert_eq!(ours.counters().receive_errors, 0);
    });
}

#[test]
fn a_favoured_peer_that_is_gone_is_counted_and_ends_nothing() {
    on_worker(|worker| {
        let (ours, peer, other) = (media(worker), media(worker), media(worker));
        ours.favour(peer.local_addr()).expect("loopback has a route");
        let gone = peer.local_addr();
        drop(peer);
        ours.send(b"nobody", gone);
        other.send(b"stranger", ours.local_addr());
        let mut buffer = [0; 16];
        assert_eq!(ours.recv(&mut buffer).map(|datagram| datagram.from), Some(other.local_addr()));
        assert_eq!(ours.counters().receive_errors, 1, "ICMP: port unreachable");
    });
}

#[test]
fn the_marks_of_differentiated_services_are_set_on_what_is_sent() {
    on_worker(|worker| {
        let options = SocketOptions { dscp: 46, ..Default::default() };
        let socket = MediaSocket::bind(worker, loopback(), &options).expect("a free port");
        assert_eq!(type_of_service(&socket), 46 << 2);
    });
}

/// The IP_TOS of a socket, asked of the kernel.
#[allow(unsafe_code)]
fn type_of_service(socket: &MediaSocket) -> i32 {
    use std::os::fd::AsRawFd;
    let (mut value, mut length) = (0_i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: value and length live through the call and agree.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_udp().as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_TOS,
            std::ptr::from_mut(&mut value).cast(),
            &mut length,
        )
    };
    assert_eq!(outcome, 0);
    value
}

#[test]
fn arrival_is_the_kernels_time_and_not_that_of_reading() {
    on_worker(|worker| {
        let (left, right) = (media(worker), media(worker));
        // The kernel begins to take times a while after the first socket asked for them.
        worker.sleep_until(worker.now() + millis(100));
        let mut spans = Vec::new();
        for _ in 0..3 {
            let before = worker.now();
            left.send(b"frame", right.local_addr());
            spans.push((before, worker.now()));
            worker.sleep_until(worker.now() + millis(15));
        }
        // Clocks are compared to within what a busy machine may put between two readings of them.
        let slack = millis(3);
        let mut buffer = [0; 32];
        for (before, after) in spans {
            let arrival = right.recv(&mut buffer).expect("it is there").arrival;
            assert!(arrival + slack >= before && arrival <= after + slack, "{:?}", after - before);
        }
    });
}

#[test]
fn a_datagram_to_nobody_ends_nothing() {
    on_worker(|worker| {
        let (left, gone) = (media(worker), media(worker).local_addr());
        (0..10).for_each(|_| {
            left.send(b"frame", gone);
        });
        let right = media(worker);
        left.send(b"frame", right.local_addr());
        assert!(left.recv(&mut [0; 8]).is_none());
        assert!(right.recv(&mut [0; 8]).is_some());
        let unreachable = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 9);
        left.send(b"frame", unreachable);
        assert_eq!(left.counters().send_errors, 1, "another family");
    });
}

#[test]
fn a_datagram_socket_waits_on_its_own_thread_and_is_closed_from_elsewhere() {
    on_worker(|worker| {
        let home = thread::mark();
        let socket =
            DatagramSocket::bind(worker, loopback(), &SocketOptions::default()).expect("a free port");
        let (to, closer) = (socket.local_addr(), socket.closer());
        let receiver = worker.spawn("receiver", move || {
            let mut buffer = [0; 64];
            for _ in 0..10 {
                let datagram = socket.recv(&mut buffer).expect("open");
                assert_eq!(thread::mark(), home);
                assert!(socket.send_to(&buffer[..datagram.len], datagram.from));
            }
            assert_eq!(
                socket.recv(&mut buffer).err().map(|error| error.kind()),
                Some(io::ErrorKind::ConnectionAborted)
            );
            assert_eq!(socket.counters().received, 10);
        });
        let receiver = receiver.expect("room");
        let echoed = worker.helpers().run(move || {
            let peer = UdpSocket::bind(loopback())?;
            peer.set_read_timeout(Some(PATIENCE))?;
            let mut buffer = [0; 64];
            for number in 0..10_u8 {
                peer.send_to(&[number; 20], to)?;
                let (len, from) = peer.recv_from(&mut buffer)?;
                assert_eq!((from, &buffer[..len]), (to, &[number; 20][..]));
            }
            io::Result::Ok(())
        });
        echoed.expect("a helper is free").expect("the echo comes back");
        closer.close();
        assert_eq!(receiver.join(), Outcome::Finished);
    });
}

struct CountLaps(Rc<Cell<u64>>);

impl RoundHooks for CountLaps {
    fn begin(&mut self, _: Tick) {
        self.0.set(self.0.get() + 1);
    }

    fn seal(&mut self, _: Tick) {}
}

#[test]
fn a_flood_on_a_datagram_socket_does_not_stop_the_metronome() {
    on_worker(|worker| {
        let socket =
            DatagramSocket::bind(worker, loopback(), &SocketOptions::default()).expect("a free port");
        let (to, closer) = (socket.local_addr(), socket.closer());
        let starved = Rc::new(Cell::new(false));
        let says = Rc::clone(&starved);
        let receiver = worker.spawn("flooded", move || {
            let (mut buffer, begun) = ([0; 64], Instant::now());
            socket.send_to(&[0; 60], to);
            // Each datagram brings two more, so there is never none to receive.
            while socket.recv(&mut buffer).is_ok() && !says.get() {
                let _twice = (socket.send_to(&[0; 60], to), socket.send_to(&[0; 60], to));
                says.set(begun.elapsed() > PATIENCE);
            }
        });
        let receiver = receiver.expect("room");
        let laps = Rc::new(Cell::new(0));
        let round = worker.metronome().round(CountLaps(Rc::clone(&laps)));
        let mut place = round.join();
        let before = worker.statistics();
        for _ in 0..25 {
            assert_ne!(place.until_hear().err(), Some(Closed));
            assert!(place.until_speak());
        }
        let after = worker.statistics();
        closer.close();
        assert_eq!(receiver.join(), Outcome::Finished);
        assert!(!starved.get(), "the laps were made while the flood went on");
        assert!(after.paced_turns > before.paced_turns + 25, "the socket gave way: {}", after.paced_turns);
        assert_eq!(laps.get(), 25);
    });
}

fn listener(worker: &Worker, limits: StreamLimits) -> StreamListener {
    StreamListener::bind(worker, loopback(), &SocketOptions::default(), limits).expect("a free port")
}

#[test]
fn streams_echo_and_end_with_their_peer() {
    on_worker(|worker| {
        let home = thread::mark();
        let listener = listener(worker, StreamLimits::default());
        let to = listener.local_addr();
        let server = worker.spawn("server", move || {
            let stream = listener.accept().expect("open");
            let (sender, mut buffer) = (stream.sender(), [0; 1000]);
            loop {
                let len = stream.read(&mut buffer, None).expect("the peer is well");
                assert_eq!(thread::mark(), home);
                if len == 0 {
                    break;
                }
                sender.send(Bytes::copy_from_slice(&buffer[..len])).expect("room");
            }
            drop(stream);
            assert!(sender.is_closed() && sender.send(Bytes::from_static(b"late")).is_err());
        });
        let server = server.expect("room");
        let stream = Stream::connect(
            worker,
            to,
            &SocketOptions::default(),
            StreamLimits::default(),
            worker.now() + PATIENCE,
        )
        .expect("somebody listens");
        assert_eq!(stream.peer_addr(), to);
        let (sender, mut buffer) = (stream.sender(), [0; 1000]);
        for number in 0..50_u8 {
            sender.send(Bytes::from(vec![number; 300])).expect("room");
            let mut got = 0;
            while got < 300 {
                got += stream.read(&mut buffer[got..], Some(worker.now() + PATIENCE)).expect("the echo");
                assert_eq!(thread::mark(), home);
            }
            assert_eq!(buffer[..300], [number; 300]);
        }
        let idle = stream.read(&mut buffer, Some(worker.now() + millis(3)));
        assert_eq!(idle.err().map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
        sender.close();
        assert_eq!(server.join(), Outcome::Finished);
        let closed = stream.read(&mut buffer, None);
        assert!(closed.is_err());
    });
}

#[test]
fn connecting_to_nobody_is_an_error() {
    on_worker(|worker| {
        let to = listener(worker, StreamLimits::default()).local_addr();
        let outcome = Stream::connect(
            worker,
            to,
            &SocketOptions::default(),
            StreamLimits::default(),
            worker.now() + PATIENCE,
        );
        assert_eq!(outcome.err().map(|error| error.kind()), Some(io::ErrorKind::ConnectionRefused));
    });
}

/// Sends until neither the kernel nor the queue takes any more, and says how much they took.
fn fill(worker: &Worker, sender: &StreamSender) -> usize {
    let mut taken = 0;
    loop {
        let before = taken;
        while sender.send(Bytes::from(vec![7; 1000])).is_ok() {
            taken += 1000;
            assert!(taken < 100_000_000, "the queue is bounded");
        }
        if taken == before {
            return taken;
        }
        worker.sleep_until(worker.now() + millis(30));
    }
}

#[test]
fn a_slow_reader_costs_its_bound_gets_all_that_was_taken_and_is_cut_off_when_it_stalls() {
    on_worker(|worker| {
        let limits =
            StreamLimits { write_queue_bytes: 100_000, write_stall: millis(300), ..Default::default() };
        let options = SocketOptions { send_buffer_bytes: Some(16_384), ..Default::default() };
        let listener = StreamListener::bind(worker, loopback(), &options, limits).expect("a free port");
        for peer_reads in [true, false] {
            let mut peer = TcpStream::connect(listener.local_addr()).expect("it listens");
            let stream = listener.accept().expect("open");
            let sender = stream.sender();
            let taken = fill(worker, &sender);
            assert!(sender.queued_bytes() <= 100_000 && sender.queued_bytes() > 98_000);
            assert!(!sender.is_closed());
            if peer_reads {
                sender.close();
                let read = worker.helpers().run(move || {
                    peer.set_read_timeout(Some(PATIENCE))?;
                    let mut all = Vec::new();
                    peer.read_to_end(&mut all)
                });
                assert_eq!(read.expect("a helper is free").expect("it comes to an end"), taken);
            } else {
                let end = stream.read(&mut [0; 10], Some(worker.now() + PATIENCE));
                assert_ne!(end.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
                assert!(sender.is_closed());
                assert_eq!(sender.queued_bytes(), 0);
            }
        }
    });
}

#[test]
fn a_listener_refuses_more_than_its_bound_and_takes_new_ones_when_old_ones_end() {
    on_worker(|worker| {
        let listener = Rc::new(listener(worker, StreamLimits { max_streams: 2, ..Default::default() }));
        let (to, closer, accepting) = (listener.local_addr(), listener.closer(), Rc::clone(&listener));
        let (sender, accepted) = worker.inbox(10);
        let server = worker.spawn("accepting", move || {
            while let Ok(stream) = accepting.accept() {
                sender.send(stream).expect("room");
            }
        });
        let server = server.expect("room");
        let mut peers: Vec<_> = (0..3).map(|_| TcpStream::connect(to).expect("it listens")).collect();
        let first = accepted.recv().expect("accepted");
        let _second = accepted.recv().expect("accepted");
        eventually(worker, "the third is refused", || listener.refused() == 1);
        let third = worker.helpers().run({
            let mut third = peers.pop().expect("three");
            move || third.read(&mut [0; 8])
        });
        assert!(matches!(third, Ok(Ok(0) | Err(_))), "it was closed");
        drop(first);
        eventually(worker, "the first is gone", || listener.alive() == 1);
        let mut fourth = TcpStream::connect(to).expect("it listens");
        let stream = accepted.recv().expect("accepted");
        fourth.write_all(b"hello").expect("it is open");
        let mut buffer = [0; 8];
        assert_eq!(stream.read(&mut buffer, Some(worker.now() + PATIENCE)).ok(), Some(5));
        closer.close();
        assert_eq!(server.join(), Outcome::Finished);
    });
}

#[test]
fn the_writers_coroutine_ends_with_its_connection() {
    on_worker(|worker| {
        let before = worker.statistics().coroutines_alive;
        let listener = listener(worker, StreamLimits::default());
        for _ in 0..10 {
            let peer = TcpStream::connect(listener.local_addr()).expect("it listens");
            let stream = listener.accept().expect("open");
            drop(peer);
            assert_eq!(stream.read(&mut [0; 10], Some(worker.now() + PATIENCE)).ok(), Some(0));
        }
        eventually(worker, "all writers have ended", || worker.statistics().coroutines_alive == before);
        assert_eq!(listener.alive(), 0);
    });
}
