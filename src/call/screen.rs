//! What is looked at before anything is kept of a message: its source, and whether the number exists.
//!
//! Strangers and callers of unknown numbers are answered without a transaction (RFC 3261 §8.2.7) at a limited rate, so that
//! scanning costs them more than us; beyond the rate they hear nothing.

use crate::call::admission::Refused;
use crate::call::endpoint::Endpoint;
use crate::config::Config;
use crate::sip::transaction::{Hop, Timers};
use crate::sip::uas::{Uas, UasRules};
use crate::sip::{HeaderName, Method, Request, Response, StatusCode};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many requests are remembered to find merged ones (RFC 3261 §8.2.2.2).
const MERGED_BOUND: usize = 65536;

/// What becomes of a message.
pub(super) enum Verdict {
    /// It is looked at.
    Pass,
    /// It is answered and forgotten.
    Answer(Box<Response>),
    /// It is forgotten.
    Drop,
}

impl Endpoint {
    pub(super) fn screen_request(&self, hop: &Hop, request: &Request) -> Verdict {
        let status = if !self.transports.admits(hop) {
            self.counters.strangers.add(1);
            self.log_refusal(hop.remote, request, "the source may not call (allow)");
            StatusCode::FORBIDDEN
        } else if self.is_unknown_number(request) {
            self.counters.unknown_numbers.add(1);
            self.log_refusal(hop.remote, request, Refused::NoRoute);
            StatusCode::NOT_FOUND
        } else {
            return Verdict::Pass;
        };
        if !self.admission.borrow_mut().unknown.admits(self.worker.now()) {
            return Verdict::Drop;
        }
        let mut response = request.response(status, Some(&stateless_tag(request)));
        response.headers.push(HeaderName::Server, self.config.sip.user_agent.as_str());
        Verdict::Answer(Box::new(response))
    }

    /// An INVITE for a number without a route. Whether it is sound otherwise is not asked: it would be refused anyway.
    fn is_unknown_number(&self, request: &Request) -> bool {
        let outside_dialog = request.headers.to().is_ok_and(|to| to.tag().is_none());
        request.method == Method::Invite
            && outside_dialog
            && request.uri.scheme == crate::sip::Scheme::Sip
            && self.routes.borrow().find(&request.uri.user_decoded().unwrap_or_default()).is_none()
    }
}

/// The same tag for each copy of a request, as a stateless UAS must give (RFC 3261 §8.2.7).
fn stateless_tag(request: &Request) -> String {
    let mut hasher = DefaultHasher::new();
    for name in [HeaderName::CallId, HeaderName::From, HeaderName::CSeq] {
        request.headers.get(name).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// The timers of the transactions.
pub(super) fn timers(config: &Config) -> Timers {
    Timers { t1: config.timer.t1, t2: config.timer.t2, t4: config.timer.t4, ..Timers::default() }
}

/// The rules of the UAS.
pub(super) fn uas(config: &Config) -> Uas {
    Uas::new(UasRules::default(), MERGED_BOUND, config.timer.t1 * 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::testing::{endpoint, hop, request};
    use crate::sip::Transport;
    use crate::worker::DatagramSocket;
    use crate::worker::testing::on_worker;
    use std::rc::Rc;

    fn status(verdict: &Verdict) -> u16 {
        match verdict {
            Verdict::Pass => 0,
            Verdict::Answer(response) => response.status.code(),
            Verdict::Drop => 1,
        }
    }

    #[test]
    fn only_an_invite_for_a_number_without_a_route_is_answered_404() {
        on_worker(|worker| {
            let endpoint = endpoint(worker, |_| {});
            let hop = hop(Transport::Tcp, "127.0.0.1:5070", 1 << 32);
            let mut within = request("INVITE", "sip:nobody@127.0.0.1", &[]);
            within.headers.set(HeaderName::To, "<sip:nobody@127.0.0.1>;tag=ours");
            for (request, expected) in [
                (request("INVITE", "sip:room-1@127.0.0.1", &[]), 0),
                (request("INVITE", "sip:%72oom-1@127.0.0.1", &[]), 0),
                (request("INVITE", "sip:nobody@127.0.0.1", &[]), 404),
                (request("INVITE", "sip:127.0.0.1", &[]), 404),
                (request("OPTIONS", "sip:nobody@127.0.0.1", &[]), 0),
                (request("INVITE", "tel:+1201", &[]), 0), // 416 is not the screen's
                (within, 0),
            ] {
                let verdict = endpoint.screen_request(&hop, &request);
                assert_eq!(status(&verdict), expected, "{} {}", request.method, request.uri);
            }
            assert_eq!(endpoint.counters.unknown_numbers.count(), 2);
        });
    }

    #[test]
    fn a_stranger_is_answered_403_whatever_it_asks() {
        on_worker(|worker| {
            let endpoint = endpoint(worker, |_| {});
            let listener = endpoint.config.sip.listeners[0];
            let local = "127.0.0.1:0".parse().unwrap();
            let socket = DatagramSocket::bind(worker, local, &Default::default()).unwrap();
            let access = endpoint.config.sip.access_list(&listener);
            endpoint.transports.add_datagrams(Rc::new(access), Rc::new(socket));
            let invite = request("INVITE", "sip:room-1@127.0.0.1", &[]);
            let verdict_on = |remote| endpoint.screen_request(&hop(Transport::Udp, remote, 0), &invite);
            assert_eq!(status(&verdict_on("127.0.0.9:5060")), 0);
            assert_eq!(status(&verdict_on("192.0.2.9:5060")), 403);
            assert_eq!(endpoint.counters.strangers.count(), 1);
        });
    }

    #[test]
    fn scanners_hear_nothing_beyond_the_rate_and_are_counted() {
        on_worker(|worker| {
            let endpoint = endpoint(worker, |config| config.limit.unknown_number_rate = 5);
            let hop = hop(Transport::Tcp, "127.0.0.1:5070", 1 << 32);
            let unknown = request("INVITE", "sip:nobody@127.0.0.1", &[]);
            let verdicts: Vec<u16> =
                (0..8).map(|_| status(&endpoint.screen_request(&hop, &unknown))).collect();
            assert_eq!(verdicts, [404, 404, 404, 404, 404, 1, 1, 1]);
            assert_eq!(endpoint.counters.unknown_numbers.count(), 8);
            let known = request("INVITE", "sip:echo@127.0.0.1", &[]);
            assert_eq!(status(&endpoint.screen_request(&hop, &known)), 0, "others are not affected");
        });
    }

    #[test]
    fn each_copy_of_a_request_gets_the_same_tag_and_another_request_another() {
        let first = request("INVITE", "sip:nobody@127.0.0.1", &[]);
        let second = request("OPTIONS", "sip:nobody@127.0.0.1", &[]);
        assert_eq!(stateless_tag(&first), stateless_tag(&first.clone()));
        assert_ne!(stateless_tag(&first), stateless_tag(&second));
    }
}
