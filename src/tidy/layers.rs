//! Who may use whom (the table of docs/architecture.md), and what appears in `worker` alone.

use super::Finding;
use super::source::Source;

/// A layer and the others it may use.
const LAYERS: [(&str, &[&str]); 14] = [
    ("sip", &[]),
    ("sdp", &[]),
    ("rtp", &[]),
    ("audio", &[]),
    ("conference", &["rtp", "audio"]),
    ("worker", &[]),
    ("call", &["sip", "sdp", "rtp", "audio", "conference", "worker", "config"]),
    ("services", &["call", "conference", "audio", "config"]),
    ("config", ALL),
    ("logging", &["config"]),
    ("systemd", &["worker"]),
    ("serve", ALL),
    ("main", ALL),
    ("lib", ALL),
];
const ALL: &[&str] = &[
    "sip",
    "sdp",
    "rtp",
    "audio",
    "conference",
    "worker",
    "call",
    "services",
    "config",
    "logging",
    "systemd",
    "serve",
];

/// Layers that take bytes, samples and `now`, and know nothing of the machine.
const PURE: [&str; 5] = ["sip", "sdp", "rtp", "audio", "conference"];

/// Something that stands in few places only.
struct Ban {
    /// Consecutive parts of a path; of one with `from_start`, its first ones.
    path: &'static [&'static str],
    from_start: bool,
    /// Files and folders below `src` where it may stand.
    homes: &'static [&'static str],
}

const fn krate(path: &'static [&'static str], homes: &'static [&'static str]) -> Ban {
    Ban { path, from_start: true, homes }
}

const fn anywhere(path: &'static [&'static str], homes: &'static [&'static str]) -> Ban {
    Ban { path, from_start: false, homes }
}

/// `logging` has its own thread and clock: it must work when the worker does not, and a line's time is the wall's.
const BANS: [Ban; 23] = [
    krate(&["may"], &["worker"]),
    krate(&["libc"], &["worker"]),
    krate(&["psm"], &["worker"]),
    krate(&["rand"], &["worker"]),
    krate(&["getrandom"], &["worker"]),
    krate(&["opusic_sys"], &["audio/opus_ffi"]),
    krate(&["opus"], &["audio"]),
    krate(&["clap"], &["config", "main"]),
    krate(&["sd_notify"], &["systemd"]),
    anywhere(&["Instant", "now"], &["worker"]),
    anywhere(&["SystemTime", "now"], &["worker", "logging"]),
    anywhere(&["std", "thread"], &["worker", "logging"]),
    anywhere(&["thread", "spawn"], &["worker", "logging"]),
    anywhere(&["thread", "sleep"], &["worker", "logging"]),
    anywhere(&["UdpSocket"], &["worker"]),
    anywhere(&["TcpListener"], &["worker"]),
    anywhere(&["TcpStream"], &["worker"]),
    anywhere(&["os", "unix", "net"], &["worker"]),
    anywhere(&["RawFd"], &["worker"]),
    anywhere(&["OwnedFd"], &["worker"]),
    anywhere(&["std", "env"], &["main", "config"]),
    anywhere(&["std", "fs"], &["worker", "config", "services", "serve"]),
    anywhere(&["std", "process"], &["worker", "main", "serve"]),
];

/// What a pure layer does without besides: log lines, shared state, the file system.
const PURE_BANS: [Ban; 6] = [
    krate(&["log"], &[]),
    anywhere(&["std", "io", "stdout"], &[]),
    anywhere(&["sync", "Mutex"], &[]),
    anywhere(&["sync", "RwLock"], &[]),
    anywhere(&["sync", "mpsc"], &[]),
    anywhere(&["sync", "atomic"], &[]),
];

/// Where `unsafe` may stand.
const UNSAFE_HOMES: [&str; 2] = ["worker", "audio/opus_ffi"];
/// How many lines above an `unsafe` its argument may begin.
const SAFETY_REACH_LINES: usize = 12;

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let layer = source.layer();
    let pure = PURE.contains(&layer.as_str());
    for (path, line) in source.paths.iter().filter(|(_, line)| source.is_shipped(*line)) {
        if let Some(what) = wrong_import(source, &layer, path) {
            findings.push(source.finding(*line, what));
        }
        for ban in BANS.iter().chain(PURE_BANS.iter().filter(|_| pure)) {
            if ban.forbids(source, path) {
                findings
                    .push(source.finding(*line, format!("{} has no place in {layer}", ban.path.join("::"))));
            }
        }
    }
    check_unsafe(source, findings);
}

impl Ban {
    fn forbids(&self, source: &Source, path: &[String]) -> bool {
        // A lone word is a name of ours, not a crate's path.
        let found = match self.from_start {
            true => {
                path.len() > 1
                    && path.starts_with(&self.path.iter().map(ToString::to_string).collect::<Vec<_>>())
            }
            false => path.windows(self.path.len()).any(|window| window == self.path),
        };
        found && !self.homes.iter().any(|home| source.is_within(home))
    }
}

/// What is wrong with a path that leads to another layer.
fn wrong_import(source: &Source, layer: &str, path: &[String]) -> Option<String> {
    let (own, mut rest) = (source.module(), path);
    let mut depth = own.len();
    match path.first()?.as_str() {
        "crate" => (depth, rest) = (0, &rest[1..]),
        "antiphon" if layer == "main" => (depth, rest) = (0, &rest[1..]),
        "super" => {}
        _ => return None,
    }
    while rest.first().is_some_and(|part| part == "super") {
        // A module inside the file reaches the file itself first; no finding is lost by that where layers are folders.
        (depth, rest) = (depth.checked_sub(1)?, &rest[1..]);
    }
    let target = if depth == 0 { rest.first()?.as_str() } else { return None };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return Some(format!("layer {layer} is not in the table of layers"));
    };
    let is_layer = ALL.contains(&target);
    (is_layer && target != layer && !allowed.contains(&target))
        .then(|| format!("{layer} may not use {target}"))
}

fn check_unsafe(source: &Source, findings: &mut Vec<Finding>) {
    let lines: Vec<&str> = source.text.lines().collect();
    for (path, line) in &source.paths {
        // `unsafe` stands alone, or before `impl`, `fn` or `extern`.
        if path.first().is_none_or(|word| word != "unsafe") {
            continue;
        }
        if !UNSAFE_HOMES.iter().any(|home| source.is_within(home)) {
            findings.push(source.finding(*line, "unsafe outside worker and audio/opus_ffi"));
            continue;
        }
        let before = &lines[line.saturating_sub(SAFETY_REACH_LINES)..*line];
        if !before.iter().any(|text| text.contains("SAFETY:") || text.contains("# Safety")) {
            findings.push(source.finding(*line, "unsafe without its `// SAFETY:` argument"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings_in;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        findings_in(path, text, check).into_iter().map(|(line, what)| format!("{line}: {what}")).collect()
    }

    #[test]
    fn layers_use_those_of_the_table_only() {
        assert_eq!(found("src/sip/parser.rs", "use crate::sdp::Description;"), ["1: sip may not use sdp"]);
        assert_eq!(found("src/sip/mod.rs", "\nuse super::rtp;"), ["2: sip may not use rtp"]);
        assert_eq!(
            found("src/rtp/a/b.rs", "use super::super::super::{audio::X, rtp::Y};"),
            ["1: rtp may not use audio"]
        );
        assert_eq!(
            found("src/worker/mod.rs", "fn f() { m!(crate::call::x()) }"),
            ["1: worker may not use call"]
        );
        assert_eq!(found("src/logging/mod.rs", "use crate::{config, sip};"), ["1: logging may not use sip"]);
        assert_eq!(found("src/new.rs", "use crate::sip;"), ["1: layer new is not in the table of layers"]);
        assert!(found("src/conference/a.rs", "use crate::audio::F; use crate::rtp::P;").is_empty());
        assert!(
            found("src/sip/parser.rs", "use super::message; use crate::sip::Uri; use super::rtp;").is_empty()
        );
        assert!(found("src/main.rs", "use antiphon::worker;").is_empty());
    }

    #[test]
    fn clocks_sockets_threads_and_randomness_stand_in_the_worker_alone() {
        let texts = [
            "fn f() { let t = std::time::Instant::now(); }",
            "use std::{io, net::{SocketAddr, UdpSocket}};",
            "fn f() { std::thread::spawn(g); }",
            "use may::go;",
            "fn f() { libc::close(1); }",
            "fn f() { vec![rand::random::<u8>()] }",
            "use std::env::var;",
        ];
        for text in texts {
            assert!(!found("src/call/leg.rs", text).is_empty(), "{text}");
            assert!(
                found("src/call/leg.rs", &format!("#[cfg(test)] mod tests {{ {text} }}")).is_empty(),
                "{text}"
            );
        }
        for text in &texts[..6] {
            assert!(found("src/worker/clock.rs", text).is_empty(), "{text}");
        }
        let innocent = "use std::time::Instant; use std::net::SocketAddr; fn f(now: Instant, rand: u8) { now.may(rand); }";
        assert!(found("src/call/leg.rs", innocent).is_empty());
    }

    #[test]
    fn a_pure_layer_neither_logs_nor_shares() {
        assert_eq!(found("src/sip/a.rs", "fn f() { log::info!(\"x\"); }").len(), 1);
        assert_eq!(found("src/audio/a.rs", "use std::sync::Mutex;").len(), 1);
        assert!(found("src/call/a.rs", "fn f() { log::info!(\"x\"); }").is_empty());
    }

    #[test]
    fn unsafe_stands_in_its_two_homes_with_an_argument() {
        let bare = "fn f() {\n    unsafe { g() }\n}";
        let argued = "fn f() {\n    // SAFETY: g is harmless.\n    unsafe { g() }\n}";
        assert_eq!(found("src/call/a.rs", argued), ["3: unsafe outside worker and audio/opus_ffi"]);
        assert_eq!(found("src/worker/a.rs", bare), ["2: unsafe without its `// SAFETY:` argument"]);
        assert!(found("src/worker/a.rs", argued).is_empty());
        assert!(found("src/audio/opus_ffi.rs", argued).is_empty());
        assert_eq!(found("src/worker/a.rs", "unsafe impl Send for A {}").len(), 1);
        assert_eq!(found("src/worker/a.rs", "fn f() { let x = unsafe { g() }; }").len(), 1);
    }

    #[test]
    fn the_table_names_every_layer_once() {
        for name in ALL {
            assert_eq!(LAYERS.iter().filter(|(layer, _)| layer == name).count(), 1, "{name}");
        }
    }
}
