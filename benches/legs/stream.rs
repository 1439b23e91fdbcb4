//! One leg as the load sees it: the packets that it sends, and what comes back.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;

use antiphon::audio::{Decoder, SampleRate};

use crate::caller::Call;
use crate::codec::Codec;
use crate::hearing::{self, FRAME_SAMPLES, Judgement, WINDOW_SAMPLES};
use crate::voice::Voice;

/// How long a packet stands for.
pub const FRAME: Duration = Duration::from_millis(20);
const HEADER_OCTETS: usize = 12;
/// What comes later than this after a burst is another one's.
const MOST_LATENCY: Duration = Duration::from_millis(500);

/// What a leg listens for.
#[derive(Clone, Debug)]
pub enum Ear {
    /// Nothing.
    Deaf,
    /// These tones, and that its own is not there; in hertz.
    Tones { wanted: Vec<f64>, own: Option<f64> },
    /// The burst that began at this moment.
    Bursts { began: Rc<Cell<Option<Instant>>> },
}

/// Who a leg is in its room.
#[derive(Clone, Debug)]
pub struct Role {
    pub codec: Codec,
    pub voice: Voice,
    /// Where it notes the moment at which its loop begins.
    pub begins: Option<Rc<Cell<Option<Instant>>>>,
    pub ear: Ear,
}

/// What has come back since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub packets: u64,
    /// Numbers that were left out.
    pub lost: u64,
    /// Packets with a number that had been passed.
    pub stale: u64,
    /// How far from 20 ms packets were apart, by whole ms; the last entry holds all above.
    pub deviations: Vec<u64>,
    pub longest_gap: Duration,
    pub windows: Vec<Judgement>,
    /// From a talker's mouth to this leg's ear, less the packet's own length.
    pub latencies: Vec<Duration>,
}

pub struct Stream {
    socket: UdpSocket,
    server: SocketAddr,
    role: Role,
    decoder: Decoder,
    packet: Vec<u8>,
    /// Frames that it has lived; in a pause nothing is sent.
    frames: u32,
    sent: u16,
    expected: Option<u16>,
    last: Option<Instant>,
    window: Vec<i16>,
    received: Received,
}

impl Stream {
    /// A stream of its own socket, for the echo.
    pub fn to(index: usize, server: SocketAddr) -> Stream {
        let voice = Voice::from([vec![0xff; FRAME_SAMPLES]]);
        let role = Role { codec: Codec::Pcmu, voice, begins: None, ear: Ear::Deaf };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        Stream::new(index, socket, server, role)
    }

    /// The streams of established calls.
    pub fn of_calls(calls: &[(usize, Call)], roles: Vec<Role>) -> Vec<Stream> {
        let socket = |call: &Call| call.media.try_clone().expect("a second handle");
        let stream =
            |((leg, call), role): (&(usize, Call), Role)| Stream::new(*leg, socket(call), call.rtp, role);
        calls.iter().zip(roles).map(stream).collect()
    }

    fn new(index: usize, socket: std::net::UdpSocket, server: SocketAddr, role: Role) -> Stream {
        socket.set_nonblocking(true).expect("non-blocking");
        let mut packet = vec![0; HEADER_OCTETS];
        (packet[0], packet[1]) = (0x80, role.codec.payload_type());
        packet[8..12].copy_from_slice(&(index as u32 + 1).to_be_bytes());
        Stream {
            socket: UdpSocket::from_std(socket),
            server,
            decoder: Decoder::new(&role.codec.format(SampleRate::Hz8000)).expect("a decoder"),
            role,
            packet,
            frames: 0,
            sent: 0,
            expected: None,
            last: None,
            window: Vec::with_capacity(WINDOW_SAMPLES),
            received: Received::default(),
        }
    }

    /// Gives what it has received since it was last asked; a window that has begun begins again.
    pub fn take_received(&mut self) -> Received {
        self.window.clear();
        std::mem::take(&mut self.received)
    }

    /// To be asked whether something has come.
    pub fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Sends its next packet, if there is one in this frame.
    pub fn send(&mut self) -> bool {
        let place = self.frames as usize % self.role.voice.len();
        let timestamp = self.frames.wrapping_mul(self.role.codec.packet_units());
        self.frames = self.frames.wrapping_add(1);
        let payload = &self.role.voice[place];
        if payload.is_empty() {
            return false;
        }
        self.packet[2..4].copy_from_slice(&self.sent.to_be_bytes());
        self.packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        self.packet.truncate(HEADER_OCTETS);
        self.packet.extend_from_slice(payload);
        self.sent = self.sent.wrapping_add(1);
        if let Some(begins) = self.role.begins.as_ref().filter(|_| place == 0) {
            begins.set(Some(Instant::now()));
        }
        self.socket.send_to(&self.packet, self.server).is_ok()
    }

    /// Takes what has come by `now`.
    pub fn drain(&mut self, now: Instant) {
        let mut packet = [0; 2000];
        while let Ok(len) = self.socket.recv(&mut packet) {
            // The RTCP of another leg comes here when that leg's RTP port is the one below ours (RFC 5761 §4).
            let is_rtcp = (72..=76).contains(&(packet[1] & 0x7f));
            if len > HEADER_OCTETS && !is_rtcp {
                self.take(now, &packet[..len]);
            }
        }
    }

    fn take(&mut self, now: Instant, packet: &[u8]) {
        let received = &mut self.received;
        received.packets += 1;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ahead = self.expected.map_or(0, |expected| sequence.wrapping_sub(expected));
        if ahead >= 0x8000 {
            received.stale += 1;
            return;
        }
        received.lost += u64::from(ahead);
        self.expected = Some(sequence.wrapping_add(1));
        if let Some(last) = self.last.replace(now) {
            let apart = now - last;
            let deviation = apart.abs_diff(FRAME).as_millis() as usize;
            received.deviations.resize(100, 0);
            received.deviations[deviation.min(99)] += 1;
            received.longest_gap = received.longest_gap.max(apart);
        }
        if !matches!(self.role.ear, Ear::Deaf) {
            self.listen(now, &packet[HEADER_OCTETS..]);
        }
    }

    fn listen(&mut self, now: Instant, payload: &[u8]) {
        let mut samples = vec![0; self.decoder.max_samples()];
        let len = self.decoder.decode(payload, &mut samples).expect("the server sends what was agreed");
        let frame = &samples[..len];
        match &self.role.ear {
            Ear::Deaf => {}
            Ear::Tones { wanted, own } => {
                self.window.extend_from_slice(frame);
                if self.window.len() >= WINDOW_SAMPLES {
                    let judgement = hearing::judge(&self.window[..WINDOW_SAMPLES], wanted, *own);
                    self.received.windows.push(judgement);
                    self.window.clear();
                }
            }
            Ear::Bursts { began } => {
                let Some(onset) = hearing::onset(frame) else { return };
                let offset = FRAME * onset as u32 / FRAME_SAMPLES as u32;
                if let Some(began) = began.take() {
                    let latency = (now + offset).duration_since(began);
                    self.received.latencies.extend((latency < MOST_LATENCY).then_some(latency));
                }
            }
        }
    }
}
