//! L16: linear 16-bit samples in network byte order (RFC 3551 §4.5.11), one channel.

/// Writes two octets per sample, the upper first.
pub fn encode(samples: &[i16], octets: &mut [u8]) {
    assert_eq!(samples.len() * 2, octets.len(), "two octets per sample");
    for (pair, sample) in octets.chunks_exact_mut(2).zip(samples) {
        pair.copy_from_slice(&sample.to_be_bytes());
    }
}

/// Reads one sample per two octets.
pub fn decode(octets: &[u8], samples: &mut [i16]) {
    assert_eq!(samples.len() * 2, octets.len(), "two octets per sample");
    for (sample, pair) in samples.iter_mut().zip(octets.chunks_exact(2)) {
        *sample = i16::from_be_bytes([pair[0], pair[1]]);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn samples_are_written_upper_octet_first_and_read_back() {
        let samples = [0x0102, -2, i16::MIN, i16::MAX];
        let mut octets = [0; 8];
        super::encode(&samples, &mut octets);
        assert_eq!(octets, [1, 2, 0xFF, 0xFE, 0x80, 0, 0x7F, 0xFF]);
        let mut again = [0; 4];
        super::decode(&octets, &mut again);
        assert_eq!(again, samples);
    }
}
