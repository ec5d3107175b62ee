//! Submission, in chunks of one decision each.

use redis::Value;

use super::blobs::{self, Attempts};
use super::library::Which;
use super::record::Written;
use super::types::{NewCall, Receipt};
use super::{MOST_MICROS, Store, bundle, record, reply, staging};
use crate::error::{RedisError, Result};
use crate::link::Request;

/// How many calls one function takes: it must not keep the server from others for long.
const CHUNK: usize = 512;

const REUSED: i64 = 1;
const DIFFERENT: i64 = 2;
const CACHED: i64 = 3;
const REFUSED: i64 = 4;

impl Store {
    /// Take calls in, each under its own rules, in chunks of one decision each, pipelined.
    ///
    /// # Errors
    /// [`RedisError::Full`] when the server has no memory for more; of a batch of several chunks some
    /// may have been taken then, and may be sent again. [`RedisError::Changed`] for a blob that is no longer what it was.
    pub fn submit(&self, batch: &[NewCall]) -> Result<Vec<Receipt>> {
        if let [call] = batch
            && staging::fits(call)
        {
            self.stage(call)?;
            return Ok(vec![Receipt::New]);
        }
        let mut receipts = vec![Receipt::New; batch.len()];
        let mut open: Vec<(&[NewCall], &mut [Receipt])> = batch.chunks(CHUNK).zip(receipts.chunks_mut(CHUNK)).collect();
        let mut attempts = Attempts::new();
        while !open.is_empty() {
            attempts.count()?;
            let mut requests = self.sending(open.iter().flat_map(|(calls, _)| *calls).flat_map(|call| &call.blobs))?;
            let ahead = requests.len();
            for (calls, _) in &open {
                requests.push(Request::Run(self.call(Which::Submit, written(calls)?)));
            }
            let mut answers = self.link.send(&requests)?.into_iter();
            self.sent(answers.by_ref().take(ahead))?;
            for ((calls, receipts), answer) in std::mem::take(&mut open).into_iter().zip(answers) {
                match answer? {
                    Value::BulkString(missing) => {
                        self.forget(&missing);
                        open.push((calls, receipts));
                    }
                    answer => {
                        note_answered(receipts, answer)?;
                        self.named(calls.iter().flat_map(|call| &call.blobs));
                    }
                }
            }
        }
        Ok(receipts)
    }
}

/// The arguments of one function: digests, the kind of all if they are usual and alike, and the calls.
fn written(calls: &[NewCall]) -> Result<Vec<Vec<u8>>> {
    let all = (0..).zip(calls).map(|(place, call)| record::write(call, place, call.delay.min(MOST_MICROS)));
    let all = all.collect::<Result<Vec<_>>>()?;
    let pieces = pieces(calls);
    let kind = kind_of_usual(calls, &all, &pieces);
    let mut arguments = Vec::with_capacity(2 * calls.len() + 2);
    arguments.push(blobs::digests(calls.iter().flat_map(|call| &call.blobs)).concat());
    arguments.push(kind.map(Vec::from).unwrap_or_default());
    if kind.is_some() {
        write_usual(calls, &all, &pieces, &mut arguments);
    } else {
        for (call, written) in calls.iter().zip(all) {
            arguments.extend([[&call.id.to_bytes()[..], &written.fate, &written.kind].concat(), written.text]);
            arguments.extend(written.apart.map(<[u8]>::to_vec));
        }
    }
    Ok(arguments)
}

/// How many go together, one after the other: 0 stands for a call by itself.
fn pieces(calls: &[NewCall]) -> Vec<usize> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < calls.len() {
        let size = bundle::fit(&calls[at..]);
        pieces.push(size);
        at += size.max(1);
    }
    pieces
}

/// Two arguments for each bundle that there is, and for each other call.
fn write_usual(calls: &[NewCall], written: &[Written<'_>], pieces: &[usize], arguments: &mut Vec<Vec<u8>>) {
    let mut at = 0;
    for &size in pieces {
        if size > 0 {
            arguments.extend(bundle::write(&calls[at..at + size], &written[at..at + size]));
        } else {
            arguments.extend([calls[at].id.to_bytes().to_vec(), written[at].text.clone()]);
        }
        at += size.max(1);
    }
}

/// The kind of all, if they come under no rule and wait for nothing, have their payloads with them, name blobs as
/// bundles at most, and are of one kind: then the server need not look at each.
fn kind_of_usual(calls: &[NewCall], all: &[Written<'_>], pieces: &[usize]) -> Option<[u8; 10]> {
    let kind = all.first()?.kind;
    let alike = all.iter().all(|written| written.kind == kind);
    let names_none = calls.iter().all(|call| call.blobs.is_empty());
    let usual = calls.iter().all(record::is_usual) && (names_none || !pieces.contains(&0));
    (alike && usual).then_some(kind)
}

/// Correct the receipts of those that others answer for.
fn note_answered(receipts: &mut [Receipt], answer: Value) -> Result<()> {
    let mut items = reply::list(answer)?.into_iter();
    while let Some(code) = items.next() {
        let code = reply::number(&code)?;
        let id = reply::id(reply::next(&mut items)?)?;
        let receipt = match code % 10 {
            REUSED => Receipt::Reused { id, same: true },
            DIFFERENT => Receipt::Reused { id, same: false },
            CACHED => Receipt::Cached(id),
            REFUSED => Receipt::Refused(id),
            _ => return Err(RedisError::Protocol("a submission has an unknown answer".into())),
        };
        let place = usize::try_from(code / 10).ok();
        let place = place.and_then(|place| receipts.get_mut(place));
        *place.ok_or_else(|| RedisError::Protocol("an answer for no submission".into()))? = receipt;
    }
    Ok(())
}
