//! Whether a listener heard what it should: the speeches of the others at their levels, nothing else, without a gap.
//!
//! What was heard is taken apart in windows: where in each speech a window is, is tracked (a jitter buffer may move it),
//! then one least-squares fit gives the levels, and what it leaves over is what should not be there.

use crate::hearing::{RATE, Samples, fit};

/// The first, longest window; one that does not fit well is halved down to the shortest.
const LONGEST: usize = 48 * BLOCK;
const SHORTEST: usize = 6 * BLOCK;
/// Gaps are looked for in blocks of 10 ms.
const BLOCK: usize = RATE / 100;
/// How far a speech may move between two windows.
const MOVE: usize = RATE * 3 / 100;
/// A block quieter than this tells nothing (−50 dB of full scale).
const QUIET: f32 = 1e-5;
/// A block of which so much of the energy is left over does not hold what it should.
const WRONG: f32 = 0.25;

/// A speech that should be in what was heard.
pub struct Expected {
    /// The speech, looped.
    pub speech: Samples,
    /// Where in it the first sample that is looked at would be, had it come without delay.
    pub position: usize,
    /// The longest delay that is looked for.
    pub max_delay: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Level of each speech in dB, as sent 0; the median over all windows.
    pub levels_db: Vec<f32>,
    /// What is left over, in dB of what should be there; the median over all windows.
    pub rest_db: f32,
    /// Stretches that do not hold what they should, as samples from and to, longest first.
    pub wrong: Vec<(usize, usize)>,
}

/// One voice being followed.
struct Track {
    /// The speech twice, so that each window of it is one slice.
    speech: Samples,
    len: usize,
    /// Where in the speech the next window begins.
    position: usize,
}

impl Track {
    fn window(&self, position: usize, len: usize) -> &[f32] {
        let position = position % self.len;
        &self.speech[position..position + len]
    }

    /// The position in `from..from + count` that explains most of the energy of `heard`.
    fn best(&self, heard: &[f32], from: usize, count: usize) -> usize {
        let explained = |position: usize| {
            let window = self.window(position, heard.len());
            let energy = crate::hearing::dot(window, window);
            let likeness = crate::hearing::dot(window, heard).max(0.0);
            if energy / (heard.len() as f32) < QUIET { 0.0 } else { likeness * likeness / energy }
        };
        let (position, value) = (from..from + count)
            .map(|position| (position, explained(position)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .expect("at least one position");
        // A window of silence tells nothing of where it is.
        if value > 0.0 { position } else { from + count / 2 }
    }
}

/// What one pass collects.
struct Pass<'h> {
    heard: &'h [f32],
    tracks: Vec<Track>,
    levels: Vec<Vec<f32>>,
    rests: Vec<f32>,
    /// The blocks, from the beginning of what is looked at, that are not as they should be.
    wrong: Vec<bool>,
}

/// Takes `heard` apart from sample `from` on.
pub fn listen(heard: &[f32], from: usize, expected: &[Expected]) -> Found {
    assert!(
        heard.len() >= from + 2 * LONGEST,
        "{} samples heard, {} needed",
        heard.len(),
        from + 2 * LONGEST
    );
    let heard = &heard[from..];
    let tracks = expected.iter().map(|expected| {
        let len = expected.speech.len();
        let speech: Samples = expected.speech.iter().cycle().take(len + LONGEST).copied().collect();
        let begin = expected.position + len * (expected.max_delay / len + 1) - expected.max_delay;
        Track { speech, len, position: begin }
    });
    let levels = expected.iter().map(|_| Vec::new()).collect();
    let mut pass = Pass { heard, tracks: tracks.collect(), levels, rests: Vec::new(), wrong: Vec::new() };
    let reach = expected.iter().map(|expected| expected.max_delay).max().unwrap_or(0) + 1;
    pass.wrong.resize(heard.len() / BLOCK, false);
    pass.find(0, LONGEST, reach);
    for begin in (0..heard.len() - LONGEST + 1).step_by(LONGEST) {
        pass.window(begin, LONGEST);
    }
    pass.found(from)
}

impl Pass<'_> {
    /// Looks for each speech, with the others as far as they are known taken out of the way.
    fn find(&mut self, begin: usize, len: usize, reach: usize) -> Vec<f32> {
        let heard = &self.heard[begin..begin + len];
        let before: Vec<usize> = self.tracks.iter().map(|track| track.position).collect();
        let mut levels = vec![0.0; self.tracks.len()];
        for round in 0..2 {
            for (index, before) in before.iter().enumerate() {
                let mut rest = heard.to_vec();
                for (other, track) in self.tracks.iter().enumerate() {
                    if other != index && levels[other] != 0.0 {
                        subtract(&mut rest, track.window(track.position, len), levels[other]);
                    }
                }
                self.tracks[index].position = self.tracks[index].best(&rest, *before, reach);
                let known = if round == 0 { index + 1 } else { self.tracks.len() };
                levels = self.levels_of(heard, known);
            }
        }
        levels
    }

    /// The levels that fit best, of the first `known` speeches; 0 of one that is silent here.
    fn levels_of(&self, heard: &[f32], known: usize) -> Vec<f32> {
        let columns: Vec<&[f32]> =
            self.tracks.iter().map(|track| track.window(track.position, heard.len())).collect();
        let loud = |index: &usize| {
            *index < known
                && crate::hearing::dot(columns[*index], columns[*index]) > QUIET * heard.len() as f32
        };
        let used: Vec<usize> = (0..columns.len()).filter(loud).collect();
        let mut levels = vec![0.0; columns.len()];
        let fitted = fit(&used.iter().map(|index| columns[*index].to_vec()).collect::<Vec<_>>(), heard);
        used.iter().zip(fitted).for_each(|(index, level)| levels[*index] = level);
        levels
    }

    /// Judges one window, and its halves if it does not fit.
    fn window(&mut self, begin: usize, len: usize) {
        let before: Vec<usize> = self.tracks.iter().map(|track| track.position).collect();
        for track in &mut self.tracks {
            track.position = track.position + track.len - MOVE;
        }
        let levels = self.find(begin, len, 2 * MOVE);
        let mut should = vec![0.0; len];
        for (track, level) in self.tracks.iter().zip(&levels) {
            subtract(&mut should, track.window(track.position, len), -level);
        }
        let rest: Samples = self.heard[begin..begin + len].iter().zip(&should).map(|(a, b)| a - b).collect();
        let wrong: Vec<bool> = should
            .chunks_exact(BLOCK)
            .zip(rest.chunks_exact(BLOCK))
            .map(|(should, rest)| {
                let energy = crate::hearing::dot(should, should);
                energy > QUIET * BLOCK as f32 && crate::hearing::dot(rest, rest) > WRONG * energy
            })
            .collect();
        if wrong.contains(&true) && len / 2 >= SHORTEST {
            self.tracks.iter_mut().zip(before).for_each(|(track, position)| track.position = position);
            self.window(begin, len / 2);
            return self.window(begin + len / 2, len / 2);
        }
        let first = begin / BLOCK;
        self.wrong[first..first + wrong.len()].copy_from_slice(&wrong);
        self.note(&levels, &should, &rest);
        self.tracks.iter_mut().for_each(|track| track.position += len);
    }

    fn note(&mut self, levels: &[f32], should: &[f32], rest: &[f32]) {
        for (all, level) in self.levels.iter_mut().zip(levels).filter(|(_, level)| **level != 0.0) {
            all.push(20.0 * level.abs().max(1e-5).log10());
        }
        let energy = crate::hearing::dot(should, should);
        if energy > QUIET * should.len() as f32 {
            self.rests.push(10.0 * (crate::hearing::dot(rest, rest) / energy).max(1e-10).log10());
        }
    }

    fn found(mut self, from: usize) -> Found {
        let mut wrong = Vec::new();
        let mut block = 0;
        while block < self.wrong.len() {
            let run = self.wrong[block..].iter().take_while(|wrong| **wrong).count();
            if run > 0 {
                wrong.push((from + block * BLOCK, from + (block + run) * BLOCK));
            }
            block += run.max(1);
        }
        wrong.sort_by_key(|(begin, end)| begin.wrapping_sub(*end));
        Found {
            levels_db: self.levels.iter_mut().map(|levels| median(levels)).collect(),
            rest_db: median(&mut self.rests),
            wrong,
        }
    }
}

fn subtract(from: &mut [f32], what: &[f32], level: f32) {
    from.iter_mut().zip(what).for_each(|(sample, other)| *sample -= level * other);
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(-100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::speeches;

    fn mix(len: usize, parts: &[(&Samples, usize, f32)]) -> Samples {
        (0..len)
            .map(|n| parts.iter().map(|(speech, at, level)| level * speech[(at + n) % speech.len()]).sum())
            .collect()
    }

    fn expect(number: usize, position: usize) -> Expected {
        Expected { speech: speeches()[number].clone(), position, max_delay: 800 }
    }

    #[test]
    fn two_speeches_are_found_at_their_levels() {
        let [first, second, _] = speeches();
        let heard = mix(4 * RATE, &[(first, 9_700, 1.0), (second, 19_600, 0.5)]);
        let found = listen(&heard, 0, &[expect(0, 10_000), expect(1, 20_000)]);
        assert!(found.levels_db[0].abs() < 0.1 && (found.levels_db[1] + 6.02).abs() < 0.1, "{found:?}");
        assert!(found.rest_db < -50.0 && found.wrong.is_empty(), "{found:?}");
    }

    #[test]
    fn a_third_speech_is_left_over() {
        let [first, second, third] = speeches();
        let heard = mix(4 * RATE, &[(first, 9_700, 1.0), (second, 19_600, 1.0), (third, 100, 0.1)]);
        let found = listen(&heard, 0, &[expect(0, 10_000), expect(1, 20_000)]);
        assert!((-26.0..-14.0).contains(&found.rest_db), "{found:?}");
    }

    #[test]
    fn a_gap_is_found_and_a_move_is_none() {
        let [first, second, _] = speeches();
        let mut heard = mix(4 * RATE, &[(first, 9_700, 1.0), (second, 19_600, 1.0)]);
        let moved = mix(4 * RATE, &[(first, 9_700 + 40 * 8, 1.0), (second, 19_600, 1.0)]);
        heard.truncate(2 * RATE);
        heard.extend_from_slice(&moved[2 * RATE..]);
        heard[RATE..RATE + 320].fill(0.0);
        let found = listen(&heard, 0, &[expect(0, 10_000), expect(1, 20_000)]);
        let near = |(begin, end): &(usize, usize)| *begin < RATE + 320 && *end > RATE;
        let gap: usize = found.wrong.iter().filter(|gap| near(gap)).map(|(begin, end)| end - begin).sum();
        let elsewhere: usize =
            found.wrong.iter().filter(|gap| !near(gap)).map(|(begin, end)| end - begin).sum();
        assert!((240..=400).contains(&gap) && elsewhere <= 240, "{found:?}");
    }
}
