//! What heard speech is worth: PESQ of each prompt (P.862 for G.711, P.862.2 for what is wider), and the delay of each second.

use std::path::Path;

use antiphon::audio::wav::Wav;
use antiphon::audio::{Format, SampleRate, resample};

use crate::alignment::{Heard, Said, Slice};
use crate::hearing::{self, Concealment, Piece};
use crate::speech::Speech;

/// What is judged besides a prompt, before and after it.
const MARGIN_MS: u32 = 250;
/// What PESQ gives what it does not recognise.
const WORST: f64 = 1.0;

/// What one listener heard.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// One for each prompt.
    pub pesq: Vec<f64>,
    pub slices: Vec<Slice>,
}

/// Compares with one speech.
pub struct Judge {
    said: Speech,
    samples: Vec<f64>,
}

impl Judge {
    /// Of speech that was said at a codec's rate: listened to at 8 kHz, or at 16 kHz if it was said at more.
    pub fn new(speech: &Speech) -> Judge {
        let wide = speech.rate > SampleRate::Hz8000;
        let said = speech.at_rate(if wide { SampleRate::Hz16000 } else { SampleRate::Hz8000 });
        let samples = said.samples.iter().map(|sample| f64::from(*sample)).collect();
        Judge { said, samples }
    }

    /// Judges a stream of `format`, whose talker sent a packet each `interval_seconds`; what was heard goes to `file`.
    pub fn hear(
        &self,
        format: &Format,
        pieces: &[Piece],
        concealment: Concealment,
        interval_seconds: f64,
        file: Option<&Path>,
    ) -> Judgement {
        let (samples, places) = hearing::decode(format, pieces, concealment);
        let (from, to) = (format.rate().hertz(), self.said.rate);
        let samples = resample::convert(&samples, from, to);
        let scale = |(place, at): (usize, f64)| (place * to.hertz() as usize / from as usize, at);
        if let Some(file) = file {
            save(file, to, &samples);
        }
        let heard = Heard {
            samples: samples.iter().map(|sample| f64::from(*sample)).collect(),
            rate_hz: f64::from(to.hertz()),
            places: places.into_iter().map(scale).collect(),
        };
        let said = Said { samples: &self.samples, step_seconds: interval_seconds / to.samples(20) as f64 };
        let mut judgement = Judgement::default();
        for prompt in &self.said.prompts {
            let Some(place) = heard.find(said, prompt) else {
                judgement.pesq.push(WORST);
                continue;
            };
            judgement.slices.extend(heard.slices(said, prompt, place));
            let margin = to.samples(MARGIN_MS);
            let reference = window(&self.said.samples, prompt.start, prompt.len(), margin);
            judgement.pesq.push(self.pesq(reference, window(&samples, place, prompt.len(), margin)));
        }
        judgement
    }

    fn pesq(&self, reference: &[i16], heard: &[i16]) -> f64 {
        let len = reference.len().min(heard.len());
        let (reference, heard) = (&reference[..len], &heard[..len]);
        let score = match self.said.rate {
            SampleRate::Hz8000 => pesq::pesq_8k(reference, heard).map(|raw| pesq::score::mos_lqo(raw.into())),
            _ => pesq::pesq_wb(reference, heard),
        };
        score.map_or(WORST, f64::from)
    }

    /// What the talker said, as it is listened to.
    pub fn save_said(&self, file: &Path) {
        save(file, self.said.rate, &self.said.samples);
    }
}

fn window(samples: &[i16], place: usize, len: usize, margin: usize) -> &[i16] {
    &samples[place.saturating_sub(margin)..(place + len + margin).min(samples.len())]
}

fn save(file: &Path, rate: SampleRate, samples: &[i16]) {
    let wav = Wav { rate_hz: rate.hertz(), samples: samples.to_vec() };
    std::fs::write(file, wav.to_bytes()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
