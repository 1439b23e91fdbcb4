//! How an INVITE becomes a leg: admission, session, name, coroutine.

use crate::call::admission::Refused;
use crate::call::endpoint::Endpoint;
use crate::call::leg::{Ending, Leg, LegId, LegMessage};
use crate::config::{Found, Refresher as ConfiguredRefresher};
use crate::sip::session::{LocalIdentity, Session, SessionSettings};
use crate::sip::transaction::{Hop, ServerKey};
use crate::sip::{NameAddr, Params, Refresher, Request, Transport, Uri};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

/// Messages that may wait for a leg: far more than a peer that keeps to the rules has under way.
const INBOX_BOUND: usize = 64;
/// The longest name of a participant, in characters.
const MAX_NAME_CHARS: usize = 64;

impl Endpoint {
    /// Makes a leg of a call and starts its story; or says why not, with nothing kept.
    pub(super) fn call(
        self: &Rc<Self>,
        key: ServerKey,
        hop: Hop,
        invite: &Request,
        tag: String,
    ) -> Result<(), Refused> {
        let user = invite.uri.user_decoded().unwrap_or_default();
        let found = self.routes.borrow().find(&user).ok_or(Refused::NoRoute)?;
        self.admission.borrow_mut().admit(&self.worker, self.registry.len())?;
        let local = self.identity(&hop, &user, tag);
        let random = self.worker.random_u64();
        let settings = self.session_settings();
        match Session::new(self.worker.now(), key, hop, invite, local, settings, random) {
            Ok(session) => self.begin(key, hop, invite, found, session),
            Err(response) => {
                self.respond(&key, *response);
                Ok(())
            }
        }
    }

    fn begin(
        self: &Rc<Self>,
        key: ServerKey,
        hop: Hop,
        invite: &Request,
        found: Found,
        session: Session,
    ) -> Result<(), Refused> {
        let id = LegId(self.next_leg());
        let inbox = self.worker.inbox::<LegMessage>(INBOX_BOUND);
        let registration = self.registry.enter(id.0, (inbox.0.clone(), hop.flow), session.id().clone(), key);
        let leg = Leg {
            id,
            endpoint: Rc::clone(self),
            name: self.name_of(&hop, invite, session.caller()),
            found,
            hop,
            session,
            negotiation: None,
            ports: None,
            media: None,
            description: None::<Bytes>,
            inbox,
            registration,
            noted: VecDeque::new(),
            ending: Ending::default(),
            ends_at: None,
        };
        log::info!(leg = id.0, call_id = leg.call_id(); "call from {} to {}", leg.name, invite.uri);
        let story = self.story;
        // A leg that cannot be spawned is dropped here with its registration; the caller answers 503.
        self.worker.spawn("leg", move || leg.live(story)).map_err(|_| Refused::Coroutines)?;
        self.counters.legs.add(1);
        Ok(())
    }

    fn identity(&self, hop: &Hop, user: &str, tag: String) -> LocalIdentity {
        let address = self.seen_by_peer(hop);
        let mut contact =
            Uri::sip((!user.is_empty()).then_some(user), address.ip().into(), Some(address.port()));
        if hop.transport != Transport::Udp {
            contact.params = Params::new().with("transport", Some("tcp"));
        }
        LocalIdentity { tag, contact, user_agent: Some(self.config.sip.user_agent.clone()) }
    }

    /// Our SIP address as the peer is to use it.
    pub(super) fn seen_by_peer(&self, hop: &Hop) -> SocketAddr {
        let address = self.config.sip.advertise.unwrap_or(hop.local.ip());
        SocketAddr::new(address, hop.local.port())
    }

    fn session_settings(&self) -> SessionSettings {
        let timer = &self.config.timer;
        SessionSettings {
            timers: super::screen::timers(&self.config),
            session_expires_seconds: timer.session_expires.map(|interval| interval.as_secs() as u32),
            min_se_seconds: timer.min_se.as_secs() as u32,
            refresher: match timer.session_refresher {
                ConfiguredRefresher::Caller => Refresher::Uac,
                ConfiguredRefresher::Ours => Refresher::Uas,
            },
            ..SessionSettings::default()
        }
    }

    /// What the caller is called: of a trusted peer P-Asserted-Identity (RFC 3325), else From.
    fn name_of(&self, hop: &Hop, invite: &Request, from: &NameAddr) -> String {
        let asserted = match self.config.sip.trusts(hop.remote.ip()) {
            true => invite.headers.p_asserted_identity().ok().and_then(|list| list.into_iter().next()),
            false => None,
        };
        let identity = asserted.as_ref().unwrap_or(from);
        let name = match (&identity.display_name, identity.uri.user_decoded()) {
            (Some(name), _) if !name.trim().is_empty() => name.to_string(),
            (_, Some(user)) => user.into_owned(),
            _ => identity.uri.host.to_string(),
        };
        name.chars().filter(|character| !character.is_control()).take(MAX_NAME_CHARS).collect()
    }

    /// What we can do where an INVITE would go, as the body of an answer to OPTIONS (RFC 3261 §11.2); port 0, since it
    /// reserves nothing.
    pub(super) fn capabilities(&self, hop: &Hop, options: &Request) -> Bytes {
        let user = options.uri.user_decoded().unwrap_or_default();
        let found = self.routes.borrow().find(&user);
        let of_route = found.as_ref().and_then(|found| found.route.codecs.as_ref());
        let codecs = of_route.unwrap_or(&self.config.codec.codecs);
        let local = super::setup::local_media(&self.config, codecs, self.seen_by_peer(hop).ip(), 0);
        crate::sdp::Negotiation::new(0, local).offer()
    }
}

#[cfg(test)]
mod tests {
    use crate::call::testing::{endpoint, hop, request};
    use crate::sip::Transport;
    use crate::worker::testing::on_worker;

    /// The name of a caller with this From, and with this P-Asserted-Identity of a trusted peer or of another.
    fn name(from: &'static str, asserted: Option<&'static str>, trusted: bool) -> String {
        on_worker(move |worker| {
            let endpoint = endpoint(worker, |config| {
                if trusted {
                    config.sip.trusted.push("192.0.2.0/24".parse().unwrap());
                }
            });
            let from = format!("From: {from};tag=theirs");
            let asserted = asserted.map(|identity| format!("P-Asserted-Identity: {identity}"));
            let lines: Vec<&str> =
                [Some(&from), asserted.as_ref()].into_iter().flatten().map(|it| &**it).collect();
            let invite = request("INVITE", "sip:room-1@127.0.0.1", &lines);
            let caller = invite.headers.from().unwrap();
            endpoint.name_of(&hop(Transport::Udp, "192.0.2.7:5060", 0), &invite, &caller)
        })
    }

    #[test]
    fn a_caller_is_called_by_display_name_else_user_else_host() {
        assert_eq!(name("\"Ann B.\" <sip:ann@example.com>", None, false), "Ann B.");
        assert_eq!(name("\" \" <sip:ann@example.com>", None, false), "ann");
        assert_eq!(name("<sip:an%6e@example.com>", None, false), "ann");
        assert_eq!(name("<sip:example.com>", None, false), "example.com");
    }

    #[test]
    fn an_asserted_identity_counts_of_trusted_peers_alone() {
        let asserted = Some("\"Real Name\" <sip:real@example.com>, <tel:+1201>");
        assert_eq!(name("\"Any Name\" <sip:a@b>", asserted, true), "Real Name");
        assert_eq!(name("\"Any Name\" <sip:a@b>", asserted, false), "Any Name");
        assert_eq!(name("\"Any Name\" <sip:a@b>", None, true), "Any Name");
        assert_eq!(name("\"Any Name\" <sip:a@b>", Some("<sip:@>"), true), "Any Name", "an unreadable one");
    }

    #[test]
    fn control_characters_are_left_out_of_a_name() {
        assert_eq!(name("\"A\\\u{1b}[31mnn\u{85}\" <sip:a@b>", None, false), "A[31mnn");
        assert_eq!(name("<sip:a%0d%0ab%00@b>", None, false), "ab");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long: &'static str = Box::leak(format!("\"{}\" <sip:a@b>", "é".repeat(100)).into_boxed_str());
        assert_eq!(name(long, None, false), "é".repeat(super::MAX_NAME_CHARS));
    }

    #[test]
    fn options_of_a_number_are_answered_with_the_codecs_that_a_call_to_it_has() {
        let file = std::env::temp_dir().join(format!("antiphon-options-{}.toml", std::process::id()));
        let route = "[[route]]\nmatch = \"wide\"\necho = true\ncodecs = [\"g722\"]\n[[route]]\nmatch = \".*\"\necho = true\n";
        std::fs::write(&file, route).unwrap();
        let routes = crate::config::reload_routes(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let media = on_worker(move |worker| {
            let endpoint = endpoint(worker, |config| config.routes = routes);
            ["wide", "other"].map(|user| {
                let options = request("OPTIONS", &format!("sip:{user}@127.0.0.1"), &[]);
                let body = endpoint.capabilities(&hop(Transport::Udp, "192.0.2.7:5060", 0), &options);
                let text = String::from_utf8(body.to_vec()).unwrap();
                text.lines().find(|line| line.starts_with("m=")).unwrap().to_owned()
            })
        });
        assert!(media[0].starts_with("m=audio 0 RTP/AVP 9 "), "{media:?}");
        assert!(media[1].starts_with("m=audio 0 RTP/AVP 96 9 0 8 "), "{media:?}");
    }
}
