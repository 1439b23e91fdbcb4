//! Changes of an answered session, by both sides (RFC 3261 §14, RFC 3311, RFC 6141).

use super::*;

#[test]
fn a_reinvite_with_an_offer_is_accepted_or_refused_by_the_leg() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.receive("INVITE", "", "hold"), ["Offer =hold"]);
    assert!(call.session.accept_offer(call.now, "held".into()));
    assert_eq!(call.outputs(), ["200 INVITE =held"]);
    assert_eq!(call.wait(Duration::from_millis(600)), ["500: 200 INVITE =held"]);
    call.ack(2, "");
    assert_eq!(call.outputs(), [""; 0], "Acknowledged is told of the first INVITE alone");
    assert_eq!(call.receive("INVITE", "", "video"), ["Offer =video"]);
    call.session.refuse_offer(call.now, StatusCode::NOT_ACCEPTABLE_HERE);
    assert_eq!(call.outputs(), ["488 INVITE"]);
    assert!(call.session.is_answered());
    assert!(!call.session.accept_offer(call.now, "late".into()));
}

#[test]
fn a_reinvite_without_an_offer_gets_ours() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.receive("INVITE", "", ""), ["OfferNeeded"]);
    assert!(call.session.give_offer(call.now, "our offer".into()));
    assert_eq!(call.outputs(), ["200 INVITE =our offer"]);
    call.ack(2, "their answer");
    assert_eq!(call.outputs(), ["Answer =their answer"]);
    assert!(!call.session.give_offer(call.now, "again".into()));
}

#[test]
fn the_target_moves_with_the_acceptance_of_a_reinvite_not_before() {
    let mut call = confirmed(settings(), "");
    let moved = "Contact: <sip:peer@192.0.2.9:5099>\r\n";
    let target = |call: &Call| call.session.dialog.remote_target().to_string();
    call.receive("INVITE", moved, "offer");
    assert_eq!(target(&call), "sip:peer@192.0.2.2:5071");
    call.session.refuse_offer(call.now, StatusCode::NOT_ACCEPTABLE_HERE);
    assert_eq!(target(&call), "sip:peer@192.0.2.2:5071");
    call.receive("INVITE", moved, "offer");
    call.session.accept_offer(call.now, "answer".into());
    assert_eq!(target(&call), "sip:peer@192.0.2.9:5099");
    assert_eq!(
        call.receive("UPDATE", "Contact: <sip:peer@192.0.2.8>\r\n", ""),
        ["200 INVITE =answer", "200 UPDATE"]
    );
    assert_eq!(target(&call), "sip:peer@192.0.2.8");
    assert_eq!(call.receive("OPTIONS", "Contact: <sip:peer@192.0.2.7>\r\n", ""), ["200 OPTIONS"]);
    assert_eq!(target(&call), "sip:peer@192.0.2.8");
}

#[test]
fn overlapping_offers_of_the_peer_get_500_with_retry_after() {
    let mut call = confirmed(settings(), "");
    call.receive("INVITE", "", "first");
    for (method, expected) in [("INVITE", "500 INVITE"), ("UPDATE", "500 UPDATE")] {
        assert_eq!(call.receive(method, "", "second"), [expected]);
        let retry_after = call.last_response().headers.retry_after().unwrap().unwrap();
        assert!(retry_after.seconds <= 10);
    }
    call.session.accept_offer(call.now, "answer".into());
    assert_eq!(call.outputs(), ["200 INVITE =answer"]);
}

#[test]
fn a_second_invite_before_the_first_is_answered_gets_500() {
    let mut call = call("");
    assert_eq!(call.receive("INVITE", "", "second"), ["500 INVITE"]);
    assert!(call.last_response().headers.contains(HeaderName::RetryAfter));
}

#[test]
fn offers_that_cross_ours_get_491() {
    let mut call = confirmed(settings(), "");
    assert!(call.session.renegotiate("ours".into()));
    assert_eq!(call.outputs(), ["send INVITE =ours"]);
    assert_eq!(call.receive("INVITE", "", "theirs"), ["491 INVITE"]);
    assert_eq!(call.receive("INVITE", "", ""), ["491 INVITE"]);
    assert_eq!(call.receive("UPDATE", "", "theirs"), ["491 UPDATE"]);
    assert_eq!(call.receive("UPDATE", "", ""), ["200 UPDATE"], "without an offer nothing crosses");
    assert!(!call.session.renegotiate("another".into()));
    assert_eq!(
        call.respond(0, 200, "Contact: <sip:new@192.0.2.7>\r\n", "answer"),
        ["send ACK", "Answer =answer"]
    );
    assert_eq!(call.session.dialog.remote_target().to_string(), "sip:new@192.0.2.7");
    assert_eq!(call.respond(0, 200, "", "answer"), ["send ACK"], "a repeated 200 is acknowledged again");
}

#[test]
fn our_own_offer_in_a_200_without_ack_makes_a_reinvite_wait() {
    let mut call = begin(settings(), "", "").unwrap();
    call.session.answer(call.now, "our offer".into());
    call.outputs();
    assert_eq!(call.receive("INVITE", "", "theirs"), ["491 INVITE"]);
}

#[test]
fn a_reinvite_shows_that_the_200_has_come() {
    let mut call = call("");
    call.session.answer(call.now, "answer".into());
    call.outputs();
    assert_eq!(call.receive("INVITE", "", "second"), ["Acknowledged", "Offer =second"]);
    assert_eq!(call.wait_seconds(60), [""; 0]);
}

#[test]
fn after_491_our_offer_is_asked_for_again_within_two_seconds() {
    let mut call = confirmed(settings(), "");
    call.session.renegotiate("ours".into());
    call.outputs();
    assert_eq!(call.respond(0, 491, "", ""), ["OfferRefused 491"]);
    let lines = call.wait_seconds(2);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with(": OfferNeeded to refresh"), "{lines:?}");
    assert!(call.session.give_offer(call.now, "again".into()));
    assert_eq!(call.outputs(), ["send INVITE =again"]);
    assert_eq!(call.respond(1, 488, "", ""), ["OfferRefused 488"]);
    assert_eq!(call.wait_seconds(600), [""; 0]);
    assert!(call.session.is_answered());
}

#[test]
fn a_change_that_meets_481_or_silence_ends_the_call() {
    let mut call = confirmed(settings(), "");
    call.session.renegotiate("ours".into());
    call.outputs();
    assert_eq!(call.respond(0, 481, "", ""), ["OfferRefused 481", "send BYE"]);
    assert_eq!(call.respond(1, 481, "", ""), ["Ended PeerGone 481"]);

    for (cause, end) in
        [(ClientFailure::Timeout, "Ended PeerGone 408"), (ClientFailure::Transport, "Ended TransportFailed")]
    {
        let mut call = confirmed(settings(), "");
        call.session.renegotiate("ours".into());
        call.outputs();
        assert_eq!(call.fail(0, cause), ["OfferRefused 408", "send BYE"]);
        assert_eq!(call.fail(1, cause), [end]);
    }
}

#[test]
fn a_cancelled_reinvite_leaves_the_session() {
    let mut call = confirmed(settings(), "");
    call.receive("INVITE", "", "offer");
    assert_eq!(call.cancel(0, ""), [""; 0], "the first INVITE is long answered");
    assert_eq!(call.cancel(1, ""), ["487 INVITE", "OfferWithdrawn"]);
    assert!(!call.session.accept_offer(call.now, "late".into()));
    assert!(call.session.is_answered());
}

#[test]
fn an_update_is_answered_where_it_may_be_made() {
    let mut early = call(WITH_100REL);
    assert_eq!(
        early.receive("UPDATE", "", "too early"),
        ["500 UPDATE"],
        "the INVITE's offer is not answered"
    );
    early.session.progress(early.now, "answer".into());
    early.outputs();
    let rack = format!("RAck: {} 1 INVITE\r\n", early.last_response().headers.rseq().unwrap().unwrap());
    early.receive("PRACK", &rack, "");
    assert_eq!(early.receive("UPDATE", "", "second"), ["Offer =second"]);
    early.session.answer(early.now, "answer".into());
    assert_eq!(early.outputs(), [""; 0]);
    early.session.refuse_offer(early.now, StatusCode::NOT_ACCEPTABLE_HERE);
    assert_eq!(early.outputs(), ["488 UPDATE", "200 INVITE"]);

    let mut offerless = begin(settings(), "", "").unwrap();
    assert_eq!(offerless.receive("UPDATE", "", "offer"), ["500 UPDATE"]);

    let mut late = confirmed(settings(), "");
    assert_eq!(late.receive("UPDATE", "", "offer"), ["Offer =offer"]);
    assert!(late.session.accept_offer(late.now, "answer".into()));
    assert_eq!(late.outputs(), ["200 UPDATE =answer"]);
}
