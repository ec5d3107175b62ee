//! A large value as it comes from the server.
//!
//! Through the parser it would be copied from one growing buffer to the next, and the last of them, of twice its
//! size, would be kept for as long as the connection. So its bytes go where they are to stay at once. What had to be
//! read in order to see what comes is handed to whoever reads next.

use std::io::{self, Read};
use std::sync::Arc;

use redis::Value;

use super::Sink;

/// From how many bytes on it is worth it.
pub(super) const LARGE: usize = 64 << 10;
/// How much is read in order to see what comes, and how long `$` and a length are at most.
const LOOK: usize = 16 << 10;
const LONGEST_HEAD: usize = 16;
const LINE_END: &[u8] = b"\r\n";
/// How much is read before it is handed on: what the processor still has when it is looked at again.
const PIECE: usize = 256 << 10;

/// Bytes that were read before anybody wanted them.
#[derive(Default)]
pub(super) struct Ahead {
    bytes: Vec<u8>,
    taken: usize,
}

impl Ahead {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// As [`Read::read`]; nothing when there is nothing.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let taken = self.rest().read(buffer).unwrap_or_default();
        self.taken += taken;
        if self.taken == self.bytes.len() {
            *self = Self::default();
        }
        taken
    }

    /// Read until the head of what comes is there, if it is that of a value.
    fn look(&mut self, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        while self.rest().is_empty() || (head(self.rest()).is_none() && may_be_a_head(self.rest())) {
            let (before, mut bytes) = (self.rest().len(), self.rest().to_vec());
            bytes.resize(before + LOOK, 0);
            let room = bytes.get_mut(before..).unwrap_or_default();
            let count = read(room)?;
            bytes.truncate(before + count);
            *self = Self { bytes, taken: 0 };
        }
        Ok(())
    }
}

fn may_be_a_head(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'$') && bytes.len() < LONGEST_HEAD && !bytes.contains(&b'\n')
}

/// The size of the value that begins with these bytes, and where its content begins.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let bytes = bytes.strip_prefix(b"$")?;
    let end = bytes.iter().take(LONGEST_HEAD).position(|&byte| byte == b'\r')?;
    let size = std::str::from_utf8(bytes.get(..end)?).ok()?.parse().ok()?;
    (bytes.get(end..end + LINE_END.len())? == LINE_END).then_some((size, 1 + end + LINE_END.len()))
}

/// One that is on its way, with the end of the line behind it.
pub(super) struct Large {
    size: usize,
    to: To,
}

enum To {
    /// All of it, with the end of the line, in one place.
    Memory { bytes: Vec<u8>, filled: usize },
    /// Piece by piece to whoever takes it; at last the end of the line.
    Sink { sink: Arc<dyn Sink>, taken: usize, piece: Vec<u8>, filled: usize },
}

impl Large {
    /// See whether the next reply is one of at most `longest` bytes; what else it may be is left in `ahead`.
    pub(super) fn begin(
        ahead: &mut Ahead,
        longest: usize,
        into: Option<&Arc<dyn Sink>>,
        read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Option<Self>> {
        ahead.look(read)?;
        let Some((size, start)) = head(ahead.rest()).filter(|(size, _)| (LARGE..=longest).contains(size)) else {
            return Ok(None);
        };
        ahead.taken += start;
        let to = match into.filter(|sink| sink.begin(size)) {
            Some(sink) => To::Sink { sink: Arc::clone(sink), taken: 0, piece: Vec::new(), filled: 0 },
            None => To::Memory { bytes: vec![0; size + LINE_END.len()], filled: 0 },
        };
        Ok(Some(Self { size, to }))
    }

    /// Read what is missing; after an error it can go on.
    pub(super) fn fill(&mut self, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        match &mut self.to {
            To::Memory { bytes, filled } => fill(bytes, filled, &mut read),
            To::Sink { sink, taken, piece, filled } => loop {
                let is_over = *taken == self.size;
                let length = if is_over { LINE_END.len() } else { PIECE.min(self.size - *taken) };
                piece.resize(length, 0);
                fill(piece, filled, &mut read)?;
                if is_over {
                    return Ok(());
                }
                sink.take(piece);
                (*taken, *filled) = (*taken + length, 0);
            },
        }
    }

    /// The value, or how large it was if it went elsewhere, if it ends as it must.
    pub(super) fn value(self) -> Option<Value> {
        match self.to {
            To::Memory { mut bytes, .. } => {
                let ends = bytes.ends_with(LINE_END);
                bytes.truncate(self.size);
                ends.then_some(Value::BulkString(bytes))
            }
            To::Sink { piece, .. } => {
                let size = i64::try_from(self.size).ok()?;
                (piece == LINE_END).then_some(Value::Int(size))
            }
        }
    }
}

fn fill(room: &mut [u8], filled: &mut usize, read: &mut impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
    while let Some(rest) = room.get_mut(*filled..).filter(|rest| !rest.is_empty()) {
        *filled += read(rest)?;
    }
    Ok(())
}
