//! SIP: reading an INVITE of 1 KB, building and printing its 200, and a whole INVITE transaction (INVITE, 200, ACK).

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon::sip::transaction::{FlowId, Hop, Timers, TransactionEvent, TransactionLayer};
use antiphon::sip::{HeaderName, Message, Request, Response, StatusCode, Transport, parse_datagram};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SDP: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.4\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n\
    m=audio 49170 RTP/AVP 96 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
    a=ptime:20\r\na=sendrecv\r\n";

/// An INVITE as a phone behind one proxy sends it, about 1 KB.
fn invite(branch: usize) -> Bytes {
    format!(
        "INVITE sip:room-1@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKproxy{branch};rport\r\n\
         Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKphone{branch};received=192.0.2.4;rport=5060\r\n\
         Record-Route: <sip:192.0.2.3;lr>\r\nMax-Forwards: 69\r\n\
         From: \"Alice Liddell\" <sip:alice@example.com>;tag=9fxced76sl\r\nTo: <sip:room-1@example.com>\r\n\
         Call-ID: 3848276298220188511-{branch}@192.0.2.4\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:alice@192.0.2.4:5060;transport=udp>\r\nUser-Agent: Phone/1.0\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, PRACK, INFO\r\nSupported: 100rel, timer, replaces\r\n\
         Session-Expires: 1800\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
    .into()
}

fn request(text: &Bytes) -> Request {
    match parse_datagram(text) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

fn ok_to(invite: &Request) -> Response {
    let mut response = invite.response(StatusCode::OK, Some("8321234356"));
    response.headers.push(HeaderName::Contact, "<sip:192.0.2.1:5060>");
    response.headers.push(HeaderName::Allow, "INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, PRACK, INFO");
    response.set_body("application/sdp", Bytes::from_static(SDP.as_bytes()));
    response
}

fn messages(criterion: &mut Criterion) {
    let text = invite(1);
    let mut group = criterion.benchmark_group("sip");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse INVITE", |bencher| bencher.iter(|| parse_datagram(black_box(&text))));
    let parsed = request(&text);
    group.throughput(Throughput::Elements(1));
    group.bench_function("build and print 200", |bencher| {
        bencher.iter(|| ok_to(black_box(&parsed)).to_bytes());
    });
    group.finish();
}

/// One call's INVITE transaction in a layer that keeps those of the last 32 s; each goes its way to the ACK.
fn transaction(criterion: &mut Criterion) {
    let hop = Hop {
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        remote: SocketAddr::from(([192, 0, 2, 3], 5060)),
        flow: FlowId(1),
    };
    let mut layer = TransactionLayer::new(Timers::default(), 100_000, 7);
    let (mut now, mut number) = (Instant::now(), 0);
    criterion.bench_function("sip/INVITE transaction to ACK (parsing included)", |bencher| {
        bencher.iter(|| {
            number += 1;
            now += Duration::from_millis(5); // 200 calls a second
            let text = invite(number);
            layer.handle_timeout(now);
            layer.handle_message(now, hop, parse_datagram(&text).expect("an INVITE"));
            let (key, request) = std::iter::from_fn(|| layer.poll_event())
                .find_map(|event| match event {
                    TransactionEvent::Request { key, request, .. } => Some((key, request)),
                    _ => None, // the end of an earlier one
                })
                .expect("the INVITE reaches the TU");
            layer.respond(now, &key, ok_to(&request));
            layer.handle_message(now, hop, Message::Request(acknowledge(request, number)));
            while layer.poll_event().is_some() {}
            while let Some(transmit) = layer.poll_transmit() {
                black_box(transmit);
            }
        });
    });
}

/// The ACK of a 2xx: same Call-ID and CSeq number, a branch of its own.
fn acknowledge(mut invite: Request, number: usize) -> Request {
    invite.method = antiphon::sip::Method::Ack;
    invite.headers.set(HeaderName::CSeq, "1 ACK");
    invite.headers.set(HeaderName::Via, format!("SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKack{number}"));
    invite.body = Bytes::new();
    invite
}

criterion_group!(sip, messages, transaction);
criterion_main!(sip);
