//! WAV files (RIFF/WAVE): bytes to samples and back. Reading and writing the file itself is the caller's.
//!
//! Taken are PCM of 8, 16 and 24 bits, µ-law and A-law, with one to eight channels, which are averaged to
//! one.

#[cfg(test)]
mod tests;

use super::SampleRate;
use super::g711::Law;
use super::resample;
use std::fmt;

/// Rates that a file may have.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// The most channels that a file may have.
const MAX_CHANNELS: u16 = 8;

/// The samples of a file, as one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Rate as the file says it, 4 to 192 kHz.
    pub rate_hz: u32,
    /// Samples, one channel.
    pub samples: Vec<i16>,
}

/// Why bytes are no WAV that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavError {
    /// They do not begin as RIFF/WAVE.
    NotWave,
    /// No format before the samples, or one cut short.
    NoFormat,
    /// No samples.
    NoSamples,
    /// A coding that is not taken.
    Coding {
        /// Format tag: 1 PCM, 3 float, 6 A-law, 7 µ-law, …
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// No channel, or too many.
    Channels(u16),
    /// A rate below 4 or above 192 kHz.
    Rate(u32),
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWave => f.write_str("not a RIFF/WAVE file"),
            Self::NoFormat => f.write_str("the WAV file does not say its format"),
            Self::NoSamples => f.write_str("the WAV file has no samples"),
            Self::Coding { tag, bits } => {
                write!(f, "WAV coding {tag} with {bits} bits is not PCM of 8, 16 or 24 bits, A-law or µ-law")
            }
            Self::Channels(channels) => {
                write!(f, "{channels} channels in the WAV file, not 1 to {MAX_CHANNELS}")
            }
            Self::Rate(rate_hz) => write!(f, "{rate_hz} Hz in the WAV file, not 4000 to 192000"),
        }
    }
}

impl std::error::Error for WavError {}

#[derive(Clone, Copy)]
enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    G711(Law),
}

struct Format {
    coding: Coding,
    channels: u16,
    rate_hz: u32,
}

impl Wav {
    /// Reads the bytes of a whole file. One whose length was never filled in is read to its end.
    pub fn parse(bytes: &[u8]) -> Result<Self, WavError> {
        let mut rest = match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', rest @ ..] => rest,
            _ => return Err(WavError::NotWave),
        };
        let mut format = None;
        while let [a, b, c, d, l0, l1, l2, l3, body @ ..] = rest {
            let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
            let chunk = &body[..len.min(body.len())];
            match &[*a, *b, *c, *d] {
                b"fmt " => format = Some(Format::parse(chunk)?),
                b"data" => return format.ok_or(WavError::NoFormat)?.samples(chunk),
                _ => {}
            }
            // Chunks begin at even places.
            rest = body.get(len.saturating_add(len % 2)..).unwrap_or(&[]);
        }
        Err(if format.is_some() { WavError::NoSamples } else { WavError::NoFormat })
    }

    /// The samples at one of our rates. Long work for long files: not for the worker.
    pub fn at_rate(&self, rate: SampleRate) -> Vec<i16> {
        resample::convert(&self.samples, self.rate_hz, rate)
    }

    /// A whole file: PCM of 16 bits, one channel.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = header(self.rate_hz, self.samples.len()).to_vec();
        bytes.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }
}

/// Octets of [`header`].
pub const HEADER_OCTETS: usize = 44;

/// The beginning of a file with `len_samples` samples of 16-bit PCM in one channel, which are to follow in
/// little-endian order. Lengths beyond what the format can say are cut at that.
pub fn header(rate_hz: u32, len_samples: usize) -> [u8; HEADER_OCTETS] {
    let most = u32::MAX - HEADER_OCTETS as u32;
    let len_octets = u32::try_from(len_samples.saturating_mul(2)).unwrap_or(most).min(most);
    let mut header = [0; HEADER_OCTETS];
    let mut put = |at: usize, field: &[u8]| header[at..at + field.len()].copy_from_slice(field);
    put(0, b"RIFF");
    put(4, &(len_octets + HEADER_OCTETS as u32 - 8).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16_u32.to_le_bytes());
    // PCM, one channel.
    put(20, &[1, 0, 1, 0]);
    put(24, &rate_hz.to_le_bytes());
    put(28, &rate_hz.saturating_mul(2).to_le_bytes());
    // Two octets a sample, 16 bits.
    put(32, &[2, 0, 16, 0]);
    put(36, b"data");
    put(40, &len_octets.to_le_bytes());
    header
}

impl Format {
    fn parse(chunk: &[u8]) -> Result<Self, WavError> {
        let field = |at: usize| Some(u16::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?]));
        let fields = || Some((field(0)?, field(2)?, field(4)?, field(6)?, field(14)?));
        let (mut tag, channels, rate_low, rate_high, bits) = fields().ok_or(WavError::NoFormat)?;
        if tag == 0xFFFE {
            // WAVE_FORMAT_EXTENSIBLE: the tag is the first field of the sub-format.
            tag = field(24).ok_or(WavError::NoFormat)?;
        }
        let coding = match (tag, bits) {
            (1, 8) => Coding::Unsigned8,
            (1, 16) => Coding::Signed16,
            (1, 24) => Coding::Signed24,
            (6, 8) => Coding::G711(Law::A),
            (7, 8) => Coding::G711(Law::Mu),
            _ => return Err(WavError::Coding { tag, bits }),
        };
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(WavError::Channels(channels));
        }
        let rate_hz = u32::from(rate_high) << 16 | u32::from(rate_low);
        if !RATES_HZ.contains(&rate_hz) {
            return Err(WavError::Rate(rate_hz));
        }
        Ok(Self { coding, channels, rate_hz })
    }

    fn samples(&self, octets: &[u8]) -> Result<Wav, WavError> {
        let all: Vec<i16> = match self.coding {
            Coding::Unsigned8 => octets.iter().map(|&octet| (i16::from(octet) - 128) << 8).collect(),
            Coding::Signed16 => {
                octets.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
            }
            Coding::Signed24 => octets
                .as_chunks::<3>()
                .0
                .iter()
                .map(|&[_, low, high]| i16::from_le_bytes([low, high]))
                .collect(),
            Coding::G711(law) => {
                let mut samples = vec![0; octets.len()];
                law.decode(octets, &mut samples);
                samples
            }
        };
        let channels = i32::from(self.channels);
        let mean =
            |group: &[i16]| (group.iter().map(|&sample| i32::from(sample)).sum::<i32>() / channels) as i16;
        let samples: Vec<i16> = match channels {
            1 => all,
            _ => all.chunks_exact(channels as usize).map(mean).collect(),
        };
        if samples.is_empty() { Err(WavError::NoSamples) } else { Ok(Wav { rate_hz: self.rate_hz, samples }) }
    }
}
