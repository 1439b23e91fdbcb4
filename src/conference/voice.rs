//! Whether a participant that sounds speaks: when it is listened to, and what is made of what was heard.

use crate::audio::SampleRate;
use crate::audio::noise_floor::NoiseFloor;
use crate::audio::voice_activity::{Piece, VoiceDetector};

/// Who speaks is listened to again after so long, from the end of the last piece.
const AGAIN_MS: u32 = 900;
/// The same where one piece was no speech, to be sure, and where all is noise, since someone may begin to speak.
const DOUBTFUL_AGAIN_MS: u32 = 100;
const NOISE_AGAIN_MS: u32 = 500;

/// What a sound was found to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Finding {
    /// It was not listened to yet.
    #[default]
    Unknown,
    Noise,
    Speech,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Voice {
    noise: NoiseFloor,
    /// Last tick in which it stood out from its noise.
    loud_tick: u64,
    /// From here on it is listened to again.
    listen_tick: u64,
    finding: Finding,
    /// It is not known to be noise, but the last piece was no speech.
    is_doubtful: bool,
    /// Since when it talks, as its conference has noted.
    pub(super) talks_since: Option<u64>,
    hangover_ticks: u64,
    frame_ms: u32,
    piece: Piece,
}

impl Voice {
    pub(super) fn new(frame_ms: u32, hangover_ms: u32) -> Self {
        let mut noise = NoiseFloor::new(frame_ms);
        noise.is_exceeded(0.0); // what comes first is listened to, be it noise
        Self {
            noise,
            loud_tick: 0,
            listen_tick: 0,
            finding: Finding::Unknown,
            is_doubtful: false,
            talks_since: None,
            hangover_ticks: u64::from(hangover_ms / frame_ms),
            frame_ms,
            piece: Piece::default(),
        }
    }

    /// Takes a frame that is not silent, of this mean power, in tick `tick`. True if a piece of it has become whole.
    pub(super) fn hear(&mut self, tick: u64, power: f32, frame: &[i16], rate: SampleRate) -> bool {
        if self.noise.is_exceeded(power) {
            if self.is_over(tick) {
                // Another one may speak now, or the same one over another noise.
                (self.finding, self.is_doubtful, self.listen_tick) = (Finding::Unknown, false, tick);
                self.piece.clear();
            }
            self.loud_tick = tick;
        }
        let begins = self.loud_tick == tick && tick >= self.listen_tick;
        if self.piece.is_whole() || (self.piece.is_empty() && !begins) {
            return false;
        }
        self.piece.push(frame, rate);
        self.piece.is_whole()
    }

    /// A silent frame came, or none, before the next one that is heard.
    pub(super) fn was_silent(&mut self) {
        self.noise.is_exceeded(0.0);
    }

    /// Judges the piece that is whole.
    pub(super) fn judge(&mut self, tick: u64, detector: &mut VoiceDetector) {
        if !self.piece.is_whole() {
            return;
        }
        let again_ms = if detector.hears_voice(&self.piece) {
            (self.finding, self.is_doubtful) = (Finding::Speech, false);
            AGAIN_MS
        } else if self.finding != Finding::Noise && !self.is_doubtful {
            self.is_doubtful = true;
            DOUBTFUL_AGAIN_MS
        } else {
            (self.finding, self.is_doubtful) = (Finding::Noise, false);
            NOISE_AGAIN_MS
        };
        self.listen_tick = tick + u64::from(again_ms / self.frame_ms);
        self.piece.clear();
    }

    pub(super) fn finding(&self) -> Finding {
        self.finding
    }

    /// Whether it speaks, or spoke shortly before `tick`.
    pub(super) fn talks(&self, tick: u64) -> bool {
        self.finding == Finding::Speech && !self.is_over(tick)
    }

    fn is_over(&self, tick: u64) -> bool {
        self.loud_tick == 0 || tick - self.loud_tick > self.hangover_ticks
    }
}
