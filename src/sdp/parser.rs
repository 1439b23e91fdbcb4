//! Reads a session description (RFC 8866 §9), as lenient as phones need it.
//!
//! Lines may end with LF alone, blank lines are skipped, `o=`, `s=` and `t=` may be missing, lines may
//! stand in another order, unknown letters are kept. Size, lines and media are bounded.

use std::fmt;

use super::{Attribute, Connection, Description, Line, MediaDescription, Origin};

/// Longest description we read, in bytes; the largest browser offers are a third of it.
pub const MAX_SIZE: usize = 32 * 1024;
/// Most lines.
pub const MAX_LINES: usize = 1000;
/// Most media descriptions.
pub const MAX_MEDIA: usize = 32;
/// Most formats of one media description: there are 128 payload types.
pub const MAX_FORMATS: usize = 128;

/// Where and why a description cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// The line, counted from 1; 0 if the description as a whole is meant.
    pub line: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// It does not begin with `v=`: some other format, or nothing.
    NotSdp,
    /// A version other than 0.
    UnsupportedVersion,
    /// Longer than [`MAX_SIZE`].
    TooLong,
    /// More than [`MAX_LINES`].
    TooManyLines,
    /// More than [`MAX_MEDIA`].
    TooManyMedia,
    /// More than [`MAX_FORMATS`] in one line.
    TooManyFormats,
    /// A line that is not a letter, `=` and a value.
    NotALine,
    /// NUL, or a CR inside a line.
    ControlCharacter,
    /// An `o=` line with too few words.
    BadOrigin,
    /// A `c=` line with too few words.
    BadConnection,
    /// An `m=` line without media, port and protocol.
    BadMedia,
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ParseErrorKind::NotSdp => "not SDP",
            ParseErrorKind::UnsupportedVersion => "version is not 0",
            ParseErrorKind::TooLong => "too long",
            ParseErrorKind::TooManyLines => "too many lines",
            ParseErrorKind::TooManyMedia => "too many media descriptions",
            ParseErrorKind::TooManyFormats => "too many formats",
            ParseErrorKind::NotALine => "not of the form letter=value",
            ParseErrorKind::ControlCharacter => "control character",
            ParseErrorKind::BadOrigin => "bad o= line",
            ParseErrorKind::BadConnection => "bad c= line",
            ParseErrorKind::BadMedia => "bad m= line",
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.kind.fmt(out),
            line => write!(out, "{} in line {line}", self.kind),
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads a description.
pub fn parse(bytes: &[u8]) -> Result<Description, ParseError> {
    if bytes.len() > MAX_SIZE {
        return Err(ParseError { line: 0, kind: ParseErrorKind::TooLong });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut description = Description::default();
    let mut begun = false;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let at = |kind| ParseError { line: number, kind };
        if number > MAX_LINES {
            return Err(at(ParseErrorKind::TooManyLines));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() {
            continue;
        }
        if line.contains(['\0', '\r']) {
            return Err(at(ParseErrorKind::ControlCharacter));
        }
        if begun {
            read_line(&mut description, line).map_err(at)?;
        } else {
            let version = line.strip_prefix("v=").ok_or(at(ParseErrorKind::NotSdp))?;
            if version.trim() != "0" {
                return Err(at(ParseErrorKind::UnsupportedVersion));
            }
            begun = true;
        }
    }
    if begun { Ok(description) } else { Err(ParseError { line: 0, kind: ParseErrorKind::NotSdp }) }
}

fn read_line(description: &mut Description, line: &str) -> Result<(), ParseErrorKind> {
    let mut characters = line.chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic).ok_or(ParseErrorKind::NotALine)?;
    let value = characters.as_str().strip_prefix('=').ok_or(ParseErrorKind::NotALine)?;
    let Description { origin, session_name, connection, lines, attributes, media } = description;
    match letter {
        // A second version would begin a second description, which SIP has no use for.
        'v' => return Err(ParseErrorKind::NotALine),
        'o' if origin.is_none() => *origin = Some(read_origin(value)?),
        's' if session_name.is_none() => *session_name = Some(value.to_owned()),
        'm' if media.len() == MAX_MEDIA => return Err(ParseErrorKind::TooManyMedia),
        'm' => media.push(read_media(value)?),
        _ => {
            let (connection, lines, attributes) = match media.last_mut() {
                // These letters are the session's wherever they stand.
                Some(media) if !"ostrzuep".contains(letter) => {
                    (&mut media.connection, &mut media.lines, &mut media.attributes)
                }
                _ => (connection, lines, attributes),
            };
            match letter {
                'a' => attributes.push(read_attribute(value)),
                'c' if connection.is_none() => *connection = Some(read_connection(value)?),
                _ => lines.push(Line { letter, value: value.to_owned() }),
            }
        }
    }
    Ok(())
}

fn read_attribute(value: &str) -> Attribute {
    match value.split_once(':') {
        Some((name, value)) => Attribute { name: name.to_owned(), value: Some(value.to_owned()) },
        None => Attribute { name: value.to_owned(), value: None },
    }
}

fn read_connection(value: &str) -> Result<Connection, ParseErrorKind> {
    let mut words = value.split_ascii_whitespace().map(str::to_owned);
    match (words.next(), words.next(), words.next()) {
        (Some(network_type), Some(address_type), Some(address)) => {
            Ok(Connection { network_type, address_type, address })
        }
        _ => Err(ParseErrorKind::BadConnection),
    }
}

/// Reads from the right: some peers put a display name with blanks where the user name belongs.
fn read_origin(value: &str) -> Result<Origin, ParseErrorKind> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let [username @ .., session_id, session_version, network_type, address_type, address] = &words[..] else {
        return Err(ParseErrorKind::BadOrigin);
    };
    Ok(Origin {
        username: if username.is_empty() { "-".to_owned() } else { username.join(" ") },
        session_id: (*session_id).to_owned(),
        session_version: (*session_version).to_owned(),
        connection: Connection {
            network_type: (*network_type).to_owned(),
            address_type: (*address_type).to_owned(),
            address: (*address).to_owned(),
        },
    })
}

fn read_media(value: &str) -> Result<MediaDescription, ParseErrorKind> {
    let mut words = value.split_ascii_whitespace();
    let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err(ParseErrorKind::BadMedia);
    };
    let (port, count) = match port.split_once('/') {
        Some((port, count)) => (port, Some(count.parse().map_err(|_| ParseErrorKind::BadMedia)?)),
        None => (port, None),
    };
    let formats: Vec<String> = words.take(MAX_FORMATS + 1).map(str::to_owned).collect();
    if formats.len() > MAX_FORMATS {
        return Err(ParseErrorKind::TooManyFormats);
    }
    Ok(MediaDescription {
        media: media.to_owned(),
        port: port.parse().map_err(|_| ParseErrorKind::BadMedia)?,
        port_count: count,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        lines: Vec::new(),
        attributes: Vec::new(),
    })
}
