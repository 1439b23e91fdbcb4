//! Speech to talk with: three voices of espeak-ng saying different things, and the files and tones of tests.

use crate::hearing::{RATE, Samples};
use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Who says what; each voice has its own speaker.
const SPEECHES: [(&str, &str); 3] = [
    (
        "en+m3",
        "I am the first caller, and I am counting: one, two, three, four, five, six, seven, eight, nine.",
    ),
    (
        "en+f2",
        "The second caller speaks of the weather: rain in the morning and sun in the afternoon, with wind.",
    ),
    (
        "en+m7",
        "And here is the third. Can you hear the other two of us while I am talking about nothing at all?",
    ),
];

/// Speech without long pauses, at 8 kHz; made once per run.
pub fn speeches() -> &'static [Samples; 3] {
    static MADE: OnceLock<[Samples; 3]> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        [0, 1, 2].map(|number| {
            let file = folder.path().join(format!("{number}.wav"));
            write_speech(number, &file);
            read_wav(&file)
        })
    })
}

/// Writes one of the speeches as a WAV file of 8 kHz.
pub fn write_speech(number: usize, file: &Path) {
    let (voice, text) = SPEECHES[number];
    let raw = file.with_extension("raw.wav");
    run(Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&raw).arg(text));
    let mut sox = Command::new("sox");
    sox.arg(&raw).args(["-r", "8000", "-c", "1", "-b", "16"]).arg(file);
    // Pauses of a word's length would hide a gap, and make silence of what should be heard.
    run(sox.args(["silence", "1", "0.02", "0.5%", "-1", "0.06", "0.5%", "gain", "-n", "-9"]));
}

/// Writes one of the speeches as bare µ-law.
pub fn write_ulaw(number: usize, file: &Path) {
    let encode = |sample: &f32| audio_codec_algorithms::encode_ulaw((sample * 32768.0) as i16);
    let bytes: Vec<u8> = speeches()[number].iter().map(encode).collect();
    std::fs::write(file, bytes).expect("written");
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The samples of a WAV file; stereo and other rates are what the caller must know.
pub fn read_wav(file: &Path) -> Samples {
    let mut reader =
        hound::WavReader::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    reader.samples::<i16>().map_while(Result::ok).map(|sample| f32::from(sample) / 32768.0).collect()
}

/// Writes samples of 8 kHz as a WAV file.
pub fn write_wav(file: &Path, samples: &[f32]) {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, format).expect("a file");
    for sample in samples {
        writer.write_sample((sample * 32767.0) as i16).expect("written");
    }
    writer.finalize().expect("written");
}

/// One second of a sine, to be looped.
pub fn sine(hertz: u32, peak: f32) -> Samples {
    (0..RATE).map(|n| peak * (TAU * f64::from(hertz) * n as f64 / RATE as f64).sin() as f32).collect()
}
