use super::{Classes, Coding, PACKETS_BETWEEN_ENTRIES, SETTLED_PACKETS};
use crate::audio::opus::OpusSettings;
use crate::audio::{Decoder, Encoder, Format};
use crate::call::governor::Relief;
use crate::worker::Worker;
use crate::worker::testing::on_worker;
use std::f64::consts::TAU;

/// The legs of a conference that listen, and what they hear.
struct Audience<'a> {
    worker: &'a Worker,
    format: Format,
    classes: Classes,
    legs: Vec<Coding>,
    /// What each leg is sent.
    formats: Vec<Format>,
    tick: u64,
    /// Packets that were encoded.
    encoded: usize,
}

impl<'a> Audience<'a> {
    fn of(worker: &'a Worker, format: Format, legs: usize) -> Self {
        let formats = vec![format.clone(); legs];
        let legs = (0..legs).map(|_| Coding::own(Encoder::new(&format).unwrap())).collect();
        Audience { worker, format, classes: Classes::default(), legs, formats, tick: 100, encoded: 0 }
    }

    fn sound(&self, out: &mut [i16]) {
        let step = TAU * 300.0 / f64::from(self.format.rate().hertz());
        let start = self.tick as usize * out.len();
        out.iter_mut()
            .enumerate()
            .for_each(|(n, out)| *out = (((start + n) as f64 * step).sin() * 8_000.0) as i16);
    }

    fn joins(&mut self) {
        self.legs.push(Coding::own(Encoder::new(&self.format).unwrap()));
        self.formats.push(self.format.clone());
    }

    /// One tick: what each leg is sent; those that `speaks` names hear themselves less, and so not what all hear.
    fn tick(&mut self, speaks: &[usize]) -> Vec<Vec<u8>> {
        self.tick += 1;
        let len_samples = self.format.rate().samples(20);
        let mut legs = std::mem::take(&mut self.legs);
        speaks.iter().for_each(|&number| legs[number].speaks());
        let packets = legs.iter_mut().enumerate().map(|(number, leg)| {
            let (mut frame, mut payload) = (vec![0; len_samples], vec![0; 2_000]);
            let listens = !speaks.contains(&number);
            if listens && leg.listens(&self.classes, &self.formats[number], self.tick, len_samples) {
                let room = (&mut frame[..], &mut payload[..]);
                let sound = |out: &mut [i16]| self.sound(out);
                let (len, is_first) =
                    leg.encode_shared(self.worker, Relief::None, self.tick, room, sound).unwrap();
                self.encoded += usize::from(is_first);
                return payload[..len.unwrap()].to_vec();
            }
            self.sound(&mut frame);
            self.encoded += 1;
            let len = leg.encode_alone(self.worker, Relief::None, false, &frame, &mut payload).unwrap();
            payload[..len].to_vec()
        });
        let packets = packets.collect();
        self.legs = legs;
        packets
    }

    fn encodes_of(&mut self, ticks: u64) -> usize {
        self.encoded = 0;
        (0..ticks).for_each(|_| assert!(self.tick(&[]).iter().all(|packet| !packet.is_empty())));
        self.encoded
    }
}

fn opus() -> Format {
    Format::Opus(OpusSettings::default())
}

#[test]
fn listeners_of_a_codec_without_memory_share_one_encode_at_once() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, Format::Pcmu, 50);
        let packets = audience.tick(&[]);
        assert_eq!(audience.encoded, 1);
        assert!(packets.iter().all(|packet| *packet == packets[0]));
        audience.tick(&[0, 7]);
        assert_eq!(audience.encoded, 1 + 3, "two speak, the others share");
    });
}

#[test]
fn listeners_of_g722_keep_encoders_of_their_own() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, Format::G722, 3);
        assert_eq!(audience.encodes_of(100), 300);
    });
}

#[test]
fn listeners_of_opus_share_one_encode_once_they_have_settled() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 20);
        let until_all_are_in = u64::from(SETTLED_PACKETS) + PACKETS_BETWEEN_ENTRIES + 2;
        audience.encodes_of(until_all_are_in);
        assert_eq!(audience.encodes_of(100), 100);
        audience.joins();
        audience.encodes_of(until_all_are_in);
        assert_eq!(audience.encodes_of(100), 100, "a newcomer too");
    });
}

#[test]
fn who_pauses_between_two_words_keeps_its_encoder() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 1);
        for _ in 0..5 {
            audience.encodes_of(u64::from(SETTLED_PACKETS) - 1);
            audience.tick(&[0]);
            assert!(matches!(audience.legs[0], Coding::Own(..)));
        }
        audience.encodes_of(SETTLED_PACKETS.into());
        assert!(matches!(audience.legs[0], Coding::Shared(_)));
    });
}

#[test]
fn who_begins_to_talk_is_sent_on_what_its_decoder_can_follow_to_the_bit() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 3);
        audience.encodes_of(100);
        let packets = audience.tick(&[1]);
        assert!(matches!(audience.legs[1], Coding::Own(..)));
        assert_eq!(packets[1], packets[0], "the same sound from a copy of the encoder");
    });
}

#[test]
fn who_leaves_after_the_others_were_encoded_is_sent_a_packet_that_leans_on_none() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 2);
        audience.encodes_of(100);
        audience.tick += 1;
        let (mut frame, mut payload, mut expected) = (vec![0; 960], vec![0; 2_000], vec![0; 2_000]);
        audience.sound(&mut frame);
        let mix = |out: &mut [i16]| out.copy_from_slice(&frame);
        let room = (&mut vec![0; 960][..], &mut payload[..]);
        audience.legs[0].encode_shared(worker, Relief::None, audience.tick, room, mix).unwrap().0.unwrap();
        let mut ahead = audience.legs[1].encoder();
        audience.legs[1].leaves(audience.tick);
        for is_first in [true, false] {
            let len =
                audience.legs[1].encode_alone(worker, Relief::None, false, &frame, &mut payload).unwrap();
            let expected_len = worker.on_codec_stack(|| match is_first {
                true => ahead.encode_independent(&frame, &mut expected).unwrap(),
                false => ahead.encode(&frame, &mut expected).unwrap(),
            });
            assert_eq!(payload[..len], expected[..expected_len], "first: {is_first}");
        }
    });
}

#[test]
fn who_enters_a_class_hears_no_break() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 2);
        audience.encodes_of(60);
        audience.joins();
        let mut decoder = Decoder::new(&audience.format).unwrap();
        let (mut samples, mut entered) = (vec![0; 5_760], 0);
        for number in 0..120 {
            let packets = audience.tick(&[]);
            let len = decoder.decode(&packets[2], &mut samples).unwrap();
            entered += u64::from(matches!(audience.legs[2], Coding::Shared(_)));
            // A sine of one loudness: a break would be a dent or a bump in it.
            let loudness =
                (samples[..len].iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / len as f64).sqrt();
            let level_db = 20.0 * (loudness / (8_000.0 / 2_f64.sqrt())).log10();
            assert!(number < 5 || level_db.abs() < 1.0, "packet {number}: {level_db:.2} dB");
        }
        assert!(entered > 50);
    });
}

#[test]
fn a_class_ends_with_its_last_listener() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, Format::Pcma, 2);
        audience.tick(&[]);
        assert!(audience.classes.find(&Format::Pcma).is_some());
        audience.legs.pop();
        audience.tick(&[0]);
        assert!(audience.classes.find(&Format::Pcma).is_none());
    });
}

#[test]
fn those_who_lose_packets_are_a_class_of_their_own() {
    on_worker(|worker| {
        let mut audience = Audience::of(worker, opus(), 6);
        audience.encodes_of(100);
        let mut lossy = opus();
        assert!(lossy.expect_loss(10));
        assert!(!lossy.expect_loss(10), "that it does already");
        for leg in &mut audience.legs[4..] {
            leg.change(&lossy);
            assert!(matches!(leg, Coding::Own(..)));
        }
        audience.formats[4..].fill(lossy.clone());
        audience.encodes_of(100);
        assert_eq!(audience.encodes_of(100), 200, "two classes");
        let packets = audience.tick(&[]);
        assert!(packets[..4].iter().all(|packet| *packet == packets[0]));
        assert!(packets[4..].iter().all(|packet| *packet == packets[4]));
        assert!(audience.classes.find(&lossy).is_some());
    });
}
