//! Buses: one sum per sample rate, and the resamplers between them.
//!
//! A frame is added to the bus of its own rate alone. [`Buses::seal`] converts each rate's sum once into each
//! other rate that someone listens at: at most 12 conversions, whoever talks. What was converted keeps its
//! fraction until a participant's own part is taken off, so that taking it off is exact.

use super::background::Background;
use super::output::Output;
use crate::audio::SampleRate;
use crate::audio::resample::{Resampler, round};

/// The sums of one rate in this tick.
#[derive(Debug, Default)]
pub(super) struct Bus {
    /// What was added at this rate; empty until the rate is used.
    native: Vec<i32>,
    /// Frames in `native`.
    frames: u32,
    /// What came from other rates, with [`Resampler::FRACTION_BITS`].
    converted: Vec<i64>,
    /// Whether anything is in `converted`.
    has_converted: bool,
    /// Both together, without fraction; in use only if there is something converted.
    complete: Vec<i32>,
    /// What all hear who add nothing; in use only if someone listens and something is to be heard.
    heard: Vec<i16>,
    output: Output,
    /// `output` as it was before this tick.
    output_before: Output,
    listeners: u32,
    /// In use only if someone listens.
    background: Option<Box<Background>>,
}

impl Bus {
    /// All that is heard at this rate.
    pub(super) fn sum(&self) -> &[i32] {
        if self.has_converted { &self.complete } else { &self.native }
    }

    /// What was added at this rate itself; shorter than a frame if nothing ever was.
    pub(super) fn native(&self) -> &[i32] {
        &self.native
    }

    /// What came from other rates, with its fraction; None if nothing did.
    pub(super) fn converted(&self) -> Option<&[i64]> {
        self.has_converted.then_some(&self.converted)
    }

    /// Frames in the sum that were added at this rate.
    pub(super) fn native_frames(&self) -> u32 {
        self.frames
    }

    /// The sum as samples, for all who add nothing, since the seal.
    pub(super) fn heard(&self) -> &[i16] {
        &self.heard
    }

    /// How [`Bus::heard`] was made of the sum, at the end of the last tick and, since the seal, of this one.
    pub(super) fn outputs(&self) -> (Output, Output) {
        (self.output_before, self.output)
    }

    fn render(&mut self, rate: SampleRate, frame_ms: u32) {
        if self.is_silent() {
            return self.output.rest(frame_ms);
        }
        self.heard.resize(rate.samples(frame_ms), 0);
        let sum = if self.has_converted { &self.complete } else { &self.native };
        self.output.apply(rate, sum, &mut self.heard);
    }

    /// What is in the sum that nobody added.
    pub(super) fn background(&self) -> Option<&[i16]> {
        self.background.as_ref().map(|background| background.frame())
    }

    /// Adds what nobody adds.
    fn add_background(&mut self) {
        let Some(background) = &mut self.background else { return };
        let frame = background.advance();
        self.converted.resize(frame.len(), 0);
        for (sum, &sample) in self.converted.iter_mut().zip(frame) {
            *sum += i64::from(sample) << Resampler::FRACTION_BITS;
        }
        self.has_converted = true;
    }

    /// True if the sum is silence.
    pub(super) fn is_silent(&self) -> bool {
        self.frames == 0 && !self.has_converted
    }

    fn clear(&mut self) {
        if self.frames > 0 {
            self.native.fill(0);
            self.frames = 0;
        }
        if self.has_converted {
            self.converted.fill(0);
            self.has_converted = false;
        }
    }
}

/// The four buses of a conference.
#[derive(Debug)]
#[repr(C)] // so that a conference of one rate finds all it needs at the front
pub(super) struct Buses {
    frame_ms: u32,
    /// Bit n: someone listens at the rate of index n.
    heard: u8,
    /// Bit n: something is on the bus of that rate in this tick.
    sounding: u8,
    /// How many of `converters` exist.
    resamplers: u8,
    /// The level of the noise that all hear.
    background_dbfs: Option<i8>,
    buses: [Bus; 4],
    /// By the rate from and the rate to.
    converters: [[Option<Box<Resampler>>; 4]; 4],
}

impl Buses {
    pub(super) fn new(frame_ms: u32, output: Output, background_dbfs: Option<i8>) -> Self {
        let (mut buses, converters): ([Bus; 4], _) = Default::default();
        buses.iter_mut().for_each(|bus| bus.output = output);
        Self { frame_ms, heard: 0, sounding: 0, resamplers: 0, background_dbfs, buses, converters }
    }

    /// Length of the tick.
    pub(super) fn frame_ms(&self) -> u32 {
        self.frame_ms
    }

    /// Samples of a frame at `rate`.
    #[inline]
    pub(super) fn frame_samples(&self, rate: SampleRate) -> usize {
        rate.samples(self.frame_ms)
    }

    pub(super) fn begin(&mut self) {
        for rate in SampleRate::ALL {
            if self.sounding & bit(rate) != 0 {
                self.buses[rate.index()].clear();
            }
        }
        self.sounding = 0;
        self.buses.iter_mut().for_each(|bus| bus.output_before = bus.output);
    }

    /// The sum to add a frame to; whoever asks does add one.
    #[inline]
    pub(super) fn sum_mut(&mut self, rate: SampleRate) -> &mut [i32] {
        let bus = &mut self.buses[rate.index()];
        if bus.native.is_empty() {
            bus.native.resize(rate.samples(self.frame_ms), 0);
        }
        bus.frames += 1;
        self.sounding |= bit(rate);
        &mut bus.native
    }

    /// Adds a frame of samples.
    #[inline]
    pub(super) fn add_samples(&mut self, rate: SampleRate, frame: &[i16]) {
        for (sum, &sample) in self.sum_mut(rate).iter_mut().zip(frame) {
            *sum += i32::from(sample);
        }
    }

    pub(super) fn add(&mut self, rate: SampleRate, frame: &[i32]) {
        for (sum, sample) in self.sum_mut(rate).iter_mut().zip(frame) {
            *sum += sample;
        }
    }

    #[inline]
    pub(super) fn bus(&self, rate: SampleRate) -> &Bus {
        &self.buses[rate.index()]
    }

    pub(super) fn listen(&mut self, rate: SampleRate) {
        let bus = &mut self.buses[rate.index()];
        if bus.listeners == 0 {
            bus.output = bus.output.afresh(); // it did not go on while nobody listened
            bus.output_before = bus.output;
            let background = |dbfs| Box::new(Background::new(dbfs, rate, self.frame_ms));
            bus.background = self.background_dbfs.map(background);
        }
        bus.listeners += 1;
        self.heard |= bit(rate);
    }

    /// One listener less; the last one takes the resamplers to its rate along.
    pub(super) fn listen_no_more(&mut self, rate: SampleRate) {
        let bus = &mut self.buses[rate.index()];
        bus.listeners -= 1;
        if bus.listeners == 0 {
            bus.background = None;
            self.heard &= !bit(rate);
            self.converters.iter_mut().for_each(|from| from[rate.index()] = None);
            self.resamplers = self.converters.iter().flatten().flatten().count() as u8;
        }
    }

    /// The lowest rate someone listens at.
    pub(super) fn lowest_rate(&self) -> SampleRate {
        let heard = |rate: &SampleRate| self.heard & bit(*rate) != 0;
        SampleRate::ALL.into_iter().find(heard).unwrap_or(SampleRate::Hz8000)
    }

    /// Resamplers that exist.
    pub(super) fn converters(&self) -> usize {
        self.resamplers.into()
    }

    /// Completes the sums, and makes samples of them for all who add nothing.
    pub(super) fn seal(&mut self) {
        self.sum_up();
        for to in SampleRate::ALL {
            if self.heard & bit(to) != 0 {
                self.buses[to.index()].render(to, self.frame_ms);
            }
        }
    }

    /// Completes the sums.
    pub(super) fn sum_up(&mut self) {
        for to in SampleRate::ALL {
            let is_all_native = self.resamplers == 0 && self.sounding & !bit(to) == 0;
            if self.heard & bit(to) != 0 && (!is_all_native || self.background_dbfs.is_some()) {
                self.complete(to);
            }
        }
    }

    /// True if nothing is on the buses and nothing of the ticks before is yet to come out of a resampler.
    pub(super) fn is_at_rest(&self) -> bool {
        self.sounding == 0
            && self.converters.iter().flatten().flatten().all(|converter| converter.is_silent())
    }

    /// Adds to the sum of `to` what the other rates have.
    fn complete(&mut self, to: SampleRate) {
        for from in SampleRate::ALL {
            if from != to {
                self.convert(from, to);
            }
        }
        let bus = &mut self.buses[to.index()];
        bus.add_background();
        if bus.has_converted {
            self.sounding |= bit(to);
            let len = to.samples(self.frame_ms);
            bus.native.resize(len, 0);
            bus.complete.resize(len, 0);
            for ((sum, native), &converted) in bus.complete.iter_mut().zip(&bus.native).zip(&bus.converted) {
                *sum = native + round(converted);
            }
        }
    }

    fn convert(&mut self, from: SampleRate, to: SampleRate) {
        let Ok([source, target]) = self.buses.get_disjoint_mut([from.index(), to.index()]) else { return };
        let converter = &mut self.converters[from.index()][to.index()];
        // An absent resampler has no sound to bring to its end either.
        if source.frames == 0 && converter.as_ref().is_none_or(|converter| converter.is_silent()) {
            return;
        }
        target.converted.resize(to.samples(self.frame_ms), 0);
        target.has_converted = true;
        self.sounding |= bit(to);
        let converter = converter.get_or_insert_with(|| {
            self.resamplers += 1;
            Box::new(Resampler::new(from, to))
        });
        converter.accumulate(&source.native, &mut target.converted);
    }
}

fn bit(rate: SampleRate) -> u8 {
    1 << rate.index()
}

#[cfg(test)]
impl Buses {
    /// Room that was allocated, by list, and the number of resamplers.
    pub(super) fn memory(&self) -> Vec<usize> {
        let lists = |bus: &Bus| {
            let Bus { native, converted, complete, heard, .. } = bus;
            [native.capacity(), converted.capacity(), complete.capacity(), heard.capacity()]
        };
        self.buses.iter().flat_map(lists).chain([self.converters()]).collect()
    }
}
