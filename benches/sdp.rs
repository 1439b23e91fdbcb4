//! SDP: reading an offer of four codecs, and a leg's first answer to it.

use std::hint::black_box;
use std::net::IpAddr;

use antiphon::sdp::{Fmtp, LocalCodec, LocalMedia, Negotiation, parse};
use criterion::{Criterion, criterion_group, criterion_main};

const OFFER: &[u8] = b"v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.4\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n\
    m=audio 49170 RTP/AVP 96 9 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;maxaveragebitrate=40000\r\n\
    a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\na=rtcp-mux\r\na=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n";

fn answer(criterion: &mut Criterion) {
    let codecs = vec![LocalCodec::opus(111, Fmtp::default()), LocalCodec::pcmu(), LocalCodec::pcma()];
    let local = LocalMedia::new(IpAddr::from([192, 0, 2, 1]), 20_000, codecs);
    criterion.bench_function("sdp/parse offer", |bencher| bencher.iter(|| parse(black_box(OFFER))));
    criterion.bench_function("sdp/answer offer", |bencher| {
        bencher.iter(|| Negotiation::new(1, local.clone()).answer(black_box(OFFER)).expect("an answer"));
    });
}

criterion_group!(sdp, answer);
criterion_main!(sdp);
