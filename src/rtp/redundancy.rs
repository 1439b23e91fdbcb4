//! Redundant audio (RFC 2198): a packet that carries copies of the payloads before its own.
//!
//! [`Redundant`] reads one: the primary, and the copies with how far back they belong. [`Packer`] writes: it keeps what
//! was sent last and puts it in front of what is sent now. Neither allocates, but for the first payloads of a stream.

use super::numbers::Timestamp;

/// More blocks than this are nobody's redundancy; a packet that has them is malformed.
pub const MAX_BLOCKS: usize = 32;
/// The most copies that a [`Packer`] puts into a packet.
pub const MAX_COPIES: usize = 2;
/// The largest payload with copies: it passes an Ethernet with IPv6, UDP, RTP and SRTP around it.
pub const MAX_PAYLOAD_BYTES: usize = 1400;
/// Octets of a copy's header, and of the primary's (RFC 2198 §3).
const COPY_HEADER_LEN: usize = 4;
const PRIMARY_HEADER_LEN: usize = 1;
/// In the first octet of a header: another one follows.
const FOLLOWED: u8 = 0x80;
/// The length has 10 bits, the timestamp offset 14.
const MAX_COPY_BYTES: usize = (1 << 10) - 1;
const MAX_OFFSET_UNITS: u32 = (1 << 14) - 1;

/// Why a payload is no redundant audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedundancyError {
    /// It ends within the headers.
    Headers,
    /// It ends within a copy.
    Copies,
    /// It has more than [`MAX_BLOCKS`].
    TooMany,
}

/// An earlier payload that came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// What is in the payload.
    pub payload_type: u8,
    /// By how much its timestamp is before that of the packet it came in.
    pub offset_units: u32,
    /// The payload; may be empty.
    pub payload: &'a [u8],
}

/// The payload of a packet of redundant audio, every length in it checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundant<'a> {
    /// Format of the primary.
    pub payload_type: u8,
    /// What the packet would carry without redundancy; may be empty.
    pub primary: &'a [u8],
    copies: Copies<'a>,
}

/// The copies of a packet in its order, which is oldest first (RFC 2198 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copies<'a> {
    headers: &'a [u8],
    payloads: &'a [u8],
}

impl<'a> Redundant<'a> {
    /// Reads a payload of the negotiated type.
    pub fn parse(payload: &'a [u8]) -> Result<Redundant<'a>, RedundancyError> {
        let (mut headers_len, mut copies_len) = (0, 0);
        loop {
            let rest = payload.get(headers_len..).unwrap_or_default();
            let first = *rest.first().ok_or(RedundancyError::Headers)?;
            if first & FOLLOWED == 0 {
                break;
            }
            let header = rest.first_chunk::<COPY_HEADER_LEN>().ok_or(RedundancyError::Headers)?;
            copies_len += payload_len(header);
            headers_len += COPY_HEADER_LEN;
            if headers_len == MAX_BLOCKS * COPY_HEADER_LEN {
                return Err(RedundancyError::TooMany);
            }
        }
        let (headers, rest) = payload.split_at(headers_len);
        let (primary_header, rest) = rest.split_at(PRIMARY_HEADER_LEN);
        let (payloads, primary) = rest.split_at_checked(copies_len).ok_or(RedundancyError::Copies)?;
        let copies = Copies { headers, payloads };
        Ok(Redundant { payload_type: primary_header[0], primary, copies })
    }

    /// What came again.
    pub fn copies(&self) -> Copies<'a> {
        self.copies
    }
}

impl<'a> Iterator for Copies<'a> {
    type Item = Earlier<'a>;

    fn next(&mut self) -> Option<Earlier<'a>> {
        let (header, headers) = self.headers.split_first_chunk::<COPY_HEADER_LEN>()?;
        let (payload, payloads) = self.payloads.split_at_checked(payload_len(header))?;
        *self = Copies { headers, payloads };
        let offset_units = u32::from(header[1]) << 6 | u32::from(header[2]) >> 2;
        Some(Earlier { payload_type: header[0] & !FOLLOWED, offset_units, payload })
    }
}

fn payload_len(header: &[u8; COPY_HEADER_LEN]) -> usize {
    usize::from(header[2] & 0b11) << 8 | usize::from(header[3])
}

/// How redundancy is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// The payload type of redundant audio.
    pub payload_type: u8,
    /// How many payloads before its own a packet carries, 1 to [`MAX_COPIES`].
    pub copies: usize,
}

/// Puts copies in front of what is sent.
#[derive(Debug, Clone)]
pub struct Packer {
    packing: Packing,
    /// What was sent last, newest first.
    sent: [Sent; MAX_COPIES],
}

/// A payload that was sent.
#[derive(Debug, Clone, Default)]
struct Sent {
    payload_type: u8,
    timestamp: Timestamp,
    units: u32,
    payload: Vec<u8>,
}

impl Packer {
    /// Nothing was sent yet.
    pub fn new(packing: Packing) -> Packer {
        assert!((1..=MAX_COPIES).contains(&packing.copies), "{} copies", packing.copies);
        Packer { packing, sent: Default::default() }
    }

    /// The payload type of what [`Packer::pack`] writes.
    pub fn payload_type(&self) -> u8 {
        self.packing.payload_type
    }

    /// Writes `payload`, which lasts `units` from `timestamp` on, with copies of those just before it, and returns the
    /// length. `None`: there is nothing to copy, or no room for it; the payload is sent as it is.
    pub fn pack(
        &mut self,
        (timestamp, units): (Timestamp, u32),
        payload_type: u8,
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let copies = self.copies_that_fit(timestamp, payload.len());
        let written = (copies > 0).then(|| {
            let copied = self.sent[..copies].iter().rev();
            let mut end = copied.clone().fold(0, |end, sent| sent.write_header(timestamp, end, out));
            out[end] = payload_type;
            end += PRIMARY_HEADER_LEN;
            for payload in copied.map(|sent| &sent.payload[..]).chain([payload]) {
                out[end..end + payload.len()].copy_from_slice(payload);
                end += payload.len();
            }
            end
        });
        self.sent.rotate_right(1);
        self.sent[0].keep((timestamp, units), payload_type, payload);
        written
    }

    /// How many of the payloads before `timestamp`, without a gap between them, fit beside one of this length.
    fn copies_that_fit(&self, timestamp: Timestamp, len: usize) -> usize {
        let (mut next, mut len) = (timestamp, PRIMARY_HEADER_LEN + len);
        let fits = |sent: &&Sent| {
            len += COPY_HEADER_LEN + sent.payload.len();
            let adjoins = sent.timestamp.plus(sent.units) == next;
            next = sent.timestamp;
            let offset_units = timestamp.distance_from(sent.timestamp);
            adjoins
                && (1..=MAX_OFFSET_UNITS as i32).contains(&offset_units)
                && (1..=MAX_COPY_BYTES).contains(&sent.payload.len())
                && len <= MAX_PAYLOAD_BYTES
        };
        self.sent[..self.packing.copies].iter().take_while(fits).count()
    }
}

impl Sent {
    fn keep(&mut self, (timestamp, units): (Timestamp, u32), payload_type: u8, payload: &[u8]) {
        (self.payload_type, self.timestamp, self.units) = (payload_type, timestamp, units);
        self.payload.clear();
        if payload.len() <= MAX_COPY_BYTES {
            self.payload.extend_from_slice(payload);
        }
    }

    /// Writes its header (RFC 2198 §3) at `start`; says where that ends.
    fn write_header(&self, timestamp: Timestamp, start: usize, out: &mut [u8]) -> usize {
        let offset_units = timestamp.distance_from(self.timestamp) as u32;
        let len = self.payload.len();
        let end = start + COPY_HEADER_LEN;
        out[start..end].copy_from_slice(&[
            FOLLOWED | self.payload_type,
            (offset_units >> 6) as u8,
            (offset_units << 2) as u8 | (len >> 8) as u8,
            len as u8,
        ]);
        end
    }
}

#[cfg(test)]
mod tests;
