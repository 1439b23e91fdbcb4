//! What a datagram on a media port is, by its first octets (RFC 5761 §4, RFC 7983 §7).
//!
//! Media, RTCP (multiplexed or not) and what other protocols may send to the same port look different in
//! their first two octets. Nothing is parsed here; the media lap hands each kind to its reader.

/// The protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RTP (RFC 3550).
    Rtp,
    /// RTCP, also with a packet type we do not know.
    Rtcp,
    /// STUN (RFC 8489), as a keep-alive or a connectivity check.
    Stun,
    /// DTLS (RFC 6347).
    Dtls,
    /// Anything else: empty or CRLF keep-alives (RFC 6263), ZRTP, TURN channels, noise.
    Other,
}

/// Tells the kind of a datagram; the counters are the caller's, see [`DatagramCounters`].
pub fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        // RFC 5761 §4: packet types 192 to 223 are RTCP, which forbids RTP the payload types 64 to 95.
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// Datagrams that came to a leg's media ports, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatagramCounters {
    /// [`Kind::Rtp`], well-formed or not.
    pub rtp: u64,
    /// [`Kind::Rtcp`], well-formed or not.
    pub rtcp: u64,
    /// [`Kind::Stun`], dropped.
    pub stun: u64,
    /// [`Kind::Dtls`], dropped.
    pub dtls: u64,
    /// [`Kind::Other`], dropped.
    pub other: u64,
}

impl DatagramCounters {
    /// Counts one.
    pub fn count(&mut self, kind: Kind) {
        let counter = match kind {
            Kind::Rtp => &mut self.rtp,
            Kind::Rtcp => &mut self.rtcp,
            Kind::Stun => &mut self.stun,
            Kind::Dtls => &mut self.dtls,
            Kind::Other => &mut self.other,
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_octet_and_packet_type_has_its_kind() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let expected = match first {
                    0..=3 => Kind::Stun,
                    20..=63 => Kind::Dtls,
                    128..=191 if (192..=223).contains(&second) => Kind::Rtcp,
                    128..=191 => Kind::Rtp,
                    _ => Kind::Other,
                };
                assert_eq!(classify(&[first, second, 0, 0]), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_marked_packet_of_a_dynamic_payload_type_is_rtp() {
        assert_eq!(classify(&[0x80, 0x80 | 96]), Kind::Rtp);
        assert_eq!(classify(&[0x80, 0x80 | 127]), Kind::Rtp);
        assert_eq!(classify(&[0x80, 200]), Kind::Rtcp);
        assert_eq!(classify(&[0x81, 201]), Kind::Rtcp);
    }

    #[test]
    fn keep_alives_are_other_and_counted() {
        let mut counters = DatagramCounters::default();
        for datagram in [&b""[..], b"\r\n", b"\r\n\r\n", &[0x80]] {
            counters.count(classify(datagram));
        }
        counters.count(classify(&[0, 1, 0, 0]));
        assert_eq!(counters, DatagramCounters { other: 4, stun: 1, ..DatagramCounters::default() });
    }
}
