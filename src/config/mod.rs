//! A configuration that cannot be invalid: what an operator sets, read once, every value of a type that fits it.
//!
//! Each setting is a flag, an environment variable and a TOML key of the same name; a flag wins over the environment,
//! that over the file, that over the default. All of them come from the rows of `settings!` in `sections`.
//! Routes stand in the file alone and can be read again while calls go on ([`reload_routes`]).

mod access;
mod check;
pub mod cli;
mod error;
mod file;
mod layers;
#[cfg(test)]
mod reference;
mod route;
mod route_table;
mod sections;
mod setting;
mod template;
#[cfg(test)]
mod tests;
mod value;

use std::path::PathBuf;

pub use access::AccessList;
pub use check::Warning;
pub use error::{Allowed, ConfigError, ErrorKind, Place};
pub use layers::{Layers, reload_routes};
pub use route::{Action, Found, MAX_CONFERENCE_NAME_LEN, MAX_USER_LEN, Role, Route, Routes};
pub use sections::{
    CodecSettings, ConferenceSettings, JitterSettings, LimitSettings, LogSettings, OpusSettings, RtpSettings,
    SipSettings, TimerSettings, WorkerSettings,
};
pub use setting::Key;
pub use template::{Template, TemplateError};
pub use value::{
    Allowance, Codec, CodecPreference, Dscp, Latching, Listener, LogFormat, PortRange, Refresher, Transports,
};

/// Everything an operator sets.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where SIP is spoken, and with whom.
    pub sip: SipSettings,
    /// The sockets of RTP and RTCP.
    pub rtp: RtpSettings,
    /// Codecs and packet times.
    pub codec: CodecSettings,
    /// How Opus is encoded.
    pub opus: OpusSettings,
    /// Bounds of the jitter buffer.
    pub jitter: JitterSettings,
    /// What is refused rather than done badly.
    pub limit: LimitSettings,
    /// How long things may take.
    pub timer: TimerSettings,
    /// What participants of a conference hear and press.
    pub conference: ConferenceSettings,
    /// The worker's threads and memory.
    pub worker: WorkerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// What numbers do.
    pub routes: Routes,
    /// The file that was read, to read its routes again; `None` without one.
    pub file: Option<PathBuf>,
}

impl Config {
    /// The defaults alone: what an empty command line gives.
    pub fn defaults() -> Config {
        Layers::default().read().expect("defaults are valid")
    }
}

/// All keys, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    let groups = [
        SipSettings::KEYS,
        RtpSettings::KEYS,
        CodecSettings::KEYS,
        OpusSettings::KEYS,
        JitterSettings::KEYS,
        LimitSettings::KEYS,
        TimerSettings::KEYS,
        ConferenceSettings::KEYS,
        WorkerSettings::KEYS,
        LogSettings::KEYS,
    ];
    groups.into_iter().flatten()
}

fn key_named(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}
