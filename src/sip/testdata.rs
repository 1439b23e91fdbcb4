//! The messages of RFC 4475, byte for byte as in the archive of its appendix, and those of RFC 5118 as they would be
//! sent: its archive has lines of LF only, no empty line after the header fields and wrong lengths of the SDP.

/// One message of a torture test document.
pub(crate) struct Sample {
    /// The document.
    pub rfc: u16,
    /// Its section.
    pub section: &'static str,
    /// The name the document gives the message.
    pub name: &'static str,
    /// One datagram.
    pub bytes: &'static [u8],
}

macro_rules! samples {
    ($($rfc:literal $section:literal $name:literal;)*) => {
        const SAMPLES: &[Sample] = &[$(Sample {
            rfc: $rfc,
            section: $section,
            name: $name,
            bytes: include_bytes!(concat!("testdata/rfc", $rfc, "/", $name, ".dat")),
        }),*];
    };
}

samples! {
    4475 "3.1.1.1" "wsinv";
    4475 "3.1.1.2" "intmeth";
    4475 "3.1.1.3" "esc01";
    4475 "3.1.1.4" "escnull";
    4475 "3.1.1.5" "esc02";
    4475 "3.1.1.6" "lwsdisp";
    4475 "3.1.1.7" "longreq";
    4475 "3.1.1.8" "dblreq";
    4475 "3.1.1.9" "semiuri";
    4475 "3.1.1.10" "transports";
    4475 "3.1.1.11" "mpart01";
    4475 "3.1.1.12" "unreason";
    4475 "3.1.1.13" "noreason";
    4475 "3.1.2.1" "badinv01";
    4475 "3.1.2.2" "clerr";
    4475 "3.1.2.3" "ncl";
    4475 "3.1.2.4" "scalar02";
    4475 "3.1.2.5" "scalarlg";
    4475 "3.1.2.6" "quotbal";
    4475 "3.1.2.7" "ltgtruri";
    4475 "3.1.2.8" "lwsruri";
    4475 "3.1.2.9" "lwsstart";
    4475 "3.1.2.10" "trws";
    4475 "3.1.2.11" "escruri";
    4475 "3.1.2.12" "baddate";
    4475 "3.1.2.13" "regbadct";
    4475 "3.1.2.14" "badaspec";
    4475 "3.1.2.15" "baddn";
    4475 "3.1.2.16" "badvers";
    4475 "3.1.2.17" "mismatch01";
    4475 "3.1.2.18" "mismatch02";
    4475 "3.1.2.19" "bigcode";
    4475 "3.2.1" "badbranch";
    4475 "3.3.1" "insuf";
    4475 "3.3.2" "unkscm";
    4475 "3.3.3" "novelsc";
    4475 "3.3.4" "unksm2";
    4475 "3.3.5" "bext01";
    4475 "3.3.6" "invut";
    4475 "3.3.7" "regaut01";
    4475 "3.3.8" "multi01";
    4475 "3.3.9" "mcl01";
    4475 "3.3.10" "bcast";
    4475 "3.3.11" "zeromf";
    4475 "3.3.12" "cparam01";
    4475 "3.3.13" "cparam02";
    4475 "3.3.14" "regescrt";
    4475 "3.3.15" "sdp01";
    4475 "3.4.1" "inv2543";
    5118 "4.1" "ipv6-good";
    5118 "4.2" "ipv6-bad";
    5118 "4.3" "port-ambiguous";
    5118 "4.4" "port-unambiguous";
    5118 "4.5" "via-received-param-with-delim";
    5118 "4.5" "via-received-param-no-delim";
    5118 "4.6" "ipv6-in-sdp";
    5118 "4.7" "mult-ip-in-header";
    5118 "4.8" "mult-ip-in-sdp";
    5118 "4.9" "ipv4-mapped-ipv6";
    5118 "4.10" "ipv6-bug-abnf-3-colons";
    5118 "4.10" "ipv6-correct-abnf-2-colons";
}

/// All messages, in the order of the documents.
pub(crate) fn all() -> &'static [Sample] {
    SAMPLES
}

/// The message of this name.
pub(crate) fn named(name: &str) -> &'static Sample {
    SAMPLES.iter().find(|sample| sample.name == name).unwrap_or_else(|| panic!("no sample {name}"))
}
