//! CANCEL and BYE (RFC 3261 §9.2, §15).

use super::*;
use crate::sip::ReasonValue;

#[test]
fn a_cancel_ends_the_call_with_487() {
    let mut call = call("");
    call.session.ring(call.now);
    call.outputs();
    let lines = call.cancel(0, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
    assert_eq!(lines, ["487 INVITE", "Ended for SIP;cause=200;text=\"Call completed elsewhere\""]);
    assert!(call.session.is_over());
    assert_eq!(call.session.next_timeout(), None);
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.outputs();
    assert_eq!(call.cancel(0, ""), [""; 0]);
    assert!(call.session.is_answered());
}

#[test]
fn the_peers_bye_ends_the_call_with_its_reason() {
    let mut call = confirmed(settings(), "");
    let lines = call.receive("BYE", "Reason: Q.850;cause=16\r\n", "");
    assert_eq!(lines, ["200 BYE", "Ended for Q.850;cause=16"]);
    assert_eq!(call.receive("INVITE", "", "offer"), ["481 INVITE"]);
    assert_eq!(call.receive("BYE", "", ""), ["481 BYE"]);
}

#[test]
fn a_bye_gives_all_that_waits_its_487() {
    let mut early = call("");
    assert_eq!(early.receive("BYE", "", ""), ["200 BYE", "487 INVITE", "Ended Bye"]);
    let mut changing = confirmed(settings(), "");
    changing.receive("INVITE", "", "offer");
    assert_eq!(changing.receive("BYE", "", ""), ["200 BYE", "487 INVITE", "Ended Bye"]);
    let mut updating = confirmed(settings(), "");
    updating.receive("UPDATE", "", "offer");
    assert_eq!(updating.receive("BYE", "", ""), ["200 BYE", "487 UPDATE", "Ended Bye"]);
}

#[test]
fn hanging_up_before_the_answer_is_a_refusal() {
    let mut call = call("");
    call.session.hang_up(None);
    assert_eq!(call.outputs(), ["480 INVITE", "Ended HungUp"]);
}

#[test]
fn our_bye_carries_the_reason_and_whatever_its_answer_the_call_is_over() {
    for status in [200, 401, 481, 500] {
        let mut call = confirmed(settings(), "");
        call.session.hang_up(ReasonValue::parse("Q.850;cause=31"));
        assert_eq!(call.outputs(), ["send BYE"]);
        assert_eq!(call.requests[0].headers.get(HeaderName::Reason), Some("Q.850;cause=31"));
        assert_eq!(call.requests[0].uri.to_string(), "sip:peer@192.0.2.2:5071");
        assert_eq!(call.receive("INVITE", "", "offer"), ["481 INVITE"]);
        call.session.hang_up(None);
        assert_eq!(call.outputs(), [""; 0]);
        assert_eq!(call.respond(0, 100, "", ""), [""; 0]);
        assert_eq!(call.respond(0, status, "", ""), ["Ended HungUp"]);
    }
    let mut call = confirmed(settings(), "");
    call.session.hang_up(None);
    call.outputs();
    assert_eq!(call.fail(0, ClientFailure::Timeout), ["Ended HungUp"]);
}

#[test]
fn our_bye_waits_for_the_ack() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.session.hang_up(None);
    assert_eq!(call.outputs(), ["200 INVITE =answer"]);
    assert_eq!(call.wait_seconds(1), ["500: 200 INVITE =answer"], "the 200 is still repeated");
    call.ack(1, "");
    assert_eq!(call.outputs(), ["Acknowledged", "send BYE"]);

    let mut silent = super::call("");
    silent.session.answer(silent.now, "answer".into());
    silent.session.hang_up(None);
    silent.outputs();
    assert_eq!(silent.wait_seconds(40).last().unwrap(), "32000: send BYE");
    assert_eq!(silent.respond(0, 481, "", ""), ["Ended HungUp"]);
}

#[test]
fn crossing_byes_end_the_call_once() {
    let mut call = confirmed(settings(), "");
    call.session.hang_up(None);
    call.outputs();
    assert_eq!(call.receive("BYE", "", ""), ["200 BYE", "Ended HungUp"]);
    assert_eq!(call.respond(0, 481, "", ""), [""; 0]);
}

#[test]
fn a_bye_that_waits_for_the_ack_is_overtaken_by_the_peers() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.session.hang_up(None);
    call.outputs();
    assert_eq!(call.receive("BYE", "", ""), ["200 BYE", "Ended HungUp"]);
    assert_eq!(call.session.next_timeout(), None);
}

#[test]
fn a_2xx_to_our_reinvite_is_acknowledged_even_while_we_leave() {
    let mut call = confirmed(settings(), "");
    call.session.renegotiate("ours".into());
    call.session.hang_up(None);
    assert_eq!(call.outputs(), ["send INVITE =ours", "send BYE"]);
    assert_eq!(call.respond(0, 200, "", "answer"), ["send ACK"]);
    assert_eq!(call.respond(1, 200, "", ""), ["Ended HungUp"]);
}

#[test]
fn a_connection_lost_before_the_answer_ends_the_call() {
    let mut call = call("");
    call.session.handle_unreachable(&ServerKey::numbered(9));
    assert_eq!(call.outputs(), [""; 0]);
    call.session.handle_unreachable(&ServerKey::numbered(0));
    assert_eq!(call.outputs(), ["503 INVITE", "Ended TransportFailed"]);
}

#[test]
fn a_connection_lost_after_the_answer_is_left_to_the_wait_for_the_ack() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.session.handle_unreachable(&ServerKey::numbered(0));
    assert_eq!(call.outputs(), ["200 INVITE =answer"]);
}
