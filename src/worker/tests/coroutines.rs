//! Coroutines: their thread, their panics, their stacks, the codec stack, the clock.

use super::eventually;
use crate::worker::stack_gauge::StackGauge;
use crate::worker::testing::on_worker;
use crate::worker::{HelperError, Outcome, Worker, thread};
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn spawn(worker: &Worker, body: impl FnOnce() + 'static) -> crate::worker::Task {
    worker.spawn("a test's", body).expect("room for a coroutine")
}

#[test]
fn spawned_coroutines_run_in_order_and_not_before_their_spawner_waits() {
    on_worker(|worker| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let seen = Rc::clone(&seen);
                spawn(worker, move || seen.borrow_mut().push(number))
            })
            .collect();
        assert!(seen.borrow().is_empty());
        assert!(tasks.iter().all(|task| task.join() == Outcome::Finished));
        assert_eq!(*seen.borrow(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn after_every_kind_of_wait_a_coroutine_is_on_its_own_thread() {
    on_worker(|worker| {
        let home = thread::mark();
        let here = |kind: &str| assert_eq!(thread::mark(), home, "after {kind}");
        worker.sleep_until(worker.now() + millis(2));
        here("a timer");
        let (sender, inbox) = worker.inbox(1);
        let task = spawn(worker, move || sender.send(()).expect("room"));
        assert_eq!(inbox.recv(), Some(()));
        here("an inbox");
        task.join();
        here("a join");
        let (_sender, inbox) = worker.inbox::<()>(1);
        inbox.recv_until(worker.now() + millis(2));
        here("an inbox with a deadline");
        let (remote, inbox) = worker.remote_inbox(1);
        std::thread::spawn(move || {
            std::thread::sleep(millis(5));
            remote.send(thread::mark()).expect("room");
        });
        assert_ne!(inbox.recv(), Some(home), "the sender was another thread");
        here("a remote inbox");
        assert_ne!(worker.helpers().run(thread::mark), Ok(home), "the job ran on another thread");
        here("a helper's job");
    });
}

#[test]
fn a_thousand_coroutines_share_a_plain_cell_over_many_waits() {
    on_worker(|worker| {
        let sum = Rc::new(Cell::new(0_u64));
        let tasks: Vec<_> = (0..1000_u64)
            .map(|number| {
                let (worker, sum) = (worker.clone(), Rc::clone(&sum));
                spawn(&worker.clone(), move || {
                    for round in 0..5 {
                        let before = sum.get();
                        sum.set(before + 1);
                        worker.sleep_until(worker.now() + Duration::from_micros((number * 7 + round) % 1500));
                    }
                })
            })
            .collect();
        tasks.iter().for_each(|task| assert_eq!(task.join(), Outcome::Finished));
        assert_eq!(sum.get(), 5000);
    });
}

#[test]
fn a_panic_ends_its_coroutine_alone_drops_what_it_owned_and_is_told() {
    struct Told(Rc<Cell<bool>>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    on_worker(|worker| {
        let before = worker.statistics();
        let (dropped, outcome) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(None)));
        let owned = Told(Rc::clone(&dropped));
        let task = spawn(worker, move || {
            let _owned = owned;
            panic!("on purpose");
        });
        let (seen, was_dropped) = (Rc::clone(&outcome), Rc::clone(&dropped));
        task.on_end(move |end| seen.set(Some((end, was_dropped.get()))));
        task.on_end(|_| panic!("on purpose, in the callback"));
        assert_eq!(task.join(), Outcome::Panicked);
        assert_eq!(outcome.get(), Some((Outcome::Panicked, true)));
        let late = Rc::clone(&outcome);
        task.on_end(move |_| late.set(None));
        assert_eq!(outcome.get(), None, "told at once when it is over");
        let after = worker.statistics();
        assert_eq!(after.panics - before.panics, 2);
        assert_eq!(after.coroutines_alive, before.coroutines_alive);
        assert_eq!(after.coroutines_started, before.coroutines_started + 1);
    });
}

#[test]
fn a_payload_that_panics_when_dropped_is_survived() {
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("on purpose, in the payload's drop");
        }
    }
    on_worker(|worker| {
        let task = spawn(worker, || std::panic::panic_any(Nasty));
        assert_eq!(task.join(), Outcome::Panicked);
    });
}

#[test]
fn a_borrow_held_across_a_switch_panics_only_the_coroutine_that_meets_it() {
    on_worker(|worker| {
        let shared = Rc::new(RefCell::new(0));
        let (holding, meeting) = (Rc::clone(&shared), Rc::clone(&shared));
        let inside = worker.clone();
        let holder = spawn(worker, move || {
            let mut value = holding.borrow_mut();
            inside.sleep_until(inside.now() + millis(3));
            *value += 1;
        });
        let inside = worker.clone();
        let meeter = spawn(worker, move || {
            inside.sleep_until(inside.now() + millis(1));
            *meeting.borrow_mut() += 100;
        });
        assert_eq!(meeter.join(), Outcome::Panicked);
        assert_eq!(holder.join(), Outcome::Finished);
        assert_eq!(*shared.borrow(), 1);
    });
}

#[test]
fn a_coroutine_that_unwinds_does_not_wait_whatever_its_drops_try() {
    struct Waits(Worker, Rc<Cell<bool>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let (_sender, inbox) = self.0.inbox::<()>(1);
            assert_eq!(inbox.recv(), None);
            self.0.sleep_until(self.0.now() + Duration::from_secs(3600));
            assert_eq!(self.0.helpers().run(|| ()), Err(HelperError::Busy));
            let spawned = Rc::clone(&self.1);
            self.0.spawn("begun while unwinding", move || spawned.set(true)).expect("room");
        }
    }
    on_worker(|worker| {
        let spawned = Rc::new(Cell::new(false));
        let waits = Waits(worker.clone(), Rc::clone(&spawned));
        let task = spawn(worker, move || {
            let _waits = waits;
            panic!("on purpose");
        });
        assert_eq!(task.join(), Outcome::Panicked);
        eventually(worker, "what was begun while unwinding runs", || spawned.get());
        assert!(!std::thread::panicking(), "the thread's count of panics is back at zero");
    });
}

#[test]
fn the_codec_stack_serves_deep_work_and_carries_a_panic_to_its_coroutine() {
    #[inline(never)]
    fn deep(levels: usize) -> usize {
        let room = black_box([levels; 512]);
        if levels == 0 { room[0] } else { deep(levels - 1) + room[levels % 512] - levels + 1 }
    }
    on_worker(|worker| {
        // 100 levels of 4 KiB do not fit into a coroutine's own stack.
        assert_eq!(worker.on_codec_stack(|| deep(100)), 100);
        assert_eq!(worker.on_codec_stack(|| worker.on_codec_stack(|| deep(50))), 50, "nested");
        let inside = worker.clone();
        let task = spawn(worker, move || inside.on_codec_stack(|| panic!("on purpose")));
        assert_eq!(task.join(), Outcome::Panicked);
        assert_eq!(worker.on_codec_stack(|| deep(100)), 100, "usable after a panic");
    });
}

#[test]
fn waiting_on_the_codec_stack_panics_and_leaves_the_worker_whole() {
    on_worker(|worker| {
        let inside = worker.clone();
        let task = spawn(worker, move || {
            inside.on_codec_stack(|| inside.sleep_until(inside.now() + millis(1)));
        });
        assert_eq!(task.join(), Outcome::Panicked);
        worker.sleep_until(worker.now() + millis(1));
        let caught = catch_unwind(AssertUnwindSafe(|| {
            worker.on_codec_stack(|| worker.sleep_until(worker.now() + millis(1)));
        }));
        assert!(caught.is_err(), "the next one may not either");
        worker.sleep_until(worker.now() + millis(1));
    });
}

#[inline(never)]
fn use_stack(bytes: usize) {
    let room = black_box([0_u8; 1024]);
    if bytes > 1024 {
        use_stack(bytes - 1024);
    }
    black_box(&room);
}

#[test]
fn the_stack_peak_of_each_path_is_measured() {
    on_worker(|worker| {
        worker.spawn("shallow path", || use_stack(2 * 1024)).expect("room").join();
        worker.spawn("deep path", || use_stack(60 * 1024)).expect("room").join();
        let peaks = worker.statistics().stack_peaks;
        let peak = |name| peaks.iter().find(|peak| peak.name == name).expect("measured").bytes;
        assert!((2 * 1024..24 * 1024).contains(&peak("shallow path")), "{}", peak("shallow path"));
        assert!((60 * 1024..110 * 1024).contains(&peak("deep path")), "{}", peak("deep path"));
    });
}

#[test]
fn a_deep_stack_gives_its_pages_back_when_its_coroutine_ends() {
    on_worker(|worker| {
        let (deep, after) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (stack_bytes, first, second) = (128 * 1024, Rc::clone(&deep), Rc::clone(&after));
        spawn(worker, move || {
            let gauge = StackGauge::begin(stack_bytes, false);
            use_stack(70 * 1024);
            first.set(gauge.end());
            second.set(StackGauge::begin(stack_bytes, false).end());
        })
        .join();
        assert!(deep.get() >= 70 * 1024, "{}", deep.get());
        assert!(after.get() <= 36 * 1024, "{} bytes were kept", after.get());
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines_and_never_early() {
    on_worker(|worker| {
        let woken = Rc::new(RefCell::new(Vec::new()));
        let start = worker.now();
        let tasks: Vec<_> = [9_u64, 3, 6, 1, 12, 3]
            .into_iter()
            .map(|after| {
                let (worker, woken) = (worker.clone(), Rc::clone(&woken));
                spawn(&worker.clone(), move || {
                    worker.sleep_until(start + millis(after));
                    assert!(Instant::now() >= start + millis(after));
                    woken.borrow_mut().push(after);
                })
            })
            .collect();
        tasks.iter().for_each(|task| assert_eq!(task.join(), Outcome::Finished));
        assert_eq!(*woken.borrow(), [1, 3, 3, 6, 9, 12]);
        worker.sleep_until(start);
    });
}

#[test]
fn helpers_give_results_report_panics_and_refuse_what_does_not_fit() {
    on_worker(|worker| {
        assert_eq!(worker.helpers().run(|| 6 * 7), Ok(42));
        assert_eq!(
            worker.helpers().run(|| panic!("on purpose, on a helper thread")),
            Err::<(), _>(HelperError::Panicked)
        );
        let before = worker.statistics().helper_drops;
        let gates: Vec<mpsc::Sender<()>> = (0..2)
            .map(|_| {
                let (open, gate) = mpsc::channel::<()>();
                worker.helpers().start(move || assert!(gate.recv().is_err())).expect("both threads are free");
                open
            })
            .collect();
        let mut queued = 0;
        while worker.helpers().start(|| ()).is_ok() {
            queued += 1;
            assert!(queued <= 6, "the queue of jobs is bounded");
        }
        assert_eq!(worker.statistics().helper_drops, before + 1);
        drop(gates);
        eventually(worker, "the queue is worked off", || worker.helpers().run(|| ()).is_ok());
    });
}

#[test]
fn a_second_worker_is_refused() {
    on_worker(|_| ());
    let again = crate::worker::run(crate::worker::Options::default(), |_| ());
    assert!(matches!(again, Err(crate::worker::RunError::AlreadyRunning)));
    let odd = crate::worker::Options { frame: millis(15), ..Default::default() };
    assert!(matches!(crate::worker::run(odd, |_| ()), Err(crate::worker::RunError::Frame(_))));
}
