//! Codecs by frames of 20 ms: G.711 and G.722 both ways, Opus by complexity, resampling by pairs of rates, concealment,
//! noise suppression.

use std::hint::black_box;

use antiphon::audio::denoise::Denoiser;
use antiphon::audio::opus::OpusSettings;
use antiphon::audio::resample::Resampler;
use antiphon::audio::{Decoder, Effort, Encoder, Format, SampleRate};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const FRAME_MS: u32 = 20;
/// Frames of the loop that is coded: 1 s, so that no codec sees one frame alone.
const FRAMES: usize = 50;

/// A second of something voiced: harmonics of a gliding pitch, in syllables.
fn speech(rate: SampleRate) -> Vec<i16> {
    let len = rate.samples(FRAME_MS) * FRAMES;
    let mut phase = 0.0_f64;
    (0..len)
        .map(|n| {
            let second = n as f64 / f64::from(rate.hertz());
            phase += (120.0 + 30.0 * (second * 2.0).sin()) / f64::from(rate.hertz());
            let voiced: f64 =
                (1..12).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            let syllable = (std::f64::consts::TAU * 4.0 * second).sin().max(0.0);
            (voiced * syllable * 5000.0) as i16
        })
        .collect()
}

/// Packets of a whole second in a format.
fn packets(format: &Format, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(format).expect("an encoder");
    let frame = format.rate().samples(FRAME_MS);
    let mut payload = vec![0; encoder.max_payload_octets(frame)];
    samples
        .chunks(frame)
        .map(|frame| {
            let octets = encoder.encode(frame, &mut payload).expect("encoded");
            payload[..octets].to_vec()
        })
        .collect()
}

fn encode(criterion: &mut Criterion, id: BenchmarkId, format: &Format) {
    let samples = speech(format.rate());
    let mut encoder = Encoder::new(format).expect("an encoder");
    let frame = format.rate().samples(FRAME_MS);
    let mut payload = vec![0; encoder.max_payload_octets(frame)];
    let mut frames = samples.chunks(frame).cycle();
    criterion.bench_with_input(id, &(), |bencher, ()| {
        bencher.iter(|| encoder.encode(black_box(frames.next().expect("endless")), &mut payload));
    });
}

fn decode(criterion: &mut Criterion, id: BenchmarkId, format: &Format) {
    let packets = packets(format, &speech(format.rate()));
    let mut decoder = Decoder::new(format).expect("a decoder");
    let mut samples = vec![0; decoder.max_samples()];
    let mut packets = packets.iter().cycle();
    criterion.bench_with_input(id, &(), |bencher, ()| {
        bencher.iter(|| decoder.decode(black_box(packets.next().expect("endless")), &mut samples));
    });
}

fn coding(criterion: &mut Criterion) {
    let opus = |complexity| Format::Opus(OpusSettings { complexity, ..OpusSettings::default() });
    for (name, format) in [("PCMU", Format::Pcmu), ("PCMA", Format::Pcma), ("G.722", Format::G722)] {
        encode(criterion, BenchmarkId::new("codecs/encode", name), &format);
        decode(criterion, BenchmarkId::new("codecs/decode", name), &format);
    }
    for complexity in [0, 5, 10] {
        let id = BenchmarkId::new("codecs/encode", format_args!("Opus 48 kHz, complexity {complexity}"));
        encode(criterion, id, &opus(complexity));
    }
    decode(criterion, BenchmarkId::new("codecs/decode", "Opus 48 kHz"), &opus(5));
}

fn resampling(criterion: &mut Criterion) {
    for from in SampleRate::ALL {
        let samples = speech(from);
        for to in SampleRate::ALL.into_iter().filter(|to| *to != from) {
            let mut resampler = Resampler::new(from, to);
            let mut out = vec![0; to.samples(FRAME_MS)];
            let mut frames = samples.chunks(from.samples(FRAME_MS)).cycle();
            let pair = format_args!("{} to {} kHz", from.hertz() / 1000, to.hertz() / 1000).to_string();
            criterion.bench_with_input(BenchmarkId::new("codecs/resample", pair), &(), |bencher, ()| {
                bencher.iter(|| resampler.process(black_box(frames.next().expect("endless")), &mut out));
            });
        }
    }
}

/// One frame lost after one that came: what a loss of every second packet costs a pair of frames, without and with the
/// packet behind it at hand.
fn concealment(criterion: &mut Criterion) {
    for (name, format) in [("PCMU", Format::Pcmu), ("Opus 48 kHz", Format::Opus(OpusSettings::default()))] {
        let packets = packets(&format, &speech(format.rate()));
        let mut decoder = Decoder::new(&format).expect("a decoder");
        let mut samples = vec![0; decoder.max_samples()];
        let frame = format.rate().samples(FRAME_MS);
        let mut packets = packets.iter().cycle();
        for effort in [Effort::Cheap, Effort::Thorough] {
            let id = BenchmarkId::new("codecs/decode one, conceal one", format!("{name}, {effort:?}"));
            criterion.bench_with_input(id, &effort, |bencher, &effort| {
                bencher.iter(|| {
                    let _ = decoder.decode(black_box(packets.next().expect("endless")), &mut samples);
                    decoder.conceal(&mut samples[..frame], None, effort);
                });
            });
        }
    }
}

fn denoising(criterion: &mut Criterion) {
    for rate in SampleRate::ALL {
        let samples = speech(rate);
        let mut denoiser = Denoiser::new(rate);
        let mut frames = samples.chunks(rate.samples(FRAME_MS)).cycle();
        let mut frame = vec![0; rate.samples(FRAME_MS)];
        criterion.bench_with_input(BenchmarkId::new("codecs/denoise", rate), &(), |bencher, ()| {
            bencher.iter(|| {
                frame.copy_from_slice(frames.next().expect("endless"));
                denoiser.process(black_box(&mut frame), true);
            });
        });
    }
}

criterion_group!(codecs, coding, resampling, concealment, denoising);
criterion_main!(codecs);
