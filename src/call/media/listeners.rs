//! Classes of listeners: legs of a conference that hear the same, and are sent it in the same coding, share one encoder.
//!
//! A class begins with the encoder of the first leg that settles for listening. Others enter at a packet that leans on
//! none before it, so that their decoders, which have followed encoders of their own, follow this one from there. Who
//! begins to talk leaves with a copy of the encoder: its decoder cannot tell. G.711 and L16 have nothing to hand over.
//! G.722 has no packet to enter at, so each of its listeners keeps an encoder of its own.

use crate::audio::{EncodeError, Encoder, Format};
use crate::call::governor::Relief;
use crate::worker::Worker;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// So many packets a leg hears what all hear before it gives its encoder up: in a pause between two words it would soon
/// have to take one again.
const SETTLED_PACKETS: u32 = 25;
/// An independent packet is coded a little worse, so there is one at most so often, for all that wait.
const PACKETS_BETWEEN_ENTRIES: u64 = 25;

/// The classes of one conference; each is there as long as a leg is in it.
#[derive(Default)]
pub struct Classes(RefCell<Vec<Weak<RefCell<Class>>>>);

/// Legs that are sent the same payloads.
pub struct Class {
    format: Format,
    encoder: Encoder,
    /// The tick whose payload is the one below.
    tick: u64,
    payload: Box<[u8]>,
    encoded: Result<usize, EncodeError>,
    /// The last tick at which legs could enter, or the next.
    entry_tick: u64,
}

impl Classes {
    fn find(&self, format: &Format) -> Option<Rc<RefCell<Class>>> {
        let classes = self.0.borrow();
        classes.iter().filter_map(Weak::upgrade).find(|class| class.borrow().format == *format)
    }

    fn found(&self, format: &Format, encoder: Encoder, len_samples: usize) -> Rc<RefCell<Class>> {
        let class = Rc::new(RefCell::new(Class {
            format: format.clone(),
            payload: vec![0; encoder.max_payload_octets(len_samples)].into_boxed_slice(),
            encoder,
            tick: 0,
            encoded: Ok(0),
            entry_tick: 0,
        }));
        let mut classes = self.0.borrow_mut();
        classes.retain(|class| class.strong_count() > 0);
        classes.push(Rc::downgrade(&class));
        class
    }
}

impl Class {
    /// Whether a leg may enter in this tick; if not, it may soon.
    fn admits(&mut self, tick: u64) -> bool {
        if !self.encoder.leans_on_the_past() {
            return true;
        }
        if tick >= self.entry_tick + PACKETS_BETWEEN_ENTRIES {
            self.entry_tick = tick + 1;
        }
        self.entry_tick == tick
    }

    /// The payload of this tick, and whether it had to be encoded: the first leg of a tick that asks has it made, of what
    /// `mix` fills in `frame`.
    fn payload(
        &mut self,
        worker: &Worker,
        relief: Relief,
        tick: u64,
        frame: &mut [i16],
        mix: impl FnOnce(&mut [i16]),
    ) -> (Result<&[u8], EncodeError>, bool) {
        let is_first = self.tick != tick;
        if is_first {
            self.tick = tick;
            mix(frame);
            let Class { encoder, payload, entry_tick, .. } = self;
            let is_entry = *entry_tick == tick;
            self.encoded = encode(worker, relief, encoder, |encoder| match is_entry {
                true => encoder.encode_independent(frame, payload),
                false => encoder.encode(frame, payload),
            });
        }
        (self.encoded.map(|len| &self.payload[..len]), is_first)
    }
}

/// How a leg's audio becomes payloads.
pub enum Coding {
    /// By an encoder of its own; for how many packets it has heard what all hear; and whether the encoder is a packet ahead
    /// of what the peer was sent, so that the next packet must lean on none before it.
    Own(Encoder, u32, bool),
    /// By that of all who listen.
    Shared(Rc<RefCell<Class>>),
}

impl Coding {
    /// With an encoder of its own.
    pub fn own(encoder: Encoder) -> Coding {
        Coding::Own(encoder, 0, false)
    }

    /// Whether it is in a class.
    pub fn is_shared(&self) -> bool {
        matches!(self, Coding::Shared(_))
    }

    /// It does not hear what all hear, or is sent nothing: it leaves its class, if it is in one. Who begins to talk does so
    /// when it is heard, before the others' packet is encoded: afterwards the encoder would be one packet ahead.
    pub fn speaks(&mut self) {
        match self {
            Coding::Own(_, settled_packets, _) => *settled_packets = 0,
            Coding::Shared(_) => *self = Coding::own(self.encoder()),
        }
    }

    /// The same as late as in `tick` itself, when the others' packet may be encoded already: so it is with who is whispered
    /// to, which is known only when all have been heard.
    pub fn leaves(&mut self, tick: u64) {
        let is_late = matches!(self, Coding::Shared(class) if class.borrow().tick == tick);
        self.speaks();
        if let Coding::Own(_, _, is_ahead) = self {
            *is_ahead |= is_late;
        }
    }

    /// Goes on in the same codec with other settings, in which it may soon share with others again.
    pub fn change(&mut self, format: &Format) {
        self.speaks();
        let Coding::Own(encoder, ..) = self else { unreachable!("it has left its class") };
        // What an encoder refuses leaves it as it was: the peer can follow all the same.
        let _ = encoder.reconfigure(format);
    }

    /// It hears what all hear. Whether it is in the class for its format, or enters it now.
    pub fn listens(&mut self, classes: &Classes, format: &Format, tick: u64, len_samples: usize) -> bool {
        let Coding::Own(encoder, settled_packets, _) = self else { return true };
        if !encoder.can_be_entered() {
            return false;
        }
        *settled_packets = settled_packets.saturating_add(1);
        if encoder.leans_on_the_past() && *settled_packets < SETTLED_PACKETS {
            return false;
        }
        let class = match classes.find(format) {
            Some(class) if class.borrow_mut().admits(tick) => class,
            Some(_) => return false,
            None => classes.found(format, encoder.clone(), len_samples),
        };
        *self = Coding::Shared(class);
        true
    }

    /// Encodes what this leg alone hears; as an entry, for a decoder that has followed another encoder.
    pub fn encode_alone(
        &mut self,
        worker: &Worker,
        relief: Relief,
        is_entry: bool,
        samples: &[i16],
        payload: &mut [u8],
    ) -> Result<usize, EncodeError> {
        if let Coding::Shared(_) = self {
            self.speaks();
        }
        let Coding::Own(encoder, _, is_ahead) = self else { unreachable!("it has left its class") };
        let leans_on_none = std::mem::take(is_ahead) || is_entry;
        encode(worker, relief, encoder, |encoder| match leans_on_none {
            true => encoder.encode_independent(samples, payload),
            false => encoder.encode(samples, payload),
        })
    }

    /// Copies the payload of its class in this tick; `true` beside it if it was encoded for this leg, of what `mix` fills
    /// in `frame`. `None` if it is in no class.
    pub fn encode_shared(
        &mut self,
        worker: &Worker,
        relief: Relief,
        tick: u64,
        (frame, payload): (&mut [i16], &mut [u8]),
        mix: impl FnOnce(&mut [i16]),
    ) -> Option<(Result<usize, EncodeError>, bool)> {
        let Coding::Shared(class) = self else { return None };
        let mut class = class.borrow_mut();
        let (shared, is_first) = class.payload(worker, relief, tick, frame, mix);
        let copied = shared.map(|shared| {
            payload[..shared.len()].copy_from_slice(shared);
            shared.len()
        });
        Some((copied, is_first))
    }

    fn encoder(&self) -> Encoder {
        match self {
            Coding::Own(encoder, ..) => encoder.clone(),
            Coding::Shared(class) => class.borrow().encoder.clone(),
        }
    }
}

/// Opus on the stack that all legs share, which is warm, and as well as the governor lets it.
fn encode(
    worker: &Worker,
    relief: Relief,
    encoder: &mut Encoder,
    work: impl FnOnce(&mut Encoder) -> Result<usize, EncodeError>,
) -> Result<usize, EncodeError> {
    if let Encoder::Opus(opus) = encoder {
        opus.limit_complexity(relief.max_opus_complexity()).map_err(EncodeError::Opus)?;
        return worker.on_codec_stack(|| work(encoder));
    }
    work(encoder)
}

#[cfg(test)]
mod tests;
