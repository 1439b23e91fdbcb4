//! Hold, directions and addresses that change in a call, by what is heard.

use crate::caller::Caller;
use crate::scene::Scene;
use crate::speech::speeches;
use crate::talk::{Law, Talker};
use std::net::UdpSocket;

/// Two who talk.
fn two(settings: &str) -> Scene {
    let mut scene = Scene::new(settings);
    scene.join_plainly("room-hold", &speeches()[0]);
    scene.join_plainly("room-hold", &speeches()[1]);
    scene.pause(300);
    scene
}

#[test]
fn the_music_of_one_who_holds_is_not_heard_and_it_hears_nothing() {
    let scene = two("");
    let answer = scene.redirect(0, 2, "sendonly");
    assert!(answer.contains("a=recvonly"), "{answer}");
    scene.stage.with(0, |talker| talker.say(&speeches()[2]));
    scene.pause(400);
    let (mark, held) = (scene.stage.mark(0), scene.hear_for(1, 1500));
    scene.must_hear_nothing(1, &held);
    assert_eq!(scene.stage.mark(0), mark, "nothing is sent to one who only sends");
    let answer = scene.redirect(0, 3, "sendrecv");
    assert!(answer.contains("a=sendrecv"), "{answer}");
    scene.stage.with(0, |talker| talker.say(&speeches()[0]));
    scene.pause(400);
    let marks = [scene.stage.mark(0), scene.stage.mark(1)];
    scene.pause(3000);
    scene.must_hear(1, &scene.stage.heard(1, marks[1]), &[0]);
    scene.must_hear(0, &scene.stage.heard(0, marks[0]), &[1]);
}

#[test]
fn nothing_goes_either_way_while_a_call_is_inactive() {
    let scene = two("");
    let answer = scene.redirect(0, 2, "inactive");
    assert!(answer.contains("a=inactive"), "{answer}");
    scene.pause(400);
    let (mark, held) = (scene.stage.mark(0), scene.hear_for(1, 1500));
    scene.must_hear_nothing(1, &held);
    assert_eq!(scene.stage.mark(0), mark);
}

#[test]
fn music_on_hold_is_heard_where_it_is_set_so() {
    let scene = two("hold-mutes = false");
    scene.redirect(0, 2, "sendonly");
    scene.pause(400);
    let heard = scene.hear_for(1, 3000);
    scene.must_hear(1, &heard, &[0]);
}

#[test]
fn one_who_only_receives_hears_and_is_not_heard() {
    let scene = two("");
    let answer = scene.redirect(0, 2, "recvonly");
    assert!(answer.contains("a=sendonly"), "{answer}");
    scene.pause(400);
    let marks = [scene.stage.mark(0), scene.stage.mark(1)];
    scene.pause(3000);
    scene.must_hear(0, &scene.stage.heard(0, marks[0]), &[1]);
    scene.must_hear_nothing(1, &scene.stage.heard(1, marks[1]));
}

#[test]
fn a_caller_that_moves_to_another_port_is_followed() {
    let scene = two("");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let formats = Law::Mu.formats(20);
    let answer = scene.callers[0].reinvite(&scene.calls[0], 2, port, &formats);
    answer.unwrap_or_else(|answer| panic!("{answer}"));
    scene.stage.with(0, |talker: &mut Talker| talker.move_to(socket));
    scene.pause(500);
    let marks = [scene.stage.mark(0), scene.stage.mark(1)];
    scene.pause(3000);
    let heard = [0, 1].map(|who| scene.stage.heard(who, marks[who]));
    heard[0].unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    scene.must_hear(0, &heard[0], &[1]);
    scene.must_hear(1, &heard[1], &[0]);
}

#[test]
fn a_codec_change_in_a_call_is_heard_by_nobody() {
    let scene = two("");
    let port = scene.calls[0].media.local_addr().expect("an address").port();
    let formats = Law::A.formats(20);
    let mark = scene.stage.mark(1);
    scene.callers[0].reinvite(&scene.calls[0], 2, port, &formats).unwrap_or_else(|answer| panic!("{answer}"));
    scene.stage.with(0, |talker| talker.change_law(Law::A));
    scene.pause(500);
    let heard_mark = scene.stage.mark(0);
    scene.pause(3000);
    let whole = scene.stage.heard(1, mark);
    whole.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    scene.must_hear(1, &whole, &[0]);
    let heard = scene.stage.heard(0, heard_mark);
    assert!(heard.packets.iter().all(|packet| packet.payload_type == 8), "A-law is sent");
    scene.must_hear(0, &heard, &[1]);
}

#[test]
fn one_who_is_held_is_not_missed() {
    let scene = two("media-timeout = \"1s\"");
    scene.redirect(0, 2, "inactive");
    scene.stage.with(0, |talker| talker.sends = false);
    scene.pause(2500);
    let caller: &Caller = &scene.callers[0];
    let options = scene.calls[0].dialog.request("OPTIONS", 3, "", "");
    caller.transact(&options).unwrap_or_else(|answer| panic!("{answer}\n{}", scene.server.log()));
    scene.redirect(0, 4, "sendrecv");
    scene.server.must_log("media timeout");
}
