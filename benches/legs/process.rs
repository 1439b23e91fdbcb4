//! Processes pinned to a core, and what they have used of the machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The core of what is measured; the load runs on the other.
pub const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
/// The server's settings, by environment variables: options on the command line win over them.
const SETTINGS: [(&str, &str); 7] = [
    ("ANTIPHON_RTP_PORTS", "10000-27999"),
    ("ANTIPHON_MAX_PARTICIPANTS", "4000"),
    ("ANTIPHON_MAX_CALLS_PER_SECOND", "0"),
    ("ANTIPHON_ENTER_TONE", "off"),
    ("ANTIPHON_LEAVE_TONE", "off"),
    ("ANTIPHON_WAITING_TONE", "off"),
    ("ANTIPHON_LOG_LEVEL", "warn"),
];

/// Puts this process on the load's core, ahead of others there if it may.
pub fn pin_load() {
    let pid = std::process::id().to_string();
    let done =
        Command::new("taskset").args(["-cp", &LOAD_CORE.to_string(), &pid]).stdout(Stdio::null()).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "taskset (util-linux) puts the load on core {LOAD_CORE}"
    );
    if may_be_realtime() {
        let _ = Command::new("chrt").args(["-f", "-p", "5", &pid]).status();
    }
    antiphon::worker::raise_file_limit().expect("the limit of open files can be raised to the hard one");
}

/// A child process; ended when dropped.
pub struct Running {
    child: Child,
    sip: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// The release server on a free port of loopback and on the core of what is measured.
    pub fn antiphon(options: &[String]) -> Running {
        let sip = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let child = on_server_core(env!("CARGO_BIN_EXE_antiphon"))
            .envs(SETTINGS)
            .args(["serve", "--sip", &sip.to_string()])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let server = Running::collecting(child, sip);
        server.wait_until_it_answers();
        server
    }

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

    /// Keeps what the child says on standard error.
    fn collecting(mut child: Child, sip: SocketAddr) -> Running {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, output) =
            (Arc::clone(&log), BufReader::new(child.stderr.take().expect("stderr is a pipe")));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lines.lock().expect("nobody panicked").push(line);
            }
        });
        Running { child, sip, log }
    }

    /// Where it answers SIP.
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// How many lines of its log contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lock().expect("nobody panicked").iter().filter(|line| line.contains(text)).count()
    }

    /// The first lines of its log.
    pub fn first_of_log(&self, lines: usize) -> String {
        self.log.lock().expect("nobody panicked").iter().take(lines).map(|line| format!("{line}\n")).collect()
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

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let me = socket.local_addr().expect("an address");
        let options = format!(
            "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKstart\r\nMax-Forwards: 70\r\n\
             From: <sip:bench@{me}>;tag=1\r\nTo: <sip:{0}>\r\nCall-ID: start\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            self.sip
        );
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            let _ = socket.send_to(options.as_bytes(), self.sip);
            if socket.recv(&mut [0; 2000]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20)); // while the port is closed recv fails at once
        }
        panic!("the server did not answer OPTIONS at {} within 10 s\n{}", self.sip, self.first_of_log(20));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn this_program() -> String {
    std::env::current_exe().expect("this program has a path").to_string_lossy().into_owned()
}

fn may_be_realtime() -> bool {
    Command::new("chrt")
        .args(["-f", "10", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|done| done.success())
}

/// With real-time priority where this user may have it, so that the rest of the machine disturbs less.
fn on_server_core(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &SERVER_CORE.to_string()]);
    match may_be_realtime() {
        true => command.args(["chrt", "-f", "10"]),
        false => &mut command,
    };
    command.arg(program);
    command
}
