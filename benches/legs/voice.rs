//! What a leg says, coded once and sent in a loop: a tone, silence, a pause, or a short tone each second.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::rc::Rc;

use antiphon::audio::opus::OpusSettings;
use antiphon::audio::{Encoder, Format, SampleRate};

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
    /// Silence, of which a codec that can (Opus, by its DTX) sends next to nothing.
    Pause,
    /// All the time.
    Tone {
        hertz: f64,
    },
    /// 100 ms of each second, from its beginning.
    Burst {
        hertz: f64,
    },
}

/// A loop of payloads; where there is none nothing is sent.
pub type Voice = Rc<[Vec<u8>]>;

/// All voices of a run; legs that say the same share one.
#[derive(Default)]
pub struct Voices(HashMap<(Codec, u32, Discriminant<Speech>), Voice>);

impl Voices {
    pub fn voice(&mut self, codec: Codec, speech: Speech) -> Voice {
        let key = (codec, speech.hertz() as u32, discriminant(&speech));
        Rc::clone(self.0.entry(key).or_insert_with(|| record(codec, speech)))
    }
}

impl Speech {
    fn hertz(self) -> f64 {
        match self {
            Speech::Silence | Speech::Pause => 0.0,
            Speech::Tone { hertz } | Speech::Burst { hertz } => hertz,
        }
    }
}

fn record(codec: Codec, speech: Speech) -> Voice {
    let format = match codec.format(SampleRate::Hz48000) {
        Format::Opus(settings) => Format::Opus(OpusSettings { dtx: speech == Speech::Pause, ..settings }),
        format => format,
    };
    let rate = format.rate();
    let frame_samples = rate.samples(FRAME_MS);
    let mut encoder = Encoder::new(&format).expect("an encoder");
    let mut payload = vec![0; encoder.max_payload_octets(frame_samples)];
    let tone = hearing::tone(speech.hertz(), rate.hertz(), frame_samples);
    let silence = vec![0; frame_samples];
    let is_burst = matches!(speech, Speech::Burst { .. });
    let mut encode = |packet: usize| {
        let frame = if is_burst && packet % LOOP_PACKETS >= BURST_PACKETS { &silence } else { &tone };
        let octets = encoder.encode(frame, &mut payload).expect("encoded");
        payload[..octets].to_vec()
    };
    // The first loop brings a codec with a memory to where the second one ends, so that the seam is not heard.
    (0..LOOP_PACKETS).for_each(|packet| drop(encode(packet)));
    (LOOP_PACKETS..2 * LOOP_PACKETS).map(encode).collect()
}
