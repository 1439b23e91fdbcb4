//! Log lines on standard error, as text or JSON, written by a thread of their own.
//!
//! The backend of crate `log`. Whoever logs never waits: a line is formatted at once, put into a bounded queue and
//! written later; where the queue is full the line is dropped, counted, and the count is reported.
//! Values given by key (`log::info!(leg = 7, call_id = id; "answered")`) stay apart from the message.

mod line;
mod writer;

use std::fmt;
use std::io;
use std::sync::Arc;

use log::{LevelFilter, Log, Metadata, Record};

use crate::config::{LogFormat, LogSettings};
use writer::{Queue, Writer};

/// Least severe level of other crates' lines: what they say below it concerns their authors.
const FOREIGN_LEVEL: LevelFilter = LevelFilter::Warn;

/// Why logging could not start.
#[derive(Debug)]
pub enum StartError {
    /// The writer's thread could not be started.
    Thread(io::Error),
    /// The process logs already.
    Twice,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Thread(error) => write!(f, "cannot start the log's thread: {error}"),
            StartError::Twice => f.write_str("the log was started twice"),
        }
    }
}

impl std::error::Error for StartError {}

/// The running log; [`Logging::finish`] writes what waits.
#[derive(Debug)]
pub struct Logging {
    queue: Arc<Queue>,
}

impl Logging {
    /// Lines dropped so far because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Waits until all that was logged is written, but no longer than two seconds: nobody may read standard error.
    pub fn finish(&self) {
        self.queue.flush();
    }
}

/// Starts the log of the process, once; a panic's message goes there too.
pub fn start(settings: &LogSettings) -> Result<Logging, StartError> {
    let (queue, writer) = writer::queue(settings.queue_lines, settings.format);
    let queue = Arc::new(queue);
    let backend = Backend { level: settings.level, format: settings.format, queue: Arc::clone(&queue) };
    log::set_boxed_logger(Box::new(backend)).map_err(|_| StartError::Twice)?;
    spawn(writer).map_err(StartError::Thread)?;
    log::set_max_level(settings.level);
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("of another type than text");
        log::error!(target: "antiphon::panic", at = at.as_str(); "panic: {message}");
    }));
    Ok(Logging { queue })
}

fn spawn(writer: Writer) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("log".to_owned());
    thread.spawn(move || writer.run(&mut io::stderr())).map(drop)
}

struct Backend {
    level: LevelFilter,
    format: LogFormat,
    queue: Arc<Queue>,
}

impl Log for Backend {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().split("::").next() == Some("antiphon");
        metadata.level() <= if ours { self.level } else { self.level.min(FOREIGN_LEVEL) }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.queue.put(line::format(self.format, std::time::SystemTime::now(), record));
        }
    }

    /// Nothing: whoever logs never waits, and the writer writes at once. [`Logging::finish`] waits.
    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_are_heard_from_warnings_on() {
        let (queue, _writer) = writer::queue(1, LogFormat::Text);
        let backend = Backend { level: LevelFilter::Debug, format: LogFormat::Text, queue: Arc::new(queue) };
        for (target, level, expected) in [
            ("antiphon::call", log::Level::Debug, true),
            ("antiphon", log::Level::Trace, false),
            ("antiphonal", log::Level::Info, false),
            ("may", log::Level::Warn, true),
        ] {
            let metadata = Metadata::builder().target(target).level(level).build();
            assert_eq!(backend.enabled(&metadata), expected, "{target} {level}");
        }
    }
}
