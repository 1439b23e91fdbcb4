//! The receiving side of a stream of G.722: its decoder, whose state each payload leans on, with concealment.

use super::SampleRate;
use super::conceal::Concealer;
use super::g722::G722Decoder;

/// What a stream of G.722 is decoded with.
#[derive(Debug)]
pub struct Wideband {
    decoder: G722Decoder,
    concealer: Concealer,
}

impl Default for Wideband {
    fn default() -> Self {
        Self { decoder: G722Decoder::default(), concealer: Concealer::new(SampleRate::Hz16000) }
    }
}

impl Wideband {
    /// Decodes a payload; `samples` is as long as it says.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) {
        self.decoder.decode(payload, samples);
        self.concealer.received(samples);
    }

    /// The decoder.
    pub fn decoder(&self) -> &G722Decoder {
        &self.decoder
    }

    /// Fills all of `samples` in place of what was lost, by what was before it alone: the packet behind the gap, decoded by
    /// the state from before it, is so far off that leading over into it was measured to sound worse (PESQ 2.32 beside
    /// 2.38 with 5 % lost).
    pub fn conceal(&mut self, samples: &mut [i16]) {
        self.concealer.conceal(samples, None);
    }

    /// The sender pauses.
    pub fn pause(&mut self) {
        self.concealer.pause();
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(std::ptr::from_ref(self) as usize, size_of::<Self>());
        self.concealer.hot_memory(see);
    }
}
