//! What numbers do besides conferences: echo, milliwatt, a recording, and what is heard before the answer.

use crate::caller::Caller;
use crate::hearing::{RATE, level_db, tone_db};
use crate::scene::Scene;
use crate::server::Server;
use crate::speech::{sine, speeches, write_wav};
use crate::talk::{Law, Stage, Talker};
use std::time::Duration;

#[test]
fn an_echo_gives_back_what_is_said() {
    for law in [Law::Mu, Law::A] {
        let mut scene = Scene::new("");
        scene.join("echo", law, 20, &speeches()[0]);
        scene.pause(300);
        let heard = scene.hear_for(0, 3000);
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
        scene.must_hear(0, &heard, &[0]);
    }
}

#[test]
fn the_milliwatt_is_1004_hz_at_0_dbm0() {
    // G.711: µ-law's largest sine, of 8159 quarters, is 3.17 dBm0. A-law is to be sent at the same level.
    let full_scale_dbm0 = 3.17 - 20.0 * (4.0 * 8159.0 / 32_768.0_f32).log10();
    for law in [Law::Mu, Law::A] {
        let mut scene = Scene::new("");
        scene.join("milliwatt", law, 20, &vec![0.0; RATE]);
        scene.pause(300);
        let heard = scene.hear_for(0, 1500);
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
        let samples = &heard.samples()[..RATE];
        let dbm0 = tone_db(samples, 1004.0) + full_scale_dbm0;
        assert!(dbm0.abs() < 0.15, "{law:?}: {dbm0} dBm0");
        let everything = level_db(samples) + 3.01;
        assert!((everything - tone_db(samples, 1004.0)).abs() < 0.1, "{law:?}: nothing but the tone");
    }
}

/// A server that plays a file of a test.
fn player(samples: &[f32], more: &str) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("said.wav");
    write_wav(&file, samples);
    let toml = format!("[[route]]\nmatch = \"play\"\nplay = {:?}\n{more}\n", file.to_string_lossy());
    (Server::with(&toml), folder)
}

#[test]
fn a_recording_is_played_to_its_end_and_then_the_caller_is_hung_up_on() {
    let said = &speeches()[0][..2 * RATE];
    let (server, _folder) = player(said, "");
    let mut caller = Caller::new(server.sip);
    let call = caller
        .dial("play", &Law::Mu.formats(20))
        .unwrap_or_else(|answer| panic!("{answer}\n{}", server.log()));
    let stage = Stage::new();
    stage.enter(Talker::new(&call, Law::Mu, 20, &vec![0.0; RATE]));
    let bye =
        caller.obeys("BYE", Duration::from_secs(10)).unwrap_or_else(|| panic!("no BYE\n{}", server.log()));
    assert!(bye.contains("Reason:"), "{bye}");
    let heard = stage.heard(0, 0).samples();
    let first = heard.iter().position(|sample| *sample != 0.0).expect("something was played");
    let begin = said.iter().position(|sample| sample.abs() > 1e-3).expect("something is said");
    let lag = (0..400).min_by(|a, b| {
        let error = |lag: usize| difference(&heard, said, (first + 200).saturating_sub(lag), begin);
        error(*a).total_cmp(&error(*b))
    });
    let start = (first + 200).saturating_sub(lag.expect("a lag"));
    let error = difference(&heard, said, start, begin);
    assert!(error < 0.03, "{error} of the energy differs");
    assert!(heard.len() + 400 >= start + said.len() - begin, "to its end: {} of {}", heard.len(), said.len());
}

/// The energy of the difference, as part of what was said.
fn difference(heard: &[f32], said: &[f32], from: usize, begin: usize) -> f32 {
    let pairs = heard[from..].iter().zip(&said[begin..]);
    let (wrong, all) = pairs.fold((0.0, 1e-9), |(wrong, all), (a, b)| (wrong + (a - b).powi(2), all + b * b));
    wrong / all
}

#[test]
fn a_recording_may_begin_again_until_the_caller_hangs_up() {
    let (server, _folder) = player(&sine(1000, 0.25)[..RATE / 2], "loop = true");
    let mut caller = Caller::new(server.sip);
    let call = caller
        .dial("play", &Law::Mu.formats(20))
        .unwrap_or_else(|answer| panic!("{answer}\n{}", server.log()));
    let stage = Stage::new();
    stage.enter(Talker::new(&call, Law::Mu, 20, &vec![0.0; RATE]));
    std::thread::sleep(Duration::from_millis(2500));
    let heard = stage.heard(0, 0).samples();
    let steady = &heard[RATE / 2..];
    assert!(
        steady.chunks_exact(RATE / 10).all(|part| (tone_db(part, 1000.0) + 12.04).abs() < 0.5),
        "without a seam"
    );
    caller.hang_up(&call).unwrap_or_else(|answer| panic!("{answer}"));
}

#[test]
fn a_recording_that_has_gone_ends_the_call_and_is_logged() {
    let (server, folder) = player(&sine(1000, 0.25), "");
    std::fs::remove_file(folder.path().join("said.wav")).expect("it was there");
    let mut caller = Caller::new(server.sip);
    if let Ok(_call) = caller.dial("play", &Law::Mu.formats(20)) {
        caller.obeys("BYE", Duration::from_secs(5)).expect("the call is ended");
    }
    server.must_log("said.wav");
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let toml = "[[route]]\nmatch = \"early\"\nmilliwatt = true\nearly-media = true\nring-ms = 1500\n";
    let server = Server::with(toml);
    let mut caller = Caller::new(server.sip);
    let call = caller
        .dial("early", &Law::Mu.formats(20))
        .unwrap_or_else(|answer| panic!("{answer}\n{}", server.log()));
    // What has come by the time of the answer waits in our socket.
    let mut talker = Talker::new(&call, Law::Mu, 20, &vec![0.0; RATE]);
    talker.sends = false;
    let stage = Stage::new();
    stage.enter(talker);
    std::thread::sleep(Duration::from_millis(100));
    let heard = stage.heard(0, 0);
    assert!(heard.packets.len() > 50, "{} packets before the answer", heard.packets.len());
    heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(tone_db(&heard.samples()[RATE / 4..RATE], 1004.0) > -4.0);
}

#[test]
fn ringing_comes_before_the_answer_and_nothing_is_heard_meanwhile() {
    let server = Server::with("[[route]]\nmatch = \"ring\"\nmilliwatt = true\nring-ms = 800\n");
    let mut wire = crate::wire::Wire::udp(server.sip);
    let invite = wire.invite("ring");
    wire.send(invite.to_bytes());
    let mut seen = Vec::new();
    while !seen.contains(&200) {
        let answer = wire.receive_within(crate::wire::PATIENCE).expect("an answer");
        seen.push(crate::wire::status(&answer));
    }
    assert!(seen.contains(&180) && !seen.contains(&183), "{seen:?}");
}
