//! The file of a recording: WAV, its header written with each batch, so that what was written is readable whatever happens.

use crate::audio::wav;
use crate::call::conferences::TAP_RATE;
use crate::call::recorder::Sink;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// See the module.
pub struct WavFile {
    path: PathBuf,
    /// Made with the first samples.
    file: Option<File>,
    len_samples: usize,
}

impl WavFile {
    /// A new one; there must be none of this name.
    pub fn new(path: PathBuf) -> WavFile {
        WavFile { path, file: None, len_samples: 0 }
    }
}

impl Sink for WavFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn append(&mut self, samples: &[i16], then_missing: usize) -> io::Result<()> {
        let WavFile { path, file, len_samples } = self;
        let file = match file {
            Some(file) => file,
            None => file.insert(File::create_new(&*path)?),
        };
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let position = |len_samples: usize| (wav::HEADER_OCTETS + 2 * len_samples) as u64;
        file.seek(SeekFrom::Start(position(*len_samples)))?;
        file.write_all(&bytes)?;
        *len_samples += samples.len() + then_missing;
        file.set_len(position(*len_samples))?; // what is missing is zeros
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&wav::header(TAP_RATE.hertz(), *len_samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::wav::Wav;

    #[test]
    fn a_file_is_whole_after_each_batch_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.wav");
        let read = || Wav::parse(&std::fs::read(&path).unwrap()).unwrap();
        let mut file = WavFile::new(path.clone());
        file.append(&[1, -2, 3], 0).unwrap();
        assert_eq!(read(), Wav { rate_hz: 16_000, samples: vec![1, -2, 3] });
        file.append(&[4], 2).unwrap();
        assert_eq!(read().samples, [1, -2, 3, 4, 0, 0]);
        file.append(&[5], 0).unwrap();
        assert_eq!(read().samples, [1, -2, 3, 4, 0, 0, 5]);
        assert!(WavFile::new(path.clone()).append(&[1], 0).is_err());
    }
}
