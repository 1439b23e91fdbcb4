//! The server as a process of its own: the release binary, on free ports of loopback, with a configuration of the test's.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Ranges of RTP ports, below those that the system gives to clients; each server has one.
static RANGES_TAKEN: AtomicU16 = AtomicU16::new(0);
const FIRST_RTP_PORT: u16 = 10_000;
const RTP_PORTS_EACH: u16 = 250;
const RTP_RANGES: u16 = 80;

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub sip: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
    _ports: RtpPorts,
}

impl Server {
    /// Starts with the routes and settings of `toml` and waits until OPTIONS is answered.
    pub fn with(toml: &str) -> Server {
        Server::with_options(toml, &[])
    }

    /// The same with more options on the command line.
    pub fn with_options(toml: &str, options: &[&str]) -> Server {
        Server::start(toml, options, &[])
    }

    /// The same with more variables in its environment.
    pub fn with_environment(toml: &str, environment: &[(&str, &str)]) -> Server {
        Server::start(toml, &[], environment)
    }

    fn start(toml: &str, options: &[&str], environment: &[(&str, &str)]) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("antiphon.toml");
        std::fs::write(&config, toml).expect("written");
        let sip = free_address();
        let ports = RtpPorts::claim();
        let all = ports.all();
        let range = match options.contains(&"--rtp-ports") {
            true => vec![],
            false => vec!["--rtp-ports", &all],
        };
        // Levels are compared with what was said; what automatic gain makes of them has tests of its own.
        let exact = match options.contains(&"--automatic-gain") {
            true => vec![],
            false => vec!["--automatic-gain", "off"],
        };
        let mut child = Command::new(binary())
            .args(["serve", "--config", &config.to_string_lossy(), "--sip", &sip.to_string()])
            .args(options)
            .args(range)
            .args(exact)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the release binary is built (cargo build --release)");
        let log = Arc::new(Mutex::new(Vec::new()));
        collect(child.stderr.take().expect("a pipe"), Arc::clone(&log));
        collect(child.stdout.take().expect("a pipe"), Arc::clone(&log));
        let server = Server { child, sip, log, folder, _ports: ports };
        server.wait_until_it_answers();
        server
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("antiphon.toml")
    }

    /// All lines logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panicked").join("\n")
    }

    /// Waits until a line of the log contains `text`; the log so far if it does not come.
    pub fn wait_for_log(&self, text: &str, at_most: Duration) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < at_most {
            if self.log().contains(text) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("no «{text}» in the log:\n{}", self.log()))
    }

    /// Panics with the log if a line with `text` does not come soon.
    pub fn must_log(&self, text: &str) {
        self.wait_for_log(text, Duration::from_secs(5)).unwrap_or_else(|log| panic!("{log}"));
    }

    /// The same for so many lines, and no more.
    pub fn must_log_times(&self, text: &str, count: usize) {
        let start = Instant::now();
        let found = || self.log().matches(text).count();
        while found() < count && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(found(), count, "«{text}» in the log:\n{}", self.log());
    }

    /// Sends a signal by name, such as TERM.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many files it has open.
    pub fn open_files(&self) -> usize {
        self.count("fd")
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.count("task")
    }

    /// Its resident memory.
    pub fn resident_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS is known");
        line.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
    }

    fn count(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.pid())).expect("the process lives").count()
    }

    /// How it ended, if it does so within `at_most`.
    pub fn wait_for_exit(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < at_most {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let me = socket.local_addr().expect("an address");
        let options = format!(
            "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKup\r\nMax-Forwards: 70\r\n\
             From: <sip:test@{me}>;tag=1\r\nTo: <sip:{0}>\r\nCall-ID: up@{me}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n",
            self.sip
        );
        for _ in 0..100 {
            let _ = socket.send_to(options.as_bytes(), self.sip);
            if socket.recv(&mut [0; 4000]).is_ok() {
                return;
            }
        }
        panic!("the server does not answer at {}:\n{}", self.sip, self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The release binary, as users run it.
pub fn binary() -> PathBuf {
    match std::env::var_os("ANTIPHON_BINARY") {
        Some(path) => path.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/release/antiphon"),
    }
}

/// An address of loopback whose port is free for UDP and TCP.
pub fn free_address() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A range of UDP ports, and what keeps the other servers of this and other test runs out of it: its last port, bound.
pub struct RtpPorts {
    low: u16,
    _claim: UdpSocket,
}

impl RtpPorts {
    /// Claims a range that nobody has.
    pub fn claim() -> RtpPorts {
        loop {
            let range = RANGES_TAKEN.fetch_add(1, Ordering::Relaxed) % RTP_RANGES;
            let low = FIRST_RTP_PORT + range * RTP_PORTS_EACH;
            if let Ok(_claim) = UdpSocket::bind(("127.0.0.1", low + RTP_PORTS_EACH - 1)) {
                return RtpPorts { low, _claim };
            }
        }
    }

    /// So many pairs of it, as `rtp-ports` takes them.
    pub fn pairs(&self, pairs: u16) -> String {
        format!("{}-{}", self.low, self.low + 2 * pairs - 1)
    }

    /// A port for SIP behind the first pairs, with the one above it, which a phone takes for TLS.
    pub fn sip(&self) -> u16 {
        self.low + RTP_PORTS_EACH / 2
    }

    /// All pairs.
    pub fn all(&self) -> String {
        self.pairs(RTP_PORTS_EACH / 2 - 1)
    }
}

fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            into.lock().expect("no reader panicked").push(line);
        }
    });
}
