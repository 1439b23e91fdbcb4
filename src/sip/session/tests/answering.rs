//! The first INVITE: ringing, answer, ACK (RFC 3261 §13.3).

use super::*;

#[test]
fn a_call_with_an_offer_rings_is_answered_and_acknowledged() {
    let mut call = call("");
    assert_eq!(call.session.offer().unwrap(), "offer");
    call.session.ring(call.now);
    assert_eq!(call.outputs(), ["180 INVITE"]);
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["200 INVITE =answer"]);
    assert_eq!(call.session.offer(), None);
    let response = call.last_response();
    assert_eq!(response.headers.to().unwrap().tag(), Some("ours"));
    assert_eq!(response.headers.get(HeaderName::Contact), Some("<sip:room@192.0.2.1:5060>"));
    assert!(response.headers.contains(HeaderName::Allow) && response.headers.contains(HeaderName::Supported));
    call.ack(1, "");
    assert_eq!(call.outputs(), ["Acknowledged"]);
    assert_eq!(call.session.next_timeout(), None);
}

#[test]
fn without_an_offer_in_the_invite_ours_is_in_the_200_and_the_answer_in_the_ack() {
    let mut call = begin(settings(), "", "").unwrap();
    assert_eq!(call.session.offer(), None);
    call.session.answer(call.now, "our offer".into());
    assert_eq!(call.outputs(), ["200 INVITE =our offer"]);
    call.ack(1, "their answer");
    assert_eq!(call.outputs(), ["Acknowledged", "Answer =their answer"]);
}

#[test]
fn an_ack_that_lacks_the_answer_ends_the_call() {
    let mut call = begin(settings(), "", "").unwrap();
    call.session.answer(call.now, "our offer".into());
    call.ack(1, "");
    assert_eq!(call.outputs(), ["200 INVITE =our offer", "Acknowledged", "send BYE"]);
    assert_eq!(call.requests[0].headers.reasons()[0].cause, Some(488));
    assert_eq!(call.respond(0, 200, "", ""), ["Ended NoAnswer"]);
}

#[test]
fn early_media_in_an_unreliable_183_repeats_its_answer_in_the_200() {
    let mut call = call("");
    call.session.progress(call.now, "answer".into());
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["183 INVITE =answer", "200 INVITE =answer"]);
}

#[test]
fn an_offer_of_ours_is_never_in_an_unreliable_183() {
    let mut call = begin(settings(), "", "").unwrap();
    call.session.progress(call.now, "our offer".into());
    assert_eq!(call.outputs(), ["183 INVITE"]);
}

#[test]
fn the_200_is_repeated_until_the_ack() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.outputs();
    assert_eq!(
        call.wait_seconds(4),
        ["500: 200 INVITE =answer", "1500: 200 INVITE =answer", "3500: 200 INVITE =answer"]
    );
    call.ack(7, "");
    assert_eq!(call.outputs(), [""; 0], "an ACK of another INVITE is none");
    call.ack(1, "");
    assert_eq!(call.outputs(), ["Acknowledged"]);
    assert_eq!(call.wait_seconds(60), [""; 0]);
    call.ack(1, "");
    assert_eq!(call.outputs(), [""; 0], "the ACK is told once");
}

#[test]
fn without_an_ack_the_call_ends_by_bye_after_64_t1() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.outputs();
    let lines = call.wait_seconds(40);
    assert_eq!(lines.len(), 11, "{lines:?}");
    assert_eq!(lines[10], "32000: send BYE");
    assert_eq!(call.respond(0, 200, "", ""), ["Ended NoAck"]);
    assert!(call.session.is_over());
}

#[test]
fn a_refusal_ends_the_call_with_its_header_fields() {
    let mut call = call("");
    let mut extra = Headers::new();
    extra.push(HeaderName::RetryAfter, "30");
    call.session.reject(StatusCode::SERVICE_UNAVAILABLE, extra);
    assert_eq!(call.outputs(), ["503 INVITE", "Ended Rejected 503"]);
    assert_eq!(call.last_response().headers.get(HeaderName::RetryAfter), Some("30"));
    call.session.answer(call.now, "late".into());
    call.session.ring(call.now);
    call.session.progress(call.now, "late".into());
    call.session.reject(StatusCode::BUSY_HERE, Headers::new());
    call.session.hang_up(None);
    assert_eq!(call.outputs(), [""; 0]);
}

#[test]
fn what_cannot_become_a_call_is_refused_at_once() {
    let refusal = |lines: &str, body: &str| begin(settings(), lines, body).err().map(|r| r.status.code());
    assert_eq!(refusal("Contact: *\r\n", "offer"), Some(400));
    assert_eq!(refusal("Content-Type: text/plain\r\n", "offer"), Some(415));
    assert_eq!(refusal("Content-Encoding: gzip\r\n", "offer"), Some(415));
    assert_eq!(refusal("Supported: timer\r\nSession-Expires: 60\r\n", "offer"), Some(422));
    assert_eq!(refusal("Session-Expires: soon\r\n", "offer"), Some(400));
    let routes = "Record-Route: <sip:a.example.com;lr>\r\n".repeat(crate::sip::dialog::MAX_ROUTES + 1);
    assert_eq!(refusal(&routes, "offer"), Some(400));
    assert_eq!(refusal("", "offer"), None);
}

#[test]
fn long_ringing_is_repeated_every_minute_until_the_answer() {
    let mut call = call("");
    call.session.ring(call.now);
    call.outputs();
    assert_eq!(call.wait_seconds(125), ["60000: 180 INVITE", "120000: 180 INVITE"]);
    call.session.answer(call.now, "answer".into());
    call.ack(1, "");
    call.outputs();
    assert_eq!(call.wait_seconds(600), [""; 0]);
}

#[test]
fn a_call_whose_expires_runs_out_before_the_answer_gets_487() {
    let mut call = super::call("Expires: 30\r\n");
    call.session.ring(call.now);
    call.outputs();
    assert_eq!(call.wait_seconds(100), ["30000: 487 INVITE", "30000: Ended Expired"]);
    let mut answered = super::call("Expires: 30\r\n");
    answered.session.answer(answered.now, "answer".into());
    answered.ack(1, "");
    answered.outputs();
    assert_eq!(answered.wait_seconds(100), [""; 0]);
    assert_eq!(super::call("Expires: 0\r\n").session.next_timeout(), None);
}
