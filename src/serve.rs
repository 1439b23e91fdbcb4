//! Runs the server that a [`Config`] describes, until it is told to stop.
//!
//! Puts the parts together: the worker's thread, the endpoint on it, its transports, the signals. SIGHUP reads the routes
//! again, SIGUSR1 logs the figures so far; SIGTERM drains (no new calls, the others may end), then says BYE to the rest; a
//! second one ends at once. Systemd is told of it ([`systemd`]).

use crate::call::{Endpoint, transports};
use crate::config::{self, Config};
use crate::services;
use crate::systemd;
use crate::worker::{
    self, Heartbeat, Inbox, Options, Received, RunError, Signal, Signals, SpawnError, Worker,
};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long the peers have to confirm our BYE when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often it is looked whether the last leg has gone.
const LOOK: Duration = Duration::from_millis(50);
/// RTP, the short way to its learned source, RTCP.
const FILES_PER_LEG: u64 = 3;
/// One to read and one to write.
const FILES_PER_CONNECTION: u64 = 2;
/// File descriptors beside those of legs and connections: listeners, timers, files being read, the log.
const OTHER_FILES: u64 = 128;
/// Coroutines beside two a leg and two a connection.
const OTHER_COROUTINES: usize = 256;
/// Files that may wait to be read.
const HELPER_QUEUE: usize = 256;

/// Why the server could not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// A SIP address could not be bound.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// The worker's thread could not be set up.
    Worker(RunError),
    /// Signals cannot be received.
    Signals(io::Error),
    /// A coroutine could not be made.
    Coroutine(SpawnError),
    /// Systemd's watchdog cannot be fed.
    Watchdog(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Listen { address, error } => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    write!(out, "cannot listen on {address}: the port is in use; choose another with --sip")
                }
                io::ErrorKind::AddrNotAvailable => {
                    write!(out, "cannot listen on {address}: no address of this machine; see --sip")
                }
                io::ErrorKind::PermissionDenied => {
                    write!(out, "cannot listen on {address}: not permitted; use a port above 1023 with --sip")
                }
                _ => write!(out, "cannot listen on {address}: {error}"),
            },
            ServeError::Worker(RunError::Pin(core, error)) if error.kind() == io::ErrorKind::InvalidInput => {
                write!(
                    out,
                    "cannot run on core {core}: choose one of {:?} with --core",
                    worker::usable_cores()
                )
            }
            ServeError::Worker(error @ RunError::Realtime(cause))
                if cause.kind() == io::ErrorKind::PermissionDenied =>
            {
                write!(out, "{error}; it needs the right CAP_SYS_NICE, or --realtime off")
            }
            ServeError::Worker(error) => write!(out, "{error}"),
            ServeError::Signals(error) => write!(out, "cannot receive signals: {error}"),
            ServeError::Coroutine(error) => write!(out, "{error}"),
            ServeError::Watchdog(error) => write!(out, "systemd's watchdog cannot be fed: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Serves calls until SIGTERM, then drains.
pub fn serve(config: Config) -> Result<(), ServeError> {
    check_file_limit(&config);
    check_buffer_limits(&config);
    let options = worker_options(&config);
    let heartbeat = systemd::watchdog_feed().map_err(ServeError::Watchdog)?;
    worker::run(options, move |worker| live(worker, config, heartbeat)).map_err(ServeError::Worker)?
}

fn worker_options(config: &Config) -> Options {
    Options {
        core: config.worker.core,
        realtime_priority: config.worker.realtime,
        frame: Duration::from_millis(config.codec.frame_ms.into()),
        stack_bytes: config.worker.stack_bytes,
        codec_stack_bytes: config.worker.codec_stack_bytes,
        max_coroutines: 2 * (config.limit.max_legs + config.sip.max_connections) + OTHER_COROUTINES,
        helper_threads: config.worker.helper_threads,
        helper_queue: HELPER_QUEUE,
        ..Options::default()
    }
}

/// What the limits of the system cannot carry is said at the start, not at the first call.
fn check_file_limit(config: &Config) {
    let (pairs, max_legs) = (config.rtp.ports.pairs(), config.limit.max_legs);
    if pairs < max_legs {
        log::warn!("rtp-ports has room for {pairs} legs, max-legs allows {max_legs}: more are answered 503");
    }
    let legs = pairs.min(max_legs) as u64;
    let connections = config.sip.max_connections as u64;
    let wanted = FILES_PER_LEG * legs + FILES_PER_CONNECTION * connections + OTHER_FILES;
    let limit = worker::raise_file_limit().unwrap_or_else(|error| {
        log::warn!("the limit of open files cannot be raised: {error}");
        wanted
    });
    if limit < wanted {
        log::warn!(
            "{limit} open files are allowed, {legs} legs need {wanted}: raise LimitNOFILE (ulimit -n) or lower max-legs"
        );
    }
    if let Err(error) = worker::reserve_files(wanted.min(limit)) {
        log::warn!(
            "{wanted} descriptors cannot be reserved, calls may stutter while their number grows: {error}"
        );
    }
}

/// The kernel cuts buffers down to its limits without a word.
fn check_buffer_limits(config: &Config) {
    let (sip, rtp) = (&config.sip, &config.rtp);
    let buffers = [
        ("rmem_max", "sip-receive-buffer", sip.receive_buffer),
        ("rmem_max", "rtp-receive-buffer", rtp.receive_buffer),
        ("wmem_max", "sip-send-buffer", sip.send_buffer),
        ("wmem_max", "rtp-send-buffer", rtp.send_buffer),
    ];
    for (limit, option, wanted) in buffers {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{limit}"));
        let Some(most) = text.ok().and_then(|text| text.trim().parse::<usize>().ok()) else { continue };
        if most < wanted {
            log::warn!(
                "{option} is cut from {wanted} to {most} by the kernel: sysctl -w net.core.{limit}={wanted}"
            );
        }
    }
}

/// The first coroutine: everything is bound before anything is started.
fn live(worker: &Worker, config: Config, heartbeat: Option<Heartbeat>) -> Result<(), ServeError> {
    let config = Rc::new(config);
    let mut bound = Vec::new();
    for listener in &config.sip.listeners {
        let address = listener.address;
        let sockets = transports::bind(worker, &config, *listener);
        bound.extend(sockets.map_err(|error| ServeError::Listen { address, error })?);
    }
    let signals = signals(worker)?;
    if let Some(heartbeat) = heartbeat {
        heartbeat.follow(worker).map_err(ServeError::Coroutine)?;
    }
    let endpoint = Endpoint::new(worker, Rc::clone(&config), services::tell);
    let mut addresses = Vec::new();
    for socket in bound {
        let (transport, address) = socket.address();
        addresses.push(address);
        transports::start(&endpoint, socket).map_err(ServeError::Coroutine)?;
        log::info!("listening on {address} ({transport})");
    }
    let clock = Rc::clone(&endpoint);
    worker.spawn("sip timers", move || clock.keep_time()).map_err(ServeError::Coroutine)?;
    systemd::tell_ready(worker, format!("answering calls on {}", named(&addresses)));
    loop {
        match signals.recv() {
            Some(Signal::Reload) => reload(&endpoint),
            Some(Signal::Report) => report("so far", &endpoint),
            Some(Signal::Terminate | Signal::Interrupt) | None => break,
        }
    }
    drain(&endpoint, &signals);
    report("ended", &endpoint);
    Ok(())
}

/// Each address once: UDP and TCP share theirs.
fn named(addresses: &[SocketAddr]) -> String {
    let mut names: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    names.dedup();
    names.join(", ")
}

/// Logs what the endpoint and its worker have seen.
fn report(when: &str, endpoint: &Endpoint) {
    let encoded = endpoint.workbench.borrow().encoded();
    log::info!("{when}: {}, {encoded} packets encoded", endpoint.counters);
    let worker = endpoint.worker.statistics();
    log::info!(
        "laps {}, late by {:?} at the 99th percentile, {:?} at most; {} missed; at most {} coroutines",
        worker.laps,
        worker.lateness.quantile(0.99),
        worker.lateness.max(),
        worker.missed_laps,
        worker.coroutines_peak
    );
}

/// Signals as messages, so that they can be waited for with a time limit.
fn signals(worker: &Worker) -> Result<Inbox<Signal>, ServeError> {
    let signals = Signals::listen(worker).map_err(ServeError::Signals)?;
    let (sender, inbox) = worker.inbox(8);
    let forward = move || loop {
        let _ = sender.send(signals.recv()); // nine at once say no more than eight
    };
    worker.spawn("signals", forward).map_err(ServeError::Coroutine)?;
    Ok(inbox)
}

/// Reads the routes again, on a helper thread; those in force stay if the file is not valid.
fn reload(endpoint: &Rc<Endpoint>) {
    let Some(file) = endpoint.config.file.clone() else {
        return log::warn!("SIGHUP: there is no configuration file to read routes from");
    };
    match endpoint.worker.helpers().run(move || config::reload_routes(&file)) {
        Ok(Ok(routes)) => {
            log::info!("SIGHUP: {} routes in force", routes.iter().count());
            *endpoint.routes.borrow_mut() = routes;
        }
        Ok(Err(errors)) => {
            for error in errors {
                log::error!("SIGHUP: the old routes stay: {error}");
            }
        }
        Err(error) => log::error!("SIGHUP: the old routes stay: {error}"),
    }
}

/// No new calls; those in progress may go on for `drain-timeout`, then they are ended.
fn drain(endpoint: &Rc<Endpoint>, signals: &Inbox<Signal>) {
    endpoint.drain();
    let timeout = endpoint.config.timer.drain_timeout;
    log::info!("stopping: no new calls, {} legs have {} s to end", endpoint.legs(), timeout.as_secs());
    systemd::tell_draining(&endpoint.worker, endpoint.legs(), timeout);
    if !wait_for_legs(endpoint, signals, timeout) {
        return log::warn!("stopped at once, {} legs lost", endpoint.legs());
    }
    endpoint.shut_down();
    if !wait_for_legs(endpoint, signals, FAREWELL) {
        log::warn!("stopped at once, {} legs lost", endpoint.legs());
    }
}

/// Waits until all legs have gone or `at_most` is over; `false` if a second signal says to stop at once.
fn wait_for_legs(endpoint: &Endpoint, signals: &Inbox<Signal>, at_most: Duration) -> bool {
    let deadline = endpoint.worker.now() + at_most;
    loop {
        let now: Instant = endpoint.worker.now();
        if endpoint.legs() == 0 || now >= deadline {
            return true;
        }
        match signals.recv_until(deadline.min(now + LOOK)) {
            Received::Item(Signal::Terminate | Signal::Interrupt) => return false,
            Received::Item(Signal::Reload | Signal::Report) | Received::TimedOut | Received::Closed => {}
        }
    }
}
