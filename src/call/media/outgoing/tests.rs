use super::{Outgoing, SendFormat};
use crate::audio::opus::OpusSettings;
use crate::audio::{Encoder, Format};
use crate::call::media::Workbench;
use crate::rtp::packet::Packet;
use crate::rtp::packet_sender::StreamStart;
use crate::rtp::telephone_event::Digit;
use crate::worker::Worker;
use crate::worker::testing::on_worker;
use std::time::{Duration, Instant};

const DIGIT_TYPE: u8 = 101;
const NOISE_TYPE: u8 = 13;

struct Sender<'a> {
    worker: &'a Worker,
    outgoing: Outgoing,
    bench: Workbench,
    due: Instant,
}

impl<'a> Sender<'a> {
    fn of(worker: &'a Worker, send: SendFormat) -> Self {
        let outgoing = Outgoing::new(send, 20, StreamStart::from_random(1, 2)).unwrap();
        Sender { worker, outgoing, bench: Workbench::default(), due: worker.now() }
    }

    /// The payload type and the payload of what is sent for a frame.
    fn sends(&mut self, frame: &[i16]) -> Option<(u8, Vec<u8>)> {
        self.due += Duration::from_millis(20);
        self.bench.frame[..frame.len()].copy_from_slice(frame);
        let len = self.outgoing.send(self.worker, self.due, &mut self.bench)?;
        let packet = Packet::parse(&self.bench.datagram[..len]).unwrap();
        Some((packet.header.payload_type, packet.payload.to_vec()))
    }
}

fn send_of(format: Format) -> SendFormat {
    SendFormat {
        payload_type: 0,
        format,
        packet_ms: 20,
        telephone_event: Some((DIGIT_TYPE, 8_000)),
        comfort_noise: None,
        redundancy: None,
        contributors: None,
    }
}

fn opus(expected_loss_percent: u8) -> SendFormat {
    send_of(Format::Opus(OpusSettings { expected_loss_percent, ..OpusSettings::default() }))
}

fn expected_loss(sender: &Sender<'_>) -> u8 {
    sender.outgoing.send.format.expected_loss_percent()
}

#[test]
fn the_loss_that_is_expected_is_the_configured_one_or_what_the_peer_tells_if_that_is_more() {
    on_worker(|worker| {
        let mut sender = Sender::of(worker, opus(5));
        assert_eq!(expected_loss(&sender), 5);
        for (told, expected) in [(0, 5), (10, 10), (0, 5), (20, 20)] {
            sender.outgoing.expect_loss(told);
            assert_eq!(expected_loss(&sender), expected, "told {told}");
        }
        for (configured, expected) in [(5, 20), (30, 30), (0, 20)] {
            sender.outgoing.change(opus(configured)).unwrap();
            assert_eq!(expected_loss(&sender), expected, "configured {configured}");
        }
        sender.outgoing.expect_loss(0);
        assert_eq!(expected_loss(&sender), 0);
    });
}

#[test]
fn an_encoder_goes_on_through_a_negotiation_that_changes_nothing_or_its_settings_alone() {
    on_worker(|worker| {
        let mut sender = Sender::of(worker, opus(5));
        let mut encoder = Encoder::new(&opus(5).format).unwrap();
        let mut payload = [0; 2_000];
        let mut agree = |sender: &mut Sender<'_>, encoder: &mut Encoder, from: usize| {
            for number in from..from + 20 {
                let sound = |n: usize| ((number * 960 + n) as f64 * 0.05).sin() * 9_000.0;
                let frame: Vec<i16> = (0..960).map(|n| sound(n) as i16).collect();
                let len = worker.on_codec_stack(|| encoder.encode(&frame, &mut payload)).unwrap();
                let sent = sender.sends(&frame);
                assert_eq!(sent, Some((0, payload[..len].to_vec())), "frame {number}");
            }
        };
        agree(&mut sender, &mut encoder, 0);
        sender.outgoing.change(opus(5)).unwrap();
        agree(&mut sender, &mut encoder, 20);
        let slower = Format::Opus(OpusSettings {
            bitrate_bps: 16_000,
            expected_loss_percent: 5,
            ..OpusSettings::default()
        });
        sender.outgoing.change(send_of(slower.clone())).unwrap();
        encoder.reconfigure(&slower).unwrap();
        agree(&mut sender, &mut encoder, 40);
    });
}

#[test]
fn after_a_digit_in_a_pause_the_pause_begins_anew() {
    on_worker(|worker| {
        let send = SendFormat { comfort_noise: Some(NOISE_TYPE), ..send_of(Format::Pcmu) };
        let mut sender = Sender::of(worker, send);
        let frames = |sender: &mut Sender<'_>, count: usize| -> Vec<Option<u8>> {
            (0..count).map(|_| sender.sends(&[0; 160]).map(|(payload_type, _)| payload_type)).collect()
        };
        let sent = frames(&mut sender, 13);
        assert_eq!(sent[..10], [Some(0); 10]);
        assert_eq!(sent[10..], [Some(NOISE_TYPE), None, None]);
        sender.outgoing.start_digit(Digit::from_char('5').unwrap(), Duration::from_millis(100)).unwrap();
        let sent = frames(&mut sender, 30);
        let events = sent.iter().take_while(|sent| **sent == Some(DIGIT_TYPE)).count();
        assert!(events >= 5, "{sent:?}");
        assert_eq!(sent[events..events + 10], [Some(0); 10], "{sent:?}");
        assert_eq!(sent[events + 10..events + 12], [Some(NOISE_TYPE), None], "{sent:?}");
    });
}
