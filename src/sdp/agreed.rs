//! What an offer and its answer settled: a plain value, so that a leg can see what changed.

use std::net::SocketAddr;

use super::formats::{Format, NumberedFormat, RemoteFormat};
use super::ptime::send_ptime_ms;
use super::remote::RemoteAudio;
use super::{CodecName, Direction, Extension, Fmtp, LocalMedia};

/// A codec both sides speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedCodec {
    /// Which codec.
    pub name: CodecName,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
    /// Channels as in `a=rtpmap` (2 for Opus whatever is inside).
    pub channels: u8,
    /// The number in packets we send: the peer's description gives it.
    pub send_payload_type: u8,
    /// The number in packets we receive: our description gives it.
    pub receive_payload_type: u8,
    /// The peer's format parameters: what it wants to receive; its `sprop-` ones say what it sends.
    pub send_fmtp: Fmtp,
    /// Our format parameters: what we said we want to receive.
    pub receive_fmtp: Fmtp,
}

/// A format beside the codecs: telephone-event or comfort noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreedFormat {
    /// The number in packets we send.
    pub send_payload_type: u8,
    /// The number in packets we receive.
    pub receive_payload_type: u8,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
}

/// Redundancy (RFC 2198) as both sides speak it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgreedRedundancy {
    /// The number in packets we send, if the peer takes redundancy of the codec that we send.
    pub send_payload_type: Option<u8>,
    /// The numbers in packets we receive.
    pub receive_payload_types: Vec<u8>,
}

/// The audio stream as both sides agreed on it, from our point of view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where to send RTP. `None`: on hold by `c=0.0.0.0`, or a host name (learn it from what comes in).
    pub remote_rtp: Option<SocketAddr>,
    /// Where to send RTCP; the same as `remote_rtp` with `rtcp_mux`.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether RTCP comes and goes on the port of RTP.
    pub rtcp_mux: bool,
    /// What we may do: [`Direction::sends`] our audio to the peer, [`Direction::receives`] the peer's.
    pub direction: Direction,
    /// Whether the peer wants no audio of ours (`sendonly`, `inactive`, `c=0.0.0.0`).
    pub on_hold: bool,
    /// What we send.
    pub codec: AgreedCodec,
    /// All the peer may send and change between without notice; never empty.
    pub receive: Vec<AgreedCodec>,
    /// The telephone-event to send: of the codec's clock rate if there is one, else the first agreed.
    pub telephone_event: Option<AgreedFormat>,
    /// All telephone-event formats the peer may send (one per clock rate).
    pub receive_telephone_events: Vec<AgreedFormat>,
    /// Comfort noise that the peer may send: of the clock rate of the first codec of `receive` that has it. Ours is
    /// [`Agreed::send_comfort_noise`].
    pub comfort_noise: Option<AgreedFormat>,
    /// Copies of earlier packets in later ones.
    pub redundancy: AgreedRedundancy,
    /// Length of the packets we send, a multiple of the mixer's frame.
    pub send_ptime_ms: u8,
    /// Longest packet the peer takes, if it said so.
    pub max_ptime_ms: Option<u8>,
    /// Header extensions of this stream, with the identifiers in the packets.
    pub extensions: Vec<Extension>,
}

impl Agreed {
    /// The codec of a received packet, or `None` if the payload type is none of the agreed codecs.
    pub fn receive_codec(&self, payload_type: u8) -> Option<&AgreedCodec> {
        self.receive.iter().find(|codec| codec.receive_payload_type == payload_type)
    }

    /// The telephone-event format of a received packet, or `None` if it is none.
    pub fn receive_telephone_event(&self, payload_type: u8) -> Option<&AgreedFormat> {
        self.receive_telephone_events.iter().find(|event| event.receive_payload_type == payload_type)
    }

    /// A header extension, if it was agreed on in this direction.
    pub fn extension(&self, uri: &str, is_of_direction: fn(Direction) -> bool) -> Option<&Extension> {
        self.extensions.iter().find(|it| it.uri == uri && is_of_direction(it.direction))
    }

    /// The comfort noise that we may send: that of the codec in use, if it has none of its own (RFC 3389 §1).
    pub fn send_comfort_noise(&self) -> Option<&AgreedFormat> {
        let fits = |noise: &&AgreedFormat| noise.clock_rate == self.codec.clock_rate;
        self.comfort_noise.as_ref().filter(fits).filter(|_| self.codec.name != CodecName::Opus)
    }
}

impl Agreed {
    /// Joins the two sides. `ours`: our formats with our numbers; `direction`: what our side allows.
    pub(super) fn join(
        local: &LocalMedia,
        remote: &RemoteAudio,
        ours: &[NumberedFormat],
        direction: Direction,
        extensions: Vec<Extension>,
    ) -> Option<Agreed> {
        let receive: Vec<AgreedCodec> = numbered(remote, ours)
            .filter_map(|(theirs, receive_payload_type)| agreed_codec(local, theirs, receive_payload_type))
            .collect();
        let codec = receive.first()?.clone();
        let receive_telephone_events: Vec<AgreedFormat> = numbered(remote, ours)
            .filter_map(|(theirs, receive_payload_type)| match theirs.format {
                Format::TelephoneEvent { clock_rate } => Some((theirs, receive_payload_type, clock_rate)),
                _ => None,
            })
            .map(agreed_format)
            .collect();
        let noises: Vec<AgreedFormat> = numbered(remote, ours)
            .filter_map(|(theirs, receive_payload_type)| match theirs.format {
                Format::ComfortNoise { clock_rate } => Some((theirs, receive_payload_type, clock_rate)),
                _ => None,
            })
            .map(agreed_format)
            .collect();
        let may_pause = receive.iter().filter(|codec| codec.name != CodecName::Opus);
        let noise_of = |codec: &AgreedCodec| noises.iter().find(|noise| noise.clock_rate == codec.clock_rate);
        let comfort_noise = may_pause.filter_map(noise_of).next().copied();
        let redundancy = agreed_redundancy(local, remote, ours, &codec);
        let rtcp_mux = local.rtcp_mux && remote.rtcp_mux;
        Some(Agreed {
            remote_rtp: remote.rtp(),
            remote_rtcp: if rtcp_mux { remote.rtp() } else { remote.rtcp() },
            rtcp_mux,
            direction: direction.and(remote.direction.reversed()),
            on_hold: !remote.direction.receives(),
            send_ptime_ms: send_ptime_ms(local, &codec, remote.ptime_ms, remote.max_ptime_ms),
            max_ptime_ms: remote.max_ptime_ms.map(|ms| u8::try_from(ms).unwrap_or(u8::MAX)),
            telephone_event: receive_telephone_events
                .iter()
                .find(|event| event.clock_rate == codec.clock_rate)
                .or(receive_telephone_events.first())
                .copied(),
            comfort_noise,
            redundancy,
            codec,
            receive,
            receive_telephone_events,
            extensions,
        })
    }
}

/// The peer's formats that are among ours, with our number.
fn numbered<'a>(
    remote: &'a RemoteAudio,
    ours: &'a [NumberedFormat],
) -> impl Iterator<Item = (&'a RemoteFormat, u8)> {
    remote.formats.iter().filter_map(|theirs| {
        let ours = ours.iter().find(|ours| ours.format == theirs.format)?;
        Some((theirs, ours.payload_type))
    })
}

fn agreed_format((theirs, receive_payload_type, clock_rate): (&RemoteFormat, u8, u32)) -> AgreedFormat {
    AgreedFormat { send_payload_type: theirs.payload_type, receive_payload_type, clock_rate }
}

/// To be sent where the peer's `a=fmtp` names the codec (RFC 2198 §5), or is not there.
fn agreed_redundancy(
    local: &LocalMedia,
    remote: &RemoteAudio,
    ours: &[NumberedFormat],
    codec: &AgreedCodec,
) -> AgreedRedundancy {
    let formats =
        || numbered(remote, ours).filter(|(theirs, _)| matches!(theirs.format, Format::Redundancy { .. }));
    let is_of_codec = |theirs: &RemoteFormat| {
        let ours =
            local.codecs.iter().find(|ours| ours.name == codec.name && ours.clock_rate == codec.clock_rate);
        let named =
            || theirs.fmtp.as_str().split('/').any(|text| text.trim().parse() == Ok(codec.send_payload_type));
        ours.is_some_and(|ours| theirs.format.is_redundancy_of(ours)) && (theirs.fmtp.is_empty() || named())
    };
    AgreedRedundancy {
        send_payload_type: formats()
            .find(|(theirs, _)| is_of_codec(theirs))
            .map(|(theirs, _)| theirs.payload_type),
        receive_payload_types: formats().map(|(_, receive_payload_type)| receive_payload_type).collect(),
    }
}

fn agreed_codec(local: &LocalMedia, theirs: &RemoteFormat, receive_payload_type: u8) -> Option<AgreedCodec> {
    let Format::Codec(index) = theirs.format else { return None };
    let ours = &local.codecs[index];
    Some(AgreedCodec {
        name: ours.name,
        clock_rate: ours.clock_rate,
        channels: ours.channels,
        send_payload_type: theirs.payload_type,
        receive_payload_type,
        send_fmtp: theirs.fmtp.clone(),
        receive_fmtp: ours.fmtp.clone(),
    })
}
