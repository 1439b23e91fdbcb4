//! Finds a sequence of keys in what a caller presses.

use crate::call::leg::Digit;

/// A sequence to watch for.
#[derive(Debug, Clone)]
pub struct KeySequence {
    keys: Vec<char>,
    pressed: Vec<char>,
}

impl KeySequence {
    /// Watches for these keys; without any it is never found.
    pub fn new(keys: Option<&str>) -> KeySequence {
        let keys: Vec<char> = keys.unwrap_or_default().chars().collect();
        KeySequence { pressed: Vec::with_capacity(keys.len()), keys }
    }

    /// A key was pressed; whether it completes the sequence.
    pub fn press(&mut self, digit: Digit) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        if self.pressed.len() == self.keys.len() {
            self.pressed.remove(0);
        }
        self.pressed.push(digit.as_char());
        let found = self.pressed == self.keys;
        if found {
            self.pressed.clear();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presses(sequence: &str, keys: &str) -> Vec<bool> {
        let mut watched = KeySequence::new(Some(sequence));
        keys.chars().map(|key| watched.press(Digit::from_char(key).unwrap())).collect()
    }

    #[test]
    fn a_sequence_is_found_wherever_it_begins() {
        assert_eq!(presses("*6", "1*6*6"), [false, false, true, false, true]);
        assert_eq!(presses("*6", "**6"), [false, false, true]);
    }

    #[test]
    fn the_keys_of_one_find_do_not_count_for_the_next() {
        assert_eq!(presses("11", "111"), [false, true, false]);
    }

    #[test]
    fn no_sequence_is_never_found() {
        assert!(!KeySequence::new(None).press(Digit::from_char('5').unwrap()));
    }
}
