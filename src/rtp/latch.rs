//! Where a leg's media goes and whose media it takes: symmetric RTP that is safe by default.
//!
//! We send to the signalled (SDP) address until a source is learned: three packets in order, of a negotiated
//! payload type. Within the first second the signalled address, if it speaks, takes the place of any other
//! source. After that only signalling moves the latch, or the stream itself when SSRC, sequence and
//! timestamp continue from another address (a NAT binding that moved); `roaming` adds: two seconds of
//! silence and a fresh probation. RTCP comes from where it was signalled or from the host that was learned.
//! Whatever else arrives is refused, by kind.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::numbers::{SequenceNumber, Ssrc, Timestamp};
use super::packet::Header;

/// Packets in order that make an address the learned one.
pub const PROBATION_PACKETS: u8 = 3;
/// How long the signalled address may still take the place of another, from the first packet on.
pub const SIGNALLED_PREFERRED: Duration = Duration::from_secs(1);
/// How long the learned source must be silent before another may follow when roaming.
pub const ROAMING_SILENCE: Duration = Duration::from_secs(2);
/// Addresses that may be in probation at the same time.
pub const MAX_CANDIDATES: usize = 4;
/// Lost packets that do not break the order of a probation.
const PROBATION_GAP: i16 = 16;
/// A stream continues when it goes on within so many packets (5 s of 20 ms) …
const CONTINUES_PACKETS: i16 = 250;
/// … and so many timestamp units (10 s at 48 kHz).
const CONTINUES_UNITS: i32 = 480_000;

/// The payload types a leg has agreed to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PayloadTypes(u128);

impl PayloadTypes {
    /// Adds one, 0 to 127.
    pub fn insert(&mut self, payload_type: u8) {
        assert!(payload_type < 128, "payload type {payload_type} has no place in a header");
        self.0 |= 1 << payload_type;
    }

    /// Whether this one was agreed.
    pub fn contains(self, payload_type: u8) -> bool {
        payload_type < 128 && self.0 >> payload_type & 1 != 0
    }
}

impl FromIterator<u8> for PayloadTypes {
    fn from_iter<I: IntoIterator<Item = u8>>(payload_types: I) -> PayloadTypes {
        let mut set = PayloadTypes::default();
        payload_types.into_iter().for_each(|payload_type| set.insert(payload_type));
        set
    }
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Not a payload type that was negotiated.
    PayloadType,
    /// From an address that has not sent three packets in order yet.
    Probation,
    /// From another address than the one that was learned.
    ForeignSource,
    /// RTCP from neither the signalled nor the learned host.
    ForeignRtcp,
}

/// Whether a packet is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the peer's.
    Accept,
    /// It is counted and dropped.
    Refuse(Refusal),
}

/// Refused packets by kind, and how often the latch moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatchCounters {
    /// [`Refusal::PayloadType`].
    pub payload_type: u64,
    /// [`Refusal::Probation`].
    pub probation: u64,
    /// [`Refusal::ForeignSource`].
    pub foreign_source: u64,
    /// [`Refusal::ForeignRtcp`].
    pub foreign_rtcp: u64,
    /// How often a source was learned, the first one included.
    pub learned: u64,
}

/// The rule for one leg. A plain value; the media lap asks it about every packet.
#[derive(Debug, Clone)]
#[repr(C)] // all that a packet of the learned source touches is in front
pub struct Latch {
    learned: Option<Stream>,
    signalled: Option<SocketAddr>,
    signalled_rtcp: Option<SocketAddr>,
    roaming: bool,
    learned_rtcp: Option<SocketAddr>,
    /// The source that signalling told us to leave: no candidate while the new one is preferred.
    left: Option<SocketAddr>,
    prefer_signalled_until: Option<Instant>,
    candidates: [Option<Candidate>; MAX_CANDIDATES],
    counters: LatchCounters,
}

/// Where a stream was last.
#[derive(Debug, Clone, Copy)]
struct Stream {
    from: SocketAddr,
    ssrc: Ssrc,
    sequence: SequenceNumber,
    timestamp: Timestamp,
    heard_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    stream: Stream,
    in_order: u8,
}

impl Latch {
    /// A latch that sends to `signalled`, the address in the peer's SDP; see [`Latch::signalled_rtcp`] too.
    pub fn new(signalled: Option<SocketAddr>, roaming: bool) -> Latch {
        Latch {
            learned: None,
            signalled,
            signalled_rtcp: None,
            roaming,
            learned_rtcp: None,
            left: None,
            prefer_signalled_until: None,
            candidates: [None; MAX_CANDIDATES],
            counters: LatchCounters::default(),
        }
    }

    /// An offer or answer named the peer's RTP address. The same one again changes nothing, so that a
    /// session refresh or a hold does not forget a peer behind NAT; neither does an address of 0.0.0.0
    /// (`None`). Another one starts the learning anew.
    pub fn signalled(&mut self, address: Option<SocketAddr>) {
        if address.is_none() || address == self.signalled {
            return;
        }
        self.signalled = address;
        self.left = self.learned.take().map(|stream| stream.from).filter(|left| Some(*left) != address);
        self.learned_rtcp = None;
        self.prefer_signalled_until = None;
        self.candidates = [None; MAX_CANDIDATES];
    }

    /// An offer or answer named the peer's RTCP address (RTP's own when multiplexed).
    pub fn signalled_rtcp(&mut self, address: Option<SocketAddr>) {
        if address.is_some() && address != self.signalled_rtcp {
            self.signalled_rtcp = address;
            self.learned_rtcp = None;
        }
    }

    /// Judges an RTP packet that came from `from`.
    pub fn consider(
        &mut self,
        now: Instant,
        from: SocketAddr,
        header: &Header,
        negotiated: PayloadTypes,
    ) -> Verdict {
        if !negotiated.contains(header.payload_type) {
            return self.refuse(Refusal::PayloadType);
        }
        if let Some(learned) = &mut self.learned
            && same_address(learned.from, from)
        {
            learned.handle(now, header);
            return Verdict::Accept;
        }
        let preferred_until = *self.prefer_signalled_until.get_or_insert(now + SIGNALLED_PREFERRED);
        let preferring = now < preferred_until;
        let is_signalled = self.signalled.is_some_and(|signalled| same_address(signalled, from));
        match &self.learned {
            Some(learned) if learned.continues_with(header) => self.learn(Stream::new(now, from, header)),
            Some(_) if preferring && is_signalled => self.try_candidate(now, from, header),
            Some(learned) if self.roaming && learned.is_silent(now) => self.try_candidate(now, from, header),
            Some(_) => self.refuse(Refusal::ForeignSource),
            None if preferring && self.left.is_some_and(|left| same_address(left, from)) => {
                self.refuse(Refusal::ForeignSource)
            }
            // What comes from where the peer said it would is the peer's, before any probation.
            None if is_signalled => {
                self.try_candidate_uncounted(now, from, header);
                Verdict::Accept
            }
            None => self.try_candidate(now, from, header),
        }
    }

    /// Judges an RTCP packet that came from `from`. Unless it is multiplexed its port may differ from the
    /// signalled one (NAT); the host may not.
    pub fn consider_rtcp(&mut self, from: SocketAddr) -> Verdict {
        let expected = [self.rtcp_destination(), self.signalled_rtcp];
        if expected.into_iter().flatten().any(|expected| same_address(expected, from)) {
            return Verdict::Accept;
        }
        let is_learned_host = self.learned.is_some_and(|learned| same_host(learned.from, from));
        if is_learned_host && !self.is_multiplexed() {
            self.learned_rtcp = Some(from);
            return Verdict::Accept;
        }
        self.refuse(Refusal::ForeignRtcp)
    }

    /// Where to send RTP: the learned source, else the signalled address.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.learned.map(|learned| learned.from).or(self.signalled)
    }

    /// Where to send RTCP: with RTP when multiplexed, else where it was learned to come from, else where it
    /// was signalled.
    pub fn rtcp_destination(&self) -> Option<SocketAddr> {
        if self.is_multiplexed() { self.destination() } else { self.learned_rtcp.or(self.signalled_rtcp) }
    }

    fn is_multiplexed(&self) -> bool {
        self.signalled_rtcp.is_some() && self.signalled_rtcp == self.signalled
    }

    /// The source that was learned, if one was.
    pub fn learned(&self) -> Option<SocketAddr> {
        self.learned.map(|learned| learned.from)
    }

    /// Refusals by kind since the leg began.
    pub fn counters(&self) -> LatchCounters {
        self.counters
    }

    fn try_candidate(&mut self, now: Instant, from: SocketAddr, header: &Header) -> Verdict {
        match self.try_candidate_uncounted(now, from, header) {
            true => Verdict::Accept,
            false => self.refuse(Refusal::Probation),
        }
    }

    /// One step of a probation; true when the address has just been learned.
    fn try_candidate_uncounted(&mut self, now: Instant, from: SocketAddr, header: &Header) -> bool {
        let candidate = self.candidate_slot(from);
        let in_order = match candidate {
            Some(known) if known.stream.is_in_order(header) => known.in_order + 1,
            _ => 1,
        };
        let stream = Stream::new(now, from, header);
        *candidate = Some(Candidate { stream, in_order });
        if in_order < PROBATION_PACKETS {
            return false;
        }
        self.learn(stream);
        true
    }

    /// The candidate of this address, else a free place, else the one that has come least far and is
    /// silent longest: a flood from many addresses does not drive out one that sends in order.
    fn candidate_slot(&mut self, from: SocketAddr) -> &mut Option<Candidate> {
        let rank = |slot: &Option<Candidate>| match slot {
            Some(candidate) if same_address(candidate.stream.from, from) => (0, 0, None),
            None => (1, 0, None),
            Some(candidate) => (2, candidate.in_order, Some(candidate.stream.heard_at)),
        };
        self.candidates.iter_mut().min_by_key(|slot| rank(slot)).expect("MAX_CANDIDATES > 0")
    }

    fn learn(&mut self, stream: Stream) -> Verdict {
        let moved_host = self.learned.is_some_and(|before| !same_host(before.from, stream.from));
        if moved_host {
            self.learned_rtcp = None;
        }
        self.learned = Some(stream);
        self.left = None;
        self.candidates = [None; MAX_CANDIDATES];
        self.counters.learned += 1;
        Verdict::Accept
    }

    fn refuse(&mut self, refusal: Refusal) -> Verdict {
        let counter = match refusal {
            Refusal::PayloadType => &mut self.counters.payload_type,
            Refusal::Probation => &mut self.counters.probation,
            Refusal::ForeignSource => &mut self.counters.foreign_source,
            Refusal::ForeignRtcp => &mut self.counters.foreign_rtcp,
        };
        *counter += 1;
        Verdict::Refuse(refusal)
    }
}

impl Stream {
    fn new(now: Instant, from: SocketAddr, header: &Header) -> Stream {
        Stream {
            from,
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            heard_at: now,
        }
    }

    /// A packet of the learned address; its SSRC may change, late packets do not take the stream back.
    fn handle(&mut self, now: Instant, header: &Header) {
        self.heard_at = self.heard_at.max(now);
        if header.ssrc != self.ssrc || header.sequence.is_after(self.sequence) {
            *self = Stream { heard_at: self.heard_at, ..Stream::new(now, self.from, header) };
        }
    }

    fn continues_with(&self, header: &Header) -> bool {
        self.goes_on_within(header, CONTINUES_PACKETS)
    }

    fn is_in_order(&self, header: &Header) -> bool {
        self.goes_on_within(header, PROBATION_GAP)
    }

    fn goes_on_within(&self, header: &Header, packets: i16) -> bool {
        header.ssrc == self.ssrc
            && (1..=packets).contains(&header.sequence.distance_from(self.sequence))
            && (0..=CONTINUES_UNITS).contains(&header.timestamp.distance_from(self.timestamp))
    }

    fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= ROAMING_SILENCE
    }
}

/// Same host and port, whether or not an IPv4 address came in its IPv6 form.
fn same_address(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && same_host(one, other)
}

fn same_host(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical()
}

#[cfg(test)]
mod tests;
