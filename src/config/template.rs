//! The name of a conference, or a tag, with parts of the number in it: `$1` or `${1}`, `${name}`, and `$$` for a dollar sign.

use std::fmt;

use regex::{Captures, Regex};

/// A text with references to the groups of a pattern, all of which exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// A `$` that begins no reference.
    LoneDollar,
    /// A reference to a group that the pattern does not have.
    NoSuchGroup(String),
    /// Nothing at all.
    Empty,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::LoneDollar => {
                f.write_str("a group as $1, ${1} or ${name}, and $$ for a dollar sign")
            }
            TemplateError::NoSuchGroup(group) => {
                write!(f, "only groups of the pattern; it has no group {group}")
            }
            TemplateError::Empty => f.write_str("a name"),
        }
    }
}

impl Template {
    /// Reads a template for names made from matches of `pattern`.
    pub fn new(text: &str, pattern: &Regex) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            parts.push(Part::Text(rest[..at].to_owned()));
            let (part, after) = reference(&rest[at + 1..], pattern)?;
            parts.push(part);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        if parts.is_empty() { Err(TemplateError::Empty) } else { Ok(Template { parts }) }
    }

    /// The text with the groups filled in; a group that took no part is empty.
    pub fn fill(&self, captures: &Captures<'_>) -> String {
        let text = |part| match part {
            &Part::Group(number) => captures.get(number).map_or("", |group| group.as_str()),
            Part::Text(text) => text,
        };
        self.parts.iter().map(text).collect()
    }
}

/// Reads what follows a `$`: the part, and what is left behind it.
fn reference<'t>(rest: &'t str, pattern: &Regex) -> Result<(Part, &'t str), TemplateError> {
    if let Some(after) = rest.strip_prefix('$') {
        return Ok((Part::Text("$".to_owned()), after));
    }
    let (name, after) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or(TemplateError::LoneDollar)?,
        None => rest.split_at(rest.chars().take_while(char::is_ascii_digit).count()),
    };
    if name.is_empty() {
        return Err(TemplateError::LoneDollar);
    }
    let number = match name.parse::<usize>() {
        Ok(number) => Some(number).filter(|&number| number < pattern.captures_len()),
        Err(_) => pattern.capture_names().position(|group| group == Some(name)),
    };
    let number = number.ok_or_else(|| TemplateError::NoSuchGroup(name.to_owned()))?;
    Ok((Part::Group(number), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, pattern: &str, user: &str) -> Result<String, TemplateError> {
        let pattern = Regex::new(pattern).unwrap();
        let template = Template::new(template, &pattern)?;
        Ok(template.fill(&pattern.captures(user).unwrap()))
    }

    #[test]
    fn groups_are_filled_in_by_number_and_by_name() {
        let pattern = "(?<site>[a-z]+)-([0-9]+)?";
        assert_eq!(filled("$1", pattern, "rome-7"), Ok("rome".into()));
        assert_eq!(filled("${2}${site}s", pattern, "rome-7"), Ok("7romes".into()));
        assert_eq!(filled("$0$$$2", pattern, "rome-"), Ok("rome-$".into()));
        assert_eq!(filled("fixed", pattern, "rome-"), Ok("fixed".into()));
    }

    #[test]
    fn a_reference_to_no_group_is_an_error() {
        assert_eq!(filled("$2", "(.)", "x"), Err(TemplateError::NoSuchGroup("2".into())));
        assert_eq!(filled("${who}", "(.)", "x"), Err(TemplateError::NoSuchGroup("who".into())));
        assert!(filled("$99999999999999999999999", "(.)", "x").is_err());
        for lone in ["$", "$x", "${1", "${}"] {
            assert_eq!(filled(lone, "(.)", "x"), Err(TemplateError::LoneDollar), "{lone}");
        }
        assert_eq!(filled("", "(.)", "x"), Err(TemplateError::Empty));
    }
}
