//! A sender whose clock is off: its voice as it is heard, sample by sample, through the jitter buffer and the stretching.

use super::Reception;
use crate::audio::{Encoder, Format};
use crate::call::media::ReceiveFormat;
use crate::call::media::voice::Scratch;
use crate::rtp::jitter_buffer::{Arrival, JitterCounters, JitterSettings};
use crate::rtp::sim::{Conditions, Link, Sent, SkewedClock, Talker};
use crate::worker::testing::on_worker;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;
const RATE_HZ: f64 = 8000.0;
const BEGIN: Duration = Duration::from_millis(100);
/// The voice says the same again after this, whatever its pitch.
const LOOP_S: usize = 4;
/// What has settled by then is looked at.
const SETTLED: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy)]
struct Call {
    /// Half a second is silence, every two.
    pauses: bool,
    ppm: i64,
    pitch_hz: f64,
    jitter: Duration,
    /// How long after the sender's first frame ours begin.
    phase: Duration,
    length: Duration,
}

/// What was heard in one frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    at: Duration,
    /// From the moment at which its first sample was said.
    latency_us: i64,
    /// Where in its cycle the voice is at the frame's beginning, in cycles.
    cycle: f64,
    /// Samples taken out or put in.
    changed: u64,
    /// Samples concealed so far.
    concealed: u64,
}

/// A voice that never pauses unless told so: harmonics of `pitch_hz`, a whole number of cycles in the loop, in syllables.
fn voice(pitch_hz: f64, pauses: bool) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(&Format::Pcmu).unwrap();
    let said = |n: usize| {
        let seconds = n as f64 / RATE_HZ;
        let speaks = if pauses && seconds % 2.0 >= 1.5 { 0.0 } else { 1.0 };
        let syllable = speaks * (0.6 + 0.4 * (TAU * 3.0 * seconds).sin());
        let harmonic = |k: u32| (TAU * pitch_hz * f64::from(k) * seconds).sin() / f64::from(k);
        (9_000.0 * syllable * (1..=8).map(harmonic).sum::<f64>()) as i16
    };
    let samples: Vec<i16> = (0..LOOP_S * RATE_HZ as usize).map(said).collect();
    let encode = |frame: &[i16]| {
        let mut payload = vec![0; FRAME_SAMPLES];
        encoder.encode(frame, &mut payload).unwrap();
        payload
    };
    samples.chunks_exact(FRAME_SAMPLES).map(encode).collect()
}

/// Where a voice of `pitch_hz` is in its cycle at the beginning of `frame`.
fn cycle(frame: &[i16], pitch_hz: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, &sample) in frame.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / frame.len() as f64).cos();
        let angle = TAU * pitch_hz * n as f64 / RATE_HZ;
        real += window * f64::from(sample) * angle.cos();
        imaginary -= window * f64::from(sample) * angle.sin();
    }
    imaginary.atan2(real) / TAU
}

fn settings() -> JitterSettings {
    JitterSettings {
        min_ms: 0,
        max_ms: 200,
        frame_ms: 20,
        clock_rate: 8_000,
        packet_ms: 20,
        comfort_noise: None,
    }
}

fn hear(call: Call) -> (Vec<Frame>, JitterCounters) {
    on_worker(move |worker| {
        let formats = vec![ReceiveFormat { payload_type: 0, format: Format::Pcmu }];
        let (mut reception, mut scratch) = (Reception::new(formats, settings()).unwrap(), Scratch::default());
        let clock = SkewedClock { ppm: call.ppm };
        let mut talker = Talker::new(BEGIN, 20, 8_000, clock);
        let mut link = Link::new(7, Conditions { jitter: call.jitter, ..Conditions::default() });
        let (voice, start) = (voice(call.pitch_hz, call.pauses), Instant::now());
        let (mut samples, mut frames, mut sent, mut given) = ([0; FRAME_SAMPLES], Vec::new(), 0, None);
        let mut at = BEGIN + call.phase;
        while at < call.length {
            while talker.next_at() <= at {
                let packet = talker.send();
                link.send(packet.at, (packet, &voice[sent % voice.len()]));
                sent += 1;
            }
            while let Some((arrived, (packet, payload))) = link.receive(at) {
                reception.insert(arrival(start + arrived, &packet, payload));
            }
            let before = reception.counters();
            let held = i64::from(reception.voice.held_units());
            let is_heard = reception.playout(worker, &mut scratch, start + at, true, &mut samples);
            if is_heard || given.is_some() {
                // All that was handed over but for what was still held: the place of the next sample.
                let counters = reception.counters();
                let place = *given.get_or_insert(0) as f64 - held as f64;
                let said = clock.true_time(BEGIN + Duration::from_secs_f64(place.max(0.0) / RATE_HZ));
                frames.push(Frame {
                    at,
                    latency_us: at.as_micros() as i64 - said.as_micros() as i64,
                    cycle: cycle(&samples, call.pitch_hz),
                    changed: counters.shortened_units + counters.lengthened_units
                        - before.shortened_units
                        - before.lengthened_units,
                    concealed: counters.concealed_units,
                });
                given = Some(160 * (counters.played + counters.late) as i64);
            }
            at += FRAME;
        }
        (frames, reception.counters())
    })
}

fn arrival<'a>(at: Instant, packet: &Sent, payload: &'a [u8]) -> Arrival<'a> {
    Arrival {
        at,
        ssrc: packet.ssrc,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
        payload_type: 0,
        payload,
    }
}

/// How long the simulated calls last: an hour with `ANTIPHON_FULL_SIMULATION` set.
fn long_call() -> Duration {
    let is_full = std::env::var_os("ANTIPHON_FULL_SIMULATION").is_some();
    Duration::from_secs(if is_full { 3600 } else { 600 })
}

fn mean_ms(frames: &[Frame]) -> f64 {
    frames.iter().map(|frame| frame.latency_us as f64).sum::<f64>() / frames.len() as f64 / 1000.0
}

/// By how much the latency grows, by the straight line through all frames.
fn drift_ms_per_minute(frames: &[Frame]) -> f64 {
    let minutes = |frame: &Frame| frame.at.as_secs_f64() / 60.0;
    let mean_at = frames.iter().map(minutes).sum::<f64>() / frames.len() as f64;
    let mean = mean_ms(frames);
    let (mut product, mut square) = (0.0, 0.0);
    for frame in frames {
        let from_mean = minutes(frame) - mean_at;
        product += from_mean * (frame.latency_us as f64 / 1000.0 - mean);
        square += from_mean * from_mean;
    }
    product / square
}

#[test]
fn for_an_hour_a_voice_1000_ppm_off_keeps_its_pitch_and_loses_and_gains_no_frame() {
    for (ppm, pitch_hz, jitter) in [
        (1000, 97.0, Duration::ZERO),
        (-1000, 131.0, Duration::ZERO),
        (1000, 180.0, 8 * MS),
        (-1000, 221.0, 8 * MS),
    ] {
        let call = Call { pauses: false, ppm, pitch_hz, jitter, phase: 7 * MS, length: long_call() };
        let (frames, counters) = hear(call);
        let settled: Vec<Frame> = frames.iter().copied().filter(|frame| frame.at > SETTLED).collect();
        assert_eq!(counters.lost + counters.discarded + counters.restarts, 0, "{call:?}: {counters:?}");
        // What comes later and later, and by jitter, is known by its slowest when that is too late already.
        let may_be_late = if ppm < 0 && jitter > MS { long_call().as_secs() / 60 } else { 0 };
        let concealed = settled.last().unwrap().concealed - settled[0].concealed;
        assert!(concealed <= may_be_late * 160, "{call:?}: {concealed} samples, {counters:?}");
        assert!(counters.late <= 1 + may_be_late, "{call:?}: {counters:?}");
        let most = settled.iter().map(|frame| frame.changed).max().unwrap();
        // A frame may need two packets, of each of which one piece of 12.5 ms goes at most.
        assert!((20..=200).contains(&most), "{call:?}: {most} samples at once");
        for second in settled.chunks_exact(50) {
            let advance = |pair: &[Frame]| {
                let cycles = pair[1].cycle - pair[0].cycle - 0.02 * pitch_hz;
                cycles - cycles.round()
            };
            let off: f64 = second.windows(2).map(advance).sum();
            let off = off / 49.0 / 0.02 / pitch_hz;
            assert!(off.abs() < 0.002, "{call:?}: pitch off by {off} at {:?}", second[0].at);
        }
        let minutes: Vec<f64> = settled.chunks_exact(3000).map(mean_ms).collect();
        let (least, most) = minutes.iter().fold((f64::MAX, f64::MIN), |(l, m), &ms| (l.min(ms), m.max(ms)));
        assert!(most - least < 3.0, "{call:?}: {minutes:?}");
    }
}

#[test]
fn a_clock_500_ppm_off_moves_the_latency_by_no_more_than_a_frame() {
    for (ppm, jitter) in [(-500, Duration::ZERO), (500, Duration::ZERO), (-500, 30 * MS), (500, 30 * MS)] {
        let mut drifts_ms = 0.0;
        for phase_ms in [1, 6, 11, 16] {
            let length = Duration::from_secs(135);
            let call = Call { pauses: false, ppm, pitch_hz: 131.0, jitter, phase: phase_ms * MS, length };
            let (frames, counters) = hear(call);
            let settled: Vec<Frame> = frames.into_iter().filter(|frame| frame.at > SETTLED).collect();
            let seconds: Vec<f64> = settled.chunks_exact(50).map(mean_ms).collect();
            let least = seconds.iter().copied().fold(f64::MAX, f64::min);
            let most = seconds.iter().copied().fold(f64::MIN, f64::max);
            // Packets are needed by whole frames: as the sender's slide by ours, they wait for up to one.
            assert!(most - least < 27.0, "{call:?}: {least} to {most} ms");
            assert_eq!(counters.lost + counters.discarded, 0, "{call:?}: {counters:?}");
            drifts_ms += drift_ms_per_minute(&settled) / 4.0;
        }
        assert!(drifts_ms.abs() <= 2.0, "{ppm} ppm, {jitter:?}: {drifts_ms} ms a minute");
    }
}

#[test]
fn of_one_who_pauses_now_and_then_the_latency_is_steady_after_two_seconds() {
    for (ppm, jitter) in [(-500, Duration::ZERO), (500, Duration::ZERO), (-500, MS / 5), (500, MS / 5)] {
        let mut drifts_ms = 0.0;
        for phase_ms in [1, 6, 11, 16] {
            let length = Duration::from_secs(60);
            let call = Call { pauses: true, ppm, pitch_hz: 131.0, jitter, phase: phase_ms * MS, length };
            let (frames, counters) = hear(call);
            let settled: Vec<Frame> =
                frames.iter().copied().filter(|frame| frame.at > Duration::from_secs(2)).collect();
            let seconds: Vec<f64> = settled.chunks_exact(50).map(mean_ms).collect();
            let least = seconds.iter().copied().fold(f64::MAX, f64::min);
            let most = seconds.iter().copied().fold(f64::MIN, f64::max);
            assert!(most - least < 12.0 && most < 28.0, "{call:?}: {least} to {most} ms");
            assert_eq!(counters.lost + counters.late + counters.concealed_units, 0, "{call:?}: {counters:?}");
            drifts_ms += drift_ms_per_minute(&settled) / 4.0;
        }
        assert!(drifts_ms.abs() <= 2.0, "{ppm} ppm, {jitter:?}: {drifts_ms} ms a minute");
    }
}
