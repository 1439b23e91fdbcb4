//! Tones: what the conference says without words, and the line technician's milliwatt.
//!
//! Levels are in dBm0: 0 dBm0 is the sine that G.711 §5 defines (its digital milliwatt), 3.17 dB below
//! µ-law's overload. Every pulse fades in and out, so that none clicks.

use super::SampleRate;
use std::f64::consts::PI;

/// Peak of a sine of 0 dBm0 in 16-bit samples: µ-law's virtual decision value 8159 × 4, less 3.17 dB (G.711
/// §4.1).
const PEAK_AT_0_DBM0: f64 = 22_656.0;

/// How long a pulse takes to come and to go.
const FADE_MS: u32 = 5;

/// The most pulses of one pattern, and so the bound of a tone's memory.
const MAX_PULSES: usize = 4;

/// A part of a tone's pattern: up to two sines, then a pause.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pulse {
    frequencies_hz: [f64; 2],
    peak: f64,
    on_ms: u32,
    pause_ms: u32,
}

/// A pattern of pulses.
#[derive(Debug, Clone, PartialEq)]
pub struct Tone {
    pulses: [Pulse; MAX_PULSES],
    len: usize,
    repeats: bool,
}

impl Tone {
    /// One beep of one frequency, at most 3 dBm0.
    pub fn beep(frequency_hz: f64, duration_ms: u32, level_dbm0: f64) -> Self {
        Self::of(&[Pulse::new([frequency_hz, 0.0], level_dbm0, duration_ms, 0)], false)
    }

    /// Two sines at once, each of `level_dbm0`, for `on_ms` in every `on_ms + pause_ms`, without end (a
    /// ringing tone).
    pub fn cadence(frequencies_hz: [f64; 2], level_dbm0: f64, on_ms: u32, pause_ms: u32) -> Self {
        Self::of(&[Pulse::new(frequencies_hz, level_dbm0, on_ms, pause_ms)], true)
    }

    /// Two rising notes: someone came.
    pub fn enter() -> Self {
        let (low, high) = ([440.0, 0.0], [659.26, 0.0]);
        Self::of(&[Pulse::new(low, -18.0, 120, 0), Pulse::new(high, -18.0, 180, 0)], false)
    }

    /// Two falling notes: someone left.
    pub fn leave() -> Self {
        let (high, low) = ([659.26, 0.0], [440.0, 0.0]);
        Self::of(&[Pulse::new(high, -18.0, 120, 0), Pulse::new(low, -18.0, 180, 0)], false)
    }

    /// A soft beep every five seconds, without end, for one who is alone.
    pub fn waiting() -> Self {
        Self::of(&[Pulse::new([425.0, 0.0], -24.0, 200, 4_800)], true)
    }

    /// 1004 Hz at 0 dBm0, without pause or end.
    pub fn milliwatt() -> Self {
        Self::of(&[Pulse::new([1004.0, 0.0], 0.0, u32::MAX, 0)], true)
    }

    /// True if the tone goes on until it is stopped.
    pub fn is_endless(&self) -> bool {
        self.repeats
    }

    fn of(pulses: &[Pulse], repeats: bool) -> Self {
        let mut tone = Self { pulses: [Pulse::default(); MAX_PULSES], len: pulses.len(), repeats };
        tone.pulses[..pulses.len()].copy_from_slice(pulses);
        tone
    }
}

impl Pulse {
    fn new(frequencies_hz: [f64; 2], level_dbm0: f64, on_ms: u32, pause_ms: u32) -> Self {
        let peak = PEAK_AT_0_DBM0 * 10.0_f64.powf(level_dbm0.min(3.0) / 20.0);
        // A pattern must go forward, whatever a configuration says.
        Self { frequencies_hz, peak, on_ms: on_ms.max(2 * FADE_MS), pause_ms }
    }
}

/// Makes the samples of one tone at one rate.
#[derive(Debug, Clone)]
pub struct ToneGenerator {
    tone: Tone,
    rate: SampleRate,
    /// Which pulse, and how far in it.
    pulse: usize,
    at: u64,
    /// Phases in turns of 2^32, which wrap by themselves: no drift in any time.
    phases: [u32; 2],
}

impl ToneGenerator {
    /// From the tone's beginning.
    pub fn new(tone: Tone, rate: SampleRate) -> Self {
        Self { tone, rate, pulse: 0, at: 0, phases: [0; 2] }
    }

    /// Fills all of `samples`, with silence once the tone is over; returns how many are of the tone (pauses
    /// count).
    pub fn fill(&mut self, samples: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < samples.len() && self.pulse < self.tone.len {
            let pulse = self.tone.pulses[self.pulse];
            let on = self.samples(pulse.on_ms);
            let whole = on + self.samples(pulse.pause_ms);
            let part_end = if self.at < on { on } else { whole };
            let len = (samples.len() - filled).min(usize::try_from(part_end - self.at).unwrap_or(usize::MAX));
            let part = &mut samples[filled..filled + len];
            if self.at < on {
                self.sound(&pulse, on, part)
            } else {
                part.fill(0)
            }
            self.at += len as u64;
            filled += len;
            if self.at == whole {
                self.next_pulse();
            }
        }
        samples[filled..].fill(0);
        filled
    }

    fn next_pulse(&mut self) {
        self.at = 0;
        self.phases = [0; 2];
        self.pulse += 1;
        if self.pulse == self.tone.len && self.tone.repeats {
            self.pulse = 0;
        }
    }

    fn sound(&mut self, pulse: &Pulse, on: u64, part: &mut [i16]) {
        let steps = pulse.frequencies_hz.map(|frequency_hz| {
            (frequency_hz / f64::from(self.rate.hertz()) * 4_294_967_296.0).round() as u32
        });
        let fade = self.samples(FADE_MS);
        let peak = pulse.peak as f32;
        for (sample, at) in part.iter_mut().zip(self.at..) {
            let edge = (at + 1).min(on - at).min(fade);
            let envelope = edge as f32 / fade as f32 * peak;
            let mut sum = sine(self.phases[0]);
            if steps[1] != 0 {
                sum += sine(self.phases[1]);
            }
            let value = sum * envelope;
            *sample = (value + 0.5_f32.copysign(value)) as i16;
            self.phases[0] = self.phases[0].wrapping_add(steps[0]);
            self.phases[1] = self.phases[1].wrapping_add(steps[1]);
        }
    }

    fn samples(&self, duration_ms: u32) -> u64 {
        u64::from(duration_ms) * u64::from(self.rate.hertz() / 1000)
    }
}

const TABLE_BITS: u32 = 10;

/// One turn of a sine and the first value again.
static SINE: [f32; (1 << TABLE_BITS) + 1] = sine_table();

/// Sine of a phase in turns of 2^32, between the table's values by a straight line: errors are below −100 dB.
#[inline]
fn sine(phase: u32) -> f32 {
    let index = (phase >> (32 - TABLE_BITS)) as usize;
    let between = (phase << TABLE_BITS >> 8) as f32 / (1 << 24) as f32;
    SINE[index] + (SINE[index + 1] - SINE[index]) * between
}

const fn sine_table() -> [f32; (1 << TABLE_BITS) + 1] {
    let mut table = [0.0; (1 << TABLE_BITS) + 1];
    let mut index = 0;
    while index < table.len() {
        // Taylor's series around zero, in −π..π, with the sign turned: sin(x) = −sin(x − π).
        let x = 2.0 * PI * index as f64 / (1 << TABLE_BITS) as f64 - PI;
        let (mut term, mut sum, mut n) = (x, x, 1);
        while n < 16 {
            term *= -x * x / (2 * n * (2 * n + 1)) as f64;
            sum += term;
            n += 1;
        }
        table[index] = -sum as f32;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{Tone, ToneGenerator, sine};
    use crate::audio::SampleRate;
    use crate::audio::g711::Law;
    use std::f64::consts::TAU;

    fn generate(tone: Tone, rate: SampleRate, duration_ms: u32) -> Vec<i16> {
        let mut samples = vec![7; rate.samples(duration_ms)];
        ToneGenerator::new(tone, rate).fill(&mut samples);
        samples
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn the_sine_table_is_a_sine() {
        for n in 0..100_000_u32 {
            let phase = n.wrapping_mul(42_949);
            let exact = (TAU * f64::from(phase) / 4_294_967_296.0).sin();
            assert!((f64::from(sine(phase)) - exact).abs() < 6e-6, "{phase}");
        }
    }

    #[test]
    fn the_milliwatt_has_the_power_of_the_standards_sequence_at_1004_hz() {
        let mut standard = [0; 8];
        Law::Mu.decode(&[0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E], &mut standard);
        for rate in SampleRate::ALL {
            let samples = generate(Tone::milliwatt(), rate, 2_010);
            let steady = &samples[rate.samples(10)..];
            let level_db = 20.0 * (rms(steady) / rms(&standard)).log10();
            assert!(level_db.abs() < 0.05, "{level_db} dB");
            // 1004 periods a second: twice 2008 crossings in two seconds.
            let rising = steady.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
            assert!(rising.abs_diff(2008) <= 1, "{rising} periods");
        }
    }

    #[test]
    fn every_tone_begins_and_ends_softly_and_is_cut_by_frames_without_a_trace() {
        let (rate, duration_ms) = (SampleRate::Hz8000, 6_000);
        for tone in [Tone::enter(), Tone::leave(), Tone::waiting(), Tone::beep(1000.0, 333, 0.0)] {
            let whole = generate(tone.clone(), rate, duration_ms);
            let steepest = whole.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
            let peak = f64::from(whole.iter().map(|s| s.unsigned_abs()).max().unwrap());
            assert!(f64::from(steepest) < peak * TAU * 1010.0 / 8000.0, "{steepest} of {peak}");
            assert!(whole[0].unsigned_abs() < 40);
            let mut generator = ToneGenerator::new(tone, rate);
            let mut frames = Vec::new();
            for len in [160, 80, 1, 77].into_iter().cycle() {
                let mut frame = vec![7; len];
                generator.fill(&mut frame);
                frames.extend(frame);
                if frames.len() >= whole.len() {
                    break;
                }
            }
            assert_eq!(frames[..whole.len()], whole);
        }
    }

    #[test]
    fn a_tone_tells_when_it_is_over_and_an_endless_one_comes_again() {
        let mut beep = ToneGenerator::new(Tone::beep(425.0, 25, -10.0), SampleRate::Hz8000);
        let mut frame = [1; 160];
        assert_eq!(beep.fill(&mut frame), 160);
        assert_eq!(beep.fill(&mut frame), 40);
        assert!(frame[40..].iter().all(|&sample| sample == 0));
        assert_eq!(beep.fill(&mut frame), 0);
        let waiting = generate(Tone::waiting(), SampleRate::Hz8000, 10_200);
        assert_eq!(waiting[..1_600], waiting[40_000..41_600]);
        assert!(waiting[1_600..40_000].iter().all(|&sample| sample == 0));
        assert!(Tone::waiting().is_endless() && !Tone::enter().is_endless());
    }

    #[test]
    fn two_sines_at_once_have_twice_the_power_of_one() {
        let one = generate(Tone::beep(350.0, 1_000, -13.0), SampleRate::Hz8000, 1_000);
        let both = generate(Tone::cadence([350.0, 440.0], -13.0, 1_000, 0), SampleRate::Hz8000, 1_000);
        let ratio = rms(&both) / rms(&one);
        assert!((ratio * ratio - 2.0).abs() < 0.02, "{ratio}");
    }
}
