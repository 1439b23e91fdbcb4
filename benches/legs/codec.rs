//! The codecs that a caller can have, as its offer names them. Serves `benches/quality` too.

use antiphon::audio::opus::OpusSettings;
use antiphon::audio::{Format, SampleRate};

/// How long a packet stands for.
pub const FRAME_MS: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcmu,
    Pcma,
    G722,
    Opus,
}

impl Codec {
    pub fn from_name(name: &str) -> Option<Codec> {
        [("pcmu", Codec::Pcmu), ("pcma", Codec::Pcma), ("g722", Codec::G722), ("opus", Codec::Opus)]
            .into_iter()
            .find_map(|(known, codec)| (known == name).then_some(codec))
    }

    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 96,
        }
    }

    /// What is offered: the rest of an `m=` line and its attributes.
    pub fn formats(self) -> String {
        let name = match self {
            Codec::Pcmu => "PCMU/8000",
            Codec::Pcma => "PCMA/8000",
            Codec::G722 => "G722/8000",
            Codec::Opus => "opus/48000/2\r\na=fmtp:96 useinbandfec=1",
        };
        let payload_type = self.payload_type();
        format!("{payload_type}\r\na=rtpmap:{payload_type} {name}\r\na=ptime:20\r\n")
    }

    /// Timestamp units of a packet.
    pub fn packet_units(self) -> u32 {
        self.format(SampleRate::Hz48000).clock_rate_hz() / 1000 * FRAME_MS
    }

    /// The same with samples of that rate, for a codec that leaves it open.
    pub fn format(self, rate: SampleRate) -> Format {
        match self {
            Codec::Pcmu => Format::Pcmu,
            Codec::Pcma => Format::Pcma,
            Codec::G722 => Format::G722,
            Codec::Opus => Format::Opus(OpusSettings { rate, ..OpusSettings::default() }),
        }
    }
}
