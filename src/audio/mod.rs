//! Samples: codecs, resampling, concealment, tones, files' sample side.
//!
//! Everything is mono, 16 bit inside ([`i16`]), sums are [`i32`]. Nothing here reads a clock, opens a file or
//! keeps a global state: payload bytes or samples go in, samples or payload bytes come out. The media lap of
//! a leg drives it. The codec names of SDP map to [`codec::Format`]; who hears whom is decided in
//! `conference`.

pub mod auto_gain;
pub mod codec;
pub mod comfort_noise;
pub mod conceal;
pub mod denoise;
mod effort;
pub mod frame;
pub mod g711;
pub mod g722;
pub mod gain;
pub mod gate;
pub mod l16;
pub mod level;
pub mod limiter;
pub mod noise_floor;
pub mod offset;
pub mod opus;
mod opus_ffi;
pub mod rate;
pub mod resample;
pub mod saturate;
pub mod stretch;
pub mod tone;
pub mod voice_activity;
pub mod wav;
pub mod wideband;

pub use codec::{DecodeError, Decoder, EncodeError, Encoder, Format};
pub use effort::Effort;
pub use gain::Gain;
pub use rate::SampleRate;
