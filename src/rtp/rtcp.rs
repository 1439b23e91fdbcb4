//! RTCP of one leg (RFC 3550 §6): sender and receiver reports, CNAME, BYE, their intervals, round-trip time.
//!
//! Two parties, so what large sessions need is reduced: members are us and the peer, timer reconsideration
//! (§6.3.6) is the redraw at expiry alone, reverse reconsideration (§6.3.4) and BYE back-off (§6.3.7) have
//! nothing to do. The media lap hands in what the latch accepted and sends what [`RtcpSession::poll`] writes.

pub mod compound;
mod interval;
mod report;

use std::time::{Duration, Instant};

use super::numbers::{Ssrc, Timestamp};
use super::packet_sender::PacketSender;
use super::source::Sources;
use super::splitmix::SplitMix64;
use ::rtcp::receiver_report::ReceiverReport;
use ::rtcp::reception_report::ReceptionReport;
use ::rtcp::sender_report::SenderReport;
pub use compound::{CompoundError, RtcpCounters};
use compound::{Item, Received};
use interval::{Interval, Members};

/// Longest CNAME (RFC 3550 §6.5).
pub const MAX_CNAME_LEN: usize = 255;
/// Sender reports of ours that a reception report may still refer to.
const REMEMBERED_REPORTS: usize = 4;
/// A round trip above this is a mistake of the peer's.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(60);
/// Octets of IPv4 and UDP headers, which count for the average size (RFC 3550 §6.2).
const LOWER_LAYERS_LEN: usize = 28;

/// Wall-clock time as NTP has it: seconds since 1900 in 32.32 fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds from 1900 to 1970.
    const UNIX_EPOCH: u64 = 2_208_988_800;

    /// From the time since 1970; wraps in 2036 as the format does.
    pub fn from_unix(since_1970: Duration) -> NtpTime {
        let seconds = since_1970.as_secs().wrapping_add(NtpTime::UNIX_EPOCH);
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime(seconds << 32 | fraction)
    }

    /// The middle 32 bits: units of 1/65,536 s.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// This time and `elapsed` more.
    pub fn plus(self, elapsed: Duration) -> NtpTime {
        NtpTime(self.0.wrapping_add(((elapsed.as_nanos() << 32) / 1_000_000_000) as u64))
    }

    /// This time less `elapsed`.
    pub fn minus(self, elapsed: Duration) -> NtpTime {
        NtpTime(self.0.wrapping_sub(((elapsed.as_nanos() << 32) / 1_000_000_000) as u64))
    }
}

/// What a session is set up with.
#[derive(Debug, Clone)]
pub struct RtcpSettings {
    /// Our SSRC: that of the leg's [`PacketSender`].
    pub ssrc: Ssrc,
    /// Who we are, the same for all streams of the leg (RFC 7022); at most [`MAX_CNAME_LEN`] octets.
    pub cname: Box<str>,
    /// Bandwidth of the RTP session with lower layers, both directions; 5 % of it is RTCP's.
    pub session_bits_per_second: u32,
    /// Least interval, 5 s in RFC 3550 §6.2.
    pub minimum_interval: Duration,
    /// Lowers the least interval to 360 s over the bandwidth in kbit/s (RFC 3550 §6.2).
    pub reduced_minimum: bool,
    /// Spreads the intervals.
    pub seed: u64,
}

impl RtcpSettings {
    /// The RFC's minimum for a call of this bandwidth.
    pub fn new(ssrc: Ssrc, cname: &str, session_bits_per_second: u32, seed: u64) -> RtcpSettings {
        let minimum_interval = Duration::from_secs(5);
        let cname = cname.into();
        RtcpSettings { ssrc, cname, session_bits_per_second, minimum_interval, reduced_minimum: false, seed }
    }
}

/// What the peer told of what it hears of us (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteReport {
    /// When it came.
    pub arrival: Instant,
    /// Share lost since its last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative when packets were doubled.
    pub cumulative_lost: i32,
    /// Highest sequence number it has, with cycles.
    pub highest_sequence: u32,
    /// Jitter in our timestamp units.
    pub jitter: u32,
}

/// What the peer told of its clocks: which wall-clock time belongs to which timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// Whose timestamps.
    pub ssrc: Ssrc,
    /// Its wall clock at the report …
    pub ntp: NtpTime,
    /// … and its timestamp at the same moment.
    pub timestamp: Timestamp,
    /// When the report came.
    pub arrival: Instant,
}

impl SenderClock {
    /// The peer's wall-clock time of a timestamp within half the timestamp's range.
    pub fn ntp_of(&self, timestamp: Timestamp, clock_rate: u32) -> NtpTime {
        let units = timestamp.distance_from(self.timestamp);
        let nanos = u64::from(units.unsigned_abs()) * 1_000_000_000 / u64::from(clock_rate.max(1));
        let elapsed = Duration::from_nanos(nanos);
        if units < 0 { self.ntp.minus(elapsed) } else { self.ntp.plus(elapsed) }
    }
}

/// What a datagram brought, besides what the session keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// A source said good-bye.
    pub goodbye: Option<Ssrc>,
    /// Somebody else uses our SSRC.
    pub own_ssrc: Option<OwnSsrc>,
}

/// Why our SSRC came from outside (RFC 3550 §8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnSsrc {
    /// With our CNAME, or as the echo of a report of ours: our own packets come back.
    Loop,
    /// The peer chose the same: take another with [`RtcpSession::change_ssrc`].
    Collision,
}

/// The machine of one leg.
#[derive(Debug, Clone)]
pub struct RtcpSession {
    settings: RtcpSettings,
    random: SplitMix64,
    interval: Interval,
    /// Recent sender reports of ours: middle of their NTP time, and when they were sent.
    sent_reports: [Option<(u32, Instant)>; REMEMBERED_REPORTS],
    reports_sent: u64,
    /// Packets of ours at the last two reports (RFC 3550 §6.4: is a sender who sent since the one before).
    packets_at_reports: [u32; 2],
    sender_clock: Option<SenderClock>,
    remote_report: Option<RemoteReport>,
    round_trip: Option<Duration>,
    left: bool,
    counters: RtcpCounters,
}

impl RtcpSession {
    /// A session that sends its first report about half an interval after `now`.
    ///
    /// Panics when the CNAME is empty or too long.
    pub fn new(now: Instant, settings: RtcpSettings) -> RtcpSession {
        assert!(
            (1..=MAX_CNAME_LEN).contains(&settings.cname.len()),
            "CNAME of {} octets",
            settings.cname.len()
        );
        let mut random = SplitMix64::new(settings.seed);
        let interval = Interval::new(now, &settings, &mut random);
        RtcpSession {
            settings,
            random,
            interval,
            sent_reports: [None; REMEMBERED_REPORTS],
            reports_sent: 0,
            packets_at_reports: [0; 2],
            sender_clock: None,
            remote_report: None,
            round_trip: None,
            left: false,
            counters: RtcpCounters::default(),
        }
    }

    /// Takes one datagram the latch accepted. All of it is checked before any of it is believed; reduced-size
    /// packets (RFC 5506) are accepted.
    pub fn handle(&mut self, arrival: Instant, datagram: &[u8]) -> Result<Heard, CompoundError> {
        let received = compound::parse(datagram).inspect_err(|error| self.counters.count_error(*error))?;
        self.counters.count(&received);
        self.interval.handle_size(datagram.len() + LOWER_LAYERS_LEN);
        let mut heard = Heard::default();
        if let Some(own) = self.own_ssrc(&received) {
            self.counters.count_own_ssrc(own);
            heard.own_ssrc = Some(own);
            return Ok(heard);
        }
        for item in &received.items {
            match item {
                Item::Sender(report) => self.handle_sender_report(arrival, report),
                Item::Receiver(report) => self.handle_blocks(arrival, &report.reports),
                Item::Goodbye(goodbye) => {
                    heard.goodbye = goodbye.sources.first().copied().map(Ssrc).or(heard.goodbye);
                }
                Item::Description(_) | Item::Skipped => {}
            }
        }
        self.interval.set_peer(heard.goodbye.is_none());
        Ok(heard)
    }

    /// Whether the datagram's maker uses our SSRC, and who that is.
    fn own_ssrc(&self, received: &Received) -> Option<OwnSsrc> {
        let own = self.settings.ssrc.0;
        let is_own = received.items.iter().any(|item| match item {
            Item::Sender(report) => report.ssrc == own,
            Item::Receiver(report) => report.ssrc == own,
            Item::Description(description) => description.chunks.iter().any(|chunk| chunk.source == own),
            Item::Goodbye(goodbye) => goodbye.sources.contains(&own),
            Item::Skipped => false,
        });
        let has_our_name =
            received.cname_of(own).is_some_and(|cname| *cname == *self.settings.cname.as_bytes());
        let is_echo = received.items.iter().any(|item| match item {
            Item::Sender(report) => self.sent_at(NtpTime(report.ntp_time).middle()).is_some(),
            _ => false,
        });
        is_own.then_some(if has_our_name || is_echo { OwnSsrc::Loop } else { OwnSsrc::Collision })
    }

    fn handle_sender_report(&mut self, arrival: Instant, report: &SenderReport) {
        self.sender_clock = Some(SenderClock {
            ssrc: Ssrc(report.ssrc),
            ntp: NtpTime(report.ntp_time),
            timestamp: Timestamp(report.rtp_time),
            arrival,
        });
        self.handle_blocks(arrival, &report.reports);
    }

    fn handle_blocks(&mut self, arrival: Instant, blocks: &[ReceptionReport]) {
        for block in blocks.iter().filter(|block| block.ssrc == self.settings.ssrc.0) {
            self.remote_report = Some(report::remote_report(arrival, block));
            if let Some(round_trip) = self.measure(arrival, block) {
                self.round_trip = Some(round_trip);
            }
        }
    }

    /// RFC 3550 §6.4.1, figure 2. Our clock is the monotonic one: the report the peer refers to is looked
    /// up, so that neither a step of the wall clock nor an invented LSR makes a round trip.
    fn measure(&self, arrival: Instant, block: &ReceptionReport) -> Option<Duration> {
        let elapsed = arrival.checked_duration_since(self.sent_at(block.last_sender_report)?)?;
        let held = report::from_middle_units(block.delay);
        let round_trip = elapsed.saturating_sub(held);
        (elapsed <= held + MAX_ROUND_TRIP && held <= elapsed + MAX_ROUND_TRIP).then_some(round_trip)
    }

    fn sent_at(&self, last_sender_report: u32) -> Option<Instant> {
        let sent = self.sent_reports.iter().flatten().find(|(middle, _)| *middle == last_sender_report);
        sent.map(|(_, at)| *at)
    }

    /// When to call [`RtcpSession::poll`] next; `None` after BYE.
    pub fn next_timeout(&self) -> Option<Instant> {
        (!self.left).then_some(self.interval.due_at())
    }

    /// Appends the compound packet that is due to `out` and returns true, or nothing and false.
    ///
    /// `ntp` is the wall clock at `now`. A report's loss figures are of the interval since the last one.
    pub fn poll(
        &mut self,
        now: Instant,
        ntp: NtpTime,
        sender: &PacketSender,
        sources: &mut Sources,
        out: &mut Vec<u8>,
    ) -> bool {
        let members = Members { we_send: self.we_send(sender), peer_sends: sources.current().is_some() };
        if self.left || !self.interval.is_due(now, members, &self.settings, &mut self.random) {
            return false;
        }
        let start = out.len();
        self.write_report(now, ntp, sender, sources, out);
        self.write_description(out);
        self.interval.handle_sent(
            now,
            out.len() - start + LOWER_LAYERS_LEN,
            members,
            &self.settings,
            &mut self.random,
        );
        self.packets_at_reports = [self.packets_at_reports[1], sender.sent().packets];
        true
    }

    /// Ends the session: appends a last report with BYE to `out` and returns true, or false when nothing was
    /// ever sent, in which case there is nobody to say it to (RFC 3550 §6.3.7).
    pub fn bye(
        &mut self,
        now: Instant,
        ntp: NtpTime,
        sender: &PacketSender,
        sources: &mut Sources,
        out: &mut Vec<u8>,
    ) -> bool {
        let ever_sent = self.reports_sent > 0 || sender.sent().packets > 0;
        if self.left || !ever_sent {
            self.left = true;
            return false;
        }
        self.write_report(now, ntp, sender, sources, out);
        self.write_description(out);
        report::append(out, &report::goodbye(self.settings.ssrc));
        self.left = true;
        true
    }

    /// Goes on under another SSRC after a collision; the caller sends [`RtcpSession::bye`] for a clone of
    /// the old session first if it wants to be polite, and changes the [`PacketSender`] too.
    pub fn change_ssrc(&mut self, ssrc: Ssrc) {
        self.settings.ssrc = ssrc;
        self.sent_reports = [None; REMEMBERED_REPORTS];
        self.packets_at_reports = [0; 2];
        self.remote_report = None;
    }

    /// Time to the peer and back, by its last report.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The peer's last report on what it hears of us.
    pub fn remote_report(&self) -> Option<&RemoteReport> {
        self.remote_report.as_ref()
    }

    /// The peer's clocks by its last sender report.
    pub fn sender_clock(&self) -> Option<&SenderClock> {
        self.sender_clock.as_ref()
    }

    /// What came and went so far.
    pub fn counters(&self) -> RtcpCounters {
        self.counters
    }

    /// RFC 3550 §6.3.8: a sender is who has sent since the second report before.
    fn we_send(&self, sender: &PacketSender) -> bool {
        sender.sent().packets != self.packets_at_reports[0]
    }

    fn write_report(
        &mut self,
        now: Instant,
        ntp: NtpTime,
        sender: &PacketSender,
        sources: &mut Sources,
        out: &mut Vec<u8>,
    ) {
        let ssrc = self.settings.ssrc.0;
        let reports = self.reception(now, sources).into_iter().collect();
        if self.we_send(sender) {
            let sent = sender.sent();
            let report = SenderReport {
                ssrc,
                ntp_time: ntp.0,
                rtp_time: sender.timestamp_at(now).0,
                packet_count: sent.packets,
                octet_count: sent.octets,
                reports,
                ..SenderReport::default()
            };
            report::append(out, &report);
            let slot = self.reports_sent as usize % REMEMBERED_REPORTS;
            self.sent_reports[slot] = Some((ntp.middle(), now));
        } else {
            report::append(out, &ReceiverReport { ssrc, reports, ..ReceiverReport::default() });
        }
        self.reports_sent += 1;
        self.counters.reports_sent += 1;
    }

    fn reception(&self, now: Instant, sources: &mut Sources) -> Option<ReceptionReport> {
        let reception = sources.current_mut()?.report();
        let clock = self.sender_clock.filter(|clock| clock.ssrc == reception.ssrc);
        let (last_sender_report, delay) = clock.map_or((0, 0), |clock| {
            let held = now.saturating_duration_since(clock.arrival);
            (clock.ntp.middle(), report::to_middle_units(held))
        });
        Some(report::reception_block(&reception, last_sender_report, delay))
    }

    fn write_description(&self, out: &mut Vec<u8>) {
        report::append_cname(out, self.settings.ssrc, &self.settings.cname);
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
