//! The command line: `antiphon serve`, `check` and `version`, with a flag for every setting.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::keys;
use super::layers::Layers;

/// The variable that names the file, as `--config` does.
const FILE_VARIABLE: &str = "ANTIPHON_CONFIG";

const PRECEDENCE: &str = "A flag wins over its environment variable, that over the file of --config, that over the \
default. Lists take commas or the flag several times. Routes, which say what a number does, stand in the file alone; \
without any, room-NAME is a conference, echo and milliwatt are tests.";

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Invocation {
    /// Serve calls with what these layers say.
    Serve(Layers),
    /// Say whether these layers are a valid configuration.
    Check(Layers),
    /// Print the version.
    Version,
}

/// Reads a command line (with the program's name first) and the environment that `variable` looks up.
///
/// An error is also how `--help` comes: print it and exit with its code.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Invocation, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let layers = |matches: &ArgMatches| {
        let mut layers = Layers { file: matches.get_one::<PathBuf>("config").cloned(), ..Layers::default() };
        layers.file = layers.file.or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
        layers.take_environment(&variable);
        for key in keys() {
            if let Some(values) = matches.get_many::<String>(key.name) {
                layers.flags.insert(key.name, values.cloned().collect());
            }
        }
        layers
    };
    Ok(match matches.subcommand() {
        Some(("serve", matches)) => Invocation::Serve(layers(matches)),
        Some(("check", matches)) => Invocation::Check(layers(matches)),
        _ => Invocation::Version,
    })
}

/// The whole command line, from the table of keys.
pub fn command() -> Command {
    Command::new("antiphon")
        .about("A media server: answers SIP calls and mixes their audio in conferences")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(Command::new("serve").about("Serve calls until SIGTERM")))
        .subcommand(with_settings(
            Command::new("check")
                .about("Say whether a configuration is valid, and if not, all that is wrong with it"),
        ))
        .subcommand(Command::new("version").about("Print the version"))
}

fn with_settings(command: Command) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help(format!("TOML file to read [env: {FILE_VARIABLE}]"))
        .value_parser(value_parser!(PathBuf));
    keys().fold(command.arg(config).after_help(PRECEDENCE), |command, key| {
        let default = if key.default.is_empty() { "none" } else { key.default };
        command.arg(
            Arg::new(key.name)
                .long(key.name)
                .value_name(key.value_name)
                .help(format!("{} [default: {default}] [env: {}]", key.help(), key.variable()))
                .help_heading(key.group)
                .allow_hyphen_values(true)
                .action(if key.is_list { ArgAction::Append } else { ArgAction::Set }),
        )
    })
}
