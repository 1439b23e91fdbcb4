//! Plays a WAV file, then hangs up.

use super::Greeting;
use crate::audio::SampleRate;
use crate::audio::wav::Wav;
use crate::call::Leg;
use crate::call::leg::{Gone, LegEvent};
use crate::call::listening::{FetchError, MAX_FILE_BYTES};
use crate::call::media::Programme;
use crate::call::recordings::{RecordingKey, Recordings};
use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayFile {
    /// Where it is.
    pub file: PathBuf,
    /// Whether it begins again until the caller hangs up.
    pub repeat: bool,
}

impl PlayFile {
    /// Takes the call and plays the file.
    pub fn run(&self, leg: &mut Leg, greeting: &Greeting) -> Result<(), Gone> {
        let begun = Cell::new(false);
        greeting.run(leg, |leg| if begun.replace(true) { Ok(()) } else { self.begin(leg) })?;
        while leg.wait(None)? != LegEvent::PlaybackEnded {}
        Ok(())
    }

    fn begin(&self, leg: &mut Leg) -> Result<(), Gone> {
        let (file, recordings) = (self.file.clone(), Arc::clone(&leg.endpoint.recordings));
        leg.fetch(move |rate| read(&recordings, &file, rate));
        loop {
            match leg.wait(None)? {
                LegEvent::Fetched(Ok(recording)) => {
                    leg.play(|_, rate| Programme::recording(recording, rate, self.repeat));
                    return Ok(());
                }
                LegEvent::Fetched(Err(error)) => {
                    log::error!(leg = leg.id.0, call_id = leg.call_id(); "{}: {error}", self.file.display());
                    return Err(leg.hang_up(500, "the announcement cannot be played"));
                }
                _ => {}
            }
        }
    }
}

/// Runs on a helper thread.
fn read(recordings: &Recordings, file: &Path, rate: SampleRate) -> Result<Arc<[i16]>, FetchError> {
    let unreadable = |error: io::Error| FetchError::File(error.kind());
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    let modified = metadata.modified().map_err(unreadable)?;
    let key = RecordingKey { path: file.to_owned(), modified, rate };
    if let Some(recording) = recordings.find(&key) {
        return Ok(recording);
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(FetchError::TooLong(metadata.len()));
    }
    recordings.make_room(metadata.len() as usize)?;
    let wav = Wav::parse(&std::fs::read(file).map_err(unreadable)?).map_err(FetchError::Wav)?;
    // At another rate it may be six times as large.
    let len_samples = wav.samples.len() as u64 * u64::from(rate.hertz()) / u64::from(wav.rate_hz.max(1));
    recordings.make_room((len_samples as usize).saturating_mul(size_of::<i16>()))?;
    recordings.keep(key, wav.at_rate(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    fn wav(file: &Path, samples: Vec<i16>) {
        fs::write(file, Wav { rate_hz: 8000, samples }.to_bytes()).unwrap();
    }

    #[test]
    fn a_file_is_read_once_for_all_that_play_it_and_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wav");
        wav(&file, vec![1, 2, 3]);
        let recordings = Recordings::default();
        let first = read(&recordings, &file, SampleRate::Hz8000).unwrap();
        assert_eq!(*first, [1, 2, 3]);
        assert!(Arc::ptr_eq(&first, &read(&recordings, &file, SampleRate::Hz8000).unwrap()));
        assert!(read(&recordings, &file, SampleRate::Hz16000).unwrap().len() >= 6);
        wav(&file, vec![4]);
        let later = SystemTime::now() + Duration::from_secs(10);
        fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(*read(&recordings, &file, SampleRate::Hz8000).unwrap(), [4]);
        assert_eq!(*first, [1, 2, 3], "whoever plays the old one hears it to its end");
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wav");
        let recordings = Recordings::bounded(1000);
        let read = || read(&recordings, &file, SampleRate::Hz48000).unwrap_err();
        assert_eq!(read(), FetchError::File(io::ErrorKind::NotFound));
        fs::write(&file, "no WAV").unwrap();
        assert!(matches!(read(), FetchError::Wav(_)));
        wav(&file, vec![0; 100]); // 200 bytes, and 1200 at 48 kHz
        assert_eq!(read(), FetchError::Memory(1000));
        fs::File::create(&file).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(read(), FetchError::TooLong(MAX_FILE_BYTES + 1));
    }
}
