//! The server under a service manager, as systemd is one: what it is told, and that the unit which is shipped is sound.

use crate::caller::Caller;
use crate::server::Server;
use crate::talk::Law;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const ROUTES: &str = "drain-timeout = \"30s\"\n[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n";

/// What a server tells.
struct Told {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Told {
    fn new() -> Told {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        Told { socket, folder }
    }

    fn path(&self) -> String {
        self.folder.path().join("notify").to_string_lossy().into_owned()
    }

    /// Waits for a line; whether it comes.
    fn hears(&self, line: &str, at_most: Duration) -> bool {
        let start = Instant::now();
        let mut datagram = [0; 4096];
        while start.elapsed() < at_most {
            let Ok(len) = self.socket.recv(&mut datagram) else { continue };
            let text = String::from_utf8_lossy(&datagram[..len]);
            if text.lines().any(|told| told.starts_with(line)) {
                return true;
            }
        }
        false
    }
}

#[test]
fn systemd_is_told_that_it_serves_lives_and_drains() {
    let told = Told::new();
    let path = told.path();
    let environment = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "600000")];
    let mut server = Server::with_environment(ROUTES, &environment);
    assert!(told.hears("READY=1", Duration::from_secs(5)), "{}", server.log());
    for _ in 0..5 {
        assert!(told.hears("WATCHDOG=1", Duration::from_millis(600)), "{}", server.log());
    }
    let mut caller = Caller::new(server.sip);
    let call = caller.dial("room-1", &Law::Mu.formats(20)).expect("answered");
    server.signal("TERM");
    assert!(told.hears("STOPPING=1", Duration::from_secs(5)), "{}", server.log());
    assert!(told.hears("WATCHDOG=1", Duration::from_millis(600)), "it lives while it drains");
    caller.hang_up(&call).expect("the call may end");
    let ended = server.wait_for_exit(Duration::from_secs(5));
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}\n{}", server.log());
}

/// Runs a tool of systemd's; whether it is content, and what it said.
fn systemd(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.expect("systemd is installed (scripts/test does it)");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.success(), said.concat())
}

#[test]
fn the_unit_that_is_shipped_is_valid_and_exposes_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/antiphon.service");
    // It is looked for whether the program is there.
    let text = std::fs::read_to_string(unit).expect("the unit").replace("/usr/bin/antiphon", "/bin/true");
    let copy = folder.path().join("antiphon.service");
    std::fs::write(&copy, text).expect("written");
    let copy = copy.to_string_lossy();
    let (is_valid, said) = systemd(&["verify", &copy]);
    assert!(is_valid && !said.contains("antiphon.service:"), "{said}");
    let (is_safe, said) = systemd(&["security", "--offline=true", "--threshold=20", &copy]);
    assert!(is_safe, "{said}");
}
