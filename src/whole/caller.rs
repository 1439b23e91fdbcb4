//! Just enough of a SIP caller: INVITE, ACK, BYE over UDP. Serves the whole-binary tests, `benches/legs` and `benches/quality`.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// A caller with one SIP address and any number of calls.
pub struct Caller {
    /// Where its requests leave and answers arrive.
    pub sip: UdpSocket,
    server: SocketAddr,
    calls: usize,
}

/// One established call.
pub struct Call {
    /// Our media socket, as the offer named it.
    pub media: UdpSocket,
    /// Where the answer wants its RTP.
    pub rtp: SocketAddr,
    /// What its requests are made of.
    pub dialog: Dialog,
    /// The 200 as it came.
    pub answer: String,
}

/// What the requests of a call have in common.
pub struct Dialog {
    me: SocketAddr,
    server: SocketAddr,
    user: String,
    number: usize,
    call_id: String,
    to_tag: String,
}

impl Caller {
    /// A caller at the address of this machine from which the server is reached: loopback for a server there.
    pub fn new(server: SocketAddr) -> Caller {
        let way = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        way.connect(server).expect("a way to the server");
        let sip = UdpSocket::bind((way.local_addr().expect("an address").ip(), 0)).expect("a socket");
        sip.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        Caller { sip, server, calls: 0 }
    }

    /// Calls `user` and offers `formats`, the rest of an `m=` line with its attributes; a final answer that is no
    /// 2xx comes back as the error.
    pub fn dial(&mut self, user: &str, formats: &str) -> Result<Call, String> {
        let me = self.sip.local_addr().expect("an address");
        let media = UdpSocket::bind((me.ip(), 0)).expect("a socket");
        let port = media.local_addr().expect("an address").port();
        self.calls += 1;
        let mut dialog = Dialog {
            me,
            server: self.server,
            user: user.to_owned(),
            number: self.calls,
            call_id: format!("call-{}-{port}@{me}", self.calls),
            to_tag: String::new(),
        };
        let offer = description(me.ip(), port, 1, formats);
        let answer = self.transact(&dialog.request("INVITE", 1, SDP, &offer))?;
        let to = answer.lines().find(|line| line.starts_with("To:")).expect("a To header");
        dialog.to_tag = format!(";tag={}", to.split(";tag=").nth(1).expect("a tag in To").trim());
        self.send(&dialog.request("ACK", 1, "", ""));
        let port =
            answer.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
        let address = answer.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")?.trim().parse().ok());
        let rtp =
            SocketAddr::new(address.unwrap_or(self.server.ip()), port.expect("an audio port in the answer"));
        Ok(Call { media, rtp, dialog, answer })
    }

    /// Ends a call.
    pub fn hang_up(&self, call: &Call) -> Result<(), String> {
        self.transact(&call.dialog.request("BYE", 1000, "", "")).map(|_| ())
    }

    /// Sends what gets no answer, or is one.
    pub fn send(&self, message: &str) {
        self.sip.send_to(message.as_bytes(), self.server).expect("sent");
    }

    /// Sends a request, again after 2 s, and returns its final answer; one that is no 2xx comes back as the error.
    pub fn transact(&self, request: &str) -> Result<String, String> {
        let mut buffer = [0; 4000];
        let cseq = request.lines().find(|line| line.starts_with("CSeq:")).expect("a CSeq");
        let call_id = request.lines().find(|line| line.starts_with("Call-ID:")).expect("a Call-ID");
        for _ in 0..5 {
            self.send(request);
            while let Ok(len) = self.sip.recv(&mut buffer) {
                let answer = String::from_utf8_lossy(&buffer[..len]).into_owned();
                if !answer.contains(cseq) || !answer.contains(call_id) {
                    continue; // an answer that came again
                }
                match answer.as_bytes().get(8) {
                    Some(b'1') => {}
                    Some(b'2') => return Ok(answer),
                    _ => return Err(answer),
                }
            }
        }
        Err(format!("no answer to {}", request.lines().next().unwrap_or_default()))
    }
}

/// The header field of a body that is an offer.
pub const SDP: &str = "Content-Type: application/sdp\r\n";

/// An offer or answer of one audio line; `version` grows with each change (RFC 3264 §8).
pub fn description(me: IpAddr, port: u16, version: u32, formats: &str) -> String {
    format!(
        "v=0\r\no=caller 1 {version} IN IP4 {me}\r\ns=-\r\nc=IN IP4 {me}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}"
    )
}

impl Dialog {
    /// A request of the dialog, with `headers` (whole lines) besides those that it must have.
    pub fn request(&self, method: &str, sequence: u32, headers: &str, body: &str) -> String {
        let Dialog { me, server, user, number, call_id, to_tag } = self;
        format!(
            "{method} sip:{user}@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {me};branch=z9hG4bK{method}{number}-{sequence}\r\nMax-Forwards: 70\r\n\
             From: <sip:caller@{me}>;tag=c{number}\r\nTo: <sip:{user}@{server}>{to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:caller@{me}>\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
