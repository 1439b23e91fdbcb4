//! Seeded mutations of the torture messages through parser, accessors, writer and stream framing.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::*;
use crate::sip::testdata::all;
use crate::sip::{Frame, FramingError, NameAddr, StreamParser, Via};

const ITERATIONS: u64 = 60_000;
/// What often means something in SIP.
const MORSELS: &[&str] = &[
    "\r\n",
    "\r\n ",
    "\r\n\r\n",
    "\r",
    "\n",
    "\0",
    " ",
    "\t",
    "\"",
    "\\",
    "<",
    ">",
    ",",
    ";",
    ";;",
    ":",
    "@",
    "%",
    "%00",
    "%zz",
    "?",
    "=",
    "/",
    "[",
    "]",
    "(",
    ")",
    "*",
    "é",
    "\u{fffd}",
    "SIP/2.0",
    "sip:",
    "Via: ",
    "v:",
    "l: 1\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "4294967296",
    "-1",
    ";tag=",
    ";branch=z9hG4bK",
    ";rport",
    "\"\"",
    "<>",
    "Contact: *\r\n",
    "Retry-After: 1 (;)\r\n",
    "Warning: 300 a \"b\r\n",
    "RAck: 1 1 X\r\n",
    "Session-Expires: 1;;\r\n",
];

fn iterations() -> u64 {
    match std::env::var("ANTIPHON_FUZZ_ITERATIONS") {
        Ok(text) => text.parse().expect("ANTIPHON_FUZZ_ITERATIONS is a number"),
        Err(_) => ITERATIONS,
    }
}

fn mutate(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = all().choose(random).unwrap().bytes.to_vec();
    for _ in 0..random.random_range(1..=6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..40)).min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            3 => {
                let other = all().choose(random).unwrap().bytes;
                let from = random.random_range(0..other.len());
                bytes.splice(at..end, other[from..(from + 60).min(other.len())].iter().copied());
            }
            4 if at < bytes.len() => bytes[at] = random.random(),
            _ => drop(bytes.splice(at..at, MORSELS.choose(random).unwrap().bytes())),
        }
    }
    bytes
}

/// Every accessor, for its lack of panics.
fn read_everything(headers: &Headers) {
    let _ =
        (headers.rack(), headers.rseq(), headers.session_expires(), headers.min_se(), headers.retry_after());
    let _ = (
        headers.reasons(),
        headers.warnings(),
        headers.allow(),
        headers.expires(),
        headers.p_asserted_identity(),
    );
    let _ = (headers.contacts(), headers.routes(), headers.record_routes(), headers.supports("timer"));
    let _ = (headers.accepts("application/sdp"), headers.content_type_is("application/sdp"));
    for via in headers.vias().flatten() {
        let _ = (via.received(), via.rport(), via.branch());
        assert_eq!(Via::parse(&via.to_string()), Ok(via));
    }
    for address in [headers.from(), headers.to()].into_iter().flatten() {
        assert_eq!(NameAddr::parse(&address.to_string()), Ok(address.clone()), "{address}");
        assert!(address.uri.is_equivalent(&address.uri), "{}", address.uri);
        let _ = (address.uri.user_decoded(), address.uri.telephone_number());
    }
}

/// What is written reads back as what was written.
fn assert_round_trip(message: &Message) {
    let again = parse_datagram(&message.to_bytes()).unwrap_or_else(|error| panic!("{error}: {message:?}"));
    let without_length = |headers: &Headers| {
        let mut headers = headers.clone();
        headers.remove(HeaderName::ContentLength);
        headers
    };
    assert_eq!(without_length(message.headers()), without_length(again.headers()));
    assert_eq!(message.body(), again.body());
    if let (Message::Request(a), Message::Request(b)) = (message, &again) {
        assert_eq!((&a.method, &a.uri), (&b.method, &b.uri));
    }
}

fn read_stream(bytes: &[u8], random: &mut StdRng) -> (Vec<Frame>, Option<FramingError>) {
    let mut parser = StreamParser::new();
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.random_range(1..=rest.len()));
        rest = after;
        parser.push(chunk);
        loop {
            match parser.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn check(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let bytes = Bytes::from(mutate(&mut random));
    match parse_datagram(&bytes) {
        Ok(message) => {
            read_everything(message.headers());
            assert_round_trip(&message);
            if let Message::Request(request) = &message {
                let response = request.response(StatusCode::OK, Some("ours"));
                assert_round_trip(&response.into());
            }
        }
        Err(error) => {
            if let Some(answer) = error.answerable(Some("ours")) {
                read_everything(&answer.headers);
                // What could not be read in the request cannot be read in its answer, but it is one.
                assert!(answer.to_bytes().starts_with(b"SIP/2.0 "));
            }
        }
    }
    let whole = read_stream(&bytes, &mut random);
    assert_eq!(read_stream(&bytes, &mut random), whole);
}

#[test]
fn mutated_messages_neither_panic_nor_read_back_differently() {
    for seed in 0..iterations() {
        if let Err(panic) = std::panic::catch_unwind(|| check(seed)) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn random_bytes_are_refused_without_an_answer() {
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..iterations() / 10 {
        let mut bytes = vec![0; random.random_range(0..300)];
        random.fill(&mut bytes[..]);
        assert_eq!(parse_datagram(&bytes.into()).unwrap_err().answerable(None), None);
    }
}
