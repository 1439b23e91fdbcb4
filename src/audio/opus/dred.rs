//! Deep redundancy (DRED): packets that carry a coarse copy of the last second's voice, out of which whole gaps are filled.
//!
//! libopus 1.6 puts it into an extension in the packet's padding (draft-ietf-mlcodec-opus-dred, experimental version 12).

use super::super::opus_ffi::DredState;
use super::{OpusDecoder, OpusError, refused};
use crate::audio::SampleRate;

/// The longest gap that is filled so; waiting for the packet behind it is delay.
pub const MAX_DRED_MS: u32 = 300;

/// The redundancy's steps of 40 ms begin up to so much before its packet (its `dred_offset`), which libopus leaves out of
/// account when it is told how much to read.
const OFFSET_MAX_MS: u32 = 40;

/// Copies of longer packets are not kept: beside an Opus frame of the longest kind.
const KEPT_OCTETS: usize = 1500;

/// What all is counted in here, whatever the decoder gives.
const RATE: SampleRate = SampleRate::Hz48000;

/// Reads the redundancy of any stream; 15 KiB, of which nothing has to outlive a frame, so that one serves many decoders.
#[derive(Debug)]
pub struct OpusDred {
    inner: DredState,
    /// The packet that `inner` was read from, for the next frame of the same gap; empty if there is none to go on with.
    packet: Vec<u8>,
    /// How far it reaches, in samples at [`RATE`].
    reach_samples: usize,
}

impl OpusDred {
    /// Having read nothing.
    pub fn new() -> Result<Self, OpusError> {
        let inner = DredState::new().map_err(refused)?;
        Ok(Self { inner, packet: Vec::with_capacity(KEPT_OCTETS), reach_samples: 0 })
    }

    /// Whether a packet has padding, without which there is none (RFC 6716 §3.2.5): most have not. Nor is there any use in
    /// that of SILK below wideband (configurations 0 to 7, §3.1), whose concealment in libopus knows nothing of it.
    pub fn may_be_in(packet: &[u8]) -> bool {
        matches!(packet, [toc, count, ..] if toc & 3 == 3 && toc >> 3 >= 8 && count & 0x40 != 0)
    }

    /// How much of what was before `packet` it carries, up to [`MAX_DRED_MS`]. Some 7 µs.
    pub fn reach_ms(&mut self, packet: &[u8]) -> u32 {
        self.packet.clear();
        (self.parse(packet, false) / RATE.samples(1)) as u32
    }

    /// What it takes, on the heap.
    #[cfg(test)]
    pub(super) fn memory_octets(&self) -> usize {
        self.inner.memory_octets() + self.packet.capacity()
    }

    /// Reads what is to be decoded; whether it reaches so far before `packet`.
    fn read(&mut self, packet: &[u8], ahead_samples: usize) -> bool {
        if packet.is_empty() || self.packet != packet {
            self.packet.clear();
            self.reach_samples = self.parse(packet, true);
            if packet.len() <= KEPT_OCTETS {
                self.packet.extend_from_slice(packet);
            }
        }
        ahead_samples <= self.reach_samples
    }

    fn parse(&mut self, packet: &[u8], to_decode: bool) -> usize {
        if !Self::may_be_in(packet) {
            return 0;
        }
        let most_samples = RATE.samples(MAX_DRED_MS + OFFSET_MAX_MS) as i32;
        let carried = self.inner.parse(packet, most_samples, RATE.hertz(), to_decode);
        carried.unwrap_or(0).min(RATE.samples(MAX_DRED_MS))
    }
}

impl OpusDecoder {
    /// Fills `samples`, which were to be heard `ahead_samples` before the first of `behind`, from its redundancy; `false` and
    /// nothing done where that does not reach.
    pub fn recover(
        &mut self,
        dred: &mut OpusDred,
        behind: &[u8],
        ahead_samples: usize,
        samples: &mut [i16],
    ) -> bool {
        let step = self.rate.hertz() as usize / 400;
        let longest = self.rate.samples(MAX_DRED_MS);
        let fits = !samples.is_empty() && samples.len().is_multiple_of(step) && samples.len() <= longest;
        let ahead = ahead_samples.saturating_mul((RATE.hertz() / self.rate.hertz()) as usize);
        if !fits || !dred.read(behind, ahead) {
            return false;
        }
        self.set_complexity(super::DEEP_COMPLEXITY);
        self.inner.decode_dred(&dred.inner, ahead_samples as i32, samples) == Ok(samples.len())
    }
}
