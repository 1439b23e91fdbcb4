//! RFC 4028, both refreshers.

use super::*;

fn timed(refresher: Refresher) -> SessionSettings {
    SessionSettings { session_expires_seconds: Some(1800), refresher, ..SessionSettings::default() }
}

use crate::sip::Refresher;

#[test]
fn the_200_says_interval_and_refresher() {
    let call = confirmed(timed(Refresher::Uac), WITH_TIMER);
    let headers = &call.responses[0].headers;
    assert_eq!(headers.get(HeaderName::SessionExpires), Some("1800;refresher=uac"));
    assert_eq!(headers.require(), ["timer"]);
    let call = confirmed(timed(Refresher::Uac), "");
    let headers = &call.responses[0].headers;
    assert_eq!(headers.get(HeaderName::SessionExpires), Some("1800;refresher=uas"));
    assert!(headers.require().is_empty(), "a peer that does not know it cannot be required to");
}

#[test]
fn a_peer_that_does_not_refresh_is_left_a_bit_before_the_interval_ends() {
    let mut call = confirmed(timed(Refresher::Uac), WITH_TIMER);
    assert_eq!(call.wait_seconds(1800), ["1768000: send BYE"]);
    assert_eq!(call.requests[0].headers.reasons()[0].cause, Some(408));
    assert_eq!(call.respond(0, 200, "", ""), ["Ended SessionExpired"]);
}

#[test]
fn every_refresh_of_the_peer_begins_the_interval_anew() {
    let mut call = confirmed(timed(Refresher::Uac), WITH_TIMER);
    call.wait_seconds(1700);
    assert_eq!(call.receive("UPDATE", WITH_TIMER, ""), ["200 UPDATE"]);
    assert_eq!(call.last_response().headers.get(HeaderName::SessionExpires), Some("1800;refresher=uac"));
    assert_eq!(call.wait_seconds(1700), [""; 0]);
    call.receive("INVITE", "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", "offer");
    call.session.accept_offer(call.now, "answer".into());
    call.ack(3, "");
    call.outputs();
    assert_eq!(call.wait_seconds(600), ["568000: send BYE"]);
}

#[test]
fn a_refused_reinvite_leaves_the_interval() {
    let mut call = confirmed(timed(Refresher::Uac), WITH_TIMER);
    call.wait_seconds(1700);
    call.receive("INVITE", WITH_TIMER, "offer");
    call.session.refuse_offer(call.now, StatusCode::NOT_ACCEPTABLE_HERE);
    call.outputs();
    assert_eq!(call.wait_seconds(100), ["68000: send BYE"]);
}

#[test]
fn we_refresh_by_update_where_the_peer_allows_it() {
    let mut call = confirmed(timed(Refresher::Uas), &format!("{WITH_TIMER}{ALLOWS_UPDATE}"));
    assert_eq!(call.wait_seconds(900), ["900000: send UPDATE"]);
    assert_eq!(call.requests[0].headers.get(HeaderName::SessionExpires), Some("1800;refresher=uac"));
    assert_eq!(call.respond(0, 200, "Session-Expires: 600;refresher=uac\r\n", ""), [""; 0]);
    assert_eq!(call.wait_seconds(300), ["300000: send UPDATE"]);
    assert_eq!(call.respond(1, 200, "Session-Expires: 600;refresher=uas\r\n", ""), [""; 0]);
    assert_eq!(call.wait_seconds(600), ["568000: send BYE"], "now the peer had to refresh");
}

#[test]
fn we_refresh_by_reinvite_where_it_does_not() {
    let mut call = confirmed(timed(Refresher::Uas), WITH_TIMER);
    assert_eq!(call.wait_seconds(900), ["900000: OfferNeeded to refresh"]);
    assert!(call.session.give_offer(call.now, "same".into()));
    assert_eq!(call.outputs(), ["send INVITE =same"]);
    assert_eq!(call.respond(0, 200, "", "answer"), ["send ACK", "Answer =answer"]);
    assert_eq!(call.wait_seconds(900), ["900000: OfferNeeded to refresh"]);
}

#[test]
fn an_update_that_is_not_allowed_after_all_becomes_a_reinvite() {
    for status in [405, 501] {
        let mut call = confirmed(timed(Refresher::Uas), ALLOWS_UPDATE);
        call.wait_seconds(900);
        assert_eq!(call.respond(0, status, "", ""), [""; 0]);
        assert_eq!(call.wait_seconds(1), ["0: OfferNeeded to refresh"]);
    }
}

#[test]
fn a_422_lengthens_the_interval_and_the_refresh_is_sent_again() {
    let mut call = confirmed(timed(Refresher::Uas), &format!("{WITH_TIMER}{ALLOWS_UPDATE}"));
    call.wait_seconds(900);
    assert_eq!(call.respond(0, 422, "Min-SE: 3600\r\n", ""), [""; 0]);
    assert_eq!(call.wait_seconds(1), ["0: send UPDATE"]);
    assert_eq!(call.requests[1].headers.get(HeaderName::SessionExpires), Some("3600;refresher=uac"));
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_and_one_that_meets_silence_ends_the_call() {
    let mut call = confirmed(timed(Refresher::Uas), &format!("{WITH_TIMER}{ALLOWS_UPDATE}"));
    call.wait_seconds(900);
    assert_eq!(call.respond(0, 500, "Retry-After: 7\r\n", ""), [""; 0]);
    assert_eq!(call.wait_seconds(7), ["7000: send UPDATE"]);
    assert_eq!(call.respond(1, 491, "", ""), [""; 0]);
    assert_eq!(call.wait_seconds(2).len(), 1);
    assert_eq!(call.respond(2, 500, "", ""), [""; 0]);
    assert_eq!(call.wait_seconds(500).len(), 1, "half of what is left");
    assert_eq!(call.respond(3, 408, "", ""), ["send BYE"]);
    assert_eq!(call.respond(4, 481, "", ""), ["Ended PeerGone 408"]);
}

#[test]
fn refusals_without_end_end_with_the_interval() {
    let mut call = confirmed(timed(Refresher::Uas), &format!("{WITH_TIMER}{ALLOWS_UPDATE}"));
    let begin = call.now;
    let mut tries = 0;
    let mut left = false;
    while !left && call.now < begin + Duration::from_secs(1800) {
        let lines = call.wait_seconds(1);
        match lines.first().map(|line| line.split_once(": ").unwrap().1) {
            Some("send UPDATE") => {
                call.respond(tries, 500, "", "");
                tries += 1;
            }
            Some("send BYE") => left = true,
            Some(other) => panic!("{other}"),
            None => {}
        }
    }
    assert!(left && (3..50).contains(&tries), "{tries} tries");
}

#[test]
fn too_small_an_interval_in_the_dialog_gets_422_and_changes_nothing() {
    let mut call = confirmed(timed(Refresher::Uac), WITH_TIMER);
    let small = "Supported: timer\r\nSession-Expires: 30\r\n";
    for method in ["UPDATE", "INVITE"] {
        assert_eq!(call.receive(method, small, "offer"), [format!("422 {method}")]);
        assert_eq!(call.last_response().headers.min_se(), Ok(Some(90)));
    }
    assert_eq!(call.wait_seconds(1800), ["1768000: send BYE"]);
}

#[test]
fn without_a_timer_on_either_side_nothing_runs() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.session.next_timeout(), None);
    assert_eq!(call.wait_seconds(100_000), [""; 0]);
}
