//! The mixer against naive ones, and by ear: what a listener records has no step that its talkers did not
//! make.

mod alone;
mod background;
mod fuzz;
mod seams;
mod sounds;
mod talkers;
mod voices;
mod whispers;

use super::{
    Command, Conference, ConferenceError, ConferenceSettings, Heard, MAX_PARTICIPANTS, ParticipantId,
    ParticipantSettings,
};
use crate::audio::resample::{Resampler, round};
use crate::audio::saturate::saturate;
use crate::audio::{Gain, SampleRate};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng, rngs::StdRng};

const NARROW: SampleRate = SampleRate::Hz8000;

/// All are heard as loud as they are, and what is too loud is cut: exact to the sample.
fn exact(frame_ms: u32) -> ConferenceSettings {
    let settings = ConferenceSettings { frame_ms, ..ConferenceSettings::default() };
    ConferenceSettings {
        limiter: false,
        max_talkers: 0,
        target_dbfs: None,
        voice_activity: false,
        ..settings
    }
}

fn conference(frame_ms: u32) -> Conference {
    Conference::new(exact(frame_ms))
}

fn at_rates(in_rate: SampleRate, out_rate: SampleRate) -> ParticipantSettings {
    ParticipantSettings { in_rate, out_rate, ..ParticipantSettings::default() }
}

/// One tick of a conference at 8 kHz and 20 ms: adds the frames given, returns what `listener` hears.
fn tick(
    conference: &mut Conference,
    frames: &[(ParticipantId, &[i16])],
    listener: ParticipantId,
) -> Vec<i16> {
    conference.begin();
    for (id, frame) in frames {
        conference.add(*id, frame);
    }
    conference.seal();
    let mut out = vec![1; 160];
    conference.mix_minus(listener, &mut out);
    out
}

/// Lets everyone be there with silence once, so that what follows is neither faded in nor ramped.
fn settle(conference: &mut Conference, members: &[(ParticipantId, SampleRate, SampleRate)], frame_ms: u32) {
    conference.begin();
    for (id, in_rate, _) in members {
        conference.add(*id, &vec![0; in_rate.samples(frame_ms)]);
    }
    conference.seal();
    for (id, _, out_rate) in members {
        assert_eq!(conference.mix_minus(*id, &mut vec![1; out_rate.samples(frame_ms)]), Heard::Silence);
    }
}

/// What each hears, the slow way: every other frame through a resampler of this pair alone, then one sum, one
/// cut.
struct Naive {
    resamplers: Vec<Vec<Option<Resampler>>>,
    rates: Vec<(SampleRate, SampleRate)>,
}

impl Naive {
    fn new(rates: &[(SampleRate, SampleRate)]) -> Self {
        let pair = |to: SampleRate| {
            rates.iter().map(|&(from, _)| (from != to).then(|| Resampler::new(from, to))).collect()
        };
        Self { resamplers: rates.iter().map(|&(_, to)| pair(to)).collect(), rates: rates.to_vec() }
    }

    fn hear(&mut self, listener: usize, frames: &[Vec<i16>], frame_ms: u32) -> Vec<i16> {
        self.sum(listener, frames, frame_ms, |_| true).into_iter().map(saturate).collect()
    }

    /// Of those that it is to hear, without itself.
    fn sum(
        &mut self,
        listener: usize,
        frames: &[Vec<i16>],
        frame_ms: u32,
        hears: impl Fn(usize) -> bool,
    ) -> Vec<i32> {
        let len = self.rates[listener].1.samples(frame_ms);
        let (mut native, mut converted) = (vec![0_i32; len], vec![0_i64; len]);
        let others = |talker: &usize| *talker != listener && hears(*talker);
        for (talker, frame) in frames.iter().enumerate().filter(|(talker, _)| others(talker)) {
            let wide: Vec<i32> = frame.iter().map(|&sample| i32::from(sample)).collect();
            match &mut self.resamplers[listener][talker] {
                Some(resampler) => assert_eq!(resampler.accumulate(&wide, &mut converted), len),
                None => native.iter_mut().zip(&wide).for_each(|(sum, sample)| *sum += sample),
            }
        }
        native.iter().zip(&converted).map(|(native, &converted)| native + round(converted)).collect()
    }
}

fn random_frame(random: &mut StdRng, len: usize) -> Vec<i16> {
    match random.random_range(0..4) {
        0 => vec![0; len],
        1 => (0..len).map(|_| random.random_range(-300..=300)).collect(),
        _ => (0..len).map(|_| random.random()).collect(),
    }
}

#[test]
fn everyone_hears_the_others_and_never_itself_exact_to_the_sample_at_all_rates() {
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        let frame_ms = if seed % 2 == 0 { 20 } else { 10 };
        // Some seeds have one rate only, some two, some all; some legs add and hear at different rates.
        let choice = &SampleRate::ALL[..1 + seed as usize % 4];
        let rates: Vec<_> = (0..random.random_range(1..9))
            .map(|_| {
                let rate = choice[random.random_range(0..choice.len())];
                let other = choice[random.random_range(0..choice.len())];
                (rate, if random.random_bool(0.3) { other } else { rate })
            })
            .collect();
        let mut conference = conference(frame_ms);
        let members: Vec<_> = rates
            .iter()
            .map(|&(from, to)| (conference.join(at_rates(from, to)).unwrap(), from, to))
            .collect();
        settle(&mut conference, &members, frame_ms);
        let mut naive = Naive::new(&rates);
        for _ in 0..15 {
            let frames: Vec<_> =
                rates.iter().map(|(from, _)| random_frame(&mut random, from.samples(frame_ms))).collect();
            conference.begin();
            let mut order: Vec<usize> = (0..members.len()).collect();
            order.shuffle(&mut random);
            order.iter().for_each(|&talker| conference.add(members[talker].0, &frames[talker]));
            conference.seal();
            for (listener, &(id, _, to)) in members.iter().enumerate() {
                let mut out = vec![1; to.samples(frame_ms)];
                let heard = conference.mix_minus(id, &mut out);
                assert_eq!(
                    out,
                    naive.hear(listener, &frames, frame_ms),
                    "seed {seed}, {:?}",
                    rates[listener]
                );
                assert!(heard == Heard::Audio || out.iter().all(|&sample| sample == 0), "seed {seed}");
            }
        }
        assert!(conference.statistics().resamplers <= choice.len() * (choice.len() - 1), "seed {seed}");
    }
}

#[test]
fn the_order_of_adding_and_of_hearing_does_not_matter() {
    let mut random = StdRng::seed_from_u64(1);
    let rates = [(0, 0), (0, 0), (1, 1), (3, 3), (0, 3)]
        .map(|(from, to)| (SampleRate::ALL[from], SampleRate::ALL[to]));
    let frames: Vec<Vec<Vec<i16>>> = (0..6)
        .map(|_| {
            rates.iter().map(|(from, _)| (0..from.samples(20)).map(|_| random.random()).collect()).collect()
        })
        .collect();
    let mut run = |shuffled: bool| -> Vec<Vec<i16>> {
        let mut conference = conference(20);
        let ids: Vec<_> =
            rates.iter().map(|&(from, to)| conference.join(at_rates(from, to)).unwrap()).collect();
        let mut heard = Vec::new();
        for frames in &frames {
            let mut order: Vec<usize> = (0..ids.len()).collect();
            if shuffled {
                order.shuffle(&mut random);
            }
            conference.begin();
            order.iter().for_each(|&talker| conference.add(ids[talker], &frames[talker]));
            conference.seal();
            order.reverse();
            let mut outs: Vec<_> = rates.iter().map(|(_, to)| vec![1; to.samples(20)]).collect();
            for listener in order {
                conference.mix_minus(ids[listener], &mut outs[listener]);
            }
            heard.extend(outs);
        }
        heard
    };
    let in_order = run(false);
    for _ in 0..5 {
        assert_eq!(run(true), in_order);
    }
}

#[test]
fn one_who_is_alone_hears_silence_whatever_its_rates() {
    let mut random = StdRng::seed_from_u64(2);
    for from in SampleRate::ALL {
        for to in SampleRate::ALL {
            let mut conference = conference(20);
            let id = conference.join(at_rates(from, to)).unwrap();
            for _ in 0..5 {
                let frame: Vec<i16> = (0..from.samples(20)).map(|_| random.random()).collect();
                conference.begin();
                conference.add(id, &frame);
                conference.seal();
                let mut out = vec![1; to.samples(20)];
                conference.mix_minus(id, &mut out);
                assert!(out.iter().all(|&sample| sample == 0), "{from} to {to}");
            }
        }
    }
}

#[test]
fn fifty_loud_talkers_are_cut_once_and_never_wrap() {
    let mut conference = conference(20);
    let members: Vec<_> =
        (0..50).map(|_| (conference.join(ParticipantSettings::default()).unwrap(), NARROW, NARROW)).collect();
    settle(&mut conference, &members, 20);
    let loud: Vec<i16> = (0..160).map(|n| if n % 16 < 8 { i16::MAX } else { i16::MIN }).collect();
    let opposite: Vec<i16> = loud.iter().map(|&sample| !sample).collect();
    // 26 against 24: what is left of the sum for one of the 26 is one loud voice, though every partial sum
    // overflows.
    conference.begin();
    for (at, (id, ..)) in members.iter().enumerate() {
        conference.add(*id, if at < 26 { &loud } else { &opposite });
    }
    conference.seal();
    let mut out = [0; 160];
    conference.mix_minus(members[0].0, &mut out);
    // 25 of MAX and 24 of MIN are 1·MAX − 24; 25 of MIN and 24 of MAX are MIN − 24, which is cut.
    let expected: Vec<i16> =
        loud.iter().map(|&sample| if sample > 0 { i16::MAX - 24 } else { i16::MIN }).collect();
    assert_eq!(out.to_vec(), expected);
    let frames: Vec<_> = members.iter().map(|(id, ..)| (*id, &loud[..])).collect();
    assert_eq!(tick(&mut conference, &frames, members[49].0), loud);
}

#[test]
fn the_loudest_conference_that_may_be_does_not_overflow() {
    let mut conference = conference(10);
    let loudest =
        ParticipantSettings { gain_in: Gain::from_db(Gain::MAX_DB), ..ParticipantSettings::default() };
    let ids: Vec<_> = (0..MAX_PARTICIPANTS - 1).map(|_| conference.join(loudest.clone()).unwrap()).collect();
    let wide = conference.join(at_rates(SampleRate::Hz48000, SampleRate::Hz48000)).unwrap();
    assert_eq!(conference.join(loudest), Err(ConferenceError::Full));
    let square: Vec<i16> = (0..80).map(|n| if n % 20 < 10 { i16::MAX } else { i16::MIN }).collect();
    for _ in 0..3 {
        conference.begin();
        ids.iter().for_each(|&id| conference.add(id, &square));
        conference.seal();
    }
    let mut out = [0; 480];
    conference.mix_minus(wide, &mut out);
    let mut narrow = [0; 80];
    conference.mix_minus(ids[0], &mut narrow);
    assert_eq!(narrow.to_vec(), square);
    // Cut everywhere but around the edges, and never of the wrong sign: 2 ms later the same square.
    for (at, &sample) in
        out.iter().enumerate().filter(|(at, _)| (at + 480 - 96) % 60 > 15 && (at + 480 - 96) % 60 < 45)
    {
        assert_eq!(sample, if (at + 480 - 96) / 60 % 2 == 0 { i16::MAX } else { i16::MIN }, "sample {at}");
    }
}

#[test]
fn commands_wait_for_the_next_tick() {
    let mut conference = conference(20);
    let (talker, listener) =
        (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    settle(&mut conference, &[(talker, NARROW, NARROW), (listener, NARROW, NARROW)], 20);
    let voice = [1000; 160];
    conference.begin();
    conference.command(talker, Command::Mute(true)).unwrap();
    let late = conference.join(Default::default()).unwrap();
    conference.add(talker, &voice);
    conference.add(late, &voice);
    conference.seal();
    let mut out = [0; 160];
    conference.mix_minus(listener, &mut out);
    assert_eq!(out, voice, "neither muted nor joined yet");
    assert_eq!(conference.mix_minus(late, &mut out), Heard::Silence);
    let heard = tick(&mut conference, &[(talker, &voice), (late, &[0; 160])], listener);
    assert!(heard[0] > 900 && heard[80..].iter().all(|&sample| sample == 0), "muted over 10 ms: {heard:?}");
    conference.command(talker, Command::Mute(false)).unwrap();
    let heard = tick(&mut conference, &[(talker, &voice), (late, &voice)], listener);
    assert_eq!(heard[80..], [2000; 80]);
}

#[test]
fn of_one_who_is_muted_while_silent_nothing_is_heard_not_even_the_beginning() {
    let mut conference = conference(20);
    let (talker, listener) =
        (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    settle(&mut conference, &[(talker, NARROW, NARROW), (listener, NARROW, NARROW)], 20);
    conference.command(talker, Command::Mute(true)).unwrap();
    assert_eq!(tick(&mut conference, &[(talker, &[1000; 160])], listener), [0; 160]);
    assert!(!conference.is_heard(talker));
}

#[test]
fn mute_deaf_hold_and_gains_do_what_they_say() {
    let mut conference = conference(20);
    let talker = conference.join(Default::default()).unwrap();
    let listener = conference.join(Default::default()).unwrap();
    let settings = ParticipantSettings { mix_when_held: true, ..Default::default() };
    let musical = conference.join(settings).unwrap();
    let frame = [1000; 160];
    let mut heard_after = |commands: &[(ParticipantId, Command)]| {
        for (id, command) in commands {
            conference.command(*id, *command).unwrap();
        }
        let frames: [(_, &[i16]); 3] = [(talker, &frame), (musical, &frame), (listener, &frame)];
        tick(&mut conference, &frames, listener);
        tick(&mut conference, &frames, listener)[0]
    };
    assert_eq!(heard_after(&[]), 2000);
    assert_eq!(heard_after(&[(talker, Command::Mute(true))]), 1000);
    assert_eq!(heard_after(&[(talker, Command::Mute(false)), (talker, Command::Hold(true))]), 1000);
    assert_eq!(heard_after(&[(musical, Command::Hold(true))]), 1000, "its hold is mixed");
    assert_eq!(heard_after(&[(talker, Command::Hold(false))]), 2000);
    assert_eq!(heard_after(&[(talker, Command::GainIn(Gain::from_db(-20.0)))]), 1100);
    assert_eq!(heard_after(&[(talker, Command::GainIn(Gain::from_db(6.0206)))]), 3000);
    assert_eq!(heard_after(&[(listener, Command::GainOut(Gain::from_db(-6.0206)))]), 1500);
    assert_eq!(heard_after(&[(listener, Command::Deaf(true))]), 0);
    assert_eq!(
        heard_after(&[(listener, Command::Deaf(false)), (listener, Command::GainOut(Gain::UNITY))]),
        3000
    );
    assert_eq!(
        heard_after(&[(listener, Command::Mute(true)), (listener, Command::GainIn(Gain::SILENT))]),
        3000
    );
}

#[test]
fn rates_change_between_ticks_and_everyone_goes_on_hearing() {
    let mut conference = conference(20);
    let (a, b) = (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    settle(&mut conference, &[(a, NARROW, NARROW), (b, NARROW, NARROW)], 20);
    for (from, to) in
        [(3, 3), (1, 0), (0, 1), (2, 3), (0, 0)].map(|(i, o)| (SampleRate::ALL[i], SampleRate::ALL[o]))
    {
        conference.command(a, Command::InRate(from)).unwrap();
        conference.command(b, Command::OutRate(to)).unwrap();
        let mut out = vec![0; to.samples(20)];
        for round in 0..3 {
            conference.begin();
            conference.add(a, &vec![5000; from.samples(20)]);
            conference.add(b, &[3000; 160]);
            conference.seal();
            conference.mix_minus(b, &mut out);
            if round > 0 {
                assert!(out.iter().all(|&sample| sample == 5000), "{from} to {to}: {out:?}");
            }
        }
    }
    assert_eq!(conference.statistics().frames_refused, 0);
    assert_eq!(conference.statistics().resamplers, 3, "those to 8 kHz stay, silent, for who comes next");
}

#[test]
fn frames_of_a_wrong_length_second_frames_and_strangers_are_refused_and_counted() {
    let mut conference = conference(20);
    let (a, b) = (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    settle(&mut conference, &[(a, NARROW, NARROW), (b, NARROW, NARROW)], 20);
    conference.begin();
    conference.add(a, &[500; 80]);
    conference.add(a, &[500; 160]);
    conference.add(a, &[500; 160]);
    conference.seal();
    let mut out = [0; 160];
    conference.mix_minus(b, &mut out);
    assert_eq!(out, [500; 160]);
    let mut short = [1; 80];
    assert_eq!(conference.mix_minus(b, &mut short), Heard::Silence);
    assert_eq!(short, [0; 80]);
    conference.leave(a);
    conference.begin();
    conference.add(a, &[500; 160]);
    assert_eq!(conference.mix_minus(a, &mut out), Heard::Silence);
    assert_eq!(conference.statistics().frames_refused, 3);
    assert_eq!(conference.command(a, Command::Mute(true)), Err(ConferenceError::NoSuchParticipant));
    let again = conference.join(Default::default()).unwrap();
    assert_ne!(again, a, "a name is never given twice");
    assert_eq!(conference.command(a, Command::Mute(true)), Err(ConferenceError::NoSuchParticipant));
}

#[test]
fn an_empty_conference_has_no_buses_and_counts_no_ticks() {
    let mut conference = conference(20);
    let gone = conference.join(Default::default()).unwrap();
    conference.leave(gone);
    conference.leave(gone);
    assert!(conference.is_empty());
    for _ in 0..3 {
        conference.begin();
        conference.seal();
    }
    assert_eq!(conference.statistics(), Default::default());
    assert_eq!(conference.bus_samples(), 0);
}

#[test]
fn at_most_twelve_resamplers_serve_any_number_and_go_with_their_listeners() {
    let mut conference = conference(20);
    let join =
        |conference: &mut Conference, rate| (conference.join(at_rates(rate, rate)).unwrap(), rate, rate);
    let members: Vec<_> = (0..40).map(|at| join(&mut conference, SampleRate::ALL[at % 4])).collect();
    settle(&mut conference, &members, 20);
    assert_eq!(conference.statistics().resamplers, 0, "silence needs none");
    conference.begin();
    members.iter().for_each(|(id, rate, _)| conference.add(*id, &vec![100; rate.samples(20)]));
    conference.seal();
    assert_eq!(conference.statistics().resamplers, 12);
    members.iter().filter(|(_, rate, _)| *rate != NARROW).for_each(|(id, ..)| conference.leave(*id));
    conference.begin();
    assert_eq!(conference.statistics().resamplers, 3, "those to 8 kHz");
    assert_eq!(conference.len(), 10);
}

#[test]
fn a_steady_tick_allocates_nothing() {
    let mut conference = conference(20);
    let rates =
        [(0, 0), (3, 3), (1, 0), (0, 3), (2, 2)].map(|(i, o)| (SampleRate::ALL[i], SampleRate::ALL[o]));
    let members: Vec<_> =
        rates.iter().map(|&(from, to)| (conference.join(at_rates(from, to)).unwrap(), from, to)).collect();
    let mut random = StdRng::seed_from_u64(9);
    let run = |conference: &mut Conference, random: &mut StdRng, everyone: bool| {
        conference.begin();
        for (id, from, _) in &members {
            if everyone || random.random_bool(0.7) {
                conference.add(*id, &random_frame(random, from.samples(20)));
            }
        }
        conference.seal();
        members.iter().for_each(|(id, _, to)| _ = conference.mix_minus(*id, &mut vec![0; to.samples(20)]));
    };
    for _ in 0..20 {
        run(&mut conference, &mut random, true);
    }
    let before = conference.memory();
    for _ in 0..200 {
        run(&mut conference, &mut random, false);
    }
    assert_eq!(conference.memory(), before);
}

#[test]
fn lists_show_who_is_there_and_who_sounds() {
    let mut conference = conference(20);
    let named = |name: &str| ParticipantSettings { name: name.to_owned(), ..Default::default() };
    let ida = conference.join(named("Ida")).unwrap();
    let otto = conference.join(ParticipantSettings { muted: true, ..named("Otto") }).unwrap();
    let gone = conference.join(named("Eva")).unwrap();
    conference.leave(gone);
    conference.command(otto, Command::Hold(true)).unwrap();
    tick(&mut conference, &[(ida, &[9; 160]), (otto, &[9; 160])], ida);
    let list: Vec<_> =
        conference.participants().map(|view| (view.name, view.muted, view.held, view.sounding)).collect();
    assert_eq!(list, [("Ida", false, false, true), ("Otto", true, true, false)]);
    assert_eq!(conference.len(), 2);
}
