//! argv → configuration → server → exit code.

use std::process::ExitCode;

use antiphon::config::ConfigError;
use antiphon::config::cli::{self, Invocation};
use antiphon::worker::Allocator;
use antiphon::{logging, serve};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Exit code of a wrong command line or configuration.
const EXIT_USAGE: u8 = 2;
/// Exit code of a server that could not run.
const EXIT_FAILURE: u8 = 1;

fn main() -> ExitCode {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    match cli::parse(std::env::args_os(), variable) {
        Ok(Invocation::Serve(layers)) => match layers.read() {
            Ok(config) => run(config),
            Err(errors) => refuse(&errors),
        },
        Ok(Invocation::Check(layers)) => match layers.read() {
            Ok(config) => {
                config.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
                println!("OK");
                ExitCode::SUCCESS
            }
            Err(errors) => refuse(&errors),
        },
        Ok(Invocation::Version) => {
            println!("antiphon {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Nothing to be done where even the terminal is gone.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE))
        }
    }
}

fn run(config: antiphon::config::Config) -> ExitCode {
    let logging = match logging::start(&config.log) {
        Ok(logging) => logging,
        Err(error) => return fail(&error),
    };
    config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    let outcome = serve::serve(config);
    logging.finish();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn refuse(errors: &[ConfigError]) -> ExitCode {
    errors.iter().for_each(|error| eprintln!("antiphon: {error}"));
    ExitCode::from(EXIT_USAGE)
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("antiphon: {error}");
    ExitCode::from(EXIT_FAILURE)
}
