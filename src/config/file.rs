//! The TOML file: keys and values with their lines, laid into a [`Reader`], and its `[[route]]` tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Allowed, ConfigError, ErrorKind, Place};
use super::route_table;
use super::setting::{Given, Reader};
use super::{Routes, key_named, keys};

/// A file's text and where it stands; it turns positions into lines.
pub(super) struct Source<'t> {
    path: Arc<Path>,
    text: &'t str,
}

impl<'t> Source<'t> {
    pub fn new(path: &Path, text: &'t str) -> Source<'t> {
        Source { path: Arc::from(path), text }
    }

    /// The place of a byte offset.
    pub fn place(&self, at: usize) -> Place {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Place::File { path: Arc::clone(&self.path), line }
    }

    /// A mistake at a byte offset.
    pub fn error(&self, at: usize, key: impl Into<String>, kind: ErrorKind) -> ConfigError {
        ConfigError { place: self.place(at), key: key.into(), kind }
    }

    /// A file named in this one: relative names are relative to its folder.
    pub fn resolve(&self, file: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }
}

/// Reads the file's text; all but `[[route]]` goes into the reader, with all errors. `None`: it has no routes.
pub(super) fn read(path: &Path, text: &str, reader: &mut Reader) -> Option<Routes> {
    let source = Source::new(path, text);
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    for error in syntax_errors {
        let at = error.span().map_or(0, |span| span.start);
        let kind = ErrorKind::Syntax { reason: error.message().trim().replace('\n', ", ") };
        reader.errors.push(source.error(at, "", kind));
    }
    let mut routes = None;
    for (name, value) in table.get_ref() {
        let at = value.span().start;
        if name.get_ref() == "route" {
            match route_table::read(&source, value) {
                Ok(read) => routes = Some(read),
                Err(mut errors) => reader.errors.append(&mut errors),
            }
            continue;
        }
        let Some(key) = key_named(name.get_ref()) else {
            let names = keys().map(|key| key.name).chain(["route"]);
            let kind = ErrorKind::UnknownKey { nearest: nearest(name.get_ref(), names) };
            reader.errors.push(source.error(name.span().start, name.get_ref().as_ref(), kind));
            continue;
        };
        match texts(&source, value, key.is_list) {
            Some(given) => reader.lay(key.name, given),
            None => {
                let list = if key.is_list { ", or a list of them" } else { "" };
                let allowed = Allowed::of(format!("{}{list}", key.value_name));
                let kind = ErrorKind::NotAllowed { value: value.get_ref().type_str().to_owned(), allowed };
                reader.errors.push(source.error(at, key.name, kind));
            }
        }
    }
    routes
}

/// The value as text, or the values of a list; `None` for what is neither.
fn texts(source: &Source<'_>, value: &Spanned<DeValue<'_>>, is_list: bool) -> Option<Vec<Given>> {
    let given = |value: &Spanned<DeValue<'_>>| {
        Some(Given { text: scalar(value.get_ref())?, place: source.place(value.span().start) })
    };
    match value.get_ref() {
        DeValue::Array(values) if is_list => values.iter().map(given).collect(),
        _ => Some(vec![given(value)?]),
    }
}

/// A single value as a flag would give it.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(true) => Some("on".to_owned()),
        DeValue::Boolean(false) => Some("off".to_owned()),
        _ => None,
    }
}

/// The name that was probably meant.
pub(super) fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.replace('_', "-");
    names
        .map(|known| (strsim::damerau_levenshtein(&name, known), known))
        .filter(|&(distance, known)| distance <= known.len() / 3)
        .min()
        .map(|(_, known)| known)
}
