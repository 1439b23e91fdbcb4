//! Reads `[[route]]` tables: `match`, exactly one action, and what the route does differently.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Allowed, ConfigError, ErrorKind, Place};
use super::file::{Source, nearest, scalar};
use super::route::{Action, Role, Route, RouteTones, Routes};
use super::template::Template;
use super::value::{Codec, Read, codec, noise_gate, number, switch};

/// Most routes a file may have.
pub const MAX_ROUTES: usize = 10_000;
/// Most memory that one compiled pattern may take, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Longest ringing of a route, in ms: the longest that callers' timers bear (RFC 3261 §13.3.1.1 allows 3 minutes).
const MAX_RING_MS: u64 = 170_000;

const ACTIONS: [&str; 5] = ["conference", "echo", "play", "milliwatt", "reject"];
const OTHERS: [&str; 15] = [
    "match",
    "loop",
    "early-media",
    "ring-ms",
    "max-participants",
    "enter-tone",
    "leave-tone",
    "waiting-tone",
    "automatic-gain",
    "denoise",
    "noise-gate",
    "codecs",
    "role",
    "tag",
    "coaches",
];
/// Those that belong to an action alone, and to which.
const BESIDE: [(&str, &str); 4] =
    [("loop", "play"), ("role", "conference"), ("tag", "conference"), ("coaches", "conference")];
const ROLES: &str = "talker, listener, monitor or coach";

/// Reads the value of `route` of a file.
pub(super) fn read(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<Routes, Vec<ConfigError>> {
    let tables = value.get_ref().as_array().filter(|tables| tables.len() <= MAX_ROUTES);
    let Some(tables) = tables else {
        let allowed = Allowed::of(format!("up to {MAX_ROUTES} tables under [[route]]"));
        let kind = ErrorKind::NotAllowed { value: value.get_ref().type_str().to_owned(), allowed };
        return Err(vec![source.error(value.span().start, "route", kind)]);
    };
    let mut routes = Vec::with_capacity(tables.len());
    let mut errors = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let name = format!("route[{}]", index + 1);
        match table.get_ref().as_table() {
            Some(entries) => {
                let mut reader = RouteReader::new(source, name, table.span(), entries);
                if let Some(route) = reader.route() {
                    routes.push(Arc::new(route));
                }
                errors.append(&mut reader.errors);
            }
            None => {
                let allowed = Allowed::words("a table under [[route]]");
                let kind = ErrorKind::NotAllowed { value: table.get_ref().type_str().to_owned(), allowed };
                errors.push(source.error(table.span().start, name, kind));
            }
        }
    }
    if errors.is_empty() { Ok(Routes { routes }) } else { Err(errors) }
}

/// Where a value is written, and what; none if it is no single value.
type Written = (usize, Option<String>);

/// The entries of one table as text; what is read is taken out, so that the rest is unknown.
struct RouteReader<'s, 't> {
    source: &'s Source<'t>,
    name: String,
    span: Range<usize>,
    entries: BTreeMap<String, Written>,
    /// Where `codecs` is written, and its values.
    codecs: Option<(usize, Vec<Written>)>,
    errors: Vec<ConfigError>,
}

impl<'s, 't> RouteReader<'s, 't> {
    fn new(
        source: &'s Source<'t>,
        name: String,
        span: Range<usize>,
        table: &DeTable<'_>,
    ) -> RouteReader<'s, 't> {
        let place_and_text = |value: &Spanned<DeValue<'_>>| (value.span().start, scalar(value.get_ref()));
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            (ToString::to_string(key.get_ref()), place_and_text(value))
        };
        let list = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::Array(values) => values.iter().map(place_and_text).collect(),
            _ => vec![place_and_text(value)],
        };
        let mut entries: BTreeMap<_, _> = table.iter().map(entry).collect();
        entries.remove("codecs");
        let codecs = table.get("codecs").map(|value| (value.span().start, list(value)));
        RouteReader { source, name, span, entries, codecs, errors: Vec::new() }
    }

    fn route(&mut self) -> Option<Route> {
        let matched = self.pattern();
        let is_conference = self.entries.contains_key("conference");
        let action = self.action(matched.as_ref().map(|(_, pattern)| pattern));
        let early_media = self.take("early-media", switch).unwrap_or(false);
        let ring_ms = self.take("ring-ms", number(0..=MAX_RING_MS)).unwrap_or(0);
        let max_participants = self.take("max-participants", number(1..=1_000_000));
        let tones = RouteTones {
            enter: self.take("enter-tone", switch),
            leave: self.take("leave-tone", switch),
            waiting: self.take("waiting-tone", switch),
        };
        let automatic_gain = self.take("automatic-gain", switch);
        let denoise = self.take("denoise", switch);
        let noise_gate_db = self.take("noise-gate", noise_gate);
        let (codecs, codecs_place) = self.codecs().unzip();
        let (role, tag) = match &matched {
            Some((_, pattern)) if is_conference => (self.role(pattern), self.template("tag", pattern)),
            Some(_) => (Some(Role::Talker), None),
            None => {
                ["role", "tag", "coaches"].iter().for_each(|key| drop(self.entries.remove(*key)));
                (None, None)
            }
        };
        self.refuse_unknown();
        let (matches, pattern) = matched?;
        Some(Route {
            pattern,
            matches,
            action: action?,
            early_media,
            ring: Duration::from_millis(ring_ms),
            max_participants,
            tones,
            role: role?,
            tag,
            automatic_gain,
            denoise,
            noise_gate_db,
            codecs,
            codecs_place: codecs_place.unwrap_or(Place::Default),
        })
    }

    /// The pattern as it was written, and compiled so that it matches whole numbers only.
    fn pattern(&mut self) -> Option<(String, Regex)> {
        let allowed = Allowed::words("a regular expression on the dialled user part, as \"room-(.+)\"");
        if !self.entries.contains_key("match") {
            self.refuse(self.span.start, "match", ErrorKind::Missing { allowed });
            return None;
        }
        self.take("match", |text| {
            // First as it stands, so that `a)|(b` cannot leave the anchored group.
            let compiled = Regex::new(text).and_then(|_| {
                RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(MAX_PATTERN_BYTES).build()
            });
            match compiled {
                Ok(pattern) => Ok((text.to_owned(), pattern)),
                Err(error) => Err(Allowed::of(format!("{allowed}; {}", reason(&error)))),
            }
        })
    }

    fn action(&mut self, pattern: Option<&Regex>) -> Option<Action> {
        let named: Vec<&str> =
            ACTIONS.into_iter().filter(|action| self.entries.contains_key(*action)).collect();
        let allowed = Allowed::words("exactly one of conference, echo, play, milliwatt and reject");
        let &[name] = named.as_slice() else {
            let kind = match named.as_slice() {
                [] => ErrorKind::Missing { allowed },
                several => ErrorKind::NotAllowed { value: several.join(", "), allowed },
            };
            named.iter().for_each(|name| drop(self.entries.remove(*name)));
            self.entries.remove("loop");
            self.refuse(self.span.start, "action", kind);
            return None;
        };
        match name {
            "conference" => match pattern {
                Some(pattern) => self.template("conference", pattern).map(Action::Conference),
                None => {
                    self.entries.remove("conference");
                    None
                }
            },
            "echo" => self.take("echo", only_on).map(|()| Action::Echo),
            "milliwatt" => self.take("milliwatt", only_on).map(|()| Action::Milliwatt),
            "play" => self.play(),
            _ => self.take("reject", number(400..=699)).map(Action::Reject),
        }
    }

    /// A text that is filled with what the pattern captures.
    fn template(&mut self, key: &str, pattern: &Regex) -> Option<Template> {
        self.take(key, |text| Template::new(text, pattern).map_err(|error| Allowed::of(error.to_string())))
    }

    /// What callers are in the conference; none if that is wrong.
    fn role(&mut self, pattern: &Regex) -> Option<Role> {
        let role_at = self.entries.get("role").map(|&(at, _)| at);
        let coaches_at = self.entries.get("coaches").map(|&(at, _)| at);
        let coaches = self.template("coaches", pattern);
        let role = match role_at {
            None => "talker".to_owned(),
            Some(_) => self.take("role", |text| match text {
                "talker" | "listener" | "monitor" | "coach" => Ok(text.to_owned()),
                _ => Err(Allowed::words(ROLES)),
            })?,
        };
        match (role.as_str(), coaches_at) {
            ("coach", None) => {
                let allowed = Allowed::words("the tag of those whom the coach speaks to");
                self.refuse(role_at.unwrap_or(self.span.start), "coaches", ErrorKind::Missing { allowed });
                None
            }
            ("coach", Some(_)) => coaches.map(Role::Coach),
            (_, Some(at)) => {
                let allowed = Allowed::words("coaches beside role = \"coach\" only");
                self.refuse(at, "coaches", ErrorKind::NotAllowed { value: "coaches".to_owned(), allowed });
                None
            }
            ("listener", None) => Some(Role::Listener),
            ("monitor", None) => Some(Role::Monitor),
            _ => Some(Role::Talker),
        }
    }

    fn play(&mut self) -> Option<Action> {
        let repeat = self.take("loop", switch).unwrap_or(false);
        let at = self.entries.get("play").map_or(self.span.start, |&(at, _)| at);
        let name = self.take("play", |text| Ok(text.to_owned()))?;
        let file = self.source.resolve(&name);
        match std::fs::File::open(&file) {
            Ok(_) => Some(Action::Play { file, repeat }),
            Err(error) => {
                self.refuse(at, "play", ErrorKind::Unreadable { error });
                None
            }
        }
    }

    /// The route's own list of codecs, and where it is written.
    fn codecs(&mut self) -> Option<(Vec<Codec>, Place)> {
        let (list_at, values) = self.codecs.take()?;
        if values.is_empty() {
            let allowed = Allowed::words("at least one codec, or no codecs at all for those of all routes");
            self.refuse(list_at, "codecs", ErrorKind::NotAllowed { value: String::new(), allowed });
        }
        let mut codecs = Vec::new();
        for (at, text) in values {
            let text = text.unwrap_or_else(|| "a list or table".to_owned());
            let kind = match codec(&text) {
                Ok(value) if codecs.contains(&value) => ErrorKind::Duplicate { value: text },
                Ok(value) => {
                    codecs.push(value);
                    continue;
                }
                Err(allowed) => ErrorKind::NotAllowed { value: text, allowed },
            };
            self.refuse(at, "codecs", kind);
        }
        (!codecs.is_empty()).then(|| (codecs, self.source.place(list_at)))
    }

    /// Reads and takes out one entry; a mistake is noted.
    fn take<T>(&mut self, key: &str, read: impl FnOnce(&str) -> Read<T>) -> Option<T> {
        let (at, text) = self.entries.remove(key)?;
        let text = text.unwrap_or_else(|| "a list or table".to_owned());
        match read(&text) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.refuse(at, key, ErrorKind::NotAllowed { value: text, allowed });
                None
            }
        }
    }

    fn refuse_unknown(&mut self) {
        for (key, (at, _)) in std::mem::take(&mut self.entries) {
            let nearest = nearest(&key, ACTIONS.into_iter().chain(OTHERS));
            let kind = match BESIDE.into_iter().find(|(name, _)| *name == key) {
                Some((_, action)) => ErrorKind::NotAllowed {
                    allowed: Allowed::of(format!("{key} beside {action} only")),
                    value: key.clone(),
                },
                None => ErrorKind::UnknownKey { nearest },
            };
            self.refuse(at, &key, kind);
        }
    }

    fn refuse(&mut self, at: usize, key: &str, kind: ErrorKind) {
        self.errors.push(self.source.error(at, format!("{}.{key}", self.name), kind));
    }
}

/// `true`: an action that takes no argument is not switched off but left out.
fn only_on(text: &str) -> Read<()> {
    if text == "on" { Ok(()) } else { Err(Allowed::words("true")) }
}

/// The last line of a pattern's error: the ones before it draw the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}
