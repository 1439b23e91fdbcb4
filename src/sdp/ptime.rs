//! How long the packets are that we send to a peer.

use super::{AgreedCodec, CodecName, LocalMedia};

/// Longest payload that fits an Ethernet frame with IPv6, UDP, RTP and SRTP around it.
const MAX_PAYLOAD_BYTES: u32 = 1400;

/// The longest packet not above the peer's wish that it takes, that the mixer's frames fill, the codec knows
/// and the network carries whole; the mixer's frame if there is none such.
pub(super) fn send_ptime_ms(
    local: &LocalMedia,
    codec: &AgreedCodec,
    ptime_ms: Option<u16>,
    max_ptime_ms: Option<u16>,
) -> u8 {
    let longest = max_ptime_ms.map_or(local.max_ptime_ms, |ms| saturate(ms).min(local.max_ptime_ms));
    let wanted = ptime_ms.map_or(local.ptime_ms, saturate);
    let least = match codec.name {
        CodecName::Opus => codec.send_fmtp.opus().min_ptime_ms,
        _ => 0,
    };
    let mut fitting = (local.frame_ms..=longest)
        .step_by(usize::from(local.frame_ms))
        .filter(|ms| *ms >= least && is_known(codec, *ms))
        .peekable();
    let shortest = fitting.peek().copied().unwrap_or(local.frame_ms);
    fitting.take_while(|ms| *ms <= wanted).last().unwrap_or(shortest)
}

fn saturate(ms: u16) -> u8 {
    u8::try_from(ms).unwrap_or(u8::MAX)
}

fn is_known(codec: &AgreedCodec, ms: u8) -> bool {
    match codec.name {
        // RFC 7587 §7: whole Opus frames of 2.5 to 60 ms; 30 and 50 would take several in a packet.
        CodecName::Opus => matches!(ms, 5 | 10 | 20 | 40 | 60),
        CodecName::Pcmu | CodecName::Pcma | CodecName::G722 => true,
        CodecName::L16 => {
            let samples = codec.clock_rate / 1000 * u32::from(ms);
            samples.saturating_mul(2 * u32::from(codec.channels)) <= MAX_PAYLOAD_BYTES
        }
    }
}
