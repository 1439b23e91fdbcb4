//! RTCP of a leg: when a report is due, what it says, and the peer's (RFC 3550 §6).

use super::expected_loss::ExpectedLoss;
use super::network::Network;
use super::outgoing::Outgoing;
use crate::rtp::packet_sender::StreamStart;
use crate::rtp::rtcp::{NtpTime, OwnSsrc, RtcpSession, RtcpSettings};
use crate::worker::Worker;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Bandwidth of a call's RTP with headers, both ways; 5 % of it may be RTCP.
const SESSION_BITS_PER_SECOND: u32 = 160_000;

/// The session, and when it is to be asked next: most laps look at that alone.
pub struct Reporting {
    due_at: Option<Instant>,
    session: Box<RtcpSession>,
    /// What the peer's reports make us expect.
    loss: ExpectedLoss,
}

impl Reporting {
    /// For the stream of `outgoing`.
    pub fn new(worker: &Worker, outgoing: &Outgoing) -> Reporting {
        // RFC 7022: a CNAME that is random and of this leg alone.
        let cname = worker.random_token();
        let ssrc = outgoing.packets().ssrc();
        let settings = RtcpSettings::new(ssrc, &cname, SESSION_BITS_PER_SECOND, worker.random_u64());
        let session = Box::new(RtcpSession::new(worker.now(), settings));
        Reporting { due_at: session.next_timeout(), session, loss: ExpectedLoss::default() }
    }

    /// Takes what the peer reports; a malformed report is counted by the session.
    pub fn handle(
        &mut self,
        worker: &Worker,
        arrival: Instant,
        report: &[u8],
        network: &mut Network,
        outgoing: &mut Outgoing,
    ) {
        let Ok(heard) = self.session.handle(arrival, report) else { return };
        if heard.own_ssrc == Some(OwnSsrc::Collision) {
            let start = StreamStart::from_random(worker.random_u64(), worker.random_u32());
            outgoing.change_stream(start);
            self.session.change_ssrc(start.ssrc);
            network.incoming.set_our_ssrc(start.ssrc);
        }
        let told = self.session.remote_report().filter(|told| told.arrival == arrival);
        if let Some(percent) = told.and_then(|told| self.loss.handle_report(told.fraction_lost)) {
            outgoing.expect_loss(percent);
        }
    }

    /// Sends a report if one is due.
    pub fn send_when_due(
        &mut self,
        worker: &Worker,
        lap_due: Instant,
        network: &mut Network,
        outgoing: &Outgoing,
        report: &mut Vec<u8>,
    ) {
        if self.due_at.is_none_or(|due_at| due_at > lap_due) {
            return;
        }
        report.clear();
        let (now, sources) = (worker.now(), network.incoming.sources_mut());
        if self.session.poll(now, ntp(worker), outgoing.packets(), sources, report) {
            network.send_report(report);
        }
        self.due_at = self.session.next_timeout();
    }

    /// Says good-bye (RFC 3550 §6.6).
    pub fn say_goodbye(
        &mut self,
        worker: &Worker,
        network: &mut Network,
        outgoing: &Outgoing,
        report: &mut Vec<u8>,
    ) {
        report.clear();
        let (now, sources) = (worker.now(), network.incoming.sources_mut());
        if self.session.bye(now, ntp(worker), outgoing.packets(), sources, report) {
            network.send_report(report);
        }
        self.due_at = None;
    }

    /// Time to the peer and back, where it told.
    pub fn round_trip(&self) -> Option<Duration> {
        self.session.round_trip()
    }
}

fn ntp(worker: &Worker) -> NtpTime {
    NtpTime::from_unix(worker.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default())
}
