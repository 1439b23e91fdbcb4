//! What a packet tells without being decoded: whether anybody speaks in it (RFC 6716 §3.1, §4.2.3).

/// Configurations from here on are CELT alone, which says nothing of voice.
const FIRST_CELT: u8 = 16;
/// So short a packet holds no audible sound: DTX, or CELT's silence flag.
const MAX_EMPTY_OCTETS: usize = 3;

/// True if the packet says that nobody speaks: it is all but empty, or the voice activity flags of its SILK layer are all
/// zero. Packets of several frames, and of two channels, are not looked into: false.
pub fn says_silence(packet: &[u8]) -> bool {
    let [toc, rest @ ..] = packet else { return true };
    let (configuration, is_stereo, frame_count_code) = (toc >> 3, toc & 4 != 0, toc & 3);
    match rest.first() {
        _ if packet.len() <= MAX_EMPTY_OCTETS => true,
        Some(flags) if configuration < FIRST_CELT && !is_stereo && frame_count_code == 0 => {
            // One flag per 20 ms come first in the range coder, each a bit.
            flags >> (8 - silk_frames(configuration)) == 0
        }
        _ => false,
    }
}

/// SILK frames in an Opus frame: SILK alone has 10, 20, 40 and 60 ms, hybrid 10 and 20 ms.
fn silk_frames(configuration: u8) -> u8 {
    match configuration {
        0..12 => [1, 1, 2, 3][usize::from(configuration % 4)],
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OpusEncoder, OpusSettings};
    use super::says_silence;
    use crate::audio::SampleRate;

    fn packets(settings: &OpusSettings, frame: impl Fn(usize) -> i16) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(settings.clone()).unwrap();
        let samples = settings.rate.samples(20);
        let packet = |number: usize| {
            let frame: Vec<i16> = (0..samples).map(|at| frame(number * samples + at)).collect();
            let mut packet = vec![0; 1275];
            let len = encoder.encode(&frame, &mut packet).unwrap();
            packet[..len].to_vec()
        };
        (0..60).map(packet).collect()
    }

    fn settings(complexity: u8, rate: SampleRate) -> OpusSettings {
        OpusSettings { complexity, rate, ..OpusSettings::default() }
    }

    #[test]
    fn coded_silence_says_so() {
        for complexity in [0, 5, 10] {
            for rate in [SampleRate::Hz16000, SampleRate::Hz48000] {
                let silent = packets(&settings(complexity, rate), |_| 0);
                assert!(silent[10..].iter().all(|packet| says_silence(packet)), "{complexity} {rate:?}");
            }
        }
    }

    #[test]
    fn a_voice_that_begins_does_not() {
        for complexity in [0, 5, 10] {
            for rate in [SampleRate::Hz16000, SampleRate::Hz48000] {
                // A buzz of 150 Hz with harmonics up to a kilohertz, as of a vowel.
                let period = rate.hertz() as usize / 150;
                let buzz = |at: usize| -> i16 {
                    let phase = std::f32::consts::TAU * (at % period) as f32 / period as f32;
                    (1..7).map(|harmonic| 2500.0 * (phase * harmonic as f32).sin()).sum::<f32>() as i16
                };
                let spoken = packets(&settings(complexity, rate), buzz);
                // What stays as it is counts as noise after a while; it is known by the length of its packets.
                let silent = spoken[..12].iter().filter(|packet| says_silence(packet)).count();
                assert!(silent <= 2, "{complexity} {rate:?}: {silent} of 12");
            }
        }
    }

    #[test]
    fn what_cannot_be_looked_into_says_nothing() {
        assert!(says_silence(&[]) && says_silence(&[0x78]) && says_silence(&[0xf8, 0xff, 0xfe]));
        for packet in [[0xf8, 0, 0, 0], [0x7c, 0, 0, 0], [0x79, 0, 0, 0], [0x7b, 0, 0, 0]] {
            assert!(!says_silence(&packet), "{packet:x?}");
        }
        assert!(
            says_silence(&[0x18, 0x1f, 9, 9]) && !says_silence(&[0x18, 0x20, 9, 9]),
            "60 ms: three flags"
        );
        assert!(says_silence(&[0x08, 0x7f, 9, 9]) && !says_silence(&[0x08, 0x80, 9, 9]), "20 ms: one flag");
    }
}
