//! RFC 3262.

use super::*;

const REQUIRE_100REL: &str = "Require: 100rel\r\n";

/// The RAck line for the last response.
fn rack(call: &Call) -> String {
    let rseq = call.last_response().headers.rseq().unwrap().expect("a reliable response");
    format!("RAck: {rseq} 1 INVITE\r\n")
}

#[test]
fn the_answer_in_a_reliable_183_is_repeated_until_its_prack_and_not_in_the_200() {
    let mut call = call(WITH_100REL);
    call.session.ring(call.now);
    call.session.progress(call.now, "answer".into());
    assert_eq!(call.outputs(), ["180 INVITE", "183 INVITE =answer"]);
    assert_eq!(call.last_response().headers.require(), ["100rel"]);
    assert_eq!(call.responses[0].headers.rseq(), Ok(None), "180 without a body need not be reliable");
    assert_eq!(call.wait_seconds(2), ["500: 183 INVITE =answer", "1500: 183 INVITE =answer"]);
    let rack = rack(&call);
    assert_eq!(call.receive("PRACK", &rack, ""), ["200 PRACK"]);
    assert_eq!(call.wait_seconds(60), [""; 0]);
    call.session.progress(call.now, "answer".into());
    assert_eq!(call.outputs(), ["183 INVITE"], "it would now be an offer");
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["200 INVITE"]);
}

#[test]
fn where_100rel_is_required_every_provisional_is_reliable_one_at_a_time() {
    let mut call = call(REQUIRE_100REL);
    call.session.ring(call.now);
    call.session.progress(call.now, "answer".into());
    assert_eq!(call.outputs(), ["180 INVITE"]);
    let first = call.last_response().headers.rseq().unwrap().unwrap();
    let rack = rack(&call);
    assert_eq!(call.receive("PRACK", &rack, ""), ["200 PRACK", "183 INVITE =answer"]);
    assert_eq!(call.last_response().headers.rseq(), Ok(Some(first + 1)));
}

#[test]
fn where_it_is_only_supported_the_setting_decides() {
    let when_required =
        SessionSettings { reliable_provisionals: ReliableProvisionals::WhenRequired, ..settings() };
    let mut call = begin(when_required, WITH_100REL, "offer").unwrap();
    call.session.progress(call.now, "answer".into());
    call.outputs();
    assert_eq!(call.last_response().headers.rseq(), Ok(None));
}

#[test]
fn a_200_waits_for_the_prack_of_the_description() {
    let mut call = call(WITH_100REL);
    call.session.progress(call.now, "answer".into());
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["183 INVITE =answer"]);
    let rack = rack(&call);
    assert_eq!(call.receive("PRACK", &rack, ""), ["200 PRACK", "200 INVITE"]);
}

#[test]
fn our_offer_in_a_reliable_183_is_answered_in_its_prack() {
    let mut call = begin(settings(), WITH_100REL, "").unwrap();
    call.session.progress(call.now, "our offer".into());
    assert_eq!(call.outputs(), ["183 INVITE =our offer"]);
    call.session.answer(call.now, "ignored".into());
    let rack = rack(&call);
    let lines = call.receive("PRACK", &rack, "their answer");
    assert_eq!(lines, ["200 PRACK", "Answer =their answer", "200 INVITE"]);
    call.ack(1, "");
    assert_eq!(call.outputs(), ["Acknowledged"]);
}

#[test]
fn a_prack_that_lacks_the_answer_ends_the_call() {
    let mut call = begin(settings(), WITH_100REL, "").unwrap();
    call.session.progress(call.now, "our offer".into());
    call.outputs();
    let rack = rack(&call);
    assert_eq!(call.receive("PRACK", &rack, ""), ["200 PRACK", "488 INVITE", "Ended NoAnswer"]);
}

#[test]
fn a_new_offer_in_a_prack_is_answered_in_its_200_before_the_call_is() {
    let mut call = call(WITH_100REL);
    call.session.progress(call.now, "answer".into());
    call.outputs();
    let rack = rack(&call);
    assert_eq!(call.receive("PRACK", &rack, "second offer"), ["Offer =second offer"]);
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), [""; 0]);
    assert!(call.session.accept_offer(call.now, "second answer".into()));
    assert_eq!(call.outputs(), ["200 PRACK =second answer", "200 INVITE"]);
}

#[test]
fn a_prack_for_nothing_is_answered_481() {
    let mut call = call(WITH_100REL);
    assert_eq!(call.receive("PRACK", "RAck: 1 1 INVITE\r\n", ""), ["481 PRACK"]);
    call.session.progress(call.now, "answer".into());
    call.outputs();
    let right = rack(&call);
    for wrong in
        ["RAck: 1 1 INVITE\r\n", &right.replace(" 1 ", " 2 "), &right.replace("INVITE", "UPDATE"), ""]
    {
        assert_eq!(call.receive("PRACK", wrong, ""), ["481 PRACK"], "{wrong}");
    }
    assert_eq!(call.receive("PRACK", "RAck: x\r\n", ""), ["400 PRACK"]);
    assert_eq!(call.receive("PRACK", &right, ""), ["200 PRACK"]);
    assert_eq!(call.receive("PRACK", &right, ""), ["481 PRACK"]);
}

#[test]
fn without_a_prack_the_invite_fails_after_64_t1() {
    let mut call = call(WITH_100REL);
    call.session.progress(call.now, "answer".into());
    call.outputs();
    let lines = call.wait_seconds(40);
    assert_eq!(lines[lines.len() - 2..], ["32000: 504 INVITE", "32000: Ended NoPrack"]);
    assert_eq!(lines.len(), 6 + 2);
}

#[test]
fn a_prack_may_come_after_the_200() {
    let mut call = call(REQUIRE_100REL);
    call.session.ring(call.now);
    call.outputs();
    let rack = rack(&call);
    call.session.answer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["200 INVITE =answer"]);
    assert_eq!(call.wait_seconds(1), ["500: 200 INVITE =answer"], "the 180 is not repeated");
    assert_eq!(call.receive("PRACK", &rack, ""), ["200 PRACK"]);
}

#[test]
fn provisionals_that_wait_for_a_prack_are_bounded() {
    let mut call = call(REQUIRE_100REL);
    for _ in 0..100 {
        call.session.ring(call.now);
    }
    assert_eq!(call.outputs(), ["180 INVITE"]);
    let mut sent = 1;
    while let Some(true) = call.responses.last().map(|response| response.headers.rseq().unwrap().is_some()) {
        let rack = rack(&call);
        sent += call.receive("PRACK", &rack, "").len() - 1;
    }
    assert_eq!(sent, 5);
}
