//! One participant: what it wants, what is in force, and the frame it added, which it must not hear.

use super::bus::{Bus, Buses};
use super::fade;
use super::output::Output;
use super::own::Own;
use super::place::ParticipantId;
use super::sound::Playback;
use super::talk::{Attention, Talk};
use crate::audio::gain::GainRamp;
use crate::audio::resample::{Resampler, round};
use crate::audio::saturate::is_silence;
use crate::audio::{Gain, SampleRate};

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
    /// Its audio is mixed even while its peer holds us: its music on hold would be heard.
    pub mix_when_held: bool,
    /// What lists show.
    pub name: String,
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
            mix_when_held: false,
            name: String::new(),
        }
    }
}

/// Changes of a participant; in force from the next tick on, gains and mutes over 10 ms.
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
    /// The others heard something of it in the last tick.
    pub sounding: bool,
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
    /// By command or by its peer's hold.
    is_silenced: bool,
    /// Whether there are sounds for it alone.
    has_sounds: bool,
    /// How what it hears becomes samples; none as long as that is as for its whole bus.
    output: Option<Output>,
    /// Only if it adds and hears at different rates.
    crossing: Option<Box<Crossing>>,
    pub(super) rare: Box<Rare>,
}

/// What few ticks look at.
#[derive(Debug)]
pub(super) struct Rare {
    /// As commanded; what is in force follows at the next tick.
    pub(super) wanted: ParticipantSettings,
    pub(super) held: bool,
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
            crossing: None,
            rare: Box::new(Rare { wanted: settings, held: false, sounds: Vec::new() }),
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
        }
    }

    /// Plays a sound to it alone.
    pub(super) fn play(&mut self, sound: Playback) {
        self.rare.sounds.push(sound);
        self.has_sounds = true;
    }

    /// True if it adds at one rate and hears at another.
    pub(super) fn is_crossing(&self) -> bool {
        self.crossing.is_some()
    }

    pub(super) fn was_sounding(&self, tick: u64) -> bool {
        self.sounding_tick == tick
    }

    /// Begins to take part. The input jumps to its gain, since the first frame fades in by itself.
    pub(super) fn enter(&mut self, buses: &mut Buses) {
        self.stage = Stage::Taking;
        self.in_rate = self.rare.wanted.in_rate;
        self.own = Own::new(buses.frame_samples(self.in_rate));
        self.obey();
        self.ramp_in.jump_to(self.wanted_gain_in());
        self.out_rate = self.rare.wanted.out_rate;
        buses.listen(self.out_rate);
        self.ramp_out.go_to(self.wanted_gain_out(), self.out_rate);
        self.cross(buses);
    }

    /// Puts what was commanded in force, in the beginning of tick `tick`. Here and below `sums` is room for a
    /// frame.
    pub(super) fn change(&mut self, tick: u64, buses: &mut Buses, sums: &mut [i32]) {
        let rates_before = (self.in_rate, self.out_rate);
        let (in_rate, out_rate) = (self.rare.wanted.in_rate, self.rare.wanted.out_rate);
        if in_rate != self.in_rate {
            self.break_off(tick, buses, sums);
            self.in_rate = in_rate;
            self.own = Own::new(buses.frame_samples(in_rate));
            self.present_tick = 0;
        }
        if out_rate != self.out_rate {
            buses.listen(out_rate);
            buses.listen_no_more(self.out_rate);
            self.out_rate = out_rate;
            self.ramp_out.jump_to(Gain::SILENT);
        }
        if rates_before != (in_rate, out_rate) {
            self.cross(buses);
        }
        self.obey();
        self.ramp_in.go_to(self.wanted_gain_in(), in_rate);
        self.ramp_out.go_to(self.wanted_gain_out(), out_rate);
    }

    /// Takes part no more.
    pub(super) fn exit(&mut self, tick: u64, buses: &mut Buses, sums: &mut [i32]) {
        // One that left before its first tick never listened.
        if self.has_entered() {
            self.break_off(tick, buses, sums);
            buses.listen_no_more(self.out_rate);
        }
    }

    fn has_entered(&self) -> bool {
        self.own.len() > 0
    }

    /// Lets what sounded in the tick before `tick` fade on the bus, owned by nobody.
    fn break_off(&mut self, tick: u64, buses: &mut Buses, sums: &mut [i32]) {
        if self.was_sounding(tick - 1) {
            self.sounding_tick = 0;
            let sums = &mut sums[..self.own.len()];
            self.own.copy_to(sums);
            fade::tail(sums, self.in_rate);
            self.own.set(sums);
            buses.add(self.in_rate, sums);
        }
    }

    fn wanted_gain_in(&self) -> Gain {
        if self.is_silenced || !self.talk.is_chosen() { Gain::SILENT } else { self.talk.gain() }
    }

    fn obey(&mut self) {
        let Rare { wanted, held, .. } = &*self.rare;
        self.talk.command(wanted.gain_in);
        self.is_silenced = wanted.muted || (*held && !wanted.mix_when_held) || wanted.gain_in == Gain::SILENT;
    }

    /// Nothing that it adds is heard, and not for want of loudness.
    pub(super) fn is_mute(&self) -> bool {
        self.ramp_in.is_silent() && self.is_silenced
    }

    /// How it stands among those who talk: [`Talk::rank`], [`Talk::power`].
    pub(super) fn talk(&self) -> &Talk {
        &self.talk
    }

    /// Lets it be heard or not, by and by.
    pub(super) fn choose(&mut self, is_chosen: bool) {
        if self.talk.choose(is_chosen) {
            self.ramp_in.go_to(self.wanted_gain_in(), self.in_rate);
        }
    }

    /// Measures a frame and lets the gain follow.
    fn heed(&mut self, tick: u64, frame: &[i16], attention: Attention) {
        let begins = !self.was_sounding(tick - 1) && !self.talk.goes_on(tick);
        self.talk.measure(tick, frame, attention);
        if begins && attention.is_full && self.talk.loudness() < attention.bar {
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

    fn cross(&mut self, buses: &Buses) {
        self.crossing = (self.in_rate != self.out_rate).then(|| {
            Box::new(Crossing {
                resampler: Resampler::new(self.in_rate, self.out_rate),
                own: vec![0; buses.frame_samples(self.out_rate)],
                is_sounding: false,
            })
        });
    }

    /// Puts a frame on the bus, in tick `tick`.
    #[inline]
    pub(super) fn add(
        &mut self,
        tick: u64,
        frame: &[i16],
        attention: Attention,
        (buses, sums): (&mut Buses, &mut [i32]),
    ) -> Added {
        if frame.len() != self.own.len() || self.present_tick == tick {
            return if self.stage == Stage::Joining { Added::Nothing } else { Added::Refused };
        }
        let was_absent = self.present_tick != tick - 1;
        self.present_tick = tick;
        if self.is_mute() || is_silence(frame) {
            return Added::Nothing;
        }
        if attention.measures || !self.talk.is_chosen() {
            self.heed(tick, frame, attention);
        }
        if self.ramp_in.is_silent() {
            return Added::Unchosen;
        }
        self.sounding_tick = tick;
        if !was_absent && self.ramp_in.is_unity() {
            self.own.set_samples(frame);
            buses.add_samples(self.in_rate, frame);
            return Added::Mixed;
        }
        let sums = &mut sums[..frame.len()];
        sums.iter_mut().zip(frame).for_each(|(sum, &sample)| *sum = i32::from(sample));
        if was_absent {
            fade::fade_in(sums, self.in_rate);
        }
        self.ramp_in.apply(sums);
        self.own.set(sums);
        buses.add(self.in_rate, sums);
        Added::Mixed
    }

    /// If it sounded in the last tick and added nothing in this one, lets its sound fade, as its own; true if
    /// so.
    pub(super) fn fade_if_absent(&mut self, tick: u64, buses: &mut Buses, sums: &mut [i32]) -> bool {
        let breaks_off = self.was_sounding(tick - 1) && self.present_tick != tick;
        if breaks_off {
            self.break_off(tick, buses, sums);
            self.sounding_tick = tick;
        }
        breaks_off
    }

    /// Converts its own frame, as the buses convert the sum of its rate.
    pub(super) fn convert_own(&mut self, tick: u64, sums: &mut [i32]) {
        let sounds_now = self.was_sounding(tick);
        let Some(crossing) = &mut self.crossing else { return };
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

    /// Writes what it hears: its bus without itself. False if that is silence.
    #[inline]
    pub(super) fn hear(&mut self, tick: u64, buses: &Buses, sums: &mut [i32], out: &mut [i16]) -> bool {
        let bus = buses.bus(self.out_rate);
        if !self.has_entered() || out.len() != buses.frame_samples(self.out_rate) {
            out.fill(0);
            return false;
        }
        let sums = &mut sums[..out.len()];
        if self.has_sounds || !self.ramp_out.is_unity() {
            return self.hear_adjusted(tick, bus, sums, out);
        }
        if self.hears_nobody(tick, bus) {
            out.fill(0);
            self.follow(bus, |output| output.rest(buses.frame_ms()));
            return false;
        }
        if self.output.is_none() && self.adds_nothing(tick) {
            out.copy_from_slice(bus.heard());
            return true;
        }
        self.mix(tick, bus, sums);
        let rate = self.out_rate;
        self.follow(bus, |output| output.apply(rate, sums, out));
        true
    }

    /// Lets the output go on from where it is, which is where that of the bus was, if it had none of its own. It keeps
    /// its own as long as they differ: who falls silent hears no step of the gain.
    fn follow(&mut self, bus: &Bus, go_on: impl FnOnce(&mut Output)) {
        let (before, now) = bus.outputs();
        let mut output = self.output.unwrap_or(before);
        go_on(&mut output);
        self.output = (output != now).then_some(output);
    }

    /// True if nothing is to be taken off its bus for it.
    fn adds_nothing(&self, tick: u64) -> bool {
        !self.was_sounding(tick) && !self.crossing.as_ref().is_some_and(|crossing| crossing.is_sounding)
    }

    /// True if it hears its whole bus as it is, as all do who add nothing. That is known as soon as it has added.
    #[inline]
    pub(super) fn hears_all(&self, tick: u64, rate: SampleRate) -> bool {
        let unchanged = !self.has_sounds && self.ramp_out.is_unity() && self.output.is_none();
        self.adds_nothing(tick) && unchanged && rate == self.out_rate && self.has_entered()
    }

    /// With gain, and with the sounds for it alone.
    fn hear_adjusted(&mut self, tick: u64, bus: &Bus, sums: &mut [i32], out: &mut [i16]) -> bool {
        let hears_others = !self.hears_nobody(tick, bus);
        if hears_others {
            self.mix(tick, bus, sums);
        } else {
            sums.fill(0);
        }
        let hears = self.has_sounds || (hears_others && !self.ramp_out.is_silent());
        // Also over silence, so that a ramp comes to its end.
        self.ramp_out.apply(sums);
        if self.has_sounds {
            let sounds = &mut self.rare.sounds;
            sounds.iter_mut().for_each(|sound| sound.add_at(self.out_rate, sums));
            sounds.retain(|sound| !sound.is_over());
            self.has_sounds = !sounds.is_empty();
        }
        let rate = self.out_rate;
        self.follow(bus, |output| output.apply(rate, sums, out));
        hears
    }

    /// The bus without itself; nothing is cut yet.
    fn mix(&self, tick: u64, bus: &Bus, sums: &mut [i32]) {
        match &self.crossing {
            Some(crossing) if crossing.is_sounding => {
                match bus.native() {
                    [] => sums.fill(0),
                    native => sums.copy_from_slice(native),
                }
                // The bus converted the same frames, so there is something.
                for ((sum, all), own) in
                    sums.iter_mut().zip(bus.converted().into_iter().flatten()).zip(&crossing.own)
                {
                    *sum += round(all - own);
                }
            }
            None if self.was_sounding(tick) => {
                self.own.each_less(bus.sum(), sums, |sum| sum);
            }
            _ => sums.copy_from_slice(bus.sum()),
        }
    }

    /// True if the bus is silent or holds nothing but its own frame.
    fn hears_nobody(&self, tick: u64, bus: &Bus) -> bool {
        let own_alone = self.crossing.is_none() && bus.native_frames() == 1 && self.was_sounding(tick);
        bus.is_silent() || (own_alone && bus.converted().is_none())
    }
}
