//! Whispers: what is said to those of one tag alone. Each has buses of its own beside the room's, which cost nothing in a
//! tick in which nobody is on them.
//!
//! A whisper is there as long as someone carries its tag or speaks to those who do. Its sums and resamplers, at most 12 like
//! the room's, are made when they are first needed.

use super::bus::{Bus, Buses};
use super::output::Output;
use super::tag::Tag;
use crate::audio::SampleRate;

/// Which whisper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WhisperId(usize);

/// One whisper.
#[derive(Debug)]
struct Whisper {
    tag: Tag,
    /// Those who speak in it.
    coaches: usize,
    /// Those who carry the tag.
    hearers: usize,
    /// Something is on its buses in this tick.
    is_sounding: bool,
    /// Something was in the last one.
    was_sounding: bool,
    buses: Buses,
}

impl Whisper {
    fn new(tag: Tag, frame_ms: u32) -> Self {
        let buses = Buses::new(frame_ms, Output::default(), None);
        Self { tag, coaches: 0, hearers: 0, is_sounding: false, was_sounding: false, buses }
    }

    fn is_used(&self) -> bool {
        self.coaches + self.hearers > 0
    }
}

/// All whispers of a conference.
#[derive(Debug)]
pub(super) struct Whispers {
    /// Those with something on their buses in this tick or in the one before.
    sounding: Vec<WhisperId>,
    /// Places of those who whispered in this tick and in the one before.
    coaches: [Vec<usize>; 2],
    /// Those in use, and places for others.
    whispers: Vec<Whisper>,
    frame_ms: u32,
}

impl Whispers {
    fn new(frame_ms: u32) -> Self {
        Self { sounding: Vec::new(), coaches: Default::default(), whispers: Vec::new(), frame_ms }
    }

    /// None was ever made.
    pub(super) fn is_unused(&self) -> bool {
        self.whispers.is_empty()
    }

    pub(super) fn begin(&mut self) {
        self.coaches.swap(0, 1);
        self.coaches[0].clear();
        let Self { sounding, whispers, .. } = self;
        sounding.retain(|id| {
            let whisper = &mut whispers[id.0];
            whisper.buses.begin();
            whisper.was_sounding = whisper.is_sounding;
            whisper.is_sounding = !whisper.buses.is_at_rest();
            whisper.is_sounding || whisper.was_sounding
        });
    }

    pub(super) fn seal(&mut self) {
        for id in &self.sounding {
            self.whispers[id.0].buses.sum_up();
        }
    }

    /// The participant at this place whispered in this tick.
    pub(super) fn note(&mut self, index: usize) {
        self.coaches[0].push(index);
    }

    /// Those who whispered in the last tick.
    pub(super) fn coaches_before(&self) -> &[usize] {
        &self.coaches[1]
    }

    /// Begins to speak in the whisper to those of this tag.
    pub(super) fn coach(&mut self, tag: Tag) -> WhisperId {
        let (id, whisper) = self.of(tag);
        whisper.coaches += 1;
        let coaches = self.whispers.iter().map(|whisper| whisper.coaches).sum::<usize>();
        let sounding = self.whispers.len();
        // What a steady tick needs, if all of them speak at once.
        self.coaches.iter_mut().for_each(|list| list.reserve(coaches.saturating_sub(list.len())));
        self.sounding.reserve(sounding.saturating_sub(self.sounding.len()));
        id
    }

    /// Speaks in it no more.
    pub(super) fn coach_no_more(&mut self, id: WhisperId) {
        self.change(id, |whisper| whisper.coaches -= 1);
    }

    /// Begins to hear, at this rate, what is whispered to those of this tag.
    pub(super) fn listen(&mut self, tag: Tag, rate: SampleRate) -> WhisperId {
        let (id, whisper) = self.of(tag);
        whisper.hearers += 1;
        whisper.buses.listen(rate);
        id
    }

    /// Hears it no more.
    pub(super) fn listen_no_more(&mut self, id: WhisperId, rate: SampleRate) {
        self.change(id, |whisper| {
            whisper.hearers -= 1;
            whisper.buses.listen_no_more(rate);
        });
    }

    /// Hears it at another rate.
    pub(super) fn change_rate(&mut self, id: WhisperId, from: SampleRate, to: SampleRate) {
        self.change(id, |whisper| {
            whisper.buses.listen(to);
            whisper.buses.listen_no_more(from);
        });
    }

    pub(super) fn tag(&self, id: WhisperId) -> Tag {
        self.whispers[id.0].tag
    }

    /// Whether someone would hear what is said in it.
    pub(super) fn is_heard(&self, id: WhisperId) -> bool {
        self.whispers[id.0].hearers > 0
    }

    /// Whether something is to be heard in it in this tick, as far as is known yet.
    pub(super) fn is_sounding(&self, id: WhisperId) -> bool {
        self.whispers[id.0].is_sounding
    }

    /// Whether something was to be heard in it in the last tick.
    pub(super) fn was_sounding(&self, id: WhisperId) -> bool {
        self.whispers[id.0].was_sounding
    }

    /// What is to be heard in it at this rate; None if that is nothing.
    pub(super) fn bus(&self, id: WhisperId, rate: SampleRate) -> Option<&Bus> {
        let bus = self.whispers[id.0].buses.bus(rate);
        (self.is_sounding(id) && !bus.is_silent()).then_some(bus)
    }

    /// Resamplers that exist.
    pub(super) fn converters(&self) -> usize {
        self.whispers.iter().map(|whisper| whisper.buses.converters()).sum()
    }

    fn of(&mut self, tag: Tag) -> (WhisperId, &mut Whisper) {
        let known = self.whispers.iter().position(|whisper| whisper.is_used() && whisper.tag == tag);
        let free = || self.whispers.iter().position(|whisper| !whisper.is_used());
        let at = known.or_else(free).unwrap_or(self.whispers.len());
        if at == self.whispers.len() {
            self.whispers.push(Whisper::new(tag, self.frame_ms));
        }
        let whisper = &mut self.whispers[at];
        whisper.tag = tag;
        (WhisperId(at), whisper)
    }

    fn change(&mut self, id: WhisperId, change: impl FnOnce(&mut Whisper)) {
        let whisper = &mut self.whispers[id.0];
        change(whisper);
        if !whisper.is_used() {
            *whisper = Whisper::new(whisper.tag, self.frame_ms);
            self.sounding.retain(|sounding| *sounding != id);
        }
    }
}

/// All buses of a conference.
#[derive(Debug)]
#[repr(C)] // as in `Buses`, what is rare is last
pub(super) struct Desk {
    pub(super) whispers: Whispers,
    /// What is said to everyone.
    pub(super) room: Buses,
}

impl Desk {
    /// `output` is how what is heard becomes samples; the room's buses have a background of this level.
    pub(super) fn new(frame_ms: u32, output: Output, background_dbfs: Option<i8>) -> Self {
        Self { whispers: Whispers::new(frame_ms), room: Buses::new(frame_ms, output, background_dbfs) }
    }

    pub(super) fn begin(&mut self) {
        self.room.begin();
        if !self.whispers.is_unused() {
            self.whispers.begin();
        }
    }

    pub(super) fn seal(&mut self) {
        self.room.seal();
        self.whispers.seal();
    }

    /// The buses of a whisper, or the room's, to add a frame to; whoever asks does add one.
    #[inline]
    pub(super) fn buses_mut(&mut self, whisper: Option<WhisperId>) -> &mut Buses {
        let Some(id) = whisper else { return &mut self.room };
        let Whispers { whispers, sounding, .. } = &mut self.whispers;
        let whisper = &mut whispers[id.0];
        if !whisper.is_sounding && !whisper.was_sounding {
            sounding.push(id);
        }
        whisper.is_sounding = true;
        &mut whisper.buses
    }
}

#[cfg(test)]
impl Whispers {
    /// Room that was allocated, by list.
    pub(super) fn memory(&self) -> Vec<usize> {
        let mut lists = [self.coaches[0].capacity(), self.coaches[1].capacity()];
        lists.sort_unstable(); // they change places every tick
        let buses = self.whispers.iter().flat_map(|whisper| whisper.buses.memory());
        lists.into_iter().chain([self.sounding.capacity(), self.whispers.capacity()]).chain(buses).collect()
    }
}
