//! The conference: its participants and buses, tick by tick.

use super::company::Company;
use super::event::ConferenceEvent;
use super::floor::Floor;
use super::output::Output;
use super::participant::{Added, Command, Participant, ParticipantSettings, ParticipantView, Stage};
use super::place::{ParticipantId, Places};
use super::sound::{Audience, MAX_SOUNDS_FOR_ALL, MAX_SOUNDS_FOR_ONE, Playback, Sound, SoundId};
use super::tag::SpeaksTo;
use super::talk::Talk;
use super::whisper::Desk;
use crate::audio::SampleRate;
use crate::audio::level::AudioLevel;
use crate::rtp::Ssrc;
use std::fmt;

/// The most participants of one conference. Each adds at most four times (the largest gain) a full-scale
/// sample, 2^17, so their sum, with the sounds, stays below 2^29: sums of 32 bits never overflow, nor does
/// what resampling, which overshoots by a factor of at most 2.2, makes of them.
pub const MAX_PARTICIPANTS: usize = 4000;

/// What a conference is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConferenceSettings {
    /// The tick: 10 or 20 ms.
    pub frame_ms: u32,
    /// At most so many participants; above [`MAX_PARTICIPANTS`] it is that.
    pub max_participants: usize,
    /// Whether what is too loud for 16 bits becomes quieter for a while; otherwise its samples are cut.
    pub limiter: bool,
    /// At most so many are heard at once, the loudest; 0 is without limit.
    pub max_talkers: usize,
    /// Whether speech is told from noise: noise takes nobody's place among those who are heard, and events tell who talks.
    pub voice_activity: bool,
    /// The loudness in dBFS that automatic gain brings each talker to, and all together not far above; none without it.
    pub target_dbfs: Option<i8>,
    /// The level in dBFS of the noise that all hear all the time; none without it.
    pub background_dbfs: Option<i8>,
}

impl Default for ConferenceSettings {
    fn default() -> Self {
        Self {
            frame_ms: 20,
            max_participants: MAX_PARTICIPANTS,
            limiter: true,
            max_talkers: 8,
            voice_activity: true,
            target_dbfs: Some(-26), // the nominal level of ITU-T P.56 and P.830
            background_dbfs: None,
        }
    }
}

/// Why a conference refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConferenceError {
    /// All places are taken.
    Full,
    /// No such participant (any more).
    NoSuchParticipant,
    /// As many sounds are playing as may.
    TooManySounds,
}

impl fmt::Display for ConferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the conference is full",
            Self::NoSuchParticipant => "no such participant in the conference",
            Self::TooManySounds => "too many sounds are playing",
        })
    }
}

impl std::error::Error for ConferenceError {}

/// What a participant was given to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Digital silence, known without looking at a sample.
    Silence,
    /// Something.
    Audio,
}

/// Counters since the conference began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConferenceStatistics {
    /// Ticks with at least one participant.
    pub ticks: u64,
    /// Frames mixed, those of silence or of muted participants not counted.
    pub frames_mixed: u64,
    /// Frames refused: of a length that is not that of the participant's rate, a second one in a tick, or of
    /// one that does not take part (yet, or any more).
    pub frames_refused: u64,
    /// Sounds refused since too many were playing.
    pub sounds_refused: u64,
    /// Events that found no room, since nobody took those before them.
    pub events_lost: u64,
    /// Resamplers in use between buses, at most 12.
    pub resamplers: usize,
    /// The same of all whispers, at most 12 for each tag that coaches speak to.
    pub whisper_resamplers: usize,
}

/// One conference.
#[derive(Debug)]
#[repr(C)] // what a steady tick touches is close together, the buses' rare parts are last
pub struct Conference {
    settings: ConferenceSettings,
    statistics: ConferenceStatistics,
    places: Places,
    /// Places with something to be put in force at the next tick, each once.
    changed: Vec<usize>,
    /// Places that add and hear at different rates.
    crossing: Vec<usize>,
    /// Places that sounded in this tick and in the one before.
    sounding: [Vec<usize>; 2],
    floor: Floor,
    sounds: Vec<Playback>,
    /// Sounds for all that wait for the next tick.
    queued_sounds: Vec<Playback>,
    next_sound: u64,
    /// Room for one frame of sums, for two where there are whispers.
    sums: Vec<i32>,
    /// Participants that joined and did not leave, also if not in force yet.
    len: usize,
    tick: u64,
    company: Company,
    desk: Desk,
}

impl Conference {
    /// Empty; costs nothing until someone joins.
    pub fn new(settings: ConferenceSettings) -> Self {
        assert!(matches!(settings.frame_ms, 10 | 20), "a tick is 10 or 20 ms");
        Self {
            desk: Desk::new(settings.frame_ms, Output::new(settings.limiter), settings.background_dbfs),
            statistics: ConferenceStatistics::default(),
            places: Places::default(),
            changed: Vec::new(),
            crossing: Vec::new(),
            sounding: Default::default(),
            floor: Floor::new(&settings),
            sounds: Vec::new(),
            queued_sounds: Vec::new(),
            next_sound: 0,
            sums: Vec::new(),
            len: 0,
            // So that a participant's tick 0 is before any last tick.
            tick: 1,
            company: Company::default(),
            settings,
        }
    }

    /// Lets a participant in from the next tick on. What it adds first and what it hears first fades in.
    pub fn join(&mut self, settings: ParticipantSettings) -> Result<ParticipantId, ConferenceError> {
        if self.places.len() >= self.settings.max_participants.min(MAX_PARTICIPANTS) {
            return Err(ConferenceError::Full);
        }
        self.floor.expect_voices(&self.settings);
        let target_dbfs = settings.target_dbfs.unwrap_or(self.settings.target_dbfs);
        let talk = Talk::new(target_dbfs, &self.settings);
        let participant = Participant::new(settings, talk);
        self.company.speakers += usize::from(participant.is_company());
        let id = self.places.insert(participant);
        self.len += 1;
        self.note_change(id);
        Ok(id)
    }

    /// Lets a participant out at the next tick; what it added last fades. Nothing if it is no longer there.
    pub fn leave(&mut self, id: ParticipantId) {
        if let Some(participant) =
            self.places.by_id(id).filter(|participant| participant.stage != Stage::Leaving)
        {
            participant.stage = Stage::Leaving;
            self.len -= 1;
            self.company.speakers -= usize::from(participant.is_company());
            self.note_change(id);
        }
    }

    /// Changes a participant from the next tick on; of two commands of a kind in one tick the later one
    /// counts.
    pub fn command(&mut self, id: ParticipantId, command: Command) -> Result<(), ConferenceError> {
        let participant = self.places.by_id(id).ok_or(ConferenceError::NoSuchParticipant)?;
        let is_there = participant.stage != Stage::Leaving;
        self.company.speakers -= usize::from(is_there && participant.is_company());
        participant.command(command);
        self.company.speakers += usize::from(is_there && participant.is_company());
        self.note_change(id);
        Ok(())
    }

    /// From the next tick on no more than so many are heard at once, or again as many as the settings say. Who is no longer
    /// heard, or heard again, fades.
    pub fn cap_talkers(&mut self, cap: Option<usize>) {
        self.floor.cap(cap, self.places.len());
    }

    /// Plays a sound from the next tick on.
    pub fn play(&mut self, sound: Sound, audience: Audience) -> Result<SoundId, ConferenceError> {
        let (rate, playing, most) = match audience {
            Audience::All => (
                self.desk.room.lowest_rate(),
                self.sounds.len() + self.queued_sounds.len(),
                MAX_SOUNDS_FOR_ALL,
            ),
            Audience::Only(id) => {
                let participant = self.places.by_id(id).ok_or(ConferenceError::NoSuchParticipant)?;
                (participant.rare.wanted.out_rate, participant.rare.sounds.len(), MAX_SOUNDS_FOR_ONE)
            }
        };
        if playing >= most {
            self.statistics.sounds_refused += 1;
            return Err(ConferenceError::TooManySounds);
        }
        let number = self.next_sound;
        self.next_sound += 1;
        let playback = Playback::new(number, sound, rate, self.settings.frame_ms);
        match audience {
            Audience::All => self.queued_sounds.push(playback),
            Audience::Only(id) => {
                let participant = self.places.by_id(id).ok_or(ConferenceError::NoSuchParticipant)?;
                participant.play(playback);
            }
        }
        Ok(SoundId { number, audience })
    }

    /// Fades a sound out; nothing if it is over.
    pub fn stop(&mut self, sound: SoundId) {
        self.queued_sounds.retain(|queued| queued.number() != sound.number);
        let sounds = match sound.audience {
            Audience::All => Some(&mut self.sounds),
            Audience::Only(id) => self.places.by_id(id).map(|participant| &mut participant.rare.sounds),
        };
        let playing = sounds.into_iter().flatten().find(|playing| playing.number() == sound.number);
        playing.into_iter().for_each(Playback::stop);
    }

    /// Whether someone is to be listened to in the next tick, for voice activity; some 40 µs.
    pub fn wants_to_listen(&self) -> bool {
        self.floor.voices.as_ref().is_some_and(|voices| voices.is_waited_for())
    }

    /// Whether there is time for that; whoever waits goes on waiting.
    pub fn may_listen(&mut self, may_listen: bool) {
        self.floor.voices.iter_mut().for_each(|voices| voices.set_time(may_listen));
    }

    /// Begins a tick, before its first `add`: everything queued comes in force.
    pub fn begin(&mut self) {
        self.tick += 1;
        self.desk.begin();
        self.sounding.swap(0, 1);
        self.sounding[0].clear();
        if !self.changed.is_empty() {
            self.apply_changes();
        }
        if let Some(voices) = &mut self.floor.voices {
            voices.begin(self.tick, &mut self.places);
        }
        self.floor.begin(&mut self.places, &self.sounding[1]);
        self.sounds.append(&mut self.queued_sounds);
    }

    /// Adds a participant's frame of this tick, of the length that its rate in force makes it. Whoever adds
    /// nothing is silent; its sound fades from where it was.
    pub fn add(&mut self, id: ParticipantId, frame: &[i16]) {
        let added = match self.places.by_id(id) {
            Some(participant) => {
                let room = (&mut self.desk, &mut self.sums[..]);
                let added = participant.add(self.tick, frame, self.floor.attention(), room);
                if let Some(voices) = &mut self.floor.voices
                    && participant.has_whole_piece()
                {
                    voices.wait(id.index());
                }
                added
            }
            None => Added::Refused,
        };
        match added {
            Added::Mixed => {
                self.statistics.frames_mixed += 1;
                self.sounding[0].push(id.index());
            }
            Added::Whispered => {
                self.statistics.frames_mixed += 1;
                self.desk.whispers.note(id.index());
            }
            Added::Unchosen => self.floor.wait(id.index()),
            Added::Nothing => {}
            Added::Refused => self.statistics.frames_refused += 1,
        }
    }

    /// Completes the buses, after the last `add` of this tick and before its first `mix_minus`.
    pub fn seal(&mut self) {
        if self.places.len() == 0 {
            self.sounds.clear();
            return;
        }
        self.statistics.ticks += 1;
        for at in 0..self.sounding[1].len() {
            let index = self.sounding[1][at];
            if let Some(participant) = self.places.by_index(index)
                && participant.fade_if_absent(self.tick, &mut self.desk, &mut self.sums)
            {
                self.sounding[0].push(index);
            }
        }
        for at in 0..self.desk.whispers.coaches_before().len() {
            let index = self.desk.whispers.coaches_before()[at];
            if let Some(participant) = self.places.by_index(index)
                && participant.fade_if_absent(self.tick, &mut self.desk, &mut self.sums)
            {
                self.desk.whispers.note(index);
            }
        }
        for sound in &mut self.sounds {
            sound.add_to(self.desk.room.sum_mut(sound.rate()));
        }
        self.sounds.retain(|sound| !sound.is_over());
        self.desk.seal();
        for &index in &self.crossing {
            if let Some(participant) = self.places.by_index(index) {
                participant.convert_own(self.tick, &mut self.sums);
            }
        }
    }

    /// Writes what a participant hears in this tick: its bus less its own frame, with what is whispered to it, brought to
    /// 16 bits once at the end. `out` has the length that its rate makes it; of another length, or for one that is not there, it
    /// is silence.
    pub fn mix_minus(&mut self, id: ParticipantId, out: &mut [i16]) -> Heard {
        let Some(participant) = self.places.by_id(id) else {
            out.fill(0);
            return Heard::Silence;
        };
        if participant.hear(self.tick, &self.desk, &mut self.sums, out) {
            Heard::Audio
        } else {
            Heard::Silence
        }
    }

    /// The only one that is to hear a participant in this tick, where it is to hear that one alone and as it is, but for
    /// automatic gain: it can be given its packets instead, see [`Conference::pass_by`].
    pub fn relays_to(&mut self, id: ParticipantId) -> Option<ParticipantId> {
        let [one, other] = self.company.pair?;
        let listener = if id == one { other } else { one };
        let is_of_two = self.places.len() == 2 && (id == one || id == other);
        (is_of_two && self.passes_as_it_is(id, listener)).then_some(listener)
    }

    /// The same for one who was relayed to `listener` until now: others may have come, as long as nothing is heard of them.
    pub fn still_relays_to(&mut self, id: ParticipantId, listener: ParticipantId) -> bool {
        let tick = self.tick;
        self.passes_as_it_is(id, listener)
            && self
                .places
                .iter()
                .all(|(other, participant)| other == id || other == listener || participant.is_quiet(tick))
    }

    fn passes_as_it_is(&mut self, id: ParticipantId, listener: ParticipantId) -> bool {
        self.settings.background_dbfs.is_none()
            && self.sounds.is_empty()
            && self.places.by_id(id).is_some_and(|participant| participant.is_heard_as_it_is())
            && self.places.by_id(listener).is_some_and(|participant| participant.hears_as_it_is())
    }

    /// In the place of [`Conference::add`], for one whose packets are given to who hears it: it is there all the same, so that
    /// its voice goes on without a seam when it is mixed again. Automatic gain will begin anew.
    pub fn pass_by(&mut self, id: ParticipantId) {
        if let Some(participant) = self.places.by_id(id) {
            participant.pass_by(self.tick);
        }
    }

    /// Whether just two are here, and this is one of them.
    pub fn is_of_two(&self, id: ParticipantId) -> bool {
        self.company.pair.is_some_and(|pair| pair.contains(&id))
    }

    /// From now on [`Conference::mix_for_all`] is made at `rate` in each tick, whoever listens, and so are the frames of those
    /// whose packets are passed on wanted beside.
    pub fn tap(&mut self, rate: SampleRate) {
        self.company.taps += 1;
        self.desk.room.listen(rate);
    }

    /// One [`Conference::tap`] less.
    pub fn untap(&mut self, rate: SampleRate) {
        self.company.taps -= 1;
        self.desk.room.listen_no_more(rate);
    }

    /// Whether the mix is listened to from outside.
    pub fn is_tapped(&self) -> bool {
        self.company.taps > 0
    }

    /// Whether others can hear in this tick what a participant adds; not if it is muted, a monitor, or a coach of nobody.
    pub fn is_heard(&mut self, id: ParticipantId) -> bool {
        self.places.by_id(id).is_some_and(|participant| participant.is_heard(&self.desk))
    }

    /// The audio of a participant comes from this source, as others may be told.
    pub fn set_source(&mut self, id: ParticipantId, source: Ssrc) {
        if let Some(participant) = self.places.by_id(id) {
            participant.rare.source = Some(source);
        }
    }

    /// The sources of those whom a participant hears in this tick, without itself, and how loud they were of late.
    pub fn contributors(&self, id: ParticipantId) -> impl Iterator<Item = (Ssrc, AudioLevel)> {
        let hears = self.places.at(id.index()).is_some_and(|listener| !listener.rare.wanted.deaf);
        let others = self.sounding[0].iter().filter(move |&&index| hears && index != id.index());
        others.filter_map(|&index| {
            let participant = self.places.at(index)?;
            let is_for_all = participant.rare.wanted.speaks_to == SpeaksTo::Everyone; // nobody is told of a whisper
            let participant = is_for_all.then_some(participant)?;
            Some((participant.rare.source?, participant.level(self.tick)))
        })
    }

    /// Whether a participant hears in this tick what everyone hears who adds nothing and listens at `rate`; then
    /// [`Conference::mix_for_all`] is its `mix_minus`. It is known as soon as it has added; of one who carries a tag only
    /// since the seal.
    pub fn hears_all(&mut self, id: ParticipantId, rate: SampleRate) -> bool {
        self.places.by_id(id).is_some_and(|participant| participant.hears_all(self.tick, rate, &self.desk))
    }

    /// Writes what they hear; of another length than that of the rate, it is silence.
    pub fn mix_for_all(&self, rate: SampleRate, out: &mut [i16]) {
        let bus = self.desk.room.bus(rate);
        if bus.is_silent() || out.len() != self.desk.room.frame_samples(rate) {
            out.fill(0);
        } else {
            out.copy_from_slice(bus.heard());
        }
    }

    /// What happened, the oldest first; to be taken at least now and then, see [`MAX_EVENTS`](super::MAX_EVENTS).
    pub fn take_event(&mut self) -> Option<ConferenceEvent> {
        self.floor.voices.as_mut()?.events().take()
    }

    /// Participants that joined and did not leave.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Those of them who are company for others: who speak to everyone, muted or not.
    pub fn company(&self) -> usize {
        self.company.speakers
    }

    /// Whether a participant is one of them.
    pub fn is_company(&mut self, id: ParticipantId) -> bool {
        self.places.by_id(id).is_some_and(|participant| participant.is_company())
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&mut self, id: ParticipantId, see: &mut dyn FnMut(usize, usize)) {
        see(std::ptr::from_ref(self) as usize, size_of::<Self>());
        if let Some(participant) = self.places.by_id(id) {
            participant.hot_memory(see);
        }
    }

    /// True if no participant is left; the conference may be dropped.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All participants, in no order.
    pub fn participants(&self) -> impl Iterator<Item = ParticipantView<'_>> {
        let members = self.places.iter().filter(|(_, participant)| participant.stage != Stage::Leaving);
        members.map(|(id, participant)| ParticipantView {
            id,
            name: &participant.rare.wanted.name,
            muted: participant.rare.wanted.muted,
            deaf: participant.rare.wanted.deaf,
            held: participant.rare.held,
            sounding: participant.was_sounding(self.tick),
            speaks_to: participant.rare.wanted.speaks_to,
            tag: participant.rare.wanted.tag,
            talking: participant.talk().voice().is_some_and(|voice| voice.talks_since.is_some()),
            level: participant.level(self.tick),
        })
    }

    /// Counters.
    pub fn statistics(&self) -> ConferenceStatistics {
        let (resamplers, whisper_resamplers) = (self.desk.room.converters(), self.desk.whispers.converters());
        let events_lost = self.floor.voices.as_ref().map_or(0, |voices| voices.lost());
        ConferenceStatistics { events_lost, resamplers, whisper_resamplers, ..self.statistics }
    }

    fn note_change(&mut self, id: ParticipantId) {
        if let Some(participant) = self.places.by_id(id)
            && !participant.is_changed
        {
            participant.is_changed = true;
            self.changed.push(id.index());
        }
    }

    fn apply_changes(&mut self) {
        self.make_room();
        let mut waiting = 0;
        for at in 0..self.changed.len() {
            let index = self.changed[at];
            if self.apply(index) {
                self.changed[waiting] = index;
                waiting += 1;
            }
        }
        self.changed.truncate(waiting);
        self.make_room();
        self.company.pair = self.places.pair();
        // What a steady tick needs, if all of them speak at once.
        for sounding in &mut self.sounding {
            sounding.reserve(self.places.len().saturating_sub(sounding.len()));
        }
        self.floor.reserve(self.places.len());
        if let Some(voices) = &mut self.floor.voices {
            voices.reserve(self.places.len());
        }
    }

    fn make_room(&mut self) {
        let frames = if self.desk.whispers.is_unused() { 1 } else { 2 };
        self.sums.resize(frames * SampleRate::Hz48000.samples(self.settings.frame_ms), 0);
    }

    /// True if something of it has to wait for the next tick.
    fn apply(&mut self, index: usize) -> bool {
        let Some(participant) = self.places.by_index(index) else { return false };
        self.crossing.retain(|&crossing| crossing != index);
        participant.is_changed = match participant.stage {
            Stage::Joining => {
                participant.enter(&mut self.desk);
                false
            }
            Stage::Taking => participant.change(self.tick, &mut self.desk, &mut self.sums),
            Stage::Leaving => {
                participant.exit(self.tick, &mut self.desk, &mut self.sums);
                if let Some(voices) = &mut self.floor.voices {
                    voices.leave(self.tick, index, &mut self.places);
                }
                self.places.remove(index);
                return false;
            }
        };
        let waits = participant.is_changed;
        if participant.is_crossing() {
            self.crossing.push(index);
        }
        waits
    }
}

#[cfg(test)]
impl Conference {
    /// Room that was allocated, by list.
    pub(super) fn memory(&self) -> Vec<usize> {
        let lists = [&self.changed, &self.crossing, &self.sounding[0], &self.sounding[1]].map(Vec::capacity);
        let mut memory = [&lists[..], &[self.sounds.capacity(), self.sums.capacity()]].concat();
        // The two lists change places every tick.
        memory[2..4].sort_unstable();
        memory.extend(self.desk.room.memory());
        memory.extend(self.whisper_memory());
        memory
    }

    pub(super) fn whisper_memory(&self) -> Vec<usize> {
        self.desk.whispers.memory()
    }

    pub(super) fn bus_samples(&self) -> usize {
        self.desk.room.memory().into_iter().sum()
    }
}
