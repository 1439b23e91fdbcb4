//! How loud callers are heard, and which of them.

use crate::hearing::{RATE, Samples, level_db};
use crate::scene::{ROUTES, Scene};
use crate::server::Server;
use crate::speech::{sine, speeches};

/// How loud two callers are heard, one of whom says the same 20 dB louder, each in a conference of its own.
fn levels_db(options: &[&str]) -> [f32; 2] {
    // Mixed, as where more than two are there.
    let mut scene = Scene::of(Server::with_options(ROUTES, &[options, &["--relay", "off"]].concat()));
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
    // Tones: some of them are taken for speech, which goes before what is not.
    let options = ["--max-talkers", "2", "--voice-activity", "off"];
    let mut scene = Scene::of(Server::with_options(ROUTES, &options));
    for (hertz, peak) in [(400, 0.05), (700, 0.2), (1100, 0.1)] {
        scene.join_plainly("room-1", &sine(hertz, peak));
    }
    let ear = scene.join_plainly("room-1", &vec![0.0; RATE]);
    scene.pause(1_500);
    let heard = scene.hear_for(ear, 1_000).samples();
    let heard_db = [400.0, 700.0, 1100.0].map(|hertz| crate::hearing::tone_db(&heard, hertz));
    assert!(heard_db[0] < -50.0 && heard_db[1] > -17.0 && heard_db[2] > -23.0, "{heard_db:?}");
}

/// How loud a caller that says nothing is sent what a quiet one says, or the noise of its line.
fn heard_db(settings: &str, said: &[f32]) -> f32 {
    let mut scene = Scene::new(settings);
    scene.join_plainly("room-1", &said.to_vec());
    let ear = scene.join_plainly("room-1", &vec![0.0; RATE]);
    scene.pause(3_000);
    level_db(&scene.hear_for(ear, 1_000).samples())
}

/// Even noise of this RMS.
fn noise(rms: f32) -> Samples {
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((random >> 8) as f32 / 8_388_608.0 - 1.0) * rms * 3.0_f32.sqrt()
    };
    (0..RATE * 2).map(|_| next()).collect()
}

#[test]
fn the_noise_of_a_line_is_heard_unless_it_is_suppressed_or_below_the_gate() {
    let noise = noise(0.01);
    let as_it_is_db = heard_db("", &noise);
    assert!((as_it_is_db + 40.0).abs() < 1.0, "{as_it_is_db} dB");
    let denoised_db = heard_db("denoise = true", &noise);
    assert!(denoised_db < as_it_is_db - 10.0, "{denoised_db} dB");
    let gated_db = heard_db("noise-gate = 30", &noise);
    assert!(gated_db < -90.0, "{gated_db} dB");
}

#[test]
fn an_offset_is_not_heard() {
    let heard_db = heard_db("", &[0.05; RATE]);
    assert!(heard_db < -60.0, "{heard_db} dB");
}

#[test]
fn where_it_is_wished_quiet_noise_is_heard_instead_of_silence() {
    let background_db = heard_db("background = 60", &[0.0; RATE]);
    assert!((background_db + 60.0).abs() < 2.0, "{background_db} dB");
}
