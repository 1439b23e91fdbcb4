//! Endpoint, leg and media: what joins SIP, SDP, RTP and a conference to a call.
//!
//! [`endpoint`] takes what the [`transports`] bring, `screen` and [`admission`] keep out what must stay out, `birth` makes
//! legs; a [`Leg`] is its dialog (`reflexes`) and its [`media`], and its story is told by `services`.

pub mod admission;
mod birth;
pub mod conferences;
mod connecting;
pub mod counters;
pub mod endpoint;
pub mod governor;
mod happenings;
pub mod leg;
pub mod listening;
mod load;
pub mod media;
mod own_addresses;
pub mod ports;
pub mod rate;
pub mod recorder;
pub mod recordings;
mod reflexes;
pub mod refusals;
pub mod registry;
mod screen;
pub mod setup;
#[cfg(test)]
mod testing;
pub mod transports;

pub use endpoint::Endpoint;
pub use leg::Leg;
