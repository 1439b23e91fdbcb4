//! What a leg's story lets the caller hear: programmes, recordings, a seat in a conference.

use crate::audio::SampleRate;
use crate::audio::wav::WavError;
use crate::call::leg::{Digit, Leg, LegMessage};
use crate::call::media::{Programme, Seat};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Recordings are kept in memory while they play; a longer file is refused.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// How long a recording waits before it tries a full inbox again.
const INBOX_PATIENCE: Duration = Duration::from_millis(20);
/// How long a key is pressed.
const KEY_PRESS: Duration = Duration::from_millis(160);

/// Why a recording could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// The file could not be read.
    File(io::ErrorKind),
    /// It is longer than [`MAX_FILE_BYTES`].
    TooLong(u64),
    /// It is no WAV that we can play.
    Wav(WavError),
    /// All recordings together would take more than so many bytes.
    Memory(usize),
    /// The helper threads have too much to do.
    Busy,
}

impl fmt::Display for FetchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::File(kind) => write!(out, "{kind}"),
            FetchError::TooLong(bytes) => write!(out, "{bytes} bytes are more than {MAX_FILE_BYTES}"),
            FetchError::Wav(error) => write!(out, "{error}"),
            FetchError::Memory(bytes) => {
                write!(out, "the recordings being played would take more than {bytes} bytes of memory")
            }
            FetchError::Busy => out.write_str("too many files are being read (helper-threads)"),
        }
    }
}

impl Leg {
    /// The rates of what the peer sends and is sent; only once media flow.
    pub fn rates(&self) -> (SampleRate, SampleRate) {
        self.flowing().with(|media| media.rates())
    }

    /// Lets the caller hear a programme, made for the rates of what it sends and is sent. Without media yet, as in
    /// early media to a caller that offered nothing, there is nobody to hear it.
    pub fn play(&mut self, programme: impl FnOnce(SampleRate, SampleRate) -> Programme) {
        if let Some(media) = &self.media {
            media.with(|media| {
                let (in_rate, out_rate) = media.rates();
                media.play(programme(in_rate, out_rate));
            });
        }
    }

    /// Presses a key at the peer (RFC 4733); a peer that takes no telephone-event does not notice.
    pub fn press(&mut self, digit: Digit) {
        if let Some(media) = &self.media {
            let _ = media.with(|media| media.send_digit(digit, KEY_PRESS));
        }
    }

    /// Moves the leg's audio to another seat.
    pub fn sit(&mut self, seat: Seat) {
        self.flowing().with(|media| media.take_seat(seat));
    }

    /// Has a recording read by a helper thread, at the rate of what the peer is sent; it comes as [`LegEvent::Fetched`](super::leg::LegEvent::Fetched).
    pub fn fetch(
        &mut self,
        read: impl FnOnce(SampleRate) -> Result<Arc<[i16]>, FetchError> + Send + 'static,
    ) {
        let worker = self.endpoint.worker.clone();
        let reader = worker.clone();
        let leg = self.inbox.0.clone();
        let rate =
            self.media.as_ref().map_or(SampleRate::Hz8000, |media| media.with(|media| media.rates().1));
        let spawned = worker.spawn("fetch", move || {
            let mut message = LegMessage::Fetched(
                reader.helpers().run(move || read(rate)).unwrap_or(Err(FetchError::Busy)),
            );
            while let Err(full) = leg.send(message) {
                message = full.0;
                reader.sleep_until(reader.now() + INBOX_PATIENCE);
                if leg.is_closed() {
                    return;
                }
            }
        });
        if spawned.is_err() {
            let _ = self.inbox.0.send(LegMessage::Fetched(Err(FetchError::Busy)));
        }
    }

    fn flowing(&self) -> &crate::call::media::MediaHandle {
        self.media.as_ref().expect("Leg::answer returns when media flow")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone::Tone;

    /// A second of what the programme gives, in frames of 20 ms, and how many of them were not silent.
    fn listen(programme: &mut Programme, rate: SampleRate) -> (Vec<i16>, usize) {
        let mut heard = Vec::new();
        let mut loud = 0;
        for _ in 0..50 {
            let mut frame = vec![0; rate.hertz() as usize / 50];
            programme.speak(&mut frame);
            loud += usize::from(frame.iter().any(|sample| sample.abs() > 100));
            heard.extend(frame);
        }
        (heard, loud)
    }

    /// Zero crossings from below within 300 ms, in which nothing begins or ends.
    fn cycles(heard: &[i16]) -> usize {
        let tenth = heard.len() / 10;
        heard[tenth..4 * tenth].windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count()
    }

    fn sine(rate: SampleRate, hertz: f64, seconds: f64) -> Arc<[i16]> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate.hertz());
        let len = (f64::from(rate.hertz()) * seconds) as usize;
        (0..len).map(|index| ((index as f64 * step).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn a_recording_keeps_pitch_and_length_when_the_rate_of_the_leg_changes() {
        for (from, to) in
            [(SampleRate::Hz8000, SampleRate::Hz48000), (SampleRate::Hz48000, SampleRate::Hz8000)]
        {
            let mut programme = Programme::recording(sine(from, 400.0, 1.5), from, false);
            let (before, loud) = listen(&mut programme, from);
            assert_eq!(loud, 50);
            programme.rates_changed(to, to);
            let (after, loud) = listen(&mut programme, to);
            assert!((25..=26).contains(&loud), "half a second is left, {loud} frames were heard");
            assert!((118..=122).contains(&cycles(&before)), "{from:?}: {}", cycles(&before));
            assert!((118..=122).contains(&cycles(&after)), "{to:?}: {}", cycles(&after));
        }
    }

    #[test]
    fn a_tone_keeps_its_pitch_at_another_rate() {
        let mut programme = Programme::tone(Tone::milliwatt(), SampleRate::Hz8000);
        let (before, _) = listen(&mut programme, SampleRate::Hz8000);
        programme.rates_changed(SampleRate::Hz16000, SampleRate::Hz16000);
        let (after, _) = listen(&mut programme, SampleRate::Hz16000);
        for heard in [before, after] {
            assert!((300..=302).contains(&cycles(&heard)), "{} cycles of 1004 Hz in 300 ms", cycles(&heard));
        }
    }

    #[test]
    fn an_echo_gives_back_as_much_as_it_heard_at_other_rates() {
        let mut programme = Programme::echo(SampleRate::Hz8000, SampleRate::Hz8000);
        programme.rates_changed(SampleRate::Hz48000, SampleRate::Hz16000);
        let voice = sine(SampleRate::Hz48000, 400.0, 1.0);
        let mut heard = Vec::new();
        for frame in voice.chunks(960) {
            programme.hear(frame);
            let mut back = vec![0; 320];
            programme.speak(&mut back);
            heard.extend(back);
        }
        assert!((118..=122).contains(&cycles(&heard)), "{}", cycles(&heard));
    }
}
