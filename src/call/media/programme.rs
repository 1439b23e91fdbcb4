//! What a leg outside a conference hears: silence, itself, a tone, a recording.

use crate::audio::SampleRate;
use crate::audio::resample::Resampler;
use crate::audio::tone::{Tone, ToneGenerator};
use std::sync::Arc;

/// The source of what the leg is sent.
pub enum Programme {
    /// Nothing yet.
    Silence,
    /// The peer's own voice.
    Echo(Box<Echo>),
    /// A tone without end.
    Tone(Tone, Box<ToneGenerator>),
    /// Recorded samples.
    Recording(Box<Recording>),
}

/// Whether a programme goes on.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Progress {
    /// It does.
    Plays,
    /// Its last frame has just been given.
    Ended,
}

/// One frame, from hearing to speaking.
pub struct Echo {
    resampler: Option<Resampler>,
    frame: Vec<i16>,
}

/// A recording and how far it has been played.
pub struct Recording {
    samples: Arc<[i16]>,
    rate: SampleRate,
    out_rate: SampleRate,
    played: usize,
    repeat: bool,
    /// Where the leg's rate is another by now.
    resampler: Option<Resampler>,
}

impl Programme {
    /// Sends back what comes at rate `from`, at rate `to`.
    pub fn echo(from: SampleRate, to: SampleRate) -> Programme {
        let resampler = (from != to).then(|| Resampler::new(from, to));
        Programme::Echo(Box::new(Echo { resampler, frame: Vec::new() }))
    }

    /// A tone at the leg's rate.
    pub fn tone(tone: Tone, rate: SampleRate) -> Programme {
        let generator = Box::new(ToneGenerator::new(tone.clone(), rate));
        Programme::Tone(tone, generator)
    }

    /// Samples at the leg's rate, once or until the call ends.
    pub fn recording(samples: Arc<[i16]>, rate: SampleRate, repeat: bool) -> Programme {
        let recording = Recording { samples, rate, out_rate: rate, played: 0, repeat, resampler: None };
        Programme::Recording(Box::new(recording))
    }

    /// Goes on at other rates.
    pub fn rates_changed(&mut self, in_rate: SampleRate, out_rate: SampleRate) {
        match self {
            Programme::Silence => {}
            Programme::Echo(_) => *self = Programme::echo(in_rate, out_rate),
            Programme::Tone(tone, generator) => **generator = ToneGenerator::new(tone.clone(), out_rate),
            Programme::Recording(recording) => {
                let rate = recording.rate;
                recording.out_rate = out_rate;
                recording.resampler = (rate != out_rate).then(|| Resampler::new(rate, out_rate));
            }
        }
    }

    /// Takes the peer's frame.
    pub fn hear(&mut self, frame: &[i16]) {
        if let Programme::Echo(echo) = self {
            match &mut echo.resampler {
                None => {
                    echo.frame.clear();
                    echo.frame.extend_from_slice(frame);
                }
                Some(resampler) => {
                    echo.frame.resize(resampler.output_samples(frame.len()), 0);
                    resampler.process(frame, &mut echo.frame);
                }
            }
        }
    }

    /// Fills the frame that the peer is sent.
    pub fn speak(&mut self, frame: &mut [i16]) -> Progress {
        match self {
            Programme::Silence => frame.fill(0),
            Programme::Echo(echo) => {
                let len = echo.frame.len().min(frame.len());
                frame[..len].copy_from_slice(&echo.frame[..len]);
                frame[len..].fill(0);
            }
            Programme::Tone(_, generator) => {
                generator.fill(frame);
            }
            Programme::Recording(recording) => return recording.speak(frame),
        }
        Progress::Plays
    }
}

impl Recording {
    fn speak(&mut self, frame: &mut [i16]) -> Progress {
        let Some(mut resampler) = self.resampler.take() else { return self.read(frame) };
        // Frames are whole milliseconds, of which each rate has whole samples.
        let mut own = [0; super::FRAME_SAMPLES];
        let own = &mut own[..frame.len() * self.rate.hertz() as usize / self.out_rate.hertz() as usize];
        let progress = self.read(own);
        resampler.process(own, frame);
        self.resampler = Some(resampler);
        progress
    }

    fn read(&mut self, frame: &mut [i16]) -> Progress {
        let mut filled = 0;
        while filled < frame.len() {
            if self.played == self.samples.len() {
                if !self.repeat || self.samples.is_empty() {
                    frame[filled..].fill(0);
                    return Progress::Ended;
                }
                self.played = 0;
            }
            let len = (frame.len() - filled).min(self.samples.len() - self.played);
            frame[filled..filled + len].copy_from_slice(&self.samples[self.played..self.played + len]);
            filled += len;
            self.played += len;
        }
        Progress::Plays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_ends_after_its_last_sample() {
        let mut programme = Programme::recording([1, 2, 3].as_slice().into(), SampleRate::Hz8000, false);
        let mut frame = [9; 2];
        assert_eq!((programme.speak(&mut frame), frame), (Progress::Plays, [1, 2]));
        assert_eq!((programme.speak(&mut frame), frame), (Progress::Ended, [3, 0]));
    }

    #[test]
    fn a_repeated_recording_has_no_seam_of_silence() {
        let mut programme = Programme::recording([1, 2, 3].as_slice().into(), SampleRate::Hz8000, true);
        let mut frame = [0; 5];
        assert_eq!((programme.speak(&mut frame), frame), (Progress::Plays, [1, 2, 3, 1, 2]));
    }

    #[test]
    fn a_recording_without_samples_ends_even_when_repeated() {
        let mut frame = [7; 2];
        assert_eq!(
            Programme::recording([].as_slice().into(), SampleRate::Hz8000, true).speak(&mut frame),
            Progress::Ended
        );
        assert_eq!(frame, [0, 0]);
    }

    #[test]
    fn an_echo_gives_back_the_frame_it_heard() {
        let mut programme = Programme::echo(SampleRate::Hz8000, SampleRate::Hz8000);
        let mut frame = [0; 3];
        programme.hear(&[4, 5, 6]);
        programme.speak(&mut frame);
        assert_eq!(frame, [4, 5, 6]);
    }
}
