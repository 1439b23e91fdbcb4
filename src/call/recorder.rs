//! Recording: what all of a conference hear together goes to a sink that a helper thread writes.
//!
//! A tap: nobody is heard otherwise for it, and packets that are relayed stay as they are. The lap only puts samples by; a
//! helper writes them, a second at a time. A sink that does not keep up costs the recording a gap, never a lap.

use super::conferences::{TAP_RATE, Tap};
use super::counters::Counters;
use crate::worker::Worker;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What is handed over at once.
const BATCH_SAMPLES: usize = TAP_RATE.samples(1000);
/// What may wait to be handed over; more is a gap.
const WAITING_SAMPLES: usize = 5 * BATCH_SAMPLES;

/// Where a recording goes; it may block.
pub trait Sink: Send + 'static {
    /// What it is called in the log.
    fn name(&self) -> String;

    /// Takes samples, and silence in the place of those there was no room for.
    fn append(&mut self, samples: &[i16], then_missing: usize) -> io::Result<()>;
}

/// The sink, on the helpers' side.
struct Writer {
    sink: Box<dyn Sink>,
    /// Of the batch that is next.
    turn: u64,
    has_failed: bool,
}

/// What both sides know.
struct Shared {
    writer: Mutex<Writer>,
    turned: Condvar,
    /// Batches that were written or given up.
    done: AtomicU64,
}

struct Batch {
    number: u64,
    samples: Vec<i16>,
    then_missing: usize,
}

/// A recording that goes on; dropped, it ends.
pub struct Recorder {
    worker: Worker,
    counters: Rc<Counters>,
    shared: Arc<Shared>,
    waiting: Vec<i16>,
    missing: usize,
    handed_over: u64,
    dropped_samples: u64,
}

impl Recorder {
    /// Begins with the next frame.
    pub fn begin(worker: &Worker, counters: &Rc<Counters>, sink: Box<dyn Sink>) -> Recorder {
        let writer = Writer { sink, turn: 0, has_failed: false };
        let shared = Shared { writer: Mutex::new(writer), turned: Condvar::new(), done: AtomicU64::new(0) };
        Recorder {
            worker: worker.clone(),
            counters: Rc::clone(counters),
            shared: Arc::new(shared),
            waiting: Vec::with_capacity(BATCH_SAMPLES),
            missing: 0,
            handed_over: 0,
            dropped_samples: 0,
        }
    }

    fn drop_samples(&mut self, len: usize) {
        self.dropped_samples += len as u64;
        self.counters.conferences.recorded_samples_lost.add(len as u64);
    }

    fn hand_over(&mut self) {
        let samples = std::mem::replace(&mut self.waiting, Vec::with_capacity(BATCH_SAMPLES));
        let (number, then_missing) = (self.handed_over, std::mem::take(&mut self.missing));
        let len = samples.len();
        let batch = Batch { number, samples, then_missing };
        let shared = Arc::clone(&self.shared);
        self.handed_over += 1;
        if self.worker.helpers().start(move || shared.write(&batch)).is_err() {
            // Too much to do for the helpers: the batch is lost, its place is not.
            self.handed_over -= 1;
            self.missing = len + then_missing;
            self.drop_samples(len);
        }
    }
}

impl Tap for Recorder {
    fn put(&mut self, frame: &[i16]) {
        if self.missing > 0 || self.waiting.len() + frame.len() > WAITING_SAMPLES {
            self.missing += frame.len();
            self.drop_samples(frame.len());
        } else {
            self.waiting.extend_from_slice(frame);
        }
        let is_idle = self.shared.done.load(Ordering::Acquire) == self.handed_over;
        if self.waiting.len() >= BATCH_SAMPLES && is_idle {
            self.hand_over();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.hand_over();
        if self.dropped_samples > 0 {
            let seconds = self.dropped_samples as f64 / f64::from(TAP_RATE.hertz());
            log::warn!("a recording lacks {seconds:.1} s: it could not be written as fast");
        }
    }
}

impl Shared {
    fn write(&self, batch: &Batch) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        while writer.turn != batch.number {
            // The one before it is being written by another helper.
            writer = self.turned.wait(writer).unwrap_or_else(PoisonError::into_inner);
        }
        if !writer.has_failed
            && let Err(error) = writer.sink.append(&batch.samples, batch.then_missing)
        {
            writer.has_failed = true;
            log::error!("recording {}: {error}", writer.sink.name());
        }
        writer.turn += 1;
        self.done.store(writer.turn, Ordering::Release);
        self.turned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::testing::on_worker;
    use std::time::Duration;

    /// Keeps what was written.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<i16>>>);

    impl Sink for Memory {
        fn name(&self) -> String {
            "memory".to_owned()
        }

        fn append(&mut self, samples: &[i16], then_missing: usize) -> io::Result<()> {
            let mut all = self.0.lock().unwrap();
            all.extend_from_slice(samples);
            let len = all.len() + then_missing;
            all.resize(len, 0);
            Ok(())
        }
    }

    impl Memory {
        /// What is there, once it is so much.
        fn written(&self, len_samples: usize) -> Vec<i16> {
            for _ in 0..500 {
                let all = self.0.lock().unwrap().clone();
                if all.len() == len_samples {
                    return all;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            panic!("there are {} samples, not {len_samples}", self.0.lock().unwrap().len());
        }
    }

    #[test]
    fn what_was_recorded_is_written_each_second_and_whole_in_the_end() {
        let memory = Memory::default();
        let there = memory.clone();
        on_worker(move |worker| {
            let mut recorder = Recorder::begin(worker, &Rc::default(), Box::new(there.clone()));
            let frame = |number: i16| [number; 320];
            (0..50).for_each(|number| recorder.put(&frame(number)));
            assert_eq!(there.written(16_000)[15_999], 49);
            (50..60).for_each(|number| recorder.put(&frame(number)));
        });
        let expected: Vec<i16> = (0..60).flat_map(|number| [number; 320]).collect();
        assert_eq!(memory.written(60 * 320), expected);
    }

    #[test]
    fn what_cannot_be_written_in_time_is_a_gap_of_silence_and_never_a_wait() {
        let memory = Memory::default();
        let there = memory.clone();
        on_worker(move |worker| {
            let counters = Rc::<Counters>::default();
            let mut recorder = Recorder::begin(worker, &counters, Box::new(there));
            let shared = Arc::clone(&recorder.shared);
            let disk = shared.writer.lock().unwrap(); // a disk that hangs
            (0..350).for_each(|_| recorder.put(&[7; 320]));
            assert_eq!(recorder.dropped_samples, 50 * 320, "a second is being written, five wait");
            assert_eq!(counters.conferences.recorded_samples_lost.count(), 50 * 320);
            drop(disk);
            while shared.done.load(Ordering::Acquire) == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            recorder.put(&[8; 320]);
            recorder.put(&[9; 320]);
        });
        let samples = memory.written(352 * 320);
        assert!(samples[..300 * 320].iter().all(|sample| *sample == 7));
        assert!(samples[300 * 320..351 * 320].iter().all(|sample| *sample == 0));
        assert!(samples[351 * 320..].iter().all(|sample| *sample == 9));
    }
}
