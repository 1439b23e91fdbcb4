//! A session between its leg and its peer, told step by step: what goes in, and every output it makes.

mod answering;
mod ending;
mod reinvites;
mod reliable_provisionals;
mod session_timer;
mod within_dialog;

use super::*;
use crate::sip::transaction::{ClientFailure, ClientKey, FlowId};
use crate::sip::{Host, Message, Transport, Uri, parse_datagram};

const ALLOWS_UPDATE: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";
const WITH_100REL: &str = "Supported: 100rel\r\n";
const WITH_TIMER: &str = "Supported: timer\r\n";

/// One call under test. Its outputs are kept as short lines: `200 INVITE =answer`, `send BYE`, `Acknowledged`.
struct Call {
    now: Instant,
    session: Session,
    cseq: u32,
    next_key: u64,
    /// The transactions of our requests, in order.
    sent: Vec<ClientKey>,
    requests: Vec<Request>,
    responses: Vec<Response>,
}

fn hop() -> Hop {
    Hop {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.2:5070".parse().unwrap(),
        flow: FlowId(3),
    }
}

fn settings() -> SessionSettings {
    SessionSettings { session_expires_seconds: None, ..SessionSettings::default() }
}

/// A request of the peer's; `in_dialog` gives its To our tag.
fn request(method: &str, cseq: u32, in_dialog: bool, lines: &str, body: &str) -> Request {
    let tag = if in_dialog { ";tag=ours" } else { "" };
    let body_lines = if body.is_empty() || lines.contains("Content-Type") {
        String::new()
    } else {
        "Content-Type: application/sdp\r\n".to_owned()
    };
    let contact = if lines.contains("Contact:") { "" } else { "Contact: <sip:peer@192.0.2.2:5071>\r\n" };
    let text = format!(
        "{method} sip:room@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK{method}{cseq}\r\n\
         From: \"Peer\" <sip:peer@example.com>;tag=theirs\r\nTo: <sip:room@example.com>{tag}\r\n\
         Call-ID: call@example.com\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n\
         {contact}{lines}{body_lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match parse_datagram(&Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn begin(settings: SessionSettings, lines: &str, body: &str) -> Result<Call, Box<Response>> {
    let contact = Uri::sip(Some("room"), Host::parse("192.0.2.1").unwrap(), Some(5060));
    let local = LocalIdentity { tag: "ours".into(), contact, user_agent: None };
    let invite = request("INVITE", 1, false, lines, body);
    let now = Instant::now();
    let session = Session::new(now, ServerKey::numbered(0), hop(), &invite, local, settings, 42)?;
    Ok(Call {
        now,
        session,
        cseq: 1,
        next_key: 1,
        sent: Vec::new(),
        requests: Vec::new(),
        responses: Vec::new(),
    })
}

/// A call that rings nowhere yet, with an offer in its INVITE.
fn call(lines: &str) -> Call {
    begin(settings(), lines, "offer").unwrap()
}

/// A call that is answered and acknowledged.
fn confirmed(settings: SessionSettings, lines: &str) -> Call {
    let mut call = begin(settings, lines, "offer").unwrap();
    call.session.answer(call.now, "answer".into());
    call.ack(1, "");
    call.outputs();
    call
}

impl Call {
    /// A request of the peer's with the next CSeq; its outputs.
    fn receive(&mut self, method: &str, lines: &str, body: &str) -> Vec<String> {
        self.cseq += 1;
        self.receive_with_cseq(method, self.cseq, lines, body)
    }

    fn receive_with_cseq(&mut self, method: &str, cseq: u32, lines: &str, body: &str) -> Vec<String> {
        let key = ServerKey::numbered(self.next_key);
        self.next_key += 1;
        self.session.handle_request(self.now, &key, hop(), &request(method, cseq, true, lines, body));
        self.outputs()
    }

    fn ack(&mut self, cseq: u32, body: &str) {
        self.session.handle_ack(&request("ACK", cseq, true, "", body));
    }

    fn cancel(&mut self, key: u64, lines: &str) -> Vec<String> {
        let cancel = request("CANCEL", 1, false, lines, "");
        self.session.handle_cancel(&ServerKey::numbered(key), &cancel);
        self.outputs()
    }

    /// The peer's response to our request number `number`.
    fn respond(&mut self, number: usize, status: u16, lines: &str, body: &str) -> Vec<String> {
        let mut response = self.requests[number].response(StatusCode::new(status).unwrap(), None);
        for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
            response.headers.push(name.parse_name(), value);
        }
        if !body.is_empty() {
            response.set_body("application/sdp", Bytes::from(body.to_owned()));
        }
        let key = self.sent[number];
        self.session.handle_response(self.now, &key, &response);
        self.outputs()
    }

    fn fail(&mut self, number: usize, cause: ClientFailure) -> Vec<String> {
        let key = self.sent[number];
        self.session.handle_client_failed(&key, cause);
        self.outputs()
    }

    /// Lets time pass, timer by timer; all outputs, each behind the milliseconds since the beginning of the wait.
    fn wait(&mut self, duration: Duration) -> Vec<String> {
        let begin = self.now;
        let mut lines = Vec::new();
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= begin + duration) {
            self.now = due.max(self.now);
            self.session.handle_timeout(self.now);
            let at = (self.now - begin).as_millis();
            lines.extend(self.outputs().into_iter().map(|line| format!("{at}: {line}")));
        }
        self.now = begin + duration;
        lines
    }

    fn wait_seconds(&mut self, seconds: u64) -> Vec<String> {
        self.wait(Duration::from_secs(seconds))
    }

    /// Everything the session wants done, as short lines.
    fn outputs(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.session.poll_output() {
            lines.push(match output {
                SessionOutput::Respond { response, .. } => {
                    let method = response.headers.cseq().unwrap().method;
                    let line = format!("{} {method}{}", response.status, body_of(&response.body));
                    self.responses.push(response);
                    line
                }
                SessionOutput::Request { request, token, .. } => {
                    let key = ClientKey::numbered(self.sent.len() as u64);
                    self.sent.push(key);
                    self.session.request_sent(token, key);
                    let line = format!("send {}{}", request.method, body_of(&request.body));
                    self.requests.push(request);
                    line
                }
                SessionOutput::Ack { .. } => "send ACK".to_owned(),
                SessionOutput::Event(event) => line_of(&event),
            });
        }
        lines
    }

    fn last_response(&self) -> &Response {
        self.responses.last().unwrap()
    }
}

fn body_of(body: &Bytes) -> String {
    if body.is_empty() { String::new() } else { format!(" ={}", String::from_utf8_lossy(body)) }
}

fn line_of(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Offer { body } => format!("Offer{}", body_of(body)),
        SessionEvent::Answer { body } => format!("Answer{}", body_of(body)),
        SessionEvent::OfferRefused { status } => format!("OfferRefused {status}"),
        SessionEvent::Info { content_type, body } => format!("Info {content_type}{}", body_of(body)),
        SessionEvent::Ended(SessionEnd::Bye { reason } | SessionEnd::Cancelled { reason })
            if reason.is_some() =>
        {
            format!("Ended for {}", reason.as_ref().unwrap())
        }
        SessionEvent::Ended(SessionEnd::Bye { .. }) => "Ended Bye".to_owned(),
        SessionEvent::Ended(SessionEnd::Cancelled { .. }) => "Ended Cancelled".to_owned(),
        SessionEvent::Ended(SessionEnd::Rejected(status)) => format!("Ended Rejected {status}"),
        SessionEvent::Ended(SessionEnd::PeerGone(status)) => format!("Ended PeerGone {status}"),
        SessionEvent::Ended(end) => format!("Ended {end:?}"),
        SessionEvent::OfferNeeded { refresh: true } => "OfferNeeded to refresh".to_owned(),
        SessionEvent::OfferNeeded { refresh: false } => "OfferNeeded".to_owned(),
        other => format!("{other:?}"),
    }
}

trait ParseName {
    fn parse_name(&self) -> HeaderName;
}

impl ParseName for str {
    fn parse_name(&self) -> HeaderName {
        HeaderName::parse(self).unwrap_or_else(|| panic!("header name {self}"))
    }
}
