//! SIP by hand, byte for byte: for messages and connections that no well-behaved stack makes.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long an answer may take before it counts as none.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A way to the server.
pub struct Wire {
    way: Way,
    me: SocketAddr,
    server: SocketAddr,
}

enum Way {
    Datagrams(UdpSocket),
    Stream { stream: TcpStream, received: Vec<u8> },
}

/// A request that can be bent.
#[derive(Clone)]
pub struct Draft {
    /// The whole request line.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The offer of a plain phone.
pub const OFFER: &str = "v=0\r\no=wire 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                         m=audio 9000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Wire {
    /// Datagrams from a port of loopback.
    pub fn udp(server: SocketAddr) -> Wire {
        Wire::udp_from(server, [127, 0, 0, 1].into())
    }

    /// Datagrams from a port of another address of this machine.
    pub fn udp_from(server: SocketAddr, from: IpAddr) -> Wire {
        let socket = UdpSocket::bind((from, 0)).expect("a socket");
        let me = socket.local_addr().expect("an address");
        Wire { way: Way::Datagrams(socket), me, server }
    }

    /// A connection.
    pub fn tcp(server: SocketAddr) -> Wire {
        let stream = TcpStream::connect(server).expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        let me = stream.local_addr().expect("an address");
        Wire { way: Way::Stream { stream, received: Vec::new() }, me, server }
    }

    /// Our own address.
    pub fn me(&self) -> SocketAddr {
        self.me
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match &mut self.way {
            Way::Datagrams(socket) => drop(socket.send_to(bytes.as_ref(), self.server)),
            Way::Stream { stream, .. } => drop(stream.write_all(bytes.as_ref())),
        }
    }

    /// The next message, if one comes within `at_most`.
    pub fn receive_within(&mut self, at_most: Duration) -> Option<String> {
        let deadline = Instant::now() + at_most;
        loop {
            if let Way::Stream { received, .. } = &mut self.way
                && let Some(message) = take_message(received)
            {
                return Some(message);
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            let mut buffer = vec![0; 65536];
            match &mut self.way {
                Way::Datagrams(socket) => {
                    socket.set_read_timeout(Some(left)).expect("a timeout");
                    let (len, source) = socket.recv_from(&mut buffer).ok()?;
                    // The port may have been another test's before: its server's last RTCP is none of ours.
                    if source == self.server {
                        return Some(String::from_utf8_lossy(&buffer[..len]).into_owned());
                    }
                }
                Way::Stream { stream, received } => {
                    stream.set_read_timeout(Some(left)).expect("a timeout");
                    match stream.read(&mut buffer) {
                        Ok(len) if len > 0 => received.extend_from_slice(&buffer[..len]),
                        _ => return None,
                    }
                }
            }
        }
    }

    /// The next final response; provisional ones are passed over.
    pub fn final_response(&mut self) -> String {
        loop {
            let message = self.receive_within(PATIENCE).expect("a final response");
            if message.starts_with("SIP/2.0 ") && status(&message) >= 200 {
                return message;
            }
        }
    }

    /// Sends a request and returns its final response; a refused INVITE is acknowledged.
    pub fn ask(&mut self, request: &Draft) -> String {
        self.ask_within(request, PATIENCE).unwrap_or_else(|| panic!("no final response to {}", request.line))
    }

    /// The same, if the response comes within `at_most`.
    pub fn ask_within(&mut self, request: &Draft, at_most: Duration) -> Option<String> {
        self.send(request.to_bytes());
        let deadline = Instant::now() + at_most;
        let is_ours = |answer: &String| {
            answer.starts_with("SIP/2.0 ")
                && status(answer) >= 200
                && ["Call-ID", "CSeq"].into_iter().all(|name| {
                    let sent = request.header(name);
                    sent.is_empty() || header(answer, name).is_none_or(|got| got == sent)
                })
        };
        let answer = loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            if let Some(answer) = self.receive_within(left).filter(is_ours) {
                break answer;
            }
        };
        if request.line.starts_with("INVITE") && status(&answer) >= 300 {
            self.send(request.acknowledgement(&answer).to_bytes());
        }
        Some(answer)
    }

    /// Raw bytes of a connection, until they come or `at_most` is over; `Some` of nothing: the server has closed it.
    pub fn raw_within(&mut self, at_most: Duration) -> Option<Vec<u8>> {
        let Way::Stream { stream, .. } = &mut self.way else { panic!("only a connection has raw bytes") };
        stream.set_read_timeout(Some(at_most)).expect("a timeout");
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(len) => Some(buffer[..len].to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Some(Vec::new()),
            Err(_) => None,
        }
    }

    /// A request outside any dialog, complete and right. Each has a Call-ID and branch of its own.
    pub fn request(&self, method: &str, user: &str) -> Draft {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (me, server) = (self.me, self.server);
        let transport = match self.way {
            Way::Datagrams(_) => "UDP",
            Way::Stream { .. } => "TCP",
        };
        Draft { line: format!("{method} sip:{user}@{server} SIP/2.0"), headers: Vec::new(), body: Vec::new() }
            .with("Via", &format!("SIP/2.0/{transport} {me};branch=z9hG4bKw{number};rport"))
            .with("Max-Forwards", "70")
            .with("From", &format!("<sip:wire@{me}>;tag=w{number}"))
            .with("To", &format!("<sip:{user}@{server}>"))
            .with("Call-ID", &format!("wire-{number}-{}@{}", me.port(), me.ip()))
            .with("CSeq", &format!("1 {method}"))
            .with("Contact", &format!("<sip:wire@{me};transport={}>", transport.to_lowercase()))
    }

    /// An INVITE with the offer of a plain phone.
    pub fn invite(&self, user: &str) -> Draft {
        self.request("INVITE", user).with("Content-Type", "application/sdp").with_body(OFFER)
    }

    /// Calls, acknowledges the 200 and returns what requests of the dialog are made of.
    pub fn call(&mut self, user: &str) -> Draft {
        let invite = self.invite(user);
        let answer = self.ask(&invite);
        assert_eq!(status(&answer), 200, "{answer}");
        let base = invite.within_dialog(&answer);
        self.send(base.next("ACK", 1).to_bytes());
        base
    }
}

impl Draft {
    /// Sets a header field, where it stood or last.
    pub fn with(mut self, name: &str, value: &str) -> Draft {
        match self.headers.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Leaves a header field out.
    pub fn without(mut self, name: &str) -> Draft {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Gives it a body.
    pub fn with_body(mut self, body: impl AsRef<[u8]>) -> Draft {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Another request line.
    pub fn with_line(mut self, line: &str) -> Draft {
        self.line = line.to_owned();
        self
    }

    /// The same with another branch: to the server another request.
    pub fn with_branch(self, branch: &str) -> Draft {
        let via = self.header("Via");
        let (before, after) = via.split_once("branch=z9hG4bK").expect("our own branch");
        let rest = after.split_once(';').map_or("", |(_, rest)| rest);
        let via = format!("{before}branch=z9hG4bK{branch};{rest}");
        self.with("Via", &via)
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> String {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    /// The ACK of a refused INVITE: of the same transaction (RFC 3261 §17.1.1.3).
    fn acknowledgement(&self, answer: &str) -> Draft {
        let sequence = self.header("CSeq").replace("INVITE", "ACK");
        let ack = self.clone().without("Content-Type").with_body("").with("CSeq", &sequence);
        let to = header(answer, "To").unwrap_or_default();
        let (_, rest) = self.line.split_once(' ').expect("a request line");
        ack.with("To", &to).with_line(&format!("ACK {rest}"))
    }

    /// What requests of the dialog that `answer` made are made of.
    pub fn within_dialog(&self, answer: &str) -> Draft {
        let contact = header(answer, "Contact").expect("a Contact in the answer");
        let target = contact.split(['<', '>']).nth(1).expect("an address in Contact").to_owned();
        let to = header(answer, "To").expect("a To");
        let mut base = self.clone().without("Content-Type").with("To", &to).with_body("");
        base.line = format!("X {target} SIP/2.0");
        base
    }

    /// A request of the dialog.
    pub fn next(&self, method: &str, sequence: u32) -> Draft {
        let (_, rest) = self.line.split_once(' ').expect("a request line");
        self.clone()
            .with_line(&format!("{method} {rest}"))
            .with("CSeq", &format!("{sequence} {method}"))
            .with_branch(&format!("{method}{sequence}-{}", self.header("Call-ID").replace(['@', ':'], "-")))
    }

    /// As it goes over the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.header("Content-Length").is_empty() {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The status of a response.
pub fn status(response: &str) -> u16 {
    response
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no response: {response}"))
}

/// The first value of a header field.
pub fn header(message: &str, name: &str) -> Option<String> {
    let head = message.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// Cuts the first whole message off what came on a connection.
fn take_message(received: &mut Vec<u8>) -> Option<String> {
    while received.starts_with(b"\r\n") {
        received.drain(..2); // a keep-alive's answer
    }
    let head_end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
    let body: usize = header(&head, "Content-Length").and_then(|len| len.parse().ok()).unwrap_or(0);
    (received.len() >= head_end + body).then(|| {
        let rest = received.split_off(head_end + body);
        String::from_utf8_lossy(&std::mem::replace(received, rest)).into_owned()
    })
}
