//! A leg as the jitter buffer sees it: asks once per frame, keeps what the frame does not need, carries out
//! wishes.

use std::time::{Duration, Instant};

use super::{Arrival, Inserted, JitterBuffer, JitterSettings, Playout, Redundancy, Stretch, Urgency};
use crate::rtp::SequenceNumber;
use crate::rtp::sim::Sent;

pub(super) const PCMU: u8 = 0;
pub(super) const CN: u8 = 13;

pub(super) const SETTINGS: JitterSettings = JitterSettings {
    min_ms: 0,
    max_ms: 200,
    frame_ms: 20,
    clock_rate: 8000,
    packet_ms: 20,
    comfort_noise: Some(CN),
};

/// Something a leg heard in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// A packet, by its sequence number, which was sent at this true time (µs; by its payload).
    Packet(u16, u64),
    Conceal,
    Pause,
    Empty,
}

/// What a packet of a test carries.
fn payload(sequence: SequenceNumber, sent_at: Duration) -> [u8; 10] {
    let mut payload = [0; 10];
    payload[..2].copy_from_slice(&sequence.0.to_be_bytes());
    payload[2..].copy_from_slice(&(sent_at.as_micros() as u64).to_be_bytes());
    payload
}

pub(super) struct Leg {
    pub(super) buffer: JitterBuffer,
    pub(super) start: Instant,
    /// What the last packets carry, in timestamp units.
    pub(super) packet_units: u32,
    packet_ms: u32,
    /// By how much it can change a packet's length at once.
    pub(super) stretch_most: u32,
    held: u32,
    frame_units: u32,
    pub(super) heard: Vec<Heard>,
    /// Concealments for which the packet behind the gap was there.
    pub(super) bridged: u64,
    /// Those for which one was that reaches so far back.
    pub(super) reached: u64,
    pub(super) reach_units: u32,
}

impl Leg {
    pub(super) fn new(settings: JitterSettings) -> Leg {
        Leg {
            buffer: JitterBuffer::new(settings),
            start: Instant::now(),
            packet_units: settings.packet_ms * settings.clock_rate / 1000,
            packet_ms: settings.packet_ms,
            stretch_most: u32::MAX,
            held: 0,
            frame_units: settings.frame_ms * settings.clock_rate / 1000,
            heard: Vec::new(),
            bridged: 0,
            reached: 0,
            reach_units: 0,
        }
    }

    pub(super) fn insert(&mut self, at: Duration, sent: Sent) -> Inserted {
        self.insert_as(at, sent, PCMU)
    }

    pub(super) fn insert_as(&mut self, at: Duration, sent: Sent, payload_type: u8) -> Inserted {
        let payload = payload(sent.sequence, sent.at);
        self.buffer.insert(Arrival {
            at: self.start + at,
            ssrc: sent.ssrc,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            marker: sent.marker,
            payload_type,
            payload: &payload,
        })
    }

    /// A copy of the packet `back` before `sent` has come with it; `sent` was inserted.
    pub(super) fn recover(&mut self, at: Duration, sent: Sent, back: u16) {
        let packet = Duration::from_millis(u64::from(self.packet_ms));
        let earlier = sent.at.saturating_sub(packet * u32::from(back));
        let payload = payload(sent.sequence.plus(back.wrapping_neg()), earlier);
        self.buffer.recover(&Redundancy {
            at: self.start + at,
            ssrc: sent.ssrc,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            offset_units: u32::from(back) * self.packet_units,
            payload_type: PCMU,
            payload: &payload,
        });
    }

    /// Plays the frame due at `now`; says what was heard in it.
    pub(super) fn play(&mut self, now: Duration, quiet: bool) -> &[Heard] {
        self.heard.clear();
        for _ in 0..1000 {
            match self.buffer.playout(self.start + now, self.held) {
                Playout::Packet(packet) => {
                    let sequence = u16::from_be_bytes(packet.payload[..2].try_into().unwrap());
                    let sent_us = u64::from_be_bytes(packet.payload[2..].try_into().unwrap());
                    let (skip, stretch) = (packet.skip, packet.stretch);
                    self.heard.push(Heard::Packet(sequence, sent_us));
                    self.held += self.packet_units.saturating_sub(skip);
                    self.carry_out(stretch, quiet);
                }
                Playout::Conceal { units } => {
                    assert!(units > 0);
                    self.held += units;
                    self.heard.push(Heard::Conceal);
                    self.bridged += u64::from(self.buffer.peek_next().is_some());
                    let behind = self.buffer.peek_behind();
                    self.reached +=
                        u64::from(behind.is_some_and(|behind| behind.ahead_units <= self.reach_units));
                }
                Playout::Pause { units, .. } => {
                    assert!(units > 0);
                    self.held += units;
                    self.heard.push(Heard::Pause);
                }
                Playout::Empty => {
                    self.held = 0;
                    self.heard.push(Heard::Empty);
                    return &self.heard;
                }
                Playout::Enough => {
                    self.held -= self.frame_units;
                    return &self.heard;
                }
            }
        }
        panic!("a frame does not fill");
    }

    fn carry_out(&mut self, stretch: Stretch, quiet: bool) {
        match stretch {
            Stretch::Shorten { units, urgency } if quiet || urgency == Urgency::Now => {
                let units = units.min(self.held).min(self.stretch_most);
                self.held -= units;
                self.buffer.stretched(-(units as i32));
            }
            Stretch::Lengthen { units, urgency } if quiet || urgency == Urgency::Now => {
                let units = units.min(self.stretch_most);
                self.held += units;
                self.buffer.stretched(units as i32);
            }
            _ => {}
        }
    }

    /// Checks that no packet is unaccounted for.
    pub(super) fn check_books(&self) {
        let counters = self.buffer.counters();
        let waiting = self.buffer.waiting() as u64;
        let gone = counters.played + counters.late + counters.duplicate + counters.discarded;
        assert_eq!(counters.received + counters.recovered, gone + waiting, "{counters:?}");
    }
}
