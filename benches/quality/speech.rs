//! What the talker says: prompts from files, all equally loud, with pauses between them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use antiphon::audio::wav::Wav;
use antiphon::audio::{Decoder, Format, SampleRate, resample};

use crate::codec::FRAME_MS;

/// Silence before the first prompt, after each, and at the end.
const LEAD_MS: u32 = 1500;
const GAP_MS: u32 = 800;
const TAIL_MS: u32 = 1500;
/// Active speech level (RMS of what is no pause), and the highest peak.
const LEVEL: f64 = 32768.0 * 0.0501; // −26 dBFS
const PEAK: f64 = 29200.0; // −1 dBFS
/// Pieces of a recording whose level is looked at, and which share of the loudest one is no pause.
const PIECE_SAMPLES: usize = 160;
const ACTIVE_SHARE: f64 = 0.05;

/// 20 ms of 64 kbit/s.
const G722_PACKET_OCTETS: usize = 160;

/// Samples to say, and where the prompts are in them.
#[derive(Clone, Debug)]
pub struct Speech {
    pub samples: Vec<i16>,
    pub rate: SampleRate,
    pub prompts: Vec<Range<usize>>,
}

impl Speech {
    /// The prompts one after the other, again and again until it is as long as `least_seconds`.
    pub fn of(prompts: &[Vec<i16>], rate: SampleRate, least_seconds: usize) -> Speech {
        let frame = rate.samples(FRAME_MS);
        let least = (least_seconds * rate.hertz() as usize).saturating_sub(rate.samples(TAIL_MS));
        let mut speech = Speech { samples: vec![0; rate.samples(LEAD_MS)], rate, prompts: Vec::new() };
        for (number, prompt) in prompts.iter().cycle().enumerate() {
            if number >= prompts.len() && speech.samples.len() >= least {
                break;
            }
            let start = speech.samples.len();
            speech.prompts.push(start..start + prompt.len());
            speech.samples.extend_from_slice(prompt);
            let end = (speech.samples.len() + rate.samples(GAP_MS)).next_multiple_of(frame);
            speech.samples.resize(end, 0);
        }
        speech.samples.resize(speech.samples.len() + rate.samples(TAIL_MS), 0);
        speech
    }

    /// The same at another rate.
    pub fn at_rate(&self, rate: SampleRate) -> Speech {
        let place = |sample: usize| sample * rate.hertz() as usize / self.rate.hertz() as usize;
        Speech {
            samples: resample::convert(&self.samples, self.rate.hertz(), rate),
            rate,
            prompts: self.prompts.iter().map(|prompt| place(prompt.start)..place(prompt.end)).collect(),
        }
    }
}

/// All recordings of a folder at one rate, by name; of its subfolder `nb` or `wb` if it has them.
pub fn read(folder: &Path, rate: SampleRate) -> Result<Vec<Vec<i16>>, String> {
    let band = folder.join(if rate == SampleRate::Hz8000 { "nb" } else { "wb" });
    let folder = if band.is_dir() { &band } else { folder };
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(|error| failed(&error))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "wav" || end == "g722"));
    files.sort();
    if files.is_empty() {
        return Err(failed(&"no .wav or .g722 in it"));
    }
    files.iter().map(|file| recording(file, rate)).collect()
}

fn recording(file: &Path, rate: SampleRate) -> Result<Vec<i16>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
    let wav = match file.extension() {
        Some(end) if end == "g722" => wideband(&bytes),
        _ => Wav::parse(&bytes).map_err(|error| failed(&error))?,
    };
    let samples = level(&wav.samples);
    Ok(Wav { samples, ..wav }.at_rate(rate))
}

/// A file of bare G.722.
fn wideband(octets: &[u8]) -> Wav {
    let mut decoder = Decoder::new(&Format::G722).expect("a decoder without memory to ask for");
    let mut samples = vec![0; decoder.max_samples()];
    let mut decode = |packet| {
        let len = decoder.decode(packet, &mut samples).unwrap_or(0);
        samples[..len].to_vec()
    };
    let samples = octets.chunks(G722_PACKET_OCTETS).flat_map(&mut decode).collect();
    Wav { rate_hz: Format::G722.rate().hertz(), samples }
}

/// Brings a recording to the common level.
fn level(samples: &[i16]) -> Vec<i16> {
    let power = |piece: &[i16]| {
        piece.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / piece.len() as f64
    };
    let powers: Vec<f64> = samples.chunks_exact(PIECE_SAMPLES).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let active: Vec<f64> =
        powers.into_iter().filter(|power| power.sqrt() > ACTIVE_SHARE * loudest.sqrt()).collect();
    let mean = active.iter().sum::<f64>() / active.len().max(1) as f64;
    let peak = samples.iter().map(|sample| f64::from(sample.unsigned_abs())).fold(1.0, f64::max);
    let factor = (LEVEL / mean.sqrt().max(1.0)).min(PEAK / peak);
    samples.iter().map(|sample| (f64::from(*sample) * factor).round() as i16).collect()
}
