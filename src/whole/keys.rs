//! Keys: never heard by others, counted once, and `*6` mutes and unmutes.

use crate::hearing::{RATE, Samples, level_db, tone_db};
use crate::scene::Scene;
use crate::speech::speeches;

fn silence() -> Samples {
    vec![0.0; RATE]
}

/// Two in a room: the first presses, the second listens.
fn presser_and_listener(settings: &str, said: &Samples) -> Scene {
    let mut scene = Scene::new(settings);
    scene.join_plainly("room-keys", said);
    scene.join_plainly("room-keys", &silence());
    scene.pause(400);
    scene
}

#[test]
fn keys_are_not_heard_by_others() {
    let scene = presser_and_listener("", &silence());
    let mark = scene.stage.mark(1);
    scene.stage.with(0, |talker| talker.press("15#0A"));
    scene.pause(2000);
    let heard = scene.stage.heard(1, mark);
    heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(heard.packets.iter().all(|packet| packet.payload_type == 0), "no events are passed on");
    scene.must_hear_nothing(1, &heard);
}

#[test]
fn a_talker_that_presses_keys_is_heard_before_and_after() {
    let scene = presser_and_listener("mute-key = \"off\"", &speeches()[0]);
    scene.stage.with(0, |talker| talker.press("*6"));
    scene.pause(1500);
    let heard = scene.hear_for(1, 3000);
    scene.must_hear(1, &heard, &[0]);
    assert!(!scene.server.log().contains("muted"), "the key is off");
}

#[test]
fn star_six_mutes_and_star_six_unmutes() {
    let scene = presser_and_listener("", &speeches()[0]);
    let before = scene.hear_for(1, 600);
    assert!(level_db(&before.samples()) > -40.0, "heard at first");
    let mark = scene.stage.mark(0);
    scene.stage.with(0, |talker| talker.press("*6"));
    scene.server.must_log("leg=1");
    scene.server.must_log(" muted by key");
    scene.pause(400);
    let told = scene.stage.heard(0, mark).samples();
    assert!(strongest(&told, 400.0) > -30.0, "a tone tells the one who is muted");
    let muted = scene.hear_for(1, 1200);
    scene.must_hear_nothing(1, &muted);
    scene.stage.with(0, |talker| talker.press("*6"));
    scene.server.must_log("unmuted by key");
    scene.pause(300);
    let again = scene.hear_for(1, 3000);
    scene.must_hear(1, &again, &[0]);
    let log = scene.server.log();
    assert_eq!(log.matches("muted by key").count(), 2, "each key counts once\n{log}");
}

#[test]
fn keys_by_info_mute_too() {
    let scene = presser_and_listener("", &speeches()[0]);
    for (sequence, key) in [(2, '*'), (3, '6')] {
        let answer = scene.callers[0].press_by_info(&scene.calls[0], sequence, key);
        answer.unwrap_or_else(|answer| panic!("{answer}"));
    }
    scene.server.must_log("muted by key");
    scene.pause(300);
    let muted = scene.hear_for(1, 1000);
    scene.must_hear_nothing(1, &muted);
}

#[test]
fn another_sequence_may_mute() {
    let scene = presser_and_listener("mute-key = \"##\"", &speeches()[0]);
    scene.stage.with(0, |talker| talker.press("*6"));
    scene.pause(1000);
    assert!(!scene.server.log().contains("muted"));
    scene.stage.with(0, |talker| talker.press("##"));
    scene.server.must_log("muted by key");
}

/// The level of a tone in the 100 ms that have most of it.
pub fn strongest(samples: &[f32], hertz: f32) -> f32 {
    samples.chunks_exact(RATE / 10).map(|part| tone_db(part, hertz)).fold(-200.0, f32::max)
}
