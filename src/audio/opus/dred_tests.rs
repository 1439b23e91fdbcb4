use super::tests::{at, energy, packets, speech};
use super::{MAX_DRED_MS, OpusDecoder, OpusDred, OpusEncoder, OpusSettings};
use crate::audio::{Effort, SampleRate};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The rates whose packets' redundancy is of use.
const WIDE: [SampleRate; 3] = [SampleRate::Hz16000, SampleRate::Hz24000, SampleRate::Hz48000];

/// Packets of 3 s of speech: with deep redundancy, or with copies of the packet before alone.
fn sent(rate: SampleRate, redundant: bool) -> Vec<Vec<u8>> {
    let dred_ms = if redundant { 500 } else { 0 };
    let settings =
        OpusSettings { bitrate_bps: 64_000, expected_loss_percent: 10, fec: !redundant, dred_ms, ..at(rate) };
    let mut encoder = OpusEncoder::new(settings).unwrap();
    let mut packet = [0; 1275];
    let encode = |frame: &[i16]| {
        let len = encoder.encode(frame, &mut packet).unwrap();
        packet[..len].to_vec()
    };
    speech(rate, 3_000).chunks_exact(rate.samples(20)).map(encode).collect()
}

/// Loses ten packets in thirty, in a row, and fills the gap from `dred` or, without, from the copy and by the network alone.
/// How far it is from what was sent, in dB: the mean difference of the levels of 10 ms.
fn off_by_db(rate: SampleRate, sent: &[Vec<u8>], mut dred: Option<&mut OpusDred>) -> f64 {
    let (mut whole, mut broken) = (OpusDecoder::new(rate).unwrap(), OpusDecoder::new(rate).unwrap());
    let len = rate.samples(20);
    let (mut expected, mut heard, mut off) = (vec![0; len], vec![0; len], Vec::new());
    for number in 0..sent.len() / 30 * 30 - 10 {
        whole.decode(&sent[number], &mut expected).unwrap();
        let behind = number - number % 30 + 30;
        if number < 30 || number % 30 < 20 {
            broken.decode(&sent[number], &mut heard).unwrap();
            continue;
        }
        let next = (number + 1 == behind).then_some(&sent[behind][..]);
        match &mut dred {
            Some(dred) => {
                let recovered = broken.recover(dred, &sent[behind], (behind - number) * len, &mut heard);
                assert!(recovered, "{rate}: packet {behind} reaches back to {number}");
            }
            None => broken.conceal(&mut heard, next, Effort::Thorough),
        }
        let level_db = |samples: &[i16]| 10.0 * (energy(samples) + 10_000.0).log10();
        let parts = expected.chunks(len / 2).zip(heard.chunks(len / 2));
        off.extend(parts.map(|(expected, heard)| (level_db(expected) - level_db(heard)).abs()));
    }
    off.iter().sum::<f64>() / off.len() as f64
}

#[test]
fn gaps_of_200_ms_are_filled_from_the_packet_behind_them_nearer_to_the_voice_than_by_a_copy_and_a_guess() {
    for from in WIDE {
        for to in SampleRate::ALL {
            let by_dred = off_by_db(to, &sent(from, true), Some(&mut OpusDred::new().unwrap()));
            let by_guess = off_by_db(to, &sent(from, false), None);
            // 1.9 to 2.6 dB beside 6.7 to 7.2 dB.
            assert!(by_dred < 0.5 * by_guess, "{from} to {to}: {by_dred} dB beside {by_guess} dB");
        }
    }
}

#[test]
fn one_reader_serves_many_decoders_in_turn() {
    let rate = SampleRate::Hz16000;
    let (sent, len) = (sent(rate, true), rate.samples(20));
    let fill = |behind: [usize; 2], one_reader: bool| {
        let mut readers = [OpusDred::new().unwrap(), OpusDred::new().unwrap()];
        let mut decoders = [OpusDecoder::new(rate).unwrap(), OpusDecoder::new(rate).unwrap()];
        let (mut heard, mut all) = (vec![0; len], Vec::new());
        for (decoder, behind) in decoders.iter_mut().zip(behind) {
            for packet in &sent[..behind - 5] {
                decoder.decode(packet, &mut heard).unwrap();
            }
        }
        for missing in (1..=5).rev() {
            for stream in 0..2 {
                let reader = &mut readers[if one_reader { 0 } else { stream }];
                let (decoder, packet) = (&mut decoders[stream], &sent[behind[stream]]);
                assert!(decoder.recover(reader, packet, missing * len, &mut heard));
                all.extend_from_slice(&heard);
                if missing == 3 {
                    reader.reach_ms(&sent[behind[stream] + 1]);
                }
            }
        }
        all
    };
    assert_eq!(fill([60, 90], true), fill([60, 90], false));
    assert_eq!(fill([60, 60], true), fill([60, 60], false));
}

#[test]
fn what_is_further_back_than_a_packet_reaches_is_not_filled_from_it() {
    for rate in WIDE {
        let (sent, len) = (sent(rate, true), rate.samples(20));
        let (mut decoder, mut dred) = (OpusDecoder::new(rate).unwrap(), OpusDred::new().unwrap());
        let mut heard = vec![0; len];
        let mut recover = |number: usize, missing: usize| {
            decoder.recover(&mut dred, &sent[number], missing * len, &mut heard)
        };
        let most = MAX_DRED_MS as usize / 20;
        assert!(recover(100, most) && !recover(100, most + 1), "{rate}");
        // At the beginning there is not so much yet.
        let begun = (0..60).find(|&number| recover(number, 1)).unwrap();
        assert!(!recover(begun, most) && !recover(begun, most / 2), "{rate}: {begun}");
    }
}

#[test]
fn packets_say_how_far_their_redundancy_reaches() {
    let mut dred = OpusDred::new().unwrap();
    let sent = sent(SampleRate::Hz48000, true);
    let reaches: Vec<u32> = sent.iter().map(|packet| dred.reach_ms(packet)).collect();
    // It grows from nothing, and is less where there is nothing but silence before.
    assert!(reaches[..16].is_sorted() && reaches[0] == 0, "{reaches:?}");
    let full = reaches[20..].iter().filter(|&&reach_ms| reach_ms == MAX_DRED_MS).count();
    assert!(full > 110 && reaches.iter().all(|&reach_ms| reach_ms <= MAX_DRED_MS), "{reaches:?}");
    let plain = packets(&mut OpusEncoder::new(at(SampleRate::Hz48000)).unwrap(), 20);
    assert!(plain.iter().all(|packet| dred.reach_ms(packet) == 0));
}

#[test]
fn that_of_narrow_packets_is_of_no_use_and_is_not_waited_for() {
    let mut dred = OpusDred::new().unwrap();
    let sent = sent(SampleRate::Hz8000, true);
    assert!(sent.iter().any(|packet| packet[0] & 3 == 3 && packet[1] & 0x40 != 0), "there is padding");
    assert!(sent.iter().all(|packet| dred.reach_ms(packet) == 0));
}

#[test]
fn garbage_has_no_redundancy_or_some_and_nothing_else() {
    let sent = sent(SampleRate::Hz16000, true);
    let (mut decoder, mut dred) = (OpusDecoder::new(SampleRate::Hz16000).unwrap(), OpusDred::new().unwrap());
    let (mut samples, mut recovered) = (vec![0; 320], 0);
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut packet = sent[seed as usize % sent.len()].clone();
        for _ in 0..random.random_range(0..4) {
            let at = random.random_range(0..packet.len());
            packet[at] = random.random();
        }
        if random.random() {
            packet.truncate(random.random_range(0..=packet.len()));
        }
        let ahead = 320 * random.random_range(0..20);
        assert!(dred.reach_ms(&packet) <= MAX_DRED_MS, "seed {seed}");
        if decoder.recover(&mut dred, &packet, ahead, &mut samples) {
            recovered += 1;
        } else {
            decoder.conceal(&mut samples, Some(&packet), Effort::Cheap);
        }
    }
    assert!((50..250).contains(&recovered), "{recovered} were good for something");
}

#[test]
fn reading_takes_the_memory_that_it_is_said_to() {
    assert!((12 << 10..15 << 10).contains(&OpusDred::new().unwrap().memory_octets()));
}
