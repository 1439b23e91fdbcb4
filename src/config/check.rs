//! What no value can tell alone: settings that contradict each other (errors) or make no sense together (warnings).

use std::fmt;
use std::net::SocketAddr;

use super::Config;
use super::error::{Allowed, ConfigError, ErrorKind};
use super::setting::Reader;
use super::value::Codec;

/// Most bytes of RTP payload that pass an Ethernet without fragments, IPv6 and RTP headers taken off.
const MAX_PAYLOAD_BYTES: u32 = 1400;

/// Notes every contradiction at the place of the key that can best be changed.
pub(super) fn contradictions(config: &Config, reader: &mut Reader) {
    let mut refuse = |key: &str, value: String, allowed: String| {
        reader.refuse(key, ErrorKind::NotAllowed { value, allowed: Allowed::of(allowed) });
    };
    if config.sip.listeners.is_empty() {
        refuse("sip", String::new(), "at least one ADDR:PORT".into());
    }
    if config.codec.codecs.is_empty() {
        refuse("codecs", String::new(), "at least one codec".into());
    }
    let (min_ms, max_ms) = (config.jitter.min_ms, config.jitter.max_ms);
    if min_ms > max_ms {
        refuse("jitter-min-ms", min_ms.to_string(), format!("at most jitter-max-ms, {max_ms}"));
    }
    let (ptime_ms, frame_ms) = (config.codec.ptime_ms, config.codec.frame_ms);
    if ptime_ms % frame_ms != 0 {
        refuse("ptime-ms", ptime_ms.to_string(), format!("a multiple of frame-ms, {frame_ms}"));
    }
    for (codec, allowed) in too_long(&config.codec.codecs, ptime_ms) {
        refuse("codecs", codec, allowed);
    }
    if let Some(expires) = config.timer.session_expires
        && expires < config.timer.min_se
    {
        let allowed = format!("at least min-se, {}s", config.timer.min_se.as_secs());
        refuse("session-expires", format!("{}s", expires.as_secs()), allowed);
    }
    if config.timer.t1 > config.timer.t2 {
        let value = format!("{}ms", config.timer.t1.as_millis());
        refuse("t1", value, format!("at most t2, {}ms", config.timer.t2.as_millis()));
    }
    let conference = &config.conference;
    if let Some(key) = &conference.record_key {
        if conference.mute_key.as_ref() == Some(key) {
            refuse("record-key", key.clone(), "other digits than mute-key's".into());
        }
        if !conference.record_directory.is_dir() {
            let directory = conference.record_directory.display().to_string();
            refuse(
                "record-directory",
                directory,
                "a directory that is there, since record-key is set".into(),
            );
        }
    }
    for listener in config.sip.listeners.iter().filter(|listener| listener.udp()) {
        if config.rtp.ports.contains(listener.address.port()) {
            let ports = format!("{}-{}", config.rtp.ports.low(), config.rtp.ports.high());
            refuse(
                "rtp-ports",
                ports,
                format!("a range without {}, where SIP is received", listener.address),
            );
        }
    }
    for address in config.sip.allow.iter().filter_map(|allowance| allowance.listener) {
        if !config.sip.listeners.iter().any(|listener| listener.address == address) {
            refuse("allow", format!("{address}=…"), "LISTENER= one of the addresses in sip".into());
        }
    }
}

/// What no codec of a route's own list may be beside the settings.
pub(super) fn contradictions_of_routes(config: &Config, reader: &mut Reader) {
    for (index, route) in config.routes.iter().enumerate() {
        let codecs = route.codecs.as_deref().unwrap_or_default();
        for (value, allowed) in too_long(codecs, config.codec.ptime_ms) {
            reader.errors.push(ConfigError {
                place: route.codecs_place.clone(),
                key: format!("route[{}].codecs", index + 1),
                kind: ErrorKind::NotAllowed { value, allowed: Allowed::of(allowed) },
            });
        }
    }
}

/// The codecs whose packets would not pass whole, and what is allowed instead.
fn too_long(codecs: &[Codec], ptime_ms: u8) -> impl Iterator<Item = (String, String)> {
    codecs.iter().filter_map(move |codec| match *codec {
        Codec::L16 { clock_rate_hz }
            if clock_rate_hz / 1000 * u32::from(ptime_ms) * 2 > MAX_PAYLOAD_BYTES =>
        {
            let allowed =
                format!("no codec whose packet is over {MAX_PAYLOAD_BYTES} bytes at ptime-ms {ptime_ms}");
            Some((format!("l16/{clock_rate_hz}"), allowed))
        }
        _ => None,
    })
}

/// Something that is valid but probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A listener outside loopback that admits nobody.
    AdmitsNobody(SocketAddr),
    /// The RTP ports run out before `max-legs` is reached.
    FewPorts {
        /// Legs that there are ports for.
        pairs: usize,
        /// Legs that are allowed.
        max_legs: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::AdmitsNobody(address) => {
                write!(f, "sip {address} admits nobody: allow names no network for it")
            }
            Warning::FewPorts { pairs, max_legs } => {
                write!(f, "rtp-ports has room for {pairs} legs, less than max-legs, {max_legs}")
            }
        }
    }
}

impl Config {
    /// What is valid but probably not meant.
    pub fn warnings(&self) -> Vec<Warning> {
        let nobody = |listener: &&_| self.sip.access_list(listener).is_empty();
        let mut warnings: Vec<Warning> = self
            .sip
            .listeners
            .iter()
            .filter(nobody)
            .map(|listener| Warning::AdmitsNobody(listener.address))
            .collect();
        let (pairs, max_legs) = (self.rtp.ports.pairs(), self.limit.max_legs);
        if pairs < max_legs {
            warnings.push(Warning::FewPorts { pairs, max_legs });
        }
        warnings
    }
}
