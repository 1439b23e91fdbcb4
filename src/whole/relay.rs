//! Two who are alone in a conference are sent each other's packets as they are, until something needs their samples.

use crate::hearing::{RATE, Samples, level_db};
use crate::scene::Scene;
use crate::speech::{read_wav, speeches};
use crate::talk::Heard;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

/// By then whoever pauses now and then is relayed, and whoever does not.
const SETTLING_MS: u64 = 7_000;
/// Or by then, where the machine was busy with something else and packets came late: those are concealed for 8 s.
const SETTLING_MOST_MS: u64 = 40_000;
const PACKET: usize = RATE / 50;
/// A packet so late may have missed the frame it was due in.
const SLIGHTLY: Duration = Duration::from_millis(3);

/// Speech of whole packets, so that it is the same packets over and over.
fn speech(number: usize) -> Samples {
    let mut speech = speeches()[number].clone();
    speech.truncate(speech.len() / PACKET * PACKET);
    speech
}

fn scene(settings: &str) -> (Scene, [usize; 2]) {
    let mut scene = Scene::new(settings);
    let pair = [0, 1].map(|number| scene.join_plainly("room-relay", &speech(number)));
    scene.pause(SETTLING_MS);
    (scene, pair)
}

/// Plays a scene of two who are relayed. Once more, up to three times in all, where it fails and our own packets were
/// late: what comes late is lost for a relay, whoever is to blame. Each try has a folder of its own, `FOLDER` in settings.
fn relayed_scene(settings: &str, play: impl Fn(&mut Scene, [usize; 2], &Path)) {
    let mut tries = 3;
    loop {
        tries -= 1;
        let folder = tempfile::tempdir().expect("a folder");
        let (mut scene, pair) = scene(&settings.replace("FOLDER", &folder.path().to_string_lossy()));
        until_relayed(&scene, pair);
        let Err(failure) = catch_unwind(AssertUnwindSafe(|| play(&mut scene, pair, folder.path()))) else {
            return;
        };
        if tries == 0 || scene.stage.late(SLIGHTLY).is_empty() {
            resume_unwind(failure);
        }
    }
}

fn until_relayed(scene: &Scene, pair: [usize; 2]) {
    for _ in 0..SETTLING_MOST_MS / 500 {
        let marks = pair.map(|who| scene.stage.mark(who));
        scene.pause(500);
        let is_relayed = |(who, other): (usize, usize)| {
            let heard = scene.stage.heard(pair[who], marks[who]);
            heard.packets.len() > 10 && relayed(scene, &heard, pair[other]) == heard.packets.len() - 1
        };
        if [(0, 1), (1, 0)].into_iter().all(is_relayed) {
            return;
        }
    }
    panic!("they are not relayed\n{}", scene.server.log());
}

/// How many of the payloads that one heard are packets of the other's as they were sent, each followed by the one behind it.
fn relayed(scene: &Scene, heard: &Heard, other: usize) -> usize {
    let said = scene.stage.with(other, |talker| talker.payloads());
    let follows = |pair: &[crate::talk::Received]| {
        (0..said.len())
            .any(|at| pair[0].payload == said[at] && pair[1].payload == said[(at + 1) % said.len()])
    };
    heard.packets.windows(2).filter(|pair| follows(pair)).count()
}

/// Both hear each other's packets, all of them, in their order.
fn must_be_relayed(scene: &Scene, pair: [usize; 2]) {
    let marks = pair.map(|who| scene.stage.mark(who));
    scene.pause(2_000);
    for (who, other) in [(0, 1), (1, 0)] {
        let heard = scene.stage.heard(pair[who], marks[who]);
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
        let relayed = relayed(scene, &heard, pair[other]);
        let packets = heard.packets.len() - 1;
        assert!(packets >= 90 && relayed == packets, "{relayed} of {packets}\n{}", scene.server.log());
    }
}

#[test]
fn two_who_are_alone_are_sent_each_other_s_packets_byte_for_byte() {
    relayed_scene("", |scene, pair, _| {
        must_be_relayed(scene, pair);
        let heard = scene.hear_for(pair[0], 3_000);
        scene.must_hear(pair[0], &heard, &[pair[1]]);
    });
}

#[test]
fn without_relay_they_are_mixed() {
    let (scene, pair) = scene("relay = false");
    assert_eq!(relayed_by_the_log(&scene, pair[0]), 0);
}

#[test]
fn a_third_party_comes_and_goes_and_nobody_hears_a_gap() {
    // Levels are compared.
    relayed_scene("automatic-gain = false", |scene, pair, _| {
        let marks = pair.map(|who| scene.stage.mark(who));
        scene.pause(1_000);
        let third = scene.join_plainly("room-relay", &vec![0.0; PACKET]);
        let heard_by_third = scene.hear_for(third, 4_000);
        scene.hang_up(third);
        scene.pause(1_500);
        for (who, other) in [(0, 1), (1, 0)] {
            let heard = scene.stage.heard(pair[who], marks[who]);
            heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
            scene.must_hear(pair[who], &heard, &[pair[other]]);
        }
        scene.must_hear(third, &heard_by_third, &pair);
        scene.pause(SETTLING_MS);
        until_relayed(scene, pair);
        must_be_relayed(scene, pair);
    });
}

#[test]
fn a_lost_packet_is_lost_for_the_other_too_and_digits_stay_with_us() {
    relayed_scene("", |scene, pair, _| {
        let mark = scene.stage.mark(pair[0]);
        scene.stage.with(pair[1], |talker| talker.press("5"));
        scene.pause(SETTLING_MS); // it is mixed for a while
        until_relayed(scene, pair);
        let heard = scene.stage.heard(pair[0], mark);
        assert!(heard.packets.iter().all(|packet| packet.payload_type == 0), "a digit came through");
        let numbers: Vec<u16> = heard.packets.iter().map(|packet| packet.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
        // A number that nobody sent.
        scene.stage.with(pair[1], |talker| talker.lose());
        scene.pause(1_000);
        let heard = scene.stage.heard(pair[0], mark);
        let gap = |pair: &[crate::talk::Received]| {
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            (pair[1].sequence.wrapping_sub(pair[0].sequence) == 2 && step == 2 * PACKET as u32).then_some(())
        };
        assert_eq!(heard.packets.windows(2).filter_map(gap).count(), 1, "{}", scene.server.log());
    });
}

/// How many packets were relayed to one, as the log says once it has hung up.
fn relayed_by_the_log(scene: &Scene, who: usize) -> u32 {
    scene.hang_up(who);
    scene.server.must_log("ended: ");
    let log = scene.server.log();
    let line = log.lines().find(|line| line.contains("ended: ")).expect("it has ended");
    let relayed = line.split("relayed ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    relayed.unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn a_call_log_tells_how_much_was_relayed() {
    relayed_scene("", |scene, pair, _| {
        scene.pause(1_000);
        let relayed = relayed_by_the_log(scene, pair[0]);
        assert!(relayed >= 50, "{relayed}");
    });
}

/// The only file of a folder, once there is one.
fn recording(folder: &Path) -> Samples {
    let mut files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let file = files.next().expect("a recording");
    assert_eq!(files.next(), None, "one recording");
    assert!(file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("relay-")), "{file:?}");
    read_wav(&file)
}

#[test]
fn a_recording_is_switched_on_and_off_and_what_is_relayed_stays_as_it_is() {
    let settings = "record-key = \"*9\"\nrecord-directory = \"FOLDER\"";
    relayed_scene(settings, |scene, pair, folder| {
        let mark = scene.stage.mark(pair[0]);
        scene.stage.with(pair[0], |talker| talker.press("*9"));
        scene.pause(1_500);
        must_be_relayed(scene, pair);
        let so_far = recording(folder);
        assert!(so_far.len() >= 2 * 2 * RATE, "it is written as it goes on: {} samples", so_far.len());
        scene.stage.with(pair[0], |talker| talker.press("*9"));
        scene.pause(1_500);
        must_be_relayed(scene, pair);
        // The one who pressed no key was heard all the time.
        let heard = scene.stage.heard(pair[0], mark);
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
        assert_eq!(relayed(scene, &heard, pair[1]), heard.packets.len() - 1, "{}", scene.server.log());
        let whole = recording(folder);
        assert!(whole.len() > so_far.len() && whole.len() < 8 * 2 * RATE, "{} samples", whole.len());
        // Both talk without a pause: no tenth of a second is silent.
        let silent =
            whole[..whole.len() / 3200 * 3200].chunks(3200).filter(|tenth| level_db(tenth) < -60.0).count();
        assert_eq!(silent, 0, "of {} tenths", whole.len() / 3200);
    });
}
