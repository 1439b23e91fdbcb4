use super::*;
use crate::rtp::packet::Packet;

const START: StreamStart =
    StreamStart { ssrc: Ssrc(5), sequence: SequenceNumber(0xFFFF), timestamp: Timestamp(u32::MAX - 159) };

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// Sends one frame of PCMU and reads it back.
fn send(sender: &mut PacketSender, now: Instant) -> Header {
    let mut out = [0; HEADER_LEN + 160];
    let len = sender.frame(now, 0, 160, &[0x55; 160], &mut out);
    let packet = Packet::parse(&out[..len]).unwrap();
    assert_eq!(packet.payload, [0x55; 160]);
    packet.header
}

#[test]
fn sequence_and_timestamp_go_on_from_the_start_values_and_wrap() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    let first = send(&mut sender, now);
    assert_eq!((first.sequence, first.timestamp, first.ssrc), (START.sequence, START.timestamp, Ssrc(5)));
    let second = send(&mut sender, after(now, 20));
    assert_eq!((second.sequence, second.timestamp), (SequenceNumber(0), Timestamp(0)));
    assert_eq!(sender.sent(), SentCounters { packets: 2, octets: 320, digits: 0 });
}

#[test]
fn the_first_packet_of_a_talkspurt_is_marked_and_time_goes_on_in_the_gap() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    assert!(send(&mut sender, now).marker);
    assert!(!send(&mut sender, after(now, 20)).marker);
    sender.skip(after(now, 40), 160);
    sender.skip(after(now, 60), 160);
    let next = send(&mut sender, after(now, 80));
    assert_eq!((next.marker, next.sequence, next.timestamp), (true, SequenceNumber(1), Timestamp(480)));
}

#[test]
fn the_timestamp_of_a_report_is_that_of_its_moment() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    assert_eq!(sender.timestamp_at(after(now, 500)), START.timestamp, "nothing was sent yet");
    send(&mut sender, now);
    assert_eq!(sender.timestamp_at(now), START.timestamp);
    assert_eq!(sender.timestamp_at(after(now, 15)), START.timestamp.plus(120));
    sender.skip(after(now, 20), 160);
    assert_eq!(sender.timestamp_at(after(now, 1020)), Timestamp(8000));
}

#[test]
fn another_clock_rate_goes_on_without_a_jump() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    send(&mut sender, now);
    sender.set_clock_rate(48_000);
    let mut out = [0; 100];
    let len = sender.frame(after(now, 20), 111, 960, &[1; 40], &mut out);
    let header = Packet::parse(&out[..len]).unwrap().header;
    assert_eq!((header.timestamp, header.marker), (Timestamp(0), true));
    assert_eq!(sender.timestamp_at(after(now, 40)), Timestamp(960));
}

#[test]
fn digits_need_a_negotiated_payload_type() {
    let mut sender = PacketSender::new(START, 8000);
    let digit = Digit::from_char('1').unwrap();
    assert_eq!(sender.start_digit(digit, Duration::ZERO), Err(DigitError::NotNegotiated));
    sender.set_telephone_event(Some((101, 8000)));
    assert_eq!(sender.start_digit(digit, Duration::ZERO), Ok(()));
    sender.set_telephone_event(Some((96, 8000)));
    assert!(sender.is_sending_digits(), "a digit outlives a session refresh");
    sender.set_telephone_event(None);
    assert!(!sender.is_sending_digits());
}

#[test]
fn a_leg_that_would_encode_in_vain_can_ask_first() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    sender.set_telephone_event(Some((101, 8000)));
    let mut out = [0; 20];
    assert_eq!(sender.digit_frame(now, 160, &mut out), None);
    sender.start_digit(Digit::from_char('1').unwrap(), Duration::from_millis(100)).unwrap();
    assert_eq!(sender.digit_frame(now, 160, &mut out), Some(16));
    assert_eq!(Packet::parse(&out[..16]).unwrap().header.payload_type, 101);
}

#[test]
fn a_new_stream_after_a_collision_begins_its_counts_anew() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    send(&mut sender, now);
    sender.change_stream(StreamStart::from_random(0x1_0000_0009, 77));
    assert_eq!(sender.sent(), SentCounters::default());
    let header = send(&mut sender, now);
    assert_eq!((header.ssrc, header.sequence, header.timestamp), (Ssrc(9), SequenceNumber(1), Timestamp(77)));
    assert!(header.marker);
}

#[test]
fn start_sequences_leave_room_for_srtp() {
    assert!(StreamStart::from_random(u64::MAX, 0).sequence.0 < 0x8000);
}

/// RFC 3389 §4: a codec of its own, in the same sequence and on the same timeline; RFC 3551 §4.1 marks what follows.
#[test]
fn a_described_pause_is_numbered_with_the_audio_and_what_follows_it_is_marked() {
    let now = Instant::now();
    let mut sender = PacketSender::new(START, 8000);
    send(&mut sender, now);
    let mut out = [0; HEADER_LEN + 3];
    let len = sender.comfort_noise(after(now, 20), 13, 160, &[50, 127, 100], &mut out);
    let described = Packet::parse(&out[..len]).unwrap();
    assert_eq!((described.header.payload_type, described.payload), (13, &[50, 127, 100][..]));
    assert_eq!((described.header.sequence, described.header.timestamp), (SequenceNumber(0), Timestamp(0)));
    assert!(!described.header.marker);
    sender.skip(after(now, 40), 160);
    let next = send(&mut sender, after(now, 60));
    assert_eq!((next.marker, next.sequence, next.timestamp), (true, SequenceNumber(1), Timestamp(320)));
}

#[test]
fn a_packet_with_copies_has_the_numbers_that_it_would_have_without() {
    use crate::rtp::redundancy::{MAX_PAYLOAD_BYTES, Packer, Packing, Redundant};
    let mut sender = PacketSender::new(START, 8000);
    let mut packer = Packer::new(Packing { payload_type: 121, copies: 1 });
    let now = Instant::now();
    let mut send = |now, payload: [u8; 4]| {
        let mut out = [0; HEADER_LEN + MAX_PAYLOAD_BYTES];
        let len = sender.redundant_frame(now, &mut packer, (0, 160), &payload, &mut out);
        let packet = Packet::parse(&out[..len]).unwrap();
        (packet.header, packet.payload.to_vec(), sender.sent())
    };
    let (first, payload, sent) = send(now, *b"1111");
    assert_eq!((first.payload_type, first.marker, &payload[..], sent.octets), (0, true, &b"1111"[..], 4));
    let (second, payload, sent) = send(after(now, 20), *b"2222");
    assert_eq!((second.payload_type, second.marker, sent.packets, sent.octets), (121, false, 2, 17));
    assert_eq!((second.sequence, second.timestamp), (SequenceNumber(0), Timestamp(0)));
    let read = Redundant::parse(&payload).unwrap();
    let copy = read.copies().next().unwrap();
    assert_eq!((read.primary, copy.payload, copy.offset_units), (&b"2222"[..], &b"1111"[..], 160));
}
