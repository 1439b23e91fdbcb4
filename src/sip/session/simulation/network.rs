//! A network that loses, doubles and reorders datagrams by a seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::random::Random;
use crate::sip::Transport;
use crate::sip::transaction::{FlowId, Hop};

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Leg,
    Peer,
}

pub(super) fn leg_address() -> SocketAddr {
    "192.0.2.1:5060".parse().unwrap()
}

pub(super) fn peer_address() -> SocketAddr {
    "192.0.2.2:5070".parse().unwrap()
}

pub(super) fn hop_to_leg(reliable: bool) -> Hop {
    let transport = if reliable { Transport::Tcp } else { Transport::Udp };
    Hop { transport, local: peer_address(), remote: leg_address(), flow: FlowId(0) }
}

pub(super) struct Network {
    random: Random,
    lost_percent: u32,
    doubled_percent: u32,
    reliable: bool,
    under_way: BTreeMap<(Instant, u64), (End, Hop, Bytes)>,
    sent: u64,
}

impl Network {
    pub(super) fn new(random: &mut Random) -> Network {
        let reliable = random.below(5) == 0;
        Network {
            lost_percent: if reliable { 0 } else { [0, 0, 5, 30][random.below(4) as usize] },
            doubled_percent: if reliable { 0 } else { [0, 10][random.below(2) as usize] },
            reliable,
            under_way: BTreeMap::new(),
            sent: 0,
            random: *random,
        }
    }

    pub(super) fn is_reliable(&self) -> bool {
        self.reliable
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn send(&mut self, now: Instant, hop: Hop, bytes: Bytes) {
        self.sent += 1;
        let end = if hop.remote == leg_address() { End::Leg } else { End::Peer };
        assert!(hop.remote == leg_address() || hop.remote == peer_address(), "sent to {}", hop.remote);
        let copies = match () {
            () if self.random.below(100) < self.lost_percent => 0,
            () if self.random.below(100) < self.doubled_percent => 2,
            () => 1,
        };
        for copy in 0..copies {
            // A stream keeps its order.
            let millis = if self.reliable { 20 } else { 5 + self.random.below(60) };
            let at = now + Duration::from_millis(u64::from(millis));
            let arriving = Hop { local: hop.remote, remote: hop.local, ..hop };
            self.under_way.insert((at, self.sent * 2 + copy), (end, arriving, bytes.clone()));
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn take_arrived(&mut self, now: Instant) -> Option<(End, Hop, Bytes)> {
        self.next_due().filter(|at| *at <= now)?;
        self.under_way.pop_first().map(|(_, arrived)| arrived)
    }
}
