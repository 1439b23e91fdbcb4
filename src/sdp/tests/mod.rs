//! Tests of the whole module: real phones' offers, sequences of exchanges, two parties, fuzz.

mod answers;
mod descriptions;
mod exchanges;
mod fuzz;
mod redundancy;
mod samples;
mod two_parties;

use std::net::IpAddr;

use super::{Agreed, AgreedFormat, Direction, Fmtp, LocalCodec, LocalMedia, Negotiation, parse};

/// A server at 192.0.2.10:20000 with Opus, PCMU, PCMA, L16/16000, telephone-event and comfort noise.
fn server_media() -> LocalMedia {
    let codecs = vec![
        LocalCodec::opus(111, Fmtp::new("minptime=10;useinbandfec=1")),
        LocalCodec::pcmu(),
        LocalCodec::pcma(),
        LocalCodec::l16(16000, 97),
    ];
    let address: IpAddr = [192, 0, 2, 10].into();
    LocalMedia { comfort_noise: true, frame_ms: 10, ..LocalMedia::new(address, 20000, codecs) }
}

fn server() -> Negotiation {
    Negotiation::new(7, server_media())
}

/// Lines with LF, as tests write them, to a body.
fn body(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// An offer or answer of a phone at 192.0.2.20 with these lines from the first `m=` on.
fn phone(lines: &str) -> Vec<u8> {
    body(&format!("v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n{lines}\n"))
}

/// The lines of a description with one of the letters or attribute names, joined by ` | `.
fn lines_of(description: &[u8], beginnings: &[&str]) -> String {
    let text = std::str::from_utf8(description).expect("we print UTF-8");
    let kept = text.lines().filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning)));
    kept.collect::<Vec<_>>().join(" | ")
}

fn version_of(description: &[u8]) -> u64 {
    let description = parse(description).expect("we print SDP");
    description.origin.expect("with o=").session_version.parse().expect("with a number")
}

/// Everything agreed in one line, short where both sides use the same number.
fn summary(agreed: &Agreed) -> String {
    let numbers = |send: u8, receive: u8| match send == receive {
        true => send.to_string(),
        false => format!("{send}>{receive}<"),
    };
    let format = |format: &AgreedFormat| {
        format!("{}@{}", numbers(format.send_payload_type, format.receive_payload_type), format.clock_rate)
    };
    let codecs: Vec<_> = agreed
        .receive
        .iter()
        .map(|codec| {
            let numbers = numbers(codec.send_payload_type, codec.receive_payload_type);
            format!("{}/{}={numbers}", codec.name, codec.clock_rate)
        })
        .collect();
    assert_eq!(agreed.codec, agreed.receive[0], "we send what stands first");
    let events: Vec<_> = agreed.receive_telephone_events.iter().map(format).collect();
    let mut parts = vec![codecs.join(","), agreed.direction.to_string()];
    parts.push(agreed.remote_rtp.map_or("nowhere".to_owned(), |rtp| rtp.to_string()));
    match agreed.remote_rtcp {
        _ if agreed.rtcp_mux => parts.push("mux".to_owned()),
        Some(rtcp) => parts.push(format!("rtcp {rtcp}")),
        None => (),
    }
    parts.push(format!("{}ms", agreed.send_ptime_ms));
    if !events.is_empty() {
        parts.push(format!("dtmf {}", events.join(",")));
    }
    parts.extend(agreed.comfort_noise.as_ref().map(|noise| format!("cn {}", format(noise))));
    let redundancy = &agreed.redundancy;
    if !redundancy.receive_payload_types.is_empty() {
        let receive: Vec<_> = redundancy.receive_payload_types.iter().map(u8::to_string).collect();
        let send = redundancy.send_payload_type.map_or("none".to_owned(), |send| send.to_string());
        parts.push(format!("red {send}>{}<", receive.join(",")));
    }
    parts.extend(agreed.on_hold.then(|| "held".to_owned()));
    parts.extend(agreed.extensions.iter().map(|extension| {
        let name = extension.uri.rsplit(':').next().unwrap_or_default();
        format!("ext {}={name}/{}", extension.id, extension.direction)
    }));
    parts.join(" ")
}

fn held(direction: Direction) -> LocalMedia {
    LocalMedia { direction, ..server_media() }
}
