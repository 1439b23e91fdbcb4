//! The lap: everything that a leg's audio does in one frame.
//!
//! At *hear* it drains the socket, takes the frame that is due from the jitter buffer and gives it to its seat; at *speak*
//! it takes from the seat what the peer is to hear, encodes and sends it. In between everyone else has heard too.

use super::cleaning::CleaningSettings;
use super::digits::Digits;
use super::network::Network;
use super::outgoing::{Outgoing, SendFormat};
use super::pace::Pace;
use super::programme::Progress;
use super::reception::Reception;
use super::relay::Takes;
use super::reporting::Reporting;
use super::reports::Reports;
use super::seat::{Passage, Seat, Seating};
use super::summary::MediaSummary;
use super::voice::{ReceiveFormat, Scratch};
use super::{MediaReport, Programme, Workbench};
use crate::audio::{Format, SampleRate};
use crate::call::endpoint::Endpoint;
use crate::call::leg::LegMessage;
use crate::call::setup::MediaPorts;
use crate::config::Latching;
use crate::rtp::contributors::Naming;
use crate::rtp::incoming::Arrived;
use crate::rtp::jitter_buffer::{Arrival, JitterSettings};
use crate::rtp::media_timeout::{MediaTimeout, PeerSilence};
use crate::rtp::packet::Packet;
use crate::rtp::packet_sender::{DigitError, StreamStart};
use crate::rtp::redundancy::Packing;
use crate::rtp::telephone_event::Digit;
use crate::sdp::{Agreed, Direction};
use crate::worker::{Nearby, Piece, Place, Sender, Tick, Worker};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Datagrams of a leg that one lap takes; the rest waits in the socket, whose buffer bounds it.
const DATAGRAMS_PER_LAP: usize = 32;
/// In every so many laps it is looked for what is rare: RTCP on a port of its own, and packets of strangers. Their
/// arrival times are the kernel's.
const LAPS_PER_LOOK_ASIDE: u64 = 25;
/// How often it is looked where the memory of a lap lies.
const LAPS_PER_SURVEY: u64 = 256;

/// What was agreed on, as the media need it.
#[derive(Debug, Clone)]
pub struct MediaSetup {
    /// Addresses, directions, payload types.
    pub agreed: Agreed,
    /// What we send.
    pub send: Format,
    /// Payload type of comfort noise, where our pauses are described instead of sent.
    pub send_comfort_noise: Option<u8>,
    /// How redundancy is sent, where it is.
    pub send_redundancy: Option<Packing>,
    /// How those who are heard are named, where they are.
    pub send_contributors: Option<Naming>,
    /// What the peer may send, the expected one first.
    pub receive: Vec<ReceiveFormat>,
    /// How what is received is cleaned; as the media begin, for good.
    pub cleaning: CleaningSettings,
}

/// All state of a leg's audio.
pub struct Media {
    worker: Worker,
    bench: Rc<RefCell<Workbench>>,
    reports: Reports,
    jitter: JitterSettings,
    network: Network,
    pace: Pace,
    reception: Reception,
    digits: Digits,
    outgoing: Outgoing,
    reporting: Reporting,
    liveness: MediaTimeout,
    seating: Seating,
    agreed: Box<Agreed>,
    direction: Direction,
    /// Whether the peer is sent audio yet, and missed when it falls silent.
    open: bool,
}

/// The media coroutine of a leg.
pub(super) fn run(worker: &Worker, media: &RefCell<Media>, mut place: Place) {
    media.borrow_mut().took_place(&place);
    while !media.borrow().seating.is_closed() {
        let moved = media.borrow_mut().seating.change();
        if let Some(round) = moved {
            place = round.join();
            media.borrow_mut().took_place(&place);
        }
        let Ok(tick) = place.until_hear() else { return };
        // On the stack that all legs share, which is in the nearest cache: the leg's own is not.
        worker.on_codec_stack(|| media.borrow_mut().hear(tick));
        if place.until_speak() {
            worker.on_codec_stack(|| media.borrow_mut().speak(tick));
        }
        if tick.number.is_multiple_of(LAPS_PER_SURVEY) {
            media.borrow_mut().tell_memory(&place); // buffers grow and move
        }
    }
}

impl Media {
    /// The media of a leg that has just agreed; `None` if a codec cannot be made.
    pub(super) fn new(
        endpoint: &Rc<Endpoint>,
        ports: &MediaPorts,
        setup: MediaSetup,
        leg: Sender<LegMessage>,
        seat: Seat,
    ) -> Option<Media> {
        let worker = endpoint.worker.clone();
        let config = &endpoint.config;
        let now = worker.now();
        let jitter = JitterSettings {
            min_ms: config.jitter.min_ms.into(),
            max_ms: config.jitter.max_ms.into(),
            frame_ms: config.codec.frame_ms.into(),
            clock_rate: setup.receive.first()?.format.clock_rate_hz(),
            packet_ms: setup.agreed.send_ptime_ms.into(),
            comfort_noise: receive_comfort_noise(&setup.agreed),
        };
        let cleaning = setup.cleaning;
        let start = StreamStart::from_random(worker.random_u64(), worker.random_u32());
        let outgoing = Outgoing::new(send_format(&setup), jitter.frame_ms, start)?;
        let roaming = config.rtp.latching == Latching::Roaming;
        let network = Network::new(Rc::clone(&ports.rtp), Rc::clone(&ports.rtcp), roaming, &setup.agreed);
        let media_timeout = config.timer.media_timeout.unwrap_or_default();
        let mut media = Media {
            bench: Rc::clone(&endpoint.workbench),
            reports: Reports::new(leg),
            jitter,
            network,
            pace: Pace::default(),
            digits: Digits::new(&setup.agreed),
            reception: Reception::new(setup.receive, jitter)?,
            reporting: Reporting::new(&worker, &outgoing),
            outgoing,
            liveness: MediaTimeout::new(now, media_timeout),
            seating: Seating::new(seat),
            direction: setup.agreed.direction,
            agreed: Box::new(setup.agreed),
            open: false,
            worker,
        };
        media.reception.set_cleaning(cleaning);
        media.reception.set_redundancy(&media.agreed.redundancy.receive_payload_types);
        media.network.incoming.set_our_ssrc(media.outgoing.packets().ssrc());
        media.liveness_follows(now);
        Some(media)
    }

    /// Goes on as newly agreed; `None` and nothing changed if a codec cannot be made.
    pub(super) fn change(&mut self, setup: MediaSetup) -> Option<()> {
        let now = self.worker.now();
        let send = send_format(&setup);
        let reception = self.reception.changed(&setup.receive, receive_comfort_noise(&setup.agreed))?;
        self.outgoing.change(send)?;
        reception.apply(&mut self.reception);
        self.reception.set_redundancy(&setup.agreed.redundancy.receive_payload_types);
        self.network.change(&setup.agreed);
        if setup.agreed.receive_telephone_events != self.agreed.receive_telephone_events {
            self.digits = Digits::new(&setup.agreed);
        }
        self.direction = setup.agreed.direction;
        *self.agreed = setup.agreed;
        self.liveness_follows(now);
        let (in_rate, out_rate) = self.rates();
        let takes = self.takes();
        self.seating.each(|seat| {
            seat.takes(takes);
            seat.rates_changed(in_rate, out_rate);
            seat.held(self.agreed.on_hold);
        });
        Some(())
    }

    /// The rates of what it hears and of what it is sent.
    pub fn rates(&self) -> (SampleRate, SampleRate) {
        (self.reception.rate(), self.outgoing.rate())
    }

    /// From now on the peer is sent audio, and missed when it falls silent.
    pub(super) fn open(&mut self) {
        if !self.open {
            self.open = true;
            self.liveness.handle_life(self.worker.now());
        }
    }

    /// Sends a digit to the peer, in place of audio; refused where it takes none.
    pub fn send_digit(&mut self, digit: Digit, duration: Duration) -> Result<(), DigitError> {
        self.outgoing.start_digit(digit, duration)
    }

    /// Moves to another seat with the next lap.
    pub fn take_seat(&mut self, seat: Seat) {
        seat.held(self.agreed.on_hold);
        self.seating.give(seat);
    }

    /// Hears this programme from the next lap on, alone.
    pub fn play(&mut self, programme: Programme) {
        self.seating.each(|seat| {
            if let Seat::Alone(current, _) = seat {
                **current = programme;
            }
        });
    }

    fn takes(&self) -> Option<Takes> {
        self.outgoing.takes(self.agreed.send_comfort_noise().map(|noise| noise.send_payload_type))
    }

    fn took_place(&mut self, place: &Place) {
        let takes = self.takes();
        self.seating.seat().takes(takes);
        self.outgoing.speaks(); // who listened elsewhere hears something else now
        self.seating.took(place);
        place.receives_on(&self.network.rtp);
        self.tell_memory(place);
    }

    /// What a lap touches, so that the worker can have it fetched while other legs make theirs.
    fn tell_memory(&mut self, place: &Place) {
        let mut nearby = Nearby::default();
        nearby.add(Piece::of(self));
        nearby.add(Piece::of(&*self.network.rtp));
        let mut see = |address, bytes| nearby.add(Piece::at(address, bytes));
        self.reception.hot_memory(&mut see);
        self.seating.seat().hot_memory(&mut see);
        place.will_touch(nearby);
    }

    /// Ends the laps.
    pub(super) fn close(&mut self) {
        self.seating.close();
    }

    fn hear(&mut self, tick: Tick) {
        let bench = Rc::clone(&self.bench);
        let bench = &mut *bench.borrow_mut();
        self.drain(tick, &mut bench.datagram);
        let Workbench { frame, scratch, .. } = bench;
        let frame = &mut frame[..self.reception.rate().samples(self.jitter.frame_ms)];
        if !self.relay(tick, scratch, frame) {
            let is_heard = self.seating.seat().is_heard() && !self.network.peer_level.lets_doze();
            self.reception.playout(&self.worker, scratch, tick.due, is_heard, frame);
            self.network.peer_level.check(frame);
            let seat = self.seating.seat();
            seat.hear(frame);
            let is_hurried = scratch.efforts.are_withdrawn();
            seat.mixed(frame, Duration::from_millis(self.jitter.frame_ms.into()), is_hurried);
        }
        if self.outgoing.is_shared() && self.seating.seat().hears_all(self.outgoing.rate()).is_none() {
            self.outgoing.speaks();
        }
    }

    /// Passes on what is due as it is, if it may be; else it is to be mixed.
    fn relay(&mut self, tick: Tick, scratch: &mut Scratch, frame: &mut [i16]) -> bool {
        let Media { seating, reception, worker, .. } = self;
        let seat = seating.seat();
        let may_pass = reception.may_pass(tick.due, !scratch.efforts.are_withdrawn());
        let passage = seat.relays(reception.is_passing(), may_pass, reception.format());
        let Some(Passage { line, is_tapped, lingers }) = passage else {
            if reception.is_passing() {
                let left = seat.relayed_to();
                let mut left = left.as_ref().map(|line| line.borrow_mut());
                reception.pass_on_no_more(worker, scratch, left.as_deref_mut());
            }
            return false;
        };
        let mut line = line.borrow_mut();
        let parcel = line.fill(tick.number);
        reception.pass_on(worker, scratch, tick.due, parcel, (is_tapped, frame));
        if is_tapped {
            seat.hear(frame)
        } else {
            seat.passes_by()
        }
        if lingers {
            seat.lingers(frame, Duration::from_millis(self.jitter.frame_ms.into()));
        }
        true
    }

    fn drain(&mut self, tick: Tick, buffer: &mut [u8]) {
        let phase = u64::from(self.outgoing.packets().ssrc().0);
        let looks_aside = tick.number.wrapping_add(phase).is_multiple_of(LAPS_PER_LOOK_ASIDE);
        let rtp = Rc::clone(&self.network.rtp);
        for _ in 0..DATAGRAMS_PER_LAP {
            let Some(datagram) = rtp.recv(buffer) else { break };
            let is_media = self.receive(&buffer[..datagram.len], datagram.from, datagram.arrival);
            if is_media && !looks_aside && !self.pace.may_have_more(datagram.arrival, tick.due) {
                break;
            }
        }
        if looks_aside {
            self.network.favour_learned();
            self.drain_rtcp(buffer);
        }
    }

    fn drain_rtcp(&mut self, buffer: &mut [u8]) {
        let Some(rtcp) = self.network.separate_rtcp().map(Rc::clone) else { return };
        for _ in 0..DATAGRAMS_PER_LAP {
            let Some(datagram) = rtcp.recv(buffer) else { break };
            self.receive(&buffer[..datagram.len], datagram.from, datagram.arrival);
        }
    }

    /// Takes a datagram; whether it was a packet of the peer's stream.
    fn receive(&mut self, datagram: &[u8], from: SocketAddr, arrival: Instant) -> bool {
        match self.network.incoming.handle(arrival, from, datagram) {
            Arrived::Media { packet, .. } => {
                self.liveness.handle_life(arrival);
                self.take_packet(&packet, arrival);
                return true;
            }
            Arrived::Unproven(packet) => {
                self.liveness.handle_life(arrival);
                self.reception.foresee(&packet);
            }
            Arrived::Control(report) => {
                self.liveness.handle_life(arrival);
                let Media { reporting, worker, network, outgoing, .. } = self;
                reporting.handle(worker, arrival, report, network, outgoing);
            }
            Arrived::Dropped => {}
        }
        false
    }

    fn take_packet(&mut self, packet: &Packet<'_>, arrival: Instant) {
        self.pace.note(&packet.header, self.reception.clock_rate_hz());
        self.network.peer_level.note(packet);
        self.seating.comes_from(packet.header.ssrc);
        let Some((packet, copies)) = self.reception.open(packet) else { return };
        let header = &packet.header;
        if !self.reception.takes(header.payload_type) {
            // A digit: it takes a number of the sequence, but nobody is to hear it.
            self.reception.insert_other(arrival, header.ssrc, header.sequence);
            if let Some(digit) = self.digits.pressed(arrival, header, packet.payload) {
                self.reports.send(MediaReport::Digit(digit));
            }
        } else if !self.direction.receives() {
            self.reception.insert_other(arrival, header.ssrc, header.sequence); // on hold: neither heard nor missed
        } else {
            let paused = self.reception.peer_pauses();
            self.reception.insert(Arrival {
                at: arrival,
                ssrc: header.ssrc,
                sequence: header.sequence,
                timestamp: header.timestamp,
                marker: header.marker,
                payload_type: header.payload_type,
                payload: packet.payload,
            });
            if self.reception.peer_pauses() != paused {
                self.liveness.set_silence(arrival, self.peer_silence());
            }
        }
        if self.direction.receives() {
            self.reception.recover(arrival, header, copies);
        }
    }

    fn speak(&mut self, tick: Tick) {
        let bench = Rc::clone(&self.bench);
        let bench = &mut *bench.borrow_mut();
        self.reports.retry();
        let sends = self.open && self.direction.sends();
        if let Some(contributors) = self.outgoing.contributors_mut() {
            self.seating.seat().name_contributors(contributors);
        }
        let len = if self.send_relayed(tick, bench, sends) {
            None
        } else if sends && self.is_listener(tick) {
            self.send_shared(tick, bench)
        } else {
            self.send_alone(tick, bench, sends)
        };
        if let Some(len) = len {
            self.network.send(&bench.datagram[..len]);
        }
        let Media { reporting, worker, network, outgoing, .. } = self;
        reporting.send_when_due(worker, tick.due, network, outgoing, &mut bench.report);
        if self.open && self.liveness.is_expired(tick.due) {
            self.liveness.handle_life(tick.due); // told once per timeout
            self.reports.send(MediaReport::Silent);
        }
    }

    /// Sends what another's peer has coded for this one, if there is any.
    fn send_relayed(&mut self, tick: Tick, bench: &mut Workbench, sends: bool) -> bool {
        let Media { seating, outgoing, network, .. } = self;
        let is_open = sends && !outgoing.packets().is_sending_digits();
        let Some(line) = seating.seat().line(outgoing.was_relayed(), is_open) else { return false };
        let mut line = line.borrow_mut();
        if let Some(handover) = line.take_handover() {
            outgoing.take_over(handover);
        }
        sends && outgoing.relay(tick, &line, &mut bench.datagram, |packet| network.send(packet))
    }

    /// Whether the peer is sent what all hear, as others are.
    fn is_listener(&mut self, tick: Tick) -> bool {
        let Media { seating, outgoing, .. } = self;
        match seating.seat().hears_all(outgoing.rate()).and_then(|room| room.classes.as_ref()) {
            Some(classes) => outgoing.listens(classes, tick),
            None => {
                outgoing.leaves(tick);
                false
            }
        }
    }

    /// Writes the packet of all who listen.
    fn send_shared(&mut self, tick: Tick, bench: &mut Workbench) -> Option<usize> {
        let Media { seating, outgoing, worker, .. } = self;
        let rate = outgoing.rate();
        let room = seating.seat().hears_all(rate)?;
        outgoing.send_shared(worker, tick, bench, |frame| room.mixer.borrow().mix_for_all(rate, frame))
    }

    /// Writes the packet of what this peer alone hears, if it is sent one.
    fn send_alone(&mut self, tick: Tick, bench: &mut Workbench, sends: bool) -> Option<usize> {
        let samples = self.outgoing.frame_samples();
        if self.seating.seat().speak(&mut bench.frame[..samples]) == Progress::Ended {
            self.play(Programme::Silence);
            self.reports.send(MediaReport::PlaybackEnded);
        }
        if sends {
            return self.outgoing.send(&self.worker, tick.due, bench);
        }
        self.outgoing.skip(tick.due);
        None
    }

    pub(super) fn say_goodbye(&mut self) {
        let bench = Rc::clone(&self.bench);
        let Media { reporting, worker, network, outgoing, .. } = self;
        reporting.say_goodbye(worker, network, outgoing, &mut bench.borrow_mut().report);
    }

    /// The figures so far.
    pub fn summary(&self) -> MediaSummary {
        let jitter = self.reception.counters();
        let network = self.network.incoming.counters();
        let latch = network.latch;
        let clock_rate = u64::from(self.reception.clock_rate_hz());
        MediaSummary {
            received: jitter.received,
            late: jitter.late,
            lost: jitter.lost,
            recovered: jitter.recovered,
            duplicate: jitter.duplicate,
            discarded: jitter.discarded + self.reception.undecodable(),
            refused: latch.payload_type + latch.probation + latch.foreign_source + latch.foreign_rtcp,
            malformed: network.malformed.total()
                + network.datagrams.stun
                + network.datagrams.dtls
                + network.datagrams.other
                + self.reception.malformed(),
            concealed: Duration::from_millis(jitter.concealed_units * 1000 / clock_rate),
            jitter_ms: self.network.incoming.sources().current().map_or(0.0, |source| source.jitter_ms()),
            depth_ms: self.reception.depth_ms(),
            coded: self.outgoing.coded(),
            sent: self.outgoing.packets().sent().packets,
            round_trip: self.reporting.round_trip(),
        }
    }

    /// The peer is missed only while it should send and may not fall silent.
    fn liveness_follows(&mut self, now: Instant) {
        self.liveness.set_peer_sends(now, self.agreed.direction.receives());
        self.liveness.set_silence(now, self.peer_silence());
    }

    /// Why the peer may send nothing: by Opus's DTX, or as it has described its pause (RFC 3389). That comfort noise is
    /// agreed does not mean that it is used.
    fn peer_silence(&self) -> PeerSilence {
        if self.agreed.codec.receive_fmtp.flag("usedtx") {
            PeerSilence::AtWill
        } else if self.reception.peer_pauses() {
            PeerSilence::Described
        } else {
            PeerSilence::Unexplained
        }
    }
}

fn send_format(setup: &MediaSetup) -> SendFormat {
    SendFormat {
        payload_type: setup.agreed.codec.send_payload_type,
        format: setup.send.clone(),
        packet_ms: setup.agreed.send_ptime_ms.into(),
        telephone_event: setup
            .agreed
            .telephone_event
            .as_ref()
            .map(|event| (event.send_payload_type, event.clock_rate)),
        comfort_noise: setup.send_comfort_noise,
        redundancy: setup.send_redundancy.clone(),
        contributors: setup.send_contributors,
    }
}

fn receive_comfort_noise(agreed: &Agreed) -> Option<u8> {
    agreed.comfort_noise.as_ref().map(|noise| noise.receive_payload_type)
}
