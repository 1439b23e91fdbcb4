//! The program as an operator meets it: arguments, files, messages, exit codes, signals.

use crate::caller::Caller;
use crate::server::{RtpPorts, Server, binary, free_address};
use crate::talk::Law;
use crate::wire::{Wire, header, status};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const ROUTES: &str = "[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n";

/// Runs the program to its end; one that does not end is a failure.
fn run(arguments: &[&str]) -> Output {
    finish(Command::new(binary()).args(arguments))
}

fn finish(command: &mut Command) -> Output {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the release binary is built");
    let start = Instant::now();
    while child.try_wait().expect("a child of ours").is_none() {
        if start.elapsed() > Duration::from_secs(10) {
            let _ = child.kill();
            panic!("{command:?} does not end: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("it has ended")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Demands that the program refuses to work, and tells why in a line with all of `words`.
fn must_refuse(output: &Output, words: &[&str]) {
    let said = text(output);
    assert!(!output.status.success(), "it succeeded: {said}");
    assert!(
        said.lines().any(|line| words.iter().all(|word| line.contains(word))),
        "no line with {words:?}: {said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}

fn config(folder: &Path, toml: &str) -> String {
    let file = folder.join("antiphon.toml");
    std::fs::write(&file, toml).expect("written");
    file.to_string_lossy().into_owned()
}

#[test]
fn version_and_help_tell_what_they_should() {
    let version = run(&["version"]);
    assert!(version.status.success() && text(&version).contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    let help = run(&["--help"]);
    let said = text(&help);
    assert!(
        help.status.success() && ["serve", "check", "version"].iter().all(|word| said.contains(word)),
        "{said}"
    );
    let help = text(&run(&["serve", "--help"]));
    let groups =
        ["SIP", "RTP", "Codecs", "Opus", "Jitter buffer", "Limits", "Timers", "Conferences", "Worker", "Log"];
    for group in groups {
        assert!(help.lines().any(|line| line.trim_end() == format!("{group}:")), "no group {group}:\n{help}");
    }
    for flag in ["--sip", "--advertise", "--rtp-ports", "--core", "--config", "ANTIPHON_SIP"] {
        assert!(help.contains(flag), "no {flag}:\n{help}");
    }
}

#[test]
fn a_core_that_is_not_there_is_refused_with_those_that_are() {
    let output = run(&["serve", "--sip", "127.0.0.1:0", "--core", "1000"]);
    must_refuse(&output, &["core 1000", "choose one of [", "--core"]);
}

#[test]
fn check_says_ok_to_the_shipped_configuration() {
    let file = format!("{}/configs/antiphon.toml", env!("CARGO_MANIFEST_DIR"));
    let output = run(&["check", "--config", &file]);
    assert!(output.status.success() && text(&output).contains("OK"), "{output:?}");
}

#[test]
fn check_names_every_mistake_with_file_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = "max-legs = \"many\"\nframe-ms = 15\n\nmax-leg = 3\n[[route]]\nmatch = \"(\"\necho = true\n";
    let file = config(folder.path(), toml);
    let output = run(&["check", "--config", &file]);
    for (line, words) in [(1, ["max-legs", "many"]), (2, ["frame-ms", "15"]), (4, ["max-leg", "nearest"])] {
        must_refuse(&output, &[&format!("antiphon.toml:{line}"), words[0], words[1]]);
    }
    must_refuse(&output, &["antiphon.toml:6", "match"]);
    must_refuse(&output, &["frame-ms", "allowed", "10", "20"]);
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = config(folder.path(), "max-legs = 3\nframe-ms = = 20\n");
    for command in ["check", "serve"] {
        must_refuse(&run(&[command, "--config", &file]), &["antiphon.toml:2"]);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    must_refuse(&run(&["serve", "--config", "/nonexistent/antiphon.toml"]), &["/nonexistent/antiphon.toml"]);
}

#[test]
fn a_wrong_flag_or_value_is_named_with_what_is_allowed() {
    must_refuse(&run(&["serve", "--max-leg", "3"]), &["--max-leg"]);
    must_refuse(&run(&["serve", "--frame-ms", "15"]), &["--frame-ms", "15", "10", "20"]);
    must_refuse(&run(&["serve", "--sip", "localhost"]), &["--sip", "localhost"]);
    must_refuse(&run(&["serve", "--rtp-ports", "20000-10000"]), &["--rtp-ports", "20000-10000"]);
    must_refuse(&run(&["sing"]), &["sing"]);
    let mut variable = Command::new(binary());
    must_refuse(
        &finish(variable.arg("serve").env("ANTIPHON_MAX_LEGS", "none")),
        &["ANTIPHON_MAX_LEGS", "none"],
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = config(folder.path(), "frame-ms = 15\n");
    let check = |flags: &[&str], variable: Option<&str>| {
        let mut command = Command::new(binary());
        command.args(["check", "--config", &file]).args(flags);
        if let Some(value) = variable {
            command.env("ANTIPHON_FRAME_MS", value);
        }
        finish(&mut command)
    };
    must_refuse(&check(&[], None), &["antiphon.toml:1", "15"]);
    must_refuse(&check(&[], Some("16")), &["ANTIPHON_FRAME_MS", "16"]);
    must_refuse(&check(&["--frame-ms", "17"], Some("16")), &["--frame-ms", "17"]);
    let file = config(folder.path(), "frame-ms = 10\n");
    assert!(run(&["check", "--config", &file, "--ptime-ms", "30"]).status.success());
    must_refuse(&run(&["check", "--config", &file, "--frame-ms", "20", "--ptime-ms", "30"]), &["ptime-ms"]);
}

#[test]
fn a_port_in_use_is_told_in_one_line_and_nothing_is_started() {
    let address = free_address();
    let _taken = UdpSocket::bind(address).expect("free until now");
    let other = free_address();
    let output = run(&["serve", "--sip", &other.to_string(), "--sip", &address.to_string()]);
    must_refuse(&output, &[&address.to_string(), "in use"]);
    assert_eq!(text(&output).lines().filter(|line| line.contains("in use")).count(), 1, "{}", text(&output));
    assert!(!text(&output).contains("listening on"), "nothing half started: {}", text(&output));
    let address = free_address();
    let _taken = TcpListener::bind(address).expect("free until now");
    must_refuse(&run(&["serve", "--sip", &address.to_string()]), &[&address.to_string(), "in use"]);
}

#[test]
fn an_address_of_another_machine_is_told() {
    must_refuse(
        &run(&["serve", "--sip", "192.0.2.1:5060"]),
        &["192.0.2.1:5060", "no address of this machine"],
    );
}

#[test]
fn a_missing_right_is_told() {
    let first_free =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first_free.trim().parse().unwrap_or(1024) <= 7 {
        return; // here every port is everybody's
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("antiphon");
    std::fs::copy(binary(), &program).expect("copied to where nobody can read it");
    Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status().expect("chmod");
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    let mut command = match is_root {
        true => Command::new("setpriv"),
        false => Command::new("env"),
    };
    if is_root {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }
    must_refuse(
        &finish(command.arg(&program).args(["serve", "--sip", "127.0.0.1:7"])),
        &["127.0.0.1:7", "not permitted"],
    );
}

#[test]
fn port_0_is_any_port_and_the_log_tells_which() {
    let ports = RtpPorts::claim();
    let mut child = serve(&["--sip", "127.0.0.1:0", "--rtp-ports", &ports.all()]);
    let line = line_with(&mut child, "listening on");
    let address =
        line.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    let address = address.parse().unwrap_or_else(|_| panic!("no address in {line}"));
    let mut wire = Wire::udp(address);
    let answer = wire.ask(&wire.request("OPTIONS", "room-1"));
    let _ = (child.kill(), child.wait());
    assert_eq!(status(&answer), 200);
}

fn serve(options: &[&str]) -> Child {
    Command::new(binary())
        .arg("serve")
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the release binary is built")
}

fn line_with(child: &mut Child, words: &str) -> String {
    use std::io::BufRead;
    let log = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    log.lines()
        .map_while(Result::ok)
        .find(|line| line.contains(words))
        .unwrap_or_else(|| panic!("no {words}"))
}

#[test]
fn json_lines_are_json_with_leg_and_call_id() {
    let server = Server::with(&format!("log-format = \"json\"\n{ROUTES}"));
    let mut wire = Wire::udp(server.sip);
    let call = wire.call("room-1");
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200);
    server.must_log("ended: ");
    let log = server.log();
    for line in log.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            value["time"].is_string() && value["level"].is_string() && value["message"].is_string(),
            "{line}"
        );
        if line.contains("ended: ") && line.contains("received") {
            assert_eq!(value["call_id"], call.header("Call-ID"), "{line}");
            assert!(value["leg"].is_u64(), "{line}");
        }
    }
}

#[test]
fn sigterm_says_bye_to_all_and_ends_with_success() {
    for name in ["TERM", "INT"] {
        let mut server = Server::with(ROUTES);
        let mut callers = [Caller::new(server.sip), Caller::new(server.sip)];
        let formats = Law::Mu.formats(20);
        let _calls = callers.each_mut().map(|caller| caller.dial("room-1", &formats).expect("answered"));
        server.signal(name);
        for caller in &callers {
            let bye = caller
                .obeys("BYE", Duration::from_secs(5))
                .unwrap_or_else(|| panic!("no BYE\n{}", server.log()));
            assert!(bye.contains("Reason:"), "{bye}");
        }
        let ended = server.wait_for_exit(Duration::from_secs(5));
        assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}\n{}", server.log());
        server.must_log("ended: ");
    }
}

#[test]
fn peers_that_do_not_answer_our_bye_do_not_keep_the_server() {
    let mut server = Server::with(ROUTES);
    let mut caller = Caller::new(server.sip);
    let call = caller.dial("room-1", &Law::Mu.formats(20)).expect("answered");
    assert!(call.answer.contains("PCMU/8000"), "{}", call.answer);
    server.signal("TERM");
    let ended = server.wait_for_exit(Duration::from_secs(8));
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}\n{}", server.log());
}

#[test]
fn draining_lets_calls_end_and_takes_no_new_ones() {
    let mut server = Server::with(&format!("drain-timeout = \"30s\"\nretry-after = 9\n{ROUTES}"));
    let mut wire = Wire::udp(server.sip);
    let call = wire.call("room-1");
    server.signal("TERM");
    server.must_log("stopping");
    let refused = wire.ask(&wire.invite("room-1"));
    assert_eq!((status(&refused), header(&refused, "Retry-After").as_deref()), (503, Some("9")), "{refused}");
    assert_eq!(status(&wire.ask(&wire.request("OPTIONS", "room-1"))), 503, "OPTIONS tells it");
    assert_eq!(status(&wire.ask(&call.next("OPTIONS", 2))), 200, "the call goes on");
    assert_eq!(server.wait_for_exit(Duration::from_millis(500)), None);
    assert_eq!(status(&wire.ask(&call.next("BYE", 3))), 200);
    let ended = server.wait_for_exit(Duration::from_secs(5));
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}\n{}", server.log());
}

#[test]
fn calls_that_do_not_end_are_ended_when_draining_has_taken_its_time() {
    let mut server = Server::with(&format!("drain-timeout = \"1s\"\n{ROUTES}"));
    let mut caller = Caller::new(server.sip);
    let _call = caller.dial("room-1", &Law::Mu.formats(20)).expect("answered");
    server.signal("TERM");
    caller.obeys("BYE", Duration::from_secs(5)).unwrap_or_else(|| panic!("no BYE\n{}", server.log()));
    let ended = server.wait_for_exit(Duration::from_secs(5));
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}\n{}", server.log());
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let mut server = Server::with(&format!("drain-timeout = \"1h\"\n{ROUTES}"));
    let mut caller = Caller::new(server.sip);
    let _call = caller.dial("room-1", &Law::Mu.formats(20)).expect("answered");
    server.signal("TERM");
    server.must_log("stopping");
    server.signal("TERM");
    assert!(server.wait_for_exit(Duration::from_secs(5)).is_some(), "{}", server.log());
}

#[test]
fn sighup_reads_the_routes_again_and_keeps_the_old_ones_if_they_are_wrong() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let call = wire.call("room-1");
    let mut try_number = |user: &str| {
        let invite = wire.invite(user);
        status(&wire.ask(&invite))
    };
    assert_eq!((try_number("room-2"), try_number("new-1")), (200, 404));
    std::fs::write(server.config(), "[[route]]\nmatch = \"new-(.+)\"\nconference = \"$1\"\n")
        .expect("written");
    server.signal("HUP");
    server.must_log("routes in force");
    assert_eq!((try_number("room-2"), try_number("new-1")), (404, 200));
    std::fs::write(server.config(), "[[route]]\nmatch = \"other\"\nreject = 200\n").expect("written");
    server.signal("HUP");
    server.must_log("the old routes stay");
    let log = server.log();
    assert!(log.contains("antiphon.toml:3") || log.contains("antiphon.toml:1"), "it says where: {log}");
    assert_eq!((try_number("other"), try_number("new-1")), (404, 200));
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200, "calls in progress keep what they have");
}

#[test]
fn the_server_runs_without_a_file_and_has_the_numbers_of_the_documentation() {
    let address = free_address();
    let ports = RtpPorts::claim();
    let mut child = serve(&["--sip", &address.to_string(), "--rtp-ports", &ports.all()]);
    line_with(&mut child, "listening on");
    let mut wire = Wire::udp(address);
    let answers = ["room-1", "echo", "milliwatt", "nobody"].map(|user| {
        let invite = wire.invite(user);
        status(&wire.ask(&invite))
    });
    let _ = (child.kill(), child.wait());
    assert_eq!(answers, [200, 200, 200, 404]);
}
