//! The system calls that the standard library does not make: options before bind, arrival times, connecting.
#![allow(unsafe_code)]

use super::super::clock::duration_of;
use super::SocketOptions;
use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{
    Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, UdpSocket,
};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// Room for the control messages we ask for: one timespec with its header, and to spare.
const CONTROL_WORDS: usize = 8;

/// A datagram as the kernel tells of it.
pub(super) struct ReceivedDatagram {
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    /// Wall-clock time of arrival since 1970.
    pub(super) arrival: Option<Duration>,
    pub(super) truncated: bool,
}

/// A bound, non-blocking UDP socket whose datagrams carry their time of arrival.
pub(super) fn bind_datagram(address: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    let socket = open(address, libc::SOCK_DGRAM, options)?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    bind(&socket, address)?;
    Ok(UdpSocket::from(socket))
}

/// A second socket on the port of `bound`. It is to be connected: what comes from its peer is then its own, all
/// else stays the first one's. Nobody else can share the port afterwards.
pub(super) fn share_port(bound: &UdpSocket, options: &SocketOptions) -> io::Result<UdpSocket> {
    set_option(bound, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    let shared = bind_datagram(bound.local_addr()?, &SocketOptions { reuse_port: true, ..options.clone() });
    set_option(bound, libc::SOL_SOCKET, libc::SO_REUSEPORT, 0)?;
    let shared = shared?;
    set_option(&shared, libc::SOL_SOCKET, libc::SO_REUSEPORT, 0)?;
    Ok(shared)
}

/// A bound, non-blocking TCP socket that accepts.
pub(super) fn bind_listener(
    address: SocketAddr,
    options: &SocketOptions,
    backlog: i32,
) -> io::Result<TcpListener> {
    let socket = open(address, libc::SOCK_STREAM, options)?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    bind(&socket, address)?;
    // SAFETY: takes no pointers; the descriptor is open.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(TcpListener::from(socket))
}

/// A non-blocking TCP socket on its way to `to`; it is writable when it is there or has failed.
pub(super) fn begin_connect(to: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = open(to, libc::SOCK_STREAM, options)?;
    let raw = RawAddress::from(to);
    // SAFETY: pointer and length are those of one live address.
    match check(unsafe { libc::connect(socket.as_raw_fd(), raw.as_ptr(), raw.len()) }) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from(socket)),
    }
}

/// Receives one datagram; never waits. The kernel is not asked who sent it where a connected socket's `peer` is given.
pub(super) fn recv_datagram(
    socket: &UdpSocket,
    peer: Option<SocketAddr>,
    buffer: &mut [u8],
) -> io::Result<ReceivedDatagram> {
    let mut control = [0_u64; CONTROL_WORDS];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: zeroes are a valid (empty) value of both plain C structures. The header points to `from`, `part`,
    // `control` and, through `part`, to `buffer`, which all outlive the call; the lengths are theirs.
    let (len, from, header) = unsafe {
        let mut from: libc::sockaddr_in6 = zeroed();
        let mut header: libc::msghdr = zeroed();
        if peer.is_none() {
            header.msg_name = ptr::from_mut(&mut from).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
        }
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control) as _;
        // By number: the C library's own recvmsg and sendto are cancellation points, which costs as much again.
        let len = libc::syscall(libc::SYS_recvmsg, socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT);
        (usize::try_from(len).map_err(|_negative| io::Error::last_os_error())?, from, header)
    };
    Ok(ReceivedDatagram {
        len,
        from: peer.or_else(|| address_of(&from)).ok_or(io::ErrorKind::Unsupported)?,
        arrival: arrival_of(&header),
        truncated: header.msg_flags & libc::MSG_TRUNC != 0,
    })
}

/// Sends one datagram, to the socket's own peer where none is given; never waits.
pub(super) fn send_datagram(socket: &UdpSocket, payload: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
    let to = to.map(RawAddress::from);
    // SAFETY: payload and address outlive the call, and the lengths are theirs.
    let len = unsafe {
        libc::syscall(
            libc::SYS_sendto,
            socket.as_raw_fd(),
            payload.as_ptr(),
            payload.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            to.as_ref().map_or(ptr::null(), RawAddress::as_ptr),
            to.as_ref().map_or(0, RawAddress::len),
        )
    };
    usize::try_from(len).map_err(|_negative| io::Error::last_os_error())
}

/// The kernel's time of arrival among the control messages of a header whose buffers are still alive.
fn arrival_of(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel filled `msg_control` with `msg_controllen` bytes of well-formed messages, and the CMSG
    // functions stay inside them; a timestamp's body is one timespec, possibly unaligned.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_TIMESTAMPNS {
                let time = libc::CMSG_DATA(message).cast::<libc::timespec>().read_unaligned();
                return Some(duration_of(time));
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    None
}

fn open(address: SocketAddr, kind: libc::c_int, options: &SocketOptions) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointers; a descriptor it returns is new and nobody else's.
    let socket = unsafe {
        let fd = libc::socket(family, kind, 0);
        check(fd)?;
        OwnedFd::from_raw_fd(fd)
    };
    let traffic_class = libc::c_int::from(options.dscp.min(63)) << 2;
    if address.is_ipv4() {
        set_option(&socket, libc::IPPROTO_IP, libc::IP_TOS, traffic_class)?;
    } else {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, traffic_class)?;
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    for (name, bytes) in
        [(libc::SO_RCVBUF, options.recv_buffer_bytes), (libc::SO_SNDBUF, options.send_buffer_bytes)]
    {
        if let Some(bytes) = bytes {
            set_option(&socket, libc::SOL_SOCKET, name, i32::try_from(bytes).unwrap_or(i32::MAX))?;
        }
    }
    if options.reuse_port {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    Ok(socket)
}

fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: all options set here are of type int; `value` lives through the call.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), length) })
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let raw = RawAddress::from(address);
    // SAFETY: pointer and length are those of one live address.
    check(unsafe { libc::bind(socket.as_raw_fd(), raw.as_ptr(), raw.len()) })
}

fn check(outcome: RawFd) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A socket address as the kernel wants it.
enum RawAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl RawAddress {
    fn as_ptr(&self) -> *const libc::sockaddr {
        match self {
            RawAddress::V4(address) => ptr::from_ref(address).cast(),
            RawAddress::V6(address) => ptr::from_ref(address).cast(),
        }
    }

    fn len(&self) -> libc::socklen_t {
        let bytes = match self {
            RawAddress::V4(address) => size_of_val(address),
            RawAddress::V6(address) => size_of_val(address),
        };
        bytes as libc::socklen_t
    }
}

impl From<SocketAddr> for RawAddress {
    fn from(address: SocketAddr) -> RawAddress {
        match address {
            SocketAddr::V4(v4) => RawAddress::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => RawAddress::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            }),
        }
    }
}

/// What the kernel wrote as an address; `None` for families that we did not open a socket of.
fn address_of(raw: &libc::sockaddr_in6) -> Option<SocketAddr> {
    match libc::c_int::from(raw.sin6_family) {
        libc::AF_INET6 => Some(SocketAddr::V6(SocketAddrV6::new(
            Ipv6Addr::from(raw.sin6_addr.s6_addr),
            u16::from_be(raw.sin6_port),
            raw.sin6_flowinfo,
            raw.sin6_scope_id,
        ))),
        libc::AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in; it is the smaller of the two structures
            // and asks for no stricter alignment.
            let v4 = unsafe { &*ptr::from_ref(raw).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        _ => None,
    }
}
