//! What the room says without words: someone enters, leaves, is alone; each switchable, for all and for a route.

use crate::hearing::{RATE, Samples, level_db};
use crate::keys::strongest;
use crate::scene::Scene;
use crate::talk::Heard;

/// The two notes of entering and leaving, and the beep of waiting.
const LOW: f32 = 440.0;
const HIGH: f32 = 659.26;
const WAITING: f32 = 425.0;
/// What counts as heard, in dB of full scale; entering is −18 dBm0, which is −21 dB.
const HEARD: f32 = -27.0;

fn silence() -> Samples {
    vec![0.0; RATE]
}

/// What the first hears of another's coming, and then of its going.
fn comes_and_goes(settings: &str) -> (Heard, Heard) {
    let mut scene = Scene::new(settings);
    scene.join_plainly("tones-1", &silence());
    scene.pause(600);
    let mark = scene.stage.mark(0);
    let guest = scene.join_plainly("tones-1", &silence());
    scene.pause(900);
    let coming = scene.stage.heard(0, mark);
    let mark = scene.stage.mark(0);
    scene.hang_up(guest);
    scene.pause(900);
    (coming, scene.stage.heard(0, mark))
}

/// When a tone is strongest, in tenths of a second.
fn strongest_at(samples: &[f32], hertz: f32) -> usize {
    let level = |tenth: usize| crate::hearing::tone_db(&samples[tenth * 800..(tenth + 1) * 800], hertz);
    (0..samples.len() / 800).max_by(|a, b| level(*a).total_cmp(&level(*b))).expect("something was heard")
}

#[test]
fn coming_rises_and_going_falls() {
    let (coming, going) = comes_and_goes("waiting-tone = false");
    let (coming, going) = (coming.samples(), going.samples());
    for (samples, first, second) in [(&coming, LOW, HIGH), (&going, HIGH, LOW)] {
        assert!(strongest(samples, first) > HEARD && strongest(samples, second) > HEARD);
        assert!(strongest_at(samples, first) < strongest_at(samples, second));
    }
}

#[test]
fn coming_and_going_may_be_silent() {
    let (coming, going) = comes_and_goes("waiting-tone = false\nenter-tone = false\nleave-tone = false");
    assert!(level_db(&coming.samples()) < -60.0 && level_db(&going.samples()) < -60.0);
}

#[test]
fn coming_and_going_are_switched_apart() {
    let (coming, going) = comes_and_goes("waiting-tone = false\nenter-tone = false");
    assert!(level_db(&coming.samples()) < -60.0 && strongest(&going.samples(), LOW) > HEARD);
}

#[test]
fn one_who_is_alone_hears_a_tone_now_and_then_until_another_comes() {
    let mut scene = Scene::new("enter-tone = false\nleave-tone = false");
    scene.join_plainly("tones-1", &silence());
    let alone = scene.hear_for(0, 5700).samples();
    let beeps: Vec<usize> = (0..alone.len() / 800)
        .filter(|tenth| strongest(&alone[tenth * 800..(tenth + 1) * 800], WAITING) > -33.0)
        .collect();
    assert!(beeps.len() >= 2 && beeps.len() <= 8, "{beeps:?}");
    assert!(beeps.last().expect("a beep") - beeps[0] >= 45, "one begins every five seconds: {beeps:?}");
    scene.join_plainly("tones-1", &silence());
    scene.pause(400);
    let together = scene.hear_for(0, 5200);
    assert!(level_db(&together.samples()) < -60.0, "no longer alone");
}

#[test]
fn a_route_may_differ_from_what_is_set_for_all() {
    let mut scene = Scene::new("enter-tone = true\nwaiting-tone = true");
    scene.join_plainly("room-1", &silence());
    scene.pause(300);
    let mark = scene.stage.mark(0);
    scene.join_plainly("room-1", &silence());
    scene.pause(800);
    let heard = scene.stage.heard(0, mark);
    scene.must_hear_nothing(0, &heard);
}
