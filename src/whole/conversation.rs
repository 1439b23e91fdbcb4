//! Three callers in a room, each with a speech of its own: each hears the two others, and not itself.

use crate::scene::Scene;
use crate::speech::speeches;
use crate::talk::Law;

/// Three join, with packets of these laws and lengths, and talk; each is sent packets of `sent_ms`.
fn converse(settings: &str, joining: [(Law, u32); 3], sent_ms: [u32; 3]) {
    let mut scene = Scene::new(settings);
    for ((law, packet_ms), speech) in joining.into_iter().zip(speeches()) {
        scene.join("room-talk", law, packet_ms, speech);
    }
    scene.pause(500);
    let marks = [0, 1, 2].map(|who| scene.stage.mark(who));
    scene.pause(5500);
    let heard = [0, 1, 2].map(|who| scene.stage.heard(who, marks[who]));
    for who in 0..3 {
        let others: Vec<usize> = (0..3).filter(|other| *other != who).collect();
        heard[who]
            .unbroken(sent_ms[who])
            .unwrap_or_else(|broken| panic!("{who}: {broken}\n{}", scene.server.log()));
        scene.must_hear(who, &heard[who], &others);
    }
    (0..3).for_each(|who| scene.hang_up(who));
    for line in scene.server.log().lines().filter(|line| line.contains("ended: ")) {
        assert!(line.contains("lost 0,") && line.contains("refused 0, malformed 0"), "{line}");
    }
}

#[test]
fn three_callers_hear_the_two_others_and_not_themselves() {
    converse("", [(Law::Mu, 20); 3], [20; 3]);
}

#[test]
fn callers_of_a_law_hear_each_other() {
    converse("", [(Law::A, 20); 3], [20; 3]);
}

#[test]
fn callers_of_both_laws_hear_each_other() {
    converse("", [(Law::Mu, 20), (Law::A, 20), (Law::Mu, 20)], [20; 3]);
}

#[test]
fn packets_of_10_and_30_ms_are_taken_where_20_are_sent() {
    converse("", [(Law::Mu, 10), (Law::A, 30), (Law::Mu, 20)], [20; 3]);
}

#[test]
fn packets_of_40_and_60_ms_go_both_ways() {
    converse("", [(Law::Mu, 40), (Law::A, 60), (Law::Mu, 20)], [40, 60, 20]);
}

#[test]
fn a_room_of_10_ms_frames_takes_and_sends_every_length() {
    converse("frame-ms = 10", [(Law::Mu, 10), (Law::A, 30), (Law::Mu, 20)], [10, 30, 20]);
    converse("frame-ms = 10", [(Law::A, 40), (Law::Mu, 60), (Law::A, 10)], [40, 60, 10]);
}

#[test]
fn two_rooms_do_not_hear_each_other() {
    let mut scene = Scene::new("");
    for (room, speech) in ["room-a", "room-a", "room-b"].into_iter().zip(speeches()) {
        scene.join_plainly(room, speech);
    }
    scene.pause(300);
    let marks = [0, 1, 2].map(|who| scene.stage.mark(who));
    scene.pause(3500);
    let heard = [0, 1, 2].map(|who| scene.stage.heard(who, marks[who]));
    scene.must_hear(0, &heard[0], &[1]);
    scene.must_hear(1, &heard[1], &[0]);
    scene.must_hear_nothing(2, &heard[2]);
}

#[test]
fn coming_and_going_does_not_disturb_those_who_stay() {
    let mut scene = Scene::new("");
    let [first, second, third] = speeches();
    scene.join_plainly("room-talk", first);
    scene.join_plainly("room-talk", second);
    let silence = vec![0.0; third.len()];
    scene.pause(300);
    let mark = scene.stage.mark(0);
    for _ in 0..6 {
        let guest = scene.join_plainly("room-talk", &silence);
        scene.pause(300);
        scene.hang_up(guest);
        scene.pause(300);
    }
    let heard = scene.stage.heard(0, mark);
    heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    scene.must_hear(0, &heard, &[1]);
}
