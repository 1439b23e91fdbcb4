//! Those who are heard in a packet of ours: their sources (CSRC, RFC 3550 §5.1) and, where the peer takes them, their levels
//! (RFC 6465), in the same order.

use super::numbers::Ssrc;
use super::packet::{HEADER_LEN, ONE_BYTE_EXTENSIONS, TWO_BYTE_EXTENSIONS};

/// As many fit a header.
pub const MAX_CONTRIBUTORS: usize = 15;
/// Octets that they add to a header at most: the sources, the extension's head, an element's head, the levels, and what
/// fills the last word.
pub const MAX_LEN: usize = 4 * MAX_CONTRIBUTORS + 4 + (2 + MAX_CONTRIBUTORS).next_multiple_of(4);

/// How contributors are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Naming {
    /// The identifier of the extension with their levels, if the peer takes it.
    pub level_id: Option<u8>,
}

/// The contributors of the next packets.
#[derive(Debug, Clone)]
pub struct Contributors {
    naming: Naming,
    sources: [Ssrc; MAX_CONTRIBUTORS],
    /// In −dBov, 0 to 127.
    levels: [u8; MAX_CONTRIBUTORS],
    len: usize,
}

impl Contributors {
    /// Nobody yet.
    pub fn new(naming: Naming) -> Self {
        let (sources, levels) = ([Ssrc(0); MAX_CONTRIBUTORS], [127; MAX_CONTRIBUTORS]);
        Self { naming, sources, levels, len: 0 }
    }

    /// How they are named.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// Names nobody.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Names one more; beyond [`MAX_CONTRIBUTORS`] it is left out. The level is in −dBov, 0 to 127.
    pub fn push(&mut self, source: Ssrc, minus_dbov: u8) {
        if self.len < MAX_CONTRIBUTORS {
            (self.sources[self.len], self.levels[self.len]) = (source, minus_dbov & 0x7F);
            self.len += 1;
        }
    }

    /// Octets that they add to a header.
    pub fn extra_len(&self) -> usize {
        let extension = self.naming.level_id.filter(|_| self.len > 0);
        let extension_len = extension.map_or(0, |id| 4 + (head_len(id) + self.len).next_multiple_of(4));
        4 * self.len + extension_len
    }

    /// Completes the fixed header that is written at the beginning of `out`.
    pub fn write(&self, out: &mut [u8]) {
        out[0] |= self.len as u8;
        let (sources, rest) = out[HEADER_LEN..HEADER_LEN + self.extra_len()].split_at_mut(4 * self.len);
        for (place, source) in sources.as_chunks_mut::<4>().0.iter_mut().zip(&self.sources) {
            *place = source.0.to_be_bytes();
        }
        let Some((id, (head, body))) = self.naming.level_id.zip(rest.split_at_mut_checked(4)) else { return };
        out_extension(id, head, body, &self.levels[..self.len]);
        out[0] |= 1 << 4;
    }
}

/// RFC 8285 §4.2 and §4.3: identifiers above 14 are in two-byte headers alone.
fn head_len(id: u8) -> usize {
    if id <= 14 { 1 } else { 2 }
}

fn out_extension(id: u8, head: &mut [u8], body: &mut [u8], levels: &[u8]) {
    let words = (body.len() / 4) as u16;
    let (profile, element) = match head_len(id) {
        1 => (ONE_BYTE_EXTENSIONS, [id << 4 | (levels.len() - 1) as u8, 0]),
        _ => (TWO_BYTE_EXTENSIONS, [id, levels.len() as u8]),
    };
    head[..2].copy_from_slice(&profile.to_be_bytes());
    head[2..].copy_from_slice(&words.to_be_bytes());
    let (element_head, rest) = body.split_at_mut(head_len(id));
    element_head.copy_from_slice(&element[..head_len(id)]);
    let (values, padding) = rest.split_at_mut(levels.len());
    values.copy_from_slice(levels);
    padding.fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::packet::Packet;
    use crate::rtp::{Header, SequenceNumber, Timestamp};

    const HEADER: Header = Header {
        sequence: SequenceNumber(7),
        timestamp: Timestamp(8),
        ssrc: Ssrc(9),
        marker: true,
        payload_type: 96,
    };

    /// A packet of 3 octets with so many contributors.
    fn packet(naming: Naming, len: usize) -> Vec<u8> {
        let mut contributors = Contributors::new(naming);
        (0..len).for_each(|at| contributors.push(Ssrc(100 + at as u32), at as u8));
        let mut out = vec![0xAA; HEADER_LEN + contributors.extra_len()];
        HEADER.write(&mut out);
        contributors.write(&mut out);
        out.extend([1, 2, 3]);
        out
    }

    #[test]
    fn sources_and_levels_are_read_back_in_one_order() {
        for level_id in [None, Some(1), Some(14), Some(16), Some(255)] {
            for len in 0..=16 {
                let octets = packet(Naming { level_id }, len);
                let read = Packet::parse(&octets).unwrap();
                let named = len.min(MAX_CONTRIBUTORS) as u32;
                assert_eq!(read.header, HEADER);
                assert_eq!(read.payload, [1, 2, 3]);
                assert!(read.contributors().eq((0..named).map(|at| Ssrc(100 + at))), "{level_id:?} {len}");
                let levels = level_id.zip(read.extension).and_then(|(id, extension)| extension.element(id));
                let expected: Vec<u8> = (0..named as u8).collect();
                assert_eq!(levels, level_id.filter(|_| len > 0).map(|_| &expected[..]), "{level_id:?} {len}");
                assert!(octets.len() <= HEADER_LEN + MAX_LEN + 3);
            }
        }
    }

    #[test]
    fn nobody_is_named_after_all_are_cleared() {
        let mut contributors = Contributors::new(Naming { level_id: Some(2) });
        contributors.push(Ssrc(1), 255);
        assert_eq!(contributors.extra_len(), 12);
        contributors.clear();
        assert_eq!(contributors.extra_len(), 0);
    }
}
