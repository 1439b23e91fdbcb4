//! Other processes than the server, and what a process has used of the machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::process::{Running, on_server_core};

/// What begins the line of figures that the server logs when it is asked.
const SO_FAR: &str = "so far: ";

impl Running {
    /// This program again on the server's core, as `arguments` say; returns with the lines that it prints first.
    pub fn this_program(arguments: &[&str], lines: usize) -> (Running, Vec<String>) {
        Running::printing(on_server_core(&this_program()), arguments, lines)
    }

    /// The same on the load's core, which it inherits from this process, but behind this process there.
    pub fn beside_the_load(arguments: &[&str], lines: usize) -> (Running, Vec<String>) {
        let mut command = Command::new("chrt");
        command.args(["-o", "0"]).arg(this_program());
        Running::printing(command, arguments, lines)
    }

    fn printing(mut command: Command, arguments: &[&str], lines: usize) -> (Running, Vec<String>) {
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).spawn().expect("this program starts again");
        let output = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let printed = output.lines().take(lines).map(|line| line.expect("a line of text")).collect();
        (Running { child, sip: SocketAddr::from(([127, 0, 0, 1], 0)), log: Arc::default() }, printed)
    }

    /// How many lines of its log contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().expect("nobody panicked").iter().filter(|line| line.contains(text)).count()
    }

    /// Packets that it has encoded so far, as it logs on SIGUSR1 at level info.
    pub fn encoded(&self) -> u64 {
        let before = self.logged(SO_FAR);
        let sent = Command::new("kill").args(["-USR1", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a signal is sent");
        while self.logged(SO_FAR) == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        let log = self.log.lock().expect("nobody panicked");
        let line = log.iter().rfind(|line| line.contains(SO_FAR)).expect("it was there a moment ago");
        let count = line.split(" packets encoded").next().and_then(|text| text.rsplit(' ').next());
        count.and_then(|text| text.parse().ok()).expect("a number of packets")
    }

    /// CPU time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the process lives");
        let nanoseconds = tasks.flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_ascii_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Resident memory.
    pub fn resident_kib(&self) -> i64 {
        self.status("VmRSS:")
    }

    /// Threads, of which one runs all coroutines.
    pub fn threads(&self) -> i64 {
        self.status("Threads:")
    }

    /// Ends it without a chance to say good-bye.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn status(&self, name: &str) -> i64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with(name)).expect("Linux knows this line");
        line.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
    }
}

fn this_program() -> String {
    std::env::current_exe().expect("this program has a path").to_string_lossy().into_owned()
}
