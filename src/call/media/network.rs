//! A leg's way to and from the network: its two sockets, and what comes on them sorted.

use super::peer_level::PeerLevel;
use crate::rtp::latch::PayloadTypes;
use crate::rtp::{Incoming, Latch};
use crate::sdp::{Agreed, CLIENT_LEVEL, Direction};
use crate::worker::MediaSocket;
use std::rc::Rc;

/// Sockets, and what is kept of the peer's packets before the jitter buffer.
pub struct Network {
    /// RTP, and RTCP where it is multiplexed (RFC 5761).
    pub rtp: Rc<MediaSocket>,
    rtcp: Rc<MediaSocket>,
    /// Whose packets are taken, where ours go, and what was counted.
    pub incoming: Incoming,
    /// How loud the peer says it is.
    pub peer_level: PeerLevel,
    multiplexed: bool,
}

impl Network {
    /// Sends to what was agreed until a source is learned.
    pub fn new(rtp: Rc<MediaSocket>, rtcp: Rc<MediaSocket>, roaming: bool, agreed: &Agreed) -> Network {
        let latch = Latch::new(agreed.remote_rtp, roaming);
        let incoming = Incoming::new(latch, PayloadTypes::default(), agreed.codec.clock_rate);
        let mut network =
            Network { rtp, rtcp, incoming, peer_level: PeerLevel::default(), multiplexed: false };
        network.change(agreed);
        network
    }

    /// Signalling has named addresses and payload types.
    pub fn change(&mut self, agreed: &Agreed) {
        self.multiplexed = agreed.rtcp_mux;
        let latch = self.incoming.latch_mut();
        latch.signalled(agreed.remote_rtp);
        latch.signalled_rtcp(if agreed.rtcp_mux { agreed.remote_rtp } else { agreed.remote_rtcp });
        let audio = agreed.receive.iter().map(|codec| codec.receive_payload_type);
        let events = agreed.receive_telephone_events.iter().map(|event| event.receive_payload_type);
        let noise = agreed.comfort_noise.iter().map(|noise| noise.receive_payload_type);
        let clock_rate = agreed.receive.first().map_or(agreed.codec.clock_rate, |codec| codec.clock_rate);
        let redundancy = agreed.redundancy.receive_payload_types.iter().copied();
        let payload_types = audio.chain(events).chain(noise).chain(redundancy).collect();
        self.incoming.set_negotiated(payload_types, clock_rate);
        let level = agreed.extension(CLIENT_LEVEL, Direction::receives);
        self.peer_level.agree(level.map(|it| (it.id, it.vad != Some(false))), clock_rate);
    }

    /// The socket on which RTCP comes besides that of RTP, if there is one.
    pub fn separate_rtcp(&self) -> Option<&Rc<MediaSocket>> {
        (!self.multiplexed).then_some(&self.rtcp)
    }

    /// Gives the learned source the short way through the kernel; where that is refused all goes on without.
    pub fn favour_learned(&self) {
        if let Some(source) = self.incoming.latch().learned()
            && let Err(error) = self.rtp.favour(source)
        {
            log::debug!("no socket of its own for {source}: {error}");
        }
    }

    /// Sends a packet to the peer; nothing is sent while no address is known.
    pub fn send(&self, packet: &[u8]) {
        if let Some(peer) = self.incoming.latch().destination() {
            self.rtp.send(packet, peer); // a failure is counted by the socket
        }
    }

    /// Sends a report to the peer.
    pub fn send_report(&self, report: &[u8]) {
        let socket = self.separate_rtcp().unwrap_or(&self.rtp);
        if let Some(peer) = self.incoming.latch().rtcp_destination() {
            socket.send(report, peer);
        }
    }
}
