//! One log record as one line: text for people, or a JSON object.
//!
//! What peers sent (Call-IDs, names) appears in lines; control characters are escaped, so that no peer can forge a
//! line or drive a terminal, and each part has a bound.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};

use crate::config::LogFormat;

/// Most bytes of a message or of one value; what is longer is cut and ends in "…".
const MAX_PART_BYTES: usize = 2048;
/// Most values of a line.
const MAX_VALUES: usize = 16;

/// The line, with its line feed.
pub(super) fn format(format: LogFormat, now: SystemTime, record: &Record<'_>) -> String {
    let mut message = Part::default();
    let _ = write!(message, "{}", record.args());
    match format {
        LogFormat::Text => text(now, record, &message.text),
        LogFormat::Json => json(now, record, &message.text),
    }
}

fn text(now: SystemTime, record: &Record<'_>, message: &str) -> String {
    let mut line = format!("{} {:5} {}: ", timestamp(now), record.level(), record.target());
    push_escaped(&mut line, message);
    let mut values = Values { line: &mut line, left: MAX_VALUES, format: LogFormat::Text };
    let _ = record.key_values().visit(&mut values);
    line.push('\n');
    line
}

fn json(now: SystemTime, record: &Record<'_>, message: &str) -> String {
    let mut line = format!("{{\"time\":\"{}\",\"level\":\"{}\",\"target\":", timestamp(now), record.level());
    push_json(&mut line, record.target());
    line.push_str(",\"message\":");
    push_json(&mut line, message);
    let mut values = Values { line: &mut line, left: MAX_VALUES, format: LogFormat::Json };
    let _ = record.key_values().visit(&mut values);
    line.push_str("}\n");
    line
}

/// A text that stops growing at its bound.
#[derive(Default)]
struct Part {
    text: String,
}

impl Write for Part {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = MAX_PART_BYTES.saturating_sub(self.text.len());
        if more.len() <= room {
            self.text.push_str(more);
            return Ok(());
        }
        self.text.push_str(&more[..more.floor_char_boundary(room)]);
        self.text.push('…');
        // Ends the formatting: nothing of what follows would be kept.
        Err(fmt::Error)
    }
}

/// Writes the values of a record behind its message.
struct Values<'l> {
    line: &'l mut String,
    left: usize,
    format: LogFormat,
}

impl<'kvs> VisitSource<'kvs> for Values<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        match self.format {
            LogFormat::Text => {
                self.line.push(' ');
                push_escaped(self.line, key.as_str());
                self.line.push('=');
            }
            LogFormat::Json => {
                self.line.push(',');
                push_json(self.line, key.as_str());
                self.line.push(':');
            }
        }
        value.visit(&mut OneValue { line: self.line, format: self.format })
    }
}

/// Writes one value: numbers and truth values as they are, all else as text.
struct OneValue<'l> {
    line: &'l mut String,
    format: LogFormat,
}

impl OneValue<'_> {
    fn plain(&mut self, value: impl fmt::Display) -> Result<(), Error> {
        let _ = write!(self.line, "{value}");
        Ok(())
    }
}

impl VisitValue<'_> for OneValue<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        let mut part = Part::default();
        let _ = write!(part, "{value}");
        match self.format {
            LogFormat::Text if part.text.is_empty() || part.text.contains([' ', '"', '=']) => {
                self.line.push('"');
                push_escaped(self.line, &part.text.replace('\\', "\\\\").replace('"', "\\\""));
                self.line.push('"');
            }
            LogFormat::Text => push_escaped(self.line, &part.text),
            LogFormat::Json => push_json(self.line, &part.text),
        }
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.plain(value)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        match value.is_finite() {
            true => self.plain(value),
            // JSON has no such numbers.
            false => self.visit_any(Value::from_display(&value)),
        }
    }
}

fn push_escaped(line: &mut String, text: &str) {
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
}

fn push_json(line: &mut String, text: &str) {
    line.push_str(&serde_json::Value::from(text).to_string());
}

/// RFC 3339 in UTC with microseconds.
fn timestamp(now: SystemTime) -> String {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let micros = since_epoch.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a number of days since 1970, counting from 1 March so that the leap day comes last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_0000_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + DAYS_0000_TO_1970;
    let era = days / DAYS_OF_400_YEARS;
    let day_of_era = days % DAYS_OF_400_YEARS;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use log::Level;
    use log::kv::Source;

    use super::*;

    fn line(format: LogFormat, message: &str, values: &dyn Source) -> String {
        let now = UNIX_EPOCH + Duration::from_micros(1_798_761_599_000_042);
        let arguments = format_args!("{message}");
        // One statement: `format_args!` borrows what it names.
        let record = Record::builder()
            .level(Level::Info)
            .target("antiphon::call")
            .key_values(&values)
            .args(arguments)
            .build();
        super::format(format, now, &record)
    }

    #[test]
    fn text_shows_message_and_values_apart() {
        let values =
            [("leg", Value::from(7)), ("call_id", Value::from("a@b")), ("name", Value::from("Ann \"Q\""))];
        assert_eq!(
            line(LogFormat::Text, "answered", &&values[..]),
            "2026-12-31T23:59:59.000042Z INFO  antiphon::call: answered leg=7 call_id=a@b name=\"Ann \\\"Q\\\"\"\n"
        );
    }

    #[test]
    fn json_is_read_back_with_the_types_of_its_values() {
        let values = [
            ("leg", Value::from(7)),
            ("call_id", Value::from("a\"\u{1b}\n")),
            ("gain", Value::from(-1.5)),
            ("held", Value::from(true)),
            ("level", Value::from(f64::NEG_INFINITY)),
        ];
        let line = line(LogFormat::Json, "said \"hello\"", &&values[..4]);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "time": "2026-12-31T23:59:59.000042Z", "level": "INFO", "target": "antiphon::call",
                "message": "said \"hello\"", "leg": 7, "call_id": "a\"\u{1b}\n", "gain": -1.5, "held": true,
            })
        );
        let line = super::tests::line(LogFormat::Json, "", &&values[4..]);
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    }

    #[test]
    fn no_peer_can_forge_a_line_or_drive_a_terminal() {
        let values = [("call_id", "a\r\n2026 INFO forged\u{1b}[2J")];
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = line(format, "bad\nline\u{7}", &values);
            assert_eq!(line.matches(char::is_control).collect::<String>(), "\n", "{line:?}");
        }
    }

    #[test]
    fn a_line_has_a_bound_whatever_is_logged() {
        let long = "ü".repeat(1 << 20);
        let values: Vec<_> = (0..100).map(|_| ("k", long.as_str())).collect();
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = line(format, &long, &values.as_slice());
            assert!(line.len() < (MAX_VALUES + 2) * (MAX_PART_BYTES + 8), "{}", line.len());
            assert!(line.contains('…'));
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |days| civil_date(days);
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_782, (2026, 11, 25)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected);
        }
    }
}
