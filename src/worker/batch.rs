//! Media sockets served side by side: a slot's datagrams gathered before its laps, what the laps send handed over after.
//!
//! Leg by leg the kernel's way through UDP and the leg's own work drive each other out of the nearest caches. So for
//! some members at a time the kernel is asked for one datagram each, while the processor fetches the members' memory;
//! they make their laps; then what they sent goes out. Driven by `metronome` and `round`. Whatever is not gathered
//! ahead is received as ever, at the lap.

use super::Shared;
use super::socket::media::MediaSocket;
use super::socket::{Datagram, MAX_DATAGRAM_BYTES};
use super::statistics::add;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

/// Members served side by side: few enough that what is fetched for them stays near, and that none is kept waiting.
pub(super) const WINDOW: usize = 16;
const LINE_BYTES: usize = 64;

/// What was gathered for a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ahead {
    /// Nobody has looked.
    #[default]
    Unasked,
    /// There was nothing.
    Nothing,
    /// A datagram: its number among those of one gathering.
    Gathered { gathering: u64, number: usize },
}

/// Datagrams of one gathering, in the order of their members.
struct Gathering {
    datagrams: Vec<(usize, Datagram)>,
    bytes: Box<[u8]>,
    used: usize,
}

/// A datagram on its way out.
struct Letter {
    socket: Rc<MediaSocket>,
    to: SocketAddr,
    offset: usize,
    len: usize,
}

struct Outbox {
    letters: Vec<Letter>,
    bytes: Box<[u8]>,
    used: usize,
}

/// What lies between a slot's members and the kernel.
pub(super) struct Batch {
    gathering: RefCell<Gathering>,
    number: Cell<u64>,
    outbox: RefCell<Outbox>,
    /// A slot runs: what is sent waits for its window to end.
    collecting: Cell<bool>,
}

impl Batch {
    pub(super) fn new() -> Batch {
        let room = || vec![0; WINDOW * MAX_DATAGRAM_BYTES].into_boxed_slice();
        Batch {
            gathering: RefCell::new(Gathering {
                datagrams: Vec::with_capacity(WINDOW),
                bytes: room(),
                used: 0,
            }),
            number: Cell::new(0),
            outbox: RefCell::new(Outbox { letters: Vec::with_capacity(WINDOW), bytes: room(), used: 0 }),
            collecting: Cell::new(false),
        }
    }

    /// Begins a gathering; what is left of the last one is lost, and was counted as that by [`Batch::take`].
    pub(super) fn begin(&self) {
        let mut gathering = self.gathering.borrow_mut();
        gathering.datagrams.clear();
        gathering.used = 0;
        self.number.set(self.number.get() + 1);
    }

    /// Asks the kernel for one datagram of a socket, if there is room for it.
    pub(super) fn gather(&self, socket: &MediaSocket) {
        let Gathering { datagrams, bytes, used } = &mut *self.gathering.borrow_mut();
        let Some(room) = bytes.get_mut(*used..*used + MAX_DATAGRAM_BYTES) else { return };
        let ahead = match socket.recv_ahead(room) {
            None => Ahead::Nothing,
            Some(datagram) => {
                datagrams.push((*used, datagram));
                *used = (*used + datagram.len).next_multiple_of(LINE_BYTES);
                Ahead::Gathered { gathering: self.number.get(), number: datagrams.len() - 1 }
            }
        };
        socket.set_ahead(ahead);
    }

    /// The datagram gathered under a number, copied to `buffer`; `None`, and counted, if a later gathering has
    /// taken its room because its member made no lap.
    pub(super) fn take(
        &self,
        shared: &Shared,
        gathering: u64,
        number: usize,
        buffer: &mut [u8],
    ) -> Option<Datagram> {
        if gathering != self.number.get() {
            add(&shared.counters.gathered_lost, 1);
            return None;
        }
        let Gathering { datagrams, bytes, .. } = &*self.gathering.borrow();
        let (offset, mut datagram) = datagrams[number];
        datagram.truncated |= datagram.len > buffer.len();
        datagram.len = datagram.len.min(buffer.len());
        buffer[..datagram.len].copy_from_slice(&bytes[offset..offset + datagram.len]);
        Some(datagram)
    }

    /// From now on what is sent is collected.
    pub(super) fn collect(&self) {
        self.collecting.set(true);
    }

    /// Keeps a datagram to be sent soon; false if it is to be sent at once.
    pub(super) fn post(&self, socket: &Rc<MediaSocket>, payload: &[u8], to: SocketAddr) -> bool {
        if !self.collecting.get() || payload.len() > MAX_DATAGRAM_BYTES {
            return false;
        }
        let mut outbox = self.outbox.borrow_mut();
        let offset = outbox.used;
        outbox.bytes[offset..offset + payload.len()].copy_from_slice(payload);
        outbox.used = (offset + payload.len()).next_multiple_of(LINE_BYTES);
        outbox.letters.push(Letter { socket: Rc::clone(socket), to, offset, len: payload.len() });
        if outbox.letters.len() == WINDOW {
            outbox.hand_over();
        }
        true
    }

    /// The slot is over: what waits is sent, and from now on all at once.
    pub(super) fn finish(&self) {
        self.collecting.set(false);
        self.outbox.borrow_mut().hand_over();
    }
}

impl Outbox {
    fn hand_over(&mut self) {
        for letter in self.letters.drain(..) {
            letter.socket.send_now(&self.bytes[letter.offset..letter.offset + letter.len], letter.to);
        }
        self.used = 0;
    }
}
