//! What the talker says.

use crate::speech::*;
use antiphon::audio::wav::Wav;
use antiphon::audio::{Format, SampleRate};

#[test]
fn prompts_begin_at_frames_and_are_said_again_until_the_time_is_over() {
    let prompts = [vec![1; 8001], vec![2; 16_000]];
    let once = Speech::of(&prompts, SampleRate::Hz8000, 0);
    assert_eq!(once.prompts, [12_000..20_001, 26_560..42_560]);
    assert_eq!(once.samples.len(), 42_560 + 6400 + 12_000);
    let again = Speech::of(&prompts, SampleRate::Hz8000, 10);
    assert_eq!(again.prompts.len(), 4);
    assert!(again.prompts.iter().all(|prompt| prompt.start % 160 == 0 && again.samples[prompt.start] > 0));
    let wide = once.at_rate(SampleRate::Hz16000);
    assert_eq!((wide.prompts[1].clone(), wide.samples.len()), (53_120..85_120, 2 * once.samples.len()));
}

#[test]
fn recordings_are_read_by_band_and_become_equally_loud() {
    let folder = tempfile::tempdir().unwrap();
    let pieces = |amplitude: i16| [[amplitude, -amplitude].repeat(4000), vec![0; 8000]].concat();
    for (name, amplitude) in [("b.wav", 100), ("a.wav", 20_000)] {
        let wav = Wav { rate_hz: 8000, samples: pieces(amplitude) };
        std::fs::write(folder.path().join(name), wav.to_bytes()).unwrap();
    }
    let read_all = || read(folder.path(), SampleRate::Hz8000);
    for recording in read_all().unwrap() {
        assert_eq!((recording[0], recording[9000]), (1642, 0));
    }
    std::fs::create_dir(folder.path().join("nb")).unwrap();
    assert!(read_all().unwrap_err().contains("no .wav"));
}

#[test]
fn wideband_recordings_may_be_bare_g722() {
    let folder = tempfile::tempdir().unwrap();
    let said: Vec<i16> = (0..16_000).map(|n| if n / 20 % 2 == 0 { 3000 } else { -3000 }).collect();
    let octets: Vec<u8> = crate::hearing::encode(&Format::G722, &said).concat();
    std::fs::write(folder.path().join("a.g722"), octets).unwrap();
    let recordings = read(folder.path(), SampleRate::Hz16000).unwrap();
    assert_eq!((recordings.len(), recordings[0].len()), (1, 16_000));
    // As loud as the others: a square wave has its level all the time.
    assert!(
        recordings[0][1000..].iter().all(|sample| sample.unsigned_abs() < 3000),
        "{:?}",
        &recordings[0][1000..1040]
    );
    assert!(recordings[0][1000..].iter().any(|sample| sample.unsigned_abs() > 1500));
}
