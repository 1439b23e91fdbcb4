//! Words that participants carry, and whom a participant speaks to.

use std::fmt;

/// Longest tag, in bytes.
pub const MAX_TAG_LEN: usize = 63;

/// A word that a participant carries, as "agent", so that others may speak to those who carry it alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    len: u8,
    /// Zeros behind the word.
    bytes: [u8; MAX_TAG_LEN],
}

impl Tag {
    /// None if the word is empty or longer than [`MAX_TAG_LEN`].
    pub fn new(word: &str) -> Option<Self> {
        let mut bytes = [0; MAX_TAG_LEN];
        bytes.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
        (!word.is_empty()).then_some(Self { len: word.len() as u8, bytes })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len.into()]).unwrap_or_default()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({:?})", self.as_str())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who hears what a participant says. It hears all that is said to everyone itself, whomever it speaks to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpeaksTo {
    /// A talker.
    #[default]
    Everyone,
    /// A monitor.
    Nobody,
    /// A coach, who whispers to those who carry this tag; to another coach of theirs as well only if that one carries it.
    Tagged(Tag),
}

impl SpeaksTo {
    /// The tag of those it whispers to.
    pub(super) fn tag(self) -> Option<Tag> {
        if let Self::Tagged(tag) = self { Some(tag) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TAG_LEN, Tag};

    #[test]
    fn a_tag_is_a_word_of_bounded_length() {
        let longest = "x".repeat(MAX_TAG_LEN);
        for word in ["agent", "é", &longest] {
            assert_eq!(Tag::new(word).unwrap().as_str(), word);
        }
        assert_eq!(Tag::new(""), None);
        assert_eq!(Tag::new(&"x".repeat(MAX_TAG_LEN + 1)), None);
        assert_ne!(Tag::new("agent"), Tag::new("agents"));
    }
}
