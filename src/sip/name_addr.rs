//! Addresses of From, To, Contact, Route …: `"Name" <uri>;params` or `uri;params` (RFC 3261 §20.10, §25.1).

use std::fmt;

use super::headers::HeaderErrorKind;
use super::params::Params;
use super::text::{find_unquoted, take_quoted, trim, unescape_quoted, write_quoted};
use super::uri::Uri;

/// An address with its header field parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Without quotes and escapes; `None` if missing or empty.
    pub display_name: Option<Box<str>>,
    /// The address itself.
    pub uri: Uri,
    /// The parameters of the header field: `tag`, `q`, `expires` …
    pub params: Params,
}

impl NameAddr {
    /// An address without name and parameters.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display_name: None, uri, params: Params::new() }
    }

    /// The `tag` parameter of From and To.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same with another tag.
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }

    /// Reads one address; a list is to be split before.
    pub fn parse(text: &str) -> Result<NameAddr, HeaderErrorKind> {
        let text = trim(text);
        if let Some((inside, rest)) = take_quoted(text) {
            let name = unescape_quoted(inside);
            return NameAddr::parse_bracketed(Some(&name), trim(rest));
        }
        let params_at = find_unquoted(text, b';').unwrap_or(text.len());
        match text[..params_at].find('<') {
            Some(at) => {
                let name = trim(&text[..at]);
                if !is_display_name(name) {
                    return Err(HeaderErrorKind::DisplayName);
                }
                NameAddr::parse_bracketed(Some(name), &text[at..])
            }
            None => NameAddr::parse_bare(trim(&text[..params_at]), &text[params_at..]),
        }
    }

    fn parse_bracketed(name: Option<&str>, text: &str) -> Result<NameAddr, HeaderErrorKind> {
        let inside = text.strip_prefix('<').ok_or(HeaderErrorKind::Address)?;
        let (uri, params) = inside.split_once('>').ok_or(HeaderErrorKind::Address)?;
        Ok(NameAddr {
            display_name: name.filter(|name| !name.is_empty()).map(Into::into),
            // RFC 4475 §3.1.2.15: blanks inside the brackets are wrong, but harmless to a UAS.
            uri: Uri::parse(trim(uri)).map_err(HeaderErrorKind::Uri)?,
            params: Params::parse_header(params).ok_or(HeaderErrorKind::Params)?,
        })
    }

    /// Without brackets every parameter belongs to the header field, and the URI must not hold `?` or `,`
    /// (RFC 3261 §20.10).
    fn parse_bare(uri: &str, params: &str) -> Result<NameAddr, HeaderErrorKind> {
        if uri.contains(['?', ',']) {
            return Err(HeaderErrorKind::Address);
        }
        let uri = Uri::parse(uri).map_err(HeaderErrorKind::Uri)?;
        let params = Params::parse_header(params).ok_or(HeaderErrorKind::Params)?;
        Ok(NameAddr { display_name: None, uri, params })
    }
}

/// Words without quotes. RFC 3261 §25.1 wants tokens; phones also send `John (Mobile)`, `a@b` and letters beyond ASCII.
/// What ends a name, a list or a parameter is still an error (RFC 4475 §3.1.2.15): who knows where the name ends?
fn is_display_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_graphic() && !"\",;<>\\".contains(letter);
    name.chars().all(|letter| letter == ' ' || letter == '\t' || !letter.is_ascii() || is_plain(letter))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            write_quoted(f, name)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests;
