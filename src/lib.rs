//! Antiphon answers SIP calls, mixes their RTP audio in conferences and runs what a number is to do.
//!
//! The layers, lowest first; each may use those above it in this list only as `docs/architecture.md` says:
//! `sip`, `sdp`, `rtp`, `audio` are pure (bytes, samples and `now` in; bytes, samples and deadlines out),
//! `conference` says who hears whom, `worker` owns the one thread, its clock and its sockets,
//! `call` joins them to legs, `services` is what a caller experiences, `config` what an operator sets.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod audio;
pub mod call;
pub mod conference;
pub mod config;
pub mod logging;
pub mod rtp;
pub mod sdp;
pub mod serve;
pub mod services;
pub mod sip;
pub mod systemd;
#[cfg(test)]
mod tidy;
pub mod worker;
