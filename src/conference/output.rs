//! How sums become samples: limited or, for who wants them as they are, cut.

use crate::audio::SampleRate;
use crate::audio::limiter::Limiter;
use crate::audio::saturate::saturate_all;

/// One distinct output of a conference: a bus, or what one participant alone hears.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Output {
    /// Each sum is cut by itself.
    #[default]
    Cut,
    /// Loud ones together become quieter.
    Limited(Limiter),
}

impl Output {
    pub(super) fn new(limits: bool) -> Self {
        if limits { Self::Limited(Limiter::default()) } else { Self::Cut }
    }

    /// The same kind, with nothing behind it.
    pub(super) fn afresh(self) -> Self {
        Self::new(matches!(self, Self::Limited(_)))
    }

    /// Writes a frame.
    pub(super) fn apply(&mut self, rate: SampleRate, sums: &[i32], samples: &mut [i16]) {
        match self {
            Self::Cut => _ = saturate_all(sums, samples),
            Self::Limited(limiter) => limiter.apply(rate, sums, samples),
        }
    }

    /// A frame of silence is heard.
    pub(super) fn rest(&mut self, frame_ms: u32) {
        if let Self::Limited(limiter) = self {
            limiter.rest(frame_ms);
        }
    }
}
