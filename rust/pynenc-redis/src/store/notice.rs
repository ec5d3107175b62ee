//! What the store tells a process on its channel, several notices a message.
//!
//! `lua/notices.lua` writes them: a byte for the kind and the 16 bytes of an id; one that tells of an
//! end has then status, losses, what is left (a byte each), a size of four bytes, and so many bytes. One that tells
//! of many ends of a bundle has a size and so many bytes, which are what the worker said of the ends.

use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;

use super::{bundle, record};
use crate::error::{RedisError, Result};

/// Something that a process asked to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An invocation has ended.
    Ended {
        /// Which.
        id: InvocationId,
        /// A final status.
        status: Status,
        /// How many workers were lost with it.
        losses: u8,
        /// What it left behind.
        left: Left,
    },
    /// A worker of this process holds it, and is asked to stop its body.
    Cancel(InvocationId),
    /// It was dropped before it ended.
    Dropped(InvocationId),
}

/// What an ended invocation left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it was called off.
    Nothing,
    /// A result or an error.
    Value(Vec<u8>),
    /// A result or an error that is too large for a notice: read it.
    Large,
    /// Its worker was lost for the last time that is allowed, in these words.
    Lost(String),
}

const ENDED: u8 = 1;
const CANCEL: u8 = 2;
const DROPPED: u8 = 3;
const BUNDLE: u8 = 4;
const HEAD_SIZE: usize = 17;
const END_SIZE: usize = 3;

impl Notice {
    /// Read the notices of a message.
    ///
    /// # Errors
    /// [`RedisError::Protocol`] for what no store of this version writes; nothing of the message counts then.
    pub fn read_all(mut message: &[u8]) -> Result<Vec<Self>> {
        let mut notices = Vec::new();
        while !message.is_empty() {
            message = read(message, &mut notices)?;
        }
        Ok(notices)
    }
}

fn cut() -> RedisError {
    RedisError::Protocol("a notice is cut short".to_owned())
}

/// Read the first; what follows it.
fn read<'a>(message: &'a [u8], notices: &mut Vec<Notice>) -> Result<&'a [u8]> {
    let (head, rest) = message.split_at_checked(HEAD_SIZE).ok_or_else(cut)?;
    let id = record::id(&head[1..])?;
    let (notice, rest) = match head[0] {
        ENDED => read_end(id, rest)?,
        CANCEL => (Notice::Cancel(id), rest),
        DROPPED => (Notice::Dropped(id), rest),
        BUNDLE => {
            let (ends, rest) = sized(rest)?;
            let told = bundle::ends(id, ends)?.into_iter();
            notices.extend(told.map(|(id, status, value)| Notice::Ended {
                id,
                status,
                losses: 0,
                left: Left::Value(value),
            }));
            return Ok(rest);
        }
        other => return Err(RedisError::Protocol(format!("a notice of the unknown kind {other}"))),
    };
    notices.push(notice);
    Ok(rest)
}

/// So many bytes as the first four say.
fn sized(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let (size, rest) = text.split_first_chunk::<4>().ok_or_else(cut)?;
    usize::try_from(u32::from_be_bytes(*size)).ok().and_then(|size| rest.split_at_checked(size)).ok_or_else(cut)
}

fn read_end(id: InvocationId, rest: &[u8]) -> Result<(Notice, &[u8])> {
    let (end, rest) = rest.split_at_checked(END_SIZE).ok_or_else(cut)?;
    let (value, rest) = sized(rest)?;
    let left = match i64::from(end[2]) {
        0 => Left::Nothing,
        record::LEFT_VALUE => Left::Value(value.to_vec()),
        record::LEFT_LARGE => Left::Large,
        record::LEFT_LOST => Left::Lost(String::from_utf8_lossy(value).into_owned()),
        other => return Err(RedisError::Protocol(format!("a notice leaves the unknown {other}"))),
    };
    Ok((Notice::Ended { id, status: record::status(end[0].into())?, losses: end[1], left }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_read_one_after_the_other() {
        let id = InvocationId::from_random(7);
        let mut message = vec![ENDED];
        message.extend(id.to_bytes());
        message.extend([7, 0, 1, 0, 0, 0, 3]);
        message.extend(b"six");
        message.push(CANCEL);
        message.extend(id.to_bytes());
        let ended = Notice::Ended { id, status: Status::Success, losses: 0, left: Left::Value(b"six".to_vec()) };
        assert_eq!(Notice::read_all(&message).expect("two notices"), [ended, Notice::Cancel(id)]);
        for size in 1..message.len() {
            let told = Notice::read_all(&message[..size]);
            assert_eq!(told.is_ok(), size == message.len() - HEAD_SIZE, "{size} bytes");
        }
    }

    #[test]
    fn what_no_store_writes_is_refused() {
        assert!(Notice::read_all(&[9; HEAD_SIZE]).is_err());
        assert!(Notice::read_all(&[]).expect("no notice").is_empty());
    }
}
