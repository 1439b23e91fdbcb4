//! How callers sound, and how late they are, when the talker's network is bad: the release server, or one that is given, is
//! called by a talker and listeners for each codec, condition and seed, all side by side, in rooms of their own.
//!
//!     cargo bench --bench quality -- [--codec pcmu,opus] [--seeds 3] [--quick] [--server ADDRESS:PORT] [-- SERVER OPTIONS]
//!
//! Only what the talker sends is impaired; listeners have an ideal ear. `scripts/quality` gets speech and runs this.

mod alignment;
#[path = "../../src/whole/caller.rs"]
mod caller;
mod calls;
#[path = "../legs/clock.rs"]
mod clock;
#[path = "../legs/codec.rs"]
mod codec;
mod conditions;
mod hearing;
mod judge;
mod network;
mod outcome;
mod plan;
#[path = "../legs/process.rs"]
mod process;
mod runs;
mod speech;
#[path = "../legs/statistics.rs"]
mod statistics;
mod table;
mod turns;
mod visits;

use std::process::ExitCode;

use plan::Plan;
use process::{Running, SERVER_CORE};

fn main() -> ExitCode {
    match measure(&Plan::from_arguments()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("quality: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table; whether all of it holds.
fn measure(plan: &Plan) -> Result<bool, String> {
    std::fs::create_dir_all(&plan.output).map_err(|error| format!("{}: {error}", plan.output.display()))?;
    if plan.turns {
        return turns::measure(plan);
    }
    if plan.visits {
        return visits::measure(plan);
    }
    let runs = runs::prepare(plan)?;
    let seconds = runs.iter().map(runs::Run::seconds).max().unwrap_or_default();
    let started = plan.server.is_none().then(|| Running::antiphon(&plan.server_options));
    let server = plan.server.or(started.as_ref().map(|server| server.sip)).expect("one of them");
    let whose =
        if started.is_some() { format!("a server on core {SERVER_CORE}") } else { server.to_string() };
    eprintln!("{} rooms call {whose} for {seconds} s", runs.len());
    let rooms: Vec<calls::Room> = runs.iter().map(|run| run.room(plan)).collect();
    let calling = std::thread::spawn(move || calls::hold(server, &rooms));
    let recorded = calling.join().map_err(|_| "calling failed".to_owned())??;
    if let Some(server) = started {
        eprint!("{}", server.first_of_log(10));
    }
    eprintln!("judging");
    Ok(table::print(plan, &runs::judge(plan, &runs, &recorded)))
}
