//! The record as it lies on the server: what `lua/record.lua` reads and writes.

use std::sync::Arc;

use pynenc_core::clock::Micros;
use pynenc_core::engine::{Fence, Key, Lane};
use pynenc_core::id::InvocationId;
use pynenc_core::status::{ALL, Status};

use super::types::{NewCall, Taken};
use crate::blobs::{Blob, Digest};
use crate::error::{RedisError, Result};

/// How many blobs one record can name.
pub const MOST_BLOBS: usize = 255;
const DIGEST_SIZE: usize = 32;
const EVENT_SIZE: usize = 16;
/// Beyond this a payload lies under a key of its own, so that no move of the record copies it.
const LARGE_SIZE: usize = 4096;

const PARENT: u8 = 1;
const REGISTRATION: u8 = 2;
const RUNNING_KEY: u8 = 4;
const RESULT: u8 = 8;
const ARGUMENTS: u8 = 16;
pub(crate) const PRINT: u8 = 32;
const BLOBS: u8 = 64;
const LARGE_PAYLOAD: u8 = 128;
const KEYS: [u8; 5] = [REGISTRATION, RUNNING_KEY, RESULT, ARGUMENTS, PRINT];

/// What an ended one left behind: a value in the record, or under a key of its own.
pub(crate) const LEFT_VALUE: i64 = 1;
pub(crate) const LEFT_LARGE: i64 = 2;
pub(crate) const LEFT_LOST: i64 = 3;

const QUEUED: u8 = 1;
const ASIDE: u8 = 2;
const DELAYED: u8 = 4;
const CANCEL: u8 = 16;
const AWAITED: u8 = 32;
const BACK: u8 = 64;
const PARKED: u8 = 128;

/// A record, with places for what lies apart from it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) status: Status,
    flags: u8,
    pub(crate) lane: Lane,
    pub(crate) losses: u8,
    pub(crate) retries: u32,
    pub(crate) fence: Fence,
    pub(crate) worker: u64,
    pub(crate) seq: u64,
    pub(crate) left: u8,
    pub(crate) bytes: u64,
    pub(crate) parent: Option<InvocationId>,
    keys: [Option<Key>; KEYS.len()],
    /// The digests of what it names.
    pub(crate) blobs: Vec<Digest>,
    pub(crate) task: Arc<str>,
    pub(crate) payload: Vec<u8>,
    pub(crate) payload_is_apart: bool,
    pub(crate) history: Vec<(Status, Micros, u64)>,
}

/// Takes a text apart from its beginning.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(size).ok_or_else(|| broken("it is cut short"))?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn number(&mut self, size: usize) -> Result<u64> {
        Ok(self.take(size)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
    fn number32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    pub(crate) fn size(&mut self, bytes: usize) -> Result<usize> {
        usize::try_from(self.number(bytes)?).map_err(|_| broken("a size is too large"))
    }
}

fn broken(why: &str) -> RedisError {
    RedisError::Protocol(format!("a record cannot be read: {why}"))
}

/// The status of a code of the server.
pub(crate) fn status(code: u64) -> Result<Status> {
    let place = usize::try_from(code).ok();
    place.and_then(|place| ALL.get(place)).copied().ok_or_else(|| broken("it has an unknown status"))
}

pub(crate) fn lane(code: u8) -> Result<Lane> {
    match code {
        0 => Ok(Lane::Sync),
        1 => Ok(Lane::Async),
        _ => Err(broken("it has an unknown lane")),
    }
}

/// Sixteen bytes as an id.
pub(crate) fn id(bytes: &[u8]) -> Result<InvocationId> {
    bytes.try_into().map(InvocationId::from_bytes).map_err(|_| broken("an id is not 16 bytes"))
}

impl Record {
    pub(crate) fn read(text: &[u8]) -> Result<Self> {
        let mut head = Reader(text);
        let (status, flags, lane) = (status(head.number(1)?)?, head.byte()?, lane(head.byte()?)?);
        let (losses, attempt, retries) = (head.byte()?, head.number32()?, head.number32()?);
        let (nonce, worker, _token) = (head.number(8)?, head.number(8)?, head.number(8)?);
        let (left, history, bytes) = (head.byte()?, head.size(4)?, head.number(8)?);
        let (_notify, have) = (head.number(8)?, head.byte()?);
        let (_order, seq) = (head.number(8)?, head.number(8)?);
        let (task, payload) = (head.size(2)?, head.size(4)?);
        let mut body = head;
        Ok(Self {
            status,
            flags,
            lane,
            losses,
            retries,
            fence: Fence { attempt, nonce },
            worker,
            seq,
            left,
            bytes,
            parent: if have & PARENT == 0 { None } else { Some(id(body.take(16)?)?) },
            keys: keys(have, &mut body)?,
            blobs: if have & BLOBS == 0 { Vec::new() } else { digests(&mut body)? },
            task: std::str::from_utf8(body.take(task)?).map_err(|_| broken("a task's name is no text"))?.into(),
            payload: body.take(payload)?.to_vec(),
            payload_is_apart: have & LARGE_PAYLOAD != 0,
            history: body.take(history)?.chunks_exact(EVENT_SIZE).map(event).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn cancel_requested(&self) -> bool {
        self.flags & CANCEL != 0
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.flags & QUEUED != 0
    }

    pub(crate) fn is_aside(&self) -> bool {
        self.flags & ASIDE != 0
    }

    pub(crate) fn is_delayed(&self) -> bool {
        self.flags & DELAYED != 0
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.flags & PARKED != 0
    }

    /// Which part of the queue it stands in, by the letter of its key.
    pub(crate) fn queue(&self) -> &'static str {
        match (self.flags & AWAITED != 0, self.flags & BACK != 0) {
            (true, _) => "qa",
            (_, true) => "qr",
            _ => "q",
        }
    }

    pub(crate) fn registration_key(&self) -> Option<Key> {
        self.keys[0]
    }

    pub(crate) fn running_key(&self) -> Option<Key> {
        self.keys[1]
    }

    pub(crate) fn print(&self) -> Option<Key> {
        self.keys[4]
    }

    pub(crate) fn taken(self, id: InvocationId, payload: Option<Vec<u8>>) -> Taken {
        Taken {
            id,
            fence: self.fence,
            print: self.print(),
            started: self.status == Status::Running,
            task: self.task,
            payload: payload.unwrap_or(self.payload),
            parent: self.parent,
            lane: self.lane,
            retries: self.retries,
            losses: self.losses,
            bundled: false,
        }
    }
}

fn keys(have: u8, body: &mut Reader<'_>) -> Result<[Option<Key>; KEYS.len()]> {
    let mut keys = [None; KEYS.len()];
    for (key, kind) in keys.iter_mut().zip(KEYS) {
        if have & kind != 0 {
            *key = Some(body.take(32)?.try_into().map_err(|_| broken("a key is not 32 bytes"))?);
        }
    }
    Ok(keys)
}

fn digests(body: &mut Reader<'_>) -> Result<Vec<Digest>> {
    let size = DIGEST_SIZE * usize::from(body.byte()?);
    Ok(body.take(size)?.chunks_exact(DIGEST_SIZE).filter_map(|digest| digest.try_into().ok()).collect())
}

fn event(text: &[u8]) -> Result<(Status, Micros, u64)> {
    let mut reader = Reader(text);
    Ok((status(reader.number(1)?)?, reader.number(7)?, reader.number(8)?))
}

/// A call, as it goes to the server.
pub(crate) struct Written<'a> {
    /// How long it waits, and whether another answer is refused.
    pub(crate) fate: [u8; 9],
    /// Its lane, who is told of its end, and what its record has: usual calls that agree in these begin alike.
    pub(crate) kind: [u8; 10],
    /// Its record, from its place within the batch to its payload.
    pub(crate) text: Vec<u8>,
    /// Its payload, if that is to lie apart.
    pub(crate) apart: Option<&'a [u8]>,
}

/// What `lua/submit.lua` takes of a call: its id and what becomes of it, its record, and its payload if that is to
/// lie apart.
///
/// # Errors
/// [`RedisError::Protocol`] for a task's name beyond 64 KiB, or more than [`MOST_BLOBS`] blobs.
pub(crate) fn write(call: &NewCall, place: u16, delay: Micros) -> Result<Written<'_>> {
    let task = u16::try_from(call.task.len());
    let task = task.map_err(|_| RedisError::Protocol("a task's name is longer than 65,535 bytes".to_owned()))?;
    let rules = call.rules.as_deref();
    let is_apart = call.payload.len() > LARGE_SIZE;
    let inline: &[u8] = if is_apart { &[] } else { &call.payload };
    let key = |key: fn(&pynenc_core::engine::Rules) -> Option<Key>| rules.and_then(key);
    let keys = [
        key(|rules| rules.registration),
        key(|rules| rules.running),
        key(|rules| rules.result),
        key(|rules| rules.arguments),
        call.print,
    ];
    let mut fate = [0; 9];
    fate[..8].copy_from_slice(&delay.to_be_bytes());
    fate[8] = u8::from(rules.is_some_and(|rules| rules.raise_on_difference));
    let blobs = named(&call.blobs);
    let mut kind = [0; 10];
    kind[0] = call.lane as u8;
    kind[1..9].copy_from_slice(&call.notify.map_or(0, |client| client.0).to_be_bytes());
    kind[9] = have(call.parent.is_some(), &keys, is_apart) | if blobs.is_empty() { 0 } else { BLOBS };
    // The head from the place within the batch on: all before that is the server's.
    let mut text = Vec::with_capacity(8 + 16 + 5 * 32 + call.task.len() + inline.len());
    text.extend(place.to_be_bytes());
    text.extend(task.to_be_bytes());
    text.extend(u32::try_from(inline.len()).unwrap_or(0).to_be_bytes());
    text.extend(call.parent.iter().flat_map(|id| id.to_bytes()));
    text.extend(keys.iter().flatten().flatten());
    if blobs.len() > MOST_BLOBS {
        return Err(broken("it names more than 255 blobs"));
    }
    text.extend(blobs_part(&call.blobs));
    text.extend(call.task.as_bytes());
    text.extend(inline);
    Ok(Written { fate, kind, text, apart: is_apart.then_some(&call.payload) })
}

/// Whether it comes under no rule and waits for nothing, and has its payload with it.
pub(crate) fn is_usual(call: &NewCall) -> bool {
    let is_ruled = call.rules.as_deref().is_some_and(|rules| rules.registration.is_some() || rules.result.is_some());
    call.delay == 0 && !is_ruled && call.payload.len() <= LARGE_SIZE
}

/// What a record has of blobs: how many, and the digests; nothing when there are none.
pub(crate) fn blobs_part(blobs: &[Blob]) -> Vec<u8> {
    let named = named(blobs);
    let count = u8::try_from(named.len()).ok().filter(|&count| count > 0);
    count.into_iter().chain(named.into_iter().flatten()).collect()
}

/// The digests of blobs, each once: one that is named twice is still one.
pub(crate) fn named(blobs: &[Blob]) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::with_capacity(blobs.len());
    for blob in blobs {
        if !digests.contains(&blob.digest) {
            digests.push(blob.digest);
        }
    }
    digests
}

fn have(parent: bool, keys: &[Option<Key>; KEYS.len()], is_apart: bool) -> u8 {
    let there = keys.iter().zip(KEYS).filter(|(key, _)| key.is_some()).fold(0, |have, (_, kind)| have | kind);
    there | if parent { PARENT } else { 0 } | if is_apart { LARGE_PAYLOAD } else { 0 }
}
