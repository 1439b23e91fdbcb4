//! Session timers (RFC 4028) in real time: the refreshes that we send, and what becomes of calls whose peer is gone.
//!
//! RFC 4028 §5 allows no interval below 90 s, so the refresh is due after 45 s: all calls share one server and one minute.

use crate::server::Server;
use crate::wire::{Draft, OFFER, Wire, header, status};
use std::ops::Range;
use std::time::{Duration, Instant};

/// No RTP flows here; and a peer without an answer is given up after 64 T1 = 3.2 s.
const SETTINGS: &str = r#"
t1 = "50ms"
t2 = "100ms"
min-se = "90s"
session-expires = "90s"
media-timeout = "off"

[[route]]
match = "room-(.+)"
conference = "$1"
enter-tone = false
leave-tone = false
waiting-tone = false
"#;
/// The middle of the interval, and what a busy machine may add.
const REFRESH_S: Range<f64> = 44.0..47.0;
/// An interval of 90 s that nothing has refreshed ends 30 s before its end (RFC 4028 §10).
const EXPIRY_S: Range<f64> = 59.0..62.0;
/// How long a call that was refreshed is watched: past the end of its first interval.
const WATCHED: Duration = Duration::from_secs(63);
const WITH_UPDATE: &str = "INVITE, ACK, CANCEL, BYE, UPDATE";
const WITHOUT_UPDATE: &str = "INVITE, ACK, CANCEL, BYE";

/// A call whose session timer runs.
struct Call {
    wire: Wire,
    dialog: Draft,
    began: Instant,
}

impl Call {
    /// Calls with an interval of 90 s, which `refresher` is to refresh, and methods that the peer takes.
    fn dial(mut wire: Wire, refresher: &str, allow: &str) -> Call {
        let invite = wire.invite("room-1").with("Supported", "timer").with("Allow", allow);
        let invite = invite.with("Session-Expires", &format!("90;refresher={refresher}"));
        let answer = wire.ask(&invite);
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(header(&answer, "Session-Expires"), Some(format!("90;refresher={refresher}")));
        let dialog = invite.within_dialog(&answer).without("Session-Expires");
        wire.send(dialog.next("ACK", 1).to_bytes());
        Call { wire, dialog, began: Instant::now() }
    }

    /// The next request of the server's with this method, which has to come in time; others must not come before.
    fn request(&mut self, method: &str, within_s: Range<f64>) -> String {
        let left = Duration::from_secs_f64(within_s.end).saturating_sub(self.began.elapsed());
        let request =
            self.wire.receive_within(left).unwrap_or_else(|| panic!("no {method} in {within_s:?} s"));
        let after_s = self.began.elapsed().as_secs_f64();
        assert!(request.starts_with(&format!("{method} ")), "{method} expected after {after_s} s: {request}");
        assert!(within_s.contains(&after_s), "{method} after {after_s} s, not {within_s:?}");
        request
    }

    /// A refresh: in the middle of the interval, and we say that we go on refreshing.
    fn refresh(&mut self, method: &str) -> String {
        let request = self.request(method, REFRESH_S);
        assert_eq!(header(&request, "Session-Expires").as_deref(), Some("90;refresher=uac"), "{request}");
        assert!(header(&request, "Supported").is_some_and(|tags| tags.contains("timer")), "{request}");
        request
    }

    /// Answers a request of the server's.
    fn answer(&mut self, request: &str, line: &str, headers: &str, body: &str) {
        let copied = ["via", "from", "to", "call-id", "cseq"];
        let is_copied = |line: &&str| {
            line.split_once(':').is_some_and(|(name, _)| copied.contains(&name.to_ascii_lowercase().as_str()))
        };
        let (head, _) = request.split_once("\r\n\r\n").expect("a head");
        let head: String = head.lines().filter(is_copied).map(|line| format!("{line}\r\n")).collect();
        let contact = self.dialog.header("Contact");
        let len = body.len();
        self.wire.send(format!(
            "SIP/2.0 {line}\r\n{head}Contact: {contact}\r\n{headers}Content-Length: {len}\r\n\r\n{body}"
        ));
    }

    /// Agrees to a refresh; to an offer in it with an answer of our own, which is then acknowledged.
    fn agree(&mut self, refresh: &str) {
        let timer = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
        if refresh.starts_with("UPDATE") {
            assert_eq!(
                header(refresh, "Content-Type"),
                None,
                "a refresh by UPDATE offers nothing: {refresh}"
            );
            return self.answer(refresh, "200 OK", timer, "");
        }
        assert!(refresh.contains("m=audio"), "a re-INVITE offers what was agreed: {refresh}");
        self.answer(refresh, "200 OK", &format!("{timer}Content-Type: application/sdp\r\n"), OFFER);
        let ack = self.next_other_than("INVITE");
        assert!(ack.starts_with("ACK "), "{ack}");
        assert_eq!(number(&ack), number(refresh), "{ack}");
    }

    /// The next message that is no repetition of `method`.
    fn next_other_than(&mut self, method: &str) -> String {
        let messages = || self.wire.receive_within(Duration::from_secs(5));
        std::iter::from_fn(messages).find(|message| !message.starts_with(method)).expect("another message")
    }

    /// The call is there until past the end of its first interval, and can be ended.
    fn lives_on(mut self) {
        let left = WATCHED.saturating_sub(self.began.elapsed());
        assert_eq!(self.wire.receive_within(left), None, "nothing is due before the next refresh");
        let bye = self.wire.ask(&self.dialog.next("BYE", 9));
        assert_eq!(status(&bye), 200, "the call lived: {bye}");
    }

    /// BYE comes in time, and the dialog is over.
    fn ends_with_a_bye(mut self, within_s: Range<f64>, reason: Option<&str>) {
        let bye = self.request("BYE", within_s);
        assert_eq!(header(&bye, "Reason").as_deref(), reason, "{bye}");
        self.answer(&bye, "200 OK", "", "");
        assert_eq!(status(&self.wire.ask(&self.dialog.next("OPTIONS", 9))), 481);
    }
}

fn number(message: &str) -> Option<String> {
    header(message, "CSeq").map(|cseq| cseq.split(' ').next().unwrap_or_default().to_owned())
}

/// A refresh by UPDATE, or by re-INVITE where the peer takes no UPDATE, keeps the call.
fn is_refreshed(wire: Wire, allow: &str, method: &str) {
    let mut call = Call::dial(wire, "uas", allow);
    let refresh = call.refresh(method);
    call.agree(&refresh);
    call.lives_on();
}

/// Nobody answers the refresh: it comes again over UDP alone, then BYE.
fn peer_vanishes(wire: Wire, allow: &str, method: &str) {
    let mut call = Call::dial(wire, "uas", allow);
    call.refresh(method);
    let bye = call.next_other_than(method);
    assert!(bye.starts_with("BYE "), "{bye}");
    let after_s = call.began.elapsed().as_secs_f64();
    assert!((47.0..51.0).contains(&after_s), "64 T1 after the refresh, not after {after_s} s");
    call.answer(&bye, "200 OK", "", "");
}

/// The peer knows the call no longer (RFC 3261 §12.2.1.2).
fn peer_forgot(wire: Wire) {
    let mut call = Call::dial(wire, "uas", WITH_UPDATE);
    let refresh = call.refresh("UPDATE");
    call.answer(&refresh, "481 Call/Transaction Does Not Exist", "", "");
    call.ends_with_a_bye(REFRESH_S, None);
}

/// The peer was to refresh and does not.
fn peer_does_not_refresh(wire: Wire) {
    let call = Call::dial(wire, "uac", WITH_UPDATE);
    call.ends_with_a_bye(EXPIRY_S, Some("SIP;cause=408;text=\"Session expired\""));
}

/// Two re-INVITEs cross: each side refuses the other's with 491, and ours comes again within 2 s, since the peer made
/// the Call-ID (RFC 3261 §14.1).
fn reinvites_cross(wire: Wire) {
    let mut call = Call::dial(wire, "uas", WITHOUT_UPDATE);
    let first = call.refresh("INVITE");
    let offer = OFFER.replace("wire 1 1", "wire 1 2");
    let theirs = call.dialog.next("INVITE", 2).with("Content-Type", "application/sdp").with_body(offer);
    let refused = call.wire.ask(&theirs.without("Supported"));
    assert_eq!(status(&refused), 491, "{refused}");
    call.answer(&first, "491 Request Pending", "", "");
    let ack = call.next_other_than("INVITE");
    assert!(ack.starts_with("ACK ") && number(&ack) == number(&first), "{ack}");
    let again = call.request("INVITE", 44.0..50.0);
    assert_ne!(number(&again), number(&first), "a new request: {again}");
    call.agree(&again);
    call.lives_on();
}

#[test]
fn a_session_is_refreshed_in_time_or_ended() {
    let server = Server::with(SETTINGS);
    let (udp, tcp) = (|| Wire::udp(server.sip), || Wire::tcp(server.sip));
    let cases: [(&str, &(dyn Fn() + Sync)); 11] = [
        ("UPDATE", &|| is_refreshed(udp(), WITH_UPDATE, "UPDATE")),
        ("UPDATE over TCP", &|| is_refreshed(tcp(), WITH_UPDATE, "UPDATE")),
        ("re-INVITE", &|| is_refreshed(udp(), WITHOUT_UPDATE, "INVITE")),
        ("re-INVITE over TCP", &|| is_refreshed(tcp(), WITHOUT_UPDATE, "INVITE")),
        ("an unanswered UPDATE", &|| peer_vanishes(udp(), WITH_UPDATE, "UPDATE")),
        ("an unanswered UPDATE over TCP", &|| peer_vanishes(tcp(), WITH_UPDATE, "UPDATE")),
        ("an unanswered re-INVITE", &|| peer_vanishes(udp(), WITHOUT_UPDATE, "INVITE")),
        ("a forgotten call", &|| peer_forgot(udp())),
        ("no refresh of the peer's", &|| peer_does_not_refresh(udp())),
        ("crossing re-INVITEs", &|| reinvites_cross(udp())),
        ("crossing re-INVITEs over TCP", &|| reinvites_cross(tcp())),
    ];
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running = cases.map(|(name, case)| (name, scope.spawn(case)));
        running.into_iter().filter_map(|(name, case)| case.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "{failed:?}\n{}", server.log());
}
