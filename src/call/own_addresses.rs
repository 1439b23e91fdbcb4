//! Under which of our addresses a peer sees us, where a listener is bound to all of them.

use crate::worker::source_address;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Peers whose answer is remembered; when they are more, all are asked anew.
const REMEMBERED_PEERS: usize = 4096;

/// The addresses of one listener.
pub struct OwnAddresses {
    bound: SocketAddr,
    towards: HashMap<IpAddr, IpAddr>,
}

impl OwnAddresses {
    /// Of a listener bound to `bound`.
    pub fn new(bound: SocketAddr) -> OwnAddresses {
        OwnAddresses { bound, towards: HashMap::new() }
    }

    /// What a message to `peer` comes from; `None` where there is no way to it.
    pub fn towards(&mut self, peer: SocketAddr) -> Option<SocketAddr> {
        if !self.bound.ip().is_unspecified() {
            return Some(self.bound);
        }
        let ip = match self.towards.get(&peer.ip()) {
            Some(ip) => *ip,
            None => {
                let ip = source_address(peer).ok()?;
                if self.towards.len() == REMEMBERED_PEERS {
                    self.towards.clear();
                }
                self.towards.insert(peer.ip(), ip);
                ip
            }
        };
        Some(SocketAddr::new(ip, self.bound.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_listener_on_one_address_is_seen_under_it() {
        let mut addresses = OwnAddresses::new(address("192.0.2.1:5060"));
        assert_eq!(addresses.towards(address("127.0.0.1:9")), Some(address("192.0.2.1:5060")));
        assert!(addresses.towards.is_empty());
    }

    #[test]
    fn a_listener_on_all_addresses_is_seen_under_the_one_that_routing_chooses() {
        let mut addresses = OwnAddresses::new(address("0.0.0.0:5070"));
        assert_eq!(addresses.towards(address("127.0.0.1:9")), Some(address("127.0.0.1:5070")));
        assert_eq!(addresses.towards(address("127.0.0.1:10")), Some(address("127.0.0.1:5070")));
        assert_eq!(addresses.towards.len(), 1, "the port is nobody's business");
    }

    #[test]
    fn no_more_peers_are_remembered_than_the_bound() {
        let mut addresses = OwnAddresses::new(address("0.0.0.0:5070"));
        for number in 0..REMEMBERED_PEERS as u32 + 10 {
            let peer = IpAddr::V4((0x7f00_0001 + number).into());
            assert!(addresses.towards(SocketAddr::new(peer, 9)).is_some());
            assert!(addresses.towards.len() <= REMEMBERED_PEERS);
        }
        assert_eq!(addresses.towards.len(), 10);
    }
}
