//! libopus's states as blocks of memory of ours: the encoder's so that it can be copied, which the crate `opus` does not
//! offer, and the decoder's for a control that the crate lacks (complexity, which switches deep concealment).
//!
//! Driven by [`super::opus`] alone, which knows what the numbers mean.
#![allow(unsafe_code)]

use opusic_sys as ffi;
use std::ffi::c_int;
use std::fmt;

/// What `opus_encoder_ctl` sets, each by one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    BitrateBps,
    Complexity,
    InbandFec,
    PacketLossPercent,
    Dtx,
    VariableBitrate,
    MaxBandwidth,
    LsbDepth,
    PredictionDisabled,
    DredFrames,
}

/// The memory of one state of libopus, aligned as malloc would.
#[derive(Clone)]
struct Memory(Box<[u128]>);

impl Memory {
    /// Zeroed, of the size that libopus asks for; an error where that is none, since there would be no memory to hand in.
    fn of(octets: c_int) -> Result<Self, c_int> {
        let asked = usize::try_from(octets).ok().filter(|octets| *octets > 0);
        let words = asked.ok_or(ffi::OPUS_INTERNAL_ERROR)?.div_ceil(size_of::<u128>());
        Ok(Self(vec![0; words].into_boxed_slice()))
    }

    fn as_ptr<T>(&self) -> *const T {
        self.0.as_ptr().cast()
    }

    fn as_mut_ptr<T>(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", size_of_val(&*self.0))
    }
}

/// An encoder of one channel. A clone goes on exactly where its original is: "It is position independent and can be
/// freely copied" (opus.h, `OpusEncoder`).
#[derive(Debug, Clone)]
pub(super) struct EncoderState {
    memory: Memory,
}

impl EncoderState {
    /// A fresh encoder for an `OPUS_APPLICATION_…`; the code of libopus if it takes no such rate.
    pub(super) fn new(rate_hz: u32, application: c_int) -> Result<Self, c_int> {
        // SAFETY: a pure function of its argument.
        let mut memory = Memory::of(unsafe { ffi::opus_encoder_get_size(1) })?;
        // SAFETY: the memory has the size that libopus asked for one channel, and is ours alone.
        let code = unsafe { ffi::opus_encoder_init(memory.as_mut_ptr(), rate_hz as i32, 1, application) };
        if code == ffi::OPUS_OK { Ok(Self { memory }) } else { Err(code) }
    }

    /// Encodes one frame; the octets of the packet, or the code of libopus.
    pub(super) fn encode(&mut self, frame: &[i16], packet: &mut [u8]) -> Result<usize, c_int> {
        let len_samples = c_int::try_from(frame.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        let room = i32::try_from(packet.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        // SAFETY: the state was initialised by `new` for one channel, so libopus reads `len_samples` samples, and it
        // writes at most `room` octets.
        let outcome = unsafe {
            ffi::opus_encode(self.memory.as_mut_ptr(), frame.as_ptr(), len_samples, packet.as_mut_ptr(), room)
        };
        usize::try_from(outcome).map_err(|_| outcome)
    }

    /// Sets one control from the next frame on; the code of libopus if it takes no such value.
    pub(super) fn set(&mut self, control: Control, value: i32) -> Result<(), c_int> {
        let request = match control {
            Control::BitrateBps => ffi::OPUS_SET_BITRATE_REQUEST,
            Control::Complexity => ffi::OPUS_SET_COMPLEXITY_REQUEST,
            Control::InbandFec => ffi::OPUS_SET_INBAND_FEC_REQUEST,
            Control::PacketLossPercent => ffi::OPUS_SET_PACKET_LOSS_PERC_REQUEST,
            Control::Dtx => ffi::OPUS_SET_DTX_REQUEST,
            Control::VariableBitrate => ffi::OPUS_SET_VBR_REQUEST,
            Control::MaxBandwidth => ffi::OPUS_SET_MAX_BANDWIDTH_REQUEST,
            Control::LsbDepth => ffi::OPUS_SET_LSB_DEPTH_REQUEST,
            Control::PredictionDisabled => ffi::OPUS_SET_PREDICTION_DISABLED_REQUEST,
            Control::DredFrames => ffi::OPUS_SET_DRED_DURATION_REQUEST,
        };
        // SAFETY: the state was initialised by `new`, and each of these requests takes one 32 bit number (opus_defines.h).
        let code = unsafe { ffi::opus_encoder_ctl(self.memory.as_mut_ptr(), request, value) };
        if code == ffi::OPUS_OK { Ok(()) } else { Err(code) }
    }
}

/// A decoder that gives one channel.
#[derive(Debug)]
pub(super) struct DecoderState {
    memory: Memory,
}

impl DecoderState {
    /// A fresh decoder; the code of libopus if it takes no such rate.
    pub(super) fn new(rate_hz: u32) -> Result<Self, c_int> {
        // SAFETY: a pure function of its argument.
        let mut memory = Memory::of(unsafe { ffi::opus_decoder_get_size(1) })?;
        // SAFETY: the memory has the size that libopus asked for one channel, and is ours alone.
        let code = unsafe { ffi::opus_decoder_init(memory.as_mut_ptr(), rate_hz as i32, 1) };
        if code == ffi::OPUS_OK { Ok(Self { memory }) } else { Err(code) }
    }

    /// Decodes one packet.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> Result<usize, c_int> {
        self.run(packet, samples, false)
    }

    /// Decodes what `packet` has of the one before it; where it has nothing, this is concealment.
    pub(super) fn decode_fec(&mut self, packet: &[u8], samples: &mut [i16]) -> Result<usize, c_int> {
        self.run(packet, samples, true)
    }

    /// Fills `samples` by concealment.
    pub(super) fn conceal(&mut self, samples: &mut [i16]) -> Result<usize, c_int> {
        self.run(&[], samples, false)
    }

    /// Decodes what `dred` was parsed to hold from `ahead_samples` before its packet on; where it holds nothing, this is
    /// concealment.
    pub(super) fn decode_dred(
        &mut self,
        dred: &DredState,
        ahead_samples: i32,
        samples: &mut [i16],
    ) -> Result<usize, c_int> {
        let len_samples = i32::try_from(samples.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        // SAFETY: both states were initialised by their `new`; of one channel libopus writes at most `len_samples` samples.
        let outcome = unsafe {
            ffi::opus_decoder_dred_decode(
                self.memory.as_mut_ptr(),
                dred.redundancy.as_ptr(),
                ahead_samples,
                samples.as_mut_ptr(),
                len_samples,
            )
        };
        usize::try_from(outcome).map_err(|_| outcome)
    }

    /// Sets the complexity from the next call on; the code of libopus if it takes no such value.
    pub(super) fn set_complexity(&mut self, complexity: i32) -> Result<(), c_int> {
        let request = ffi::OPUS_SET_COMPLEXITY_REQUEST;
        // SAFETY: the state was initialised by `new`, and the request takes one 32 bit number (opus_defines.h).
        let code = unsafe { ffi::opus_decoder_ctl(self.memory.as_mut_ptr(), request, complexity) };
        if code == ffi::OPUS_OK { Ok(()) } else { Err(code) }
    }

    /// An empty packet is a lost one.
    fn run(&mut self, packet: &[u8], samples: &mut [i16], fec: bool) -> Result<usize, c_int> {
        let len_octets = i32::try_from(packet.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        let room_samples = c_int::try_from(samples.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        let data = if packet.is_empty() { std::ptr::null() } else { packet.as_ptr() };
        // SAFETY: the state was initialised by `new` for one channel, so libopus writes at most `room_samples` samples; it
        // reads `len_octets` octets, or none where there is no data.
        let outcome = unsafe {
            ffi::opus_decode(
                self.memory.as_mut_ptr(),
                data,
                len_octets,
                samples.as_mut_ptr(),
                room_samples,
                fec.into(),
            )
        };
        usize::try_from(outcome).map_err(|_| outcome)
    }
}

/// Whether a packet has a copy of the one before it.
pub(super) fn has_fec(packet: &[u8]) -> bool {
    let Ok(len_octets) = i32::try_from(packet.len()) else { return false };
    // SAFETY: libopus reads `len_octets` octets; it looks at the first without asking how many there are.
    len_octets > 0 && unsafe { ffi::opus_packet_has_lbrr(packet.as_ptr(), len_octets) } > 0
}

/// What reads deep redundancy (DRED) out of packets, and what it read last.
#[derive(Debug)]
pub(super) struct DredState {
    decoder: Memory,
    redundancy: Memory,
}

impl DredState {
    /// Having read nothing; the code of libopus if it was built without.
    pub(super) fn new() -> Result<Self, c_int> {
        // SAFETY: pure functions.
        let (decoder, redundancy) = unsafe { (ffi::opus_dred_decoder_get_size(), ffi::opus_dred_get_size()) };
        if decoder <= 0 || redundancy <= 0 {
            return Err(ffi::OPUS_UNIMPLEMENTED);
        }
        let (mut decoder, redundancy) = (Memory::of(decoder)?, Memory::of(redundancy)?);
        // SAFETY: the memory has the size that libopus asked for, and is ours alone.
        let code = unsafe { ffi::opus_dred_decoder_init(decoder.as_mut_ptr()) };
        if code != ffi::OPUS_OK {
            return Err(code);
        }
        let mut state = Self { decoder, redundancy };
        // A packet without any: marks the redundancy, which libopus leaves as it is allocated, as holding nothing.
        state.parse(&[0, 0], 0, 48_000, false)?;
        Ok(state)
    }

    #[cfg(test)]
    pub(super) fn memory_octets(&self) -> usize {
        size_of_val(&*self.decoder.0) + size_of_val(&*self.redundancy.0)
    }

    /// Reads up to `most_samples` before `packet`; how many it has, which may be more or fewer. If `to_decode`, they can be
    /// decoded afterwards; else they are only counted, which is cheap.
    pub(super) fn parse(
        &mut self,
        packet: &[u8],
        most_samples: i32,
        rate_hz: u32,
        to_decode: bool,
    ) -> Result<usize, c_int> {
        let len_octets = i32::try_from(packet.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        let mut silent_samples = 0;
        // SAFETY: the decoder was initialised by `new`, the redundancy has the size that libopus asked for and is written
        // before it is read (`opus_dred_alloc` does not initialise it either); libopus reads `len_octets` octets.
        let outcome = unsafe {
            ffi::opus_dred_parse(
                self.decoder.as_mut_ptr(),
                self.redundancy.as_mut_ptr(),
                packet.as_ptr(),
                len_octets,
                most_samples,
                rate_hz as i32,
                &mut silent_samples,
                (!to_decode).into(),
            )
        };
        usize::try_from(outcome).map_err(|_| outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_without_a_size_is_refused() {
        for octets in [0, -1, c_int::MIN] {
            assert_eq!(Memory::of(octets).err(), Some(ffi::OPUS_INTERNAL_ERROR), "{octets}");
        }
        assert_eq!(size_of_val(&*Memory::of(17).unwrap().0), 32, "whole words");
    }
}
