//! Format parameters (`a=fmtp`): `name=value` lists, and those of Opus (RFC 7587 §6.1).

use std::fmt;

/// The parameters of one format, as they stand in `a=fmtp` after the payload type.
/// Names are compared without case; of a repeated name the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Fmtp(String);

impl Fmtp {
    /// Takes the text of a fmtp line (without the payload type) as it is.
    pub fn new(text: impl Into<String>) -> Fmtp {
        Fmtp(text.into())
    }

    /// The text, empty when there are no parameters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the text of a further fmtp line of the same format.
    pub(super) fn append(&mut self, text: &str) {
        if !self.0.is_empty() && !text.is_empty() {
            self.0.push(';');
        }
        self.0.push_str(text);
    }

    /// The value of a parameter; `Some("")` when it stands without one.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.0.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// A decimal parameter; malformed or too large ones count as absent.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.parameter(name)?.parse().ok()
    }

    /// Whether a parameter is `1`.
    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name) == Some("1")
    }

    /// These parameters read as those of Opus, with the RFC's default for each that is absent or out of range.
    pub fn opus(&self) -> OpusParameters {
        let rate = |name| self.number(name).filter(|rate| (8000..=48000).contains(rate)).unwrap_or(48000);
        OpusParameters {
            max_playback_rate_hz: rate("maxplaybackrate"),
            sprop_max_capture_rate_hz: rate("sprop-maxcapturerate"),
            stereo: self.flag("stereo"),
            sprop_stereo: self.flag("sprop-stereo"),
            max_average_bitrate: self
                .number("maxaveragebitrate")
                .filter(|bitrate| (6000..=510_000).contains(bitrate)),
            use_inband_fec: self.flag("useinbandfec"),
            use_dtx: self.flag("usedtx"),
            cbr: self.flag("cbr"),
            min_ptime_ms: self
                .number("minptime")
                .and_then(|ms| u8::try_from(ms).ok())
                .filter(|ms| (3..=120).contains(ms))
                .unwrap_or(3),
        }
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What the writer of an Opus fmtp wants to receive, and by the `sprop_` fields what it sends (RFC 7587 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusParameters {
    /// Highest sampling rate worth sending, 8000 to 48000.
    pub max_playback_rate_hz: u32,
    /// Highest sampling rate in what it sends, 8000 to 48000.
    pub sprop_max_capture_rate_hz: u32,
    /// Whether it prefers stereo.
    pub stereo: bool,
    /// Whether it is likely to send stereo.
    pub sprop_stereo: bool,
    /// Highest average bit rate to send, in bit/s.
    pub max_average_bitrate: Option<u32>,
    /// Whether it makes use of in-band FEC.
    pub use_inband_fec: bool,
    /// Whether it wants discontinuous transmission.
    pub use_dtx: bool,
    /// Whether it wants a constant bit rate.
    pub cbr: bool,
    /// Shortest packet it wants.
    pub min_ptime_ms: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_parameters_default_as_the_rfc_says() {
        let opus = Fmtp::default().opus();
        assert_eq!((opus.max_playback_rate_hz, opus.sprop_max_capture_rate_hz), (48000, 48000));
        assert_eq!((opus.stereo, opus.sprop_stereo, opus.use_inband_fec), (false, false, false));
        assert_eq!(
            (opus.use_dtx, opus.cbr, opus.max_average_bitrate, opus.min_ptime_ms),
            (false, false, None, 3)
        );
    }

    #[test]
    fn opus_parameters_are_read_with_any_spacing_and_case() {
        let opus = Fmtp::new(
            "MaxPlaybackRate=16000; sprop-maxcapturerate=8000 ;stereo=1;sprop-stereo=1; \
             maxaveragebitrate=20000;useinbandfec=1;usedtx=1;cbr=1;minptime=10",
        )
        .opus();
        let expected = OpusParameters {
            max_playback_rate_hz: 16000,
            sprop_max_capture_rate_hz: 8000,
            stereo: true,
            sprop_stereo: true,
            max_average_bitrate: Some(20000),
            use_inband_fec: true,
            use_dtx: true,
            cbr: true,
            min_ptime_ms: 10,
        };
        assert_eq!(opus, expected);
    }

    #[test]
    fn values_out_of_range_count_as_absent() {
        let opus = Fmtp::new("maxplaybackrate=7999;maxaveragebitrate=5999;minptime=300;stereo=2;cbr").opus();
        assert_eq!(opus, Fmtp::default().opus());
        assert_eq!(Fmtp::new("maxaveragebitrate=99999999999999").opus().max_average_bitrate, None);
    }

    #[test]
    fn several_lines_of_one_format_are_one_list() {
        let mut fmtp = Fmtp::new("useinbandfec=1");
        fmtp.append("usedtx=1");
        assert_eq!(fmtp.as_str(), "useinbandfec=1;usedtx=1");
        assert!(fmtp.flag("usedtx") && fmtp.flag("useinbandfec"));
    }
}
