//! Randomness for tags, branches, SSRC and ports: a fast generator seeded by the kernel, one per worker.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::cell::RefCell;
use std::io;

const TOKEN_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 16 letters of 5 bits: 80 bits, where RFC 3261 §19.3 wants at least 32 in a tag.
const TOKEN_LENGTH: usize = 16;

pub(super) struct Random {
    generator: RefCell<ChaCha12Rng>,
}

impl Random {
    pub(super) fn from_kernel() -> io::Result<Random> {
        let generator = ChaCha12Rng::try_from_os_rng().map_err(io::Error::other)?;
        Ok(Random { generator: RefCell::new(generator) })
    }

    pub(super) fn next_u32(&self) -> u32 {
        self.generator.borrow_mut().next_u32()
    }

    pub(super) fn next_u64(&self) -> u64 {
        self.generator.borrow_mut().next_u64()
    }

    pub(super) fn token(&self) -> String {
        let mut bits = u128::from(self.next_u64()) << 64 | u128::from(self.next_u64());
        let mut token = String::with_capacity(TOKEN_LENGTH);
        for _ in 0..TOKEN_LENGTH {
            token.push(char::from(TOKEN_LETTERS[(bits & 31) as usize]));
            bits >>= 5;
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_are_of_unreserved_letters_and_differ() {
        let random = Random::from_kernel().expect("the kernel has randomness");
        let tokens: HashSet<String> = (0..1000).map(|_| random.token()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 16));
        assert!(tokens.iter().flat_map(|token| token.bytes()).all(|letter| letter.is_ascii_alphanumeric()));
    }

    #[test]
    fn two_generators_do_not_repeat_each_other() {
        let (left, right) = (Random::from_kernel().expect("seed"), Random::from_kernel().expect("seed"));
        assert_ne!(left.next_u64(), right.next_u64());
        assert_ne!(left.next_u32(), left.next_u32());
    }
}
