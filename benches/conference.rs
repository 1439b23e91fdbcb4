//! The conference: one tick (begin, add, seal, mix-minus of everyone) with three talkers among 3, 50 or 1,000
//! participants of one rate, with everyone talking, and with all four rates; and with coaches who whisper to one agent each.

use std::f64::consts::TAU;
use std::hint::black_box;

use antiphon::audio::SampleRate;
use antiphon::conference::{
    Conference, ConferenceSettings, ParticipantId, ParticipantSettings, SpeaksTo, Tag,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const FRAME_MS: u32 = 20;

/// A conference in its steady state, and a frame for each rate.
struct Room {
    conference: Conference,
    participants: Vec<(ParticipantId, SampleRate)>,
    talkers: usize,
    /// Of the last participants so many coach one before them each.
    coaches: usize,
    frames: [Vec<i16>; 4],
    silence: Vec<i16>,
    out: Vec<i16>,
}

impl Room {
    /// `rates` go round among the participants, of whom the first `talkers` talk.
    fn new(participants: usize, talkers: usize, rates: &[SampleRate], coaches: usize) -> Room {
        let settings = ConferenceSettings { frame_ms: FRAME_MS, ..Default::default() };
        Room::with(settings, participants, talkers, rates, coaches)
    }

    fn with(
        settings: ConferenceSettings,
        participants: usize,
        talkers: usize,
        rates: &[SampleRate],
        coaches: usize,
    ) -> Room {
        let mut conference = Conference::new(settings);
        let participants = (0..participants)
            .map(|index| {
                let rate = rates[index % rates.len()];
                let from_last = participants - 1 - index;
                let (mut tag, mut speaks_to) = (None, SpeaksTo::Everyone);
                if from_last < coaches {
                    let pupil = Tag::new(&from_last.to_string()).expect("a word");
                    speaks_to = SpeaksTo::Tagged(pupil);
                } else if from_last < 2 * coaches {
                    tag = Tag::new(&(from_last - coaches).to_string());
                }
                let settings = ParticipantSettings {
                    in_rate: rate,
                    out_rate: rate,
                    tag,
                    speaks_to,
                    ..Default::default()
                };
                (conference.join(settings).expect("there is room"), rate)
            })
            .collect();
        let longest = SampleRate::Hz48000.samples(FRAME_MS);
        let frames = SampleRate::ALL.map(tone);
        let mut room = Room {
            conference,
            participants,
            talkers,
            coaches,
            frames,
            silence: vec![0; longest],
            out: vec![0; longest],
        };
        (0..10).for_each(|_| room.tick());
        room
    }

    fn tick(&mut self) {
        self.conference.begin();
        for (index, (id, rate)) in self.participants.iter().enumerate() {
            let coaches = index >= self.participants.len() - self.coaches;
            let frame = match index < self.talkers || coaches {
                true => &self.frames[rate.index()][..],
                false => &self.silence[..rate.samples(FRAME_MS)],
            };
            self.conference.add(*id, frame);
        }
        self.conference.seal();
        for (id, rate) in &self.participants {
            black_box(self.conference.mix_minus(*id, &mut self.out[..rate.samples(FRAME_MS)]));
        }
    }
}

/// 400 Hz: whole periods in every frame.
fn tone(rate: SampleRate) -> Vec<i16> {
    let step = TAU * 400.0 / f64::from(rate.hertz());
    (0..rate.samples(FRAME_MS)).map(|n| (3000.0 * (step * n as f64).sin()) as i16).collect()
}

fn ticks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conference/tick");
    let one = [SampleRate::Hz8000];
    for (participants, talkers, rates, coaches, name) in [
        (3, 3, &one[..], 0, "3 talking"),
        (50, 3, &one, 0, "50, 3 talking"),
        (50, 50, &one, 0, "50 talking"),
        (1000, 3, &one, 0, "1000, 3 talking"),
        (50, 3, &SampleRate::ALL, 0, "50, 3 talking, all rates"),
        (1000, 3, &SampleRate::ALL, 0, "1000, 3 talking, all rates"),
        (500, 3, &one, 0, "500, 3 talking"),
        (500, 3, &one, 1, "500, 3 talking, 1 coaching"),
        (500, 3, &one, 10, "500, 3 talking, 10 coaching"),
    ] {
        let mut room = Room::new(participants, talkers, rates, coaches);
        group.throughput(Throughput::Elements(participants as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &(), |bencher, ()| {
            bencher.iter(|| room.tick())
        });
    }
    group.finish();
}

/// Fifty, or one, whose loudness goes up and down as that of speech does, and another one who listens.
fn voice_activity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conference/voice activity");
    for talkers in [1, 50] {
        for voice_activity in [false, true] {
            let settings = ConferenceSettings { frame_ms: FRAME_MS, voice_activity, ..Default::default() };
            let mut room = Room::with(settings, talkers + 1, talkers, &[SampleRate::Hz8000], 0);
            let (loud, quiet) = (room.frames.clone(), room.frames.clone().map(|frame| vec![1; frame.len()]));
            let mut at = 0;
            group.throughput(Throughput::Elements(talkers as u64));
            let name = format!("{talkers} talking, {}", if voice_activity { "on" } else { "off" });
            group.bench_with_input(BenchmarkId::from_parameter(name), &(), |bencher, ()| {
                bencher.iter(|| {
                    match at % 20 {
                        0 => room.frames.clone_from(&loud),
                        10 => room.frames.clone_from(&quiet),
                        _ => {}
                    }
                    at += 1;
                    room.tick();
                })
            });
        }
    }
    group.finish();
}

criterion_group!(conference, ticks, voice_activity);
criterion_main!(conference);
