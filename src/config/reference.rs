//! `configs/antiphon.toml` and `docs/configuration.md` are written from the table of keys; these tests hold them to it.
//!
//! After a change of a setting: `ANTIPHON_WRITE_REFERENCE=1 cargo test --lib reference`.

use std::fmt::Write;
use std::path::Path;

use super::{Key, keys};

const TOML_HEAD: &str = "\
# Antiphon's configuration: every key with its default. A flag of `antiphon serve` wins over its environment
# variable, that over this file. `antiphon check --config FILE` says what is wrong with a file.
# Times take ms, s, m or h (30 is 30s), sizes in bytes k or M. Lists take one value or an array.
";

const TOML_ROUTES: &str = r#"
## Routes: what a number does. Read again on SIGHUP; a file without any has those below.
#
# The first whose `match` fits the whole user part of the dialled URI wins; none: 404. `match` is a regular expression
# (https://docs.rs/regex), and exactly one action stands beside it:
#   conference = "NAME"   join this conference; $1 or ${name} is what a group of `match` captured, $$ a dollar sign
#   echo = true           hear yourself
#   play = "FILE.wav"     hear a file (relative to this one's folder), then be hung up on; loop = true starts again
#   milliwatt = true      hear 1004 Hz at 0 dBm0
#   reject = STATUS       be refused with 400 to 699
# Further keys: ring-ms (ringing before the answer, 0 to 170000), early-media = true (heard before the answer), and
# codecs, max-participants, enter-tone, leave-tone, waiting-tone, automatic-gain, denoise, noise-gate where a route differs
# from what is set above.
# Beside conference:
#   role = "talker"       what the caller is there: talker, listener (muted, not to be unmuted by key), monitor (hears all,
#                         is heard by nobody, and not noticed: no tones, no company for one who is alone) or coach (as a
#                         monitor, but heard by those of one tag)
#   tag = "NAME"          what the caller carries, $1 and ${name} as above
#   coaches = "TAG"       whom a coach speaks to: those with this tag, $1 and ${name} as above

[[route]]
match = "room-(.+)"
conference = "$1"

[[route]]
match = "echo"
echo = true

[[route]]
match = "milliwatt"
milliwatt = true

# [[route]]
# match = "9(?<site>[0-9]{2})"
# conference = "site-${site}"
# codecs = ["g722", "pcma"]
# max-participants = 20
# waiting-tone = false
#
# [[route]]
# match = "agent-([0-9]+)-(.+)"
# conference = "$2"
# tag = "agent-$1"
#
# [[route]]
# match = "coach-([0-9]+)-(.+)"
# conference = "$2"
# role = "coach"
# coaches = "agent-$1"
#
# [[route]]
# match = "0.*"
# reject = 403
"#;

const DOCS_HEAD: &str = "\
# Configuration

Every setting is a flag of `antiphon serve`, an environment variable and a TOML key of the same name. A flag wins over
the environment, that over the file of `--config` (or `ANTIPHON_CONFIG`), that over the default. `antiphon check` takes
the same flags and prints `OK`, or all that is wrong: flag, variable, or file, line and key, and what is allowed there.

Times take `ms`, `s`, `m` or `h`; `30` is `30s`. Sizes are bytes and take `k` or `M`. A switch is `on` or `off`, in
TOML also `true` or `false`. Lists take commas or the flag several times, in TOML an array. The same as a file to begin
with: [configs/antiphon.toml](../configs/antiphon.toml).
";

const DOCS_ROUTES: &str = r#"
## Routes

`[[route]]` tables in the file say what a number does; SIGHUP reads them again, and calls in progress keep what they
have. A file with a mistake in it changes nothing, and the log says what is wrong. The first route whose `match` fits
the whole user part of the dialled URI wins; a number without a route is answered 404.

| key | value | does |
|---|---|---|
| `match` | regular expression | must fit the whole user part; [syntax](https://docs.rs/regex/latest/regex/#syntax) |
| `conference` | name with `$1`, `${name}`, `$$` | joins the conference of this name |
| `echo` | `true` | sends back what comes |
| `play` | file name | plays a WAV file, relative to the configuration's folder, then hangs up |
| `loop` | `true` | beside `play`: starts again at the end |
| `milliwatt` | `true` | plays 1004 Hz at 0 dBm0 |
| `reject` | 400 to 699 | refuses with this status |
| `ring-ms` | 0 to 170000 | rings before the answer |
| `early-media` | `true` | the caller hears it before the answer |
| `max-participants` | number | differs from the setting of this name, as do those below |
| `codecs` | list, best first | |
| `enter-tone`, `leave-tone`, `waiting-tone`, `automatic-gain`, `denoise` | `true`, `false` | |
| `noise-gate` | dB below full scale, `"off"` | |
| `role` | `talker`, `listener`, `monitor`, `coach` | beside `conference`: what the caller is there, by default a talker |
| `tag` | name with `$1`, `${name}`, `$$` | beside `conference`: what the caller carries, so that a coach can speak to it alone |
| `coaches` | name with `$1`, `${name}`, `$$` | beside `role = "coach"`: the tag of those whom it speaks to |

A *talker* hears all and is heard by all. A *listener* is muted and the mute key does nothing. A *monitor* hears all and
is heard by nobody; its coming and going makes no tone, and someone alone with it still hears the waiting tone. A *coach*
is as a monitor, but those who carry the tag in `coaches` hear it, with everyone else and as loud as anyone, while the
others hear nothing of it; other coaches hear it only where they carry that tag themselves. It takes no place of
`max-talkers`. All four count for `max-participants`. A tag has 1 to 63 bytes; a number that would give another matches no
route.

`match` and exactly one of `conference`, `echo`, `play`, `milliwatt`, `reject` must be there. A file without routes has:

```toml
[[route]]
match = "room-(.+)"
conference = "$1"

[[route]]
match = "echo"
echo = true

[[route]]
match = "milliwatt"
milliwatt = true
```
"#;

fn toml_value(key: &Key) -> String {
    match key.default {
        "on" if key.value_name == "on|off" => "true".into(),
        "off" if key.value_name == "on|off" => "false".into(),
        list if key.is_list => {
            let quoted: Vec<_> =
                list.split(',').filter(|it| !it.is_empty()).map(|it| format!("{it:?}")).collect();
            format!("[{}]", quoted.join(", "))
        }
        number if number.parse::<i64>().is_ok() => number.into(),
        text => format!("{text:?}"),
    }
}

fn wrapped(text: &str, prefix: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = prefix.to_owned();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > width {
            out += &line;
            out.push('\n');
            line = prefix.to_owned();
        }
        line.push(' ');
        line += word;
    }
    out + &line + "\n"
}

fn toml() -> String {
    let mut out = TOML_HEAD.to_owned();
    let mut group = "";
    for key in keys() {
        if key.group != group {
            group = key.group;
            let _ = write!(out, "\n## {group}\n");
        }
        out.push('\n');
        out += &wrapped(&key.help(), "#", 110);
        let _ = writeln!(out, "# {}\n{} = {}", key.value_name, key.name, toml_value(key));
    }
    out + TOML_ROUTES
}

fn docs() -> String {
    let mut out = DOCS_HEAD.to_owned();
    let mut group = "";
    for key in keys() {
        if key.group != group {
            group = key.group;
            let _ = write!(out, "\n## {group}\n\n| key | value | default | does |\n|---|---|---|---|\n");
        }
        let code = |text: &str| {
            if text.is_empty() { "none".into() } else { format!("`{}`", text.replace('|', "\\|")) }
        };
        let (value, default) = (code(key.value_name), code(key.default));
        let _ =
            writeln!(out, "| `{}` | {value} | {default} | {} |", key.name, key.help().replace('|', "\\|"));
    }
    out + DOCS_ROUTES
}

fn hold(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("ANTIPHON_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    let first = actual.lines().zip(expected.lines()).position(|(actual, expected)| actual != expected);
    assert!(
        actual == expected,
        "{file} differs from the settings, first in line {:?}; write it with ANTIPHON_WRITE_REFERENCE=1",
        first.map(|line| line + 1)
    );
}

#[test]
fn the_example_file_has_every_key_with_its_default() {
    hold("configs/antiphon.toml", &toml());
}

#[test]
fn the_documentation_has_every_key_with_its_default() {
    hold("docs/configuration.md", &docs());
}

#[test]
fn help_has_every_key_with_default_and_variable() {
    for subcommand in ["serve", "check"] {
        let mut command = super::cli::command();
        let help = command.find_subcommand_mut(subcommand).unwrap().render_long_help().to_string();
        for key in keys() {
            let default = if key.default.is_empty() { "none" } else { key.default };
            assert!(
                help.contains(&format!("--{} <{}>", key.name, key.value_name)),
                "{subcommand}: {}",
                key.name
            );
            assert!(
                help.contains(&format!("[default: {default}] [env: {}]", key.variable())),
                "{}",
                key.name
            );
        }
    }
}
