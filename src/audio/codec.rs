//! One type for all encoders and one for all decoders, so that a leg need not know which codec was
//! negotiated.
//!
//! G.711 and L16 cost nanoseconds and next to no memory; the states of G.722 (200 octets) and Opus (32 and 88 KiB) are on
//! the heap, and the work of Opus belongs on the codec stack: [`Encoder::needs_codec_stack`].

use super::conceal::{BEHIND_MS, Concealer};
use super::g711::Law;
use super::g722::{G722Encoder, SAMPLES_PER_OCTET};
use super::l16;
use super::opus::{MAX_PACKET_MS, MAX_PACKET_OCTETS, OpusDecoder, OpusEncoder, OpusError, OpusSettings};
use super::wideband::Wideband;
use super::{Effort, SampleRate};
use std::fmt;

/// So much of the packet behind a gap is looked at, at most.
const BEHIND_SAMPLES: usize = SampleRate::Hz48000.samples(BEHIND_MS);

/// A codec with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Format {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Linear 16 bit, one channel, at its RTP clock rate.
    L16(SampleRate),
    /// Opus.
    Opus(OpusSettings),
}

impl Format {
    /// Rate of the samples on our side.
    pub fn rate(&self) -> SampleRate {
        match self {
            Self::Pcmu | Self::Pcma => SampleRate::Hz8000,
            Self::G722 => SampleRate::Hz16000,
            Self::L16(rate) => *rate,
            Self::Opus(settings) => settings.rate,
        }
    }

    /// Prepares for a peer that loses so much; whether that changes anything: it does where copies of frames are sent.
    pub fn expect_loss(&mut self, percent: u8) -> bool {
        match self {
            Self::Opus(settings) if settings.fec => {
                std::mem::replace(&mut settings.expected_loss_percent, percent) != percent
            }
            _ => false,
        }
    }

    /// The loss that is prepared for.
    pub fn expected_loss_percent(&self) -> u8 {
        match self {
            Self::Opus(settings) => settings.expected_loss_percent,
            _ => 0,
        }
    }

    /// Whether an encoder of this can go on as one of `other`, see [`Encoder::reconfigure`].
    pub fn becomes(&self, other: &Format) -> bool {
        match (self, other) {
            (Self::Opus(one), Self::Opus(other)) => {
                one.rate == other.rate && one.application == other.application
            }
            _ => self == other,
        }
    }

    /// Rate of the RTP timestamp, which for Opus is 48 kHz whatever the samples are (RFC 7587 §4.1), and for G.722 half of
    /// theirs, by an error of RFC 1890 that was kept (RFC 3551 §4.5.2).
    pub fn clock_rate_hz(&self) -> u32 {
        match self {
            Self::G722 => 8_000,
            Self::Opus(_) => 48_000,
            _ => self.rate().hertz(),
        }
    }
}

/// Why a frame was not encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The payload buffer is shorter than what the frame needs.
    PayloadTooShort {
        /// Octets that would be needed.
        needed: usize,
    },
    /// Opus refused.
    Opus(OpusError),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadTooShort { needed } => write!(f, "payload buffer too short, {needed} octets needed"),
            Self::Opus(error) => write!(f, "encoding: {error}"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Why a payload was not decoded. The stream's state is as before; conceal the frame instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// A payload without samples.
    Empty,
    /// Half a sample at the end.
    OddLength,
    /// More samples than there is room for.
    TooLong {
        /// Samples the payload holds.
        samples: usize,
    },
    /// Opus refused.
    Opus(OpusError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("payload without samples"),
            Self::OddLength => f.write_str("payload ends within a sample"),
            Self::TooLong { samples } => write!(f, "payload of {samples} samples is longer than allowed"),
            Self::Opus(error) => write!(f, "decoding: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Encoder of one outgoing stream. A clone goes on exactly where its original is.
#[derive(Debug, Clone)]
pub enum Encoder {
    /// G.711.
    G711(Law),
    /// G.722.
    G722(Box<G722Encoder>),
    /// Linear.
    L16(SampleRate),
    /// Opus.
    Opus(Box<OpusEncoder>),
}

impl Encoder {
    /// A fresh encoder; only Opus can fail.
    pub fn new(format: &Format) -> Result<Self, EncodeError> {
        Ok(match format {
            Format::Pcmu => Self::G711(Law::Mu),
            Format::Pcma => Self::G711(Law::A),
            Format::G722 => Self::G722(Box::default()),
            Format::L16(rate) => Self::L16(*rate),
            Format::Opus(settings) => {
                Self::Opus(Box::new(OpusEncoder::new(settings.clone()).map_err(EncodeError::Opus)?))
            }
        })
    }

    /// Rate of the samples it takes.
    pub fn rate(&self) -> SampleRate {
        match self {
            Self::G711(_) => SampleRate::Hz8000,
            Self::G722(_) => SampleRate::Hz16000,
            Self::L16(rate) => *rate,
            Self::Opus(opus) => opus.settings().rate,
        }
    }

    /// True if encoding wants more stack than a leg has.
    pub fn needs_codec_stack(&self) -> bool {
        matches!(self, Self::Opus(_))
    }

    /// True if a payload is coded by what was sent before it, so that a decoder has to have followed.
    pub fn leans_on_the_past(&self) -> bool {
        matches!(self, Self::G722(_) | Self::Opus(_))
    }

    /// False if no packet lets a decoder follow from there that has followed another encoder: those of G.722 do not grow
    /// alike even over the same sound, nor in silence, and a change is heard as a crack of up to the voice's level.
    pub fn can_be_entered(&self) -> bool {
        !matches!(self, Self::G722(_))
    }

    /// Goes on with other settings of the same codec, without a break in the stream.
    pub fn reconfigure(&mut self, format: &Format) -> Result<(), EncodeError> {
        match (self, format) {
            (Self::Opus(opus), Format::Opus(settings)) => {
                opus.reconfigure(settings).map_err(EncodeError::Opus)
            }
            _ => Ok(()), // the others have none
        }
    }

    /// Goes on for one who has followed another encoder, as `decoder` has, where there is a way to: Opus has
    /// [`Encoder::encode_independent`].
    pub fn follow(&mut self, decoder: &Decoder) {
        if let (Self::G722(encoder), Decoder::G722(wideband)) = (self, decoder) {
            encoder.follow(wideband.decoder());
        }
    }

    /// The most octets a frame of so many samples can become.
    pub fn max_payload_octets(&self, len_samples: usize) -> usize {
        match self {
            Self::G711(_) => len_samples,
            Self::G722(_) => len_samples / SAMPLES_PER_OCTET,
            Self::L16(_) => len_samples * 2,
            Self::Opus(_) => MAX_PACKET_OCTETS,
        }
    }

    /// Encodes one packet's samples. Returns its octets; 0 if the codec's DTX says that none need be sent.
    pub fn encode(&mut self, frame: &[i16], payload: &mut [u8]) -> Result<usize, EncodeError> {
        let room = payload.len();
        let fit =
            |needed| if needed <= room { Ok(needed) } else { Err(EncodeError::PayloadTooShort { needed }) };
        match self {
            Self::G711(law) => {
                let octets = fit(frame.len())?;
                law.encode(frame, &mut payload[..octets]);
                Ok(octets)
            }
            Self::G722(g722) => {
                let octets = fit(frame.len() / SAMPLES_PER_OCTET)?;
                g722.encode(frame, &mut payload[..octets]);
                Ok(octets)
            }
            Self::L16(_) => {
                let octets = fit(frame.len() * 2)?;
                l16::encode(frame, &mut payload[..octets]);
                Ok(octets)
            }
            Self::Opus(opus) => opus.encode(frame, payload).map_err(EncodeError::Opus),
        }
    }

    /// As [`Encoder::encode`]; the payload leans on none before it, so a decoder may follow from here.
    pub fn encode_independent(&mut self, frame: &[i16], payload: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::Opus(opus) => opus.encode_independent(frame, payload).map_err(EncodeError::Opus),
            _ => self.encode(frame, payload),
        }
    }
}

/// Decoder of one incoming stream, with its concealment.
#[derive(Debug)]
pub enum Decoder {
    /// G.711 with concealment after its Appendix I.
    G711(Law, Box<Concealer>),
    /// G.722, with the same concealment.
    G722(Box<Wideband>),
    /// Linear, with the same concealment.
    L16(Box<Concealer>),
    /// Opus with its own.
    Opus(Box<OpusDecoder>),
}

impl Decoder {
    /// A fresh decoder; only Opus can fail.
    pub fn new(format: &Format) -> Result<Self, DecodeError> {
        let concealer = || Box::new(Concealer::new(format.rate()));
        Ok(match format {
            Format::Pcmu => Self::G711(Law::Mu, concealer()),
            Format::Pcma => Self::G711(Law::A, concealer()),
            Format::G722 => Self::G722(Box::default()),
            Format::L16(_) => Self::L16(concealer()),
            Format::Opus(settings) => {
                Self::Opus(Box::new(OpusDecoder::new(settings.rate).map_err(DecodeError::Opus)?))
            }
        })
    }

    /// Rate of the samples it gives.
    pub fn rate(&self) -> SampleRate {
        match self {
            Self::G711(..) => SampleRate::Hz8000,
            Self::G722(_) => SampleRate::Hz16000,
            Self::L16(concealer) => concealer.rate(),
            Self::Opus(opus) => opus.rate(),
        }
    }

    /// True if decoding wants more stack than a leg has.
    pub fn needs_codec_stack(&self) -> bool {
        matches!(self, Self::Opus(_))
    }

    /// The most samples one payload can give; longer ones are refused.
    pub fn max_samples(&self) -> usize {
        self.rate().samples(MAX_PACKET_MS)
    }

    /// Samples that `payload` will give.
    pub fn payload_samples(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let samples = match self {
            Self::G711(..) => payload.len(),
            Self::G722(_) => payload.len() * SAMPLES_PER_OCTET,
            Self::L16(_) if !payload.len().is_multiple_of(2) => return Err(DecodeError::OddLength),
            Self::L16(_) => payload.len() / 2,
            Self::Opus(opus) => opus.packet_samples(payload).map_err(DecodeError::Opus)?,
        };
        match samples {
            0 => Err(DecodeError::Empty),
            _ if samples > self.max_samples() => Err(DecodeError::TooLong { samples }),
            _ => Ok(samples),
        }
    }

    /// Decodes a payload; returns the samples written to the front of `samples`.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, DecodeError> {
        let len_samples = self.payload_samples(payload)?;
        let Some(samples) = samples.get_mut(..len_samples) else {
            return Err(DecodeError::TooLong { samples: len_samples });
        };
        match self {
            Self::G711(law, concealer) => {
                law.decode(payload, samples);
                concealer.received(samples);
            }
            Self::G722(wideband) => wideband.decode(payload, samples),
            Self::L16(concealer) => {
                l16::decode(payload, samples);
                concealer.received(samples);
            }
            Self::Opus(opus) => return opus.decode(payload, samples).map_err(DecodeError::Opus),
        }
        Ok(len_samples)
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        match self {
            Self::G711(_, concealer) | Self::L16(concealer) => concealer.hot_memory(see),
            Self::G722(wideband) => wideband.hot_memory(see),
            Self::Opus(_) => {} // its work is longer than any fetch
        }
    }

    /// Whether filling the gap before `behind` gains by [`Effort::Thorough`].
    pub fn gains_by_effort(&self, behind: Option<&[u8]>) -> bool {
        matches!(self, Self::Opus(opus) if opus.has_to_guess(behind))
    }

    /// As [`Decoder::conceal`], where the packet behind the gap is here and the gap goes on until it: its first sample is
    /// `ahead_samples` behind the first of `samples`. `false` and nothing done where that is of no use.
    pub fn lead_over(&mut self, samples: &mut [i16], behind: &[u8], ahead_samples: usize) -> bool {
        let mut room = [0; BEHIND_SAMPLES];
        let room = &mut room[..self.rate().samples(BEHIND_MS)];
        match self {
            Self::G711(law, concealer) => {
                let decode = |octets: &[u8], samples: &mut [i16]| law.decode(octets, samples);
                concealer.lead_over(samples, look_at(behind, 1, decode, room), ahead_samples);
            }
            Self::L16(concealer) => {
                concealer.lead_over(samples, look_at(behind, 2, l16::decode, room), ahead_samples);
            }
            Self::G722(_) | Self::Opus(_) => return false,
        }
        true
    }

    /// Fills all of `samples` in place of what was lost or is late; `behind`, not decoded yet, is the packet behind the gap
    /// if it is here.
    pub fn conceal(&mut self, samples: &mut [i16], behind: Option<&[u8]>, effort: Effort) {
        let len = samples.len();
        if behind.is_some_and(|behind| self.lead_over(samples, behind, len)) {
            return;
        }
        match self {
            Self::G711(_, concealer) | Self::L16(concealer) => concealer.conceal(samples, None),
            Self::G722(wideband) => wideband.conceal(samples),
            Self::Opus(opus) => opus.conceal(samples, behind, effort),
        }
    }

    /// The sender pauses: what comes next does not go on from what was concealed last.
    pub fn pause(&mut self) {
        match self {
            Self::G711(_, concealer) | Self::L16(concealer) => concealer.pause(),
            Self::G722(wideband) => wideband.pause(),
            Self::Opus(_) => {} // its packets say themselves what they go on from
        }
    }
}

/// The first samples of a packet of waveform, as far as there is room.
fn look_at<'a>(
    payload: &[u8],
    octets_per_sample: usize,
    decode: impl Fn(&[u8], &mut [i16]),
    room: &'a mut [i16],
) -> &'a [i16] {
    let len = (payload.len() / octets_per_sample).min(room.len());
    decode(&payload[..len * octets_per_sample], &mut room[..len]);
    &room[..len]
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, Decoder, Effort, EncodeError, Encoder, Format, OpusSettings, SampleRate};

    fn formats() -> [Format; 6] {
        let (wide, full) = (Format::L16(SampleRate::Hz16000), Format::L16(SampleRate::Hz48000));
        [Format::Pcmu, Format::Pcma, Format::G722, wide, full, Format::Opus(OpusSettings::default())]
    }

    #[test]
    fn a_leg_carries_no_codec_state_inline() {
        assert!(size_of::<Encoder>() <= 16, "{}", size_of::<Encoder>());
        assert!(size_of::<Decoder>() <= 16, "{}", size_of::<Decoder>());
    }

    #[test]
    fn every_format_comes_through_with_its_rate_and_length() {
        for format in formats() {
            let (mut encoder, mut decoder) = (Encoder::new(&format).unwrap(), Decoder::new(&format).unwrap());
            assert_eq!((encoder.rate(), decoder.rate()), (format.rate(), format.rate()));
            let is_opus = matches!(format, Format::Opus(_));
            assert_eq!((encoder.needs_codec_stack(), decoder.needs_codec_stack()), (is_opus, is_opus));
            let frame: Vec<i16> = (0..format.rate().samples(20)).map(|n| (n % 40) as i16 * 100).collect();
            let mut payload = vec![0; encoder.max_payload_octets(frame.len())];
            let len = encoder.encode(&frame, &mut payload).unwrap();
            let mut samples = vec![0; decoder.max_samples()];
            assert_eq!(decoder.payload_samples(&payload[..len]), Ok(frame.len()));
            assert_eq!(decoder.decode(&payload[..len], &mut samples), Ok(frame.len()));
            match format {
                Format::L16(_) => assert_eq!(samples[..frame.len()], frame),
                Format::Pcmu | Format::Pcma => {
                    assert!(samples.iter().zip(&frame).all(|(a, b)| a.abs_diff(*b) <= 128), "{format:?}");
                }
                Format::G722 | Format::Opus(_) => {}
            }
        }
    }

    #[test]
    fn clock_rates_are_those_of_the_rtp_profiles() {
        let clocks = formats().map(|format| format.clock_rate_hz());
        assert_eq!(clocks, [8_000, 8_000, 8_000, 16_000, 48_000, 48_000]);
        let narrow = Format::Opus(OpusSettings { rate: SampleRate::Hz8000, ..OpusSettings::default() });
        assert_eq!((narrow.clock_rate_hz(), narrow.rate()), (48_000, SampleRate::Hz8000));
    }

    #[test]
    fn payloads_that_make_no_sense_are_refused_and_leave_the_stream_as_it_was() {
        let mut samples = vec![0; 10_000];
        for format in formats() {
            let mut decoder = Decoder::new(&format).unwrap();
            assert!(decoder.decode(&[], &mut samples).is_err(), "{format:?}");
            if !decoder.needs_codec_stack() {
                let (octets, samples_of_them) = match format {
                    Format::L16(_) => (2, 1),
                    Format::G722 => (1, 2),
                    _ => (1, 1),
                };
                let longest = vec![0x55; decoder.max_samples() * octets / samples_of_them];
                assert_eq!(decoder.decode(&longest, &mut samples), Ok(decoder.max_samples()));
                let longer = vec![0x55; longest.len() + octets];
                let too_long = DecodeError::TooLong { samples: decoder.max_samples() + samples_of_them };
                assert_eq!(decoder.decode(&longer, &mut samples), Err(too_long));
                assert_eq!(
                    decoder.decode(&[0; 320], &mut []),
                    Err(DecodeError::TooLong { samples: 320 * samples_of_them / octets })
                );
            }
        }
        let mut decoder = Decoder::new(&Format::L16(SampleRate::Hz8000)).unwrap();
        assert_eq!(decoder.decode(&[1, 2, 3], &mut samples), Err(DecodeError::OddLength));
    }

    #[test]
    fn a_payload_buffer_that_is_too_short_is_refused_by_what_it_needs() {
        let mut pcmu = Encoder::new(&Format::Pcmu).unwrap();
        assert_eq!(pcmu.encode(&[0; 160], &mut [0; 159]), Err(EncodeError::PayloadTooShort { needed: 160 }));
        let mut g722 = Encoder::new(&Format::G722).unwrap();
        assert_eq!(g722.encode(&[0; 320], &mut [0; 159]), Err(EncodeError::PayloadTooShort { needed: 160 }));
        let mut l16 = Encoder::new(&Format::L16(SampleRate::Hz8000)).unwrap();
        assert_eq!(l16.encode(&[0; 160], &mut [0; 160]), Err(EncodeError::PayloadTooShort { needed: 320 }));
        let mut opus = Encoder::new(&Format::Opus(OpusSettings::default())).unwrap();
        assert!(opus.encode(&[0; 961], &mut [0; 1275]).is_err(), "no Opus frame has 961 samples");
    }

    #[test]
    fn a_lost_payload_of_every_format_is_concealed_by_something_like_the_voice() {
        for format in formats() {
            let (mut encoder, mut decoder) = (Encoder::new(&format).unwrap(), Decoder::new(&format).unwrap());
            let len = format.rate().samples(20);
            let wave: Vec<i16> =
                (0..len).map(|n| if n * 4 / len % 2 == 0 { 4_000 } else { -4_000 }).collect();
            let (mut payload, mut samples) = (vec![0; 2_000], vec![0; decoder.max_samples()]);
            let mut next = 0;
            for _ in 0..10 {
                next = encoder.encode(&wave, &mut payload).unwrap();
                decoder.decode(&payload[..next], &mut samples).unwrap();
            }
            let energy = |samples: &[i16]| samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
            let whole = energy(&samples[..len]);
            for behind in [None, Some(&payload[..next])] {
                let mut gap = vec![0; len];
                decoder.conceal(&mut gap, behind, Effort::Cheap);
                assert!(energy(&gap) > 0.2 * whole, "{format:?}: {} beside {whole}", energy(&gap));
            }
        }
    }
}
