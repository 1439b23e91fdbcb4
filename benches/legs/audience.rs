//! What one who listens costs: a conference of one talker with Opus and listeners of each kind, beside the same with PCMU.

use std::time::Duration;

use crate::caller::Caller;
use crate::codec::Codec;
use crate::plan::{Listening, Plan};
use crate::process::Running;
use crate::stream::Stream;
use crate::{SETTLING, dial_all, load, print_heard};

/// What a conference took while it was listened to.
struct Cost {
    /// Of the server, per leg and frame.
    cpu_us: f64,
    encodes_per_tick: f64,
    lost: u64,
    wrong_windows: usize,
}

/// Measures all kinds one after the other, PCMU before and after them.
pub fn measure(plan: &Plan) {
    let of = |codec, listening| {
        let plan = Plan { codecs: vec![codec], listening, rooms: 1, talkers: 1, ..plan.clone() };
        println!("{} legs with {codec:?}, listeners {listening:?}", plan.legs);
        hold(&plan)
    };
    let before = of(Codec::Pcmu, Listening::Silent).cpu_us;
    let kinds = [Listening::Muted, Listening::Pausing, Listening::Silent];
    let costs = kinds.map(|listening| (listening, of(Codec::Opus, listening)));
    let after = of(Codec::Pcmu, Listening::Silent).cpu_us;
    let pcmu_us = (before + after) / 2.0;
    println!("PCMU, all silent: {pcmu_us:.2} µs per leg and frame (before {before:.2}, after {after:.2})");
    for (listening, cost) in costs {
        let what = format!("Opus, {listening:?}");
        println!("{what}, CPU: {:.2} µs per leg and frame", cost.cpu_us);
        println!("{what}, ratio to PCMU: {:.2}", cost.cpu_us / pcmu_us);
        println!("{what}, encodes per tick: {:.2}", cost.encodes_per_tick);
        println!("{what}, packets lost: {}", cost.lost);
        println!("{what}, windows that are not right: {}", cost.wrong_windows);
    }
}

fn hold(plan: &Plan) -> Cost {
    let mut options = vec!["--log-level".to_owned(), "info".to_owned()];
    options.extend(plan.server_options.clone());
    let server = Running::antiphon(&options);
    let mut caller = Caller::new(server.sip);
    let calls = dial_all(plan, &mut caller);
    plan.mute(&caller, &calls);
    let mut streams = Stream::of_calls(&calls, plan.roles(plan.staying()));
    load::run(&mut streams, SETTLING);
    let (cpu, encoded) = (server.cpu(), server.encoded());
    let carried = load::run(&mut streams, Duration::from_secs(plan.seconds));
    let (cpu, encoded) = (server.cpu() - cpu, server.encoded() - encoded);
    print_heard(plan, &carried);
    calls.iter().for_each(|(_, call)| caller.hang_up(call).unwrap_or_else(|answer| panic!("{answer}")));
    let (judged, right) = carried.windows();
    Cost {
        cpu_us: cpu.as_secs_f64() * 1e6 / (plan.legs as f64 * carried.frames as f64),
        encodes_per_tick: encoded as f64 / carried.frames as f64,
        lost: carried.lost,
        wrong_windows: judged - right,
    }
}
