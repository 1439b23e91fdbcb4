//! The types of single values and how each is read from text; flags, environment and file share these readers.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::error::Allowed;

/// An inclusive range of UDP ports with room for at least one RTP/RTCP pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// The lowest port.
    pub fn low(self) -> u16 {
        self.low
    }

    /// The highest port.
    pub fn high(self) -> u16 {
        self.high
    }

    /// How many pairs of an even port and the odd one above it fit.
    pub fn pairs(self) -> usize {
        let even = usize::from(self.low) + usize::from(self.low % 2);
        (usize::from(self.high) + 1).saturating_sub(even) / 2
    }

    /// Whether the port lies within.
    pub fn contains(self, port: u16) -> bool {
        (self.low..=self.high).contains(&port)
    }
}

/// A differentiated services code point (RFC 2474), 0 to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dscp(u8);

impl Dscp {
    /// The six bits.
    pub fn code_point(self) -> u8 {
        self.0
    }

    /// The octet of the IP header (TOS, traffic class) that carries it.
    pub fn traffic_class(self) -> u8 {
        self.0 << 2
    }
}

/// Which protocols a SIP listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transports {
    /// UDP and TCP on the same port.
    Both,
    /// UDP alone.
    Udp,
    /// TCP alone.
    Tcp,
}

/// One address that SIP is received on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// The address bound; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// What is spoken there.
    pub transports: Transports,
}

impl Listener {
    /// Whether a UDP socket is to be bound.
    pub fn udp(&self) -> bool {
        self.transports != Transports::Tcp
    }

    /// Whether a TCP listener is to be bound.
    pub fn tcp(&self) -> bool {
        self.transports != Transports::Udp
    }
}

/// Who may send to one listener, or to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The listener concerned; `None`: every one.
    pub listener: Option<SocketAddr>,
    /// The source addresses allowed.
    pub network: IpNet,
}

/// A codec that may be negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// RFC 7587.
    Opus,
    /// Uncompressed 16 bit samples (RFC 3551 §4.5.11).
    L16 {
        /// Samples per second: 8000, 16000, 24000 or 48000.
        clock_rate_hz: u32,
    },
}

/// Whose order of codecs wins in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecPreference {
    /// The peer's, as RFC 3264 §6.1 recommends.
    Offer,
    /// Ours, as `codecs` lists them.
    Ours,
}

/// When the source address of RTP may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latching {
    /// Only when signalling says so, or SSRC, sequence and timestamp continue.
    Safe,
    /// Also after the old source was silent for 2 s and the new one passed probation.
    Roaming,
}

/// Who sends the refreshes of a session timer (RFC 4028) where the peer leaves it to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The caller, where it can.
    Caller,
    /// We.
    Ours,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a reader of text gives: the value, or what would have been allowed.
pub(super) type Read<T> = Result<T, Allowed>;

/// A reader of whole numbers within `range`.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Read<T>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    move |text| match text.parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(Allowed::of(format!("a whole number from {} to {}", range.start(), range.end()))),
    }
}

/// A reader of one of several words.
pub(super) fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Read<T> {
    move |text| match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        Some((_, value)) => Ok(*value),
        None => Err(Allowed::of(words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "))),
    }
}

/// A reader for which `word` means `None`.
pub(super) fn or<T>(word: &'static str, read: impl Fn(&str) -> Read<T>) -> impl Fn(&str) -> Read<Option<T>> {
    move |text| match text == word {
        true => Ok(None),
        false => read(text).map(Some).map_err(|allowed| Allowed::of(format!("{word}, or {allowed}"))),
    }
}

/// `on` or `off`, as TOML's `true` and `false` are read too.
pub(super) fn switch(text: &str) -> Read<bool> {
    one_of(&[("on", true), ("off", false)])(text)
}

/// A reader of durations within a range: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Read<Duration> {
    move |text| match parse_duration(text) {
        Some(value) if range.contains(&value) => Ok(value),
        _ => {
            let (low, high) = (print_duration(*range.start()), print_duration(*range.end()));
            Err(Allowed::of(format!("a time from {low} to {high}, as 500ms, 30s (or 30), 10m or 2h")))
        }
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let scale_ms = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(scale_ms).map(Duration::from_millis)
}

fn print_duration(value: Duration) -> String {
    match value.as_millis() {
        0 => "0".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

/// A reader of sizes in bytes within a range; `k` and `M` are binary.
pub(super) fn size(range: RangeInclusive<usize>) -> impl Fn(&str) -> Read<usize> {
    move |text| {
        let (number, scale) = match text.char_indices().next_back() {
            Some((end, 'k')) => (&text[..end], 1 << 10),
            Some((end, 'M')) => (&text[..end], 1 << 20),
            _ => (text, 1),
        };
        match number.parse().ok().and_then(|number: usize| number.checked_mul(scale)) {
            Some(value) if range.contains(&value) => Ok(value),
            _ => Err(Allowed::of(format!(
                "bytes from {} to {}, with k or M for 1024 and 1024²",
                range.start(),
                range.end()
            ))),
        }
    }
}

/// An IPv4 or IPv6 address.
pub(super) fn ip(text: &str) -> Read<IpAddr> {
    text.parse().map_err(|_| Allowed::words("an IPv4 or IPv6 address"))
}

/// An address that others can reach: not `0.0.0.0`, `::` or multicast.
pub(super) fn reachable_ip(text: &str) -> Read<IpAddr> {
    match ip(text) {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => Ok(address),
        _ => Err(Allowed::words("one host's IPv4 or IPv6 address")),
    }
}

/// `[udp:|tcp:]ADDR:PORT`
pub(super) fn listener(text: &str) -> Read<Listener> {
    let (transports, address) = match text.split_once(':') {
        Some(("udp", address)) => (Transports::Udp, address),
        Some(("tcp", address)) => (Transports::Tcp, address),
        _ => (Transports::Both, text),
    };
    match address.parse() {
        Ok(address) => Ok(Listener { address, transports }),
        Err(_) => Err(Allowed::words(
            "ADDR:PORT as 192.0.2.1:5060 or [::1]:5060, with udp: or tcp: before it for one alone",
        )),
    }
}

/// A network in CIDR notation; an address alone is itself.
pub(super) fn network(text: &str) -> Read<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| Allowed::words("ADDR/BITS as 192.0.2.0/24 or 2001:db8::/32, or one address"))
}

/// `[LISTENER=]CIDR`
pub(super) fn allowance(text: &str) -> Read<Allowance> {
    let allowed =
        || Allowed::words("ADDR/BITS for every listener, or LISTENER=ADDR/BITS with ADDR:PORT as in sip");
    let (listener, network_text) = match text.split_once('=') {
        Some((listener, rest)) => (Some(listener.parse().map_err(|_| allowed())?), rest),
        None => (None, text),
    };
    Ok(Allowance { listener, network: network(network_text).map_err(|_| allowed())? })
}

/// `LOW-HIGH` with at least one even port and the odd one above it.
pub(super) fn port_range(text: &str) -> Read<PortRange> {
    let range = text.split_once('-').and_then(|(low, high)| {
        Some(PortRange { low: low.trim().parse().ok()?, high: high.trim().parse().ok()? })
    });
    match range {
        Some(range) if range.low >= 1024 && range.low <= range.high && range.pairs() > 0 => Ok(range),
        _ => Err(Allowed::words(
            "LOW-HIGH within 1024-65535, with at least one even port and the one above it",
        )),
    }
}

/// A code point by number or by its name in RFC 2474, 2597, 3246 and 8622.
pub(super) fn dscp(text: &str) -> Read<Dscp> {
    let allowed = || Allowed::words("0 to 63, CS0 to CS7, AF11 to AF43, EF, VA or LE");
    let name = text.to_ascii_uppercase();
    let code_point = match (name.as_str(), name.as_bytes()) {
        ("EF", _) => 46,
        ("VA", _) => 44,
        ("LE", _) => 1,
        (_, [b'C', b'S', class @ b'0'..=b'7']) => (class - b'0') * 8,
        (_, [b'A', b'F', class @ b'1'..=b'4', drop @ b'1'..=b'3']) => (class - b'0') * 8 + (drop - b'0') * 2,
        (number, _) => number.parse().map_err(|_| allowed())?,
    };
    if code_point > 63 { Err(allowed()) } else { Ok(Dscp(code_point)) }
}

/// `pcmu`, `pcma`, `g722`, `opus`, `l16` or `l16/RATE`.
pub(super) fn codec(text: &str) -> Read<Codec> {
    one_of(&[
        ("pcmu", Codec::Pcmu),
        ("pcma", Codec::Pcma),
        ("g722", Codec::G722),
        ("opus", Codec::Opus),
        ("l16", Codec::L16 { clock_rate_hz: 16000 }),
        ("l16/8000", Codec::L16 { clock_rate_hz: 8000 }),
        ("l16/16000", Codec::L16 { clock_rate_hz: 16000 }),
        ("l16/24000", Codec::L16 { clock_rate_hz: 24000 }),
        ("l16/48000", Codec::L16 { clock_rate_hz: 48000 }),
    ])(text)
}

/// What is speech begins at so many dB below full scale; off where all is.
pub(super) fn noise_gate(text: &str) -> Read<Option<u8>> {
    or("off", number(20..=80))(text)
}

/// What a caller presses: one to eight of `0-9 * # A-D`.
pub(super) fn digits(text: &str) -> Read<String> {
    let each = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D');
    match (1..=8).contains(&text.len()) && text.chars().all(each) {
        true => Ok(text.to_owned()),
        false => Err(Allowed::words("one to eight digits of 0-9, *, # and A-D")),
    }
}

/// Any name of a file or folder.
pub(super) fn path(text: &str) -> Read<PathBuf> {
    if text.is_empty() { Err(Allowed::words("a path")) } else { Ok(text.into()) }
}

/// The value of User-Agent and Server (RFC 3261 §20.41): visible ASCII, so that it cannot break a header.
pub(super) fn product(text: &str) -> Read<String> {
    let each = |c: char| c.is_ascii_graphic() || c == ' ';
    match (1..=80).contains(&text.trim().len()) && text.chars().all(each) {
        true => Ok(text.trim().to_owned()),
        false => Err(Allowed::words("one to 80 visible ASCII characters")),
    }
}
