use super::{OpusApplication, OpusDecoder, OpusEncoder, OpusError, OpusFmtp, OpusSettings};
use crate::audio::saturate::is_silence;
use crate::audio::{Effort, Encoder, Format, SampleRate};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;

fn voice(rate: SampleRate, from_ms: u32, duration_ms: u32) -> Vec<i16> {
    let start = rate.samples(from_ms);
    let wave = |n: usize| {
        let turn = TAU * 150.0 * n as f64 / f64::from(rate.hertz());
        (1..20)
            .map(|harmonic| (turn * f64::from(harmonic)).sin() * 4_000.0 / f64::from(harmonic))
            .sum::<f64>()
    };
    (start..start + rate.samples(duration_ms)).map(|n| wave(n) as i16).collect()
}

pub(super) fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
}

pub(super) fn at(rate: SampleRate) -> OpusSettings {
    OpusSettings { rate, ..OpusSettings::default() }
}

pub(super) fn packets(encoder: &mut OpusEncoder, count: u32) -> Vec<Vec<u8>> {
    let rate = encoder.settings().rate;
    let mut packet = [0; 1275];
    let encode = |number| {
        let len = encoder.encode(&voice(rate, number * 20, 20), &mut packet).unwrap();
        packet[..len].to_vec()
    };
    (0..count).map(encode).collect()
}

#[test]
fn a_voice_goes_through_at_every_rate_on_either_side() {
    for from in SampleRate::ALL {
        for to in SampleRate::ALL {
            let sent = packets(&mut OpusEncoder::new(at(from)).unwrap(), 20);
            let mut decoder = OpusDecoder::new(to).unwrap();
            let mut samples = vec![0; to.samples(120)];
            let mut last = 0.0;
            for packet in sent {
                assert_eq!(decoder.packet_samples(&packet), Ok(to.samples(20)));
                assert_eq!(decoder.decode(&packet, &mut samples), Ok(to.samples(20)));
                last = energy(&samples[..to.samples(20)]);
            }
            let level_db = 10.0 * (last / energy(&voice(to, 0, 20))).log10();
            assert!(level_db.abs() < 2.0, "{from} to {to}: {level_db} dB");
        }
    }
}

#[test]
fn two_channels_are_heard_as_one() {
    let mut encoder =
        ::opus::Encoder::new(48_000, ::opus::Channels::Stereo, ::opus::Application::Audio).unwrap();
    encoder.set_force_channels(Some(::opus::Channels::Stereo)).unwrap();
    let mut decoder = OpusDecoder::new(SampleRate::Hz48000).unwrap();
    let mut samples = [0; 960];
    for number in 0..10 {
        // All on the left: half the amplitude in the middle.
        let left = voice(SampleRate::Hz48000, number * 20, 20);
        let both: Vec<i16> = left.iter().flat_map(|&sample| [sample, 0]).collect();
        let packet = encoder.encode_vec(&both, 1275).unwrap();
        assert_eq!(::opus::packet::get_nb_channels(&packet).unwrap(), ::opus::Channels::Stereo);
        assert_eq!(decoder.decode(&packet, &mut samples), Ok(960));
    }
    let level_db = 10.0 * (energy(&samples) / energy(&voice(SampleRate::Hz48000, 0, 20))).log10();
    assert!((-8.0..-4.0).contains(&level_db), "{level_db} dB");
}

#[test]
fn a_lost_packet_comes_back_from_the_next_one_better_than_by_concealment() {
    let rate = SampleRate::Hz16000;
    let settings = OpusSettings { fec: true, expected_loss_percent: 25, bitrate_bps: 24_000, ..at(rate) };
    let mut encoder = OpusEncoder::new(settings).unwrap();
    // Syllables of 90 ms with pauses of 70 ms: most lost frames are not like the one before.
    let mut turn = 0.0;
    let speech: Vec<i16> = (0..320 * 150)
        .map(|n| {
            let part = (n % 2560) as f64 / 1440.0;
            turn += TAU * (110.0 + 60.0 * part) / 16_000.0;
            let harmonics = (1..25).map(|k| (turn * f64::from(k)).sin() / f64::from(k)).sum::<f64>();
            if part < 1.0 { ((part * std::f64::consts::PI).sin() * 9_000.0 * harmonics) as i16 } else { 0 }
        })
        .collect();
    let mut packet = [0; 1275];
    let encode = |frame: &[i16]| {
        let len = encoder.encode(frame, &mut packet).unwrap();
        packet[..len].to_vec()
    };
    let sent: Vec<Vec<u8>> = speech.chunks(320).map(encode).collect();
    let error = |with_fec: bool| {
        let (mut whole, mut broken) = (OpusDecoder::new(rate).unwrap(), OpusDecoder::new(rate).unwrap());
        let (mut expected, mut heard, mut sum, mut guesses) = ([0; 320], [0; 320], 0.0, 0);
        for number in 0..sent.len() - 1 {
            whole.decode(&sent[number], &mut expected).unwrap();
            if number % 5 != 4 {
                broken.decode(&sent[number], &mut heard).unwrap();
                continue;
            }
            let behind = with_fec.then_some(&sent[number + 1][..]);
            guesses += u32::from(broken.has_to_guess(behind));
            broken.conceal(&mut heard, behind, Effort::Cheap);
            sum += (energy(&expected).sqrt() - energy(&heard).sqrt()).abs();
        }
        assert!(
            if with_fec { guesses < 15 } else { guesses == 29 },
            "{guesses}: of silence there are no copies"
        );
        sum
    };
    let (by_fec, by_guess) = (error(true), error(false));
    assert!(by_fec < 0.5 * by_guess, "{by_fec} beside {by_guess}");
}

#[test]
fn concealment_fills_any_length() {
    let mut decoder = OpusDecoder::new(SampleRate::Hz48000).unwrap();
    let mut samples = vec![0; 5760];
    for packet in packets(&mut OpusEncoder::new(at(SampleRate::Hz48000)).unwrap(), 10) {
        decoder.decode(&packet, &mut samples).unwrap();
    }
    for len in [0, 1, 119, 480, 960, 961, 5760, 9000] {
        let mut gap = vec![i16::MAX; len];
        decoder.conceal(&mut gap, None, Effort::Thorough);
        assert!(gap.iter().all(|&sample| sample != i16::MAX), "{len}");
    }
    let mut first = vec![1; 960];
    OpusDecoder::new(SampleRate::Hz48000).unwrap().conceal(&mut first, None, Effort::Thorough);
    assert_eq!(first, [0; 960], "nothing came yet");
}

#[test]
fn a_thorough_concealment_is_another_than_a_cheap_one_and_the_voice_goes_on_after_either() {
    for rate in [SampleRate::Hz16000, SampleRate::Hz48000] {
        let len = rate.samples(20);
        let sent = packets(&mut OpusEncoder::new(at(rate)).unwrap(), 30);
        let [cheap, thorough] = [Effort::Cheap, Effort::Thorough].map(|effort| {
            let mut decoder = OpusDecoder::new(rate).unwrap();
            let (mut samples, mut gap) = (vec![0; len], vec![0; len]);
            sent[..20].iter().for_each(|packet| assert_eq!(decoder.decode(packet, &mut samples), Ok(len)));
            decoder.conceal(&mut gap, None, effort);
            sent[21..].iter().for_each(|packet| assert_eq!(decoder.decode(packet, &mut samples), Ok(len)));
            assert!(energy(&gap) > 0.3 * energy(&samples), "{rate}, {effort:?}: {}", energy(&gap));
            (gap, samples)
        });
        assert_ne!(cheap.0, thorough.0, "{rate}: deep concealment is built in");
        let apart_db = difference_db(&cheap.1, &thorough.1);
        assert!(apart_db < -15.0, "{rate}: {apart_db} dB apart 200 ms later");
    }
}

#[test]
fn silence_is_not_sent_when_dtx_is_on() {
    let count_sent = |dtx| {
        let mut encoder = OpusEncoder::new(OpusSettings { dtx, ..at(SampleRate::Hz16000) }).unwrap();
        let mut packet = [0; 1275];
        (0..100).filter(|_| encoder.encode(&[0; 320], &mut packet).unwrap() > 0).count()
    };
    assert_eq!(count_sent(false), 100);
    assert!(count_sent(true) < 40, "{}", count_sent(true));
}

#[test]
fn what_the_receiver_asks_for_bounds_what_is_sent() {
    let ours = OpusSettings { dtx: true, ..at(SampleRate::Hz48000) };
    let silent = ours.honouring(&OpusFmtp::default());
    assert!(!silent.fec && !silent.dtx && !silent.constant_bitrate);
    assert_eq!((silent.bitrate_bps, silent.max_playback_rate_hz), (32_000, 48_000));
    let asked = OpusFmtp {
        max_playback_rate_hz: Some(16_000),
        max_average_bitrate_bps: Some(20_000),
        constant_bitrate: true,
        use_inband_fec: true,
        use_dtx: true,
        stereo: true,
    };
    let honoured = ours.honouring(&asked);
    assert!(honoured.fec && honoured.dtx && honoured.constant_bitrate);
    assert_eq!((honoured.bitrate_bps, honoured.max_playback_rate_hz), (20_000, 16_000));
    let absurd = OpusFmtp { max_average_bitrate_bps: Some(1), max_playback_rate_hz: Some(0), ..asked };
    assert_eq!(ours.honouring(&absurd).bitrate_bps, 6_000);
    assert!(OpusEncoder::new(ours.honouring(&absurd)).is_ok());
}

#[test]
fn settings_change_in_mid_stream() {
    let mut encoder = OpusEncoder::new(at(SampleRate::Hz48000)).unwrap();
    let wide = packets(&mut encoder, 10);
    assert_eq!(::opus::packet::get_bandwidth(&wide[9]).unwrap(), ::opus::Bandwidth::Fullband);
    let narrow = OpusSettings {
        bitrate_bps: 12_000,
        constant_bitrate: true,
        max_playback_rate_hz: 8_000,
        complexity: 99,
        expected_loss_percent: 200,
        application: OpusApplication::LowDelay,
        rate: SampleRate::Hz8000,
        ..OpusSettings::default()
    };
    encoder.reconfigure(&narrow).unwrap();
    let kept = (encoder.settings().rate, encoder.settings().application);
    assert_eq!(kept, (SampleRate::Hz48000, OpusApplication::Voip));
    // The band of a voice that goes on is narrowed step by step, over seconds.
    let after = packets(&mut encoder, 500);
    assert_eq!(::opus::packet::get_bandwidth(&after[499]).unwrap(), ::opus::Bandwidth::Narrowband);
    // 12 kbit/s of 20 ms.
    assert!(after.iter().all(|packet| packet.len() == 30));
}

#[test]
fn copies_of_the_last_packet_are_sent_from_when_loss_is_expected_and_as_long_as_it_is() {
    let mut format = Format::Opus(at(SampleRate::Hz16000));
    let (mut encoder, decoder) =
        (Encoder::new(&format).unwrap(), OpusDecoder::new(SampleRate::Hz16000).unwrap());
    let mut packet = [0; 1275];
    for (percent, changes) in [(0, false), (10, true), (10, false), (0, true)] {
        assert_eq!(format.expect_loss(percent), changes);
        encoder.reconfigure(&format).unwrap();
        let sound = speech(SampleRate::Hz16000, 1_000);
        let has_copy = |frame: &&[i16]| {
            let len = encoder.encode(frame, &mut packet).unwrap();
            !decoder.has_to_guess(Some(&packet[..len]))
        };
        let copies = sound.chunks_exact(320).filter(has_copy).count();
        assert!(if percent == 0 { copies <= 1 } else { copies > 25 }, "{copies} at {percent} %");
    }
    let without = OpusSettings { fec: false, ..OpusSettings::default() };
    assert!(!Format::Opus(without).expect_loss(10) && !Format::Pcmu.expect_loss(10));
}

#[test]
fn garbage_is_refused_or_decoded_and_nothing_else() {
    let iterations =
        std::env::var("ANTIPHON_FUZZ_ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000_u64);
    let mut decoder = OpusDecoder::new(SampleRate::Hz16000).unwrap();
    let real = packets(&mut OpusEncoder::new(at(SampleRate::Hz16000)).unwrap(), 5);
    let mut samples = vec![0; SampleRate::Hz16000.samples(120)];
    assert_eq!(decoder.decode(&[], &mut samples), Err(OpusError::InvalidPacket));
    decoder.conceal(&mut samples[..320], Some(&[]), Effort::Cheap);
    assert_eq!(decoder.packet_samples(&[]), Err(OpusError::InvalidPacket));
    for seed in 0..iterations {
        let mut random = StdRng::seed_from_u64(seed);
        let mut packet = real[seed as usize % real.len()].clone();
        if random.random() {
            packet = (0..random.random_range(1..200)).map(|_| random.random()).collect();
        }
        for _ in 0..random.random_range(0..4) {
            let at = random.random_range(0..packet.len());
            packet[at] = random.random();
        }
        let announced = decoder.packet_samples(&packet);
        if let Ok(len) = decoder.decode(&packet, &mut samples) {
            assert_eq!(announced, Ok(len), "seed {seed}");
        }
        let effort = if random.random_ratio(1, 20) { Effort::Thorough } else { Effort::Cheap };
        decoder.conceal(&mut samples[..320], Some(&packet), effort);
    }
}

/// Syllables of a gliding pitch, with noise between: harder to follow than a steady tone.
pub(super) fn speech(rate: SampleRate, duration_ms: u32) -> Vec<i16> {
    let mut random = StdRng::seed_from_u64(7);
    let (mut turn, hertz) = (0.0, f64::from(rate.hertz()));
    let sample = |n: usize| {
        let ms = n as f64 * 1000.0 / hertz;
        turn += TAU * (130.0 + 50.0 * (ms / 170.0).sin()) / hertz;
        let loudness = (ms / 60.0).sin().max(0.05);
        let voiced: f64 = (1..20).map(|h| (turn * f64::from(h)).sin() / f64::from(h)).sum();
        (loudness * (voiced * 4_000.0 + random.random_range(-300.0..300.0))) as i16
    };
    (0..rate.samples(duration_ms)).map(sample).collect()
}

/// Decibels of what `sound` differs by from `other`, to its own level.
fn difference_db(sound: &[i16], other: &[i16]) -> f64 {
    let difference: Vec<i16> = sound.iter().zip(other).map(|(a, b)| a.saturating_sub(*b)).collect();
    10.0 * ((energy(&difference) + 1.0) / (energy(sound) + 1.0)).log10()
}

/// What a packet sounds like to a decoder.
fn heard(decoder: &mut OpusDecoder, packet: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; 960];
    assert_eq!(decoder.decode(packet, &mut samples), Ok(960));
    samples
}

#[test]
fn a_decoder_goes_over_to_another_encoder_of_the_same_sound_at_an_independent_packet_unheard() {
    for bitrate_bps in [12_000, 24_000, 32_000, 64_000] {
        for complexity in [0, 5, 10] {
            let settings = OpusSettings { bitrate_bps, complexity, ..OpusSettings::default() };
            let new = || OpusEncoder::new(settings.clone()).unwrap();
            let (mut theirs, mut own) = (new(), new());
            let decoder = || OpusDecoder::new(SampleRate::Hz48000).unwrap();
            let (mut follower, mut joiner) = (decoder(), decoder());
            let mut packet = [0; 1275];
            let mut apart_db = Vec::new();
            for (number, frame) in speech(SampleRate::Hz48000, 2_500).chunks_exact(960).enumerate() {
                let len = match number {
                    100 => theirs.encode_independent(frame, &mut packet).unwrap(),
                    _ => theirs.encode(frame, &mut packet).unwrap(),
                };
                let follows = heard(&mut follower, &packet[..len]);
                if (37..100).contains(&number) {
                    let len = own.encode(frame, &mut packet).unwrap();
                    apart_db.push(difference_db(&follows, &heard(&mut joiner, &packet[..len])));
                } else if number >= 100 {
                    apart_db.push(difference_db(&follows, &heard(&mut joiner, &packet[..len])));
                }
            }
            let (before, after) = apart_db.split_at(63);
            let usual_db = before[40..].iter().sum::<f64>() / 23.0;
            let case = format!("{bitrate_bps} bit/s, complexity {complexity}: {usual_db:.0}, {after:.0?}");
            // Two encoders of the same sound differ by more than the change-over does, and then they are one.
            assert!(after[0] < usual_db + 3.0, "{case}");
            assert!(after[1..].iter().all(|&db| db < -32.0), "{case}");
        }
    }
}

#[test]
fn a_copied_encoder_goes_on_exactly_where_its_original_is() {
    let mut original = OpusEncoder::new(OpusSettings::default()).unwrap();
    let sound = speech(SampleRate::Hz48000, 400);
    let (before, after) = sound.split_at(9_600);
    let (mut packet, mut copied) = ([0; 1275], [0; 1275]);
    before.chunks_exact(960).for_each(|frame| assert!(original.encode(frame, &mut packet).unwrap() > 0));
    let mut copy = original.clone();
    for frame in after.chunks_exact(960) {
        let len = original.encode(frame, &mut packet).unwrap();
        assert_eq!(copy.encode(frame, &mut copied), Ok(len));
        assert_eq!(packet[..len], copied[..len]);
    }
}

#[test]
fn coded_silence_is_known_as_silence() {
    for rate in [SampleRate::Hz16000, SampleRate::Hz48000] {
        for bitrate_bps in [12_000, 24_000, 32_000, 64_000] {
            let mut encoder = OpusEncoder::new(OpusSettings { bitrate_bps, ..at(rate) }).unwrap();
            let mut decoder = OpusDecoder::new(SampleRate::Hz48000).unwrap();
            let mut packet = [0; 1275];
            for number in 0..100 {
                let len = encoder.encode(&vec![0; rate.samples(20)], &mut packet).unwrap();
                let samples = heard(&mut decoder, &packet[..len]);
                assert!(is_silence(&samples), "{rate}, {bitrate_bps} bit/s, packet {number}");
            }
        }
    }
}

#[test]
fn a_limited_encoder_is_one_of_less_complexity_until_the_limit_is_gone() {
    let complexity =
        |complexity| OpusEncoder::new(OpusSettings { complexity, ..at(SampleRate::Hz48000) }).unwrap();
    let (mut plain, mut limited) = (complexity(0), complexity(9));
    limited.limit_complexity(0).unwrap();
    assert_eq!(packets(&mut limited, 20), packets(&mut plain, 20));
    limited.limit_complexity(10).unwrap();
    assert_ne!(packets(&mut limited, 20), packets(&mut plain, 20));
}
