//! What a leg costs and hears: the release server on one core, N legs over loopback from another, and beside it, in the
//! same run, a bare UDP echo as the floor. It needs nothing outside the repository.
//!
//!     cargo bench --bench legs -- [--legs 300] [--rooms 100] [--talkers N] [--seconds 10] [-- SERVER OPTIONS]
//!
//! `--latency` measures from mouth to ear, `--flood N` sends N random datagrams a second to all ports meanwhile, `--kill`
//! lets every second caller of each room die without a BYE; then there is no floor. `--audience` asks what a listener of one
//! talker costs, in PCMU and, muted, pausing and silent, in Opus. CPU is read from the scheduler, exact in
//! nanoseconds; the ratio to the floor says more than the microseconds, which differ from machine to machine.

mod audience;
#[path = "../../src/whole/caller.rs"]
mod caller;
mod child;
mod clock;
mod codec;
mod floor;
mod hardship;
mod hearing;
mod load;
mod plan;
mod process;
mod statistics;
mod stream;
mod voice;

use std::time::{Duration, Instant};

use caller::{Call, Caller};
use load::Carried;
use plan::Plan;
use process::{Running, SERVER_CORE};
use stream::Stream;

/// Between two calls that begin: 500 a second.
const PAUSE: Duration = Duration::from_millis(2);
/// Before it is measured: by then depths have adapted and listeners share what is encoded.
const SETTLING: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = |from: usize| -> Vec<usize> {
        arguments[from..].iter().map(|text| text.parse().expect("a number")).collect()
    };
    match arguments.first().map(String::as_str) {
        Some("floor-child") => floor::echo(numbers(1)[0]),
        Some("flood-child") => hardship::flood_child(&numbers(1)),
        Some("doomed-child") => hardship::doomed_child(&arguments[1], &numbers(2)),
        _ => {
            process::pin_load();
            let plan = Plan::from_arguments();
            if plan.audience { audience::measure(&plan) } else { measure(&plan) }
        }
    }
}

fn measure(plan: &Plan) {
    let duration = Duration::from_secs(plan.seconds);
    println!("legs {} in {} rooms, {} s, server on core {SERVER_CORE}", plan.legs, plan.rooms, plan.seconds);
    let is_plain = plan.flood == 0 && !plan.kill && !plan.latency;
    let floor_before = is_plain.then(|| floor::measure(plan.legs, duration));
    let leg_us = measure_server(plan, duration);
    if let Some(before) = floor_before {
        let after = floor::measure(plan.legs, duration);
        let floor_us = (before + after) / 2.0;
        println!("bare UDP echo, same run: {floor_us:.2} µs (before {before:.2}, after {after:.2})");
        println!("ratio to the echo: {:.2}", leg_us / floor_us);
    }
}

/// Sets up the calls, lets them talk and prints what came of it; CPU per leg and frame in µs.
fn measure_server(plan: &Plan, duration: Duration) -> f64 {
    let mut options = plan.server_options.clone();
    if plan.kill {
        options.extend(["--media-timeout", hardship::MEDIA_TIMEOUT].map(str::to_owned));
    }
    let server = Running::antiphon(&options);
    let idle_kib = server.resident_kib();
    let mut caller = Caller::new(server.sip);
    let calls = dial_all(plan, &mut caller);
    plan.mute(&caller, &calls);
    let doomed = plan.kill.then(|| hardship::doomed_callers(plan, server.sip));
    let mut streams = Stream::of_calls(&calls, plan.roles(plan.staying()));
    load::run(&mut streams, Duration::from_secs(plan.warm_up_seconds));
    if let Some(callers) = doomed {
        return bereave(plan, &server, callers, &mut streams, duration);
    }
    let flood_targets = calls.iter().map(|(_, call)| call.rtp);
    let flood = (plan.flood > 0).then(|| hardship::flood(plan.flood, server.sip, flood_targets));
    let before = server.cpu();
    let carried = load::run(&mut streams, duration);
    let cpu = server.cpu() - before;
    let resident_kib = server.resident_kib();
    drop(flood);
    print_heard(plan, &carried);
    println!("memory per leg: {:.1} KiB", (resident_kib - idle_kib) as f64 / plan.legs as f64);
    println!("threads of the server: {}", server.threads());
    let leg_us = cpu.as_secs_f64() * 1e6 / (plan.legs as f64 * carried.frames as f64);
    println!("CPU per leg and 20 ms frame: {leg_us:.2} µs");
    println!("CPU of the server: {:.1} % of a core", 100.0 * cpu.as_secs_f64() / duration.as_secs_f64());
    for (_, call) in &calls {
        caller.hang_up(call).unwrap_or_else(|answer| panic!("{answer}"));
    }
    eprint!("{}", server.first_of_log(10));
    leg_us
}

/// The calls of all who stay.
fn dial_all(plan: &Plan, caller: &mut Caller) -> Vec<(usize, Call)> {
    let mut answers_ms = Vec::new();
    let start = Instant::now();
    let mut dial = |leg| {
        clock::wait_until(start + PAUSE * answers_ms.len() as u32);
        let begin = Instant::now();
        let call = plan.dial(caller, leg);
        answers_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        (leg, call)
    };
    let calls = plan.staying().map(&mut dial).collect();
    let percentile =
        |percent| statistics::percentile(answers_ms.iter().copied(), percent).unwrap_or_default();
    println!("INVITE to its 200: p50 {:.2} ms, p99 {:.2} ms", percentile(50), percentile(99));
    calls
}

/// Half of the callers die; the others talk on. Returns 0: what a leg costs means nothing while their number changes.
fn bereave(
    plan: &Plan,
    server: &Running,
    doomed: Running,
    streams: &mut [Stream],
    duration: Duration,
) -> f64 {
    doomed.kill();
    let carried = load::run(streams, duration.max(hardship::PATIENCE));
    print_heard(plan, &carried);
    let ended = server.logged("media timeout");
    println!("callers killed: {}, ended by media timeout: {ended}", plan.doomed().count());
    0.0
}

fn print_heard(plan: &Plan, carried: &Carried) {
    let (judged, right) = carried.windows();
    println!("packets sent: {}, received: {}", carried.sent, carried.received);
    println!("packets lost: {}, stale: {}", carried.lost, carried.stale);
    if judged > 0 {
        println!("windows of 400 ms listened to: {judged}, not right: {}", judged - right);
        carried.wrong_windows().for_each(|window| eprintln!("not right: {window}"));
    }
    if let (Some(snr), Some(perfect)) = (carried.median_snr_db(), plan.perfect_snr_db()) {
        println!("median SNR: {snr:.2} dB, of a perfect mixer: {perfect:.2} dB");
    }
    if let (Some(p50), Some(p99)) = (carried.latency_ms(50), carried.latency_ms(99)) {
        println!("mouth to ear: p50 {p50:.1} ms, p99 {p99:.1} ms");
    }
    println!("deviation from 20 ms: p99 {} ms", carried.deviation_ms(99));
    println!("longest gap: {} ms", carried.longest_gap.as_millis());
    println!("the load itself was late: p99 {:.2} ms", carried.late_ms(99).unwrap_or_default());
}
