//! What makes life hard for the server while legs talk: a flood of random datagrams, and callers that die.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::caller::{Call, Caller};
use crate::load;
use crate::plan::Plan;
use crate::process::Running;
use crate::stream::Stream;

/// The media timeout of a server whose callers are going to die, as its option wants it.
pub const MEDIA_TIMEOUT: &str = "5s";
/// How long after their death the last leg has to be gone: the timeout, and a lap to notice it.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// A process that floods the SIP port and the ports of RTP and RTCP of all calls.
pub fn flood(per_second: usize, server: SocketAddr, rtp: impl Iterator<Item = SocketAddr>) -> Running {
    let ports = rtp.flat_map(|address| [address.port(), address.port() + 1]);
    let mut arguments = vec!["flood-child".to_owned(), per_second.to_string(), server.port().to_string()];
    arguments.extend(ports.map(|port| port.to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Running::beside_the_load(&arguments, 0).0
}

/// The flooding child's life: every second datagram goes to the first port, the others round the rest.
pub fn flood_child(numbers: &[usize]) {
    let [per_second, ports @ ..] = numbers else { panic!("a rate and ports") };
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut random = Random(0x5eed);
    let (start, mut sent) = (Instant::now(), 0_usize);
    loop {
        let due = (start.elapsed().as_secs_f64() * *per_second as f64) as usize;
        while sent < due {
            let index = if sent % 2 == 0 { 0 } else { 1 + sent / 2 % (ports.len() - 1) };
            let _ = socket.send_to(&random.datagram(index == 0), ("127.0.0.1", ports[index] as u16));
            sent += 1;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Seeded: a run can be repeated (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Random octets; half of them begin as a message of the protocol that the port speaks.
    fn datagram(&mut self, is_sip: bool) -> Vec<u8> {
        let mut octets: Vec<u8> = match (self.next() % 2, is_sip) {
            (0, _) => Vec::new(),
            (_, true) => b"INVITE sip:room-1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:".to_vec(),
            (_, false) => vec![0x80, 0x00],
        };
        for _ in 0..1 + self.next() % 40 {
            octets.extend(self.next().to_ne_bytes());
        }
        octets
    }
}

/// A process with calls of its own, which talk until it is killed.
pub fn doomed_callers(plan: &Plan, server: SocketAddr) -> Running {
    let numbers =
        [plan.legs, plan.rooms, plan.talkers, usize::from(server.port())].map(|number| number.to_string());
    let mut arguments = vec!["doomed-child", &plan.user];
    arguments.extend(numbers.iter().map(String::as_str));
    Running::beside_the_load(&arguments, 1).0
}

/// The doomed child's life.
pub fn doomed_child(user: &str, numbers: &[usize]) {
    let &[legs, rooms, talkers, port] = numbers else { panic!("legs, rooms, talkers, port") };
    let plan = Plan { legs, rooms, talkers, user: user.to_owned(), ..Plan::default() };
    let mut caller = Caller::new(SocketAddr::from(([127, 0, 0, 1], port as u16)));
    let calls: Vec<(usize, Call)> = plan.doomed().map(|leg| (leg, plan.dial(&mut caller, leg))).collect();
    let mut streams = Stream::of_calls(&calls, plan.roles(plan.doomed()));
    println!("talking");
    loop {
        load::run(&mut streams, Duration::from_secs(1));
    }
}
