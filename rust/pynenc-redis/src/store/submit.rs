//! Submission, in chunks of one decision each.

use redis::Value;

use super::library::Which;
use super::types::{NewCall, Receipt};
use super::{MOST_MICROS, Store, record, reply};
use crate::error::{RedisError, Result};

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
    /// may have been taken then, and may be sent again.
    pub fn submit(&self, batch: &[NewCall]) -> Result<Vec<Receipt>> {
        let calls = batch.chunks(CHUNK).map(|chunk| {
            let written = chunk.iter().map(|call| record::write(call, call.delay.min(MOST_MICROS)));
            let mut arguments = Vec::with_capacity(chunk.len());
            for call in written {
                let (text, apart) = call?;
                arguments.push(text);
                arguments.extend(apart.map(<[u8]>::to_vec));
            }
            Ok(self.call(Which::Submit, arguments))
        });
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let mut receipts = vec![Receipt::New; batch.len()];
        for (chunk, answer) in receipts.chunks_mut(CHUNK).zip(self.link.call(&calls)?) {
            note_answered(chunk, answer?)?;
        }
        Ok(receipts)
    }
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
