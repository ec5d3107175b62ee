//! Submission, in chunks of one decision each.

use pynenc_core::engine::Lane;
use redis::Value;

use super::blobs::{self, Attempts};
use super::library::Which;
use super::types::{NewCall, Receipt};
use super::{MOST_MICROS, Store, record, reply};
use crate::error::{RedisError, Result};
use crate::link::Request;

/// How many calls one function takes: it must not keep the server from others for long.
const CHUNK: usize = 500;

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

/// The arguments of one function: digests, the lane that all usual calls have, and the calls.
fn written(calls: &[NewCall]) -> Result<Vec<Vec<u8>>> {
    let lane = lane_of_usual(calls);
    let mut arguments = Vec::with_capacity(2 * calls.len() + 2);
    arguments.push(blobs::digests(calls.iter().flat_map(|call| &call.blobs)).concat());
    arguments.push(lane.map(|lane| lane as u8).into_iter().collect());
    for (place, call) in (0..).zip(calls) {
        let written = record::write(call, place, call.delay.min(MOST_MICROS))?;
        let mut head = call.id.to_bytes().to_vec();
        if lane.is_none() {
            head.extend(written.fate);
        }
        arguments.extend([head, written.text]);
        arguments.extend(written.apart.map(<[u8]>::to_vec));
    }
    Ok(arguments)
}

/// The lane of all, if they come under no rule and wait for nothing, name no blob, and have their payloads with
/// them: then the server need not look at each.
fn lane_of_usual(calls: &[NewCall]) -> Option<Lane> {
    let lane = calls.first()?.lane;
    calls.iter().all(|call| call.lane == lane && record::is_usual(call)).then_some(lane)
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
