//! A leg's audio: what comes in, what goes out, one lap per frame.
//!
//! [`MediaHandle`] is what the leg holds; the lap runs in a coroutine of its own. Both are on one thread, so what the
//! leg changes between two switches is whole for the lap.

mod cleaning;
mod digits;
mod doze;
mod effort;
mod expected_loss;
mod lap;
mod listeners;
mod network;
mod outgoing;
mod pace;
mod peer_level;
mod programme;
mod reach;
mod reception;
mod relay;
mod reporting;
mod reports;
mod seat;
mod summary;
mod voice;

pub use cleaning::CleaningSettings;
pub use lap::{Media, MediaSetup};
pub use listeners::Classes;
pub use outgoing::SendFormat;
pub use programme::Programme;
pub use relay::Lines;
pub use seat::{Participant, Seat};
pub use summary::MediaSummary;
pub use voice::ReceiveFormat;

use crate::call::endpoint::Endpoint;
use crate::call::governor::Relief;
use crate::call::leg::LegMessage;
use crate::call::setup::{MediaPorts, SetupError};
use crate::rtp::telephone_event::Digit;
use crate::worker::{Outcome, RoundHooks, Sender, Tick};
use std::cell::RefCell;
use std::rc::Rc;
use voice::Scratch;

/// What the media tell their leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaReport {
    /// The caller pressed a key.
    Digit(Digit),
    /// The recording has been played to its end.
    PlaybackEnded,
    /// Nothing has come for `media-timeout`.
    Silent,
    /// The lap panicked.
    Failed,
}

/// The longest frame: 20 ms at 48 kHz.
const FRAME_SAMPLES: usize = 960;
/// The longest packet that we send: 60 ms at 48 kHz.
const PACKET_SAMPLES: usize = 2880;

/// Room for the work of one lap; all legs of a worker share one, since no lap keeps it across a switch.
pub struct Workbench {
    scratch: Scratch,
    frame: Box<[i16]>,
    packet: Box<[i16]>,
    payload: Box<[u8]>,
    datagram: Box<[u8]>,
    report: Vec<u8>,
    /// What the governor has given up.
    relief: Relief,
    /// Packets that were encoded, of all legs.
    encoded: u64,
}

impl Default for Workbench {
    fn default() -> Workbench {
        Workbench {
            scratch: Scratch::default(),
            frame: vec![0; FRAME_SAMPLES].into_boxed_slice(),
            packet: vec![0; PACKET_SAMPLES].into_boxed_slice(),
            payload: vec![0; outgoing::MAX_DATAGRAM].into_boxed_slice(),
            datagram: vec![0; outgoing::MAX_DATAGRAM].into_boxed_slice(),
            report: Vec::with_capacity(1500),
            relief: Relief::None,
            encoded: 0,
        }
    }
}

impl Workbench {
    /// Packets that were encoded so far, those of a class of listeners once.
    pub fn encoded(&self) -> u64 {
        self.encoded
    }

    /// Gives up so much from the next lap on.
    pub fn relieve(&mut self, relief: Relief) {
        self.relief = relief;
        self.scratch.efforts.withdraw(relief.conceals_cheaply());
        self.scratch.may_denoise = !relief.skips_denoise();
    }
}

/// The round of a leg that is alone.
struct NobodyElse;

impl RoundHooks for NobodyElse {
    fn begin(&mut self, _tick: Tick) {}

    fn seal(&mut self, _tick: Tick) {}
}

/// A leg's media, as the leg sees them. Dropped, however that comes about, they end all the same.
pub struct MediaHandle {
    media: Rc<RefCell<Media>>,
}

impl MediaHandle {
    /// Starts the laps, in a round of their own with nothing to hear yet.
    pub(super) fn start(
        endpoint: &Rc<Endpoint>,
        ports: &MediaPorts,
        setup: MediaSetup,
        leg: Sender<LegMessage>,
    ) -> Result<MediaHandle, SetupError> {
        let worker = endpoint.worker.clone();
        let round = worker.metronome().round(NobodyElse);
        let seat = Seat::Alone(Box::new(Programme::Silence), Rc::clone(&round));
        let media = Media::new(endpoint, ports, setup, leg.clone(), seat).ok_or(SetupError::Codec)?;
        let media = Rc::new(RefCell::new(media));
        let lapping = Rc::clone(&media);
        let place = round.join();
        let lapping_worker = worker.clone();
        let task = worker
            .spawn("media", move || lap::run(&lapping_worker, &lapping, place))
            .map_err(SetupError::Coroutine)?;
        task.on_end(move |outcome| {
            if outcome == Outcome::Panicked {
                let _ = leg.send(LegMessage::Media(MediaReport::Failed));
            }
        });
        Ok(MediaHandle { media })
    }

    /// Goes on with what was newly agreed; the error changes nothing.
    pub(super) fn change(&self, setup: MediaSetup) -> Result<(), SetupError> {
        self.media.borrow_mut().change(setup).ok_or(SetupError::Codec)
    }

    /// Says good-bye by RTCP and ends the laps.
    pub(super) fn close(self) -> MediaSummary {
        self.media.borrow_mut().say_goodbye();
        self.media.borrow().summary()
    }

    /// Begins to send, and to miss the peer.
    pub(super) fn open(&self) {
        self.media.borrow_mut().open();
    }

    /// Reads or changes the media between two switches.
    pub fn with<R>(&self, work: impl FnOnce(&mut Media) -> R) -> R {
        work(&mut self.media.borrow_mut())
    }
}

impl Drop for MediaHandle {
    fn drop(&mut self) {
        self.media.borrow_mut().close();
    }
}
