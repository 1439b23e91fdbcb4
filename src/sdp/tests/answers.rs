//! Single offers and what we answer.

use super::samples::SAMPLES;
use super::*;
use crate::sdp::{CodecOrder, Extension, Refusal};

#[test]
fn real_offers_are_answered_as_the_table_says() {
    for sample in SAMPLES {
        for offer in [sample.offer.as_bytes().to_vec(), body(sample.offer)] {
            let (media, agreed) = match server().answer(&offer) {
                Ok((answer, agreed)) => (lines_of(&answer, &["m="]), summary(&agreed)),
                Err(refusal) => (format!("{} {refusal}", refusal.status()), String::new()),
            };
            assert_eq!((media.as_str(), agreed.as_str()), (sample.media, sample.agreed), "{}", sample.name);
        }
    }
}

#[test]
fn an_independent_parser_reads_our_answers_as_we_mean_them() {
    for sample in SAMPLES {
        let Ok((answer, agreed)) = server().answer(sample.offer.as_bytes()) else { continue };
        let text = std::str::from_utf8(&answer).unwrap();
        let oracle = sipx_sdp::parse::parse(text).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let audio = oracle.media.iter().find(|media| media.port != 0).unwrap();
        assert_eq!(audio.port, 20000, "{}", sample.name);
        assert_eq!(oracle.address_for(audio), Some(server_media().address), "{}", sample.name);
        assert_eq!(audio.direction().as_str(), agreed.direction.name(), "{}", sample.name);
        assert_eq!(audio.rtcp_mux(), agreed.rtcp_mux, "{}", sample.name);
        for codec in &agreed.receive {
            let rtpmap = audio.rtpmap(&codec.receive_payload_type.to_string()).unwrap();
            let rtpmap = sipx_sdp::rtpmap::Rtpmap::parse(rtpmap).unwrap();
            assert_eq!(rtpmap.encoding(), codec.name.encoding_name());
            assert_eq!((rtpmap.clock_rate(), rtpmap.channels()), (codec.clock_rate, codec.channels.into()));
        }
    }
}

#[test]
fn an_answer_is_complete() {
    let offer = phone(
        "m=audio 4000 RTP/AVP 96 0 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n\
         a=ptime:40\na=rtcp-mux\na=mid:a1",
    );
    let (answer, _) = server().answer(&offer).unwrap();
    let expected = "v=0\no=- 7 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\n\
        m=audio 20000 RTP/AVP 96 0 101\na=rtpmap:96 opus/48000/2\na=fmtp:96 minptime=10;useinbandfec=1\n\
        a=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:40\na=maxptime:60\n\
        a=sendrecv\na=rtcp-mux\na=mid:a1\n";
    assert_eq!(std::str::from_utf8(&answer).unwrap(), expected.replace('\n', "\r\n"));
}

/// RFC 3551 §4.5.2: payload type 9, and 8000 Hz whatever the samples are.
#[test]
fn g722_is_known_by_its_number_and_by_its_name_at_8000_hz() {
    let mut codecs = server_media().codecs;
    codecs.insert(1, LocalCodec::g722());
    let media = || LocalMedia { codecs: codecs.clone(), ..server_media() };
    for offer in ["9 0", "9 0\na=rtpmap:9 G722/8000", "9 0\na=rtpmap:9 g722/8000/1"] {
        let offer = phone(&format!("m=audio 4000 RTP/AVP {offer}"));
        let (answer, agreed) = Negotiation::new(7, media()).answer(&offer).unwrap();
        assert_eq!(
            lines_of(&answer, &["m=", "a=rtpmap"]),
            "m=audio 20000 RTP/AVP 9 0 | a=rtpmap:9 G722/8000 | a=rtpmap:0 PCMU/8000"
        );
        assert!(summary(&agreed).starts_with("G722/8000=9,PCMU/8000=0 "), "{}", summary(&agreed));
    }
    let at_16_khz = phone("m=audio 4000 RTP/AVP 97 0\na=rtpmap:97 G722/16000");
    let (_, agreed) = Negotiation::new(7, media()).answer(&at_16_khz).unwrap();
    assert!(summary(&agreed).starts_with("PCMU/8000=0 "), "{}", summary(&agreed));
}

#[test]
fn our_order_of_codecs_counts_when_it_is_preferred() {
    let offer =
        phone("m=audio 4000 RTP/AVP 101 8 0 96\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000");
    let media = LocalMedia { prefer: CodecOrder::OurOrder, ..server_media() };
    let (answer, agreed) = Negotiation::new(7, media).answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 96 0 8 101");
    assert_eq!(agreed.codec.send_payload_type, 96);
    let (answer, agreed) = server().answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 8 0 96 101");
    assert_eq!(agreed.codec.send_payload_type, 8);
}

#[test]
fn each_pair_of_directions_is_answered_as_rfc_3264_6_1_says() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let table = [
        (SendRecv, SendRecv, SendRecv),
        (SendRecv, SendOnly, RecvOnly),
        (SendRecv, RecvOnly, SendOnly),
        (SendRecv, Inactive, Inactive),
        (SendOnly, SendRecv, SendOnly),
        (SendOnly, SendOnly, Inactive),
        (SendOnly, RecvOnly, SendOnly),
        (SendOnly, Inactive, Inactive),
        (RecvOnly, SendRecv, RecvOnly),
        (RecvOnly, SendOnly, RecvOnly),
        (RecvOnly, RecvOnly, Inactive),
        (RecvOnly, Inactive, Inactive),
        (Inactive, SendRecv, Inactive),
        (Inactive, SendOnly, Inactive),
        (Inactive, RecvOnly, Inactive),
        (Inactive, Inactive, Inactive),
    ];
    for (ours, offered, answered) in table {
        let offer = phone(&format!("m=audio 4000 RTP/AVP 0\na={offered}"));
        let (answer, agreed) = Negotiation::new(7, held(ours)).answer(&offer).unwrap();
        let printed = lines_of(&answer, &["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"]);
        assert_eq!(printed, format!("a={answered}"), "{ours} meets {offered}");
        assert_eq!(agreed.direction, answered, "{ours} meets {offered}");
        assert_eq!(agreed.on_hold, !offered.receives(), "{ours} meets {offered}");
    }
}

#[test]
fn the_medias_direction_goes_before_the_sessions() {
    let offer = body(
        "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\na=inactive\n\
         m=audio 4000 RTP/AVP 0\na=sendonly\n",
    );
    let (_, agreed) = server().answer(&offer).unwrap();
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

/// Codec line, a=ptime and a=maxptime offered, mixer's frame, what we send.
#[test]
fn packets_are_as_long_as_the_peer_wants_and_the_mixer_can() {
    let opus = "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2";
    let pcmu = "m=audio 4000 RTP/AVP 0";
    let l16 = "m=audio 4000 RTP/AVP 96\na=rtpmap:96 L16/16000";
    let table = [
        (pcmu, "", 10, 20),
        (pcmu, "a=ptime:10", 10, 10),
        (pcmu, "a=ptime:10", 20, 20),
        (pcmu, "a=ptime:20", 20, 20),
        (pcmu, "a=ptime:30", 10, 30),
        (pcmu, "a=ptime:30", 20, 20),
        (pcmu, "a=ptime:40", 20, 40),
        (pcmu, "a=ptime:60", 10, 60),
        (pcmu, "a=ptime:200", 10, 60),
        (pcmu, "a=ptime:65000", 20, 60),
        (pcmu, "a=ptime:0", 10, 20),
        (pcmu, "a=ptime:x", 10, 20),
        (pcmu, "a=ptime:20.5", 10, 20),
        (pcmu, "a=ptime:60\na=maxptime:40", 10, 40),
        (pcmu, "a=maxptime:10", 10, 10),
        (pcmu, "a=maxptime:10", 20, 20),
        (opus, "a=ptime:30", 10, 20),
        (opus, "a=ptime:50", 10, 40),
        (opus, "a=ptime:10\na=fmtp:96 minptime=20", 10, 20),
        (opus, "a=ptime:60", 20, 60),
        (l16, "a=ptime:60", 10, 40),
    ];
    for (line, attributes, frame_ms, send_ptime_ms) in table {
        let media = LocalMedia { frame_ms, ..server_media() };
        let (answer, agreed) =
            Negotiation::new(7, media).answer(&phone(&format!("{line}\n{attributes}"))).unwrap();
        assert_eq!(agreed.send_ptime_ms, send_ptime_ms, "{line} {attributes} frame {frame_ms}");
        assert_eq!(lines_of(&answer, &["a=ptime"]), format!("a=ptime:{send_ptime_ms}"));
    }
}

#[test]
fn opus_parameters_hold_per_direction() {
    let offer = phone(
        "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=fmtp:96 maxplaybackrate=16000;usedtx=1\n\
         a=fmtp:96 sprop-maxcapturerate=8000",
    );
    let (_, agreed) = server().answer(&offer).unwrap();
    let (send, receive) = (agreed.codec.send_fmtp.opus(), agreed.codec.receive_fmtp.opus());
    assert_eq!((send.max_playback_rate_hz, send.use_dtx, send.use_inband_fec), (16000, true, false));
    assert_eq!(send.sprop_max_capture_rate_hz, 8000);
    assert_eq!((receive.max_playback_rate_hz, receive.use_dtx, receive.use_inband_fec), (48000, false, true));
}

#[test]
fn telephone_event_goes_with_the_clock_rate_of_the_codec() {
    let formats = "a=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n\
        a=rtpmap:102 telephone-event/48000\na=rtpmap:103 telephone-event/44100";
    let table = [
        ("96 0 101 102 103", Some(102)),
        ("0 96 101 102", Some(101)),
        ("96 101", Some(101)),
        ("0 102", None),
    ];
    for (numbers, sent) in table {
        let offer = phone(&format!("m=audio 4000 RTP/AVP {numbers}\n{formats}"));
        let (_, agreed) = server().answer(&offer).unwrap();
        assert_eq!(agreed.telephone_event.map(|event| event.send_payload_type), sent, "{numbers}");
        assert!(agreed.receive_telephone_event(103).is_none());
    }
}

#[test]
fn comfort_noise_that_goes_with_any_codec_is_heard_and_sent_with_that_in_use() {
    let formats = "a=rtpmap:96 opus/48000/2\na=rtpmap:97 L16/16000\na=rtpmap:98 CN/16000";
    let table = [
        ("96 0 13", Some(13), None),
        ("0 96 13", Some(13), Some(13)),
        ("96 13", None, None),
        ("97 0 13", Some(13), None),
        ("97 0 13 98", Some(98), Some(98)),
        ("0 97 98", Some(98), None),
    ];
    for (numbers, heard, sent) in table {
        let offer = phone(&format!("m=audio 4000 RTP/AVP {numbers}\n{formats}"));
        let (answer, agreed) = server().answer(&offer).unwrap();
        assert_eq!(agreed.comfort_noise.map(|noise| noise.receive_payload_type), heard, "{numbers}");
        assert_eq!(agreed.send_comfort_noise().map(|noise| noise.send_payload_type), sent, "{numbers}");
        let answered =
            lines_of(&answer, &["m="]).ends_with(" 13") || lines_of(&answer, &["m="]).ends_with(" 98");
        assert_eq!(answered, heard.is_some(), "{numbers}: {}", lines_of(&answer, &["m="]));
    }
}

#[test]
fn what_is_switched_off_is_not_answered() {
    let media =
        LocalMedia { telephone_event: false, comfort_noise: false, rtcp_mux: false, ..server_media() };
    let offer = phone("m=audio 4000 RTP/AVP 0 13 101\na=rtpmap:101 telephone-event/8000\na=rtcp-mux");
    let (answer, agreed) = Negotiation::new(7, media).answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["m=", "a=rtcp"]), "m=audio 20000 RTP/AVP 0");
    assert_eq!(summary(&agreed), "PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms");
}

#[test]
fn an_odd_rtcp_port_is_announced() {
    let media = LocalMedia { rtcp_port: 30000, ..server_media() };
    let (answer, _) = Negotiation::new(7, media.clone()).answer(&phone("m=audio 4000 RTP/AVP 0")).unwrap();
    assert_eq!(lines_of(&answer, &["a=rtcp"]), "a=rtcp:30000");
    let offer = phone("m=audio 4000 RTP/AVP 0\na=rtcp-mux");
    let (answer, _) = Negotiation::new(7, media).answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["a=rtcp"]), "a=rtcp-mux");
}

#[test]
fn only_header_extensions_we_support_are_answered() {
    let level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    let extension = |direction| vec![Extension { id: 1, uri: level.to_owned(), direction, vad: None }];
    let table = [
        (Direction::SendRecv, "a=extmap:3 ", "a=extmap:3 ", "ext 3=ssrc-audio-level/sendrecv"),
        (
            Direction::SendRecv,
            "a=extmap:3/sendonly ",
            "a=extmap:3/recvonly ",
            "ext 3=ssrc-audio-level/recvonly",
        ),
        (Direction::SendOnly, "a=extmap:3 ", "a=extmap:3/sendonly ", "ext 3=ssrc-audio-level/sendonly"),
        (Direction::SendOnly, "a=extmap:3/sendonly ", "", ""),
        (Direction::SendRecv, "a=extmap:4096 ", "", ""),
        (Direction::SendRecv, "a=extmap:15 ", "", ""),
        (Direction::SendRecv, "a=extmap:0 ", "", ""),
    ];
    for (ours, offered, answered, agreed_as) in table {
        let media = LocalMedia { extmap: extension(ours), ..server_media() };
        let offer = phone(&format!(
            "m=audio 4000 RTP/AVP 0\na=extmap:2 urn:example:other\n{offered}{level}\na=extmap:5 {level}x"
        ));
        let (answer, agreed) = Negotiation::new(7, media).answer(&offer).unwrap();
        let expected = if answered.is_empty() { String::new() } else { format!("{answered}{level}") };
        assert_eq!(lines_of(&answer, &["a=extmap"]), expected, "{ours} {offered}");
        assert!(summary(&agreed).ends_with(agreed_as), "{}", summary(&agreed));
    }
}

#[test]
fn audio_levels_are_answered_with_the_voice_bit_that_is_offered_and_any_identifier_that_packets_can_have() {
    let level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    for (offered, answered, vad) in [
        (format!("3 {level} vad=on"), format!("3/recvonly {level} vad=on"), Some(true)),
        (format!("14 {level} vad=off"), format!("14/recvonly {level} vad=off"), Some(false)),
        (format!("200/sendonly {level}"), format!("200/recvonly {level}"), None),
        (format!("16 {level} x=y vad=on"), format!("16/recvonly {level} vad=on"), Some(true)),
    ] {
        let ours =
            Extension { id: 1, uri: level.to_owned(), direction: Direction::RecvOnly, vad: Some(true) };
        let media = LocalMedia { extmap: vec![ours], ..server_media() };
        let offer = phone(&format!("m=audio 4000 RTP/AVP 0\na=extmap:{offered}"));
        let (answer, agreed) = Negotiation::new(7, media).answer(&offer).unwrap();
        assert_eq!(lines_of(&answer, &["a=extmap"]), format!("a=extmap:{answered}"));
        assert_eq!(agreed.extensions[0].vad, vad);
    }
}

#[test]
fn a_bundle_group_is_answered_with_the_audio_alone() {
    let offer = |mux: &str| {
        body(&format!(
            "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\na=group:BUNDLE v a\n\
             m=video 4000 RTP/AVP 31\na=mid:v\nm=audio 4002 RTP/AVP 0\na=mid:a\n{mux}"
        ))
    };
    let (answer, _) = server().answer(&offer("a=rtcp-mux\n")).unwrap();
    assert_eq!(lines_of(&answer, &["a=group", "a=mid"]), "a=group:BUNDLE a | a=mid:v | a=mid:a");
    let (answer, _) = server().answer(&offer("")).unwrap();
    assert_eq!(lines_of(&answer, &["a=group", "a=mid"]), "a=mid:v | a=mid:a");
    let lip_sync = String::from_utf8(offer("a=rtcp-mux\n")).unwrap().replace("BUNDLE", "LS");
    let (answer, _) = server().answer(lip_sync.as_bytes()).unwrap();
    assert_eq!(lines_of(&answer, &["a=group", "a=mid"]), "a=mid:v | a=mid:a");
}

#[test]
fn the_answer_has_the_offers_time() {
    let offer = |time: &str| {
        body(&format!(
            "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\n{time}\nm=audio 4000 RTP/AVP 0\n"
        ))
    };
    for (offered, answered) in [
        ("t=0 0", "t=0 0"),
        ("t=3034423619 3042462419", "t=3034423619 3042462419"),
        ("t=now later", "t=0 0"),
        ("t=0", "t=0 0"),
        ("b=AS:64", "t=0 0"),
    ] {
        let (answer, _) = server().answer(&offer(offered)).unwrap();
        assert_eq!(lines_of(&answer, &["t="]), answered);
    }
}

#[test]
fn an_ipv6_server_speaks_ipv6() {
    let address: IpAddr = "2001:db8::10".parse().unwrap();
    let media = LocalMedia { address, ..server_media() };
    let offer = body(
        "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 4000 RTP/AVP 0\n\
         a=rtcp:4009 IN IP4 192.0.2.1\n",
    );
    let (answer, agreed) = Negotiation::new(7, media.clone()).answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["o=", "c="]), "o=- 7 1 IN IP6 2001:db8::10 | c=IN IP6 2001:db8::10");
    assert_eq!(agreed.remote_rtp, Some("[2001:db8::1]:4000".parse().unwrap()));
    assert_eq!(agreed.remote_rtcp, Some("[2001:db8::1]:4009".parse().unwrap()));
    let refused = Negotiation::new(7, media.clone()).answer(&phone("m=audio 4000 RTP/AVP 0"));
    assert_eq!(refused, Err(Refusal::AddressFamily));
    let hold = body("v=0\no=- 1 1 IN IP6 ::1\ns=-\nc=IN IP6 ::\nt=0 0\nm=audio 4000 RTP/AVP 0\n");
    let (_, agreed) = Negotiation::new(7, media).answer(&hold).unwrap();
    assert!(agreed.on_hold && agreed.remote_rtp.is_none());
}

#[test]
fn the_highest_port_has_no_rtcp_port_above_it() {
    let (_, agreed) = server().answer(&phone("m=audio 65535 RTP/AVP 0")).unwrap();
    assert_eq!((agreed.remote_rtp.map(|rtp| rtp.port()), agreed.remote_rtcp), (Some(65535), None));
}

#[test]
fn each_refusal_has_a_status_and_a_warning() {
    use crate::sdp::{ParseError, ParseErrorKind};
    let malformed = |kind| Refusal::Malformed(ParseError { line: 1, kind });
    let table = [
        (malformed(ParseErrorKind::NotSdp), 415, 399),
        (malformed(ParseErrorKind::UnsupportedVersion), 415, 399),
        (malformed(ParseErrorKind::TooLong), 400, 399),
        (Refusal::NoAudio, 488, 304),
        (Refusal::TransportProtocol, 488, 302),
        (Refusal::AddressFamily, 488, 301),
        (Refusal::NoCommonCodec, 488, 305),
        (Refusal::OfferOutstanding, 491, 399),
        (Refusal::NoOfferOutstanding, 400, 399),
    ];
    for (refusal, status, warning) in table {
        assert_eq!((refusal.status(), refusal.warning_code()), (status, warning), "{refusal}");
    }
}
