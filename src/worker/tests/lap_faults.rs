//! Rounds in which something goes wrong: panics, strays, hold-ups.

use super::laps::{Event, Log, laps, logged_round, member};
use crate::worker::slots::SLOT;
use crate::worker::testing::on_worker;
use crate::worker::{Outcome, Round, RoundHooks, Tick, Worker};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The lap of `faulty` panics where it says; `others` complete theirs all the same.
fn others_complete_their_laps(panics_after_hearing: bool) {
    on_worker(move |worker| {
        let (round, log) = logged_round(worker);
        let before = worker.statistics();
        let first = member(worker, round.join(), 0, 5, &log);
        let mut place = round.join();
        let faulty = worker.spawn("faulty", move || {
            place.until_hear().expect("open");
            if panics_after_hearing {
                place.until_speak();
            }
            panic!("on purpose, in a lap");
        });
        let last = member(worker, round.join(), 1, 5, &log);
        assert_eq!(faulty.expect("room").join(), Outcome::Panicked);
        assert_eq!((first.join(), last.join()), (Outcome::Finished, Outcome::Finished));
        let laps = laps(&log);
        assert_eq!(laps.len(), 5);
        assert!(laps.iter().all(|(_, members)| *members == [0, 1]), "{laps:?}");
        let after = worker.statistics();
        assert_eq!((after.panics - before.panics, after.strays - before.strays), (1, 0));
    });
}

#[test]
fn a_member_that_panics_while_hearing_holds_nobody_up() {
    others_complete_their_laps(false);
}

#[test]
fn a_member_that_panics_while_speaking_holds_nobody_up() {
    others_complete_their_laps(true);
}

#[test]
fn a_round_whose_only_member_panics_goes_on_with_the_next() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let mut place = round.join();
        let faulty = worker.spawn("faulty", move || {
            place.until_hear().expect("open");
            panic!("on purpose, alone in a lap");
        });
        assert_eq!(faulty.expect("room").join(), Outcome::Panicked);
        assert_eq!(member(worker, round.join(), 0, 2, &log).join(), Outcome::Finished);
        assert_eq!(laps(&log).last().map(|lap| lap.1.clone()), Some(vec![0]));
    });
}

struct Faulty {
    log: Log,
    in_seal: bool,
}

impl RoundHooks for Faulty {
    fn begin(&mut self, tick: Tick) {
        self.log.borrow_mut().push(Event::Begin(tick.number));
        assert!(self.in_seal, "on purpose, in begin");
    }

    fn seal(&mut self, tick: Tick) {
        self.log.borrow_mut().push(Event::Seal(tick.number));
        assert!(!self.in_seal, "on purpose, in seal");
    }
}

#[test]
fn a_hook_that_panics_holds_nobody_up() {
    on_worker(|worker| {
        for in_seal in [false, true] {
            let log = Log::default();
            let round = worker.metronome().round(Faulty { log: Rc::clone(&log), in_seal });
            let before = worker.statistics().panics;
            let tasks: Vec<_> = (0..3).map(|name| member(worker, round.join(), name, 3, &log)).collect();
            tasks.iter().for_each(|task| assert_eq!(task.join(), Outcome::Finished));
            assert_eq!(laps(&log).len(), 3);
            assert_eq!(worker.statistics().panics - before, 3);
        }
    });
}

/// A member that sleeps in the middle of its first lap, before or after hearing.
fn stray(worker: &Worker, round: &Rc<Round>, after_hearing: bool) -> Rc<Cell<Option<bool>>> {
    let (mut place, inside, spoke) = (round.join(), worker.clone(), Rc::new(Cell::new(None)));
    let says = Rc::clone(&spoke);
    let body = move || {
        place.until_hear().expect("open");
        if after_hearing {
            assert!(place.until_speak());
        }
        inside.sleep_until(inside.now() + Duration::from_millis(100));
        says.set(Some(place.until_speak()));
        place.until_hear().expect("open again");
        assert!(place.until_speak(), "it is of the next lap again");
    };
    assert!(worker.spawn("stray", body).is_ok());
    spoke
}

#[test]
fn a_member_that_waits_for_something_else_in_a_lap_is_counted_out() {
    on_worker(|worker| {
        for after_hearing in [false, true] {
            let (round, log) = logged_round(worker);
            let before = worker.statistics().strays;
            let steady = member(worker, round.join(), 0, 12, &log);
            let spoke = stray(worker, &round, after_hearing);
            assert_eq!(steady.join(), Outcome::Finished);
            assert_eq!(laps(&log).len(), 12);
            super::eventually(worker, "the stray is done", || round.places() == 0);
            assert_eq!(worker.statistics().strays - before, 1);
            assert_eq!(spoke.get(), Some(false), "it is told that the lap went on without it");
        }
    });
}

#[test]
fn laps_missed_in_a_short_hold_up_are_all_run_late() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let task = member(worker, round.join(), 0, 12, &log);
        worker.sleep_until(worker.now() + Duration::from_millis(45));
        let before = worker.statistics();
        std::thread::sleep(Duration::from_millis(65));
        task.join();
        let numbers: Vec<_> = laps(&log).into_iter().map(|lap| lap.0).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        let after = worker.statistics();
        assert_eq!(after.missed_laps, before.missed_laps);
        assert!(after.lateness.max() >= Duration::from_millis(20), "{:?}", after.lateness.max());
    });
}

#[test]
fn laps_left_out_after_a_long_hold_up_are_counted_and_seen_as_a_gap() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let task = member(worker, round.join(), 0, 6, &log);
        worker.sleep_until(worker.now() + Duration::from_millis(45));
        let before = worker.statistics().missed_laps;
        std::thread::sleep(Duration::from_millis(500));
        task.join();
        let missed = worker.statistics().missed_laps - before;
        let numbers: Vec<_> = laps(&log).into_iter().map(|lap| lap.0).collect();
        let gap: u64 = numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
        assert!(missed >= 20, "{missed}");
        assert_eq!(gap, missed, "{numbers:?}");
    });
}

#[test]
fn a_round_behind_a_long_one_is_moved_and_keeps_its_numbers() {
    on_worker(|worker| {
        let busy = worker.metronome().round(Busy);
        let (behind, log) = logged_round(worker);
        let mut place = busy.join();
        let closer = place.closer();
        let long = worker.spawn("long", move || while place.until_hear().is_ok() && place.until_speak() {});
        let short = member(worker, behind.join(), 0, 40, &log);
        let moves = worker.statistics().round_moves;
        assert_eq!(short.join(), Outcome::Finished);
        assert!(worker.statistics().round_moves > moves);
        let numbers: Vec<_> = laps(&log).into_iter().map(|lap| lap.0).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        closer.close();
        assert_eq!(long.expect("room").join(), Outcome::Finished);
    });
}

/// Works for two slots a lap.
struct Busy;

impl RoundHooks for Busy {
    fn begin(&mut self, _: Tick) {
        let until = Instant::now() + 2 * SLOT;
        while Instant::now() < until {}
    }

    fn seal(&mut self, _: Tick) {}
}
