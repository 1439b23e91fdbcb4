//! What a caller does in a call besides hanging up: hold, move, press keys by INFO, obey our BYE.

use crate::caller::{Call, Caller, SDP, description};
use std::time::{Duration, Instant};

impl Caller {
    /// A re-INVITE that offers `formats` at `port`, acknowledged; `sequence` counts from 2 in each call.
    pub fn reinvite(&self, call: &Call, sequence: u32, port: u16, formats: &str) -> Result<String, String> {
        let me = self.sip.local_addr().expect("an address").ip();
        let offer = description(me, port, sequence, formats);
        let answer = self.transact(&call.dialog.request("INVITE", sequence, SDP, &offer));
        if answer.is_ok() {
            self.send(&call.dialog.request("ACK", sequence, "", ""));
        } else {
            // Of the refused INVITE's own transaction.
            let ack = call.dialog.request("ACK", sequence, "", "");
            self.send(&ack.replacen("z9hG4bKACK", "z9hG4bKINVITE", 1));
        }
        answer
    }

    /// Presses a key by INFO.
    pub fn press_by_info(&self, call: &Call, sequence: u32, key: char) -> Result<String, String> {
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        let headers = "Content-Type: application/dtmf-relay\r\n";
        self.transact(&call.dialog.request("INFO", sequence, headers, &body))
    }

    /// Answers the server's requests with 200 until one with this method comes, which is returned.
    pub fn obeys(&self, method: &str, at_most: Duration) -> Option<String> {
        let deadline = Instant::now() + at_most;
        let found =
            std::iter::from_fn(|| self.obey_next(deadline)).find(|request| request.starts_with(method));
        self.sip.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        found
    }

    fn obey_next(&self, deadline: Instant) -> Option<String> {
        let mut buffer = [0; 4000];
        loop {
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.sip.set_read_timeout(Some(left)).expect("a timeout");
            let len = self.sip.recv(&mut buffer).ok()?;
            let request = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if request.starts_with("SIP/2.0") {
                continue;
            }
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let lines = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
            let head: String = lines.map(|line| format!("{line}\r\n")).collect();
            self.send(&format!("SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n"));
            return Some(request);
        }
    }
}
