//! Coaches, monitors, and those who carry a tag.

use super::{NARROW, Naive, at_rates, conference, exact, random_frame, settle, tick};
use crate::audio::saturate::saturate;
use crate::audio::{Gain, SampleRate};
use crate::conference::{
    Command, Conference, ConferenceSettings, ParticipantId, ParticipantSettings, SpeaksTo, Tag,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

fn tag(word: &str) -> Tag {
    Tag::new(word).unwrap()
}

fn coach_of(word: &str) -> ParticipantSettings {
    ParticipantSettings { speaks_to: SpeaksTo::Tagged(tag(word)), ..Default::default() }
}

fn tagged(word: &str) -> ParticipantSettings {
    ParticipantSettings { tag: Some(tag(word)), ..Default::default() }
}

/// A customer, an agent and the agent's coach, who have been silent.
fn three(settings: ConferenceSettings) -> (Conference, [ParticipantId; 3]) {
    let mut conference = Conference::new(settings);
    let ids = [Default::default(), tagged("agent"), coach_of("agent")].map(|s| conference.join(s).unwrap());
    settle(&mut conference, &ids.map(|id| (id, NARROW, NARROW)), 20);
    (conference, ids)
}

/// What each hears of frames of these values in the fourth tick of it.
fn hears(conference: &mut Conference, ids: &[ParticipantId], values: &[i16]) -> Vec<i16> {
    let frames: Vec<_> = values.iter().map(|&value| [value; 160]).collect();
    let frames: Vec<_> = ids.iter().zip(&frames).map(|(id, frame)| (*id, &frame[..])).collect();
    for _ in 0..4 {
        tick(conference, &frames, ids[0]);
        ids.iter().for_each(|id| _ = conference.mix_minus(*id, &mut [0; 160]));
    }
    let mut out = [1; 160];
    let each = ids.iter().map(|id| {
        conference.mix_minus(*id, &mut out);
        assert!(out.iter().all(|&sample| sample == out[0]), "{out:?}");
        out[0]
    });
    each.collect()
}

#[test]
fn who_hears_whom_is_exact_to_the_sample_at_all_rates() {
    for seed in 0..24 {
        let mut random = StdRng::seed_from_u64(seed);
        let frame_ms = if seed % 2 == 0 { 20 } else { 10 };
        let choice = &SampleRate::ALL[..1 + seed as usize % 4];
        let mut rate = || choice[random.random_range(0..choice.len())];
        let rates: Vec<_> = (0..8).map(|_| (rate(), rate())).collect();
        let mut word = || Tag::new(["", "a", "b"][random.random_range(0..3)]);
        let tags: Vec<_> = (0..8).map(|_| word()).collect();
        let whom: Vec<_> =
            (0..8)
                .map(|at| {
                    if at == 7 {
                        SpeaksTo::Nobody
                    } else {
                        word().map_or(SpeaksTo::Everyone, SpeaksTo::Tagged)
                    }
                })
                .collect();
        let mut conference = conference(frame_ms);
        let members: Vec<_> = (0..8)
            .map(|at| {
                let settings = at_rates(rates[at].0, rates[at].1);
                let settings = ParticipantSettings { speaks_to: whom[at], tag: tags[at], ..settings };
                (conference.join(settings).unwrap(), rates[at].0, rates[at].1)
            })
            .collect();
        settle(&mut conference, &members, frame_ms);
        let mut naive = Naive::new(&rates);
        for _ in 0..12 {
            let frames: Vec<_> =
                rates.iter().map(|(from, _)| random_frame(&mut random, from.samples(frame_ms))).collect();
            conference.begin();
            members.iter().zip(&frames).for_each(|((id, ..), frame)| conference.add(*id, frame));
            conference.seal();
            for (listener, &(id, _, to)) in members.iter().enumerate() {
                let mut out = vec![1; to.samples(frame_ms)];
                conference.mix_minus(id, &mut out);
                let aloud =
                    naive.sum(listener, &frames, frame_ms, |talker| whom[talker] == SpeaksTo::Everyone);
                let to_it = tags[listener].map(SpeaksTo::Tagged);
                let whispered = naive.sum(listener, &frames, frame_ms, |talker| Some(whom[talker]) == to_it);
                let expected: Vec<i16> = aloud
                    .iter()
                    .zip(whispered)
                    .map(|(aloud, whispered)| saturate(aloud + whispered))
                    .collect();
                assert_eq!(
                    out, expected,
                    "seed {seed}, {listener}: {:?} {:?}",
                    rates[listener], tags[listener]
                );
            }
        }
    }
}

#[test]
fn roles_and_tags_change_between_ticks() {
    let (mut conference, ids) = three(exact(20));
    let [_, agent, coach] = ids;
    let values = [7, 20, 300];
    let mut after = |id, command| {
        conference.command(id, command).unwrap();
        hears(&mut conference, &ids, &values)
    };
    assert_eq!(after(coach, Command::Mute(false)), [20, 307, 27], "coaches");
    assert_eq!(after(coach, Command::SpeakTo(SpeaksTo::Everyone)), [320, 307, 27], "talks");
    assert_eq!(after(agent, Command::SpeakTo(SpeaksTo::Tagged(tag("agent")))), [300, 307, 7], "to itself");
    assert_eq!(after(agent, Command::SpeakTo(SpeaksTo::Everyone)), [320, 307, 27]);
    assert_eq!(after(coach, Command::SpeakTo(SpeaksTo::Nobody)), [20, 7, 27], "monitors");
    assert_eq!(after(coach, Command::SpeakTo(SpeaksTo::Tagged(tag("agent")))), [20, 307, 27]);
    assert_eq!(after(agent, Command::Tag(None)), [20, 7, 27], "no longer coached");
    assert_eq!(after(agent, Command::Tag(Some(tag("pupil")))), [20, 7, 27], "nor as another");
    assert_eq!(after(coach, Command::SpeakTo(SpeaksTo::Tagged(tag("pupil")))), [20, 307, 27]);
    assert_eq!(after(coach, Command::Tag(Some(tag("pupil")))), [20, 307, 27], "never itself");
    assert_eq!(after(coach, Command::Mute(true)), [20, 7, 27]);
    let view = conference.participants().find(|view| view.id == coach).unwrap();
    assert_eq!((view.speaks_to, view.tag), (SpeaksTo::Tagged(tag("pupil")), Some(tag("pupil"))));
}

#[test]
fn several_coaches_and_tags_go_together() {
    let mut conference = conference(20);
    let peer = ParticipantSettings { tag: Some(tag("a")), ..coach_of("a") };
    let settings = [Default::default(), tagged("a"), tagged("b"), coach_of("a"), coach_of("b"), peer];
    let ids: Vec<_> = settings.into_iter().map(|settings| conference.join(settings).unwrap()).collect();
    settle(&mut conference, &ids.iter().map(|&id| (id, NARROW, NARROW)).collect::<Vec<_>>(), 20);
    let heard = hears(&mut conference, &ids, &[7, 20, 300, 4000, 5000, 600]);
    assert_eq!(heard, [320, 307 + 4000 + 600, 27 + 5000, 327, 327, 327 + 4000]);
}

#[test]
fn who_is_heard_by_nobody_is_known_before_it_is_decoded() {
    let (mut conference, [customer, agent, coach]) = three(exact(20));
    let heard = |conference: &mut Conference| {
        tick(conference, &[], customer);
        tick(conference, &[], customer);
        conference.is_heard(coach)
    };
    assert!(heard(&mut conference));
    conference.leave(agent);
    assert!(!heard(&mut conference), "a coach of nobody");
    conference.command(coach, Command::SpeakTo(SpeaksTo::Everyone)).unwrap();
    assert!(heard(&mut conference));
    conference.command(coach, Command::SpeakTo(SpeaksTo::Nobody)).unwrap();
    conference.begin();
    conference.add(coach, &[9; 160]);
    conference.seal();
    assert!(!heard(&mut conference), "a monitor");
}

#[test]
fn coaches_and_monitors_are_no_company() {
    let (mut conference, [customer, agent, coach]) = three(exact(20));
    assert_eq!((conference.len(), conference.company()), (3, 2));
    assert!(conference.is_company(agent) && !conference.is_company(coach));
    conference.leave(coach);
    conference.leave(customer);
    assert_eq!((conference.len(), conference.company()), (1, 1));
    conference.command(agent, Command::SpeakTo(SpeaksTo::Nobody)).unwrap();
    assert_eq!(conference.company(), 0);
}

#[test]
fn who_is_coached_hears_what_all_hear_while_its_coach_is_silent() {
    let (mut conference, ids) = three(ConferenceSettings { target_dbfs: None, ..Default::default() });
    let talks = [500; 160];
    let loud = [i16::MAX; 160];
    let classes = |conference: &mut Conference, coach: &[i16]| {
        let frames = [(ids[0], &talks[..]), (ids[1], &[0; 160][..]), (ids[2], coach)];
        tick(conference, &frames, ids[0]);
        ids.iter().for_each(|&id| _ = conference.mix_minus(id, &mut [0; 160]));
        ids.map(|id| conference.hears_all(id, NARROW))
    };
    assert_eq!(classes(&mut conference, &[0; 160]), [false, true, true]);
    assert_eq!(classes(&mut conference, &loud), [false, false, true], "the coach itself does");
    assert_eq!(classes(&mut conference, &[0; 160]), [false, false, true], "limited, and not back yet");
    (0..100).for_each(|_| _ = classes(&mut conference, &[0; 160]));
    assert_eq!(classes(&mut conference, &[0; 160]), [false, true, true]);
}

#[test]
fn a_coach_takes_nobodys_place_and_makes_nobody_quieter() {
    let settings = ConferenceSettings { max_talkers: 1, ..Default::default() };
    let (mut with, ids) = three(settings.clone());
    let (mut without, same) = three(settings);
    let more: Vec<_> = (0..6).map(|_| with.join(coach_of("agent")).unwrap()).collect();
    let mut random = StdRng::seed_from_u64(3);
    for number in 0..200 {
        let voice: Vec<i16> = (0..160).map(|_| random.random_range(-900..900)).collect();
        let coach: Vec<i16> = (0..160).map(|_| random.random_range(-9000..9000)).collect();
        let mut frames: Vec<(_, &[i16])> = vec![(ids[1], &voice), (ids[2], &coach)];
        frames.extend(more.iter().map(|&id| (id, &coach[..])));
        let heard = tick(&mut with, &frames, ids[0]);
        assert_eq!(heard, tick(&mut without, &[(same[1], &voice)], same[0]), "tick {number}");
        assert!(heard[80..].iter().any(|&sample| sample != 0));
    }
}

#[test]
fn whoever_changes_what_it_is_never_hears_itself() {
    for seed in 0..48 {
        let mut random = StdRng::seed_from_u64(seed);
        let frame_ms = if seed % 2 == 0 { 20 } else { 10 };
        let mut conference = conference(frame_ms);
        let (from, to) = (SampleRate::ALL[seed as usize / 2 % 4], SampleRate::ALL[seed as usize / 8 % 4]);
        let id = conference.join(at_rates(from, to)).unwrap();
        let other = conference.join(ParticipantSettings { muted: true, ..tagged("a") }).unwrap();
        let mut was_heard = 0;
        for number in 0..80 {
            let word = Tag::new(["", "a", "b"][random.random_range(0..3)]);
            match random.random_range(0..6) {
                0 => conference.command(id, Command::Tag(word)).unwrap(),
                1 | 2 => {
                    let whom = word.map_or(SpeaksTo::Everyone, SpeaksTo::Tagged);
                    conference.command(id, Command::SpeakTo(whom)).unwrap();
                }
                _ => {}
            }
            conference.begin();
            if random.random_bool(0.9) {
                let frame: Vec<i16> = (0..from.samples(frame_ms)).map(|_| random.random()).collect();
                conference.add(id, &frame);
            }
            conference.seal();
            let mut out = vec![1; to.samples(frame_ms)];
            conference.mix_minus(id, &mut out);
            assert!(out.iter().all(|&sample| sample == 0), "seed {seed}, tick {number}, {from} to {to}");
            let mut out = vec![1; NARROW.samples(frame_ms)];
            conference.mix_minus(other, &mut out);
            was_heard += usize::from(out.iter().any(|&sample| sample != 0));
        }
        assert!((10..80).contains(&was_heard), "seed {seed}: {was_heard}");
    }
}

#[test]
fn resamplers_of_whispers_are_made_when_used_and_go_with_their_listeners() {
    let mut conference = conference(20);
    let wide = SampleRate::Hz48000;
    let coach =
        conference.join(ParticipantSettings { in_rate: wide, out_rate: wide, ..coach_of("a") }).unwrap();
    let agents: Vec<_> = (0..10).map(|_| conference.join(tagged("a")).unwrap()).collect();
    let resamplers = |conference: &mut Conference, frame: &[i16]| {
        tick(conference, &[(coach, frame)], agents[0]);
        (conference.statistics().whisper_resamplers, conference.statistics().resamplers)
    };
    assert_eq!(resamplers(&mut conference, &[0; 960]), (0, 0));
    assert_eq!(resamplers(&mut conference, &[500; 960]), (1, 0));
    let heard = tick(&mut conference, &[(coach, &[500; 960])], agents[9]);
    assert!(heard[80..].iter().all(|&sample| sample == 500), "{heard:?}");
    agents.iter().for_each(|&agent| conference.leave(agent));
    assert_eq!(resamplers(&mut conference, &[500; 960]), (0, 0));
}

#[test]
fn a_steady_tick_with_coaches_allocates_nothing() {
    let mut conference = conference(20);
    let all = [(0, 0), (3, 3), (1, 0), (0, 3), (2, 2), (3, 1)];
    let members: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(at, &(from, to))| {
            let (from, to) = (SampleRate::ALL[from], SampleRate::ALL[to]);
            let settings = if at % 2 == 0 { coach_of("a") } else { tagged("a") };
            let settings = ParticipantSettings { in_rate: from, out_rate: to, ..settings };
            (conference.join(settings).unwrap(), from, to)
        })
        .collect();
    let mut random = StdRng::seed_from_u64(9);
    let mut run = |conference: &mut Conference, everyone: bool| {
        conference.begin();
        for (id, from, _) in &members {
            if everyone || random.random_bool(0.7) {
                conference.add(*id, &random_frame(&mut random, from.samples(20)));
            }
        }
        conference.seal();
        members.iter().for_each(|(id, _, to)| _ = conference.mix_minus(*id, &mut vec![0; to.samples(20)]));
    };
    (0..20).for_each(|_| run(&mut conference, true));
    let before = conference.memory();
    (0..200).for_each(|_| run(&mut conference, false));
    assert_eq!(conference.memory(), before);
}

#[test]
fn a_conference_in_which_nobody_whispers_makes_no_room_for_it() {
    let mut conference = conference(20);
    let ids = [0, 1].map(|_| conference.join(Default::default()).unwrap());
    tick(&mut conference, &[(ids[0], &[9; 160])], ids[1]);
    assert_eq!(conference.whisper_memory(), [0; 4]);
}

/// What one of three hears of the loud tone of another, before each frame of which `act` does something.
fn record((talker, listener): (usize, usize), act: impl Fn(usize) -> Option<(usize, Command)>) -> Vec<i16> {
    let (mut conference, ids) = three(exact(20));
    let mut recorded = Vec::new();
    for number in 0..40 {
        if let Some((who, command)) = act(number) {
            conference.command(ids[who], command).unwrap();
        }
        let phase = |at: usize| std::f64::consts::TAU * 313.0 * (number * 160 + at) as f64 / 8000.0;
        let frame: Vec<i16> = (0..160).map(|at| (12_000.0 * phase(at).cos()) as i16).collect();
        recorded.extend(tick(&mut conference, &[(ids[talker], &frame)], ids[listener]));
    }
    recorded
}

#[test]
fn roles_and_tags_change_without_a_click() {
    let coaches = SpeaksTo::Tagged(tag("agent"));
    let every = |number: usize, one: Command, other: Command| match number % 6 {
        1 => Some(one),
        4 => Some(other),
        _ => None,
    };
    let speak =
        |one, other| move |number| Some((2, every(number, Command::SpeakTo(one), Command::SpeakTo(other))?));
    let carry = |number| Some((1, every(number, Command::Tag(None), Command::Tag(Some(tag("agent"))))?));
    let gain =
        |number| Some((2, every(number, Command::GainIn(Gain::SILENT), Command::GainIn(Gain::UNITY))?));
    let stories = [
        record((2, 1), speak(SpeaksTo::Everyone, coaches)),
        record((2, 0), speak(SpeaksTo::Everyone, coaches)),
        record((2, 1), speak(SpeaksTo::Nobody, coaches)),
        record((2, 0), speak(SpeaksTo::Nobody, SpeaksTo::Everyone)),
        record((2, 1), speak(SpeaksTo::Tagged(tag("another")), coaches)),
        record((2, 1), carry),
        record((2, 1), gain),
    ];
    // The tone's own steepest step, and that of a fade over 5 ms.
    let bound = (12_000.0 * std::f64::consts::TAU * 313.0 / 8000.0 + 12_000.0 / 40.0) as u16 + 4;
    for (at, heard) in stories.iter().enumerate() {
        let steepest = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        assert!(steepest <= bound, "story {at}: {steepest} over {bound}");
        let loud = heard.chunks(160).filter(|frame| frame.iter().any(|sample| *sample > 10_000)).count();
        assert!((5..40).contains(&loud), "story {at}: {loud}");
    }
    let silent =
        |story: usize| stories[story].chunks(160).any(|frame| frame.iter().all(|&sample| sample == 0));
    assert!(silent(1) && silent(2) && silent(4) && silent(5), "somebody hears what it should not");
}
