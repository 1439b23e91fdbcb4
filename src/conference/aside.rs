//! What a participant says and hears beside the room: the whisper it speaks in, as a coach, and that of the tag it carries.
//!
//! Whoever changes either falls silent where it is within 10 ms, and begins at the next tick where it goes to, so that its
//! own frame is at any time in one place, from which it can be taken off.

use super::bus::Bus;
use super::tag::Tag;
use super::whisper::{Desk, WhisperId};
use crate::audio::gain::GainRamp;
use crate::audio::{Gain, SampleRate};

/// Of one who is a coach or carries a tag, or was so until now.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Where it speaks; in the room if nowhere.
    aim: Option<WhisperId>,
    ear: Option<Ear>,
    /// It is about to speak elsewhere, and falls silent first.
    is_turning: bool,
}

#[derive(Debug)]
struct Ear {
    whisper: WhisperId,
    ramp: GainRamp,
}

impl Aside {
    /// Of one who joins; it hears nothing yet that would have to fade. None if it needs none.
    pub(super) fn enter(
        target: Option<Tag>,
        tag: Option<Tag>,
        rate: SampleRate,
        desk: &mut Desk,
    ) -> Option<Box<Self>> {
        target.or(tag)?;
        let aim = target.map(|target| desk.whispers.coach(target));
        let ear =
            tag.map(|tag| Ear { whisper: desk.whispers.listen(tag, rate), ramp: GainRamp::new(Gain::UNITY) });
        Some(Box::new(Self { aim, ear, is_turning: false }))
    }

    /// Leaves both whispers.
    pub(super) fn exit(self, rate: SampleRate, desk: &mut Desk) {
        self.aim.into_iter().for_each(|aim| desk.whispers.coach_no_more(aim));
        self.ear.into_iter().for_each(|ear| desk.whispers.listen_no_more(ear.whisper, rate));
    }

    /// Turns to those of the tag `target`, or to the room, once `is_quiet` where it is; true when it does so.
    pub(super) fn turn(&mut self, target: Option<Tag>, is_quiet: bool, desk: &mut Desk) -> bool {
        let is_there = self.aim.map(|aim| desk.whispers.tag(aim)) == target;
        self.is_turning = !is_there && !is_quiet;
        if is_there || !is_quiet {
            return false;
        }
        let before = self.aim.take();
        self.aim = target.map(|target| desk.whispers.coach(target));
        before.into_iter().for_each(|before| desk.whispers.coach_no_more(before));
        true
    }

    /// Lends its ear to those who whisper to `tag`, or to nobody; false as long as it still hears others. It enters the whisper
    /// that it speaks in only while nothing of its own `is_converted` to the rate that it hears: another resampler, which
    /// begins then, would convert it otherwise.
    pub(super) fn listen(
        &mut self,
        tag: Option<Tag>,
        rate: SampleRate,
        is_converted: bool,
        desk: &mut Desk,
    ) -> bool {
        if let Some(ear) = &mut self.ear {
            if tag == Some(desk.whispers.tag(ear.whisper)) {
                ear.ramp.go_to(Gain::UNITY, rate);
                return true;
            }
            ear.ramp.go_to(Gain::SILENT, rate);
            if !ear.ramp.is_silent() && desk.whispers.was_sounding(ear.whisper) {
                return false;
            }
            desk.whispers.listen_no_more(ear.whisper, rate);
            self.ear = None;
        }
        if is_converted && tag.is_some() && tag == self.aim.map(|aim| desk.whispers.tag(aim)) {
            self.is_turning = true;
            return false;
        }
        self.ear = tag.map(|tag| {
            let mut ramp = GainRamp::new(Gain::SILENT);
            ramp.go_to(Gain::UNITY, rate);
            Ear { whisper: desk.whispers.listen(tag, rate), ramp }
        });
        true
    }

    /// Hears at another rate.
    pub(super) fn change_rate(&mut self, from: SampleRate, to: SampleRate, desk: &mut Desk) {
        if let Some(ear) = &mut self.ear {
            desk.whispers.change_rate(ear.whisper, from, to);
            ear.ramp.jump_to(Gain::UNITY); // all that it hears fades in
        }
    }

    /// The whisper it speaks in.
    pub(super) fn aim(&self) -> Option<WhisperId> {
        self.aim
    }

    /// It falls silent to turn elsewhere.
    pub(super) fn is_turning(&self) -> bool {
        self.is_turning
    }

    /// It neither speaks nor hears beside the room, nor is about to.
    pub(super) fn is_idle(&self) -> bool {
        self.aim.is_none() && self.ear.is_none() && !self.is_turning
    }

    /// It hears the whisper that it speaks in, or would but for itself.
    pub(super) fn hears_own(&self) -> bool {
        self.aim.is_some() && self.aim == self.ear.as_ref().map(|ear| ear.whisper)
    }

    /// Whether it is whispered to in this tick, as far as is known yet.
    pub(super) fn is_whispered_to(&self, desk: &Desk) -> bool {
        self.ear.as_ref().is_some_and(|ear| desk.whispers.is_sounding(ear.whisper))
    }

    /// What is whispered to it, itself included; None if that is nothing.
    pub(super) fn whisper<'d>(&self, desk: &'d Desk, rate: SampleRate) -> Option<&'d Bus> {
        desk.whispers.bus(self.ear.as_ref()?.whisper, rate)
    }

    /// Fades what is whispered to it, where it begins or ends to hear it.
    pub(super) fn fade(&mut self, sums: &mut [i32]) {
        self.ear.iter_mut().for_each(|ear| ear.ramp.apply(sums));
    }
}
