//! The calls: all talkers and listeners at once, sent for by one thread and listened for by another.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use antiphon::rtp::{Header, SequenceNumber, Ssrc, Timestamp};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::caller::{Call, Caller};
use crate::clock::wait_until;
use crate::codec::{Codec, FRAME_MS};
use crate::process;
use crate::statistics;

const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// By how much listeners begin before talkers.
const LISTEN_FIRST: Duration = Duration::from_millis(500);
/// What is still under way when the last packet has left.
const LINGER: Duration = Duration::from_millis(500);
/// Talkers are spread over the frame by the golden ratio, so that any few of them are spread evenly, also against a server that
/// gives one room after the other the next quarter of its frame.
const SPREAD: f64 = 0.618_033_988_75;
/// How often a call that is answered 503 is tried again, once a second, as it may.
const TRIES: usize = 5;
/// A send later than this disturbs what is measured.
const LATE_MS: f64 = 10.0;

/// What came to one leg, and when.
pub type Datagrams = Vec<(Instant, Vec<u8>)>;

/// Encoded audio.
pub type Payloads = Arc<Vec<Vec<u8>>>;

/// One room: talkers who say their parts of one talk, and some listeners.
pub struct Room {
    pub user: String,
    pub codec: Codec,
    pub listeners: usize,
    /// Of each talker.
    pub talks: Vec<Payloads>,
    /// What a listener says: silence, in a loop.
    pub silence: Payloads,
    /// When each packet of a talk leaves, after the talk's beginning.
    pub departures: Vec<(Duration, usize)>,
    /// When one more, who is silent, is in the room, after the talk's beginning.
    pub stays: Vec<Range<Duration>>,
}

/// What the members of one room got, and when the first packet of its talk was due.
pub struct Recorded {
    pub began: Instant,
    pub talkers: Vec<Datagrams>,
    pub listeners: Vec<Datagrams>,
}

impl Room {
    fn legs(&self) -> usize {
        self.talks.len() + self.listeners
    }
}

/// Lets all rooms talk until their last packet; to be run on a thread of its own, that it may pin and prefer.
pub fn hold(server: SocketAddr, rooms: &[Room]) -> Result<Vec<Recorded>, String> {
    process::pin_load();
    let mut caller = Caller::new(server);
    let mut calls = Vec::new();
    for room in rooms {
        for _ in 0..room.legs() {
            calls.push(dial(&mut caller, room)?);
        }
    }
    let sockets = calls.iter().map(|call| call.media.try_clone()).collect::<io::Result<Vec<_>>>();
    let ears = Ears::open(sockets.map_err(|error| error.to_string())?);
    let (begins, late) = send(server, rooms, &calls);
    std::thread::sleep(LINGER);
    let mut heard = ears.close().into_iter();
    for call in &calls {
        caller.hang_up(call).unwrap_or_else(|answer| eprintln!("a call had ended: {answer}"));
    }
    eprintln!("the calls' own packets were late: p99 {:.2} ms, at most {:.2} ms", late.0, late.1);
    if late.1 > LATE_MS {
        eprintln!("warning: that disturbs what is measured; run it again on a quiet machine");
    }
    let recorded = rooms.iter().zip(begins).map(|(room, began)| {
        let talkers = heard.by_ref().take(room.talks.len()).collect();
        Recorded { began, talkers, listeners: heard.by_ref().take(room.listeners).collect() }
    });
    Ok(recorded.collect())
}

fn dial(caller: &mut Caller, room: &Room) -> Result<Call, String> {
    let mut answer = caller.dial(&room.user, &room.codec.formats());
    for _ in 0..TRIES {
        if answer.as_ref().is_err_and(|refusal| refusal.contains(" 503 ")) {
            std::thread::sleep(Duration::from_secs(1));
            answer = caller.dial(&room.user, &room.codec.formats());
        }
    }
    let call = answer.map_err(|refusal| format!("{} was refused:\n{refusal}", room.user))?;
    let agreed = format!("RTP/AVP {}", room.codec.payload_type());
    if call.answer.contains(&agreed) { Ok(call) } else { Err(format!("another codec:\n{}", call.answer)) }
}

/// One stream's numbers.
struct Stream<'a> {
    call: &'a Call,
    codec: Codec,
    payloads: &'a [Vec<u8>],
    ssrc: Ssrc,
}

impl Stream<'_> {
    fn send(&self, number: usize) {
        let header = Header {
            sequence: SequenceNumber((number as u16).wrapping_add(self.ssrc.0 as u16)),
            timestamp: Timestamp((number as u32).wrapping_mul(self.codec.packet_units())),
            ssrc: self.ssrc,
            marker: number == 0,
            payload_type: self.codec.payload_type(),
        };
        let payload = &self.payloads[number % self.payloads.len()];
        let mut packet = vec![0; 12];
        header.write(&mut packet);
        packet.extend_from_slice(payload);
        let _ = self.call.media.send_to(&packet, self.call.rtp);
    }
}

/// Sends everything at its time; when each room's talk began, and how late packets were in ms: 99 %, and at most.
fn send(server: SocketAddr, rooms: &[Room], calls: &[Call]) -> (Vec<Instant>, (f64, f64)) {
    let (mut streams, mut plan, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let phase = |turn: usize| FRAME.mul_f64((turn as f64 * SPREAD).fract());
    let legs =
        rooms.iter().enumerate().flat_map(|(turn, room)| (0..room.legs()).map(move |leg| (turn, room, leg)));
    for (index, ((turn, room, leg), call)) in legs.zip(calls).enumerate() {
        // All talkers of a room speak at one moment of the frame: what they say is one talk.
        let begin = LISTEN_FIRST + phase(turn);
        if leg == 0 {
            offsets.push(begin);
        }
        let end = room.departures.last().map_or(Duration::ZERO, |(at, _)| *at) + LISTEN_FIRST + LINGER;
        let payloads = if let Some(talk) = room.talks.get(leg) {
            plan.extend(room.departures.iter().map(|(at, number)| (begin + *at, index, *number)));
            talk
        } else {
            let packets = (end.as_millis() / FRAME.as_millis()) as usize;
            plan.extend((0..packets).map(|number| (phase(index) + FRAME * number as u32, index, number)));
            &room.silence
        };
        streams.push(Stream { call, codec: room.codec, payloads, ssrc: Ssrc(index as u32 * 7919 + 1) });
    }
    plan.sort();
    let start = Instant::now() + Duration::from_millis(50);
    let begins: Vec<Instant> = offsets.into_iter().map(|offset| start + offset).collect();
    let mut late_ms = Vec::with_capacity(plan.len());
    std::thread::scope(|scope| {
        for (room, began) in rooms.iter().zip(&begins).filter(|(room, _)| !room.stays.is_empty()) {
            scope.spawn(|| visit(server, room, *began));
        }
        for (at, stream, number) in plan {
            wait_until(start + at);
            late_ms.push((start + at).elapsed().as_secs_f64() * 1e3);
            streams[stream].send(number);
        }
    });
    let late = |percent| statistics::percentile(late_ms.iter().copied(), percent).unwrap_or_default();
    (begins, (late(99), late(100)))
}

/// One more comes and goes, as the room has it.
fn visit(server: SocketAddr, room: &Room, began: Instant) {
    let mut caller = Caller::new(server);
    for stay in &room.stays {
        wait_until(began + stay.start);
        let call = dial(&mut caller, room).expect("a visitor is let in");
        let stream = Stream { call: &call, codec: room.codec, payloads: &room.silence, ssrc: Ssrc(1) };
        let arrived = Instant::now();
        let packets = ((began + stay.end - arrived).as_millis() / FRAME.as_millis()) as u32;
        for number in 0..packets {
            wait_until(arrived + FRAME * number);
            stream.send(number as usize);
        }
        caller.hang_up(&call).expect("a visitor may leave");
    }
}

/// The thread that takes what comes.
struct Ears {
    open: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<Datagrams>>,
}

impl Ears {
    fn open(sockets: Vec<std::net::UdpSocket>) -> Ears {
        let open = Arc::new(AtomicBool::new(true));
        let listens = Arc::clone(&open);
        Ears { open, thread: std::thread::spawn(move || listen(sockets, &listens)) }
    }

    fn close(self) -> Vec<Datagrams> {
        self.open.store(false, Ordering::Relaxed);
        self.thread.join().expect("the ears are well")
    }
}

fn listen(sockets: Vec<std::net::UdpSocket>, open: &AtomicBool) -> Vec<Datagrams> {
    let mut poll = Poll::new().expect("epoll");
    let mut events = Events::with_capacity(1024);
    let mut heard = vec![Vec::new(); sockets.len()];
    let mut register = |(index, socket): (usize, std::net::UdpSocket)| {
        socket.set_nonblocking(true).expect("non-blocking");
        let mut socket = UdpSocket::from_std(socket);
        poll.registry()
            .register(&mut socket, Token(index), Interest::READABLE)
            .expect("a socket is registered");
        socket
    };
    let sockets: Vec<UdpSocket> = sockets.into_iter().enumerate().map(&mut register).collect();
    let mut datagram = [0; 2000];
    while open.load(Ordering::Relaxed) {
        if poll.poll(&mut events, Some(Duration::from_millis(50))).is_err() {
            continue;
        }
        for event in &events {
            let index = event.token().0;
            while let Ok(len) = sockets[index].recv(&mut datagram) {
                heard[index].push((Instant::now(), datagram[..len].to_vec()));
            }
        }
    }
    heard
}
