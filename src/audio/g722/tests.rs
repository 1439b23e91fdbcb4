use super::{G722Decoder, G722Encoder};
use std::f64::consts::TAU;

/// Numbers that look random, the same everywhere.
fn numbers(seed: u32) -> impl FnMut() -> i32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i32
    }
}

/// Squares of all pitches, noise of all levels, and all but silence, by turns.
fn signal(seed: u32) -> Vec<i16> {
    let mut next = numbers(seed);
    let mut samples = Vec::new();
    for piece in 0..60 {
        let (level, period) = (next() >> 2, 2 + next() % 64);
        for n in 0..300 {
            let noise = next() - 32_768;
            samples.push(match piece % 3 {
                0 if n % period < period / 2 => level as i16,
                0 => -level as i16,
                1 => ((level * noise) >> 15) as i16,
                _ => (noise >> 14) as i16,
            });
        }
    }
    samples
}

fn encode(samples: &[i16]) -> Vec<u8> {
    let mut octets = vec![0; samples.len() / 2];
    G722Encoder::default().encode(samples, &mut octets);
    octets
}

fn decode(octets: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; octets.len() * 2];
    G722Decoder::default().decode(octets, &mut samples);
    samples
}

/// FNV-1a of 64 bits.
fn hash(octets: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn hash_of_samples(samples: &[i16]) -> u64 {
    hash(samples.iter().flat_map(|sample| sample.to_le_bytes()))
}

/// What libg722 1.2.8 makes of the same: of the signal, of that decoded, and of octets at random.
const KNOWN: [(u32, u64, u64, u64); 3] = [
    (1, 0xca97e048d5e21a6d, 0xbb3909298275120d, 0xd1200c49aca82f1d),
    (2, 0x38b087b93dfcea9c, 0x8cecd51abd473f4a, 0x93a98f892b685ea7),
    (3, 0x154b6b7e85188cd5, 0xb271955ea4af1d7c, 0xa33272c31f70ef0c),
];

#[test]
fn every_octet_and_every_sample_is_that_of_another_implementation() {
    for (seed, encoded, decoded, decoded_noise) in KNOWN {
        let octets = encode(&signal(seed));
        assert_eq!(hash(octets.iter().copied()), encoded, "encoding, seed {seed}");
        assert_eq!(hash_of_samples(&decode(&octets)), decoded, "decoding, seed {seed}");
        let mut next = numbers(seed);
        let noise: Vec<u8> = (0..9_000).map(|_| (next() >> 8) as u8).collect();
        assert_eq!(hash_of_samples(&decode(&noise)), decoded_noise, "decoding noise, seed {seed}");
    }
}

#[test]
fn tones_of_both_bands_come_back_at_their_level() {
    for hertz in [200.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
        let tone: Vec<i16> =
            (0..16_000).map(|n| (8_000.0 * (TAU * hertz * f64::from(n) / 16_000.0).sin()) as i16).collect();
        let back = decode(&encode(&tone));
        // The two filters delay by 22 samples.
        let (sent, heard) = (&tone[1_000..15_000], &back[1_022..15_022]);
        let energy =
            |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
        let signal = energy(&mut sent.iter().map(|&sample| f64::from(sample)));
        let noise = energy(&mut sent.iter().zip(heard).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        let snr_db = 10.0 * (signal / noise).log10();
        assert!(snr_db > if hertz < 4_000.0 { 25.0 } else { 12.0 }, "{hertz} Hz: {snr_db:.1} dB");
    }
}

#[test]
fn a_clone_goes_on_exactly_where_its_original_is() {
    let samples = signal(9);
    let (first, second) = samples.split_at(5_000);
    let (mut encoder, mut octets) = (G722Encoder::default(), vec![0; 2_500]);
    encoder.encode(first, &mut octets);
    let (mut ours, mut theirs) = (vec![0; second.len() / 2], vec![0; second.len() / 2]);
    let mut clone = encoder.clone();
    encoder.encode(second, &mut ours);
    clone.encode(second, &mut theirs);
    assert_eq!(ours, theirs);
}

#[test]
fn the_loudest_that_there_is_overflows_nothing() {
    for period in [1, 2, 3, 4, 7, 16, 50] {
        let loud: Vec<i16> =
            (0..8_000).map(|n| if n / period % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        assert_eq!(decode(&encode(&loud)).len(), loud.len());
    }
    for octet in 0..=255 {
        decode(&[octet; 2_000]);
    }
}
