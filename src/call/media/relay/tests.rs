use super::super::Workbench;
use super::super::outgoing::{Outgoing, SendFormat};
use super::super::reception::Reception;
use super::super::voice::ReceiveFormat;
use super::{Line, Lines, Relaying, Takes};
use crate::audio::opus::OpusSettings;
use crate::audio::{Decoder, Encoder, Format, SampleRate};
use crate::conference::{Conference, ConferenceSettings, ParticipantId, ParticipantSettings};
use crate::rtp::jitter_buffer::{Arrival, JitterCounters, JitterSettings};
use crate::rtp::packet::Packet;
use crate::rtp::packet_sender::StreamStart;
use crate::rtp::{SequenceNumber, Ssrc, Timestamp};
use crate::worker::testing::on_worker;
use crate::worker::{Tick, Worker};
use std::cell::RefCell;
use std::f64::consts::TAU;
use std::rc::Rc;
use std::time::{Duration, Instant};

const AUDIO: u8 = 96;
const NOISE: u8 = 13;

/// A packet that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload_type: u8,
    payload: Vec<u8>,
}

/// The way from one peer to the other, over the reception of the one and what is sent to the other.
struct Way<'a> {
    worker: &'a Worker,
    format: Format,
    reception: Reception,
    line: Line,
    outgoing: Outgoing,
    bench: Workbench,
    start: Instant,
    lap: u64,
}

impl<'a> Way<'a> {
    fn of(worker: &'a Worker, format: Format) -> Self {
        let settings = JitterSettings {
            min_ms: 0,
            max_ms: 200,
            frame_ms: 20,
            clock_rate: format.clock_rate_hz(),
            packet_ms: 20,
            comfort_noise: Some(NOISE),
        };
        let formats = vec![ReceiveFormat { payload_type: AUDIO, format: format.clone() }];
        let send = SendFormat {
            payload_type: AUDIO,
            format: format.clone(),
            packet_ms: 20,
            telephone_event: None,
            comfort_noise: None,
            redundancy: None,
            contributors: None,
        };
        let outgoing = Outgoing::new(send, 20, StreamStart::from_random(0x7_0000_0001, 5000)).unwrap();
        let mut line = Line::default();
        line.set_takes(outgoing.takes(Some(NOISE)));
        let reception = Reception::new(formats, settings).unwrap();
        let (bench, start, lap) = (Workbench::default(), worker.now(), 0);
        Way { worker, format, reception, line, outgoing, bench, start, lap }
    }

    fn units(&self) -> u32 {
        self.format.clock_rate_hz() / 50
    }

    /// A packet comes, so much after the last lap.
    fn comes(&mut self, sequence: u16, timestamp: u32, payload_type: u8, payload: &[u8]) {
        let at = self.start + Duration::from_millis(20 * self.lap + 5);
        self.reception.insert(Arrival {
            at,
            ssrc: Ssrc(9),
            sequence: SequenceNumber(sequence),
            timestamp: Timestamp(timestamp),
            marker: false,
            payload_type,
            payload,
        });
    }

    fn tick(&mut self) -> Tick {
        self.lap += 1;
        let due = self.start + Duration::from_millis(20 * self.lap);
        Tick { number: self.lap, due, lateness: Duration::ZERO }
    }

    /// What is sent in the next lap, relayed.
    fn relayed(&mut self, is_tapped: bool) -> Vec<Sent> {
        let tick = self.tick();
        let Way { reception, worker, line, outgoing, bench, format, .. } = self;
        let frame = &mut bench.frame[..format.rate().samples(20)];
        reception.pass_on(worker, &mut bench.scratch, tick.due, line.fill(tick.number), (is_tapped, frame));
        let mut sent = Vec::new();
        assert!(outgoing.relay(tick, line, &mut bench.datagram, |packet| sent.push(parsed(packet))));
        sent
    }

    /// The same, mixed: the mix is what the one says.
    fn mixed(&mut self) -> Vec<Sent> {
        let tick = self.tick();
        let Way { reception, worker, line, outgoing, bench, format, .. } = self;
        reception.pass_on_no_more(worker, &mut bench.scratch, Some(line));
        let frame = &mut bench.frame[..format.rate().samples(20)];
        reception.playout(worker, &mut bench.scratch, tick.due, true, frame);
        if let Some(handover) = line.take_handover() {
            outgoing.take_over(handover);
        }
        let len = outgoing.send(worker, tick.due, bench);
        len.map(|len| parsed(&bench.datagram[..len])).into_iter().collect()
    }
}

fn parsed(datagram: &[u8]) -> Sent {
    let Packet { header, payload, .. } = Packet::parse(datagram).unwrap();
    Sent {
        sequence: header.sequence.0,
        timestamp: header.timestamp.0,
        marker: header.marker,
        payload_type: header.payload_type,
        payload: payload.to_vec(),
    }
}

/// A payload of G.711 that tells its number.
fn numbered(number: u16) -> Vec<u8> {
    number.to_be_bytes().repeat(80)
}

/// What is sent of `count` packets, of which each comes after so many laps, if at all, and what the buffer made of them. Of each
/// packet its number, and those of its sequence and its timestamp in packets from the first.
fn numbers(
    count: u16,
    comes_at: impl Fn(u16) -> Option<u16> + Send + 'static,
) -> (Vec<(u16, u16, u32)>, JitterCounters) {
    on_worker(move |worker| {
        let mut way = Way::of(worker, Format::Pcmu);
        let mut sent = Vec::new();
        for lap in 0..count + 20 {
            for number in (0..count).filter(|number| comes_at(*number) == Some(lap)) {
                way.comes(number, u32::from(number) * 160, AUDIO, &numbered(number));
            }
            sent.extend(way.relayed(false));
        }
        let first = sent[0].clone();
        let of = |sent: &Sent| {
            let number = u16::from_be_bytes([sent.payload[0], sent.payload[1]]);
            assert_eq!(sent.payload, numbered(number));
            let steps = sent.timestamp.wrapping_sub(first.timestamp);
            assert_eq!(steps % 160, 0);
            (number, sent.sequence.wrapping_sub(first.sequence), steps / 160)
        };
        (sent.iter().map(of).collect(), way.reception.counters())
    })
}

/// What the buffer makes of the same packets, mixed.
fn mixed(count: u16, comes_at: impl Fn(u16) -> Option<u16> + Send + 'static) -> JitterCounters {
    on_worker(move |worker| {
        let mut way = Way::of(worker, Format::Pcmu);
        for lap in 0..count + 20 {
            for number in (0..count).filter(|number| comes_at(*number) == Some(lap)) {
                way.comes(number, u32::from(number) * 160, AUDIO, &numbered(number));
            }
            way.mixed();
        }
        way.reception.counters()
    })
}

/// All packets, in numbers of ours, but for these.
fn all_but(count: u16, missing: &[u16]) -> Vec<(u16, u16, u32)> {
    (0..count).filter(|at| !missing.contains(at)).map(|at| (at, at, u32::from(at))).collect()
}

#[test]
fn what_comes_goes_out_as_it_is_with_numbers_of_ours() {
    assert_eq!(numbers(50, Some).0, all_but(50, &[]));
}

#[test]
fn what_was_lost_is_a_gap_in_our_numbers_and_in_time() {
    let lost = [20, 30, 31];
    assert_eq!(
        numbers(50, move |number| Some(number).filter(|number| !lost.contains(number))).0,
        all_but(50, &lost)
    );
}

/// The first 50 in time, then two laps late, of which the first two are too late; the 60th is one later still, and so are all
/// from there on until the 150th.
fn late(number: u16) -> Option<u16> {
    Some(match number {
        0..50 | 150.. => number,
        50..60 => number + 2,
        60..150 => (number + 3).min(150.max(number)),
    })
}

#[test]
fn a_buffer_that_becomes_deeper_sends_later_and_one_that_becomes_less_deep_sends_sooner_and_neither_drops_anything()
 {
    let (sent, counters) = numbers(900, late);
    assert!(counters.lengthened_units >= 160, "it became deeper: {counters:?}");
    assert!(counters.shortened_units >= 160, "and less deep: {counters:?}");
    let missing: Vec<u16> = (0..900).filter(|number| sent.iter().all(|(sent, ..)| sent != number)).collect();
    assert!(
        missing.iter().all(|number| (50..70).contains(number)),
        "what came too late at first: {missing:?}"
    );
    assert_eq!(counters.late + counters.discarded, missing.len() as u64, "{counters:?}");
    assert_eq!(sent, all_but(900, &missing));
    let mixed = mixed(900, late);
    assert!(
        missing.len() as u64 <= mixed.late + mixed.discarded,
        "no more than mixing: {missing:?}, {mixed:?}"
    );
}

#[test]
fn who_loses_packets_presses_a_key_or_falls_silent_is_not_passed_on_for_a_while() {
    on_worker(|worker| {
        let mut way = Way::of(worker, Format::Pcmu);
        let passes = |way: &mut Way<'_>, number: Option<u16>| {
            if let Some(number) = number {
                way.comes(number, u32::from(number) * 160, AUDIO, &[0xff; 160]);
            }
            way.mixed();
            way.reception.may_pass(way.start + Duration::from_millis(20 * way.lap), true)
        };
        let early: Vec<bool> = (0..50).map(|number| passes(&mut way, Some(number))).collect();
        assert_eq!(early, [true; 50], "nothing is missing: {:?}", way.reception.counters());
        // 50 is lost.
        let mut lossy = (51..1_000).map(|number| passes(&mut way, Some(number)));
        let waits = lossy.position(|passes| !passes).expect("it is missed");
        assert!(waits < 5, "{waits}");
        let rest = lossy.position(|passes| passes).expect("it is forgotten");
        assert!((395..=405).contains(&rest), "8 s: {rest} frames");
        drop(lossy);
        let digit = 51 + (waits + 1 + rest + 1) as u16;
        let at = way.start + Duration::from_millis(20 * way.lap);
        way.reception.insert_other(at, Ssrc(9), SequenceNumber(digit));
        assert!(!passes(&mut way, Some(digit + 1)), "a digit");
        assert!((digit + 2..digit + 20).map(|number| passes(&mut way, Some(number))).last() == Some(true));
        assert!((0..60).map(|_| passes(&mut way, None)).last() == Some(false), "nothing comes");
    });
}

#[test]
fn a_pause_passes_with_what_describes_it() {
    on_worker(|worker| {
        let mut way = Way::of(worker, Format::Pcmu);
        let mut sent = Vec::new();
        for lap in 0..40_u16 {
            match lap {
                0..10 => way.comes(lap, u32::from(lap) * 160, AUDIO, &numbered(lap)),
                10 => way.comes(lap, u32::from(lap) * 160, NOISE, &[60, 1, 2]),
                11..30 => {}
                _ => way.comes(lap - 19, u32::from(lap) * 160, AUDIO, &numbered(lap)),
            }
            sent.extend(way.relayed(false));
        }
        let begun = sent[0].timestamp;
        let told: Vec<_> = sent
            .iter()
            .map(|sent| (sent.sequence - 7, (sent.timestamp - begun) / 160, sent.marker))
            .collect();
        let expected: Vec<_> = (0..21_u16)
            .map(|at| (at, u32::from(if at > 10 { at + 19 } else { at }), at == 0 || at == 11))
            .collect();
        assert_eq!(told[..11], expected[..11]);
        assert_eq!((sent[10].payload_type, &sent[10].payload[..]), (NOISE, &[60, 1, 2][..]));
        let behind: Vec<_> = told[11..].iter().zip(&expected[11..]).collect();
        assert!(behind.iter().all(|(told, expected)| told == expected), "{behind:?}");
        assert!(told.len() >= 20, "{told:?}");
    });
}

/// A voice of sorts: harmonics of a pitch that moves, rising and falling four times a second.
fn voice(rate: SampleRate, laps: usize) -> Vec<i16> {
    let hertz = f64::from(rate.hertz());
    let mut phase = 0.0;
    let sample = |at: usize| {
        let t = at as f64 / hertz;
        phase += (140.0 + 30.0 * (TAU * 1.3 * t).sin()) / hertz;
        let sum: f64 = (1..12).map(|n| (TAU * phase * f64::from(n)).sin() / f64::from(n)).sum();
        (sum * 5000.0 * (1.0 + 0.5 * (TAU * 4.0 * t).sin())) as i16
    };
    (0..laps * rate.samples(20)).map(sample).collect()
}

fn opus() -> Format {
    Format::Opus(OpusSettings::default())
}

/// What the other peer hears of [`voice`] where each lap is relayed or mixed, as the one says it by an encoder of its own.
fn heard(format: &Format, laps: usize, is_relayed: impl Fn(usize) -> bool + Send + 'static) -> Vec<i16> {
    let format = format.clone();
    on_worker(move |worker| {
        let mut way = Way::of(worker, format.clone());
        let mut encoder = Encoder::new(&format).unwrap();
        let mut decoder = Decoder::new(&format).unwrap();
        let speech = voice(format.rate(), laps);
        let mut heard = Vec::new();
        for (lap, frame) in speech.chunks(format.rate().samples(20)).enumerate() {
            let mut payload = [0; 4000];
            let len = worker.on_codec_stack(|| encoder.encode(frame, &mut payload)).unwrap();
            let number = lap as u16;
            way.comes(number, u32::from(number) * way.units(), AUDIO, &payload[..len]);
            let sent = if is_relayed(lap) { way.relayed(false) } else { way.mixed() };
            for sent in sent {
                let mut samples = [0; 5760];
                let len = worker.on_codec_stack(|| decoder.decode(&sent.payload, &mut samples)).unwrap();
                heard.extend_from_slice(&samples[..len]);
            }
        }
        heard
    })
}

/// Power of each 5 ms, and the greatest step between two samples in it.
fn pieces(samples: &[i16], rate: SampleRate) -> Vec<(f64, i32)> {
    let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
    let piece = |piece: &[i16]| {
        let power = piece.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / piece.len() as f64;
        (power, piece.windows(2).map(step).max().unwrap_or(0))
    };
    samples.chunks(rate.samples(5)).map(piece).collect()
}

#[test]
fn going_over_to_mixing_and_back_makes_neither_a_hole_nor_a_click() {
    for format in [opus(), Format::G722, Format::Pcmu, Format::L16(SampleRate::Hz16000)] {
        let rate = format.rate();
        let is_relayed = |lap: usize| !(100..150).contains(&lap);
        let steady = heard(&format, 200, |_| true);
        let changes = heard(&format, 200, is_relayed);
        let (steady, changes) = (pieces(&steady, rate), pieces(&changes, rate));
        let most = steady[40..].iter().map(|(_, step)| *step).max().unwrap();
        let least = steady[40..].iter().map(|(power, _)| *power).fold(f64::MAX, f64::min);
        for at in [100, 150] {
            let around = &changes[4 * at - 8..4 * at + 24];
            let step = around.iter().map(|(_, step)| *step).max().unwrap();
            let power = around.iter().map(|(power, _)| *power).fold(f64::MAX, f64::min);
            assert!(power > least * 0.9, "{format:?}: a hole at {at}");
            assert!(step <= most, "{format:?}: a click at {at}");
        }
    }
}

#[test]
fn what_goes_out_is_the_same_whether_it_is_listened_to_or_not() {
    let sent = |is_tapped: fn(u16) -> bool| {
        on_worker(move |worker| {
            let mut way = Way::of(worker, opus());
            let mut encoder = Encoder::new(&opus()).unwrap();
            let (mut sent, mut heard) = (Vec::new(), Vec::new());
            for (number, frame) in (0..).zip(voice(SampleRate::Hz48000, 700).chunks(960)) {
                let mut payload = [0; 1275];
                let len = worker.on_codec_stack(|| encoder.encode(frame, &mut payload)).unwrap();
                if number != 70 && !(100..102).contains(&number) {
                    way.comes(number, u32::from(number) * 960, AUDIO, &payload[..len]);
                }
                sent.extend(way.relayed(is_tapped(number)));
                if is_tapped(number) {
                    heard.extend_from_slice(&way.bench.frame[..960]);
                }
            }
            (sent, heard)
        })
    };
    let (plain, nothing) = sent(|_| false);
    let (tapped, heard) = sent(|number| number % 300 > 40);
    assert_eq!(plain, tapped);
    assert!(plain.len() > 690 && nothing.is_empty());
    let (always, all) = sent(|_| true);
    assert_eq!(plain, always);
    let quiet = |samples: &[i16]| {
        pieces(samples, SampleRate::Hz48000)[40..].iter().filter(|(power, _)| *power < 1e4).count()
    };
    assert_eq!(
        (quiet(&heard), quiet(&all)),
        (0, 0),
        "it is heard whole, from the first frame that is listened to on"
    );
}

/// One to be relayed to, with the line to it, and the line to the one who relays.
fn listener(lines: &Lines) -> (ParticipantId, Rc<RefCell<Line>>, Line) {
    let mut conference = Conference::new(ConferenceSettings::default());
    let listener = conference.join(ParticipantSettings::default()).unwrap();
    let takes = Takes { format: Format::Pcmu, packet_ms: 20, comfort_noise: None };
    let line = lines.open(listener);
    line.borrow_mut().set_takes(Some(takes.clone()));
    line.borrow_mut().set_open(true);
    let mut own = Line::default();
    own.set_takes(Some(takes));
    (listener, line, own)
}

/// One who is relayed to another, and says a second of a voice first.
fn relaying(lines: &Lines) -> Relaying {
    let (listener, _, own) = listener(lines);
    let mut relaying = Relaying::default();
    for frame in voice(SampleRate::Hz8000, 60).chunks(160).chain([&[0; 160][..]]) {
        assert!(relaying.line(lines, Some(listener), &own, (&Format::Pcmu, false)).is_none());
        relaying.mixed(frame, Duration::from_millis(20), false);
    }
    assert!(relaying.line(lines, Some(listener), &own, (&Format::Pcmu, false)).is_some());
    relaying
}

#[test]
fn while_others_are_here_and_silent_it_is_relayed_until_a_pause_or_for_five_seconds() {
    let voice = voice(SampleRate::Hz8000, 400);
    let frames_until_it_ends = |said: &dyn Fn(usize) -> bool| {
        let lines = Lines::default();
        let mut relaying = relaying(&lines);
        let frames = voice.chunks(160).enumerate().take_while(|(at, frame)| {
            let frame = if said(*at) { frame } else { &[0; 160][..] };
            relaying.lingered(frame, Duration::from_millis(20));
            relaying.listener().is_some()
        });
        let frames = frames.count() + 1;
        assert!(relaying.take_left().is_some() && relaying.is_idle());
        frames
    };
    assert_eq!(frames_until_it_ends(&|_| false), 10, "200 ms");
    assert_eq!(frames_until_it_ends(&|at| at == 0), 11);
    assert_eq!(frames_until_it_ends(&|at| at % 8 != 0), 250, "between two syllables is no pause");
    assert_eq!(frames_until_it_ends(&|at| at < 100), 110);
}

#[test]
fn each_visit_has_its_own_patience_and_a_noisy_pause_is_one_too() {
    let voice = voice(SampleRate::Hz8000, 100);
    let lines = Lines::default();
    let mut relaying = relaying(&lines);
    let linger = |relaying: &mut Relaying, frame: &[i16]| {
        relaying.lingered(frame, Duration::from_millis(20));
        relaying.listener().is_some()
    };
    assert!((0..9).all(|_| linger(&mut relaying, &[0; 160])));
    relaying.is_alone();
    assert!((0..9).all(|_| linger(&mut relaying, &[0; 160])), "the second visit begins anew");
    relaying.is_alone();
    assert!(voice.chunks(160).take(60).all(|frame| linger(&mut relaying, frame)));
    let noise: [i16; 160] = std::array::from_fn(|at| if at % 2 == 0 { 300 } else { -300 }); // -41 dBFS
    assert_eq!(
        (0..20).take_while(|_| linger(&mut relaying, &noise)).count(),
        9,
        "beside the voice it is quiet"
    );
}

#[test]
fn who_ends_and_is_alone_again_in_the_next_lap_hands_over_all_the_same() {
    let lines = Lines::default();
    let mut relaying = Relaying::default();
    let (listener, _, own) = listener(&lines);
    let received = (&Format::Pcmu, false);
    relaying.line(&lines, Some(listener), &own, received);
    relaying.mixed(&[0; 160], Duration::from_millis(20), false);
    assert!(relaying.line(&lines, Some(listener), &own, received).is_some());
    (0..10).for_each(|_| relaying.lingered(&[0; 160], Duration::from_millis(20)));
    assert!(relaying.line(&lines, Some(listener), &own, received).is_none());
    assert!(relaying.take_left().is_some());
}

#[test]
fn a_worker_that_has_too_much_to_do_relays_at_once_and_also_who_loses_packets() {
    let mut relaying = Relaying::default();
    let lines = Lines::default();
    let (listener, line, own) = listener(&lines);
    let received = (&Format::Pcmu, false);
    assert!(relaying.line(&lines, Some(listener), &own, received).is_none());
    assert!(line.borrow().takes().is_some());
    relaying.mixed(&voice(SampleRate::Hz8000, 1), Duration::from_millis(20), true);
    assert!(relaying.line(&lines, Some(listener), &own, received).is_some());
    on_worker(|worker| {
        let mut way = Way::of(worker, Format::Pcmu);
        for number in (0..80).filter(|number| *number != 50) {
            way.comes(number, u32::from(number) * 160, AUDIO, &[0xff; 160]);
            way.mixed();
        }
        let now = way.start + Duration::from_millis(20 * way.lap);
        assert!(!way.reception.may_pass(now, true) && way.reception.may_pass(now, false));
    });
}
