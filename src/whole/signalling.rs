//! Each flow of the signalling, over UDP and TCP.

use crate::server::Server;
use crate::sipp::{Transport, plays, plays_for};
use crate::wire::{PATIENCE, Wire};

/// What the scenarios dial.
const ROUTES: &str = r#"
max-calls-per-second = 0

[[route]]
match = "room-(.+)"
conference = "$1"

[[route]]
match = "echo"
echo = true

[[route]]
match = "ring-(.+)"
conference = "$1"
ring-ms = 1500

[[route]]
match = "early-(.+)"
conference = "$1"
early-media = true
ring-ms = 600

[[route]]
match = "busy"
reject = 486

[[route]]
match = "declined"
reject = 603
"#;

/// 64 T1 are 3.2 s: what waits for a peer that does not answer gives up soon.
const SHORT_PATIENCE: &str = "t1 = \"50ms\"\nt2 = \"100ms\"\nt4 = \"100ms\"\n";

macro_rules! flows {
    ($($name:ident: $scenario:literal, $user:literal;)*) => {
        mod over_udp {
            use super::*;
            $(#[test]
            fn $name() {
                plays(&Server::with(ROUTES), $scenario, $user, 3, Transport::Udp);
            })*
        }
        mod over_tcp {
            use super::*;
            $(#[test]
            fn $name() {
                plays(&Server::with(ROUTES), $scenario, $user, 3, Transport::Tcp);
            })*
        }
    };
}

flows! {
    a_call_is_answered_and_ended: "call", "room-1";
    a_call_without_offer_gets_ours_in_the_200: "no_offer", "room-1";
    a_cancel_while_it_rings_ends_with_487: "cancel", "ring-1";
    a_cancel_that_crosses_the_200_changes_nothing: "cancel_too_late", "room-1";
    a_reliable_provisional_response_waits_for_its_prack: "prack", "early-1";
    our_offer_in_a_reliable_183_is_answered_in_the_prack: "prack_no_offer", "early-1";
    an_update_before_the_answer_changes_the_media: "early_update", "early-1";
    a_lost_ack_brings_the_200_again: "ack_lost", "room-1";
    hold_and_resume_are_answered: "hold_resume", "room-1";
    an_update_changes_the_direction: "update", "room-1";
    a_codec_change_is_followed: "codec_change", "room-1";
    an_address_change_is_followed: "address_change", "room-1";
    a_reinvite_without_offer_gets_ours: "reinvite_no_offer", "room-1";
    a_reinvite_that_is_refused_leaves_the_call_up: "reinvite_refused", "room-1";
    an_offer_across_ours_gets_491: "glare", "room-1";
    an_invite_before_the_first_is_answered_gets_500_and_retry_after: "overlapping", "ring-1";
    a_request_out_of_order_gets_500: "old_cseq", "room-1";
    session_timers_are_agreed_and_refreshed: "session_timer", "room-1";
    we_refresh_the_session_where_the_caller_wants_it: "timer_ours", "room-1";
    we_refresh_the_session_of_a_caller_without_timers: "timer_unknown", "room-1";
    digits_by_info_are_taken: "dtmf_info", "room-1";
    options_tell_what_we_can: "options", "room-1";
    an_unknown_number_is_not_found: "not_found", "nobody";
    a_rejecting_route_answers_with_its_status: "declined", "declined";
    an_unknown_extension_is_refused: "bad_extension", "room-1";
    an_offer_without_a_codec_of_ours_is_not_acceptable: "no_codec", "room-1";
    video_and_fax_lines_are_refused_with_port_0: "video_refused", "room-1";
    one_of_several_audio_lines_is_taken: "media_lines", "room-1";
    an_offer_of_opus_is_answered_with_opus: "opus_offer", "room-1";
    an_offer_of_rtcp_mux_is_accepted: "rtcp_mux", "room-1";
    a_bye_without_dialog_gets_481: "bye_unknown", "room-1";
}

#[test]
fn a_200_without_ack_is_repeated_and_then_the_call_is_ended() {
    let server = Server::with(&format!("{SHORT_PATIENCE}{ROUTES}"));
    plays(&server, "no_ack", "room-1", 3, Transport::Udp);
    server.must_log_times("no ACK came", 3);
    // Over TCP too (RFC 3261 §13.3.1.4), where sipp would take the second 200 for a mistake.
    let mut wire = Wire::tcp(server.sip);
    wire.send(wire.invite("room-1").to_bytes());
    let messages = std::iter::from_fn(|| wire.receive_within(PATIENCE));
    let before_bye: Vec<String> = messages.take_while(|message| !message.starts_with("BYE")).collect();
    let answers = before_bye.iter().filter(|message| message.starts_with("SIP/2.0 200")).count();
    assert!(answers > 5, "{before_bye:?}");
    server.must_log_times("no ACK came", 4);
}

#[test]
fn a_call_that_lasts_too_long_is_ended() {
    let server = Server::with(&format!("max-call-duration = \"1s\"\n{ROUTES}"));
    for transport in [Transport::Udp, Transport::Tcp] {
        plays(&server, "ended_by_us", "room-1", 3, transport);
    }
}

#[test]
fn the_reason_of_a_bye_is_logged() {
    let server = Server::with(ROUTES);
    plays(&server, "bye_reason", "room-1", 1, Transport::Udp);
    server.must_log("Terminated by the tests");
}

#[test]
fn a_digit_by_info_reaches_the_service() {
    let server = Server::with(&format!("mute-key = \"5\"\n{ROUTES}"));
    plays(&server, "dtmf_info", "room-1", 1, Transport::Udp);
    server.must_log("muted by key");
}

#[test]
fn the_audio_of_a_call_is_taken() {
    let server = Server::with(ROUTES);
    for (transport, calls) in [(Transport::Udp, 1), (Transport::Tcp, 2)] {
        plays_for(&server, "call_with_media", "room-1", 1, transport, 1);
        server.must_log_times("ended: the peer hung up", calls);
    }
    assert!(!server.log().contains("received 0 "), "{}", server.log());
}

#[test]
fn fifty_calls_at_once_are_served_over_each_transport() {
    let server = Server::with(ROUTES);
    for transport in [Transport::Udp, Transport::Tcp] {
        plays_for(&server, "call", "room-1", 50, transport, 50);
    }
}
