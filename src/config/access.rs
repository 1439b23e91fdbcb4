//! Who may send SIP to a listener, and whose word on the caller's identity counts.

use std::net::IpAddr;

use ipnet::IpNet;

use super::sections::SipSettings;
use super::value::Listener;

/// The source addresses that a listener admits; nobody else gets an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessList {
    loopback: bool,
    networks: Vec<IpNet>,
}

impl AccessList {
    /// Whether a message from this source address is looked at.
    pub fn admits(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        (self.loopback && source.is_loopback())
            || self.networks.iter().any(|network| network.contains(&source))
    }

    /// Whether nobody at all is admitted.
    pub fn is_empty(&self) -> bool {
        !self.loopback && self.networks.is_empty()
    }
}

impl SipSettings {
    /// Who may send to this listener: loopback where it stands on loopback, and what `allow` says.
    pub fn access_list(&self, listener: &Listener) -> AccessList {
        let concerns = |allowed: Option<_>| allowed.is_none_or(|address| address == listener.address);
        AccessList {
            loopback: listener.address.ip().to_canonical().is_loopback(),
            networks: self.allow.iter().filter(|it| concerns(it.listener)).map(|it| it.network).collect(),
        }
    }

    /// Whether the P-Asserted-Identity of a message from this source names the caller (RFC 3325).
    pub fn trusts(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.trusted.iter().any(|network| network.contains(&source))
    }
}
