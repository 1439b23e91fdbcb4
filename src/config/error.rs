//! What can be wrong with a configuration, and where: flag, environment variable, or file, line and key.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// One mistake in a configuration.
#[derive(Debug)]
pub struct ConfigError {
    /// Where the wrong value was given.
    pub place: Place,
    /// The key's name, for routes `route[2].match`; empty where no key is concerned.
    pub key: String,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the key has its default.
    Default,
    /// On the command line.
    Flag,
    /// In the environment variable of this key.
    Environment,
    /// In a file.
    File {
        /// The file as it was named.
        path: Arc<Path>,
        /// The line of the value, from 1; 0 for the file as a whole.
        line: usize,
    },
}

/// What is wrong with a value.
#[derive(Debug)]
pub enum ErrorKind {
    /// The value is none of those allowed.
    NotAllowed {
        /// The value as it was written.
        value: String,
        /// What would have been allowed.
        allowed: Allowed,
    },
    /// The value is given more than once in a list.
    Duplicate {
        /// The value as it was written the second time.
        value: String,
    },
    /// No such key.
    UnknownKey {
        /// The existing key whose name is nearest, if one is near.
        nearest: Option<&'static str>,
    },
    /// A key that must be there is not.
    Missing {
        /// What would have been allowed.
        allowed: Allowed,
    },
    /// The file is no TOML.
    Syntax {
        /// The TOML reader's reason.
        reason: String,
    },
    /// The file, or a file that a route names, cannot be read.
    Unreadable {
        /// Why not.
        error: io::Error,
    },
}

/// What a value may be, in words that follow "allowed:".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(pub(super) Cow<'static, str>);

impl Allowed {
    /// What is allowed, in words known beforehand.
    pub(super) const fn words(words: &'static str) -> Allowed {
        Allowed(Cow::Borrowed(words))
    }

    /// What is allowed, in words that depend on something.
    pub(super) fn of(words: String) -> Allowed {
        Allowed(Cow::Owned(words))
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.place {
            Place::File { path, line: 0 } => write!(f, "{}: ", path.display())?,
            Place::File { path, line } if key.is_empty() => write!(f, "{}:{line}: ", path.display())?,
            Place::File { path, line } => write!(f, "{}:{line}: {key}: ", path.display())?,
            Place::Flag => write!(f, "--{key}: ")?,
            Place::Environment => write!(f, "{}: ", super::setting::variable(key))?,
            Place::Default => write!(f, "{key}: ")?,
        }
        match &self.kind {
            ErrorKind::NotAllowed { value, allowed } => {
                write!(f, "{value:?} is not allowed; allowed: {allowed}")
            }
            ErrorKind::Duplicate { value } => write!(f, "{value:?} is given twice"),
            ErrorKind::UnknownKey { nearest: Some(nearest) } => {
                write!(f, "no such key; nearest is {nearest}")
            }
            ErrorKind::UnknownKey { nearest: None } => f.write_str("no such key"),
            ErrorKind::Missing { allowed } => write!(f, "missing; allowed: {allowed}"),
            ErrorKind::Syntax { reason } => f.write_str(reason),
            ErrorKind::Unreadable { error } => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ConfigError {}
