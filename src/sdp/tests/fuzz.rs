//! Seeded mutations of real descriptions through the parser and the negotiation.
//!
//! `ANTIPHON_FUZZ_ITERATIONS` or `ANTIPHON_FUZZ_SECONDS` make the run longer; a failure prints its seed.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::samples::SAMPLES;
use super::*;
use crate::sdp::{MAX_SIZE, Refusal};

const DEFAULT_ITERATIONS: u64 = 20_000;

/// Pieces that mean something to the parser or the negotiation.
const PIECES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "=",
    ":",
    "/",
    " ",
    "0",
    "65535",
    "65536",
    "18446744073709551616",
    "-1",
    "127",
    "128",
    "\nm=audio 4000 RTP/AVP 0",
    "\nm=audio 0 RTP/AVP 0",
    "\nm=video 1 RTP/AVP 31",
    "\na=inactive",
    "\na=sendonly",
    "\na=rtpmap:96 opus/48000/2",
    "\na=rtpmap:0 L16/16000",
    "\na=rtpmap:96 red/48000/2",
    "\na=fmtp:96 0/0",
    "\na=fmtp:96 minptime=255",
    "\na=ptime:1",
    "\na=ptime:65535",
    "\na=maxptime:1",
    "\na=rtcp:1 IN IP4 224.0.0.1",
    "\na=rtcp-mux",
    "\na=extmap:1 urn:a",
    "\na=mid:a",
    "\na=group:BUNDLE a",
    "\nc=IN IP4 0.0.0.0",
    "\nc=IN IP6 ::",
    "\nc=IN IP4 h",
    "\nt=0 0",
    "\0",
    "é",
    "\u{2028}",
];

/// How many rounds a run makes, unless it is bounded by time.
fn iterations() -> u64 {
    let given = std::env::var("ANTIPHON_FUZZ_ITERATIONS").ok().and_then(|text| text.parse().ok());
    given.unwrap_or(DEFAULT_ITERATIONS)
}

/// Runs `round` for each seed of the run.
pub(super) fn for_each_seed(mut round: impl FnMut(u64, &mut StdRng)) {
    struct Announce(u64);
    impl Drop for Announce {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with seed {}", self.0);
            }
        }
    }
    let seconds: Option<u64> = std::env::var("ANTIPHON_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut seed = 0;
    while until.map_or(seed < iterations(), |until| seed % 64 != 0 || Instant::now() < until) {
        let announce = Announce(seed);
        round(seed, &mut StdRng::seed_from_u64(seed));
        drop(announce);
        seed += 1;
    }
}

fn random_sample(random: &mut StdRng) -> Vec<u8> {
    SAMPLES[random.random_range(0..SAMPLES.len())].offer.as_bytes().to_vec()
}

fn random_range(random: &mut StdRng, len: usize, longest: usize) -> std::ops::Range<usize> {
    let start = random.random_range(0..=len);
    start..(start + random.random_range(0..=longest)).min(len)
}

/// One small change.
fn mutate(random: &mut StdRng, text: &mut Vec<u8>) {
    let range = random_range(random, text.len(), 40);
    match random.random_range(0..7) {
        0 => drop(text.drain(range)),
        1 => {
            let copy = text[range].to_vec();
            let at = random.random_range(0..=text.len());
            text.splice(at..at, copy);
        }
        2 => {
            let piece = PIECES[random.random_range(0..PIECES.len())];
            text.splice(range.start..range.start, piece.bytes());
        }
        3 => text[range].iter_mut().take(1).for_each(|byte| *byte = random.random()),
        4 => text[range].iter_mut().take(1).for_each(|byte| *byte ^= 1 << random.random_range(0..8)),
        5 => {
            // A line of another description, after one of ours.
            let other = random_sample(random);
            let lines: Vec<_> = other.split(|byte| *byte == b'\n').collect();
            let line = lines[random.random_range(0..lines.len())];
            let ends: Vec<_> = (0..text.len()).filter(|at| text[*at] == b'\n').collect();
            if let Some(end) = ends.get(random.random_range(0..=ends.len())) {
                text.splice(end + 1..end + 1, line.iter().chain(b"\n").copied());
            }
        }
        _ => text.truncate(range.start),
    }
}

fn mutated(random: &mut StdRng) -> Vec<u8> {
    let mut text = random_sample(random);
    for _ in 0..random.random_range(0..6) {
        mutate(random, &mut text);
    }
    text
}

#[test]
fn whatever_parses_prints_and_parses_to_the_same() {
    let mut parsed = 0;
    for_each_seed(|_, random| {
        let text = mutated(random);
        let Ok(description) = parse(&text) else { return };
        parsed += 1;
        let printed = description.to_string();
        // Bytes that were no UTF-8 and line ends grow.
        assert!(printed.len() <= 3 * text.len() + 8);
        if printed.len() <= MAX_SIZE {
            assert_eq!(parse(printed.as_bytes()).expect("parses again").to_string(), printed);
        }
    });
    assert!(parsed > 100);
}

/// What must hold of everything we print and agree to.
fn check(negotiation: &Negotiation, printed: &[u8], version: &mut u64) {
    let text = std::str::from_utf8(printed).expect("UTF-8");
    let description = parse(printed).expect("parses");
    assert_eq!(description.to_string(), text);
    let used = description.media.iter().filter(|media| media.port != 0).count();
    assert_eq!(used, 1, "{text}");
    let printed_version = version_of(printed);
    *version = (*version).max(printed_version);
    if let Some(agreed) = negotiation.agreed() {
        let frame_ms = negotiation.local().frame_ms;
        assert!((frame_ms..=60).contains(&agreed.send_ptime_ms) && agreed.send_ptime_ms % frame_ms == 0);
        assert_eq!(agreed.codec, agreed.receive[0]);
        assert!(agreed.receive.len() <= negotiation.local().codecs.len());
        if let Some(remote) = agreed.remote_rtp {
            assert!(remote.is_ipv4() && !remote.ip().is_multicast() && remote.port() != 0);
        }
        let mut numbers: Vec<u8> = agreed.receive.iter().map(|codec| codec.receive_payload_type).collect();
        numbers.extend(agreed.receive_telephone_events.iter().map(|event| event.receive_payload_type));
        let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), numbers.len());
    }
}

/// Lets one peer answer our offer or change its mind, by a mutated description.
fn step(random: &mut StdRng, negotiation: &mut Negotiation, version: &mut u64) -> bool {
    let text = mutated(random);
    let before = negotiation.agreed().cloned();
    if negotiation.offer_outstanding() {
        return match random.random_range(0..4) {
            0 => {
                negotiation.rollback();
                assert_eq!(negotiation.agreed(), before.as_ref());
                false
            }
            1 => {
                assert_eq!(negotiation.answer(&text).err(), Some(Refusal::OfferOutstanding));
                false
            }
            _ => negotiation.accept(&text).is_ok(),
        };
    }
    match random.random_range(0..4) {
        0 => {
            let offer = if random.random() { negotiation.offer() } else { negotiation.refresh_offer() };
            check(negotiation, &offer, version);
            false
        }
        _ => match negotiation.answer(&text) {
            Ok((answer, agreed)) => {
                assert_eq!(negotiation.agreed(), Some(&agreed));
                let offered = parse(&text).expect("answered").media;
                let answered = parse(&answer).expect("parses").media;
                let kinds = |media: &[crate::sdp::MediaDescription]| {
                    media
                        .iter()
                        .map(|media| (media.media.to_lowercase(), media.protocol.clone()))
                        .collect::<Vec<_>>()
                };
                assert_eq!(kinds(&offered), kinds(&answered));
                check(negotiation, &answer, version);
                true
            }
            Err(refusal) => {
                assert!([400, 415, 488].contains(&refusal.status()), "{refusal}");
                assert_eq!(negotiation.agreed(), before.as_ref());
                false
            }
        },
    }
}

#[test]
fn no_sequence_of_mutated_offers_and_answers_breaks_the_negotiation() {
    let mut exchanges = 0;
    for_each_seed(|seed, random| {
        if seed % 4 != 0 {
            return;
        }
        let mut negotiation = server();
        let mut version = 0;
        for _ in 0..8 {
            exchanges += u64::from(step(random, &mut negotiation, &mut version));
        }
        assert!(version <= 8, "a version for each description at most");
    });
    assert!(exchanges > 100);
}

#[test]
fn a_peer_that_uses_up_all_numbers_still_gets_whole_offers() {
    let mut server = server();
    for number in 0..=127 {
        server
            .answer(&phone(&format!("m=audio 4000 RTP/AVP {number}\na=rtpmap:{number} PCMU/8000")))
            .unwrap();
    }
    let offer = parse(&server.offer()).unwrap();
    let formats: std::collections::BTreeSet<_> = offer.media[0].formats.iter().collect();
    assert_eq!((offer.media[0].formats.len(), formats.len()), (9, 9));
}
