//! An ideal ear: what came, in the order of its numbers however late, decoded; what is missing concealed.

use antiphon::audio::{Decoder, Effort, Encoder, Format};
use antiphon::rtp::{ExtendedSequence, Packet};

use crate::codec::FRAME_MS;

/// A repeated frame fades to nothing in so many.
const FADE_FRAMES: usize = 3;
/// What is missing at once is no longer than this.
const MOST_MISSING: usize = 500;

/// What stands in for a frame that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concealment {
    /// The frame before, fading: the simplest that can be done.
    Repeat,
    /// The codec's own: copies of lost frames that the next one carries, and a guess where there is none.
    Codec,
}

/// A packet as it came, in seconds after the talker's beginning.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at_seconds: f64,
    pub datagram: Vec<u8>,
}

/// What one frame of a stream is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'a> {
    Packet {
        payload: &'a [u8],
        at_seconds: f64,
    },
    Lost,
    /// The sender says by its timestamps that there is nothing.
    Silence,
}

/// Puts packets of `payload_type` in order; a packet stands for `units` of the RTP clock.
pub fn in_order(arrivals: &[Arrival], payload_type: u8, units: u32) -> Vec<Piece<'_>> {
    let mut packets: Vec<(ExtendedSequence, u32, Piece)> = Vec::new();
    for arrival in arrivals {
        let Ok(packet) = Packet::parse(&arrival.datagram) else { continue };
        if packet.header.payload_type != payload_type {
            continue;
        }
        let sequence = packet.header.sequence;
        let number =
            packets.last().map_or(ExtendedSequence::first(sequence), |(last, ..)| last.nearest(sequence));
        let piece = Piece::Packet { payload: packet.payload, at_seconds: arrival.at_seconds };
        packets.push((number, packet.header.timestamp.0, piece));
    }
    packets.sort_by(|a, b| a.0.distance_from(b.0).cmp(&0));
    packets.dedup_by_key(|(number, ..)| *number);
    let mut pieces = Vec::new();
    let mut last: Option<(ExtendedSequence, u32)> = None;
    for (number, timestamp, piece) in packets {
        if let Some((before, then)) = last {
            // A gap in time that no number is missing for was left by the sender.
            let passed = timestamp.wrapping_sub(then).min(i32::MAX as u32) / units.max(1);
            let frames = (passed as usize).saturating_sub(1).min(MOST_MISSING);
            let filler = if number.distance_from(before) > 1 { Piece::Lost } else { Piece::Silence };
            pieces.extend(std::iter::repeat_n(filler, frames));
        }
        last = Some((number, timestamp));
        pieces.push(piece);
    }
    pieces
}

/// Decodes; returns the samples, and where each packet's begin and when it came.
pub fn decode(format: &Format, pieces: &[Piece], concealment: Concealment) -> (Vec<i16>, Vec<(usize, f64)>) {
    let mut decoder = Decoder::new(format).expect("a decoder");
    let frame_samples = format.rate().samples(FRAME_MS);
    let mut frame = vec![0; decoder.max_samples()];
    let (mut samples, mut places) = (Vec::new(), Vec::new());
    let (mut before, mut missing) = (Vec::new(), 0);
    for (number, piece) in pieces.iter().enumerate() {
        match *piece {
            Piece::Packet { payload, at_seconds } => {
                let len = decoder.decode(payload, &mut frame).unwrap_or(0);
                places.push((samples.len(), at_seconds));
                samples.extend_from_slice(&frame[..len]);
                before = frame[..len].to_vec();
                missing = 0;
            }
            Piece::Silence => samples.resize(samples.len() + frame_samples, 0),
            Piece::Lost => {
                let mut guess = vec![0; frame_samples];
                match (concealment, pieces.get(number + 1)) {
                    (Concealment::Repeat, _) => {
                        let left = FADE_FRAMES.saturating_sub(missing) as f32 / FADE_FRAMES as f32;
                        guess.iter_mut().zip(&before).for_each(|(guess, before)| {
                            *guess = (f32::from(*before) * left) as i16;
                        });
                    }
                    (Concealment::Codec, next) => {
                        let behind = match next {
                            Some(Piece::Packet { payload, .. }) => Some(*payload),
                            _ => None,
                        };
                        decoder.conceal(&mut guess, behind, Effort::Cheap);
                    }
                }
                samples.append(&mut guess);
                missing += 1;
            }
        }
    }
    (samples, places)
}

/// Encodes by frames; what is left over at the end is not sent.
pub fn encode(format: &Format, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(format).expect("an encoder");
    let frame_samples = format.rate().samples(FRAME_MS);
    let mut payload = vec![0; encoder.max_payload_octets(frame_samples)];
    let mut encode = |frame: &[i16]| {
        let octets = encoder.encode(frame, &mut payload).expect("a frame is encoded");
        payload[..octets].to_vec()
    };
    samples.chunks_exact(frame_samples).map(&mut encode).collect()
}

/// The pieces of a stream of which `lost` is lost and the rest comes at once; each stands at its time.
pub fn with_losses<'a>(payloads: &'a [Vec<u8>], lost: &[bool]) -> Vec<Piece<'a>> {
    let at = |number: usize| number as f64 * f64::from(FRAME_MS) / 1000.0;
    let piece = |(number, payload): (usize, &'a Vec<u8>)| match lost.get(number) {
        Some(true) => Piece::Lost,
        _ => Piece::Packet { payload, at_seconds: at(number) },
    };
    payloads.iter().enumerate().map(piece).collect()
}
