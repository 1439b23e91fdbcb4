//! Where a leg's audio goes and comes from: a programme of its own, or a place in a conference.

use super::programme::{Programme, Progress};
use super::relay::{Line, Relaying, Takes};
use crate::audio::{Format, SampleRate};
use crate::call::conferences::{Room, Tones};
use crate::conference::{Command, ConferenceError, ParticipantId, ParticipantSettings};
use crate::rtp::Ssrc;
use crate::rtp::contributors::{Contributors, MAX_CONTRIBUTORS};
use crate::worker::{Place, PlaceCloser, Round};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What a leg hears and who hears it.
pub enum Seat {
    /// Alone with a programme, in a round of its own.
    Alone(Box<Programme>, Rc<Round>),
    /// In a conference.
    Conference(Participant),
}

/// The way of a peer's packets to another in one lap.
pub struct Passage {
    /// Where they go.
    pub line: Rc<RefCell<Line>>,
    /// Their sound is wanted too: then it is to be heard as ever, else [`Seat::passes_by`].
    pub is_tapped: bool,
    /// Others have come, who are silent yet: it is to be told what it sounds like ([`Seat::lingers`]).
    pub lingers: bool,
}

/// The seat a leg has, the one it moves to with the next lap, and the way to end its laps.
pub struct Seating {
    seat: Seat,
    closed: bool,
    next: Option<Box<Seat>>,
    /// Where the peer's audio comes from.
    source: Option<Ssrc>,
    closer: Option<PlaceCloser>,
}

impl Seating {
    /// In this seat, with laps that nobody makes yet.
    pub fn new(seat: Seat) -> Seating {
        Seating { seat, closed: false, next: None, source: None, closer: None }
    }

    /// The seat of this lap.
    pub fn seat(&mut self) -> &mut Seat {
        &mut self.seat
    }

    /// Moves with the next lap.
    pub fn give(&mut self, seat: Seat) {
        self.next = Some(Box::new(seat));
    }

    /// Changes the seat in which the leg is, or is about to be.
    pub fn each(&mut self, change: impl FnOnce(&mut Seat)) {
        change(self.next.as_deref_mut().unwrap_or(&mut self.seat));
    }

    /// Moves; the round to join, if there was somewhere to move.
    pub fn change(&mut self) -> Option<Rc<Round>> {
        self.seat = *self.next.take()?;
        if let Some(source) = self.source {
            self.seat.comes_from(source);
        }
        Some(Rc::clone(self.seat.round()))
    }

    /// The peer's audio comes from this source, as the others in a conference may be told.
    pub fn comes_from(&mut self, source: Ssrc) {
        if self.source != Some(source) {
            self.source = Some(source);
            self.seat.comes_from(source);
        }
    }

    /// The laps are made from this place.
    pub fn took(&mut self, place: &Place) {
        self.closer = Some(place.closer());
    }

    /// Ends the laps.
    pub fn close(&mut self) {
        self.closed = true;
        if let Some(closer) = &self.closer {
            closer.close();
        }
    }

    /// Whether the laps are to end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

/// A place in a conference; left when dropped.
pub struct Participant {
    room: Rc<Room>,
    id: ParticipantId,
    tones: Tones,
    /// What other peers have coded for this one.
    line: Rc<RefCell<Line>>,
    relaying: Relaying,
}

impl Participant {
    /// Takes a place from the conference's next tick on.
    pub fn join(
        room: Rc<Room>,
        settings: ParticipantSettings,
        tones: Tones,
    ) -> Result<Participant, ConferenceError> {
        let id = room.mixer.borrow_mut().join(settings)?;
        room.entered(id, tones);
        let line = room.lines.open(id);
        Ok(Participant { room, id, tones, line, relaying: Relaying::default() })
    }

    /// Who it is there.
    pub fn id(&self) -> ParticipantId {
        self.id
    }

    /// Changes it from the next tick on.
    pub fn command(&self, command: Command) {
        // Its place is given up by Drop alone, so it is always there.
        let _ = self.room.mixer.borrow_mut().command(self.id, command);
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.room.lines.close(self.id);
        self.room.leave(self.id, self.tones);
    }
}

impl Seat {
    /// The laps of this seat.
    pub fn round(&self) -> &Rc<Round> {
        match self {
            Seat::Alone(_, round) => round,
            Seat::Conference(participant) => &participant.room.round,
        }
    }

    /// Whether anybody can hear the peer in this lap.
    pub fn is_heard(&self) -> bool {
        match self {
            Seat::Alone(..) => true,
            Seat::Conference(Participant { room, id, .. }) => room.mixer.borrow_mut().is_heard(*id),
        }
    }

    /// What the peer is sent from now on, as far as it can be another's packets.
    pub fn takes(&self, takes: Option<Takes>) {
        if let Seat::Conference(participant) = self {
            participant.line.borrow_mut().set_takes(takes);
        }
    }

    /// What others may have coded for the peer, if they may or `did` last; from now on they may if the peer is sent audio.
    pub fn line(&self, did: bool, is_open: bool) -> Option<&RefCell<Line>> {
        let Seat::Conference(Participant { room, id, line, .. }) = self else { return None };
        if !did && !room.mixer.borrow().is_of_two(*id) {
            return None;
        }
        line.borrow_mut().set_open(is_open);
        Some(line)
    }

    /// Where the peer's packets go in this lap as they are, if they may; `did` says whether they did in the last lap.
    pub fn relays(&mut self, did: bool, may_pass: bool, received: (&Format, bool)) -> Option<Passage> {
        let Seat::Conference(Participant { room, id, line, relaying, .. }) = self else { return None };
        if !room.relays {
            return None;
        }
        let mut mixer = room.mixer.borrow_mut();
        let listener = mixer.relays_to(*id);
        let lingers = listener.is_none();
        if !lingers {
            relaying.is_alone();
        }
        let goes_on = |listener: &ParticipantId| did && mixer.still_relays_to(*id, *listener);
        let listener = listener.or_else(|| relaying.listener().filter(goes_on)).filter(|_| may_pass);
        if listener.is_none() && relaying.is_idle() {
            return None;
        }
        let line = relaying.line(&room.lines, listener, &line.borrow(), received)?;
        Some(Passage { line, is_tapped: lingers || mixer.is_tapped(), lingers })
    }

    /// Where the peer's packets went until the last lap, once.
    pub fn relayed_to(&mut self) -> Option<Rc<RefCell<Line>>> {
        match self {
            Seat::Alone(..) => None,
            Seat::Conference(participant) => participant.relaying.take_left(),
        }
    }

    /// The peer's sound of this lap is heard otherwise.
    pub fn passes_by(&self) {
        if let Seat::Conference(participant) = self {
            participant.room.mixer.borrow_mut().pass_by(participant.id);
        }
    }

    /// The peer's frame of this lap, of so much time, was relayed although others are here.
    pub fn lingers(&mut self, frame: &[i16], duration: Duration) {
        if let Seat::Conference(participant) = self {
            participant.relaying.lingered(frame, duration);
        }
    }

    /// The peer's frame of this lap, of so much time, was mixed, by a worker that may have too much to do.
    pub fn mixed(&mut self, frame: &[i16], duration: Duration, is_hurried: bool) {
        if let Seat::Conference(participant) = self {
            participant.relaying.mixed(frame, duration, is_hurried);
        }
    }

    /// The peer's frame of this lap.
    pub fn hear(&mut self, frame: &[i16]) {
        match self {
            Seat::Alone(programme, _) => programme.hear(frame),
            Seat::Conference(participant) => {
                participant.room.mixer.borrow_mut().add(participant.id, frame);
            }
        }
    }

    /// Fills what the peer is sent in this lap.
    pub fn speak(&mut self, frame: &mut [i16]) -> Progress {
        match self {
            Seat::Alone(programme, _) => programme.speak(frame),
            Seat::Conference(participant) => {
                participant.room.mixer.borrow_mut().mix_minus(participant.id, frame);
                Progress::Plays
            }
        }
    }

    /// The conference, if the peer is to hear in this tick what all hear there at this rate.
    pub fn hears_all(&self, rate: SampleRate) -> Option<&Room> {
        let Seat::Conference(Participant { room, id, .. }) = self else { return None };
        room.mixer.borrow_mut().hears_all(*id, rate).then_some(&**room)
    }

    fn comes_from(&self, source: Ssrc) {
        if let Seat::Conference(Participant { room, id, .. }) = self {
            room.mixer.borrow_mut().set_source(*id, source);
        }
    }

    /// Names those whom the peer hears in this lap.
    pub fn name_contributors(&self, contributors: &mut Contributors) {
        contributors.clear();
        if let Seat::Conference(Participant { room, id, .. }) = self {
            let mixer = room.mixer.borrow();
            let heard = mixer.contributors(*id).take(MAX_CONTRIBUTORS);
            heard.for_each(|(source, level)| contributors.push(source, level.minus_dbov()));
        }
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        if let Seat::Conference(participant) = self {
            participant.room.mixer.borrow_mut().hot_memory(participant.id, see);
        }
    }

    /// The rates of the leg's frames have changed.
    pub fn rates_changed(&mut self, in_rate: SampleRate, out_rate: SampleRate) {
        match self {
            Seat::Alone(programme, _) => programme.rates_changed(in_rate, out_rate),
            Seat::Conference(participant) => {
                participant.command(Command::InRate(in_rate));
                participant.command(Command::OutRate(out_rate));
            }
        }
    }

    /// The peer holds us, or no longer does.
    pub fn held(&self, on_hold: bool) {
        if let Seat::Conference(participant) = self {
            participant.command(Command::Hold(on_hold));
        }
    }
}
