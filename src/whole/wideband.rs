//! Callers of different codecs, sample rates and clocks in one room: G.722 beside G.711 and Opus.

use crate::caller::{Call, Caller};
use crate::hearing::{Samples, tone_db};
use crate::scene::Scene;
use crate::speech::sine;
use crate::talk::Law;
use antiphon::audio::opus::OpusSettings;
use antiphon::audio::{Decoder, Encoder, Format, SampleRate};
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

const OPUS: &str = "96\r\na=rtpmap:96 opus/48000/2\r\na=ptime:20\r\n";
const PEAK: f32 = 0.2;
/// What each says: in G.722, in µ-law, in Opus.
const PITCHES: [u32; 3] = [500, 1_200, 2_100];

/// Talks in Opus for so many packets; what comes meanwhile, decoded at 8 kHz.
fn talk_in_opus(call: &Call, packets: u32) -> Samples {
    let format = |rate| Format::Opus(OpusSettings { rate, ..OpusSettings::default() });
    let mut encoder = Encoder::new(&format(SampleRate::Hz48000)).expect("an encoder");
    let mut decoder = Decoder::new(&format(SampleRate::Hz8000)).expect("a decoder");
    call.media.set_nonblocking(true).expect("non-blocking");
    let (begin, mut heard, mut datagram) = (Instant::now(), Vec::new(), [0; 2_000]);
    for number in 0..packets {
        let said = number * 960;
        let frame: Vec<i16> = (said..said + 960)
            .map(|n| {
                (f64::from(PEAK) * 32_768.0 * (TAU * f64::from(PITCHES[2]) * f64::from(n) / 48_000.0).sin())
                    as i16
            })
            .collect();
        let len = encoder.encode(&frame, &mut datagram[12..]).expect("encoded");
        datagram[..2].copy_from_slice(&[0x80, 96]);
        datagram[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        datagram[4..8].copy_from_slice(&said.to_be_bytes());
        datagram[8..12].copy_from_slice(&0x5eed_u32.to_be_bytes());
        call.media.send_to(&datagram[..12 + len], call.rtp).expect("sent");
        std::thread::sleep(
            (begin + Duration::from_millis(20) * (number + 1)).saturating_duration_since(Instant::now()),
        );
        while let Ok(len) = call.media.recv(&mut datagram) {
            let mut samples = [0; 960];
            if datagram[1] & 0x7f == 96 {
                let len = decoder.decode(&datagram[12..len], &mut samples).expect("decoded");
                heard.extend(samples[..len].iter().map(|sample| f32::from(*sample) / 32_768.0));
            }
        }
    }
    heard
}

#[test]
fn callers_of_g722_g711_and_opus_hear_each_other() {
    let mut scene = Scene::new("");
    let wide = scene.join("room-1", Law::G722, 20, &sine(PITCHES[0], PEAK));
    let narrow = scene.join("room-1", Law::Mu, 20, &sine(PITCHES[1], PEAK));
    assert!(scene.calls[wide].answer.contains("a=rtpmap:9 G722/8000"), "{}", scene.calls[wide].answer);
    let mut caller = Caller::new(scene.server.sip);
    let opus = caller.dial("room-1", OPUS).unwrap_or_else(|answer| panic!("{answer}"));
    scene.pause(500);
    let marks = [wide, narrow].map(|who| scene.stage.mark(who));
    let heard_in_opus = talk_in_opus(&opus, 150);
    let [heard_wide, heard_narrow] =
        [(wide, marks[0]), (narrow, marks[1])].map(|(who, mark)| scene.stage.heard(who, mark));
    for heard in [&heard_wide, &heard_narrow] {
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
    }
    let all = [heard_wide.samples(), heard_narrow.samples(), heard_in_opus];
    for (own, heard) in all.iter().enumerate() {
        assert!(heard.len() > 20_000, "{own}: {} samples", heard.len());
        let levels = PITCHES.map(|pitch| tone_db(&heard[8_000..16_000], pitch as f32));
        for (who, level) in levels.into_iter().enumerate() {
            let is_right = if who == own { level < -45.0 } else { (level + 14.0).abs() < 1.5 };
            assert!(is_right, "{own} hears {levels:?}\n{}", scene.server.log());
        }
    }
}

#[test]
fn a_route_with_codecs_of_its_own_answers_with_those() {
    let scene = Scene::with(
        "codecs = [\"opus\", \"pcmu\", \"pcma\"]\n[[route]]\nmatch = \"wide\"\necho = true\n\
         codecs = [\"g722\", \"pcma\"]\n[[route]]\nmatch = \"any\"\necho = true\n",
    );
    let mut caller = Caller::new(scene.server.sip);
    let mut answer = |user: &str| {
        let call = caller.dial(user, "96 0 8 9\r\na=rtpmap:96 opus/48000/2\r\n");
        let call = call.unwrap_or_else(|answer| panic!("{answer}"));
        call.answer.lines().find(|line| line.starts_with("m=")).expect("an audio line").to_owned()
    };
    let formats = |line: String| line.split("RTP/AVP ").nth(1).expect("formats").trim().to_owned();
    assert_eq!(formats(answer("wide")), "8 9");
    assert_eq!(formats(answer("any")), "96 0 8");
}
