//! What offers say of codecs.

use antiphon::audio::SampleRate;

use crate::codec::Codec;

#[test]
fn an_offer_names_its_codec_by_number_and_name() {
    let offers = ["pcmu", "pcma", "opus"].map(|name| {
        let codec = Codec::from_name(name).unwrap();
        assert!(codec.formats().starts_with(&format!("{}\r\n", codec.payload_type())));
        assert!(codec.formats().to_lowercase().contains(&format!(" {name}/")));
        (codec.payload_type(), codec.packet_units(), codec.format(SampleRate::Hz16000).rate().hertz())
    });
    assert_eq!(offers, [(0, 160, 8000), (8, 160, 8000), (96, 960, 16_000)]);
    assert_eq!(Codec::from_name("gsm"), None);
}
