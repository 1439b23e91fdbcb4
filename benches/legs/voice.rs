//! What a leg says, coded once and sent in a loop: a tone, silence, or a short tone each second.

use std::collections::HashMap;
use std::rc::Rc;

use antiphon::audio::{Encoder, SampleRate};

use crate::codec::{Codec, FRAME_MS};
use crate::hearing;

/// Packets of a loop: 1 s.
const LOOP_PACKETS: usize = 50;
/// Packets of a loop that hold a tone where there is one each second.
const BURST_PACKETS: usize = 5;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speech {
    Silence,
    /// All the time.
    Tone {
        hertz: f64,
    },
    /// 100 ms of each second, from its beginning.
    Burst {
        hertz: f64,
    },
}

/// A loop of payloads.
pub type Voice = Rc<[Vec<u8>]>;

/// All voices of a run; legs that say the same share one.
#[derive(Default)]
pub struct Voices(HashMap<(Codec, u32, bool), Voice>);

impl Voices {
    pub fn voice(&mut self, codec: Codec, speech: Speech) -> Voice {
        let (hertz, is_burst) = match speech {
            Speech::Silence => (0.0, false),
            Speech::Tone { hertz } => (hertz, false),
            Speech::Burst { hertz } => (hertz, true),
        };
        let make = || record(codec, hertz, is_burst);
        Rc::clone(self.0.entry((codec, hertz as u32, is_burst)).or_insert_with(make))
    }
}

fn record(codec: Codec, hertz: f64, is_burst: bool) -> Voice {
    let format = codec.format(SampleRate::Hz48000);
    let rate = format.rate();
    let frame_samples = rate.samples(FRAME_MS);
    let mut encoder = Encoder::new(&format).expect("an encoder");
    let mut payload = vec![0; encoder.max_payload_octets(frame_samples)];
    let (tone, silence) = (hearing::tone(hertz, rate.hertz(), frame_samples), vec![0; frame_samples]);
    let mut encode = |packet: usize| {
        let frame = if is_burst && packet % LOOP_PACKETS >= BURST_PACKETS { &silence } else { &tone };
        let octets = encoder.encode(frame, &mut payload).expect("encoded");
        payload[..octets].to_vec()
    };
    // The first loop brings a codec with a memory to where the second one ends, so that the seam is not heard.
    (0..LOOP_PACKETS).for_each(|packet| drop(encode(packet)));
    (LOOP_PACKETS..2 * LOOP_PACKETS).map(encode).collect()
}
