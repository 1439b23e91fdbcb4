use super::*;
use crate::sip::testdata::{all, named};
use crate::sip::{StatusCode, parse_datagram};

/// All frames of `stream` pushed in chunks of `chunk_len`, and how the stream ended.
fn frames(stream: &[u8], chunk_len: usize) -> (Vec<Frame>, Option<FramingError>) {
    let mut parser = StreamParser::new();
    let mut frames = Vec::new();
    for chunk in stream.chunks(chunk_len) {
        parser.push(chunk);
        loop {
            match parser.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(parser.pending_len() <= MAX_HEAD_LEN.max(MAX_BODY_LEN) + chunk_len);
    }
    (frames, None)
}

fn sample(name: &str) -> &'static [u8] {
    named(name).bytes
}

#[test]
fn chunking_makes_no_difference() {
    let mut stream = b"\r\n\r\n\r\n".to_vec();
    for name in ["wsinv", "unkscm", "mpart01", "baddate", "regbadct", "esc01"] {
        stream.extend_from_slice(sample(name));
        stream.extend_from_slice(b"\r\n\r\n");
    }
    stream.extend_from_slice(b"\r\n");
    stream.extend_from_slice(sample("zeromf"));
    let whole = frames(&stream, stream.len());
    assert_eq!((whole.0.len(), whole.1), (7 + 7, None));
    assert_eq!(whole.0.iter().filter(|frame| **frame == Frame::KeepAlivePing).count(), 7);
    assert_eq!(whole.0.iter().filter(|frame| matches!(frame, Frame::Malformed(_))).count(), 1);
    for chunk_len in 1..200 {
        assert_eq!(frames(&stream, chunk_len), whole, "{chunk_len}");
    }
}

#[test]
fn a_stream_reads_the_same_messages_as_datagrams() {
    for sample in all() {
        // Without Content-Length there is no body on a stream, and octets after a body begin the next message.
        if ["dblreq", "inv2543"].contains(&sample.name) {
            continue;
        }
        let Ok(message) = parse_datagram(&bytes::Bytes::from_static(sample.bytes)) else { continue };
        assert_eq!(frames(sample.bytes, 7), (vec![Frame::Message(message)], None), "{}", sample.name);
    }
}

#[test]
fn a_pong_is_told_at_once_when_a_ping_was_sent() {
    let mut parser = StreamParser::new();
    parser.ping_sent();
    parser.push(b"\r\n");
    assert_eq!(parser.next(), Ok(Some(Frame::KeepAlivePong)));
    parser.push(b"\r\n");
    assert_eq!(parser.next(), Ok(None), "perhaps half a ping");
    parser.push(b"\r\n");
    assert_eq!(parser.next(), Ok(Some(Frame::KeepAlivePing)));
    assert_eq!((parser.next(), parser.pending_len()), (Ok(None), 0));
}

#[test]
fn a_wrong_content_length_is_answered_and_ends_the_stream() {
    for name in ["ncl", "mcl01"] {
        let (frames, error) = frames(sample(name), 100);
        assert_eq!(error, Some(FramingError::ContentLength), "{name}");
        let [Frame::Malformed(malformed)] = &frames[..] else { panic!("{name}: {frames:?}") };
        assert_eq!(malformed.answerable(None).unwrap().status, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[test]
fn a_stream_goes_on_after_a_message_that_is_dropped() {
    for name in ["bigcode", "scalarlg", "badvers", "insuf"] {
        let stream = [sample(name), sample("zeromf")].concat();
        let (frames, error) = frames(&stream, 100);
        assert!(
            matches!(frames[..], [Frame::Malformed(_), Frame::Message(_)]) && error.is_none(),
            "{name}: {frames:?}"
        );
    }
}

#[test]
fn a_body_that_has_not_come_is_waited_for() {
    assert_eq!(frames(sample("clerr"), 100), (vec![], None));
}

#[test]
fn too_long_heads_and_bodies_end_the_stream_before_they_are_held() {
    let endless =
        b"INVITE sip:a SIP/2.0\r\n".iter().chain([b'x'; MAX_HEAD_LEN].iter()).copied().collect::<Vec<_>>();
    assert_eq!(frames(&endless, 1000).1, Some(FramingError::HeadTooLong));
    let text = String::from_utf8(sample("zeromf").to_vec()).unwrap();
    let big = text.replace("Content-Length: 0", &format!("Content-Length: {}", MAX_BODY_LEN + 1));
    let (frames, error) = frames(big.as_bytes(), 1000);
    assert_eq!(error, Some(FramingError::BodyTooLong));
    let [Frame::Malformed(malformed)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(malformed.status(), StatusCode::MESSAGE_TOO_LARGE);
}

#[test]
fn what_is_not_sip_ends_the_stream_for_good() {
    let mut parser = StreamParser::new();
    parser.push(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(parser.next(), Err(FramingError::NotSip));
    parser.push(sample("zeromf"));
    assert_eq!((parser.next(), parser.pending_len()), (Err(FramingError::NotSip), 0));
}
