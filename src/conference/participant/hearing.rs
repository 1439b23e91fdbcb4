//! What a participant hears: its bus, and what is whispered to it, each without itself.

use super::Participant;
use crate::audio::SampleRate;
use crate::audio::resample::round;
use crate::conference::bus::Bus;
use crate::conference::output::Output;
use crate::conference::whisper::Desk;

impl Participant {
    /// Writes what it hears: its bus without itself, and what is whispered to it. False if that is silence. `sums` is
    /// room for a frame, for one who carries a tag for two.
    #[inline]
    pub(in crate::conference) fn hear(
        &mut self,
        tick: u64,
        desk: &Desk,
        sums: &mut [i32],
        out: &mut [i16],
    ) -> bool {
        let bus = desk.room.bus(self.out_rate);
        if !self.has_entered() || out.len() != desk.room.frame_samples(self.out_rate) {
            out.fill(0);
            return false;
        }
        if self.has_sounds || !self.ramp_out.is_unity() || self.is_whispered_to(desk) {
            return self.hear_adjusted(tick, desk, sums, out);
        }
        let sums = &mut sums[..out.len()];
        if self.hears_nobody(tick, bus, self.is_in_room()) {
            out.fill(0);
            self.follow(bus, |output| output.rest(desk.room.frame_ms()));
            return false;
        }
        if self.output.is_none() && self.adds_nothing(tick) {
            out.copy_from_slice(bus.heard());
            return true;
        }
        self.mix(tick, bus, self.is_in_room(), sums);
        let rate = self.out_rate;
        self.follow(bus, |output| output.apply(rate, sums, out));
        true
    }

    /// What it adds is on the room's buses.
    fn is_in_room(&self) -> bool {
        self.aim().is_none()
    }

    fn is_whispered_to(&self, desk: &Desk) -> bool {
        self.seldom.aside.as_ref().is_some_and(|aside| aside.is_whispered_to(desk))
    }

    /// Lets the output go on from where it is, which is where that of the bus was, if it had none of its own. It keeps
    /// its own as long as they differ: who falls silent hears no step of the gain.
    fn follow(&mut self, bus: &Bus, go_on: impl FnOnce(&mut Output)) {
        let (before, now) = bus.outputs();
        let mut output = self.output.unwrap_or(before);
        go_on(&mut output);
        self.output = (output != now).then_some(output);
    }

    /// True if nothing is to be taken off the room's bus for it.
    fn adds_nothing(&self, tick: u64) -> bool {
        let is_silent = !self.was_sounding(tick)
            && !self.seldom.crossing.as_ref().is_some_and(|crossing| crossing.is_sounding);
        is_silent || !self.is_in_room()
    }

    /// True if it hears its whole bus as it is, as all do who add nothing. That is known as soon as it has added; of one who
    /// carries a tag only as soon as all have, since it may be whispered to.
    #[inline]
    pub(in crate::conference) fn hears_all(&self, tick: u64, rate: SampleRate, desk: &Desk) -> bool {
        let unchanged = !self.has_sounds && self.ramp_out.is_unity() && self.output.is_none();
        let is_there = rate == self.out_rate && self.has_entered();
        self.adds_nothing(tick) && unchanged && is_there && !self.is_whispered_to(desk)
    }

    /// With gain, with what is whispered to it, and with the sounds for it alone.
    fn hear_adjusted(&mut self, tick: u64, desk: &Desk, sums: &mut [i32], out: &mut [i16]) -> bool {
        let bus = desk.room.bus(self.out_rate);
        let (sums, room) = sums.split_at_mut(out.len());
        let is_in_room = self.is_in_room();
        let mut hears_others = !self.hears_nobody(tick, bus, is_in_room);
        if hears_others {
            self.mix(tick, bus, is_in_room, sums);
        } else {
            sums.fill(0);
        }
        hears_others |= self.add_whisper(tick, desk, sums, room);
        let background = bus.background().unwrap_or_default();
        let hears = self.has_sounds || (hears_others && !self.ramp_out.is_silent()) || !background.is_empty();
        // Also over silence, so that a ramp comes to its end.
        sums.iter_mut().zip(background).for_each(|(sum, &sample)| *sum -= i32::from(sample));
        self.ramp_out.apply(sums);
        sums.iter_mut().zip(background).for_each(|(sum, &sample)| *sum += i32::from(sample));
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

    /// Adds what is whispered to it, without itself; false if that is silence.
    fn add_whisper(&mut self, tick: u64, desk: &Desk, sums: &mut [i32], room: &mut [i32]) -> bool {
        let Some(aside) = &self.seldom.aside else { return false };
        let (hears_own, rate) = (aside.hears_own(), self.out_rate);
        let Some(bus) = aside.whisper(desk, rate).filter(|bus| !self.hears_nobody(tick, bus, hears_own))
        else {
            return false;
        };
        let room = &mut room[..sums.len()];
        self.mix(tick, bus, hears_own, room);
        self.seldom.aside.iter_mut().for_each(|aside| aside.fade(room));
        sums.iter_mut().zip(room).for_each(|(sum, whispered)| *sum += *whispered);
        true
    }

    /// The bus without itself, if it `is_on_it`; nothing is cut yet.
    fn mix(&self, tick: u64, bus: &Bus, is_on_it: bool, sums: &mut [i32]) {
        match &self.seldom.crossing {
            _ if !is_on_it => sums.copy_from_slice(bus.sum()),
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

    /// True if the bus is silent or holds nothing but its own frame, where it `is_on_it`.
    fn hears_nobody(&self, tick: u64, bus: &Bus, is_on_it: bool) -> bool {
        let own_alone =
            is_on_it && self.seldom.crossing.is_none() && bus.native_frames() == 1 && self.was_sounding(tick);
        bus.is_silent() || (own_alone && bus.converted().is_none())
    }
}
