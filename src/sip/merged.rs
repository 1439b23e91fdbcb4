//! Finds merged requests: one request that a forking proxy brings here by two ways (RFC 3261 §8.2.2.2).
//!
//! Driven by [`Uas`](super::uas::Uas) for requests outside a dialog. Retransmissions never come this far, so a request
//! whose From tag, Call-ID and CSeq are known came by another way.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::{CSeq, Request};

/// The requests of late, at most a fixed number of them.
#[derive(Debug)]
pub struct MergedRequests {
    bound: usize,
    keep: Duration,
    known: HashSet<Identity>,
    by_age: VecDeque<(Instant, Identity)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    from_tag: Box<str>,
    call_id: Box<str>,
    cseq: CSeq,
}

impl MergedRequests {
    /// Remembers at most `bound` requests, each for `keep`: 64 * T1, the time its copies may take.
    pub fn new(bound: usize, keep: Duration) -> MergedRequests {
        assert!(bound > 0, "a table without room finds nothing");
        MergedRequests { bound, keep, known: HashSet::new(), by_age: VecDeque::new() }
    }

    /// Whether `request` is a copy of one already taken; if not it is remembered. One without From tag (RFC 2543) or
    /// with unreadable headers is never a copy.
    pub fn is_copy(&mut self, now: Instant, request: &Request) -> bool {
        self.forget_old(now);
        let Some(identity) = Identity::of(request) else { return false };
        if !self.known.insert(identity.clone()) {
            return true;
        }
        if self.by_age.len() == self.bound {
            self.forget_oldest();
        }
        self.by_age.push_back((now + self.keep, identity));
        false
    }

    /// How many requests are remembered.
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    fn forget_old(&mut self, now: Instant) {
        while self.by_age.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, identity)) = self.by_age.pop_front() {
            self.known.remove(&identity);
        }
    }
}

impl Identity {
    fn of(request: &Request) -> Option<Identity> {
        Some(Identity {
            from_tag: request.headers.from().ok()?.tag()?.into(),
            call_id: request.headers.call_id().ok()?.into(),
            cseq: request.headers.cseq().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{HeaderName, Headers, Method, Uri};
    use bytes::Bytes;

    fn invite(call: u32) -> Request {
        let mut headers = Headers::new();
        headers.push(HeaderName::From, "<sip:a@example.com>;tag=1");
        headers.push(HeaderName::CallId, format!("{call}@example.com"));
        headers.push(HeaderName::CSeq, "1 INVITE");
        Request {
            method: Method::Invite,
            uri: Uri::parse("sip:b@example.com").unwrap(),
            headers,
            body: Bytes::new(),
        }
    }

    #[test]
    fn the_second_way_of_a_request_is_a_copy_until_it_is_forgotten() {
        let now = Instant::now();
        let mut merged = MergedRequests::new(10, Duration::from_secs(32));
        assert!(!merged.is_copy(now, &invite(1)));
        assert!(merged.is_copy(now + Duration::from_secs(31), &invite(1)));
        assert!(!merged.is_copy(now, &invite(2)));
        assert!(!merged.is_copy(now + Duration::from_secs(32), &invite(1)));
        assert_eq!(merged.len(), 1);
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let now = Instant::now();
        let mut merged = MergedRequests::new(3, Duration::from_secs(32));
        for call in 0..100 {
            assert!(!merged.is_copy(now, &invite(call)));
        }
        assert_eq!((merged.len(), merged.known.len()), (3, 3));
        assert!(merged.is_copy(now, &invite(99)));
        assert!(!merged.is_copy(now, &invite(0)));
    }
}
