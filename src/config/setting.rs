//! The one definition of a setting: field, key, default, reader and help stand in one row of `settings!`.
//!
//! Flag, environment variable, TOML key, `--help`, `configs/antiphon.toml` and `docs/configuration.md` all come from
//! these rows, so none can drift from another. A [`Reader`] holds what was given for each key and where.

use std::collections::BTreeMap;

use super::error::{ConfigError, ErrorKind, Place};
use super::value::Read;

/// A key as flags, environment, file and documentation know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The TOML key, and the flag without its dashes.
    pub name: &'static str,
    /// The form of a value, as `LOW-HIGH`.
    pub value_name: &'static str,
    /// The default as it would be written; lists with commas.
    pub default: &'static str,
    /// Whether it takes a list (repeated flag, commas, TOML array).
    pub is_list: bool,
    /// The heading it stands under.
    pub group: &'static str,
    pub(super) doc: &'static str,
}

impl Key {
    /// What the setting does, in one paragraph.
    pub fn help(&self) -> String {
        self.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }

    /// The environment variable of the same name.
    pub fn variable(&self) -> String {
        variable(self.name)
    }
}

/// The environment variable of a key: `rtp-ports` is `ANTIPHON_RTP_PORTS`.
pub(super) fn variable(name: &str) -> String {
    format!("ANTIPHON_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// A value as text, with the place it was given at.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub text: String,
    pub place: Place,
}

/// What was given for each key, later layers over earlier ones; reading collects the errors.
#[derive(Debug, Default)]
pub(super) struct Reader {
    given: BTreeMap<&'static str, Vec<Given>>,
    pub errors: Vec<ConfigError>,
}

impl Reader {
    /// Lays the values of a layer (file, then environment, then flags) over what was given before.
    pub fn lay(&mut self, key: &'static str, values: Vec<Given>) {
        self.given.insert(key, values);
    }

    /// Where the key's value comes from.
    pub fn place(&self, key: &str) -> Place {
        self.given
            .get(key)
            .and_then(|values| values.first())
            .map_or(Place::Default, |given| given.place.clone())
    }

    /// Notes a mistake that concerns a key as a whole, at the place its value comes from.
    pub fn refuse(&mut self, key: &str, kind: ErrorKind) {
        self.errors.push(ConfigError { place: self.place(key), key: key.to_owned(), kind });
    }

    /// The key's one value; after an error its default, so that all errors are found in one go.
    pub fn one<T>(&mut self, key: &'static str, default: &str, read: impl Fn(&str) -> Read<T>) -> T {
        let given = self.given.get(key).and_then(|values| values.last()).cloned();
        if let Some(Given { text, place }) = given {
            match read(&text) {
                Ok(value) => return value,
                Err(allowed) => {
                    let kind = ErrorKind::NotAllowed { value: text, allowed };
                    self.errors.push(ConfigError { place, key: key.to_owned(), kind });
                }
            }
        }
        read(default).unwrap_or_else(|allowed| panic!("default of {key} is not {allowed}"))
    }

    /// The key's list, without duplicates.
    pub fn many<T: PartialEq>(
        &mut self,
        key: &'static str,
        default: &str,
        read: impl Fn(&str) -> Read<T>,
    ) -> Vec<T> {
        let Some(given) = self.given.get(key).cloned() else {
            let parts = default.split(',').filter(|part| !part.is_empty());
            return parts.map(|part| self.one("", part, &read)).collect();
        };
        let mut list = Vec::new();
        for Given { text, place } in given {
            let kind = match read(&text) {
                Ok(value) if list.contains(&value) => ErrorKind::Duplicate { value: text },
                Ok(value) => {
                    list.push(value);
                    continue;
                }
                Err(allowed) => ErrorKind::NotAllowed { value: text, allowed },
            };
            self.errors.push(ConfigError { place, key: key.to_owned(), kind });
        }
        list
    }
}

/// Declares a group of settings: a struct with a public field per row, its keys, and how it is read.
///
/// A row is `one FIELD: TYPE = "key" "VALUE-NAME" "default" by READER;`, `many` for lists; its doc comment is the help.
macro_rules! settings {
    (
        $(#[doc = $struct_doc:literal])+
        pub struct $name:ident under $group:literal {
            $($(#[doc = $doc:literal])+ $count:ident $field:ident: $type:ty = $key:literal $value:literal $default:literal by $read:expr;)+
        }
    ) => {
        $(#[doc = $struct_doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $name {
            pub(super) const KEYS: &[$crate::config::setting::Key] = &[
                $($crate::config::setting::Key {
                    name: $key,
                    value_name: $value,
                    default: $default,
                    is_list: $crate::config::setting::settings!(@is_list $count),
                    group: $group,
                    doc: concat!($($doc, "\n"),+),
                },)+
            ];

            pub(super) fn read(reader: &mut $crate::config::setting::Reader) -> $name {
                $name { $($field: reader.$count($key, $default, $read),)+ }
            }
        }
    };
    (@is_list one) => { false };
    (@is_list many) => { true };
}
pub(super) use settings;
