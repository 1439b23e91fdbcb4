//! The server as a process pinned to a core. Serves `benches/quality` too.

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

/// Puts this thread, and those that it starts, on the load's core, ahead of others there if it may.
pub fn pin_load() {
    let thread = fs::read_link("/proc/thread-self").expect("a thread");
    let id = thread.file_name().expect("its number").to_string_lossy().into_owned();
    let done =
        Command::new("taskset").args(["-cp", &LOAD_CORE.to_string(), &id]).stdout(Stdio::null()).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "taskset (util-linux) puts the load on core {LOAD_CORE}"
    );
    if may_be_realtime() {
        let _ = Command::new("chrt").args(["-f", "-p", "5", &id]).status();
    }
    antiphon::worker::raise_file_limit().expect("the limit of open files can be raised to the hard one");
}

/// A child process; ended when dropped.
pub struct Running {
    pub child: Child,
    pub sip: SocketAddr,
    pub log: Arc<Mutex<Vec<String>>>,
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

    /// The first lines of its log.
    pub fn first_of_log(&self, lines: usize) -> String {
        self.log.lock().expect("nobody panicked").iter().take(lines).map(|line| format!("{line}\n")).collect()
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

fn may_be_realtime() -> bool {
    Command::new("chrt")
        .args(["-f", "10", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|done| done.success())
}

/// With real-time priority where this user may have it, so that the rest of the machine disturbs less.
pub fn on_server_core(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &SERVER_CORE.to_string()]);
    match may_be_realtime() {
        true => command.args(["chrt", "-f", "10"]),
        false => &mut command,
    };
    command.arg(program);
    command
}
