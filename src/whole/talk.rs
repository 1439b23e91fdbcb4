//! Callers that talk: RTP of all of them paced by one thread, and everything that comes back to them.
//!
//! The pacer is late when the machine is busy; then it catches up, and notes its own lateness, so that a test does not
//! blame the server for it.

use crate::caller::Call;
use crate::hearing::{RATE, Samples};
use crate::redundancy::{RED, Redundancy};
use antiphon::audio::SampleRate;
use antiphon::audio::g722::{G722Decoder, G722Encoder};
use antiphon::audio::resample::Resampler;
use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A packet behind its time by this much is noted.
const LATE: Duration = Duration::from_millis(3);
/// Payload type of telephone-event in our offers.
const EVENT: u8 = 101;
/// How long a key is held.
const KEY_MS: u32 = 160;
/// RFC 4733 §2.5.1.4: the last packet of an event is sent three times.
const EVENT_ENDS: u32 = 3;

/// The companding law of G.711, or G.722, which has as many octets in as much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    Mu,
    A,
    G722,
}

impl Law {
    /// The rest of an `m=` line that offers this law, packets of `packet_ms`, and telephone-event.
    pub fn formats(self, packet_ms: u32) -> String {
        let (number, name) = match self {
            Law::Mu => (0, "PCMU"),
            Law::A => (8, "PCMA"),
            Law::G722 => (9, "G722"),
        };
        format!(
            "{number} {EVENT}\r\na=rtpmap:{number} {name}/8000\r\na=rtpmap:{EVENT} telephone-event/8000\r\n\
             a=fmtp:{EVENT} 0-16\r\na=ptime:{packet_ms}\r\n"
        )
    }

    fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
            Law::G722 => 9,
        }
    }

    /// The octet of no sound.
    fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xff,
            Law::A => 0xd5,
            Law::G722 => 0xfd,
        }
    }

    /// An octet for each sample; the whole is a loop, so a codec with a memory begins as it ends.
    fn encode(self, samples: &[f32]) -> Vec<u8> {
        let linear = samples.iter().map(|sample| (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16);
        match self {
            Law::Mu => linear.map(encode_ulaw).collect(),
            Law::A => linear.map(encode_alaw).collect(),
            Law::G722 => {
                let twice: Vec<i16> = linear.clone().chain(linear).collect();
                let mut wide = resampled(&twice, SampleRate::Hz8000, SampleRate::Hz16000);
                wide.resize(2 * twice.len(), 0);
                let mut octets = vec![0; twice.len()];
                G722Encoder::default().encode(&wide, &mut octets);
                octets.split_off(samples.len())
            }
        }
    }

    /// A sample for each octet.
    fn decode(self, octets: &[u8]) -> Samples {
        let linear: Vec<i16> = match self {
            Law::Mu => octets.iter().map(|octet| decode_ulaw(*octet)).collect(),
            Law::A => octets.iter().map(|octet| decode_alaw(*octet)).collect(),
            Law::G722 => {
                let mut wide = vec![0; 2 * octets.len()];
                G722Decoder::default().decode(octets, &mut wide);
                let mut narrow = resampled(&wide, SampleRate::Hz16000, SampleRate::Hz8000);
                narrow.resize(octets.len(), 0);
                narrow
            }
        };
        linear.into_iter().map(|sample| f32::from(sample) / 32768.0).collect()
    }
}

fn resampled(samples: &[i16], from: SampleRate, to: SampleRate) -> Vec<i16> {
    let (mut resampler, mut out, mut all) = (Resampler::new(from, to), vec![0; to.samples(20)], Vec::new());
    for frame in samples.chunks(from.samples(20)) {
        let len = resampler.process(frame, &mut out);
        all.extend_from_slice(&out[..len]);
    }
    all
}

/// A packet that came.
#[derive(Clone)]
pub struct Received {
    pub at: Instant,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

/// The keys that are pressed.
#[derive(Default)]
struct Keys {
    waiting: VecDeque<char>,
    /// The event being sent: key, its timestamp, packets so far.
    event: Option<(char, u32, u32)>,
}

/// One caller's media.
pub struct Talker {
    socket: UdpSocket,
    server: SocketAddr,
    /// What it says, over and over; as encoded.
    speech: Vec<u8>,
    law: Law,
    packet_ms: u32,
    /// Whether it sends at all.
    pub sends: bool,
    began: Instant,
    packets_due: u32,
    sequence: u16,
    first_timestamp: u32,
    keys: Keys,
    redundancy: Option<Redundancy>,
    heard: Vec<Received>,
    reports: Vec<Vec<u8>>,
    late: Vec<(Instant, Duration)>,
}

impl Talker {
    /// Talks in a call that was dialled with [`Law::formats`].
    pub fn new(call: &Call, law: Law, packet_ms: u32, speech: &Samples) -> Talker {
        let socket = call.media.try_clone().expect("a second handle");
        socket.set_nonblocking(true).expect("non-blocking");
        let port = socket.local_addr().expect("an address").port();
        Talker {
            socket,
            server: call.rtp,
            speech: law.encode(speech),
            law,
            packet_ms,
            sends: true,
            began: Instant::now(),
            packets_due: 0,
            sequence: port,
            first_timestamp: u32::from(port) << 16,
            keys: Keys::default(),
            redundancy: None,
            heard: Vec::new(),
            reports: Vec::new(),
            late: Vec::new(),
        }
    }

    /// From now on its packets have copies, and some of them are lost.
    pub fn redundantly(mut self) -> Talker {
        self.redundancy = Some(Redundancy::new());
        self
    }

    /// How many packets with copies have come, and how many copies were as they should be.
    pub fn redundancy(&self) -> (usize, usize) {
        self.redundancy.as_ref().map_or((0, 0), |redundancy| (redundancy.came, redundancy.right))
    }

    /// What it says, as the law leaves it.
    pub fn speech(&self) -> Samples {
        self.law.decode(&self.speech)
    }

    /// The packets of what it says, which is over and over the same ones if it is of whole packets.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.speech.chunks(self.samples() as usize).map(<[u8]>::to_vec).collect()
    }

    /// Its next packet is lost.
    pub fn lose(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets_due += 1;
    }

    /// Says something else from now on.
    pub fn say(&mut self, speech: &Samples) {
        self.speech = self.law.encode(speech);
    }

    /// Sends and expects the other law from now on.
    pub fn change_law(&mut self, law: Law) {
        let speech = self.speech();
        self.law = law;
        self.say(&speech);
    }

    /// Presses keys, one after the other.
    pub fn press(&mut self, keys: &str) {
        self.keys.waiting.extend(keys.chars());
    }

    /// The RTCP that came on its RTP port.
    pub fn reports(&self) -> Vec<Vec<u8>> {
        self.reports.clone()
    }

    /// Sends bytes of the test's own to where its RTP goes.
    pub fn send_raw(&self, bytes: &[u8]) {
        let _ = self.socket.send_to(bytes, self.server);
    }

    /// Its source.
    pub fn ssrc(&self) -> u32 {
        self.first_timestamp >> 16 | 0x5eed_0000
    }

    /// Goes on from another socket, as after a change of address.
    pub fn move_to(&mut self, socket: UdpSocket) {
        socket.set_nonblocking(true).expect("non-blocking");
        self.socket = socket;
    }

    fn samples(&self) -> u32 {
        self.packet_ms * RATE as u32 / 1000
    }

    fn due(&self) -> Instant {
        self.began + Duration::from_millis(u64::from(self.packet_ms)) * self.packets_due
    }

    /// Where in its speech it is at `at`.
    fn position(&self, at: Instant) -> usize {
        let said = at.saturating_duration_since(self.began).as_millis() as usize * RATE / 1000;
        said % self.speech.len()
    }

    fn drain(&mut self) {
        let mut buffer = [0; 2000];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            let packet = &buffer[..len];
            if len < 12 || packet[0] >> 6 != 2 {
                continue;
            }
            if (192..=223).contains(&packet[1]) {
                self.reports.push(packet.to_vec()); // RFC 5761 §4: RTCP
                continue;
            }
            let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four bytes"));
            let received = Received {
                at: Instant::now(),
                payload_type: packet[1] & 0x7f,
                sequence: u16::from_be_bytes([packet[2], packet[3]]),
                timestamp: word(4),
                ssrc: word(8),
                payload: packet[12..].to_vec(),
            };
            let received = match &mut self.redundancy {
                Some(redundancy) => redundancy.open(received, self.heard.last()),
                None => received,
            };
            self.heard.push(received);
        }
    }

    fn send(&mut self, now: Instant) {
        let lateness = now.saturating_duration_since(self.due());
        if lateness > LATE && self.sends {
            self.late.push((now, lateness));
        }
        let said = self.packets_due.wrapping_mul(self.samples());
        self.packets_due += 1;
        if !self.sends {
            return;
        }
        let timestamp = self.first_timestamp.wrapping_add(said);
        let (marker, payload_type, timestamp, payload) = match self.event_payload(timestamp) {
            Some((marker, started, payload)) => (marker, EVENT, started, payload),
            None => {
                let at = said as usize % self.speech.len();
                let speech = self.speech.iter().cycle().skip(at);
                (
                    false,
                    self.law.payload_type(),
                    timestamp,
                    speech.take(self.samples() as usize).copied().collect(),
                )
            }
        };
        let (payload_type, payload) = match &mut self.redundancy {
            Some(redundancy) if payload_type != EVENT => (RED, redundancy.carry(&payload)),
            _ => (payload_type, Some(payload)),
        };
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc().to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        let Some(payload) = payload else { return };
        packet.extend(payload);
        let _ = self.socket.send_to(&packet, self.server);
    }

    /// RFC 4733 §2.3: key, end bit and volume, duration so far.
    fn event_payload(&mut self, timestamp: u32) -> Option<(bool, u32, Vec<u8>)> {
        let held_packets = KEY_MS / self.packet_ms;
        let Keys { waiting, event } = &mut self.keys;
        if event.is_none() {
            *event = Some((waiting.pop_front()?, timestamp, 0));
        }
        let (key, started, sent) = event.as_mut()?;
        *sent += 1;
        let code = "0123456789*#ABCD".find(*key).expect("a key") as u8;
        let held = (*sent).min(held_packets);
        let end = u8::from(*sent >= held_packets) << 7;
        let duration = (held * self.packet_ms * RATE as u32 / 1000) as u16;
        let payload = vec![code, end | 10, (duration >> 8) as u8, duration as u8];
        let whole = (*sent == 1, *started, payload);
        if *sent == held_packets + EVENT_ENDS - 1 {
            self.keys.event = None;
        }
        Some(whole)
    }
}

/// The callers of a scene, and the thread that lets them talk.
pub struct Stage {
    talkers: Arc<Mutex<Vec<Talker>>>,
    open: Arc<AtomicBool>,
    pacer: Option<JoinHandle<()>>,
}

impl Stage {
    /// Nobody yet.
    pub fn new() -> Stage {
        let talkers: Arc<Mutex<Vec<Talker>>> = Arc::default();
        let open = Arc::new(AtomicBool::new(true));
        let (paced, runs) = (Arc::clone(&talkers), Arc::clone(&open));
        let pacer = std::thread::spawn(move || pace(&paced, &runs));
        Stage { talkers, open, pacer: Some(pacer) }
    }

    /// Someone begins to talk; returns its number.
    pub fn enter(&self, talker: Talker) -> usize {
        let mut talkers = self.lock();
        talkers.push(Talker { began: Instant::now(), ..talker });
        talkers.len() - 1
    }

    /// Does something with one of them.
    pub fn with<R>(&self, number: usize, act: impl FnOnce(&mut Talker) -> R) -> R {
        act(&mut self.lock()[number])
    }

    /// How many packets one of them has received so far.
    pub fn mark(&self, number: usize) -> usize {
        self.with(number, |talker| talker.heard.len())
    }

    /// What one of them has received since a mark.
    pub fn heard(&self, number: usize, mark: usize) -> Heard {
        self.with(number, |talker| Heard { packets: talker.heard[mark..].to_vec(), law: talker.law })
    }

    /// Where in its speech one of them was at `at`.
    pub fn position(&self, number: usize, at: Instant) -> usize {
        self.with(number, |talker| talker.position(at))
    }

    /// When anybody's packets left later than `least`, and how late.
    pub fn late(&self, least: Duration) -> Vec<(Instant, Duration)> {
        let late = |talker: &Talker| talker.late.clone();
        self.lock().iter().flat_map(late).filter(|(_, lateness)| *lateness > least).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Talker>> {
        self.talkers.lock().expect("no talker panicked")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Relaxed);
        let _ = self.pacer.take().map(JoinHandle::join);
    }
}

fn pace(talkers: &Mutex<Vec<Talker>>, open: &AtomicBool) {
    prefer_this_thread();
    while open.load(Ordering::Relaxed) {
        let mut next = Instant::now() + Duration::from_millis(5);
        {
            let mut talkers = talkers.lock().expect("no test panicked with it");
            for talker in talkers.iter_mut() {
                talker.drain();
                while talker.due() <= Instant::now() {
                    talker.send(Instant::now());
                }
                next = next.min(talker.due());
            }
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Asks for a place before ordinary threads, where this user may have it: the less its packets are late, the sharper
/// a test is.
fn prefer_this_thread() {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else { return };
    let Some(id) = thread.file_name().map(|name| name.to_string_lossy().into_owned()) else { return };
    let _ = Command::new("chrt")
        .args(["-f", "-p", "10", &id])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// What one has received.
pub struct Heard {
    pub packets: Vec<Received>,
    law: Law,
}

impl Heard {
    /// The audio, each packet where its timestamp puts it; nothing where there was none.
    pub fn samples(&self) -> Samples {
        let audio = || self.packets.iter().filter(|packet| packet.payload_type == self.law.payload_type());
        let Some(first) = audio().next() else { return Vec::new() };
        let mut octets = Vec::new();
        for packet in audio() {
            let at = packet.timestamp.wrapping_sub(first.timestamp) as usize;
            if at > 60 * 60 * RATE {
                continue; // before the first
            }
            let end = at + packet.payload.len();
            if octets.len() < end {
                octets.resize(end, self.law.silence());
            }
            octets[at..end].copy_from_slice(&packet.payload);
        }
        self.law.decode(&octets)
    }

    /// When the packet came that holds a sample.
    pub fn arrival(&self, sample: usize) -> Instant {
        let first = self.packets.first().expect("something was heard").timestamp;
        let holds = |packet: &&Received| {
            let begin = packet.timestamp.wrapping_sub(first) as usize;
            (begin..begin + packet.payload.len()).contains(&sample)
        };
        self.packets.iter().find(holds).or(self.packets.last()).expect("something was heard").at
    }

    /// What is wrong with the stream itself: another source, numbers or timestamps that jump, packets of another length.
    pub fn unbroken(&self, packet_ms: u32) -> Result<(), String> {
        let samples = packet_ms * RATE as u32 / 1000;
        for pair in self.packets.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            let number = after.sequence.wrapping_sub(before.sequence);
            let time = after.timestamp.wrapping_sub(before.timestamp);
            if after.ssrc != before.ssrc
                || number != 1
                || time != samples
                || after.payload.len() != samples as usize
            {
                return Err(format!(
                    "packet {} after {}: timestamp {time} further, {} bytes, source {:x} after {:x}",
                    after.sequence,
                    before.sequence,
                    after.payload.len(),
                    after.ssrc,
                    before.ssrc
                ));
            }
        }
        Ok(())
    }
}
