//! What layers of text become: the right configuration, or every mistake with its place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::cli::{Invocation, parse};
use super::*;

/// A file in a folder of its own that goes away with it.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new(test: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("antiphon-config-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Scratch { folder }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn layers(arguments: &[&str], environment: &[(&str, &str)]) -> Layers {
    let arguments = ["antiphon", "serve"].iter().chain(arguments).map(Into::into);
    let variable =
        |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, it)| (*it).to_owned());
    match parse(arguments, variable) {
        Ok(Invocation::Serve(layers)) => layers,
        other => panic!("{other:?}"),
    }
}

fn config(arguments: &[&str]) -> Config {
    layers(arguments, &[]).read().unwrap()
}

fn mistakes(layers: &Layers) -> Vec<String> {
    layers.read().expect_err("should be refused").iter().map(ToString::to_string).collect()
}

/// The mistakes of a file with this text, each without the file's folder.
fn mistakes_of_file(test: &str, text: &str) -> Vec<String> {
    let scratch = Scratch::new(test);
    let path = scratch.file("a.toml", text);
    let folder = format!("{}/", scratch.folder.display());
    let mistakes = mistakes(&Layers { file: Some(path), ..Layers::default() });
    mistakes.into_iter().map(|mistake| mistake.replace(&folder, "")).collect()
}

#[test]
fn the_defaults_are_valid_and_stay_on_loopback() {
    let config = Config::defaults();
    assert!(config.sip.listeners.iter().all(|listener| listener.address.ip().is_loopback()));
    assert_eq!(config.codec.codecs[0], Codec::Opus);
    assert_eq!(config.rtp.dscp.traffic_class(), 0xb8);
    assert_eq!(config.timer.t1, Duration::from_millis(500));
    assert!(config.warnings().is_empty());
}

#[test]
fn keys_are_unique_lower_case_and_helped() {
    let names: Vec<_> = keys().map(|key| key.name).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    for key in keys() {
        assert!(
            key.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{}",
            key.name
        );
        assert!(key.help().ends_with('.') && key.help().len() < 300, "{}", key.name);
        assert_eq!(key_named(key.name), Some(key));
    }
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let scratch = Scratch::new("precedence");
    let path = scratch.file("a.toml", "max-legs = 1\nmax-conferences = 2\nmax-participants = 3\n");
    let file = ["--config", path.to_str().unwrap()];
    let environment = [("ANTIPHON_MAX_LEGS", "11"), ("ANTIPHON_MAX_CONFERENCES", "12")];
    let flags = [&file[..], &["--max-legs", "21"]].concat();
    let limit = layers(&flags, &environment).read().unwrap().limit;
    assert_eq!((limit.max_legs, limit.max_conferences, limit.max_participants), (21, 12, 3));
    assert_eq!(limit.max_transactions, 65536);
    let named = [("ANTIPHON_CONFIG", path.to_str().unwrap())];
    assert_eq!(layers(&[], &named).read().unwrap().limit.max_legs, 1);
}

#[test]
fn a_list_is_replaced_as_a_whole_by_a_higher_layer() {
    let sip = |arguments: &[&str], environment: &[(&str, &str)]| {
        let listeners = layers(arguments, environment).read().unwrap().sip.listeners;
        listeners
            .iter()
            .map(|listener| (listener.address.to_string(), listener.transports))
            .collect::<Vec<_>>()
    };
    let environment = [("ANTIPHON_SIP", "127.0.0.1:1,udp:[::1]:2")];
    let both = vec![("127.0.0.1:1".to_owned(), Transports::Both), ("[::1]:2".to_owned(), Transports::Udp)];
    assert_eq!(sip(&[], &environment), both);
    let flags = ["--sip", "tcp:127.0.0.1:3", "--sip", "127.0.0.1:4"];
    let both =
        vec![("127.0.0.1:3".to_owned(), Transports::Tcp), ("127.0.0.1:4".to_owned(), Transports::Both)];
    assert_eq!(sip(&flags, &environment), both);
}

#[test]
fn every_value_reaches_its_field_in_its_unit() {
    let config = config(&[
        "--advertise=192.0.2.7",
        "--rtp-ports=20000-20099",
        "--rtp-address=::1",
        "--core=3",
        "--realtime=50",
        "--codecs=pcma,l16/8000",
        "--codec-preference=ours",
        "--opus-bitrate=64000",
        "--opus-fec=off",
        "--ptime-ms=60",
        "--frame-ms=10",
        "--max-call-duration=off",
        "--session-expires=off",
        "--media-timeout=90s",
        "--stack=64k",
        "--latching=roaming",
        "--dscp-rtp=AF41",
        "--dscp-sip=0",
        "--mute-key=off",
        "--log-format=json",
        "--t1=250ms",
    ]);
    assert_eq!(config.sip.advertise, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(
        (config.rtp.ports.low(), config.rtp.ports.high(), config.rtp.ports.pairs()),
        (20000, 20099, 50)
    );
    assert_eq!(config.rtp.address, Some("::1".parse().unwrap()));
    assert_eq!((config.worker.core, config.worker.realtime), (Some(3), Some(50)));
    assert_eq!(config.codec.codecs, [Codec::Pcma, Codec::L16 { clock_rate_hz: 8000 }]);
    assert_eq!(config.codec.preference, CodecPreference::Ours);
    assert_eq!((config.opus.bitrate, config.opus.fec), (64000, false));
    assert_eq!((config.codec.ptime_ms, config.codec.frame_ms), (60, 10));
    assert_eq!((config.timer.max_call_duration, config.timer.session_expires), (None, None));
    assert_eq!(config.timer.media_timeout, Some(Duration::from_secs(90)));
    assert_eq!(config.worker.stack_bytes, 65536);
    assert_eq!(config.rtp.latching, Latching::Roaming);
    assert_eq!((config.rtp.dscp.code_point(), config.sip.dscp.code_point()), (34, 0));
    assert_eq!((config.conference.mute_key, config.log.format), (None, LogFormat::Json));
    assert_eq!(config.timer.t1, Duration::from_millis(250));
}

#[test]
fn every_mistake_of_flags_and_environment_is_told_with_what_is_allowed() {
    let layers = layers(&["--opus-complexity=11", "--codecs=pcmu,PCMU"], &[("ANTIPHON_T1", "soon")]);
    assert_eq!(
        mistakes(&layers),
        [
            "--codecs: \"PCMU\" is given twice",
            "--opus-complexity: \"11\" is not allowed; allowed: a whole number from 0 to 10",
            "ANTIPHON_T1: \"soon\" is not allowed; allowed: a time from 50ms to 10s, as 500ms, 30s (or 30), 10m or 2h",
        ]
    );
}

#[test]
fn mistakes_of_a_file_are_told_with_line_and_key_and_the_nearest_name() {
    let text = "max_legs = 5\n\nsip = [\n  \"127.0.0.1:5060\",\n  \"localhost\",\n]\njitter-max-ms = 5\n\
                colour = 1\nframe-ms = { a = 1 }\n";
    let mut found = mistakes_of_file("mistakes", text);
    found.sort();
    assert_eq!(
        found,
        [
            "a.toml:1: max_legs: no such key; nearest is max-legs",
            "a.toml:5: sip: \"localhost\" is not allowed; allowed: ADDR:PORT as 192.0.2.1:5060 or [::1]:5060, with \
             udp: or tcp: before it for one alone",
            "a.toml:7: jitter-max-ms: \"5\" is not allowed; allowed: a whole number from 20 to 500",
            "a.toml:8: colour: no such key",
            "a.toml:9: frame-ms: \"table\" is not allowed; allowed: 10|20",
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_told_with_its_line() {
    let found = mistakes_of_file("syntax", "max-legs = 5\nmax-conferences = = 3\n");
    assert!(found[0].starts_with("a.toml:2: "), "{found:?}");
    let found = mistakes_of_file("twice", "max-legs = 5\nmax-legs = 6\n");
    assert!(found[0].starts_with("a.toml:2: "), "{found:?}");
    let layers = Layers { file: Some("/nonexistent/a.toml".into()), ..Layers::default() };
    assert!(mistakes(&layers)[0].starts_with("/nonexistent/a.toml: cannot be read: "));
}

#[test]
fn settings_that_contradict_each_other_are_refused_where_they_were_given() {
    let table: [(&[&str], &str); 10] = [
        (&["--jitter-min-ms=400"], "--jitter-min-ms: \"400\""),
        (&["--jitter-min-ms=100", "--jitter-max-ms=50"], "--jitter-min-ms: \"100\""),
        (&["--ptime-ms=30"], "--ptime-ms: \"30\""),
        (&["--codecs=l16/48000"], "--codecs: \"l16/48000\""),
        (&["--min-se=40m"], "session-expires: \"1800s\""),
        (&["--t1=5s"], "--t1: \"5000ms\""),
        (&["--record-key=*6"], "--record-key: \"*6\""),
        (&["--record-key=*9", "--record-directory=/nowhere"], "--record-directory: \"/nowhere\""),
        (&["--sip=127.0.0.1:20000"], "rtp-ports: \"16384-32767\""),
        (&["--allow=192.0.2.1:5060=10.0.0.0/8"], "--allow: \"192.0.2.1:5060=…\""),
    ];
    for (arguments, expected) in table {
        let found = mistakes(&layers(arguments, &[]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
    assert_eq!(mistakes(&layers(&["--sip="], &[])).len(), 1);
    assert_eq!(mistakes(&layers(&["--codecs="], &[])).len(), 1);
    assert!(layers(&["--sip=tcp:127.0.0.1:20000"], &[]).read().is_ok());
}

#[test]
fn a_loopback_listener_admits_loopback_and_any_other_nobody_unless_set() {
    let admits = |config: &Config, listener: usize, source: &str| {
        config.sip.access_list(&config.sip.listeners[listener]).admits(source.parse().unwrap())
    };
    let sip = "--sip=127.0.0.1:5060,192.0.2.1:5060,[::]:5070";
    let closed = config(&[sip]);
    assert!(admits(&closed, 0, "127.0.0.9") && !admits(&closed, 0, "192.0.2.9"));
    assert!(!admits(&closed, 1, "127.0.0.1") && !admits(&closed, 1, "192.0.2.9"));
    let nobody = |address: &str| Warning::AdmitsNobody(address.parse::<SocketAddr>().unwrap());
    assert_eq!(closed.warnings(), [nobody("192.0.2.1:5060"), nobody("[::]:5070")]);

    let open = config(&[sip, "--allow=198.51.100.0/24,[::]:5070=203.0.113.7"]);
    for (listener, source, expected) in [
        (1, "198.51.100.200", true),
        (1, "203.0.113.7", false),
        (2, "203.0.113.7", true),
        (2, "::ffff:203.0.113.7", true),
        (2, "203.0.113.8", false),
        (2, "2001:db8::1", false),
    ] {
        assert_eq!(admits(&open, listener, source), expected, "{listener} {source}");
    }
    assert!(open.warnings().is_empty());
}

#[test]
fn identity_is_believed_of_trusted_networks_alone() {
    let sip = config(&["--trusted=192.0.2.0/24"]).sip;
    assert!(sip.trusts("192.0.2.1".parse().unwrap()) && sip.trusts("::ffff:192.0.2.1".parse().unwrap()));
    assert!(!sip.trusts("127.0.0.1".parse().unwrap()));
}

#[test]
fn a_value_that_could_break_a_header_is_refused() {
    let broken = layers(&["--user-agent", "a\r\nVia: b"], &[]);
    assert_eq!(mistakes(&broken).len(), 1);
}

#[test]
fn a_wrong_flag_a_lone_program_name_and_help_do_not_reach_the_configuration() {
    let code = |arguments: &[&str]| {
        let arguments = ["antiphon"].iter().chain(arguments).map(Into::into);
        parse(arguments, |_| None).map(|_| ()).map_err(|error| error.exit_code())
    };
    assert_eq!(code(&["serve", "--sipp", "127.0.0.1:1"]), Err(2));
    assert_eq!(code(&["serve", "extra"]), Err(2));
    assert_eq!(code(&[]), Err(2));
    assert_eq!(code(&["serve", "--help"]), Err(0));
    assert_eq!(code(&["version"]), Ok(()));
}

mod routes;
