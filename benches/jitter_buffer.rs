//! The jitter buffer: one packet in and one frame out, as a leg does every 20 ms, on a quiet and on a jittery network.

use std::hint::black_box;
use std::time::{Duration, Instant};

use antiphon::rtp::jitter_buffer::{Arrival, JitterBuffer, JitterSettings, Playout};
use antiphon::rtp::{SequenceNumber, Ssrc, Timestamp};
use criterion::{Criterion, criterion_group, criterion_main};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_UNITS: u32 = 160;
const SETTINGS: JitterSettings = JitterSettings {
    min_ms: 0,
    max_ms: 200,
    frame_ms: 20,
    clock_rate: 8000,
    packet_ms: 20,
    comfort_noise: None,
};

/// A leg: its buffer, and what it holds of a frame.
struct Leg {
    buffer: JitterBuffer,
    begin: Instant,
    frame: u32,
    held_units: u32,
}

impl Leg {
    fn new() -> Leg {
        Leg { buffer: JitterBuffer::new(SETTINGS), begin: Instant::now(), frame: 0, held_units: 0 }
    }

    /// A packet comes `delay_us` after it was sent; a frame is played at its end.
    fn frame(&mut self, delay_us: u64) {
        let sent = self.begin + FRAME * self.frame;
        self.buffer.insert(Arrival {
            at: sent + Duration::from_micros(delay_us),
            ssrc: Ssrc(1),
            sequence: SequenceNumber(self.frame as u16),
            timestamp: Timestamp(self.frame.wrapping_mul(FRAME_UNITS)),
            marker: self.frame == 0,
            payload_type: 0,
            payload: &[0x55; 160],
        });
        self.frame += 1;
        let now = self.begin + FRAME * self.frame;
        while self.held_units < FRAME_UNITS {
            match self.buffer.playout(now, self.held_units) {
                Playout::Packet(packet) => {
                    black_box(packet.payload);
                    self.held_units += FRAME_UNITS - packet.skip.min(FRAME_UNITS);
                }
                Playout::Conceal { units } | Playout::Pause { units, .. } => self.held_units += units,
                Playout::Enough | Playout::Empty => break,
            }
        }
        self.held_units = self.held_units.saturating_sub(FRAME_UNITS);
    }
}

fn insert_and_playout(criterion: &mut Criterion) {
    let mut leg = Leg::new();
    criterion
        .bench_function("jitter_buffer/packet, quiet network", |bencher| bencher.iter(|| leg.frame(2_000)));
    let (mut leg, mut random) = (Leg::new(), 1_u64);
    criterion.bench_function("jitter_buffer/packet, up to 30 ms of jitter", |bencher| {
        bencher.iter(|| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            leg.frame(2_000 + (random >> 33) % 30_000);
        });
    });
}

criterion_group!(jitter_buffer, insert_and_playout);
criterion_main!(jitter_buffer);
