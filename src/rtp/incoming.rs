//! The one place a datagram passes after it came: kind, form, whose it is, its place in the stream.
//!
//! Joins demux, packet, latch and sources; what is left is for the jitter buffer, the digit receiver or the
//! RTCP session, and counts as life. Everything else was counted by kind and is dropped. Allocates nothing.

use std::net::SocketAddr;
use std::time::Instant;

use super::demux::{DatagramCounters, Kind, classify};
use super::latch::{Latch, LatchCounters, PayloadTypes, Verdict};
use super::numbers::{ExtendedSequence, Ssrc};
use super::packet::{MalformedCounters, Packet};
use super::packet_sender::SentCounters;
use super::rtcp::RtcpCounters;
use super::source::{Judgement, Sources, Totals};
use super::telephone_event::ReceiverCounters;

/// What a datagram turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// A packet of the peer's stream, to be played or read as an event; it may be late or doubled.
    Media {
        /// The packet.
        packet: Packet<'a>,
        /// Its place within its source.
        sequence: ExtendedSequence,
        /// The source restarted or is another than before: what was buffered does not go on here.
        restarted: bool,
    },
    /// The peer's, but not to be played: its source is in probation or jumped. Counts as life.
    Unproven(Packet<'a>),
    /// RTCP of the peer, for the session.
    Control(&'a [u8]),
    /// Counted and dropped.
    Dropped,
}

/// The receiving side of one leg, up to the jitter buffer.
#[derive(Debug, Clone)]
#[repr(C)] // a packet of the peer touches what is in the middle, from the current source to the learned address
pub struct Incoming {
    malformed: MalformedCounters,
    sources: Sources,
    our_ssrc: Option<Ssrc>,
    payload_types: PayloadTypes,
    datagrams: DatagramCounters,
    own_ssrc: u64,
    latch: Latch,
}

impl Incoming {
    /// Takes packets of these types, whose timestamps have this clock rate.
    pub fn new(latch: Latch, payload_types: PayloadTypes, clock_rate: u32) -> Incoming {
        Incoming {
            malformed: MalformedCounters::default(),
            sources: Sources::new(clock_rate),
            our_ssrc: None,
            payload_types,
            datagrams: DatagramCounters::default(),
            own_ssrc: 0,
            latch,
        }
    }

    /// Which SSRC we send, so that packets that carry it are noticed (RFC 3550 §8.2). They are taken all the
    /// same: a peer that echoes what it hears is to be heard.
    pub fn set_our_ssrc(&mut self, ssrc: Ssrc) {
        self.our_ssrc = Some(ssrc);
    }

    /// An offer and answer ended with these payload types and this clock rate.
    pub fn set_negotiated(&mut self, payload_types: PayloadTypes, clock_rate: u32) {
        self.payload_types = payload_types;
        self.sources.set_clock_rate(clock_rate);
    }

    /// Takes one datagram, from whichever of the leg's sockets; `arrival` is the kernel's time.
    pub fn handle<'a>(&mut self, arrival: Instant, from: SocketAddr, datagram: &'a [u8]) -> Arrived<'a> {
        let kind = classify(datagram);
        self.datagrams.count(kind);
        match kind {
            Kind::Rtp => self.handle_rtp(arrival, from, datagram),
            Kind::Rtcp if self.latch.consider_rtcp(from) == Verdict::Accept => Arrived::Control(datagram),
            Kind::Rtcp | Kind::Stun | Kind::Dtls | Kind::Other => Arrived::Dropped,
        }
    }

    fn handle_rtp<'a>(&mut self, arrival: Instant, from: SocketAddr, datagram: &'a [u8]) -> Arrived<'a> {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(error) => {
                self.malformed.count(error);
                return Arrived::Dropped;
            }
        };
        if self.latch.consider(arrival, from, &packet.header, self.payload_types) != Verdict::Accept {
            return Arrived::Dropped;
        }
        self.own_ssrc += u64::from(self.our_ssrc == Some(packet.header.ssrc));
        match self.sources.handle(arrival, &packet.header) {
            Judgement::Valid(sequence) => Arrived::Media { packet, sequence, restarted: false },
            Judgement::Restarted(sequence) => Arrived::Media { packet, sequence, restarted: true },
            Judgement::Probation | Judgement::Jumped => Arrived::Unproven(packet),
        }
    }

    /// Where to send, and whose packets are taken.
    pub fn latch(&self) -> &Latch {
        &self.latch
    }

    /// For what signalling says.
    pub fn latch_mut(&mut self) -> &mut Latch {
        &mut self.latch
    }

    /// Loss and jitter of what is received.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// For reports, which begin a new interval.
    pub fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
    }

    /// What came so far; the parts of other machines are theirs to fill in.
    pub fn counters(&self) -> LegCounters {
        LegCounters {
            datagrams: self.datagrams,
            malformed: self.malformed,
            latch: self.latch.counters(),
            received: self.sources.totals(),
            own_ssrc: self.own_ssrc,
            ..LegCounters::default()
        }
    }
}

/// All a leg counts of its RTP, each in the machine that sees it; this is their copy at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LegCounters {
    /// Datagrams by protocol.
    pub datagrams: DatagramCounters,
    /// RTP packets that could not be read.
    pub malformed: MalformedCounters,
    /// Packets of others.
    pub latch: LatchCounters,
    /// The stream of the peer.
    pub received: Totals,
    /// RTP packets of the peer that carried our SSRC: an echo, or a collision.
    pub own_ssrc: u64,
    /// RTCP, both ways.
    pub rtcp: RtcpCounters,
    /// Digits of the peer.
    pub telephone_event: ReceiverCounters,
    /// Our stream.
    pub sent: SentCounters,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rtp::numbers::{SequenceNumber, Timestamp};
    use crate::rtp::packet_sender::{PacketSender, StreamStart};
    use crate::rtp::testing::{fuzz, mutate};

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn incoming() -> Incoming {
        let mut latch = Latch::new(Some(address("192.0.2.1:4000")), false);
        latch.signalled_rtcp(Some(address("192.0.2.1:4001")));
        Incoming::new(latch, PayloadTypes::from_iter([0]), 8000)
    }

    fn peer() -> PacketSender {
        let start = StreamStart { ssrc: Ssrc(5), sequence: SequenceNumber(9), timestamp: Timestamp(0) };
        PacketSender::new(start, 8000)
    }

    fn packet(sender: &mut PacketSender, payload_type: u8) -> Vec<u8> {
        let mut out = vec![0; 172];
        let len = sender.frame(Instant::now(), payload_type, 160, &[3; 160], &mut out);
        out.truncate(len);
        out
    }

    #[test]
    fn the_peers_packets_pass_and_the_first_one_of_a_source_proves_it() {
        let (mut incoming, mut peer) = (incoming(), peer());
        let (now, from) = (Instant::now(), address("192.0.2.1:4000"));
        assert!(matches!(incoming.handle(now, from, &packet(&mut peer, 0)), Arrived::Unproven(_)));
        for restarted in [true, false] {
            let octets = packet(&mut peer, 0);
            let Arrived::Media { packet, restarted: found, .. } = incoming.handle(now, from, &octets) else {
                panic!("not taken");
            };
            assert_eq!((packet.payload, found), (&[3; 160][..], restarted));
        }
        assert_eq!(incoming.counters().own_ssrc, 0);
        incoming.set_our_ssrc(Ssrc(5));
        let echo = packet(&mut peer, 0);
        assert!(matches!(incoming.handle(now, from, &echo), Arrived::Media { .. }));
        let rtcp = [0x80, 201, 0, 1, 0, 0, 0, 5];
        let arrived = incoming.handle(now, address("192.0.2.1:4001"), &rtcp);
        assert_eq!(arrived, Arrived::Control(&rtcp));
        let counters = incoming.counters();
        assert_eq!((counters.received.received, counters.datagrams.rtp, counters.datagrams.rtcp), (3, 4, 1));
        assert_eq!(counters.own_ssrc, 1);
    }

    #[test]
    fn whatever_else_comes_is_counted_by_kind_and_changes_nothing() {
        let (mut incoming, mut peer) = (incoming(), peer());
        let (now, from) = (Instant::now(), address("192.0.2.1:4000"));
        for _ in 0..3 {
            incoming.handle(now, from, &packet(&mut peer, 0));
        }
        let destination = incoming.latch().destination();
        let stranger = address("203.0.113.66:6");
        let strange: &[(SocketAddr, Vec<u8>)] = &[
            (stranger, packet(&mut self::peer(), 0)),
            (from, packet(&mut peer, 18)),
            (from, vec![0x80, 0, 1]),
            (from, vec![0x8F; 30]),
            (from, vec![0, 1, 0, 0]),
            (from, vec![22, 0xFE, 0xFD]),
            (from, b"\r\n".to_vec()),
            (stranger, vec![0x80, 201, 0, 1, 0, 0, 0, 5]),
        ];
        for (from, octets) in strange {
            assert_eq!(incoming.handle(now, *from, octets), Arrived::Dropped, "{octets:?}");
        }
        let counters = incoming.counters();
        assert_eq!((counters.latch.foreign_source, counters.latch.payload_type), (1, 1));
        assert_eq!((counters.malformed.too_short, counters.malformed.contributors), (1, 1));
        assert_eq!((counters.datagrams.stun, counters.datagrams.dtls, counters.datagrams.other), (1, 1, 1));
        assert_eq!(counters.latch.foreign_rtcp, 1);
        assert_eq!((incoming.latch().destination(), counters.received.received), (destination, 2));
    }

    #[test]
    fn noise_never_reaches_a_settled_stream() {
        let (mut incoming, mut peer) = (incoming(), peer());
        let from = address("192.0.2.1:4000");
        let mut now = Instant::now();
        for _ in 0..3 {
            incoming.handle(now, from, &packet(&mut peer, 0));
        }
        let other = StreamStart::from_random(0xA5A5_A5A5, 7);
        let seed = packet(&mut PacketSender::new(other, 8000), 0);
        fuzz(20_000, |random| {
            now += Duration::from_millis(20);
            for _ in 0..random.below(4) {
                let octets = mutate(random, &seed);
                let stranger = SocketAddr::new([203, 0, 113, random.below(9) as u8].into(), 7);
                assert_eq!(incoming.handle(now, stranger, &octets), Arrived::Dropped);
            }
            let octets = packet(&mut peer, 0);
            let arrived = incoming.handle(now, from, &octets);
            assert!(matches!(arrived, Arrived::Media { restarted: false, .. }));
        });
    }
}
