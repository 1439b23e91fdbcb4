//! The keys that a peer presses, from its telephone-event packets (RFC 4733).

use crate::rtp::Header;
use crate::rtp::telephone_event::{Digit, DigitEvent, Receiver};
use crate::sdp::Agreed;
use std::time::Instant;

/// A receiver for each telephone-event format that was agreed.
pub struct Digits {
    receivers: Vec<(u8, Receiver)>,
}

impl Digits {
    /// For what was agreed: one format per clock rate.
    pub fn new(agreed: &Agreed) -> Digits {
        let formats = agreed.receive_telephone_events.iter();
        Digits {
            receivers: formats
                .map(|event| (event.receive_payload_type, Receiver::new(event.clock_rate)))
                .collect(),
        }
    }

    /// Takes a packet; the key whose press it begins, if it does.
    pub fn pressed(&mut self, arrival: Instant, header: &Header, payload: &[u8]) -> Option<Digit> {
        let (_, receiver) = self.receivers.iter_mut().find(|(format, _)| *format == header.payload_type)?;
        let mut events = receiver.handle(arrival, header, payload);
        events.find_map(|event| match event {
            DigitEvent::Started(digit) => Some(digit),
            DigitEvent::Ended { .. } => None,
        })
    }
}
