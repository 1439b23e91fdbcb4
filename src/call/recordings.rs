//! The recordings in memory: legs that play the same file at the same rate share its samples.
//!
//! Helper threads enter what they have read and let go of what nobody plays any more; the worker only asks whether there
//! is such a thing, and never waits for the lock. So no large buffer is freed on the worker's thread.

use crate::audio::SampleRate;
use crate::call::listening::FetchError;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// All recordings together take at most so much memory.
pub const MAX_RECORDED_BYTES: usize = 1 << 30;
/// Recordings in memory at a time.
const MAX_RECORDINGS: usize = 1024;

/// What names a recording: a file that has changed is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingKey {
    /// The file.
    pub path: PathBuf,
    /// When it was last written.
    pub modified: SystemTime,
    /// The rate of the samples.
    pub rate: SampleRate,
}

struct Kept {
    key: RecordingKey,
    samples: Arc<[i16]>,
}

/// See the module.
pub struct Recordings {
    max_bytes: usize,
    kept: Mutex<Vec<Kept>>,
}

impl Default for Recordings {
    fn default() -> Self {
        Recordings::bounded(MAX_RECORDED_BYTES)
    }
}

impl Recordings {
    /// None yet, and never more than so many bytes.
    pub fn bounded(max_bytes: usize) -> Recordings {
        Recordings { max_bytes, kept: Mutex::default() }
    }

    /// A recording that is in memory.
    pub fn find(&self, key: &RecordingKey) -> Option<Arc<[i16]>> {
        find(&self.lock(), key)
    }

    /// Whether `bytes` more would fit, with what nobody plays let go of.
    pub fn make_room(&self, bytes: usize) -> Result<(), FetchError> {
        let mut kept = self.lock();
        let idle = take_idle(&mut kept);
        let fits = self.fits(&kept, bytes);
        drop(kept);
        drop(idle); // without the lock: it may take its time
        if fits { Ok(()) } else { Err(FetchError::Memory(self.max_bytes)) }
    }

    /// Enters what has been read. If another leg was faster its samples are given, for both to share.
    pub fn keep(&self, key: RecordingKey, samples: Vec<i16>) -> Result<Arc<[i16]>, FetchError> {
        let samples: Arc<[i16]> = samples.into();
        let mut kept = self.lock();
        if let Some(theirs) = find(&kept, &key) {
            return Ok(theirs);
        }
        if !self.fits(&kept, size_of_val(&*samples)) {
            return Err(FetchError::Memory(self.max_bytes));
        }
        kept.push(Kept { key, samples: Arc::clone(&samples) });
        Ok(samples)
    }

    /// Whether there are recordings that nobody plays. Never waits: `false` while a helper thread is at the table.
    pub fn has_idle(&self) -> bool {
        self.kept.try_lock().is_ok_and(|kept| kept.iter().any(Kept::is_idle))
    }

    /// Lets go of what nobody plays.
    pub fn release_idle(&self) {
        let idle = take_idle(&mut self.lock());
        drop(idle);
    }

    fn fits(&self, kept: &[Kept], bytes: usize) -> bool {
        let sum: usize = kept.iter().map(|recording| size_of_val(&*recording.samples)).sum();
        kept.len() < MAX_RECORDINGS && sum.saturating_add(bytes) <= self.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Only the table itself holds it; whoever would take it up again must ask the table.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.samples) == 1
    }
}

fn find(kept: &[Kept], key: &RecordingKey) -> Option<Arc<[i16]>> {
    kept.iter().find(|recording| recording.key == *key).map(|recording| Arc::clone(&recording.samples))
}

fn take_idle(kept: &mut Vec<Kept>) -> Vec<Kept> {
    kept.extract_if(.., |recording| recording.is_idle()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str, rate: SampleRate) -> RecordingKey {
        RecordingKey { path: path.into(), modified: SystemTime::UNIX_EPOCH, rate }
    }

    #[test]
    fn legs_that_play_the_same_share_it_until_the_last_one_ends() {
        let recordings = Recordings::default();
        let name = key("a", SampleRate::Hz8000);
        let first = recordings.keep(name.clone(), vec![1, 2]).unwrap();
        let second = recordings.keep(name.clone(), vec![1, 2]).unwrap();
        assert!(Arc::ptr_eq(&first, &second), "whoever was slower takes what there is");
        assert!(Arc::ptr_eq(&first, &recordings.find(&name).unwrap()));
        drop(first);
        assert!(!recordings.has_idle());
        recordings.release_idle();
        assert!(recordings.find(&name).is_some(), "the second one still plays");
        drop(second);
        assert!(recordings.has_idle());
        recordings.release_idle();
        assert_eq!((recordings.find(&name), recordings.has_idle()), (None, false));
    }

    #[test]
    fn another_rate_and_another_version_of_a_file_are_other_recordings() {
        let recordings = Recordings::default();
        let name = key("a", SampleRate::Hz8000);
        let _playing = recordings.keep(name.clone(), vec![1]).unwrap();
        let newer = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        assert_eq!(recordings.find(&key("a", SampleRate::Hz16000)), None);
        assert_eq!(recordings.find(&RecordingKey { modified: newer, ..name }), None);
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused_until_something_ends() {
        let recordings = Recordings::bounded(8);
        let playing = recordings.keep(key("a", SampleRate::Hz8000), vec![0; 3]).unwrap();
        assert_eq!(recordings.make_room(4), Err(FetchError::Memory(8)));
        assert_eq!(recordings.keep(key("b", SampleRate::Hz8000), vec![0; 2]), Err(FetchError::Memory(8)));
        assert_eq!(recordings.make_room(2), Ok(()));
        drop(playing);
        assert_eq!(recordings.make_room(8), Ok(()));
        assert!(recordings.keep(key("b", SampleRate::Hz8000), vec![0; 4]).is_ok());
    }

    #[test]
    fn no_more_recordings_are_kept_than_the_table_holds() {
        let recordings = Recordings::default();
        let playing: Vec<_> = (0..MAX_RECORDINGS)
            .map(|number| recordings.keep(key(&number.to_string(), SampleRate::Hz8000), vec![0]).unwrap())
            .collect();
        let one_more = recordings.keep(key("x", SampleRate::Hz8000), vec![0]);
        assert_eq!(one_more, Err(FetchError::Memory(MAX_RECORDED_BYTES)));
        drop(playing);
    }
}
