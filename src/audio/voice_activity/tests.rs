use super::*;
use crate::audio::level::dbfs;
use crate::audio::voice_activity::synthetic::{noise, scaled, speech};
use std::f64::consts::TAU;

/// How many of the pieces of a sound are taken for speech, in percent.
fn voiced_percent(sound: &[i16], rate: SampleRate) -> usize {
    let (mut detector, mut piece) = (VoiceDetector::default(), Piece::default());
    let pieces: Vec<bool> = sound
        .chunks_exact(rate.samples(PIECE_MS))
        .map(|part| {
            piece.clear();
            part.chunks(rate.samples(20)).for_each(|frame| piece.push(frame, rate));
            assert!(piece.is_whole());
            detector.hears_voice(&piece)
        })
        .collect();
    100 * pieces.iter().filter(|voice| **voice).count() / pieces.len()
}

#[test]
fn speech_is_heard_at_every_rate_whether_loud_or_quiet() {
    for rate in SampleRate::ALL {
        for level_dbfs in [-20.0, -26.0, -45.0] {
            let percent = voiced_percent(&scaled(&speech(rate, 10_000), level_dbfs), rate);
            assert!(percent > 70, "{rate}, {level_dbfs} dBFS: {percent} %");
        }
    }
}

#[test]
fn noise_is_no_speech_however_loud() {
    for rate in SampleRate::ALL {
        for (level_dbfs, colour) in [(-50.0, 1.0), (-20.0, 1.0), (-35.0, 0.02), (-12.0, 0.02)] {
            let percent = voiced_percent(&scaled(&noise(rate, 10_000, colour), level_dbfs), rate);
            assert!(percent < 5, "{rate}, {level_dbfs} dBFS, {colour}: {percent} %");
        }
    }
}

#[test]
fn tones_and_silence_are_no_speech() {
    let rate = SampleRate::Hz8000;
    for hertz in [440.0, 1004.0] {
        let tone = |n: usize| (8000.0 * (TAU * hertz * n as f64 / 8000.0).sin()) as i16;
        assert_eq!(voiced_percent(&(0..80_000).map(tone).collect::<Vec<_>>(), rate), 0, "{hertz} Hz");
    }
    assert_eq!(voiced_percent(&[0; 8000], rate), 0);
}

#[test]
fn a_piece_holds_as_much_of_every_rate_and_no_more() {
    for rate in SampleRate::ALL {
        for frame_ms in [10, 20] {
            let mut piece = Piece::default();
            let frame = scaled(&noise(rate, frame_ms, 0.1), -20.0);
            for at in 0..PIECE_MS / frame_ms {
                assert!(!piece.is_whole(), "{rate}: {at} frames of {frame_ms} ms");
                piece.push(&frame, rate);
            }
            assert!(piece.is_whole(), "{rate}");
            let differs_db = dbfs(&piece.samples) - dbfs(&frame);
            assert!(differs_db.abs() < 3.5, "{rate}: {differs_db} dB");
            piece.push(&frame, rate);
            assert!(piece.is_whole());
            piece.clear();
            assert!(piece.is_empty());
        }
    }
}
