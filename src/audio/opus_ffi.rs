//! libopus's encoder as one block of memory of ours, so that it can be copied: the crate `opus` keeps it to itself.
//!
//! Driven by [`super::opus`] alone, which knows what the numbers mean. The decoder stays the crate's.
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
}

/// An encoder of one channel. A clone goes on exactly where its original is.
#[derive(Clone)]
pub(super) struct EncoderState {
    /// The state of libopus, aligned as malloc would.
    memory: Box<[u128]>,
}

impl fmt::Debug for EncoderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncoderState").field("octets", &size_of_val(&*self.memory)).finish()
    }
}

impl EncoderState {
    /// A fresh encoder for an `OPUS_APPLICATION_…`; the code of libopus if it takes no such rate.
    pub(super) fn new(rate_hz: u32, application: c_int) -> Result<Self, c_int> {
        // SAFETY: a pure function of its argument.
        let octets = unsafe { ffi::opus_encoder_get_size(1) };
        let words = usize::try_from(octets).unwrap_or_default().div_ceil(size_of::<u128>());
        let mut state = Self { memory: vec![0; words].into_boxed_slice() };
        // SAFETY: the memory has the size that libopus asked for one channel, and is ours alone.
        let code = unsafe { ffi::opus_encoder_init(state.as_mut_ptr(), rate_hz as i32, 1, application) };
        if code == ffi::OPUS_OK { Ok(state) } else { Err(code) }
    }

    /// Encodes one frame; the octets of the packet, or the code of libopus.
    pub(super) fn encode(&mut self, frame: &[i16], packet: &mut [u8]) -> Result<usize, c_int> {
        let len_samples = c_int::try_from(frame.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        let room = i32::try_from(packet.len()).map_err(|_| ffi::OPUS_BAD_ARG)?;
        // SAFETY: the state was initialised by `new` for one channel, so libopus reads `len_samples` samples, and it
        // writes at most `room` octets.
        let outcome = unsafe {
            ffi::opus_encode(self.as_mut_ptr(), frame.as_ptr(), len_samples, packet.as_mut_ptr(), room)
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
        };
        // SAFETY: the state was initialised by `new`, and each of these requests takes one 32 bit number (opus_defines.h).
        let code = unsafe { ffi::opus_encoder_ctl(self.as_mut_ptr(), request, value) };
        if code == ffi::OPUS_OK { Ok(()) } else { Err(code) }
    }

    /// "It is position independent and can be freely copied" (opus.h, `OpusEncoder`): so it may lie in a box and be cloned.
    fn as_mut_ptr(&mut self) -> *mut ffi::OpusEncoder {
        self.memory.as_mut_ptr().cast()
    }
}
