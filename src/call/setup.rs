//! How a leg gets its media: ports, our side of the description, and what both sides agreed on.

use crate::audio::opus::{OpusApplication, OpusFmtp, OpusSettings};
use crate::audio::{Format, SampleRate};
use crate::call::leg::Leg;
use crate::call::media::{CleaningSettings, MediaHandle, MediaSetup};
use crate::call::ports::PortPair;
use crate::config::{Codec, CodecPreference, Config, Route};
use crate::rtp::contributors::Naming;
use crate::rtp::redundancy::Packing;
use crate::sdp::{
    Agreed, AgreedCodec, CLIENT_LEVEL, CodecName, CodecOrder, Direction, Extension, Fmtp, LocalCodec,
    LocalMedia, MIXER_LEVEL, Negotiation, Refusal,
};
use crate::sip::StatusCode;
use crate::worker::{MediaSocket, SpawnError};
use bytes::Bytes;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::ports::PortPool;

/// Why a call got no media.
#[derive(Debug)]
pub enum SetupError {
    /// All RTP ports are in use or at rest.
    NoPorts,
    /// A socket could not be bound.
    Socket(SocketAddr, io::Error),
    /// The peer's description does not suit us.
    Description(Refusal),
    /// An encoder or decoder could not be made.
    Codec,
    /// No coroutine for the media.
    Coroutine(SpawnError),
}

impl SetupError {
    /// How the INVITE is refused.
    pub fn status(&self) -> StatusCode {
        match self {
            SetupError::Description(refusal) => {
                StatusCode::new(refusal.status()).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE)
            }
            SetupError::Codec => StatusCode::NOT_ACCEPTABLE_HERE,
            SetupError::NoPorts | SetupError::Socket(..) | SetupError::Coroutine(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::NoPorts => out.write_str("all RTP ports are in use (rtp-ports)"),
            SetupError::Socket(address, error) => write!(out, "RTP socket at {address}: {error}"),
            SetupError::Description(refusal) => write!(out, "{refusal}"),
            SetupError::Codec => out.write_str("the codec could not be started"),
            SetupError::Coroutine(error) => write!(out, "no coroutine: {error:?}"),
        }
    }
}

/// A pair of ports with their sockets; given back when dropped.
pub struct MediaPorts {
    pool: Rc<RefCell<PortPool>>,
    pair: PortPair,
    worker: crate::worker::Worker,
    /// RTP.
    pub rtp: Rc<MediaSocket>,
    /// RTCP where it is not multiplexed.
    pub rtcp: Rc<MediaSocket>,
}

impl Drop for MediaPorts {
    fn drop(&mut self) {
        self.pool.borrow_mut().give_back(self.worker.now(), self.pair);
    }
}

/// Pairs tried when the system has given some of our range to others.
const ATTEMPTS: usize = 8;

impl MediaPorts {
    fn bind(leg: &Leg, address: IpAddr) -> Result<MediaPorts, SetupError> {
        let endpoint = &leg.endpoint;
        let mut last = SetupError::NoPorts;
        for _ in 0..ATTEMPTS {
            let now = endpoint.worker.now();
            let pair = endpoint.ports.borrow_mut().take(now).ok_or(SetupError::NoPorts)?;
            let bind = |port| {
                let address = SocketAddr::new(address, port);
                let socket = MediaSocket::bind(&endpoint.worker, address, &endpoint.media_options());
                socket.map(Rc::new).map_err(|error| SetupError::Socket(address, error))
            };
            match bind(pair.rtp()).and_then(|rtp| Ok((rtp, bind(pair.rtcp())?))) {
                Ok((rtp, rtcp)) => {
                    let (pool, worker) = (Rc::clone(&endpoint.ports), endpoint.worker.clone());
                    return Ok(MediaPorts { pool, pair, worker, rtp, rtcp });
                }
                Err(error) => {
                    endpoint.ports.borrow_mut().give_back(now, pair);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

impl Leg {
    /// Takes ports and makes the description: the answer to the INVITE's offer, with media started, or our offer.
    pub(super) fn set_up(&mut self) -> Result<Bytes, SetupError> {
        let config = Rc::clone(&self.endpoint.config);
        let bound = config.rtp.address.unwrap_or(self.hop.local.ip());
        let ports = MediaPorts::bind(self, bound)?;
        let seen = config.sip.advertise.or(Some(bound).filter(|bound| !bound.is_unspecified()));
        let codecs = self.found.route.codecs.as_ref().unwrap_or(&config.codec.codecs);
        let address = seen.unwrap_or(self.hop.local.ip());
        let local = local_media(&config, codecs, address, ports.rtp.local_addr().port());
        self.ports = Some(ports);
        let session_id = self.endpoint.worker.random_u64() >> 2; // fits the 62 bits that all peers read
        let mut negotiation = Negotiation::new(session_id, local);
        let offer = self.session.offer().cloned();
        let description = match offer {
            Some(offer) => {
                let (answer, agreed) = negotiation.answer(&offer).map_err(SetupError::Description)?;
                self.agree(&agreed)?;
                answer
            }
            None => negotiation.offer(),
        };
        self.negotiation = Some(negotiation);
        Ok(description)
    }

    /// Starts or changes the media as agreed.
    pub(super) fn agree(&mut self, agreed: &Agreed) -> Result<(), SetupError> {
        let setup = media_setup(&self.endpoint.config, &self.found.route, agreed);
        match &self.media {
            Some(media) => media.change(setup).map_err(|_| SetupError::Codec)?,
            None => {
                let ports = self.ports.as_ref().expect("ports are taken before anything is agreed");
                let started = MediaHandle::start(&self.endpoint, ports, setup, self.inbox.0.clone())?;
                self.media = Some(started);
            }
        }
        let codec = &agreed.codec;
        log::debug!(leg = self.id.0, call_id = self.call_id();
            "media: {}/{} {} with {:?}", codec.name, codec.clock_rate, agreed.direction, agreed.remote_rtp);
        Ok(())
    }
}

/// Our side of the audio with these codecs, else as configured.
pub fn local_media(config: &Config, codecs: &[Codec], address: IpAddr, rtp_port: u16) -> LocalMedia {
    let mut dynamic = 96..;
    let mut next = || dynamic.next().expect("few codecs");
    let codecs = codecs.iter().take(LocalMedia::MAX_CODECS).map(|codec| match codec {
        Codec::Pcmu => LocalCodec::pcmu(),
        Codec::Pcma => LocalCodec::pcma(),
        Codec::G722 => LocalCodec::g722(),
        Codec::L16 { clock_rate_hz } => LocalCodec::l16(*clock_rate_hz, next()),
        Codec::Opus => LocalCodec::opus(next(), our_opus_fmtp(config)),
    });
    LocalMedia {
        prefer: match config.codec.preference {
            CodecPreference::Offer => CodecOrder::OfferOrder,
            CodecPreference::Ours => CodecOrder::OurOrder,
        },
        comfort_noise: true,
        offers_redundancy: config.codec.redundancy.is_some(),
        ptime_ms: config.codec.ptime_ms,
        frame_ms: config.codec.frame_ms,
        extmap: our_extensions(),
        ..LocalMedia::new(address, rtp_port, codecs.collect())
    }
}

/// The levels of the peer, so that its silence need not be decoded, and of those whom it hears.
fn our_extensions() -> Vec<Extension> {
    let extension = |id, uri: &str, direction, vad| Extension { id, uri: uri.to_owned(), direction, vad };
    vec![
        extension(1, CLIENT_LEVEL, Direction::RecvOnly, Some(true)),
        extension(2, MIXER_LEVEL, Direction::SendOnly, None),
    ]
}

/// What we want to receive of Opus (RFC 7587 §6.1).
fn our_opus_fmtp(config: &Config) -> Fmtp {
    let rate = config.opus.sample_rate_hz;
    let mut text = format!("useinbandfec={}", u8::from(config.opus.fec));
    if config.opus.dtx {
        text.push_str(";usedtx=1");
    }
    if rate < 48000 {
        text.push_str(&format!(";maxplaybackrate={rate};sprop-maxcapturerate={rate}"));
    }
    Fmtp::new(text)
}

/// What was agreed, in the terms of the media.
fn media_setup(config: &Config, route: &Route, agreed: &Agreed) -> MediaSetup {
    MediaSetup {
        agreed: agreed.clone(),
        send: format(config, &agreed.codec, &agreed.codec.send_fmtp),
        send_comfort_noise: agreed
            .send_comfort_noise()
            .filter(|_| config.codec.comfort_noise)
            .map(|noise| noise.send_payload_type),
        send_redundancy: packing(config, agreed),
        send_contributors: contributors(config, agreed),
        receive: agreed
            .receive
            .iter()
            .map(|codec| crate::call::media::ReceiveFormat {
                payload_type: codec.receive_payload_type,
                format: format(config, codec, &codec.receive_fmtp),
            })
            .collect(),
        cleaning: CleaningSettings {
            denoise: route.denoise.unwrap_or(config.conference.denoise),
            noise_gate_db: route.noise_gate_db.unwrap_or(config.conference.noise_gate_db),
        },
    }
}

/// Whoever takes levels is sent the sources that they belong to.
fn contributors(config: &Config, agreed: &Agreed) -> Option<Naming> {
    let level_id = agreed.extension(MIXER_LEVEL, Direction::sends).map(|extension| extension.id);
    (config.rtp.csrc || level_id.is_some()).then_some(Naming { level_id })
}

fn packing(config: &Config, agreed: &Agreed) -> Option<Packing> {
    let payload_type = agreed.redundancy.send_payload_type?;
    Some(Packing { payload_type, copies: config.codec.redundancy?.into() })
}

fn format(config: &Config, codec: &AgreedCodec, receiver: &Fmtp) -> Format {
    match codec.name {
        CodecName::Pcma => Format::Pcma,
        CodecName::G722 => Format::G722,
        CodecName::L16 => {
            Format::L16(SampleRate::from_hertz(codec.clock_rate).unwrap_or(SampleRate::Hz16000))
        }
        CodecName::Opus => Format::Opus(opus_settings(config, receiver)),
        _ => Format::Pcmu,
    }
}

/// How Opus is used with a peer that declares `receiver` (RFC 7587 §6.1).
fn opus_settings(config: &Config, receiver: &Fmtp) -> OpusSettings {
    let peer = receiver.opus();
    let rate_hz = config.opus.sample_rate_hz.min(rate_at_least(peer.max_playback_rate_hz));
    let ours = OpusSettings {
        rate: SampleRate::from_hertz(rate_hz).unwrap_or(SampleRate::Hz48000),
        bitrate_bps: config.opus.bitrate,
        complexity: config.opus.complexity,
        fec: config.opus.fec,
        dtx: config.opus.dtx,
        expected_loss_percent: config.opus.expected_loss_percent,
        application: OpusApplication::Voip,
        ..OpusSettings::default()
    };
    ours.honouring(&OpusFmtp {
        max_playback_rate_hz: Some(peer.max_playback_rate_hz),
        max_average_bitrate_bps: peer.max_average_bitrate,
        constant_bitrate: peer.cbr,
        use_inband_fec: peer.use_inband_fec,
        use_dtx: peer.use_dtx,
        stereo: peer.stereo,
    })
}

/// The lowest rate of ours that carries what `hertz` does.
fn rate_at_least(hertz: u32) -> u32 {
    SampleRate::ALL.into_iter().map(SampleRate::hertz).find(|rate| *rate >= hertz).unwrap_or(48000)
}
