//! Rounds in good order: phases, joining, leaving, closing, slots, no allocation.

use super::eventually;
use crate::worker::testing::{allocations, on_worker};
use crate::worker::{Closed, Outcome, Place, Round, RoundHooks, Task, Tick, Worker, thread};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// What happened, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Begin(u64),
    Hear(u32),
    Seal(u64),
    Speak(u32),
}

pub(super) type Log = Rc<RefCell<Vec<Event>>>;

struct Logging(Log);

impl RoundHooks for Logging {
    fn begin(&mut self, tick: Tick) {
        self.0.borrow_mut().push(Event::Begin(tick.number));
    }

    fn seal(&mut self, tick: Tick) {
        self.0.borrow_mut().push(Event::Seal(tick.number));
    }
}

pub(super) fn logged_round(worker: &Worker) -> (Rc<Round>, Log) {
    let log = Log::default();
    (worker.metronome().round(Logging(Rc::clone(&log))), log)
}

/// A member that makes laps until its place is closed or it has made `laps`.
pub(super) fn member(worker: &Worker, mut place: Place, name: u32, laps: usize, log: &Log) -> Task {
    let (log, home) = (Rc::clone(log), thread::mark());
    let body = move || {
        for _ in 0..laps {
            if place.until_hear().is_err() {
                return;
            }
            assert_eq!(thread::mark(), home);
            log.borrow_mut().push(Event::Hear(name));
            assert!(place.until_speak());
            assert_eq!(thread::mark(), home);
            log.borrow_mut().push(Event::Speak(name));
        }
    };
    worker.spawn("member", body).expect("room")
}

/// The laps of a log, each checked to be: begin, hears, seal, speaks of the same members.
pub(super) fn laps(log: &Log) -> Vec<(u64, Vec<u32>)> {
    let log = log.borrow();
    let mut laps = Vec::new();
    let mut events = log.iter().copied().peekable();
    while let Some(event) = events.next() {
        let Event::Begin(number) = event else { panic!("{event:?} outside a lap: {log:?}") };
        let mut members = Vec::new();
        while let Some(&Event::Hear(name)) = events.peek() {
            members.push(name);
            events.next();
        }
        assert_eq!(events.next(), Some(Event::Seal(number)), "{log:?}");
        let mut speakers = Vec::new();
        while let Some(&Event::Speak(name)) = events.peek() {
            speakers.push(name);
            events.next();
        }
        members.sort_unstable();
        speakers.sort_unstable();
        assert_eq!(members, speakers, "{log:?}");
        laps.push((number, members));
    }
    laps
}

#[test]
fn all_hear_then_the_round_is_sealed_then_all_speak_once_a_frame() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let before = worker.statistics();
        let tasks: Vec<_> = (0..5).map(|name| member(worker, round.join(), name, 6, &log)).collect();
        tasks.iter().for_each(|task| assert_eq!(task.join(), Outcome::Finished));
        let laps = laps(&log);
        assert_eq!(laps.len(), 6);
        assert!(laps.windows(2).all(|pair| pair[0].0 < pair[1].0), "numbers rise: {laps:?}");
        assert!(laps.iter().all(|(_, members)| *members == [0, 1, 2, 3, 4]));
        let after = worker.statistics();
        assert_eq!(after.laps - before.laps, 6);
        assert_eq!(after.lateness.count() - before.lateness.count(), 6);
        assert_eq!(after.strays, before.strays);
    });
}

#[test]
fn ticks_are_due_on_a_grid_of_frames_and_carry_their_lateness() {
    on_worker(|worker| {
        let round = logged_round(worker).0;
        let mut place = round.join();
        let first = place.until_hear().expect("open");
        for _ in 0..5 {
            place.until_speak();
            let tick = place.until_hear().expect("open");
            let frames = (tick.number - first.number) as u32;
            assert_eq!(tick.due, first.due + worker.metronome().frame() * frames);
            assert!(worker.now() >= tick.due + tick.lateness);
        }
    });
}

#[test]
fn a_newcomer_takes_part_from_the_next_lap_and_one_that_leaves_no_more() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let stays = member(worker, round.join(), 0, 8, &log);
        let goes = member(worker, round.join(), 1, 3, &log);
        goes.join();
        let comes = member(worker, round.join(), 2, 3, &log);
        comes.join();
        stays.join();
        let laps = laps(&log);
        let of = |name| laps.iter().filter(|(_, members)| members.contains(&name)).count();
        assert_eq!((of(0), of(1), of(2)), (8, 3, 3));
        assert_eq!(round.places(), 0);
    });
}

#[test]
fn joining_in_the_middle_of_a_lap_does_not_change_that_lap() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let (inside, outer, joins) = (worker.clone(), Rc::clone(&round), Rc::clone(&log));
        let newcomer = Rc::new(RefCell::new(None));
        let theirs = Rc::clone(&newcomer);
        let mut place = round.join();
        let joiner = worker.spawn("joiner", move || {
            place.until_hear().expect("open");
            joins.borrow_mut().push(Event::Hear(0));
            *theirs.borrow_mut() = Some(member(&inside, outer.join(), 1, 2, &joins));
            place.until_speak();
            joins.borrow_mut().push(Event::Speak(0));
        });
        joiner.expect("room").join();
        newcomer.take().expect("it joined").join();
        assert_eq!(laps(&log).into_iter().map(|lap| lap.1).collect::<Vec<_>>(), [vec![0], vec![1], vec![1]]);
    });
}

#[test]
fn leaving_in_the_middle_of_a_lap_does_not_hold_up_the_others() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        for leaves_after_hearing in [false, true] {
            log.borrow_mut().clear();
            let before = worker.statistics().strays;
            let stays = member(worker, round.join(), 0, 3, &log);
            let mut place = round.join();
            let leaver = worker.spawn("leaver", move || {
                place.until_hear().expect("open");
                if leaves_after_hearing {
                    place.until_speak();
                }
            });
            assert_eq!(leaver.expect("room").join(), Outcome::Finished);
            assert_eq!(stays.join(), Outcome::Finished);
            assert_eq!(laps(&log).len(), 3);
            assert_eq!(worker.statistics().strays, before);
        }
    });
}

#[test]
fn a_closed_place_ends_its_wait_at_once_and_its_lap_under_way_properly() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let place = round.join();
        let closer = place.closer();
        let waits = member(worker, place, 0, usize::MAX, &log);
        eventually(worker, "a lap was made", || !log.borrow().is_empty());
        closer.close();
        assert_eq!(waits.join(), Outcome::Finished);
        let mut place = round.join();
        let closer = place.closer();
        let task = worker.spawn("closed in its lap", move || {
            place.until_hear().expect("open");
            closer.close();
            assert!(place.until_speak(), "the lap is made to its end");
            assert_eq!(place.until_hear().err(), Some(Closed));
            assert_eq!(place.until_hear().err(), Some(Closed), "for good");
        });
        assert_eq!(task.expect("room").join(), Outcome::Finished);
    });
}

#[test]
fn a_round_without_places_makes_no_laps_and_frees_its_slot() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        member(worker, round.join(), 0, 2, &log).join();
        assert_eq!(round.slot.get(), None);
        assert!(worker.statistics().slot_work_us.iter().all(|&work_us| work_us == 0));
        let made = log.borrow().len();
        worker.sleep_until(worker.now() + Duration::from_millis(50));
        assert_eq!(log.borrow().len(), made);
        member(worker, round.join(), 0, 1, &log).join();
        assert_eq!(laps(&log).len(), 3, "it can begin again");
    });
}

#[test]
fn rounds_get_slots_of_their_own_while_there_are_any() {
    on_worker(|worker| {
        let rounds: Vec<_> = (0..4).map(|_| logged_round(worker).0).collect();
        let places: Vec<_> = rounds.iter().map(|round| round.join()).collect();
        let mut slots: Vec<_> = rounds.iter().map(|round| round.slot.get()).collect();
        slots.sort_unstable();
        assert_eq!(slots, (0..4).map(Some).collect::<Vec<_>>());
        drop(places);
    });
}

#[test]
fn a_place_of_which_nobody_waits_does_not_hold_up_the_round() {
    on_worker(|worker| {
        let (round, log) = logged_round(worker);
        let _idle = round.join();
        assert_eq!(member(worker, round.join(), 0, 3, &log).join(), Outcome::Finished);
    });
}

#[test]
fn a_steady_lap_allocates_nothing() {
    on_worker(|worker| {
        struct Silent(Rc<RefCell<Vec<u64>>>);
        impl RoundHooks for Silent {
            fn begin(&mut self, _: Tick) {
                self.0.borrow_mut().push(allocations());
            }
            fn seal(&mut self, _: Tick) {}
        }
        let seen = Rc::new(RefCell::new(Vec::with_capacity(1000)));
        let round = worker.metronome().round(Silent(Rc::clone(&seen)));
        let (stop, count) = (Rc::new(Cell::new(false)), 40);
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (mut place, stop) = (round.join(), Rc::clone(&stop));
                worker.spawn("steady", move || {
                    while !stop.get() {
                        place.until_hear().expect("open");
                        place.until_speak();
                    }
                })
            })
            .collect();
        // Longer than one sleep of the test's own coroutine, which is all that else runs.
        worker.sleep_until(worker.now() + Duration::from_millis(600));
        stop.set(true);
        tasks.into_iter().for_each(|task| {
            task.expect("room").join();
        });
        let seen = seen.borrow();
        assert!(seen.len() > 12, "{} laps", seen.len());
        let steady = &seen[8..seen.len() - 2];
        assert_eq!(steady.first(), steady.last(), "allocations in {} laps of {count} members", steady.len());
    });
}
