//! The bounded queue of log lines and the loop that writes them.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use log::{Level, Record};

use super::line;
use crate::config::LogFormat;

/// Longest wait for a flush.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// How often a full queue is tried again within that time.
const FLUSH_ATTEMPTS: u32 = 100;

#[derive(Debug)]
enum Entry {
    Line(String),
    Flush(SyncSender<()>),
}

/// The end of the queue that lines are put in; putting never waits.
#[derive(Debug)]
pub(super) struct Queue {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// The end that lines are written from.
#[derive(Debug)]
pub(super) struct Writer {
    entries: Receiver<Entry>,
    dropped: Arc<AtomicU64>,
    format: LogFormat,
}

/// A queue for so many lines.
pub(super) fn queue(lines: usize, format: LogFormat) -> (Queue, Writer) {
    let (sender, receiver) = sync_channel(lines);
    let dropped = Arc::new(AtomicU64::new(0));
    (Queue { entries: sender, dropped: Arc::clone(&dropped) }, Writer { entries: receiver, dropped, format })
}

impl Queue {
    /// Puts a line in, or counts it where there is no room.
    pub fn put(&self, line: String) {
        if self.entries.try_send(Entry::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines put in so far are written, or patience ends. Not for coroutines: it sleeps.
    pub fn flush(&self) {
        let (written, wait) = sync_channel(1);
        for _ in 0..FLUSH_ATTEMPTS {
            if self.entries.try_send(Entry::Flush(written.clone())).is_ok() {
                // Either way there is nothing more to be done for these lines.
                let _ = wait.recv_timeout(FLUSH_PATIENCE);
                return;
            }
            std::thread::sleep(FLUSH_PATIENCE / FLUSH_ATTEMPTS);
        }
    }
}

impl Writer {
    /// Writes lines until the queue's other end is gone. A line that cannot be written is lost: there is no other
    /// place to say so.
    pub fn run(self, out: &mut dyn Write) {
        let mut reported = 0;
        while let Ok(entry) = self.entries.recv() {
            match entry {
                Entry::Line(line) => {
                    let _ = out.write_all(line.as_bytes());
                }
                Entry::Flush(written) => {
                    let _ = out.flush();
                    let _ = written.send(());
                }
            }
            let dropped = self.dropped.load(Ordering::Relaxed);
            if dropped > reported {
                let _ = out.write_all(self.report(dropped - reported).as_bytes());
                reported = dropped;
            }
        }
    }

    fn report(&self, dropped: u64) -> String {
        let count = ("dropped", dropped);
        let record = Record::builder()
            .level(Level::Warn)
            .target("antiphon::logging")
            .key_values(&count)
            .args(format_args!("log lines dropped, the queue was full"))
            .build();
        line::format(self.format, SystemTime::now(), &record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_counts_and_reports() {
        let (queue, writer) = queue(2, LogFormat::Text);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            queue.put(line.to_owned());
        }
        assert_eq!(queue.dropped(), 2);
        drop(queue);
        let mut out = Vec::new();
        writer.run(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("one\n") && text.contains("two\n") && !text.contains("three"), "{text}");
        assert_eq!(text.matches("log lines dropped, the queue was full dropped=2").count(), 1, "{text}");
    }

    #[test]
    fn a_flush_returns_when_everything_is_written() {
        let (queue, writer) = queue(16, LogFormat::Text);
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            let mut out = Vec::new();
            writer.run(&mut out);
            sender.send(out).unwrap();
        });
        queue.put("line\n".to_owned());
        queue.flush();
        drop(queue);
        assert_eq!(receiver.recv().unwrap(), b"line\n");
        thread.join().unwrap();
    }

    #[test]
    fn a_writer_that_cannot_write_goes_on() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        let (queue, writer) = queue(4, LogFormat::Json);
        queue.put("one\n".to_owned());
        queue.put("two\n".to_owned());
        drop(queue);
        writer.run(&mut Broken);
    }
}
