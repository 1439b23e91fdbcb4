//! Another implementation reads the same out of the same messages.

use sipx_sip::headers::{ContactValue, From as OracleFrom, To as OracleTo};
use sipx_sip::{
    CSeq as OracleCSeq, Headers as OracleHeaders, Limits, Message as OracleMessage, Via as OracleVia,
};

use super::*;
use crate::sip::testdata::all;

/// What is compared; the start line in lower case, as we keep schemes.
#[derive(Debug, PartialEq)]
struct Facts {
    start: String,
    vias: usize,
    branch: Option<String>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    cseq: (u32, String),
    contacts: usize,
    body_len: usize,
}

fn ours(message: &Message) -> Facts {
    let headers = message.headers();
    let cseq = headers.cseq().unwrap();
    Facts {
        start: match message {
            Message::Request(request) => format!("{} {}", request.method, request.uri).to_lowercase(),
            Message::Response(response) => format!("{} {}", response.status, response.reason).to_lowercase(),
        },
        vias: headers.vias().count(),
        branch: headers.top_via().unwrap().branch().map(Into::into),
        from_tag: headers.from().unwrap().tag().map(Into::into),
        to_tag: headers.to().unwrap().tag().map(Into::into),
        cseq: (cseq.number, cseq.method.to_string()),
        contacts: headers.contacts().unwrap().len(),
        body_len: message.body().len(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn oracles(message: &OracleMessage) -> Facts {
    let headers: &OracleHeaders = message.headers();
    let vias: Vec<OracleVia> = headers.typed_all::<OracleVia>().map(Result::unwrap).collect();
    let cseq = headers.typed::<OracleCSeq>().unwrap().unwrap();
    Facts {
        start: match message {
            OracleMessage::Request(request) => {
                format!("{} {}", text(request.method.as_bytes()), text(&request.uri.to_bytes()))
                    .to_lowercase()
            }
            OracleMessage::Response(response) => {
                format!("{} {}", response.status.code(), text(&response.reason)).to_lowercase()
            }
        },
        vias: vias.len(),
        branch: vias[0].branch().map(text),
        from_tag: headers.typed::<OracleFrom>().unwrap().unwrap().0.tag().map(text),
        to_tag: headers.typed::<OracleTo>().unwrap().unwrap().0.tag().map(text),
        cseq: (cseq.sequence, text(cseq.method.as_bytes())),
        contacts: headers.typed_all::<ContactValue>().map(Result::unwrap).count(),
        body_len: message.body().len(),
    }
}

#[test]
fn both_read_the_same_of_every_message_we_take() {
    let mut compared = 0;
    for sample in all() {
        let bytes = Bytes::from_static(sample.bytes);
        let Ok(message) = parse_datagram(&bytes) else { continue };
        // RFC 4475 §3.1.2.14 leaves open whether blanks around an address within brackets are an error: the oracle
        // says they are. It keeps IPv6 addresses as they are written, where we keep the address (RFC 5118 §4.10).
        if sample.name == "badaspec" || sample.section == "4.10" {
            continue;
        }
        let oracle = sipx_sip::parse_datagram(bytes, &Limits::datagram()).expect(sample.name);
        assert_eq!(ours(&message), oracles(&oracle), "{}", sample.name);
        compared += 1;
    }
    assert_eq!(compared, 37);
}
