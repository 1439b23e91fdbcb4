//! Digits as telephone-event packets (RFC 4733), both ways: the payload and the digits; see [`receiver`] and
//! [`sender`] for the machines.
//!
//! Tones and other events of the registry are told apart from digits, not interpreted.

pub mod receiver;
pub mod sender;

use std::fmt;

pub use receiver::{DigitEvent, DigitEvents, Receiver, ReceiverCounters};
pub use sender::{EventPacket, Sender};

/// Octets of an event payload (RFC 4733 §2.3).
pub const PAYLOAD_LEN: usize = 4;

/// A key of the telephone: 0–9, `*`, `#`, A–D, or flash (`!`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

/// Characters by event code (RFC 4733 §3.2, table 3).
const CHARACTERS: &[u8; 17] = b"0123456789*#ABCD!";

impl Digit {
    /// The digit of an event code, 0 to 16.
    pub fn from_event(event: u8) -> Option<Digit> {
        (usize::from(event) < CHARACTERS.len()).then_some(Digit(event))
    }

    /// The digit that is written so; letters in either case.
    pub fn from_char(character: char) -> Option<Digit> {
        let wanted = u8::try_from(character.to_ascii_uppercase()).ok()?;
        CHARACTERS.iter().position(|known| *known == wanted).map(|event| Digit(event as u8))
    }

    /// The event code (RFC 4733 §3.2).
    pub fn event(self) -> u8 {
        self.0
    }

    /// As one writes it: `0`–`9`, `*`, `#`, `A`–`D`, `!`.
    pub fn as_char(self) -> char {
        char::from(CHARACTERS[usize::from(self.0)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// The payload of one packet (RFC 4733 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPayload {
    /// Code of the event; digits are 0 to 16.
    pub event: u8,
    /// The event ends with this packet (E bit).
    pub end: bool,
    /// Power of the tone below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// Length so far, of this segment, in units of the event's clock.
    pub duration: u16,
}

impl EventPayload {
    /// Reads the first event block; `None` when there is no whole one.
    pub fn parse(payload: &[u8]) -> Option<EventPayload> {
        let [event, flags, high, low] = *payload.first_chunk::<PAYLOAD_LEN>()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(EventPayload { event, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    /// The four octets on the wire; the R bit is 0 as the RFC demands.
    pub fn to_octets(self) -> [u8; PAYLOAD_LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume & 0x3F, high, low]
    }
}

#[cfg(test)]
mod tests;
