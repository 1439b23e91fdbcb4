use ::rtcp::goodbye::Goodbye;
use ::rtcp::packet::Packet as _;
use ::rtcp::receiver_report::ReceiverReport;
use ::rtcp::source_description::SourceDescription;
use webrtc_util::marshal::Unmarshal;

use super::*;
use crate::rtp::numbers::SequenceNumber;
use crate::rtp::packet::Header;
use crate::rtp::packet_sender::StreamStart;

pub(super) const OURS: Ssrc = Ssrc(0x0A0A_0A0A);
pub(super) const PEER: Ssrc = Ssrc(0x0B0B_0B0B);
pub(super) const CNAME: &str = "leg-1@example.org";
const NTP: NtpTime = NtpTime(0xE000_0000_8000_0000);

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// One party: its session, what it sends and what it hears.
pub(super) struct Party {
    pub(super) session: RtcpSession,
    pub(super) sender: PacketSender,
    pub(super) sources: Sources,
    start: Instant,
}

impl Party {
    pub(super) fn new(start: Instant, ssrc: Ssrc, cname: &str) -> Party {
        let stream = StreamStart { ssrc, sequence: SequenceNumber(1), timestamp: Timestamp(1000) };
        Party {
            session: RtcpSession::new(start, RtcpSettings::new(ssrc, cname, 160_000, 1)),
            sender: PacketSender::new(stream, 8000),
            sources: Sources::new(8000),
            start,
        }
    }

    fn ntp(&self, now: Instant) -> NtpTime {
        NTP.plus(now - self.start)
    }

    pub(super) fn send_media(&mut self, now: Instant) -> Vec<u8> {
        let mut out = vec![0; 172];
        let len = self.sender.frame(now, 0, 160, &[0; 160], &mut out);
        out.truncate(len);
        out
    }

    fn hear_media(&mut self, now: Instant, octets: &[u8]) {
        let packet = crate::rtp::Packet::parse(octets).unwrap();
        self.sources.handle(now, &packet.header);
    }

    /// Polls at `now`; the datagram if one was due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let ntp = self.ntp(now);
        let sent = self.session.poll(now, ntp, &self.sender, &mut self.sources, &mut out);
        assert_eq!(sent, !out.is_empty());
        sent.then_some(out)
    }

    /// The next report, whenever it is due, and when.
    pub(super) fn next_report(&mut self) -> (Instant, Vec<u8>) {
        loop {
            let due = self.session.next_timeout().unwrap();
            if let Some(out) = self.poll(due) {
                return (due, out);
            }
        }
    }
}

pub(super) fn marshal(packets: &[&dyn ::rtcp::packet::Packet]) -> Vec<u8> {
    packets.iter().flat_map(|packet| packet.marshal().unwrap().to_vec()).collect()
}

fn description(ssrc: Ssrc, cname: &str) -> Vec<u8> {
    let mut out = Vec::new();
    report::append_cname(&mut out, ssrc, cname);
    out
}

fn receiver_report(ssrc: Ssrc, blocks: Vec<ReceptionReport>) -> ReceiverReport {
    ReceiverReport { ssrc: ssrc.0, reports: blocks, ..ReceiverReport::default() }
}

#[test]
fn ntp_time_counts_from_1900_in_fractions_of_two_to_the_32() {
    let half_past = NtpTime::from_unix(Duration::from_millis(1500));
    assert_eq!(half_past.0, (2_208_988_801 << 32) | (1 << 31));
    assert_eq!(half_past.middle(), ((2_208_988_801u64 & 0xFFFF) as u32) << 16 | 0x8000);
    assert_eq!(
        half_past.plus(Duration::from_secs(2)).minus(Duration::from_millis(3500)).0,
        2_208_988_800 << 32
    );
}

#[test]
fn who_has_sent_media_reports_as_a_sender_with_everything_a_compound_must_have() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    party.send_media(start);
    party.send_media(after(start, 20));
    let (due, out) = party.next_report();
    let mut octets = out.as_slice();
    let packets = ::rtcp::packet::unmarshal(&mut octets).unwrap();
    assert_eq!(packets.len(), 2);
    let report = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((report.ssrc, report.packet_count, report.octet_count), (OURS.0, 2, 320));
    assert_eq!(report.ntp_time, NTP.plus(due - start).0);
    let units = ((due - start).as_nanos() * 8000 / 1_000_000_000) as u32;
    assert!(units.abs_diff(report.rtp_time - 1000) <= 1, "the timestamp of the moment");
    assert!(report.reports.is_empty(), "nobody was heard");
    let description = packets[1].as_any().downcast_ref::<SourceDescription>().unwrap();
    assert_eq!(description.chunks[0].source, OURS.0);
    assert_eq!(&*description.chunks[0].items[0].text, CNAME.as_bytes());
    ::rtcp::compound_packet::CompoundPacket(packets).validate().unwrap();
}

#[test]
fn descriptions_end_in_null_octets_for_every_length_of_a_name() {
    for len in 1..=MAX_CNAME_LEN {
        let out = description(OURS, &"x".repeat(len));
        assert_eq!(out.len() % 4, 0);
        assert_eq!(usize::from(u16::from_be_bytes([out[2], out[3]])) * 4 + 4, out.len());
        assert_eq!(out[0], 0x81, "one chunk, no padding bit");
        assert!(out[10 + len..].iter().all(|octet| *octet == 0) && out.len() > 10 + len, "{len}");
        let read = SourceDescription::unmarshal(&mut out.as_slice()).unwrap();
        assert_eq!(read.chunks[0].items[0].text.len(), len);
    }
}

#[test]
fn who_only_listens_sends_receiver_reports_and_a_sender_who_stops_becomes_one() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    assert_eq!(party.next_report().1[1], 201);
    let now = party.session.next_timeout().unwrap();
    party.send_media(now);
    let kinds: Vec<u8> = (0..4).map(|_| party.next_report().1[1]).collect();
    assert_eq!(kinds, [200, 200, 201, 201], "RFC 3550 §6.4: sent since the second report before");
}

#[test]
fn a_receiver_report_tells_loss_jitter_and_the_last_sender_report() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    for sequence in [10u16, 11, 12, 14] {
        let header = Header {
            sequence: SequenceNumber(sequence),
            timestamp: Timestamp(u32::from(sequence) * 160),
            ssrc: PEER,
            marker: false,
            payload_type: 0,
        };
        party.sources.handle(after(start, u64::from(sequence) * 20), &header);
    }
    let report = SenderReport { ssrc: PEER.0, ntp_time: 0x1122_3344_5566_7788, ..SenderReport::default() };
    party.session.handle(after(start, 300), &marshal(&[&report])).unwrap();
    let (due, out) = party.next_report();
    let read = ReceiverReport::unmarshal(&mut out[..32].as_ref()).unwrap();
    let block = &read.reports[0];
    assert_eq!((block.ssrc, block.total_lost, block.last_sequence_number), (PEER.0, 1, 14));
    assert_eq!(block.fraction_lost, 64, "one of four: the first was probation");
    assert_eq!(block.last_sender_report, 0x3344_5566);
    assert_eq!(block.delay, report::to_middle_units(due - after(start, 300)));
    assert_eq!(party.session.sender_clock().unwrap().ntp, NtpTime(0x1122_3344_5566_7788));
}

#[test]
fn a_sender_report_of_another_source_is_not_the_last_one_of_ours() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    for sequence in 1..4 {
        let (ssrc, marker) = (PEER, false);
        let (sequence, timestamp) = (SequenceNumber(sequence), Timestamp(0));
        party.sources.handle(start, &Header { sequence, timestamp, ssrc, marker, payload_type: 0 });
    }
    let report = SenderReport { ssrc: 77, ntp_time: 1 << 40, ..SenderReport::default() };
    party.session.handle(start, &marshal(&[&report])).unwrap();
    let (_, out) = party.next_report();
    let read = ReceiverReport::unmarshal(&mut out[..32].as_ref()).unwrap();
    assert_eq!((read.reports[0].last_sender_report, read.reports[0].delay), (0, 0));
}

#[test]
fn two_parties_measure_the_round_trip_whatever_their_wall_clocks_say() {
    let start = Instant::now();
    let (mut ours, mut theirs) = (Party::new(start, OURS, CNAME), Party::new(start, PEER, "peer"));
    let one_way = Duration::from_millis(30);
    for frame in 0..3 {
        let now = after(start, frame * 20);
        let (one, other) = (ours.send_media(now), theirs.send_media(now));
        theirs.hear_media(now + one_way, &one);
        ours.hear_media(now + one_way, &other);
    }
    let (sent_at, report) = ours.next_report();
    theirs.session.handle(sent_at + one_way, &report).unwrap();
    let (answered_at, answer) = loop {
        let (at, answer) = theirs.next_report();
        if at > sent_at + one_way {
            break (at, answer);
        }
    };
    ours.session.handle(answered_at + one_way, &answer).unwrap();
    let round_trip = ours.session.round_trip().unwrap();
    assert!(round_trip.abs_diff(Duration::from_millis(60)) < Duration::from_micros(50), "{round_trip:?}");
    let remote = ours.session.remote_report().unwrap();
    assert_eq!((remote.cumulative_lost, remote.highest_sequence, remote.fraction_lost), (0, 3, 0));
}

/// RFC 3550 §6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 5.250 s, so 6.125 s.
#[test]
fn the_round_trip_of_the_rfcs_figure() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    let sent_at = after(start, 1000);
    party.session.sent_reports[2] = Some((0xB705_2000, sent_at));
    let block = ReceptionReport {
        ssrc: OURS.0,
        last_sender_report: 0xB705_2000,
        delay: 0x0005_4000,
        ..ReceptionReport::default()
    };
    let arrival = sent_at + report::from_middle_units(0xB710_8000 - 0xB705_2000);
    party.session.handle(arrival, &marshal(&[&receiver_report(PEER, vec![block])])).unwrap();
    assert_eq!(party.session.round_trip(), Some(Duration::from_millis(6125)));
}

#[test]
fn invented_references_and_delays_make_no_round_trip() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    party.session.sent_reports[0] = Some((7, start));
    for (last_sender_report, delay, ms) in [(8, 0, 10), (0, 0, 10), (7, u32::MAX, 10), (7, 0, 61_000)] {
        let block = ReceptionReport { ssrc: OURS.0, last_sender_report, delay, ..ReceptionReport::default() };
        party.session.handle(after(start, ms), &marshal(&[&receiver_report(PEER, vec![block])])).unwrap();
        assert_eq!(party.session.round_trip(), None, "{last_sender_report} {delay} {ms}");
    }
    let slightly_early = ReceptionReport {
        ssrc: OURS.0,
        last_sender_report: 7,
        delay: report::to_middle_units(Duration::from_millis(21)),
        ..ReceptionReport::default()
    };
    let octets = marshal(&[&receiver_report(PEER, vec![slightly_early])]);
    party.session.handle(after(start, 20), &octets).unwrap();
    assert_eq!(party.session.round_trip(), Some(Duration::ZERO), "clocks are only so exact");
}

#[test]
fn blocks_on_others_are_not_on_us_and_negative_loss_keeps_its_sign() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    let of = |ssrc: u32, total_lost: u32| ReceptionReport { ssrc, total_lost, ..ReceptionReport::default() };
    party.session.handle(start, &marshal(&[&receiver_report(PEER, vec![of(99, 5)])])).unwrap();
    assert_eq!(party.session.remote_report(), None);
    let blocks = vec![of(99, 5), of(OURS.0, 0xFF_FFFE)];
    party.session.handle(start, &marshal(&[&receiver_report(PEER, blocks)])).unwrap();
    assert_eq!(party.session.remote_report().unwrap().cumulative_lost, -2);
}

#[test]
fn timestamps_map_to_the_peers_wall_clock_in_both_directions() {
    let now = Instant::now();
    let clock = SenderClock { ssrc: PEER, ntp: NTP, timestamp: Timestamp(400), arrival: now };
    assert_eq!(clock.ntp_of(Timestamp(400 + 16_000), 8000), NTP.plus(Duration::from_secs(2)));
    assert_eq!(clock.ntp_of(Timestamp(400).minus(8000), 8000), NTP.minus(Duration::from_secs(1)));
}

#[test]
fn bye_ends_the_session_and_is_not_said_to_those_who_never_heard_us() {
    let start = Instant::now();
    let mut silent = Party::new(start, OURS, CNAME);
    let mut out = Vec::new();
    assert!(!silent.session.bye(start, NTP, &silent.sender, &mut silent.sources, &mut out));
    assert_eq!((out.len(), silent.session.next_timeout()), (0, None));

    let mut party = Party::new(start, OURS, CNAME);
    party.send_media(start);
    assert!(party.session.bye(start, NTP, &party.sender, &mut party.sources, &mut out));
    let packets = ::rtcp::packet::unmarshal(&mut out.as_slice()).unwrap();
    let kinds: Vec<_> = packets.iter().map(|packet| packet.header().packet_type as u8).collect();
    assert_eq!(kinds, [200, 202, 203]);
    let goodbye = packets[2].as_any().downcast_ref::<Goodbye>().unwrap();
    assert_eq!((goodbye.sources.as_slice(), goodbye.header().padding), (&[OURS.0][..], false));
    assert_eq!(party.poll(after(start, 60_000)), None);
    let mut peer = Party::new(start, PEER, "peer");
    assert_eq!(peer.session.handle(start, &out).unwrap().goodbye, Some(OURS));
    assert!(!party.session.bye(start, NTP, &party.sender, &mut party.sources, &mut out), "once");
}

#[test]
fn reports_come_about_every_five_seconds_the_first_after_half() {
    let start = Instant::now();
    let mut total = Duration::ZERO;
    for seed in 0..50 {
        let mut party = Party::new(start, OURS, CNAME);
        party.session = RtcpSession::new(start, RtcpSettings::new(OURS, CNAME, 160_000, seed));
        let (mut last, _) = party.next_report();
        let first = last - start;
        assert!((1.02..=3.08).contains(&first.as_secs_f64()), "{first:?}");
        for _ in 0..20 {
            let (due, _) = party.next_report();
            let gap = (due - last).as_secs_f64();
            assert!((2.05..=6.16).contains(&gap), "{gap}");
            total += due - last;
            last = due;
        }
    }
    let mean = total.as_secs_f64() / 1000.0;
    assert!((4.5..=5.5).contains(&mean), "reconsideration makes the mean the deterministic one: {mean}");
}

#[test]
fn our_ssrc_from_outside_is_a_loop_or_a_collision() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    party.send_media(start);
    let (sent_at, own) = party.next_report();
    let heard = party.session.handle(sent_at, &own).unwrap();
    assert_eq!(heard.own_ssrc, Some(OwnSsrc::Loop));
    assert_eq!(party.session.sender_clock(), None, "what we said is no news");
    let echoed_report = &own[..28];
    assert_eq!(party.session.handle(sent_at, echoed_report).unwrap().own_ssrc, Some(OwnSsrc::Loop));

    let mut theirs = marshal(&[&receiver_report(OURS, vec![])]);
    theirs.extend(description(OURS, "someone-else"));
    assert_eq!(party.session.handle(sent_at, &theirs).unwrap().own_ssrc, Some(OwnSsrc::Collision));
    let counters = party.session.counters();
    assert_eq!((counters.loops, counters.collisions), (2, 1));

    party.session.change_ssrc(Ssrc(9));
    party.sender.change_stream(StreamStart::from_random(9, 9));
    assert_eq!(party.session.handle(sent_at, &theirs).unwrap().own_ssrc, None);
    assert_eq!(party.next_report().1[4..8], 9u32.to_be_bytes());
}

#[test]
fn reduced_size_feedback_and_unknown_packets_are_accepted_and_counted() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    let feedback = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let extended = [0x80, 207, 0, 1, 0, 0, 0, 1];
    let application = [0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e'];
    let unknown = [0x80, 199, 0, 0];
    party.session.handle(start, &feedback).unwrap();
    party.session.handle(start, &[&extended[..], &application, &unknown].concat()).unwrap();
    // An SDES item we do not know (15, MID) does not cost the report before it.
    let mut with_mid = marshal(&[&receiver_report(PEER, vec![])]);
    with_mid.extend([0x81, 202, 0, 2, 0, 0, 0, 1, 15, 1, b'0', 0]);
    party.session.handle(start, &with_mid).unwrap();
    let counters = party.session.counters();
    assert_eq!((counters.feedback, counters.extended_reports, counters.other), (1, 1, 2));
    assert_eq!((counters.reduced_size, counters.receiver_reports), (2, 1));
    assert_eq!(counters.malformed, compound::CompoundErrors::default());
}

#[test]
fn malformed_compounds_are_refused_by_kind_and_change_nothing() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    let good = marshal(&[&SenderReport { ssrc: PEER.0, ntp_time: 1, ..SenderReport::default() }]);
    let then = |rest: &[u8]| [good.as_slice(), rest].concat();
    let padded_first = vec![0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    let cases: &[(&str, Vec<u8>, CompoundError)] = &[
        ("empty", vec![], CompoundError::TooShort),
        ("three octets", vec![0x80, 200, 0], CompoundError::TooShort),
        ("rest of two octets", then(&[0, 0]), CompoundError::TooShort),
        ("version 1 first", vec![0x40, 201, 0, 1, 0, 0, 0, 1], CompoundError::Version),
        ("version 0 later", then(&[0x00, 202, 0, 0]), CompoundError::Version),
        ("length past the end", vec![0x80, 201, 0, 2, 0, 0, 0, 1], CompoundError::Length),
        ("length past the end, later", then(&[0x80, 203, 0xFF, 0xFF]), CompoundError::Length),
        (
            "padding on the first of two",
            [padded_first, vec![0x80, 203, 0, 0]].concat(),
            CompoundError::Padding,
        ),
        ("padding of zero", vec![0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0], CompoundError::Padding),
        ("padding of three", vec![0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3], CompoundError::Padding),
        ("padding over the header", vec![0xA0, 201, 0, 1, 0, 0, 0, 8], CompoundError::Padding),
        ("report without its block", vec![0x81, 201, 0, 1, 0, 0, 0, 1], CompoundError::Content),
        ("sender report of one word", then(&[0x80, 200, 0, 1, 0, 0, 0, 1]), CompoundError::Content),
        ("good-bye of 31, none there", then(&[0x9F, 203, 0, 0]), CompoundError::Content),
        ("too many", [0x80, 203, 0, 0].repeat(compound::MAX_PACKETS + 1), CompoundError::TooMany),
    ];
    for (name, octets, error) in cases {
        assert_eq!(party.session.handle(start, octets), Err(*error), "{name}");
    }
    assert_eq!(party.session.sender_clock(), None);
    let counted = party.session.counters();
    assert_eq!((counted.malformed.padding, counted.malformed.content, counted.malformed.too_many), (4, 3, 1));
    assert_eq!((counted.sender_reports, counted.malformed.length), (0, 2));
}

#[test]
fn padding_on_the_last_packet_is_taken_off() {
    let start = Instant::now();
    let mut party = Party::new(start, OURS, CNAME);
    let padded = [0xA1, 203, 0, 2, 0x0B, 0x0B, 0x0B, 0x0B, 0, 0, 0, 4];
    assert_eq!(party.session.handle(start, &padded).unwrap().goodbye, Some(PEER));
}
