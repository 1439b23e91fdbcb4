//! G.711 µ-law and A-law by table, exact against the reference of ITU-T G.191 for every input.
//!
//! G.191 looks at the upper 14 bits of a sample for µ-law and at the upper 12 for A-law, so one table of 16
//! KiB and one of 4 KiB hold the whole encoder.

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// µ-law: PCMU, payload type 0.
    Mu,
    /// A-law: PCMA, payload type 8.
    A,
}

impl Law {
    /// Encodes one octet per sample; the slices are of equal length.
    pub fn encode(self, samples: &[i16], octets: &mut [u8]) {
        assert_eq!(samples.len(), octets.len(), "one octet per sample");
        match self {
            Self::Mu => {
                for (octet, &sample) in octets.iter_mut().zip(samples) {
                    *octet = MU_FROM_LINEAR[usize::from(sample as u16 >> 2)];
                }
            }
            Self::A => {
                for (octet, &sample) in octets.iter_mut().zip(samples) {
                    *octet = A_FROM_LINEAR[usize::from(sample as u16 >> 4)];
                }
            }
        }
    }

    /// Decodes one sample per octet; the slices are of equal length.
    pub fn decode(self, octets: &[u8], samples: &mut [i16]) {
        assert_eq!(samples.len(), octets.len(), "one octet per sample");
        let table = match self {
            Self::Mu => &LINEAR_FROM_MU,
            Self::A => &LINEAR_FROM_A,
        };
        for (sample, &octet) in samples.iter_mut().zip(octets) {
            *sample = table[usize::from(octet)];
        }
    }
}

static MU_FROM_LINEAR: [u8; 1 << 14] = mu_from_linear();
static A_FROM_LINEAR: [u8; 1 << 12] = a_from_linear();
static LINEAR_FROM_MU: [i16; 256] = linear_from_mu();
static LINEAR_FROM_A: [i16; 256] = linear_from_a();

const fn mu_from_linear() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let sample = ((index as u16) << 2) as i16;
        // One's complement for negative samples, a bias of 33 in 14-bit units, clipped at the 13-bit overload
        // point.
        let magnitude = ((if sample < 0 { !sample } else { sample }) >> 2) + 33;
        let magnitude = if magnitude > 0x1FFF { 0x1FFF } else { magnitude as u16 };
        let segment = 10 - magnitude.leading_zeros() as u16;
        let mantissa = (magnitude >> (segment + 1)) & 0x0F;
        let code = !((segment << 4) | mantissa) as u8 & 0x7F;
        table[index] = if sample < 0 { code } else { code | 0x80 };
        index += 1;
    }
    table
}

const fn a_from_linear() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        let sample = ((index as u16) << 4) as i16;
        let magnitude = ((if sample < 0 { !sample } else { sample }) >> 4) as u16;
        let code = if magnitude > 15 {
            let segment = 11 - magnitude.leading_zeros() as u16;
            (((segment + 1) << 4) | ((magnitude >> segment) & 0x0F)) as u8
        } else {
            magnitude as u8
        };
        // Even bits are inverted on the line (G.711 §3.1).
        table[index] = (if sample < 0 { code } else { code | 0x80 }) ^ 0x55;
        index += 1;
    }
    table
}

const fn linear_from_mu() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < table.len() {
        let code = !(octet as u8);
        let segment = (code >> 4) & 7;
        let mantissa = (code & 0x0F) as i16;
        let magnitude = (((mantissa << 3) + 132) << segment) - 132;
        table[octet] = if code & 0x80 == 0 { magnitude } else { -magnitude };
        octet += 1;
    }
    table
}

const fn linear_from_a() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < table.len() {
        let code = octet as u8 ^ 0x55;
        let segment = (code >> 4) & 7;
        let mantissa = ((code & 0x0F) as i16) << 4;
        let magnitude = if segment == 0 { mantissa + 8 } else { (mantissa + 264) << (segment - 1) };
        table[octet] = if code & 0x80 != 0 { magnitude } else { -magnitude };
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::Law;
    use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

    #[test]
    fn every_sample_and_every_octet_agree_with_the_g191_reference() {
        for sample in i16::MIN..=i16::MAX {
            let (mut mu, mut a) = ([0], [0]);
            Law::Mu.encode(&[sample], &mut mu);
            Law::A.encode(&[sample], &mut a);
            assert_eq!(mu[0], encode_ulaw(sample), "µ-law of {sample}");
            assert_eq!(a[0], encode_alaw(sample), "A-law of {sample}");
        }
        for octet in 0..=255 {
            let (mut mu, mut a) = ([0], [0]);
            Law::Mu.decode(&[octet], &mut mu);
            Law::A.decode(&[octet], &mut a);
            assert_eq!(mu[0], decode_ulaw(octet), "µ-law {octet:#04x}");
            assert_eq!(a[0], decode_alaw(octet), "A-law {octet:#04x}");
        }
    }

    #[test]
    fn the_digital_milliwatt_of_the_standard_decodes_to_itself() {
        // G.711 table 5: the periodic sequence that is a 1 kHz sine of 0 dBm0.
        let octets = [0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E];
        let mut samples = [0; 8];
        Law::Mu.decode(&octets, &mut samples);
        let mut again = [0; 8];
        Law::Mu.encode(&samples, &mut again);
        assert_eq!(again, octets);
        assert_eq!(
            samples[..4].iter().map(|s| s.unsigned_abs()).collect::<Vec<_>>(),
            [8828, 20860, 20860, 8828]
        );
    }
}
