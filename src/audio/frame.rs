//! Between packets, as long as their ptime, and frames, as long as the mixer's tick.

/// A first-in first-out of samples with a fixed room.
#[derive(Debug)]
struct SampleQueue {
    /// Empty until something has to wait: a leg whose packets are frames never needs it.
    ring: Vec<i16>,
    capacity_samples: usize,
    first: usize,
    len: usize,
}

impl SampleQueue {
    fn new(capacity_samples: usize) -> Self {
        Self { ring: Vec::new(), capacity_samples, first: 0, len: 0 }
    }

    /// Takes all of `samples` or, if there is no room, none.
    fn push(&mut self, samples: &[i16]) -> bool {
        if samples.len() > self.capacity_samples - self.len {
            return false;
        }
        if self.len == 0 {
            // So that the same few cache lines are used again and again.
            self.first = 0;
            self.ring.resize(self.capacity_samples, 0);
        }
        let start = self.wrap(self.first + self.len);
        let until_end = samples.len().min(self.capacity_samples - start);
        let (front, back) = samples.split_at(until_end);
        self.ring[start..start + until_end].copy_from_slice(front);
        self.ring[..back.len()].copy_from_slice(back);
        self.len += samples.len();
        true
    }

    /// Fills all of `samples` or, if there are too few, nothing.
    fn pop(&mut self, samples: &mut [i16]) -> bool {
        if samples.len() > self.len {
            return false;
        }
        let until_end = samples.len().min(self.capacity_samples - self.first);
        let (front, back) = samples.split_at_mut(until_end);
        front.copy_from_slice(&self.ring[self.first..self.first + until_end]);
        back.copy_from_slice(&self.ring[..back.len()]);
        self.first = self.wrap(self.first + samples.len());
        self.len -= samples.len();
        true
    }

    fn wrap(&self, at: usize) -> usize {
        if at >= self.capacity_samples { at - self.capacity_samples } else { at }
    }
}

/// Cuts what packets of any ptime decode to into frames of the mixer.
#[derive(Debug)]
pub struct FrameCutter {
    queue: SampleQueue,
    frame_samples: usize,
}

impl FrameCutter {
    /// Cuts frames of `frame_samples`; has room for a packet of `max_packet_samples` beside an unfinished
    /// frame.
    pub fn new(frame_samples: usize, max_packet_samples: usize) -> Self {
        assert!(frame_samples > 0, "a frame has samples");
        Self { queue: SampleQueue::new(max_packet_samples + 2 * frame_samples), frame_samples }
    }

    /// Takes a packet's samples; false, and nothing taken, if there is no room: the caller did not take
    /// frames out.
    #[must_use]
    pub fn push(&mut self, packet: &[i16]) -> bool {
        self.queue.push(packet)
    }

    /// Samples of a frame.
    pub fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// True if a packet of so many samples is the next frame as it is: nothing waits before it. It need not be
    /// pushed then; the caller may decode it straight to where the frame is wanted.
    pub fn is_next_frame(&self, packet_samples: usize) -> bool {
        self.queue.len == 0 && packet_samples == self.frame_samples
    }

    /// Fills `frame` (of the length given at the start) with the next whole frame; false if there is none.
    #[must_use]
    pub fn pop(&mut self, frame: &mut [i16]) -> bool {
        assert_eq!(frame.len(), self.frame_samples, "frame length fixed at the start");
        self.queue.pop(frame)
    }

    /// Samples waiting.
    pub fn len_samples(&self) -> usize {
        self.queue.len
    }

    /// True if a whole frame waits.
    pub fn has_frame(&self) -> bool {
        self.queue.len >= self.frame_samples
    }

    /// Forgets what waits, as when the stream begins anew.
    pub fn clear(&mut self) {
        self.queue.len = 0;
    }
}

/// Joins frames of the mixer to packets of the ptime we send.
#[derive(Debug)]
pub struct FrameJoiner {
    queue: SampleQueue,
    packet_samples: usize,
}

impl FrameJoiner {
    /// Joins to packets of `packet_samples`.
    pub fn new(packet_samples: usize, frame_samples: usize) -> Self {
        assert!(packet_samples > 0, "a packet has samples");
        Self { queue: SampleQueue::new(packet_samples + 2 * frame_samples), packet_samples }
    }

    /// Takes a frame; false, and nothing taken, if there is no room: the caller did not take packets out.
    #[must_use]
    pub fn push(&mut self, frame: &[i16]) -> bool {
        self.queue.push(frame)
    }

    /// Fills `packet` (of the length given at the start) if enough samples wait.
    #[must_use]
    pub fn pop(&mut self, packet: &mut [i16]) -> bool {
        assert_eq!(packet.len(), self.packet_samples, "packet length fixed at the start");
        self.queue.pop(packet)
    }

    /// Samples waiting.
    pub fn len_samples(&self) -> usize {
        self.queue.len
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.queue.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameCutter, FrameJoiner};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn packets_of_any_length_come_out_as_whole_frames_in_order() {
        let mut random = StdRng::seed_from_u64(6);
        for frame_samples in [80, 160] {
            let mut cutter = FrameCutter::new(frame_samples, 480);
            let (mut sent, mut heard) = (0_i16, 0_i16);
            for _ in 0..500 {
                let len = random.random_range(0..=480_i16);
                let packet: Vec<i16> = (0..len).map(|at| sent.wrapping_add(at)).collect();
                sent = sent.wrapping_add(len);
                assert!(cutter.push(&packet));
                let mut frame = vec![0; frame_samples];
                while cutter.pop(&mut frame) {
                    for &sample in &frame {
                        assert_eq!(sample, heard);
                        heard = heard.wrapping_add(1);
                    }
                }
                assert!(cutter.len_samples() < frame_samples && !cutter.has_frame());
            }
        }
    }

    #[test]
    fn frames_of_ten_milliseconds_join_to_packets_of_thirty() {
        let mut joiner = FrameJoiner::new(240, 80);
        let mut packet = [0; 240];
        for number in 0..9_i16 {
            assert!(!joiner.pop(&mut packet));
            assert!(joiner.push(&[number; 80]));
            if number % 3 == 2 {
                assert!(joiner.pop(&mut packet));
                assert_eq!((packet[0], packet[80], packet[239]), (number - 2, number - 1, number));
            }
        }
        assert_eq!(joiner.len_samples(), 0);
    }

    #[test]
    fn room_is_bounded_and_what_has_none_is_refused_whole() {
        let mut cutter = FrameCutter::new(80, 160);
        assert!(cutter.push(&[1; 160]) && cutter.push(&[2; 160]));
        assert!(!cutter.push(&[3; 1]));
        let mut frame = [0; 80];
        assert!(cutter.pop(&mut frame) && frame == [1; 80]);
        cutter.clear();
        assert!(!cutter.pop(&mut frame));
        assert!(cutter.push(&[4; 80]) && cutter.pop(&mut frame) && frame == [4; 80]);
    }

    #[test]
    fn a_packet_is_the_next_frame_only_if_it_is_as_long_and_nothing_waits() {
        let mut cutter = FrameCutter::new(80, 160);
        assert!(cutter.is_next_frame(80) && !cutter.is_next_frame(79) && !cutter.is_next_frame(160));
        assert!(cutter.push(&[1; 120]) && !cutter.is_next_frame(80));
        let mut frame = [0; 80];
        assert!(cutter.pop(&mut frame) && !cutter.is_next_frame(80));
        assert!(cutter.push(&[2; 40]) && cutter.pop(&mut frame) && cutter.is_next_frame(80));
    }
}
