//! The header fields of a message: an ordered list of names and values (RFC 3261 §7.3).
//!
//! Values are unfolded text. Typed access is in [`super::header_values`].

use std::borrow::Borrow;
use std::fmt;

use super::header_name::HeaderName;
use super::text::{split_unquoted, trim};
use super::uri::UriError;
use super::via::Via;

/// Header fields in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(HeaderName, Box<str>)>);

/// A header field that is missing or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderError {
    /// Which one.
    pub header: HeaderName,
    /// What is wrong.
    pub kind: HeaderErrorKind,
}

/// What is wrong with a header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderErrorKind {
    /// It must be there and is not.
    Missing,
    /// It stands there more than once and must not.
    Repeated,
    /// It is empty and must not be.
    Empty,
    /// No number, or one too large.
    Number,
    /// A method that is no token.
    Method,
    /// The protocol, version or transport of a Via.
    Protocol,
    /// The host or port of a Via.
    SentBy,
    /// An unquoted display name with characters that must be quoted.
    DisplayName,
    /// Brackets missing or unbalanced around a URI.
    Address,
    /// The URI in it.
    Uri(UriError),
    /// Its parameters.
    Params,
    /// White space or separators in the wrong place.
    Syntax,
    /// The method of CSeq is not that of the request line.
    MethodMismatch,
}

impl fmt::Display for HeaderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeaderErrorKind::Missing => "missing",
            HeaderErrorKind::Repeated => "repeated",
            HeaderErrorKind::Empty => "empty",
            HeaderErrorKind::Number => "bad number",
            HeaderErrorKind::Method => "bad method",
            HeaderErrorKind::Protocol => "bad protocol",
            HeaderErrorKind::SentBy => "bad sent-by",
            HeaderErrorKind::DisplayName => "bad display name",
            HeaderErrorKind::Address => "bad address",
            HeaderErrorKind::Uri(error) => return write!(f, "bad {error}"),
            HeaderErrorKind::Params => "bad parameters",
            HeaderErrorKind::Syntax => "bad syntax",
            HeaderErrorKind::MethodMismatch => "method differs from request line",
        })
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.header, self.kind)
    }
}

impl std::error::Error for HeaderError {}

impl Headers {
    /// No header fields.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All lines in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &str)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }

    /// The value of the first line of this name.
    pub fn get(&self, name: impl Borrow<HeaderName>) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name.borrow()).map(|(_, value)| &**value)
    }

    /// Whether a line of this name is there.
    pub fn contains(&self, name: impl Borrow<HeaderName>) -> bool {
        self.get(name).is_some()
    }

    /// The values of all lines of this name, one per line.
    pub fn all<'a, N: Borrow<HeaderName>>(&'a self, name: N) -> impl Iterator<Item = &'a str> + use<'a, N> {
        self.0.iter().filter(move |(other, _)| other == name.borrow()).map(|(_, value)| &**value)
    }

    /// The values of all lines of this name with comma lists split, empty elements left out. Only for header
    /// fields whose values are lists: a Subject or Date may hold commas of its own.
    pub fn values<'a, N: Borrow<HeaderName>>(
        &'a self,
        name: N,
    ) -> impl Iterator<Item = &'a str> + use<'a, N> {
        self.all(name).flat_map(|line| split_unquoted(line, b',')).map(trim).filter(|value| !value.is_empty())
    }

    /// Appends a line. Line ends in the value become spaces, so that no value can become two lines.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Box<str>>) {
        self.0.push((name, single_line(value.into())));
    }

    /// Puts a line before all others.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Box<str>>) {
        self.0.insert(0, (name, single_line(value.into())));
    }

    /// Replaces all lines of this name by one, at the place of the first, else at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Box<str>>) {
        let at = self.0.iter().position(|(other, _)| *other == name).unwrap_or(self.0.len());
        self.remove(&name);
        self.0.insert(at, (name, single_line(value.into())));
    }

    /// Removes all lines of this name; how many there were.
    pub fn remove(&mut self, name: impl Borrow<HeaderName>) -> usize {
        let before = self.0.len();
        self.0.retain(|(other, _)| other != name.borrow());
        before - self.0.len()
    }

    /// Appends all lines of this name in `other`, in order.
    pub fn copy_from(&mut self, other: &Headers, name: HeaderName) {
        self.0.extend(other.0.iter().filter(|(its, _)| *its == name).cloned());
    }

    /// Appends all lines of `other`.
    pub fn extend(&mut self, other: Headers) {
        self.0.extend(other.0);
    }

    /// Replaces the topmost Via value (as when `received` is added), leaving those below it.
    pub fn replace_top_via(&mut self, via: &Via) {
        match self.0.iter_mut().find(|(name, _)| *name == HeaderName::Via) {
            Some((_, line)) => {
                let first = split_unquoted(line, b',').next().map_or(0, str::len);
                *line = format!("{via}{}", &line[first..]).into();
            }
            None => self.push_front(HeaderName::Via, via.to_string()),
        }
    }
}

fn single_line(value: Box<str>) -> Box<str> {
    if value.contains(['\r', '\n']) { value.replace(['\r', '\n'], " ").into() } else { value }
}

impl fmt::Display for Headers {
    /// Each line with its line end; no empty line after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

#[cfg(test)]
mod tests;
