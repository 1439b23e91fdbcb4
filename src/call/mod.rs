//! Endpoint, leg and media: what joins SIP, SDP, RTP and a conference to a call.

pub mod ports;
pub mod rate;
