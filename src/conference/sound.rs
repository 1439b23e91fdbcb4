//! Sounds that no participant says: tones and recordings, for all or for one.

use super::fade;
use super::place::ParticipantId;
use crate::audio::SampleRate;
use crate::audio::resample::Resampler;
use crate::audio::tone::{Tone, ToneGenerator};
use std::sync::Arc;

/// At most so many sounds play to all of a conference at once.
pub const MAX_SOUNDS_FOR_ALL: usize = 8;

/// At most so many sounds play to one participant alone at once.
pub const MAX_SOUNDS_FOR_ONE: usize = 4;

/// Something to be heard.
#[derive(Debug, Clone)]
pub enum Sound {
    /// Recorded samples.
    Samples {
        /// One channel.
        samples: Arc<[i16]>,
        /// Their rate.
        rate: SampleRate,
    },
    /// A generated tone.
    Tone(Tone),
}

/// Who is to hear a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every participant.
    All,
    /// One participant, even if it is deaf to the others.
    Only(ParticipantId),
}

/// Names a sound of one conference; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoundId {
    pub(super) number: u64,
    pub(super) audience: Audience,
}

/// A sound while it plays.
#[derive(Debug)]
pub(super) struct Playback {
    number: u64,
    source: Source,
    rate: SampleRate,
    stopping: bool,
    over: bool,
    /// Room for a frame at its own rate.
    samples: Vec<i16>,
    frame: Vec<i32>,
    /// To the rate of its one listener, if that is another, and room for a frame there.
    conversion: Option<(SampleRate, Box<Resampler>, Vec<i32>)>,
}

#[derive(Debug)]
enum Source {
    Samples { samples: Arc<[i16]>, at: usize },
    Tone(ToneGenerator),
}

impl Playback {
    /// A tone is made at `rate`; recordings have theirs.
    pub(super) fn new(number: u64, sound: Sound, rate: SampleRate, frame_ms: u32) -> Self {
        let (source, rate) = match sound {
            Sound::Samples { samples, rate } => (Source::Samples { samples, at: 0 }, rate),
            Sound::Tone(tone) => (Source::Tone(ToneGenerator::new(tone, rate)), rate),
        };
        let (samples, frame) = (vec![0; rate.samples(frame_ms)], vec![0; rate.samples(frame_ms)]);
        Self { number, source, rate, stopping: false, over: false, samples, frame, conversion: None }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Rate of its own samples.
    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Fades out in the next frame.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    /// True once all of it was heard.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Adds the next frame at its own rate.
    pub(super) fn add_to(&mut self, sums: &mut [i32]) {
        self.next_frame();
        sums.iter_mut().zip(&self.frame).for_each(|(sum, sample)| *sum += sample);
    }

    /// Adds the next frame at the rate of its one listener, whose frame `sums` is.
    pub(super) fn add_at(&mut self, rate: SampleRate, sums: &mut [i32]) {
        if rate == self.rate {
            return self.add_to(sums);
        }
        self.next_frame();
        if self.conversion.as_ref().is_none_or(|(to, ..)| *to != rate) {
            self.conversion = Some((rate, Box::new(Resampler::new(self.rate, rate)), vec![0; sums.len()]));
        }
        if let Some((_, resampler, converted)) = &mut self.conversion {
            resampler.process_sums(&self.frame, converted);
            sums.iter_mut().zip(converted).for_each(|(sum, sample)| *sum += *sample);
        }
    }

    fn next_frame(&mut self) {
        let filled = self.source.fill(&mut self.samples);
        self.frame.iter_mut().zip(&self.samples).for_each(|(sum, &sample)| *sum = i32::from(sample));
        if self.stopping {
            fade::fade_out(&mut self.frame, self.rate);
        }
        // A frame of silence after the last sample lets the resampler bring it to its end.
        self.over = self.stopping || filled == 0;
    }
}

impl Source {
    /// Fills the frame, with silence after the end; tells how much was still there.
    fn fill(&mut self, frame: &mut [i16]) -> usize {
        match self {
            Self::Tone(generator) => generator.fill(frame),
            Self::Samples { samples, at } => {
                let len = frame.len().min(samples.len() - *at);
                frame[..len].copy_from_slice(&samples[*at..*at + len]);
                frame[len..].fill(0);
                *at += len;
                len
            }
        }
    }
}
