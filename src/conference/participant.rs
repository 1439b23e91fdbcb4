//! One participant: what it wants, what is in force, and the frame it added, which it must not hear.

mod hearing;

use super::aside::Aside;
use super::fade;
use super::output::Output;
use super::own::Own;
use super::place::ParticipantId;
use super::sound::Playback;
use super::tag::{SpeaksTo, Tag};
use super::talk::{Attention, Talk};
use super::voice::Voice;
use super::whisper::{Desk, WhisperId};
use crate::audio::gain::GainRamp;
use crate::audio::level::AudioLevel;
use crate::audio::resample::Resampler;
use crate::audio::saturate::is_silence;
use crate::audio::{Gain, SampleRate};
use crate::rtp::Ssrc;

/// How a participant joins.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantSettings {
    /// Rate of the frames it adds.
    pub in_rate: SampleRate,
    /// Rate of the frames it hears.
    pub out_rate: SampleRate,
    /// The others do not hear it.
    pub muted: bool,
    /// It does not hear the others.
    pub deaf: bool,
    /// Gain of what it adds.
    pub gain_in: Gain,
    /// Gain of what it hears.
    pub gain_out: Gain,
    /// The loudness in dBFS that automatic gain brings it to, or none, where it differs from the conference's.
    pub target_dbfs: Option<Option<i8>>,
    /// Its audio is mixed even while its peer holds us: its music on hold would be heard.
    pub mix_when_held: bool,
    /// Who hears it.
    pub speaks_to: SpeaksTo,
    /// By which others may speak to it alone.
    pub tag: Option<Tag>,
    /// What lists show.
    pub name: String,
    /// What the caller knows it by: its events bear it.
    pub label: u64,
}

impl Default for ParticipantSettings {
    fn default() -> Self {
        Self {
            in_rate: SampleRate::Hz8000,
            out_rate: SampleRate::Hz8000,
            muted: false,
            deaf: false,
            gain_in: Gain::UNITY,
            gain_out: Gain::UNITY,
            target_dbfs: None,
            mix_when_held: false,
            speaks_to: SpeaksTo::Everyone,
            tag: None,
            name: String::new(),
            label: 0,
        }
    }
}

/// Changes of a participant; in force from the next tick on, gains and mutes over 10 ms. Who is to speak to others, or
/// carries another tag, falls silent, or hears the whisper fall silent, within 10 ms, and begins anew in the tick after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// Whether the others do not hear it.
    Mute(bool),
    /// Whether it does not hear the others.
    Deaf(bool),
    /// Gain of what it adds.
    GainIn(Gain),
    /// Gain of what it hears.
    GainOut(Gain),
    /// Whether its peer holds us.
    Hold(bool),
    /// Rate of the frames it adds.
    InRate(SampleRate),
    /// Rate of the frames it hears.
    OutRate(SampleRate),
    /// Who hears it.
    SpeakTo(SpeaksTo),
    /// By which others may speak to it alone.
    Tag(Option<Tag>),
}

/// What lists show of a participant.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantView<'a> {
    /// Which.
    pub id: ParticipantId,
    /// As it joined.
    pub name: &'a str,
    /// Muted, by itself or by command.
    pub muted: bool,
    /// Deaf by command.
    pub deaf: bool,
    /// Its peer holds us.
    pub held: bool,
    /// Others heard something of it in the last tick.
    pub sounding: bool,
    /// Who hears it, by command.
    pub speaks_to: SpeaksTo,
    /// By which others may speak to it alone.
    pub tag: Option<Tag>,
    /// It speaks, or did so half a second ago; never where speech is not told from noise.
    pub talking: bool,
    /// How loud it was of late; silence where that is not measured.
    pub level: AudioLevel,
}

/// Where a participant is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// From the next tick on.
    Joining,
    Taking,
    /// Until the next tick.
    Leaving,
}

/// What every tick touches, in as few cache lines as may be: between two ticks it has left the cache.
#[derive(Debug)]
pub(super) struct Participant {
    own: Own,
    /// Last tick it added a frame, be it silence.
    present_tick: u64,
    /// Last tick `own` was on the bus.
    sounding_tick: u64,
    talk: Talk,
    ramp_in: GainRamp,
    ramp_out: GainRamp,
    in_rate: SampleRate,
    out_rate: SampleRate,
    pub(super) stage: Stage,
    /// Waits in the conference's list of changes.
    pub(super) is_changed: bool,
    /// By command, by its peer's hold, or as it speaks to nobody.
    is_silenced: bool,
    /// Whether there are sounds for it alone.
    has_sounds: bool,
    /// How what it hears becomes samples; none as long as that is as for its whole bus.
    output: Option<Output>,
    seldom: Seldom,
    pub(super) rare: Box<Rare>,
}

/// What few participants have.
#[derive(Debug, Default)]
struct Seldom {
    /// Only if it adds and hears at different rates.
    crossing: Option<Box<Crossing>>,
    /// Only if it is a coach or carries a tag.
    aside: Option<Box<Aside>>,
}

/// What few ticks look at.
#[derive(Debug)]
pub(super) struct Rare {
    /// As commanded; what is in force follows at the next tick.
    pub(super) wanted: ParticipantSettings,
    pub(super) held: bool,
    /// Where its audio comes from, if that is known.
    pub(super) source: Option<Ssrc>,
    /// Sounds for it alone.
    pub(super) sounds: Vec<Playback>,
}

/// Own frames at the rate of what is heard, converted as the bus was.
#[derive(Debug)]
struct Crossing {
    resampler: Resampler,
    own: Vec<i64>,
    is_sounding: bool,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    Mixed,
    /// To those of a tag.
    Whispered,
    /// It is not among those who may talk.
    Unchosen,
    Nothing,
    Refused,
}

impl Participant {
    /// Where it and its frame lie.
    pub(super) fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(std::ptr::from_ref(self) as usize, size_of::<Self>());
        self.own.hot_memory(see);
        self.talk.hot_memory(see);
        if let Some(aside) = &self.seldom.aside {
            see(std::ptr::from_ref(&**aside) as usize, size_of::<Aside>());
        }
    }

    pub(super) fn new(settings: ParticipantSettings, talk: Talk) -> Self {
        Self {
            talk,
            own: Own::default(),
            present_tick: 0,
            sounding_tick: 0,
            ramp_in: GainRamp::new(Gain::SILENT),
            ramp_out: GainRamp::new(Gain::SILENT),
            in_rate: settings.in_rate,
            out_rate: settings.out_rate,
            stage: Stage::Joining,
            is_changed: false,
            is_silenced: false,
            has_sounds: false,
            output: None,
            seldom: Seldom::default(),
            rare: Box::new(Rare { wanted: settings, held: false, source: None, sounds: Vec::new() }),
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        let Rare { wanted, held, .. } = &mut *self.rare;
        match command {
            Command::Mute(muted) => wanted.muted = muted,
            Command::Deaf(deaf) => wanted.deaf = deaf,
            Command::GainIn(gain) => wanted.gain_in = gain,
            Command::GainOut(gain) => wanted.gain_out = gain,
            Command::Hold(hold) => *held = hold,
            Command::InRate(rate) => wanted.in_rate = rate,
            Command::OutRate(rate) => wanted.out_rate = rate,
            Command::SpeakTo(whom) => wanted.speaks_to = whom,
            Command::Tag(tag) => wanted.tag = tag,
        }
    }

    /// Plays a sound to it alone.
    pub(super) fn play(&mut self, sound: Playback) {
        self.rare.sounds.push(sound);
        self.has_sounds = true;
    }

    /// True if it adds at one rate and hears at another.
    pub(super) fn is_crossing(&self) -> bool {
        self.seldom.crossing.is_some()
    }

    /// It is company for others: it speaks to everyone, muted or not.
    pub(super) fn is_company(&self) -> bool {
        self.rare.wanted.speaks_to == SpeaksTo::Everyone
    }

    pub(super) fn was_sounding(&self, tick: u64) -> bool {
        self.sounding_tick == tick
    }

    /// Begins to take part. The input jumps to its gain, since the first frame fades in by itself.
    pub(super) fn enter(&mut self, desk: &mut Desk) {
        self.stage = Stage::Taking;
        self.in_rate = self.rare.wanted.in_rate;
        self.own = Own::new(desk.room.frame_samples(self.in_rate));
        self.obey();
        self.ramp_in.jump_to(self.wanted_gain_in());
        self.out_rate = self.rare.wanted.out_rate;
        desk.room.listen(self.out_rate);
        self.ramp_out.go_to(self.wanted_gain_out(), self.out_rate);
        self.cross(desk);
        let ParticipantSettings { speaks_to, tag, .. } = self.rare.wanted;
        self.seldom.aside = Aside::enter(speaks_to.tag(), tag, self.out_rate, desk);
    }

    /// Puts what was commanded in force, in the beginning of tick `tick`; true if some of it has to wait for the next.
    /// Here and below `sums` is room for a frame.
    pub(super) fn change(&mut self, tick: u64, desk: &mut Desk, sums: &mut [i32]) -> bool {
        let rates_before = (self.in_rate, self.out_rate);
        let (in_rate, out_rate) = (self.rare.wanted.in_rate, self.rare.wanted.out_rate);
        if in_rate != self.in_rate {
            self.break_off(tick, desk, sums);
            self.in_rate = in_rate;
            self.own = Own::new(desk.room.frame_samples(in_rate));
            self.present_tick = 0;
        }
        if out_rate != self.out_rate {
            desk.room.listen(out_rate);
            desk.room.listen_no_more(self.out_rate);
            self.seldom.aside.iter_mut().for_each(|aside| aside.change_rate(self.out_rate, out_rate, desk));
            self.out_rate = out_rate;
            self.ramp_out.jump_to(Gain::SILENT);
        }
        if rates_before != (in_rate, out_rate) {
            self.cross(desk);
        }
        let is_done = self.turn(tick, desk);
        self.obey();
        if self.is_silenced && !self.was_sounding(tick - 1) {
            self.ramp_in.jump_to(Gain::SILENT); // nothing fades, and of what it says next nothing is heard
        }
        self.ramp_in.go_to(self.wanted_gain_in(), in_rate);
        self.ramp_out.go_to(self.wanted_gain_out(), out_rate);
        !is_done
    }

    /// Begins or ends to speak or to hear beside the room, as commanded; false if it has to wait.
    fn turn(&mut self, tick: u64, desk: &mut Desk) -> bool {
        let ParticipantSettings { speaks_to, tag, .. } = self.rare.wanted;
        if self.seldom.aside.is_none() && speaks_to.tag().or(tag).is_none() {
            return true;
        }
        // Nothing of its own is to come out of a resampler any more either.
        let is_converted =
            self.seldom.crossing.as_ref().is_some_and(|crossing| !crossing.resampler.is_silent());
        let is_quiet = (self.ramp_in.is_silent() || !self.was_sounding(tick - 1)) && !is_converted;
        let aside = self.seldom.aside.get_or_insert_default();
        if aside.turn(speaks_to.tag(), is_quiet, desk) {
            self.sounding_tick = 0;
            self.ramp_in.jump_to(Gain::SILENT);
        }
        let listens = aside.listen(tag, self.out_rate, is_converted, desk);
        let is_done = listens && !aside.is_turning();
        self.seldom.aside = self.seldom.aside.take().filter(|aside| !aside.is_idle());
        is_done
    }

    /// Takes part no more.
    pub(super) fn exit(&mut self, tick: u64, desk: &mut Desk, sums: &mut [i32]) {
        // One that left before its first tick never listened.
        if self.has_entered() {
            self.break_off(tick, desk, sums);
            desk.room.listen_no_more(self.out_rate);
        }
        self.seldom.aside.take().into_iter().for_each(|aside| aside.exit(self.out_rate, desk));
    }

    fn has_entered(&self) -> bool {
        self.own.len() > 0
    }

    /// Lets what sounded in the tick before `tick` fade on the bus, owned by nobody.
    fn break_off(&mut self, tick: u64, desk: &mut Desk, sums: &mut [i32]) {
        if self.was_sounding(tick - 1) {
            self.sounding_tick = 0;
            let sums = &mut sums[..self.own.len()];
            self.own.copy_to(sums);
            fade::tail(sums, self.in_rate);
            self.own.set(sums);
            desk.buses_mut(self.aim()).add(self.in_rate, sums);
        }
    }

    /// The whisper it speaks in; none if it speaks in the room.
    #[inline]
    fn aim(&self) -> Option<WhisperId> {
        self.seldom.aside.as_ref().and_then(|aside| aside.aim())
    }

    fn wanted_gain_in(&self) -> Gain {
        if self.is_silenced || !self.talk.is_chosen() { Gain::SILENT } else { self.talk.gain() }
    }

    fn obey(&mut self) {
        let Rare { wanted, held, .. } = &*self.rare;
        self.talk.command(wanted.gain_in);
        let is_turning = self.seldom.aside.as_ref().is_some_and(|aside| aside.is_turning());
        self.is_silenced = wanted.muted
            || (*held && !wanted.mix_when_held)
            || wanted.gain_in == Gain::SILENT
            || wanted.speaks_to == SpeaksTo::Nobody
            || is_turning;
    }

    /// Others can hear what it adds.
    pub(super) fn is_heard(&self, desk: &Desk) -> bool {
        !self.is_mute() && self.aim().is_none_or(|whisper| desk.whispers.is_heard(whisper))
    }

    /// Nothing that it adds is heard, and not for want of loudness.
    fn is_mute(&self) -> bool {
        self.ramp_in.is_silent() && self.is_silenced
    }

    /// How it stands among those who talk: [`Talk::rank`], [`Talk::power`].
    pub(super) fn talk(&self) -> &Talk {
        &self.talk
    }

    /// What it says, where speech is told from noise.
    pub(super) fn voice_mut(&mut self) -> Option<&mut Voice> {
        self.talk.voice_mut()
    }

    /// True once for each piece that became whole.
    #[inline]
    pub(super) fn has_whole_piece(&mut self) -> bool {
        self.talk.has_whole_piece()
    }

    /// How loud it was of late, in tick `tick`.
    pub(super) fn level(&self, tick: u64) -> AudioLevel {
        if self.talk.goes_on(tick) { self.talk.level() } else { AudioLevel::SILENCE }
    }

    /// Lets it be heard in the room or not, by and by.
    pub(super) fn choose(&mut self, is_chosen: bool) {
        if self.aim().is_none() && self.talk.choose(is_chosen) {
            self.ramp_in.go_to(self.wanted_gain_in(), self.in_rate);
        }
    }

    /// Measures a frame and lets the gain follow.
    fn heed(&mut self, tick: u64, frame: &[i16], attention: Attention) {
        let begins = !self.was_sounding(tick - 1) && !self.talk.goes_on(tick);
        self.talk.measure(tick, (frame, self.in_rate), attention);
        if begins && attention.is_full && self.talk.bid() < attention.bar {
            self.talk.choose(false);
            self.ramp_in.jump_to(Gain::SILENT); // from silence
        } else if begins || !attention.is_full {
            self.talk.choose(true);
        }
        self.ramp_in.go_to(self.wanted_gain_in(), self.in_rate);
    }

    fn wanted_gain_out(&self) -> Gain {
        if self.rare.wanted.deaf { Gain::SILENT } else { self.rare.wanted.gain_out }
    }

    fn cross(&mut self, desk: &Desk) {
        self.seldom.crossing = (self.in_rate != self.out_rate).then(|| {
            Box::new(Crossing {
                resampler: Resampler::new(self.in_rate, self.out_rate),
                own: vec![0; desk.room.frame_samples(self.out_rate)],
                is_sounding: false,
            })
        });
    }

    /// Whether others hear it as it is, but for automatic gain.
    pub(super) fn is_heard_as_it_is(&self) -> bool {
        self.has_entered() && !self.is_silenced && self.talk.is_plain() && self.seldom.aside.is_none()
    }

    /// Whether it hears its bus as it is.
    pub(super) fn hears_as_it_is(&self) -> bool {
        self.has_entered() && !self.has_sounds && self.ramp_out.is_unity() && self.seldom.aside.is_none()
    }

    /// Whether next to nothing is heard of it, as far as is known in tick `tick`: what it begins to say then may not be known yet.
    pub(super) fn is_quiet(&self, tick: u64) -> bool {
        let sounds = self.was_sounding(tick) || self.was_sounding(tick - 1);
        !sounds || self.talk.goes_on(tick) && self.talk.is_quiet()
    }

    /// It is heard in tick `tick` without the bus: it neither breaks off now nor begins when it is mixed again.
    pub(super) fn pass_by(&mut self, tick: u64) {
        self.present_tick = tick;
        if self.talk.rest() {
            self.ramp_in.jump_to(self.wanted_gain_in());
        }
    }

    /// Puts a frame on the bus, in tick `tick`.
    #[inline]
    pub(super) fn add(
        &mut self,
        tick: u64,
        frame: &[i16],
        attention: Attention,
        (desk, sums): (&mut Desk, &mut [i32]),
    ) -> Added {
        if frame.len() != self.own.len() || self.present_tick == tick {
            return if self.stage == Stage::Joining { Added::Nothing } else { Added::Refused };
        }
        let was_absent = self.present_tick != tick - 1;
        self.present_tick = tick;
        if self.is_mute() || is_silence(frame) {
            return Added::Nothing;
        }
        let aim = self.aim();
        let (attention, added) = match aim {
            None => (attention, Added::Mixed),
            Some(_) => (attention.aside(), Added::Whispered),
        };
        if attention.measures || self.talk.levels() || !self.talk.is_chosen() {
            self.heed(tick, frame, attention);
        }
        if self.ramp_in.is_silent() {
            return Added::Unchosen;
        }
        self.sounding_tick = tick;
        if !was_absent && self.ramp_in.is_unity() {
            self.own.set_samples(frame);
            desk.buses_mut(aim).add_samples(self.in_rate, frame);
            return added;
        }
        let sums = &mut sums[..frame.len()];
        sums.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum = i32::from(sample));
        if was_absent {
            fade::fade_in(sums, self.in_rate);
        }
        self.ramp_in.apply(sums);
        self.own.set(sums);
        desk.buses_mut(aim).add(self.in_rate, sums);
        added
    }

    /// If it sounded in the last tick and added nothing in this one, lets its sound fade, as its own; true if
    /// so.
    pub(super) fn fade_if_absent(&mut self, tick: u64, desk: &mut Desk, sums: &mut [i32]) -> bool {
        let breaks_off = self.was_sounding(tick - 1) && self.present_tick != tick;
        if breaks_off {
            self.break_off(tick, desk, sums);
            self.sounding_tick = tick;
        }
        breaks_off
    }

    /// Converts its own frame, as the buses convert the sum of its rate.
    pub(super) fn convert_own(&mut self, tick: u64, sums: &mut [i32]) {
        let sounds_now = self.was_sounding(tick);
        let Some(crossing) = &mut self.seldom.crossing else { return };
        if crossing.is_sounding {
            crossing.own.fill(0);
        }
        crossing.is_sounding = sounds_now || !crossing.resampler.is_silent();
        if crossing.is_sounding {
            let sums = &mut sums[..self.own.len()];
            if sounds_now {
                self.own.copy_to(sums);
            } else {
                sums.fill(0);
            }
            crossing.resampler.accumulate(sums, &mut crossing.own);
        }
    }
}
