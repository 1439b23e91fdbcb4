//! Coaches, listeners and monitors: who hears whom, and who is noticed.

use crate::hearing::{RATE, Samples, level_db};
use crate::keys::strongest;
use crate::scene::Scene;
use crate::speech::speeches;
use crate::talk::Law;

const ROUTES: &str = r#"
max-calls-per-second = 0

[[route]]
match = "(customer|tones)"
conference = "desk"

[[route]]
match = "agent-(.+)"
conference = "desk"
tag = "agent-$1"

[[route]]
match = "coach-(.+)"
conference = "desk"
role = "coach"
coaches = "agent-$1"

[[route]]
match = "monitor"
conference = "desk"
role = "monitor"

[[route]]
match = "listener"
conference = "desk"
role = "listener"
"#;

fn silence() -> Samples {
    vec![0.0; RATE]
}

fn scene(tones: bool) -> Scene {
    let settings = format!("enter-tone = {tones}\nleave-tone = {tones}\nwaiting-tone = {tones}\n");
    Scene::with(&format!("{settings}{ROUTES}"))
}

#[test]
fn a_coach_is_heard_by_the_agent_and_not_by_the_customer() {
    let mut scene = scene(false);
    let [first, second, third] = speeches();
    let customer = scene.join_plainly("customer", first);
    let agent = scene.join("agent-7", Law::A, 20, second);
    let coach = scene.join_plainly("coach-7", third);
    scene.pause(500);
    let marks = [customer, agent, coach].map(|who| scene.stage.mark(who));
    scene.pause(5_000);
    let heard = [customer, agent, coach].map(|who| scene.stage.heard(who, marks[who]));
    scene.must_hear(customer, &heard[customer], &[agent]);
    scene.must_hear(agent, &heard[agent], &[customer, coach]);
    scene.must_hear(coach, &heard[coach], &[customer, agent]);
}

#[test]
fn a_listener_and_a_monitor_hear_and_are_not_heard() {
    let mut scene = scene(false);
    let [first, second, third] = speeches();
    let customer = scene.join_plainly("customer", first);
    let listener = scene.join_plainly("listener", second);
    let monitor = scene.join_plainly("monitor", third);
    for who in [listener, monitor] {
        scene.stage.with(who, |talker| talker.press("*6")); // does nothing
    }
    scene.pause(1_500);
    let marks = [customer, listener, monitor].map(|who| scene.stage.mark(who));
    scene.pause(5_000);
    let heard = [customer, listener, monitor].map(|who| scene.stage.heard(who, marks[who]));
    scene.must_hear_nothing(customer, &heard[customer]);
    scene.must_hear(listener, &heard[listener], &[customer]);
    scene.must_hear(monitor, &heard[monitor], &[customer]);
}

/// The two notes of coming and going, and the beep of waiting.
const NOTES: [f32; 2] = [440.0, 659.26];
const WAITING: f32 = 425.0;

#[test]
fn a_monitor_comes_and_goes_unnoticed_and_is_no_company() {
    let mut scene = scene(true);
    let alone = scene.join_plainly("tones", &silence());
    scene.pause(600);
    let mark = scene.stage.mark(alone);
    let monitor = scene.join_plainly("monitor", &silence());
    scene.pause(900);
    scene.hang_up(monitor);
    scene.pause(900);
    let meanwhile = scene.stage.heard(alone, mark).samples();
    assert!(strongest(&meanwhile, NOTES[1]) < -50.0, "it is noticed");
    let monitor = scene.join_plainly("monitor", &silence());
    let waiting = scene.hear_for(alone, 5_500).samples();
    assert!(strongest(&waiting, WAITING) > -33.0, "with a monitor one is still alone");
    let heard = scene.hear_for(monitor, 900).samples();
    assert!(level_db(&heard) < -60.0, "a monitor hears no beep of another");
    let mark = scene.stage.mark(alone);
    scene.join_plainly("tones", &silence());
    scene.pause(900);
    assert!(strongest(&scene.stage.heard(alone, mark).samples(), NOTES[1]) > -27.0, "a talker is noticed");
}
