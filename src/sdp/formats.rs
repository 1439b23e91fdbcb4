//! Formats of an `m=` line and their numbers: which of a peer's we speak, which numbers our offers use.

use super::{CodecName, Fmtp, LocalCodec, LocalMedia, MediaDescription, Rtpmap};

/// A format we speak, whatever its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The codec at this place of [`LocalMedia::codecs`].
    Codec(usize),
    /// RFC 4733 telephone-event.
    TelephoneEvent { clock_rate: u32 },
    /// RFC 3389 comfort noise.
    ComfortNoise { clock_rate: u32 },
    /// RFC 2198 redundancy, of the codecs with these in `a=rtpmap`.
    Redundancy { clock_rate: u32, channels: u8 },
}

impl Format {
    /// Whether the place among the formats of a line matters: peers send the first of these that they can.
    pub fn is_ranked(self) -> bool {
        matches!(self, Format::Codec(_) | Format::Redundancy { .. })
    }

    /// Whether this is redundancy of that codec.
    pub fn is_redundancy_of(self, codec: &LocalCodec) -> bool {
        let Format::Redundancy { clock_rate, channels } = self else { return false };
        clock_rate == codec.clock_rate && (channels == codec.channels || codec.name == CodecName::Opus)
    }
}

/// A format with its number in our description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberedFormat {
    pub format: Format,
    pub payload_type: u8,
}

/// A format of the peer that we speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFormat {
    pub format: Format,
    pub payload_type: u8,
    pub fmtp: Fmtp,
}

/// The formats of a peer's line that we speak, in its order; of each only the first.
///
/// `offered` is what an answer answers: a number without `a=rtpmap` then means what it meant in our offer.
pub(super) fn recognise(
    local: &LocalMedia,
    media: &MediaDescription,
    offered: &[NumberedFormat],
) -> Vec<RemoteFormat> {
    let mut found: Vec<RemoteFormat> = Vec::new();
    for payload_type in media.formats.iter().filter_map(|text| text.parse::<u8>().ok()) {
        if payload_type > 127 {
            continue;
        }
        let format = match media.rtpmap(payload_type) {
            Some(rtpmap) => format_of(local, &rtpmap),
            None => offered.iter().find(|ours| ours.payload_type == payload_type).map(|ours| ours.format),
        };
        let Some(format) = format else { continue };
        if found.iter().any(|known| known.format == format || known.payload_type == payload_type) {
            continue;
        }
        found.push(RemoteFormat { format, payload_type, fmtp: media.fmtp(payload_type) });
    }
    retain_useful(local, &mut found);
    found
}

fn format_of(local: &LocalMedia, rtpmap: &Rtpmap<'_>) -> Option<Format> {
    let is = |name: &str| rtpmap.encoding_name.eq_ignore_ascii_case(name) && rtpmap.channels == 1;
    if local.telephone_event && is("telephone-event") {
        return Some(Format::TelephoneEvent { clock_rate: rtpmap.clock_rate });
    }
    if local.comfort_noise && is("CN") {
        return Some(Format::ComfortNoise { clock_rate: rtpmap.clock_rate });
    }
    if rtpmap.encoding_name.eq_ignore_ascii_case("red") {
        let Rtpmap { clock_rate, channels, .. } = *rtpmap;
        return Some(Format::Redundancy { clock_rate, channels });
    }
    local.codecs.iter().position(|codec| codec.is_described_by(rtpmap)).map(Format::Codec)
}

/// Keeps telephone-event of the codecs' clock rates and of 8000 Hz (what phones with Opus alone beside it
/// mean), comfort noise of those codecs that have none of their own (RFC 3389 §1), redundancy of those codecs.
fn retain_useful(local: &LocalMedia, found: &mut Vec<RemoteFormat>) {
    let codecs: Vec<_> = found
        .iter()
        .filter_map(|remote| match remote.format {
            Format::Codec(index) => Some(&local.codecs[index]),
            _ => None,
        })
        .collect();
    found.retain(|remote| match remote.format {
        Format::Codec(_) => true,
        Format::TelephoneEvent { clock_rate } => {
            clock_rate == 8000 || codecs.iter().any(|codec| codec.clock_rate == clock_rate)
        }
        Format::ComfortNoise { clock_rate } => {
            codecs.iter().any(|codec| codec.clock_rate == clock_rate && codec.name != CodecName::Opus)
        }
        Format::Redundancy { .. } => codecs.iter().any(|codec| remote.format.is_redundancy_of(codec)),
    });
}

/// All formats of our side, for an offer: codecs, then redundancy, comfort noise and telephone-event per clock rate.
pub(super) fn all_formats(local: &LocalMedia) -> Vec<Format> {
    let mut formats: Vec<Format> = (0..local.codecs.len()).map(Format::Codec).collect();
    let mut add = |format| {
        if !formats.contains(&format) {
            formats.push(format);
        }
    };
    if local.offers_redundancy {
        local.codecs.iter().for_each(|codec| {
            add(Format::Redundancy { clock_rate: codec.clock_rate, channels: codec.channels });
        });
    }
    if local.comfort_noise {
        local
            .codecs
            .iter()
            .filter(|codec| codec.name != CodecName::Opus)
            .for_each(|codec| add(Format::ComfortNoise { clock_rate: codec.clock_rate }));
    }
    if local.telephone_event {
        local.codecs.iter().for_each(|codec| add(Format::TelephoneEvent { clock_rate: codec.clock_rate }));
    }
    formats
}

/// What each payload type has meant in this session: that may not change (RFC 3264 §8.3.2).
#[derive(Debug, Clone, Default)]
pub(super) struct PayloadTypes {
    /// At most one entry for each of the 128 numbers, oldest first.
    bound: Vec<NumberedFormat>,
}

impl PayloadTypes {
    /// Notes that a number means a format from now on.
    pub fn bind(&mut self, numbered: NumberedFormat) {
        self.bound.retain(|known| known.payload_type != numbered.payload_type);
        self.bound.push(numbered);
    }

    /// The number of a format in our next offer: the latest in use, else `hint`, else a free dynamic one.
    pub fn choose(&mut self, format: Format, hint: u8, in_this_offer: &[NumberedFormat]) -> NumberedFormat {
        if let Some(known) = self.bound.iter().rev().find(|known| known.format == format) {
            return *known;
        }
        let is_free = |number: &u8| self.bound.iter().all(|known| known.payload_type != *number);
        let dynamic = || 96..=127;
        let payload_type = std::iter::once(hint)
            .chain(dynamic())
            .find(is_free)
            // A peer has used up all numbers: one that this offer does not need changes its meaning.
            .or_else(|| dynamic().find(|number| in_this_offer.iter().all(|o| o.payload_type != *number)))
            .expect("an offer has fewer formats than there are dynamic numbers");
        let numbered = NumberedFormat { format, payload_type };
        self.bind(numbered);
        numbered
    }
}

/// The number we would like a format to have in our offers.
pub(super) fn number_hint(local: &LocalMedia, format: Format) -> u8 {
    match format {
        Format::Codec(index) => local.codecs[index].payload_type,
        Format::ComfortNoise { clock_rate: 8000 } => 13,
        Format::ComfortNoise { .. } => 105,
        Format::TelephoneEvent { clock_rate: 8000 } => 101,
        Format::TelephoneEvent { .. } => 110,
        Format::Redundancy { clock_rate: 8000, .. } => 121,
        Format::Redundancy { .. } => 122,
    }
}
