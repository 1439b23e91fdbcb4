//! What the tests of this directory share: the fuzz loop and the mutator.

use std::time::{Duration, Instant};

use super::splitmix::SplitMix64;

/// Runs `body` with a fresh seed each time: `iterations` times, or as many as `ANTIPHON_FUZZ_ITERATIONS`
/// says, or for `ANTIPHON_FUZZ_SECONDS`. The seed of a failure is printed; `ANTIPHON_FUZZ_SEED` repeats it.
pub(crate) fn fuzz(iterations: u64, mut body: impl FnMut(&mut SplitMix64)) {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let only = setting("ANTIPHON_FUZZ_SEED");
    let iterations = setting("ANTIPHON_FUZZ_ITERATIONS").unwrap_or(iterations);
    let until = setting("ANTIPHON_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut seed = only.unwrap_or(1);
    loop {
        let printed = SeedOnPanic(seed);
        body(&mut SplitMix64::new(seed));
        drop(printed);
        let enough = until.map_or(seed >= iterations, |until| Instant::now() >= until);
        if only.is_some() || enough {
            return;
        }
        seed += 1;
    }
}

struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with ANTIPHON_FUZZ_SEED={}", self.0);
        }
    }
}

/// A copy of `seed` with a few octets changed, cut, doubled or appended.
pub(crate) fn mutate(random: &mut SplitMix64, seed: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len() as u64 + 1) as usize;
        match random.below(6) {
            0 => out.truncate(at),
            1 => out.extend((0..random.below(9)).map(|_| 0xFF)),
            2 => out.extend_from_within(at..),
            3 if at < out.len() => out[at] = random.next() as u8,
            4 if at < out.len() => out[at] ^= 1 << random.below(8),
            _ if at < out.len() => out[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5) as usize],
            _ => {}
        }
        out.truncate(2048);
    }
    out
}
