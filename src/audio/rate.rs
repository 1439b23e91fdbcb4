//! The four sample rates a leg can have.

use std::fmt;

/// A sample rate the codecs, buses and resamplers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleRate {
    /// 8 kHz: G.711.
    Hz8000,
    /// 16 kHz: wideband.
    Hz16000,
    /// 24 kHz: super-wideband.
    Hz24000,
    /// 48 kHz: full band, Opus.
    Hz48000,
}

impl SampleRate {
    /// All rates, lowest first; [`SampleRate::index`] is the place in it.
    pub const ALL: [SampleRate; 4] = [Self::Hz8000, Self::Hz16000, Self::Hz24000, Self::Hz48000];

    /// Samples per second.
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz48000 => 48_000,
        }
    }

    /// The rate of so many samples per second, if it is one of the four.
    pub const fn from_hertz(hertz: u32) -> Option<Self> {
        match hertz {
            8_000 => Some(Self::Hz8000),
            16_000 => Some(Self::Hz16000),
            24_000 => Some(Self::Hz24000),
            48_000 => Some(Self::Hz48000),
            _ => None,
        }
    }

    /// Samples in `duration_ms` milliseconds.
    pub const fn samples(self, duration_ms: u32) -> usize {
        (self.hertz() / 1000) as usize * duration_ms as usize
    }

    /// Place in [`SampleRate::ALL`], for tables with one entry per rate.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.hertz())
    }
}

#[cfg(test)]
mod tests {
    use super::SampleRate;

    #[test]
    fn every_rate_is_found_by_its_hertz_and_its_index() {
        for (index, rate) in SampleRate::ALL.into_iter().enumerate() {
            assert_eq!(SampleRate::from_hertz(rate.hertz()), Some(rate));
            assert_eq!(rate.index(), index);
            assert_eq!(rate.samples(20), rate.hertz() as usize / 50);
        }
        assert_eq!(SampleRate::from_hertz(44_100), None);
    }
}
