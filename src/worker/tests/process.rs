//! What concerns the whole process: threads, cores, files, signals.

use crate::worker::testing::on_worker;
use crate::worker::{Signal, Signals, raise_file_limit, thread};
use std::env;
use std::io;
use std::process::Command;
use std::time::Duration;

/// Set in the environment of the process that is to break rule W2.
const BREAK_THE_RULE: &str = "ANTIPHON_TEST_TIMED_MAY_PRIMITIVE";

#[test]
fn a_coroutine_that_woke_on_another_thread_ends_the_process_at_its_next_wait() {
    if env::var_os(BREAK_THE_RULE).is_some() {
        return on_worker(|worker| {
            may::coroutine::sleep(Duration::from_millis(5));
            worker.sleep_until(worker.now() + Duration::from_millis(5));
        });
    }
    let name = "a_coroutine_that_woke_on_another_thread_ends_the_process_at_its_next_wait";
    let outcome = Command::new(env::current_exe().expect("a test has a binary"))
        .args(["--exact", &format!("worker::tests::process::{name}"), "--nocapture"])
        .env(BREAK_THE_RULE, "1")
        .output()
        .expect("the test's binary runs");
    let told = String::from_utf8_lossy(&outcome.stderr);
    assert!(!outcome.status.success() && told.contains("another thread than its own"), "{told}");
}

#[test]
fn signals_are_received_in_order_and_taken_over_once() {
    on_worker(|worker| {
        let signals = Signals::listen(worker).expect("the first to listen");
        let again = Signals::listen(worker).err().map(|error| error.kind());
        assert_eq!(again, Some(io::ErrorKind::AlreadyExists));
        for (number, expected) in [
            (libc::SIGHUP, Signal::Reload),
            (libc::SIGUSR1, Signal::Report),
            (libc::SIGINT, Signal::Interrupt),
            (libc::SIGTERM, Signal::Terminate),
        ] {
            let sent = worker.helpers().run(move || raise(number));
            assert_eq!(sent, Ok(0));
            assert_eq!(signals.recv(), expected);
        }
    });
}

#[allow(unsafe_code)]
fn raise(number: libc::c_int) -> libc::c_int {
    // SAFETY: takes no pointers; the signal has a handler by now.
    unsafe { libc::raise(number) }
}

#[test]
fn the_file_limit_is_raised_to_what_the_system_allows() {
    let limit = raise_file_limit().expect("raising the soft limit needs no right");
    assert!(limit >= 256);
    assert_eq!(raise_file_limit().ok(), Some(limit));
}

#[test]
fn a_thread_is_pinned_to_a_core_of_ours_and_to_no_other() {
    let outcome = std::thread::spawn(|| {
        let core = current_core();
        (thread::pin_to_core(core), current_core() == core, thread::pin_to_core(1 << 20))
    });
    let (pinned, stayed, refused) = outcome.join().expect("the thread ends");
    assert!(pinned.is_ok() && stayed);
    assert!(thread::usable_cores().contains(&current_core()));
    assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidInput));
}

#[allow(unsafe_code)]
fn current_core() -> usize {
    // SAFETY: takes no pointers.
    usize::try_from(unsafe { libc::sched_getcpu() }).expect("this kernel knows the core")
}
