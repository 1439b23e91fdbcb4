//! Whether one more call is let in: limits, draining, how late the clock runs and how full the core is.

use crate::call::load::Load;
use crate::call::rate::RateLimit;
use crate::call::refusals::RefusalLog;
use crate::config::Config;
use crate::sip::StatusCode;
use crate::worker::Worker;
use std::time::{Duration, Instant};

/// Why a call is refused before anything is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The server is being shut down.
    Draining,
    /// As many legs as may be (`max-legs`).
    Legs,
    /// More calls a second than may be (`max-calls-per-second`).
    Rate,
    /// Ticks come too late (`max-lateness-ms`): another leg would be heard as stutter.
    Late,
    /// The core is as full as it may be (`max-load`).
    Load,
    /// No coroutine can be made.
    Coroutines,
    /// No route for this number.
    NoRoute,
}

impl Refused {
    /// How an INVITE is answered.
    pub fn status(self) -> StatusCode {
        match self {
            Refused::NoRoute => StatusCode::NOT_FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The gate of a worker.
pub struct Admission {
    max_legs: usize,
    max_lateness: Duration,
    max_load: f32,
    load: Load,
    calls: RateLimit,
    /// Answers to numbers without a route, and to sources that may not call.
    pub unknown: RateLimit,
    /// Which refusals are logged.
    pub refusals: RefusalLog,
    draining: bool,
}

impl Admission {
    /// Open, with the configured limits; the worker has used so much of its core by `now`.
    pub fn new(config: &Config, now: Instant, cpu_time: Duration) -> Admission {
        let limit = &config.limit;
        Admission {
            max_legs: limit.max_legs,
            max_lateness: Duration::from_millis(limit.max_lateness_ms.into()),
            max_load: f32::from(limit.max_load) / 100.0,
            load: Load::new(now, cpu_time),
            calls: RateLimit::new(limit.max_calls_per_second, now),
            unknown: RateLimit::new(limit.unknown_number_rate, now),
            refusals: RefusalLog::new(now),
            draining: false,
        }
    }

    /// No more calls from now on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Takes the CPU time that the worker has used by `now`, and how many legs there are.
    pub fn handle_cpu_time(&mut self, now: Instant, cpu_time: Duration, legs: usize) {
        self.load.handle_cpu_time(now, cpu_time, legs);
    }

    /// What would keep a call out at this moment, its rate apart.
    pub fn refusal(&self, worker: &Worker, legs: usize) -> Option<Refused> {
        if self.draining {
            Some(Refused::Draining)
        } else if legs >= self.max_legs {
            Some(Refused::Legs)
        } else if worker.metronome().recent_lateness() > self.max_lateness {
            Some(Refused::Late)
        } else if self.load.expected() > self.max_load {
            Some(Refused::Load)
        } else {
            None
        }
    }

    /// Lets a call in, or not.
    pub fn admit(&mut self, worker: &Worker, legs: usize) -> Result<(), Refused> {
        match self.refusal(worker, legs) {
            Some(refused) => Err(refused),
            None if !self.calls.admits(worker.now()) => Err(Refused::Rate),
            None => {
                self.load.handle_call();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::testing::on_worker;

    fn admission(worker: &Worker, configure: fn(&mut Config)) -> Admission {
        let mut config = Config::defaults();
        // The tests' worker may be late; that is tested by itself.
        config.limit.max_lateness_ms = 60_000;
        configure(&mut config);
        Admission::new(&config, worker.now(), Duration::ZERO)
    }

    #[test]
    fn calls_are_let_in_up_to_the_number_of_legs() {
        on_worker(|worker| {
            let mut admission = admission(worker, |config| config.limit.max_legs = 2);
            assert_eq!(admission.admit(worker, 1), Ok(()));
            assert_eq!(admission.admit(worker, 2), Err(Refused::Legs));
            assert_eq!(admission.admit(worker, 1), Ok(()), "there is room again");
        });
    }

    #[test]
    fn beyond_the_rate_calls_are_refused_and_refused_ones_do_not_count() {
        on_worker(|worker| {
            let mut admission = admission(worker, |config| {
                config.limit.max_calls_per_second = 1;
                config.limit.max_legs = 2;
            });
            assert_eq!(admission.admit(worker, 2), Err(Refused::Legs));
            assert_eq!(admission.admit(worker, 0), Ok(()));
            assert_eq!(admission.admit(worker, 0), Err(Refused::Rate));
            assert_eq!(admission.refusal(worker, 0), None, "a rate is no state");
        });
    }

    #[test]
    fn a_core_that_is_nearly_full_lets_nobody_in_until_it_is_not() {
        on_worker(|worker| {
            let mut admission = admission(worker, |config| config.limit.max_load = 90);
            let second = Duration::from_secs(1);
            let begin = worker.now();
            admission.handle_cpu_time(begin + second, second.mul_f32(0.91), 100);
            assert_eq!(admission.admit(worker, 0), Err(Refused::Load));
            admission.handle_cpu_time(begin + 2 * second, second.mul_f32(0.91 + 0.88), 100);
            assert_eq!(admission.admit(worker, 0), Ok(()));
        });
    }

    #[test]
    fn of_many_calls_at_once_so_many_are_let_in_as_fit() {
        on_worker(|worker| {
            let mut admission = admission(worker, |config| config.limit.max_load = 90);
            let second = Duration::from_secs(1);
            admission.handle_cpu_time(worker.now() + second, second.mul_f32(0.5), 100);
            let let_in = (0..200).filter(|_| admission.admit(worker, 100).is_ok()).count();
            assert!((78..=82).contains(&let_in), "{let_in} of 80");
        });
    }

    #[test]
    fn a_draining_server_lets_nobody_in() {
        on_worker(|worker| {
            let mut admission = admission(worker, |_| {});
            admission.drain();
            assert_eq!(admission.admit(worker, 0), Err(Refused::Draining));
            assert_eq!(admission.refusal(worker, 0), Some(Refused::Draining));
        });
    }

    #[test]
    fn only_an_unknown_number_is_the_callers_fault() {
        let ours = [Refused::Draining, Refused::Legs, Refused::Rate, Refused::Late, Refused::Load];
        for refused in ours.into_iter().chain([Refused::Coroutines]) {
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{refused}");
        }
        assert_eq!(Refused::NoRoute.status(), StatusCode::NOT_FOUND);
    }
}
