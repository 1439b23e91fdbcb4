//! How loud callers are heard, and which of them.

use crate::hearing::{RATE, Samples, level_db};
use crate::scene::{ROUTES, Scene};
use crate::server::Server;
use crate::speech::{sine, speeches};

/// How loud two callers are heard, one of whom says the same 20 dB louder, each in a conference of its own.
fn levels_db(options: &[&str]) -> [f32; 2] {
    let mut scene = Scene::of(Server::with_options(ROUTES, options));
    let said = |factor: f32| -> Samples { speeches()[0].iter().map(|sample| sample * factor).collect() };
    let ears = [("room-quiet", 0.25), ("room-loud", 2.5)].map(|(room, factor)| {
        scene.join_plainly(room, &said(factor));
        scene.join_plainly(room, &vec![0.0; RATE])
    });
    scene.pause(8_000);
    ears.map(|ear| level_db(&scene.hear_for(ear, 4_000).samples()))
}

#[test]
fn quiet_and_loud_callers_are_brought_to_one_loudness() {
    let [quiet_db, loud_db] = levels_db(&["--automatic-gain", "on"]);
    assert!((quiet_db - loud_db).abs() < 8.0, "{quiet_db} dB, {loud_db} dB");
}

#[test]
fn without_automatic_gain_all_are_as_loud_as_they_say() {
    let [quiet_db, loud_db] = levels_db(&["--automatic-gain", "off"]);
    assert!(loud_db - quiet_db > 17.0, "{quiet_db} dB, {loud_db} dB");
}

#[test]
fn the_loudest_are_heard_and_no_more_than_may_be() {
    let mut scene = Scene::of(Server::with_options(ROUTES, &["--max-talkers", "2"]));
    for (hertz, peak) in [(400, 0.05), (700, 0.2), (1100, 0.1)] {
        scene.join_plainly("room-1", &sine(hertz, peak));
    }
    let ear = scene.join_plainly("room-1", &vec![0.0; RATE]);
    scene.pause(1_500);
    let heard = scene.hear_for(ear, 1_000).samples();
    let heard_db = [400.0, 700.0, 1100.0].map(|hertz| crate::hearing::tone_db(&heard, hertz));
    assert!(heard_db[0] < -50.0 && heard_db[1] > -17.0 && heard_db[2] > -23.0, "{heard_db:?}");
}
