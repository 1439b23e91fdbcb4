//! Cuts a byte stream into messages (RFC 3261 §18.3) and keep-alives (RFC 5626 §3.5.1).
//!
//! The owner of the connection pushes what it reads and takes frames until there are none; how the bytes were
//! chunked makes no difference.

use std::fmt;

use bytes::{Buf, BytesMut};

use super::message::Message;
use super::parser::{Draft, MAX_MESSAGE_LEN, ParseError, ParseErrorKind, find_head_end};

/// The longest start line and header fields together.
pub const MAX_HEAD_LEN: usize = MAX_MESSAGE_LEN;
/// The longest body.
pub const MAX_BODY_LEN: usize = MAX_MESSAGE_LEN;

/// What came on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A message that cannot be taken, perhaps to be answered. Whether the stream can go on, the next call tells.
    Malformed(ParseError),
    /// CRLF CRLF: to be answered with CRLF.
    KeepAlivePing,
    /// CRLF: the answer to our ping.
    KeepAlivePong,
}

/// The stream cannot be cut any more: close it. All further calls say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    /// No empty line within [`MAX_HEAD_LEN`] bytes.
    HeadTooLong,
    /// A body longer than [`MAX_BODY_LEN`].
    BodyTooLong,
    /// Content-Length is wrong: nobody knows where the next message begins.
    ContentLength,
    /// What should be a start line is none.
    NotSip,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FramingError::HeadTooLong => "header fields too long",
            FramingError::BodyTooLong => "body too long",
            FramingError::ContentLength => "Content-Length unusable",
            FramingError::NotSip => "not SIP",
        })
    }
}

impl std::error::Error for FramingError {}

/// Collects the bytes of one stream. Holds at most a head or a body, and what was last pushed.
#[derive(Default)]
pub struct StreamParser {
    pending: BytesMut,
    /// So far `pending` holds no head end.
    scanned_len: usize,
    /// A head that waits for its body of so many bytes.
    head: Option<(Draft, usize)>,
    awaits_pong: bool,
    lost: Option<FramingError>,
}

impl StreamParser {
    /// An empty stream.
    pub fn new() -> StreamParser {
        StreamParser::default()
    }

    /// Takes what has been read. Call [`StreamParser::next`] until it has nothing before pushing more: that keeps
    /// the bound.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.lost.is_none() {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// We have sent a ping: the next CRLF alone is its pong. Without this it is ignored (RFC 3261 §7.5).
    pub fn ping_sent(&mut self) {
        self.awaits_pong = true;
    }

    /// How many bytes wait to become a frame.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The next message or keep-alive; `None`: more bytes are needed.
    #[allow(clippy::should_implement_trait)] // it is no iterator: it may go on after `None`
    pub fn next(&mut self) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = self.lost {
            return Err(error);
        }
        if self.head.is_none() {
            if let Some(keep_alive) = self.take_line_ends() {
                return Ok(Some(keep_alive));
            }
            if let Some(malformed) = self.take_head()? {
                return Ok(Some(malformed));
            }
        }
        Ok(self.take_body())
    }

    /// Line ends between messages: keep-alives, or nothing.
    fn take_line_ends(&mut self) -> Option<Frame> {
        loop {
            match *self.pending {
                [b'\r', b'\n', ..] if self.awaits_pong => {
                    self.pending.advance(2);
                    self.awaits_pong = false;
                    return Some(Frame::KeepAlivePong);
                }
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.pending.advance(4);
                    return Some(Frame::KeepAlivePing);
                }
                // Perhaps half a ping.
                [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\r', b'\n', ..] => self.pending.advance(2),
                [b'\n', ..] => self.pending.advance(1),
                _ => return None,
            }
        }
    }

    /// Moves a whole head from `pending` to `head`, or tells why the stream ends here.
    fn take_head(&mut self) -> Result<Option<Frame>, FramingError> {
        if matches!(*self.pending, [] | [b'\r'] | [b'\r', b'\n', ..]) {
            return Ok(None);
        }
        let Some(head_len) =
            find_head_end(&self.pending, self.scanned_len).filter(|len| *len <= MAX_HEAD_LEN)
        else {
            if self.pending.len() > MAX_HEAD_LEN {
                return Err(self.lose(FramingError::HeadTooLong));
            }
            // The empty line may begin in the last two bytes.
            self.scanned_len = self.pending.len().saturating_sub(2);
            return Ok(None);
        };
        self.scanned_len = 0;
        let Ok(draft) = Draft::read(&self.pending[..head_len]) else {
            return Err(self.lose(FramingError::NotSip));
        };
        self.pending.advance(head_len);
        match draft.content_length() {
            Ok(Some(len)) if len > MAX_BODY_LEN => {
                self.lose(FramingError::BodyTooLong);
                Ok(Some(Frame::Malformed(draft.fail(ParseErrorKind::MessageTooLong))))
            }
            // RFC 3261 §20.14 demands Content-Length on streams; without it most peers mean that there is no body.
            Ok(len) => {
                self.head = Some((draft, len.unwrap_or(0)));
                Ok(None)
            }
            Err(error) => {
                self.lose(FramingError::ContentLength);
                Ok(Some(Frame::Malformed(draft.fail(ParseErrorKind::Header(error)))))
            }
        }
    }

    fn take_body(&mut self) -> Option<Frame> {
        let (draft, body_len) = self.head.take_if(|(_, body_len)| *body_len <= self.pending.len())?;
        let body = self.pending.split_to(body_len).freeze();
        Some(match draft.finish(body) {
            Ok(message) => Frame::Message(message),
            Err(error) => Frame::Malformed(error),
        })
    }

    fn lose(&mut self, error: FramingError) -> FramingError {
        self.lost = Some(error);
        self.pending = BytesMut::new();
        error
    }
}

#[cfg(test)]
mod tests;
