use super::{Gap, ReceiveFormat, Scratch, Voice};
use crate::audio::opus::OpusSettings;
use crate::audio::{Decoder, Effort, Encoder, Format, SampleRate};
use crate::rtp::Timestamp;
use crate::rtp::jitter_buffer::{Behind, Packet, Stretch};
use crate::worker::testing::{allocations, on_worker, stack_of};
use std::time::{Duration, Instant};

fn packet(payload: &[u8]) -> Packet<'_> {
    Packet { payload_type: 0, payload, timestamp: Timestamp(0), skip: 0, stretch: Stretch::None }
}

/// A gap of so many units with this packet right behind it.
fn gap(units: u32, next: Option<Packet<'_>>) -> Gap<'_> {
    let behind = next.map(|packet| Behind { packet, ahead_units: units });
    Gap { due: Instant::now(), units, next, behind }
}

/// 20 ms of 200 Hz.
fn tone(rate_hz: usize) -> Vec<i16> {
    (0..rate_hz / 50).map(|n| if (n * 400 / rate_hz).is_multiple_of(2) { 8_000 } else { -8_000 }).collect()
}

#[test]
fn what_comes_after_a_pause_is_not_led_over_from_what_was_concealed_before_it() {
    on_worker(|worker| {
        for format in [Format::Pcmu, Format::L16(SampleRate::Hz8000), Format::G722] {
            let mut encoder = Encoder::new(&format).unwrap();
            let frame_samples = format.rate().samples(20);
            let (mut loud, mut quiet) = (vec![0; 2_000], vec![0; 2_000]);
            let len = encoder.encode(&tone(frame_samples * 50), &mut loud).unwrap();
            encoder.encode(&vec![0; frame_samples], &mut quiet).unwrap();
            let heard = |pauses: bool| {
                let formats = vec![ReceiveFormat { payload_type: 0, format: format.clone() }];
                let (mut voice, mut scratch) = (Voice::new(formats, 20).unwrap(), Scratch::default());
                let mut frame = vec![0; frame_samples];
                let units = format.clock_rate_hz() / 50;
                for _ in 0..5 {
                    voice.play(worker, &mut scratch, &packet(&loud[..len]), true, &mut frame);
                    assert!(voice.take_frame(&mut frame));
                }
                if pauses {
                    voice.conceal(worker, &mut scratch, &gap(units, None));
                    assert!(voice.take_frame(&mut frame));
                }
                voice.pause(worker, &mut scratch, units, None);
                assert!(voice.take_frame(&mut frame));
                voice.play(worker, &mut scratch, &packet(&quiet[..len]), true, &mut frame);
                assert!(voice.take_frame(&mut frame));
                frame
            };
            assert_eq!(heard(true), heard(false), "{format:?}");
        }
    });
}

#[test]
fn the_second_gap_of_a_stream_allocates_nothing() {
    on_worker(|worker| {
        for format in [Format::Pcma, Format::L16(SampleRate::Hz48000), Format::G722] {
            let mut encoder = Encoder::new(&format).unwrap();
            let (mut payload, mut frame) = (vec![0; 2_000], vec![0; format.rate().samples(20)]);
            let len = encoder.encode(&tone(frame.len() * 50), &mut payload).unwrap();
            let formats = vec![ReceiveFormat { payload_type: 0, format: format.clone() }];
            let (mut voice, mut scratch) = (Voice::new(formats, 20).unwrap(), Scratch::default());
            let packet = packet(&payload[..len]);
            let mut gap_with_voice = |behind: Option<&Packet<'_>>| {
                let before = allocations();
                voice.play(worker, &mut scratch, &packet, true, &mut frame);
                assert!(voice.take_frame(&mut frame));
                voice.conceal(worker, &mut scratch, &gap(format.clock_rate_hz() / 50, behind.copied()));
                assert!(voice.take_frame(&mut frame));
                allocations() - before
            };
            gap_with_voice(Some(&packet));
            gap_with_voice(None);
            assert_eq!(gap_with_voice(None) + gap_with_voice(Some(&packet)), 0, "{format:?}");
        }
    });
}

#[test]
fn a_decoder_that_knows_of_the_packet_before_the_first_begins_at_the_right_level() {
    on_worker(|worker| {
        let format = Format::Opus(OpusSettings { bitrate_bps: 32_000, ..OpusSettings::default() });
        let mut encoder = Encoder::new(&format).unwrap();
        let mut coded = |number: usize| {
            let turn = |n: usize| std::f32::consts::TAU * 1475.0 * (960 * number + n) as f32 / 48_000.0;
            let samples: Vec<i16> = (0..960).map(|n| (3_277.0 * turn(n).sin()) as i16).collect();
            let mut payload = vec![0; 2_000];
            let len = worker.on_codec_stack(|| encoder.encode(&samples, &mut payload)).unwrap();
            payload[..len].to_vec()
        };
        let (before, first) = (coded(0), coded(1));
        let peak = |is_foreseen: bool| {
            let formats = vec![ReceiveFormat { payload_type: 0, format: format.clone() }];
            let (mut voice, mut scratch) = (Voice::new(formats, 20).unwrap(), Scratch::default());
            if is_foreseen {
                voice.foresee(0, &before);
                voice.foresee(1, &[0; 3]); // of a format that is not expected
            }
            let mut frame = vec![0; 960];
            voice.play(worker, &mut scratch, &packet(&first), true, &mut frame);
            assert!(voice.take_frame(&mut frame));
            frame.iter().map(|sample| sample.unsigned_abs()).max()
        };
        assert!(peak(false) < Some(2_000), "{:?}", peak(false));
        assert!((Some(3_000)..Some(3_600)).contains(&peak(true)), "{:?}", peak(true));
    });
}

#[test]
fn where_silence_was_last_and_nothing_is_behind_silence_goes_on_for_nothing() {
    on_worker(|worker| {
        let format = Format::Opus(OpusSettings::default());
        let mut encoder = Encoder::new(&format).unwrap();
        let mut coded = |samples: &[i16]| {
            let mut payload = vec![0; 2_000];
            let len = encoder.encode(samples, &mut payload).unwrap();
            payload[..len].to_vec()
        };
        let (silent, loud) = (coded(&[0; 960]), coded(&tone(48_000)));
        // How many thorough concealments are left of six in this frame, and whether silence was heard.
        let after = |last: &[u8], behind: bool| {
            let formats = vec![ReceiveFormat { payload_type: 0, format: format.clone() }];
            let (mut voice, mut scratch) = (Voice::new(formats, 20).unwrap(), Scratch::default());
            let mut frame = vec![1; 960];
            voice.play(worker, &mut scratch, &packet(last), true, &mut frame);
            assert!(voice.take_frame(&mut frame));
            let gap = gap(960, behind.then(|| packet(&loud)));
            voice.conceal(worker, &mut scratch, &gap);
            assert!(voice.take_frame(&mut frame));
            let mut spend = || scratch.efforts.spend(gap.due, Duration::from_millis(20));
            let left = (0..6).filter(|_| spend() == Effort::Thorough).count();
            (left, frame.iter().all(|sample| *sample == 0))
        };
        assert_eq!(after(&silent, false), (6, true));
        assert_eq!(after(&silent, true).0, 5, "a word may have begun in the gap");
        assert_eq!(after(&loud, false), (5, false));
    });
}

fn decodes(decoder: &mut Decoder, payload: &[u8], samples: &mut [i16]) {
    assert_eq!(decoder.decode(payload, samples), Ok(960));
}

/// A codec stack has room for twice as much at the least; the laps of a leg are on it too.
#[test]
fn the_deepest_work_of_opus_needs_half_of_the_smallest_codec_stack_at_most() {
    let format = Format::Opus(OpusSettings { complexity: 10, ..OpusSettings::default() });
    let (mut encoder, mut decoder) = (Encoder::new(&format).unwrap(), Decoder::new(&format).unwrap());
    let (tone, mut payload, mut samples) = (tone(48_000), vec![0; 2_000], vec![0; 5_760]);
    let (mut len, mut encoding, mut decoding, mut concealing) = (0, 0, 0, [0; 2]);
    for _ in 0..10 {
        encoding = encoding.max(stack_of(|| len = encoder.encode(&tone, &mut payload).unwrap()));
        decoding = decoding.max(stack_of(|| decodes(&mut decoder, &payload[..len], &mut samples)));
    }
    for (most, effort) in concealing.iter_mut().zip([Effort::Cheap, Effort::Thorough]) {
        for _ in 0..5 {
            *most = stack_of(|| decoder.conceal(&mut samples[..960], None, effort)).max(*most);
            decoding = decoding.max(stack_of(|| decodes(&mut decoder, &payload[..len], &mut samples)));
        }
    }
    let deepest = [encoding, decoding, concealing[0], concealing[1]];
    assert!(deepest.iter().all(|octets| *octets <= 128 << 10), "{deepest:?}");
}
