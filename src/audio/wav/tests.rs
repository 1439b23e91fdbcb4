use super::{Wav, WavError};
use crate::audio::SampleRate;
use crate::audio::g711::Law;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::io::Cursor;

fn file(tag: u16, channels: u16, rate_hz: u32, bits: u16, samples: &[u8]) -> Vec<u8> {
    let frame_octets = channels * bits / 8;
    let fields = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    let rates = [rate_hz.to_le_bytes(), (rate_hz * u32::from(frame_octets)).to_le_bytes()].concat();
    let format = [&fields[..], &rates, &frame_octets.to_le_bytes(), &bits.to_le_bytes()].concat();
    // A chunk of odd length that no one knows stands between.
    let chunks = [&b"WAVEfmt "[..], &16_u32.to_le_bytes(), &format, b"LIST\x03\0\0\0abc\0data"].concat();
    let len = samples.len() as u32;
    [&b"RIFF"[..], &(chunks.len() as u32 + len + 4).to_le_bytes(), &chunks, &len.to_le_bytes(), samples]
        .concat()
}

#[test]
fn what_is_written_is_read_by_others_and_by_us() {
    let wav = Wav { rate_hz: 16_000, samples: vec![0, 1, -1, i16::MAX, i16::MIN] };
    let bytes = wav.to_bytes();
    assert_eq!(Wav::parse(&bytes), Ok(wav.clone()));
    let mut reader = WavReader::new(Cursor::new(bytes)).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1));
    assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), wav.samples);
}

#[test]
fn files_of_others_are_read_their_channels_averaged() {
    for bits in [8, 16, 24] {
        let spec = WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: bits,
            sample_format: SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for value in [100, 50, -100, -50, 0, 2] {
            writer.write_sample(value << (bits - 8)).unwrap();
        }
        writer.finalize().unwrap();
        let wav = Wav::parse(bytes.get_ref()).unwrap();
        assert_eq!((wav.rate_hz, wav.samples), (44_100, vec![75 << 8, -75 << 8, 1 << 8]), "{bits} bits");
    }
}

#[test]
fn both_laws_and_chunks_of_odd_length_are_read() {
    let octets: Vec<u8> = (0..=255).collect();
    for (tag, law) in [(6, Law::A), (7, Law::Mu)] {
        let mut samples = vec![0; 256];
        law.decode(&octets, &mut samples);
        assert_eq!(Wav::parse(&file(tag, 1, 8_000, 8, &octets)), Ok(Wav { rate_hz: 8_000, samples }));
    }
}

#[test]
fn a_length_that_was_never_filled_in_means_all_the_rest() {
    let mut bytes = file(1, 1, 8_000, 16, &[1, 0, 2, 0]);
    let at = bytes.len() - 8;
    bytes[at..at + 4].fill(0xFF);
    assert_eq!(Wav::parse(&bytes).unwrap().samples, [1, 2]);
}

#[test]
fn what_cannot_be_played_is_refused_by_its_reason() {
    assert_eq!(Wav::parse(b""), Err(WavError::NotWave));
    assert_eq!(Wav::parse(b"RIFF\0\0\0\0AVI LIST"), Err(WavError::NotWave));
    assert_eq!(Wav::parse(b"RIFF\0\0\0\0WAVE"), Err(WavError::NoFormat));
    assert_eq!(Wav::parse(b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab"), Err(WavError::NoFormat));
    assert_eq!(Wav::parse(&file(1, 1, 8_000, 16, &[])), Err(WavError::NoSamples));
    assert_eq!(Wav::parse(&file(3, 1, 8_000, 32, &[0; 4])), Err(WavError::Coding { tag: 3, bits: 32 }));
    assert_eq!(Wav::parse(&file(1, 0, 8_000, 16, &[0; 4])), Err(WavError::Channels(0)));
    assert_eq!(Wav::parse(&file(1, 9, 8_000, 16, &[0; 36])), Err(WavError::Channels(9)));
    assert_eq!(Wav::parse(&file(1, 1, 0, 16, &[0; 4])), Err(WavError::Rate(0)));
}

#[test]
fn a_recording_is_brought_to_the_rate_of_the_bus() {
    let samples = vec![1_000; 22_050];
    let wav = Wav { rate_hz: 22_050, samples };
    let converted = wav.at_rate(SampleRate::Hz8000);
    assert_eq!(converted.len(), 8_000);
    assert!(converted[100..7_900].iter().all(|&sample| sample == 1_000));
    assert_eq!(Wav { rate_hz: 8_000, ..wav.clone() }.at_rate(SampleRate::Hz8000), wav.samples);
}

#[test]
fn mangled_files_are_refused_or_read_and_nothing_else() {
    let iterations =
        std::env::var("ANTIPHON_FUZZ_ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000_u64);
    let whole = file(1, 2, 8_000, 16, &[7; 64]);
    for seed in 0..iterations {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(0..=bytes.len()));
        if let Ok(wav) = Wav::parse(&bytes) {
            assert!(wav.samples.len() <= bytes.len(), "seed {seed}");
        }
    }
}
