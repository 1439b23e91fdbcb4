//! The conference: one tick (begin, add, seal, mix-minus of everyone) with three talkers among 3, 50 or 1,000
//! participants of one rate, with everyone talking, and with all four rates.

use std::f64::consts::TAU;
use std::hint::black_box;

use antiphon::audio::SampleRate;
use antiphon::conference::{Conference, ConferenceSettings, ParticipantId, ParticipantSettings};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const FRAME_MS: u32 = 20;

/// A conference in its steady state, and a frame for each rate.
struct Room {
    conference: Conference,
    participants: Vec<(ParticipantId, SampleRate)>,
    talkers: usize,
    frames: [Vec<i16>; 4],
    silence: Vec<i16>,
    out: Vec<i16>,
}

impl Room {
    /// `rates` go round among the participants, of whom the first `talkers` talk.
    fn new(participants: usize, talkers: usize, rates: &[SampleRate]) -> Room {
        let mut conference = Conference::new(ConferenceSettings { frame_ms: FRAME_MS, ..Default::default() });
        let participants = (0..participants)
            .map(|index| {
                let rate = rates[index % rates.len()];
                let settings = ParticipantSettings { in_rate: rate, out_rate: rate, ..Default::default() };
                (conference.join(settings).expect("there is room"), rate)
            })
            .collect();
        let longest = SampleRate::Hz48000.samples(FRAME_MS);
        let frames = SampleRate::ALL.map(tone);
        let mut room = Room {
            conference,
            participants,
            talkers,
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
            let frame = match index < self.talkers {
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
    for (participants, talkers, rates, name) in [
        (3, 3, &one[..], "3 talking"),
        (50, 3, &one, "50, 3 talking"),
        (50, 50, &one, "50 talking"),
        (1000, 3, &one, "1000, 3 talking"),
        (50, 3, &SampleRate::ALL, "50, 3 talking, all rates"),
        (1000, 3, &SampleRate::ALL, "1000, 3 talking, all rates"),
    ] {
        let mut room = Room::new(participants, talkers, rates);
        group.throughput(Throughput::Elements(participants as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &(), |bencher, ()| {
            bencher.iter(|| room.tick())
        });
    }
    group.finish();
}

criterion_group!(conference, ticks);
criterion_main!(conference);
