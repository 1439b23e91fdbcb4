//! A peer's audio line, read: can we use it, where does it want its packets, what does it speak.

use std::net::{IpAddr, SocketAddr};

use super::formats::{Format, NumberedFormat, RemoteFormat, recognise};
use super::{Description, Direction, Extension, LocalMedia, MediaDescription, Refusal, Rtcp};

/// What matters of a peer's audio line.
#[derive(Debug, Clone)]
pub(super) struct RemoteAudio {
    /// Which `m=` line of the description.
    pub slot: usize,
    pub protocol: String,
    pub mid: Option<String>,
    /// Whether the line is in a BUNDLE group.
    pub bundled: bool,
    /// `None`: a host name, or hold by `c=0.0.0.0`.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub rtcp: Option<Rtcp>,
    pub rtcp_mux: bool,
    /// From the peer's point of view.
    pub direction: Direction,
    /// Those we speak, at least one codec.
    pub formats: Vec<RemoteFormat>,
    pub ptime_ms: Option<u16>,
    pub max_ptime_ms: Option<u16>,
    /// Those with an identifier that packets can have, from the peer's point of view.
    pub extensions: Vec<Extension>,
}

/// The first audio line we can use, `preferred` before the others; else the refusal that came nearest.
pub(super) fn choose_line(
    description: &Description,
    local: &LocalMedia,
    preferred: usize,
) -> Result<RemoteAudio, Refusal> {
    let mut slots: Vec<usize> = (0..description.media.len()).collect();
    slots.sort_by_key(|slot| *slot != preferred);
    let mut nearest = Refusal::NoAudio;
    for slot in slots {
        match RemoteAudio::read(description, slot, local, &[]) {
            Ok(remote) => return Ok(remote),
            Err(refusal) if nearness(&refusal) > nearness(&nearest) => nearest = refusal,
            Err(_) => (),
        }
    }
    Err(nearest)
}

/// How many of the conditions for a line a refused one met.
fn nearness(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::TransportProtocol => 1,
        Refusal::AddressFamily => 2,
        Refusal::NoCommonCodec => 3,
        _ => 0,
    }
}

impl RemoteAudio {
    /// Reads one line. `offered`: our formats, when the description answers an offer of ours.
    pub fn read(
        description: &Description,
        slot: usize,
        local: &LocalMedia,
        offered: &[NumberedFormat],
    ) -> Result<RemoteAudio, Refusal> {
        let media = description.media.get(slot).ok_or(Refusal::NoAudio)?;
        if !media.media.eq_ignore_ascii_case("audio") || media.port == 0 {
            return Err(Refusal::NoAudio);
        }
        if !["RTP/AVP", "RTP/AVPF"].iter().any(|known| media.protocol.eq_ignore_ascii_case(known)) {
            return Err(Refusal::TransportProtocol);
        }
        let address = read_address(description, media, local)?;
        let formats = recognise(local, media, offered);
        if !formats.iter().any(|remote| matches!(remote.format, Format::Codec(_))) {
            return Err(Refusal::NoCommonCodec);
        }
        let direction = description.direction_of(media);
        let mid = media.mid().map(str::to_owned);
        Ok(RemoteAudio {
            slot,
            protocol: media.protocol.clone(),
            bundled: mid.as_deref().is_some_and(|mid| description.bundles(mid)),
            mid,
            address: if let RemoteAddress::Known(address) = address { Some(address) } else { None },
            port: media.port,
            rtcp: media.rtcp(),
            rtcp_mux: media.rtcp_mux(),
            direction: match address {
                // RFC 3264 §8.4: nothing may be sent to it, whatever its direction says.
                RemoteAddress::Hold => direction.and(Direction::SendOnly),
                _ => direction,
            },
            formats,
            ptime_ms: media.ptime_ms(),
            max_ptime_ms: media.max_ptime_ms(),
            extensions: read_extensions(description, media),
        })
    }

    /// Where RTP goes.
    pub fn rtp(&self) -> Option<SocketAddr> {
        self.address.map(|address| SocketAddr::new(address, self.port))
    }

    /// Where RTCP goes when it is not multiplexed: by `a=rtcp`, else one port above (RFC 3550 §11).
    pub fn rtcp(&self) -> Option<SocketAddr> {
        let address = self.address?;
        match self.rtcp {
            Some(rtcp) => {
                let usable = |other: &IpAddr| other.is_ipv4() == address.is_ipv4() && is_unicast(*other);
                Some(SocketAddr::new(rtcp.address.filter(usable).unwrap_or(address), rtcp.port))
            }
            None => self.port.checked_add(1).map(|port| SocketAddr::new(address, port)),
        }
    }
}

#[derive(Clone, Copy)]
enum RemoteAddress {
    Known(IpAddr),
    HostName,
    Hold,
}

fn read_address(
    description: &Description,
    media: &MediaDescription,
    local: &LocalMedia,
) -> Result<RemoteAddress, Refusal> {
    let connection = description.connection_of(media).ok_or(Refusal::AddressFamily)?;
    let is_local_family = |is_ipv4: bool| is_ipv4 == local.address.is_ipv4();
    match connection.ip().map(|address| address.to_canonical()) {
        Some(address) if address.is_unspecified() => Ok(RemoteAddress::Hold),
        Some(address) if is_local_family(address.is_ipv4()) && is_unicast(address) => {
            Ok(RemoteAddress::Known(address))
        }
        None if connection.network_type.eq_ignore_ascii_case("IN")
            && is_local_family(connection.address_type.eq_ignore_ascii_case("IP4")) =>
        {
            Ok(RemoteAddress::HostName)
        }
        _ => Err(Refusal::AddressFamily),
    }
}

/// Nobody may make us send a stream to a whole network.
fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_multicast() && !broadcast && !address.is_unspecified()
}

/// One-byte headers have identifiers 1 to 14, two-byte ones up to 255; 15 is neither's (RFC 8285 §4.2, §4.3, §5). Of a
/// repeated one the first counts.
fn read_extensions(description: &Description, media: &MediaDescription) -> Vec<Extension> {
    let mut extensions: Vec<Extension> = Vec::new();
    for extmap in description.extmaps_of(media) {
        let Some(id) = u8::try_from(extmap.id).ok().filter(|id| !matches!(id, 0 | 15)) else { continue };
        if extensions.iter().all(|known| known.id != id && known.uri != extmap.uri) {
            let (direction, vad) = (extmap.direction, extmap.vad);
            extensions.push(Extension { id, uri: extmap.uri.to_owned(), direction, vad });
        }
    }
    extensions
}
