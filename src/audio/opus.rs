//! Opus (RFC 6716) by libopus, as RFC 7587 carries it in RTP; mono, whatever the peer sends.
//!
//! An encode uses about 41 KiB of stack, a decode 15 KiB, a concealment by the neural network 69 KiB: `call` runs all on the
//! worker's codec stack.
//! The text of `a=fmtp` is the business of `sdp`; its meaning arrives here as [`OpusFmtp`].

mod dred;
mod silence;

pub use dred::{MAX_DRED_MS, OpusDred};

use super::opus_ffi::{self, Control, DecoderState, EncoderState};
use super::{Effort, SampleRate};
use std::ffi::c_int;
use std::fmt;

pub use silence::says_silence;

/// What the encoder is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpusApplication {
    /// Speech: intelligible at low bitrates.
    Voip,
    /// Music and general sound.
    Audio,
    /// CELT alone: least delay and a third of the cost, needs more bits.
    LowDelay,
}

/// How we encode. Values out of range are brought into it, as they may come from a peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpusSettings {
    /// Rate of the samples given to the encoder or taken from the decoder; the RTP clock is 48 kHz whatever
    /// this is.
    pub rate: SampleRate,
    /// Average bitrate, 6,000 to 510,000 bit/s.
    pub bitrate_bps: u32,
    /// 0 (cheapest) to 10.
    pub complexity: u8,
    /// Sends a coarse copy of the previous frame when loss is expected (in-band FEC).
    pub fec: bool,
    /// Sends (almost) nothing in silence.
    pub dtx: bool,
    /// Loss the encoder should prepare for, 0 to 100.
    pub expected_loss_percent: u8,
    /// Of how much before it each packet carries a coarse copy (DRED), at most, up to 1 s; none where no loss is expected.
    pub dred_ms: u16,
    /// Tuning.
    pub application: OpusApplication,
    /// Every packet of the same size.
    pub constant_bitrate: bool,
    /// Highest rate whose band is coded at all (the receiver's `maxplaybackrate`).
    pub max_playback_rate_hz: u32,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self {
            rate: SampleRate::Hz48000,
            bitrate_bps: 32_000,
            complexity: 5,
            fec: true,
            dtx: false,
            expected_loss_percent: 0,
            dred_ms: 0,
            application: OpusApplication::Voip,
            constant_bitrate: false,
            max_playback_rate_hz: 48_000,
        }
    }
}

impl OpusSettings {
    /// These settings, within what the receiver asked for in its `a=fmtp` (RFC 7587 §6.1): its bitrate and
    /// playback rate are upper bounds, FEC and DTX are used only if both sides want them.
    pub fn honouring(&self, receiver: &OpusFmtp) -> Self {
        Self {
            bitrate_bps: receiver
                .max_average_bitrate_bps
                .unwrap_or(510_000)
                .clamp(6_000, 510_000)
                .min(self.bitrate_bps),
            fec: self.fec && receiver.use_inband_fec,
            dtx: self.dtx && receiver.use_dtx,
            constant_bitrate: self.constant_bitrate || receiver.constant_bitrate,
            max_playback_rate_hz: receiver
                .max_playback_rate_hz
                .unwrap_or(48_000)
                .min(self.max_playback_rate_hz),
            ..self.clone()
        }
    }
}

/// What a receiver declares in its `a=fmtp` line (RFC 7587 §6.1); the default is what an absent line means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpusFmtp {
    /// `maxplaybackrate`: 48,000 if absent.
    pub max_playback_rate_hz: Option<u32>,
    /// `maxaveragebitrate`.
    pub max_average_bitrate_bps: Option<u32>,
    /// `cbr=1`.
    pub constant_bitrate: bool,
    /// `useinbandfec=1`.
    pub use_inband_fec: bool,
    /// `usedtx=1`.
    pub use_dtx: bool,
    /// `stereo=1`: would like two channels; we send one, which is always allowed.
    pub stereo: bool,
}

/// Why libopus refused. The kinds are those of `opus_defines.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpusError {
    /// A length or a setting libopus does not take.
    BadArgument,
    /// The output is too short.
    BufferTooSmall,
    /// The payload is no Opus packet.
    InvalidPacket,
    /// No memory for the state.
    OutOfMemory,
    /// A fault inside libopus.
    Internal,
}

impl fmt::Display for OpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadArgument => "length or setting not allowed by Opus",
            Self::BufferTooSmall => "output too short for the Opus frame",
            Self::InvalidPacket => "not an Opus packet",
            Self::OutOfMemory => "no memory for the Opus state",
            Self::Internal => "fault inside libopus",
        })
    }
}

impl std::error::Error for OpusError {}

impl From<::opus::ErrorCode> for OpusError {
    fn from(code: ::opus::ErrorCode) -> Self {
        match code {
            ::opus::ErrorCode::BadArg => Self::BadArgument,
            ::opus::ErrorCode::BufferTooSmall => Self::BufferTooSmall,
            ::opus::ErrorCode::InvalidPacket => Self::InvalidPacket,
            ::opus::ErrorCode::AllocFail => Self::OutOfMemory,
            _ => Self::Internal,
        }
    }
}

impl From<::opus::Error> for OpusError {
    fn from(error: ::opus::Error) -> Self {
        error.code().into()
    }
}

/// What libopus answers in the place of a result.
fn refused(code: c_int) -> OpusError {
    use ::opus::ErrorCode::{AllocFail, BadArg, BufferTooSmall, InternalError, InvalidPacket};
    let mut known = [BadArg, BufferTooSmall, InvalidPacket, AllocFail].into_iter();
    known.find(|known| *known as c_int == code).unwrap_or(InternalError).into()
}

/// Largest packet we write: 1275 octets is the most one Opus frame can have (RFC 6716 §3.4).
pub const MAX_PACKET_OCTETS: usize = 1275;

/// Longest duration one Opus packet can hold (RFC 6716 §3.4, R5).
pub const MAX_PACKET_MS: u32 = 120;

/// Deep redundancy reaches no further (opus_encoder.c: 104 frames of 10 ms, the last of which are not whole).
const MAX_SENT_DRED_MS: u16 = 1000;

/// Encoder state of one stream. A clone goes on exactly where its original is, so a decoder that follows the one can
/// follow the other.
#[derive(Debug, Clone)]
pub struct OpusEncoder {
    inner: EncoderState,
    settings: OpusSettings,
    /// As set in `inner`: that of the settings, or what it was limited to.
    complexity: u8,
}

impl OpusEncoder {
    /// A fresh encoder.
    pub fn new(settings: OpusSettings) -> Result<Self, OpusError> {
        let application = match settings.application {
            OpusApplication::Voip => ::opus::Application::Voip,
            OpusApplication::Audio => ::opus::Application::Audio,
            OpusApplication::LowDelay => ::opus::Application::LowDelay,
        };
        let inner = EncoderState::new(settings.rate.hertz(), application as c_int).map_err(refused)?;
        let mut encoder = Self { inner, settings, complexity: 0 };
        encoder.apply()?;
        Ok(encoder)
    }

    /// The settings in force.
    pub fn settings(&self) -> &OpusSettings {
        &self.settings
    }

    /// Changes settings between two frames without a break in the stream; rate and application stay as they
    /// were.
    pub fn reconfigure(&mut self, settings: &OpusSettings) -> Result<(), OpusError> {
        self.settings = OpusSettings {
            rate: self.settings.rate,
            application: self.settings.application,
            ..settings.clone()
        };
        self.apply()
    }

    /// Encodes with this complexity at most, from the next frame on.
    pub fn limit_complexity(&mut self, most: u8) -> Result<(), OpusError> {
        let complexity = self.settings.complexity.min(10).min(most);
        if complexity != self.complexity {
            self.complexity = complexity;
            self.inner.set(Control::Complexity, complexity.into()).map_err(refused)?;
        }
        Ok(())
    }

    /// Encodes 2.5, 5, 10, 20, 40 or 60 ms. Returns the length of the packet, 0 if DTX says that none need be
    /// sent.
    pub fn encode(&mut self, frame: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        let len = self.inner.encode(frame, packet).map_err(refused)?;
        // A packet of one or two octets in DTX "does not need to be transmitted" (opus_encode).
        Ok(if self.settings.dtx && len <= 2 { 0 } else { len })
    }

    /// As [`OpusEncoder::encode`], and the packet leans on none before it: a decoder may follow from here that has followed
    /// another encoder of the same sound.
    pub fn encode_independent(&mut self, frame: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        self.inner.set(Control::PredictionDisabled, 1).map_err(refused)?;
        let len = self.encode(frame, packet);
        self.inner.set(Control::PredictionDisabled, 0).map_err(refused)?;
        len
    }

    fn apply(&mut self) -> Result<(), OpusError> {
        let Self { inner, settings, complexity } = self;
        *complexity = settings.complexity.min(10);
        let loss = settings.expected_loss_percent.min(100);
        for (control, value) in [
            (Control::BitrateBps, settings.bitrate_bps.clamp(6_000, 510_000) as i32),
            (Control::Complexity, (*complexity).into()),
            (Control::InbandFec, settings.fec.into()),
            (Control::PacketLossPercent, loss.into()),
            (Control::DredFrames, i32::from(settings.dred_ms.min(MAX_SENT_DRED_MS)) / 10),
            (Control::Dtx, settings.dtx.into()),
            (Control::VariableBitrate, (!settings.constant_bitrate).into()),
            (Control::MaxBandwidth, bandwidth(settings.max_playback_rate_hz) as i32),
            (Control::LsbDepth, 16),
        ] {
            inner.set(control, value).map_err(refused)?;
        }
        Ok(())
    }
}

/// The widest band a receiver of this playback rate can use (RFC 7587 §3.1.1, table 1).
fn bandwidth(playback_rate_hz: u32) -> ::opus::Bandwidth {
    match playback_rate_hz {
        0..12_000 => ::opus::Bandwidth::Narrowband,
        12_000..16_000 => ::opus::Bandwidth::Mediumband,
        16_000..24_000 => ::opus::Bandwidth::Wideband,
        24_000..48_000 => ::opus::Bandwidth::Superwideband,
        48_000.. => ::opus::Bandwidth::Fullband,
    }
}

/// From this complexity on the decoder conceals by a neural network (opus_decoder.c).
const DEEP_COMPLEXITY: i32 = 5;

/// Decoder state of one stream, 88 KiB. Stereo packets come out as mono.
#[derive(Debug)]
pub struct OpusDecoder {
    inner: DecoderState,
    rate: SampleRate,
    /// As set in `inner`.
    complexity: i32,
}

impl OpusDecoder {
    /// A fresh decoder that gives samples at `rate`, whatever the packets were made from.
    pub fn new(rate: SampleRate) -> Result<Self, OpusError> {
        let inner = DecoderState::new(rate.hertz()).map_err(refused)?;
        Ok(Self { inner, rate, complexity: 0 })
    }

    /// Rate of the samples it gives.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples that `packet` would give, by its first octets.
    pub fn packet_samples(&self, packet: &[u8]) -> Result<usize, OpusError> {
        if packet.is_empty() {
            return Err(OpusError::InvalidPacket);
        }
        let len_samples = ::opus::packet::get_nb_samples(packet, self.rate.hertz())?;
        if len_samples > self.rate.samples(MAX_PACKET_MS) {
            Err(OpusError::InvalidPacket)
        } else {
            Ok(len_samples)
        }
    }

    /// Decodes a packet; returns the samples written.
    pub fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> Result<usize, OpusError> {
        // libopus takes an empty packet for a lost one.
        if packet.is_empty() {
            return Err(OpusError::InvalidPacket);
        }
        self.inner.decode(packet, samples).map_err(refused)
    }

    /// Whether what was lost before `behind` has to be made up: a copy of it costs no more than a packet.
    pub fn has_to_guess(&self, behind: Option<&[u8]>) -> bool {
        !behind.is_some_and(opus_ffi::has_fec)
    }

    /// Fills `samples` in place of what was lost, from the copy that the packet behind the gap may carry, else by libopus's
    /// own concealment, which at [`Effort::Thorough`] is a neural network. Decode `behind` afterwards.
    pub fn conceal(&mut self, samples: &mut [i16], behind: Option<&[u8]>, effort: Effort) {
        let copied = behind.filter(|behind| opus_ffi::has_fec(behind));
        let deep = copied.is_some() || effort == Effort::Thorough;
        self.set_complexity(if deep { DEEP_COMPLEXITY } else { 0 });
        if let Some(copied) = copied
            && self.inner.decode_fec(copied, samples) == Ok(samples.len())
        {
            return;
        }
        let step = self.rate.hertz() as usize / 400;
        let longest = self.rate.samples(MAX_PACKET_MS);
        let whole = samples.len() / step * step;
        for part in samples[..whole].chunks_mut(longest) {
            if self.inner.conceal(part).is_err() {
                part.fill(0);
            }
        }
        samples[whole..].fill(0);
    }

    /// Refused by no libopus that has deep concealment; where it is, the usual one stays.
    fn set_complexity(&mut self, complexity: i32) {
        if complexity != self.complexity && self.inner.set_complexity(complexity).is_ok() {
            self.complexity = complexity;
        }
    }
}

#[cfg(test)]
mod dred_tests;
#[cfg(test)]
mod tests;
