//! One leg's offer/answer machine (RFC 3264) for one audio stream.
//!
//! The leg hands in the bodies that its dialog receives and sends the bodies it gets; whose turn it is
//! (glare, PRACK, which response carries what) is the dialog's business. All codecs that both speak stand
//! in an answer; lines we do not use keep their place with port 0.

use bytes::Bytes;

use super::compose::{self, AudioLine, RtcpPlace};
use super::formats::{self, Format, NumberedFormat, PayloadTypes};
use super::remote::{RemoteAudio, choose_line};
use super::{Agreed, CodecOrder, Description, Direction, Extension, LocalMedia, Refusal, parse};

/// A description of ours and what its numbers mean.
#[derive(Debug, Clone)]
struct Sent {
    description: Description,
    /// Which `m=` line is the audio in use.
    slot: usize,
    formats: Vec<NumberedFormat>,
    direction: Direction,
    extensions: Vec<Extension>,
}

/// One leg's offers and answers.
#[derive(Debug, Clone)]
pub struct Negotiation {
    session_id: u64,
    local: LocalMedia,
    payload_types: PayloadTypes,
    /// Highest version that was ever sent; one that was refused is not used again.
    version: u64,
    in_force: Option<Sent>,
    outstanding: Option<Sent>,
    agreed: Option<Agreed>,
}

impl Negotiation {
    /// A negotiation that has exchanged nothing. `session_id` should be random.
    ///
    /// # Panics
    /// If `local` has no codecs, more than [`LocalMedia::MAX_CODECS`], or an empty frame.
    pub fn new(session_id: u64, local: LocalMedia) -> Negotiation {
        assert!((1..=LocalMedia::MAX_CODECS).contains(&local.codecs.len()), "1 to 8 codecs");
        assert!(local.codecs.iter().all(|codec| codec.payload_type <= 127), "payload types have 7 bits");
        assert!(local.frame_ms > 0, "the mixer's frame has a length");
        Negotiation {
            session_id,
            local,
            payload_types: PayloadTypes::default(),
            version: 0,
            in_force: None,
            outstanding: None,
            agreed: None,
        }
    }

    /// Answers the peer's offer; on refusal everything is as before.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Agreed), Refusal> {
        if self.outstanding.is_some() {
            return Err(Refusal::OfferOutstanding);
        }
        let offer = parse(offer)?;
        let preferred = self.in_force.as_ref().map_or(0, |sent| sent.slot);
        let mut remote = choose_line(&offer, &self.local, preferred)?;
        self.order_formats(&mut remote);
        // An answer uses the offer's numbers (RFC 3264 §6.1).
        let formats: Vec<_> = remote
            .formats
            .iter()
            .map(|theirs| NumberedFormat { format: theirs.format, payload_type: theirs.payload_type })
            .collect();
        let extensions = self.common_extensions(&remote);
        let direction = self.local.direction;
        let agreed = Agreed::join(&self.local, &remote, &formats, direction, extensions)
            .ok_or(Refusal::NoCommonCodec)?;

        let description = self.compose_answer(&offer, &remote, &formats, &agreed);
        let description = self.numbered(description);
        formats.iter().for_each(|numbered| self.payload_types.bind(*numbered));
        let body = Bytes::from(description.to_string());
        self.in_force = Some(Sent {
            description,
            slot: remote.slot,
            formats,
            direction: agreed.direction,
            extensions: agreed.extensions.clone(),
        });
        self.agreed = Some(agreed.clone());
        Ok((body, agreed))
    }

    /// Offers all we speak, what is in use first; the offer then waits for [`Negotiation::accept`] or
    /// [`Negotiation::rollback`].
    ///
    /// # Panics
    /// If an offer is outstanding already.
    pub fn offer(&mut self) -> Bytes {
        assert!(self.outstanding.is_none(), "one offer at a time (RFC 3264 §4)");
        let formats = self.number_formats();
        let extensions = self.number_extensions();
        let (slot, description) = self.compose_offer(&formats, &extensions);
        let description = self.numbered(description);
        let body = Bytes::from(description.to_string());
        let direction = self.local.direction;
        self.outstanding = Some(Sent { description, slot, formats, direction, extensions });
        body
    }

    /// Offers once more what is in force, version and all (a session refresh, RFC 4028 §7.4); before the
    /// first exchange the same as [`Negotiation::offer`].
    ///
    /// # Panics
    /// If an offer is outstanding already.
    pub fn refresh_offer(&mut self) -> Bytes {
        assert!(self.outstanding.is_none(), "one offer at a time (RFC 3264 §4)");
        let Some(sent) = &self.in_force else { return self.offer() };
        self.outstanding = Some(sent.clone());
        Bytes::from(sent.description.to_string())
    }

    /// Takes the peer's answer to our offer. Refused or not, the offer is outstanding no more;
    /// on refusal what was agreed before still holds.
    pub fn accept(&mut self, answer: &[u8]) -> Result<Agreed, Refusal> {
        let sent = self.outstanding.take().ok_or(Refusal::NoOfferOutstanding)?;
        let outcome = self.join_answer(&sent, answer);
        // Whatever we make of the answer, the peer has our description: the next version follows it.
        self.in_force = Some(sent);
        let agreed = outcome?;
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    fn join_answer(&self, sent: &Sent, answer: &[u8]) -> Result<Agreed, Refusal> {
        let answer = parse(answer)?;
        let remote = RemoteAudio::read(&answer, sent.slot, &self.local, &sent.formats)?;
        // An answer may choose among our extensions, not give them other numbers (RFC 8285 §6).
        let extensions = common(&sent.extensions, &remote.extensions, |ours, theirs| ours.id == theirs.id);
        Agreed::join(&self.local, &remote, &sent.formats, sent.direction, extensions)
            .ok_or(Refusal::NoCommonCodec)
    }

    /// Drops our outstanding offer: what was agreed before still holds (RFC 3261 §14.1).
    pub fn rollback(&mut self) {
        self.outstanding = None;
    }

    /// Whether an offer of ours waits for its answer.
    pub fn offer_outstanding(&self) -> bool {
        self.outstanding.is_some()
    }

    /// What we want to do from the next offer or answer on.
    pub fn set_direction(&mut self, direction: Direction) {
        self.local.direction = direction;
    }

    /// Our side of the stream.
    pub fn local(&self) -> &LocalMedia {
        &self.local
    }

    /// What holds now; `None` before the first exchange is complete.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Puts codecs and their redundancy before the other formats, in the order that [`LocalMedia::prefer`] says.
    fn order_formats(&self, remote: &mut RemoteAudio) {
        let prefer = self.local.prefer;
        let codecs = &self.local.codecs;
        remote.formats.sort_by_key(|theirs| match (theirs.format, prefer) {
            (format, CodecOrder::OfferOrder) => (!format.is_ranked(), 0),
            (Format::Codec(index), CodecOrder::OurOrder) => (false, index),
            (redundancy, CodecOrder::OurOrder) => {
                // With its codec, on the side of it where the peer has it.
                let of = codecs.iter().position(|codec| redundancy.is_redundancy_of(codec));
                (of.is_none(), of.unwrap_or(0))
            }
        });
    }

    /// Those of the peer's header extensions that we support, from our point of view.
    fn common_extensions(&self, remote: &RemoteAudio) -> Vec<Extension> {
        common(&self.local.extmap, &remote.extensions, |_, _| true)
    }

    fn compose_answer(
        &self,
        offer: &Description,
        remote: &RemoteAudio,
        formats: &[NumberedFormat],
        agreed: &Agreed,
    ) -> Description {
        let audio = AudioLine {
            protocol: &remote.protocol,
            formats,
            direction: agreed.direction,
            ptime_ms: agreed.send_ptime_ms,
            rtcp: if agreed.rtcp_mux { RtcpPlace::Mux } else { RtcpPlace::OwnPort },
            extensions: &agreed.extensions,
            mid: remote.mid.as_deref(),
        };
        let mut media: Vec<_> = offer.media.iter().map(compose::refused).collect();
        media[remote.slot] = audio.compose(&self.local);
        // A group of one: the other lines are refused. Bundled lines must multiplex RTCP (RFC 9143 §9.3).
        let bundled_mid = remote.mid.as_deref().filter(|_| remote.bundled && agreed.rtcp_mux);
        compose::session(self.session_id, &self.local, compose::time_of(offer), bundled_mid, media)
    }

    /// The offer and the place of its audio line: all lines of the session so far stay (RFC 3264 §8).
    fn compose_offer(&self, formats: &[NumberedFormat], extensions: &[Extension]) -> (usize, Description) {
        let before = self.in_force.as_ref();
        let line_before = before.map(|sent| &sent.description.media[sent.slot]);
        let mid = line_before.and_then(|line| line.mid());
        let audio = AudioLine {
            protocol: line_before.map_or("RTP/AVP", |line| &line.protocol),
            formats,
            direction: self.local.direction,
            ptime_ms: self.agreed.as_ref().map_or(self.local.ptime_ms, |agreed| agreed.send_ptime_ms),
            rtcp: if self.local.rtcp_mux { RtcpPlace::OfferMux } else { RtcpPlace::OwnPort },
            extensions,
            mid,
        }
        .compose(&self.local);
        let Some(before) = before else {
            let permanent = compose::permanent();
            return (0, compose::session(self.session_id, &self.local, permanent, None, vec![audio]));
        };
        let mut media = before.description.media.clone();
        media[before.slot] = audio;
        let bundled_mid = mid.filter(|mid| before.description.bundles(mid));
        let time = compose::time_of(&before.description);
        (before.slot, compose::session(self.session_id, &self.local, time, bundled_mid, media))
    }

    /// Our formats with their numbers, those in use first and in their order.
    fn number_formats(&mut self) -> Vec<NumberedFormat> {
        let in_use = self.in_force.as_ref().map(|sent| sent.formats.as_slice()).unwrap_or_default();
        let mut wanted: Vec<Format> = in_use.iter().map(|numbered| numbered.format).collect();
        for format in formats::all_formats(&self.local) {
            if !wanted.contains(&format) {
                wanted.push(format);
            }
        }
        wanted.sort_by_key(|format| !format.is_ranked());
        let mut numbered = Vec::with_capacity(wanted.len());
        for format in wanted {
            let hint = formats::number_hint(&self.local, format);
            numbered.push(self.payload_types.choose(format, hint, &numbered));
        }
        numbered
    }

    /// Our header extensions; one that is in use keeps its identifier (RFC 8285 §6).
    fn number_extensions(&self) -> Vec<Extension> {
        let in_use = self.agreed.as_ref().map(|agreed| agreed.extensions.as_slice()).unwrap_or_default();
        let mut numbered: Vec<Extension> = Vec::new();
        for ours in &self.local.extmap {
            let is_free = |id: &u8| {
                let taken = |other: &Extension| other.id == *id && other.uri != ours.uri;
                !in_use.iter().any(taken) && !numbered.iter().any(taken)
            };
            let known = in_use.iter().find(|known| known.uri == ours.uri).map(|known| known.id);
            if let Some(id) = known.or_else(|| std::iter::once(ours.id).chain(1..=14).find(is_free)) {
                numbered.push(Extension { id, ..ours.clone() });
            }
        }
        numbered
    }

    /// Gives a description its version: that of the one in force if it says the same (RFC 3264 §8).
    fn numbered(&mut self, mut description: Description) -> Description {
        let in_force = self.in_force.as_ref().and_then(|sent| sent.description.origin.as_ref());
        if let (Some(origin), Some(in_force)) = (&mut description.origin, in_force) {
            origin.session_version.clone_from(&in_force.session_version);
        }
        let unchanged = self.in_force.as_ref().is_some_and(|sent| sent.description == description);
        if !unchanged {
            self.version += 1;
            if let Some(origin) = &mut description.origin {
                origin.session_version = self.version.to_string();
            }
        }
        description
    }
}

/// Those of our extensions that the peer has, with its identifiers, as far as the directions allow.
fn common(
    ours: &[Extension],
    theirs: &[Extension],
    fits: impl Fn(&Extension, &Extension) -> bool,
) -> Vec<Extension> {
    theirs
        .iter()
        .filter_map(|theirs| {
            let ours = ours.iter().find(|ours| ours.uri == theirs.uri && fits(ours, theirs))?;
            let direction = ours.direction.and(theirs.direction.reversed());
            // Whoever has the bit off decides; an answer repeats what the offer says of it (RFC 6464 §4).
            let vad = theirs.vad;
            let agreed = Extension { id: theirs.id, uri: ours.uri.clone(), direction, vad };
            (direction != Direction::Inactive).then_some(agreed)
        })
        .collect()
}
