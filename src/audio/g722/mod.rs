//! G.722 at 64 kbit/s after ITU-T G.722 (09/2012): 16 kHz samples in two bands, each by adaptive differences.
//!
//! A pair of samples becomes an octet: six bits of the band below 4 kHz, and above them two of the band above it. The
//! arithmetic is that of the Recommendation's blocks, exact to the bit. All state is plain values: a clone goes on
//! exactly where its original is, and nothing is allocated.

mod bands;
mod filter;
mod predictor;
#[cfg(test)]
mod tests;

use bands::{HighBand, LowBand};
use filter::{Analysis, Synthesis};

/// Samples of an octet.
pub const SAMPLES_PER_OCTET: usize = 2;

/// The encoder of one stream.
#[derive(Debug, Clone, Default)]
pub struct G722Encoder {
    analysis: Analysis,
    low: LowBand,
    high: HighBand,
}

impl G722Encoder {
    /// A decoder that has followed another encoder as this one has can follow from here: both sides of a stream have the same
    /// state. What the encoder has heard stays.
    pub fn follow(&mut self, decoder: &G722Decoder) {
        self.low.clone_from(&decoder.low);
        self.high.clone_from(&decoder.high);
    }

    /// Encodes an octet per pair of samples; `octets` is half as long as `samples`.
    pub fn encode(&mut self, samples: &[i16], octets: &mut [u8]) {
        assert_eq!(samples.len(), octets.len() * SAMPLES_PER_OCTET, "one octet per pair of samples");
        for (octet, pair) in octets.iter_mut().zip(samples.chunks_exact(SAMPLES_PER_OCTET)) {
            let (low, high) = self.analysis.split([pair[0], pair[1]]);
            *octet = self.high.encode(high) << 6 | self.low.encode(low);
        }
    }
}

/// The decoder of one stream.
#[derive(Debug, Clone, Default)]
pub struct G722Decoder {
    synthesis: Synthesis,
    low: LowBand,
    high: HighBand,
}

impl G722Decoder {
    /// Decodes a pair of samples per octet; `samples` is twice as long as `octets`.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) {
        assert_eq!(samples.len(), octets.len() * SAMPLES_PER_OCTET, "one octet per pair of samples");
        for (pair, &octet) in samples.chunks_exact_mut(SAMPLES_PER_OCTET).zip(octets) {
            let (low, high) = (self.low.decode(octet & 63), self.high.decode(octet >> 6));
            pair.copy_from_slice(&self.synthesis.join(low, high));
        }
    }
}
