//! What workers do: claim, start, settle.

use pynenc_core::engine::Fence;
use pynenc_core::id::InvocationId;
use redis::Value;

use super::blobs::Attempts;
use super::library::Which;
use super::record::{self, Record};
use super::types::{ClaimRequest, Claims, Each, End, Settlement, Taken};
use super::{MOST_MICROS, Store, bundle, claimed, reply};
use crate::error::{RedisError, Result};

/// How many one function hands out or settles.
const CHUNK: usize = 500;
/// How often a claim is asked again that only met what cannot run: each look moves that out of the way.
const MOST_LOOKS: usize = 1_000;
/// What a code is raised by when it is about the waiter that goes on.
const OF_WAITER: i64 = 100_000;

impl Store {
    /// Settle what a worker has finished, then claim: one trip for both. Each settlement has its own
    /// answer; one that names the waiter refuses the waiter alone, the run has ended as told.
    ///
    /// # Errors
    /// [`RedisError::UnknownWorker`] when the claim is refused; what was settled is settled, and may be sent again.
    pub fn work(&self, settle: &[Settlement], claim: Option<&ClaimRequest>) -> Result<(Each<()>, Claims)> {
        let mut told = Vec::with_capacity(settle.len());
        let (first, last) = settle.split_at(settle.len().saturating_sub(CHUNK));
        for chunk in first.chunks(CHUNK) {
            told.extend(self.settle_chunk(chunk, None)?.0);
        }
        let (rest, claims) = self.settle_chunk(last, claim)?;
        told.extend(rest);
        Ok((told, claims))
    }

    /// Claim up to `limit` invocations. Those that a running rule blocks on the way are set aside.
    ///
    /// # Errors
    /// [`RedisError::UnknownWorker`].
    pub fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        for _ in 0..MOST_LOOKS {
            let (_, claims) = self.settle_chunk(&[], Some(request))?;
            if !claims.taken.is_empty() || claims.queued == 0 || request.limit == 0 {
                return Ok(claims);
            }
        }
        Ok(Claims::default())
    }

    /// End runs, each with its own answer.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn settle(&self, all: &[Settlement]) -> Result<Each<()>> {
        Ok(self.work(all, None)?.0)
    }

    fn settle_chunk(&self, settle: &[Settlement], claim: Option<&ClaimRequest>) -> Result<(Each<()>, Claims)> {
        if settle.is_empty() && claim.is_none() {
            return Ok((Vec::new(), Claims::default()));
        }
        let (mut told, items) = self.send_settlements(settle, claim)?;
        let mut attempts = Attempts::new();
        for (one, told) in settle.iter().zip(&mut told) {
            // The server has lost what this result names since it was last named: it is sent again.
            while matches!(told, Err(RedisError::Lacking)) {
                attempts.count()?;
                self.forget(record::named(&one.blobs).as_flattened());
                let (mut again, _) = self.send_settlements(std::slice::from_ref(one), None)?;
                *told = again.pop().unwrap_or(Err(RedisError::Lacking));
            }
        }
        match claim {
            Some(request) => Ok((told, claims(request, items)?)),
            None => Ok((told, Claims { queued_by_lane: queued_by_lane(items)?, ..Claims::default() })),
        }
    }

    /// One call, behind the blobs that the settlements name.
    fn send_settlements(
        &self,
        settle: &[Settlement],
        claim: Option<&ClaimRequest>,
    ) -> Result<(Each<()>, std::vec::IntoIter<Value>)> {
        let (together, alone) = bundle::sorted(settle);
        let mut arguments = Vec::with_capacity(2 + 2 * (together.len() + alone.len()));
        arguments.push(claim.map(request).unwrap_or_default());
        arguments.push(together.len().to_string().into_bytes());
        arguments.extend(together.iter().flat_map(bundle::Ends::write));
        for &(_, one) in &alone {
            arguments.push(settlement(one));
            arguments.push(value(&one.end).map_or_else(Vec::new, <[u8]>::to_vec));
        }
        let blobs = || settle.iter().flat_map(|one| &one.blobs);
        self.send_results(self.sending(blobs())?, blobs())?;
        let mut items = reply::list(self.ask(Which::Work, arguments)?)?.into_iter();
        let codes = codes(settle.len(), &together, &alone, reply::list(reply::next(&mut items)?)?)?;
        let told: Each<()> = settle.iter().zip(codes).map(|(one, code)| answer(one, code)).collect();
        let taken = settle.iter().zip(&told).filter(|(_, told)| told.is_ok());
        self.named(taken.flat_map(|(one, _)| &one.blobs));
        Ok((told, items))
    }

    /// Claim and start a queued invocation of the sync lane that the holder of `waiter` awaits; the
    /// waiter is paused until it resumes. `None`, and nothing changed, when it cannot run now.
    ///
    /// # Errors
    /// [`pynenc_core::error::CoreError::Fenced`] when the waiter is no longer held, [`pynenc_core::error::CoreError::Transition`] when its
    /// body has not started.
    pub fn claim_awaited(
        &self,
        (waiter, fence): (InvocationId, Fence),
        target: InvocationId,
        nonce: u64,
    ) -> Result<Option<Taken>> {
        self.check_ids([&waiter, &target])?;
        let mut text = claimed(waiter, fence);
        text.extend(target.to_bytes());
        text.extend(nonce.to_be_bytes());
        let answer = self.ask(Which::ClaimAwaited, vec![text])?;
        if let Value::Int(code) = answer {
            reply::judge(code, waiter, fence.attempt)?;
        }
        let mut items = reply::list(answer)?.into_iter();
        items.next().map(|id| take_one(reply::id(id)?, &mut items)).transpose()
    }

    /// The bodies begin: from here on equal calls are new ones.
    ///
    /// # Errors
    /// What keeps the store from answering; each one's own are [`pynenc_core::error::CoreError::Fenced`] and
    /// [`pynenc_core::error::CoreError::Transition`].
    pub fn start(&self, all: &[(InvocationId, Fence)]) -> Result<Each<()>> {
        let mut told = Vec::with_capacity(all.len());
        for chunk in all.chunks(CHUNK) {
            let mut arguments = vec![self.fresh_number().to_be_bytes().to_vec()];
            arguments.extend(chunk.iter().map(|&(id, fence)| claimed(id, fence)));
            let codes = reply::list(self.ask(Which::Start, arguments)?)?;
            for (&(id, fence), code) in chunk.iter().zip(codes) {
                told.push(self.check_id(id).and_then(|()| reply::judge(reply::number(&code)?, id, fence.attempt)));
            }
        }
        Ok(told)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the limit and the lanes are few")]
fn request(request: &ClaimRequest) -> Vec<u8> {
    let mut text = Vec::with_capacity(28);
    text.extend(request.worker.0.to_be_bytes());
    text.extend(request.nonce.to_be_bytes());
    for number in [request.limit, request.most] {
        text.extend((number.min(CHUNK) as u32).to_be_bytes());
    }
    text.push(request.start as u8);
    text.push(request.lanes.len() as u8);
    text.extend(request.lanes.iter().map(|&lane| lane as u8));
    text
}

fn value(end: &End) -> Option<&[u8]> {
    match end {
        End::Success(value) | End::Failed(value) => Some(value),
        End::Cancelled | End::Retry { .. } | End::Release => None,
    }
}

fn settlement(one: &Settlement) -> Vec<u8> {
    let (kind, delay) = match one.end {
        End::Success(_) => (1, 0),
        End::Failed(_) => (2, 0),
        End::Cancelled => (3, 0),
        End::Retry { delay } => (4, delay),
        End::Release => (5, 0),
    };
    let mut text = claimed(one.id, one.fence);
    text.extend(one.token.to_be_bytes());
    text.push(kind);
    for number in [one.started_before(), delay.min(MOST_MICROS), one.bytes.min(MOST_MICROS)] {
        text.extend(number.to_be_bytes());
    }
    text.push(u8::from(one.resume.is_some()));
    let nobody = (InvocationId::NIL, Fence { attempt: 0, nonce: 0 });
    let (waiter, fence) = one.resume.unwrap_or(nobody);
    text.extend(claimed(waiter, fence));
    text.extend(record::named(&one.blobs).iter().flatten());
    text
}

/// The answers in the order of the settlements: of those that travelled together one, or one each, then of the others.
fn codes(
    count: usize,
    together: &[bundle::Ends<'_>],
    alone: &[(usize, &Settlement)],
    told: Vec<Value>,
) -> Result<Vec<i64>> {
    let mut codes = vec![0; count];
    let mut told = told.into_iter();
    for ends in together {
        match reply::next(&mut told)? {
            Value::Array(each) => {
                for ((number, _), code) in ends.each().zip(each) {
                    codes[number] = reply::number(&code)?;
                }
            }
            all => {
                let code = reply::number(&all)?;
                ends.each().for_each(|(number, _)| codes[number] = code);
            }
        }
    }
    for &(number, _) in alone {
        codes[number] = reply::number(&reply::next(&mut told)?)?;
    }
    Ok(codes)
}

fn answer(one: &Settlement, code: i64) -> Result<()> {
    match one.resume {
        Some((waiter, fence)) if code >= OF_WAITER => reply::judge(code - OF_WAITER, waiter, fence.attempt),
        _ => reply::judge(code, one.id, one.fence.attempt),
    }
}

fn claims(request: &ClaimRequest, mut items: std::vec::IntoIter<Value>) -> Result<Claims> {
    let queued = reply::number(&reply::next(&mut items)?)?;
    let next_due = reply::number(&reply::next(&mut items)?)?;
    let interval = reply::number(&reply::next(&mut items)?)?;
    let queued = usize::try_from(queued).map_err(|_| RedisError::UnknownWorker(request.worker))?;
    let mut taken = Vec::new();
    while let Some(first) = items.next() {
        take_next(reply::bytes(first)?, &mut items, &mut taken)?;
    }
    let (next_due, interval) = (u64::try_from(next_due).ok(), u64::try_from(interval).ok());
    Ok(Claims { taken, next_due, interval, queued, queued_by_lane: [0; 2] })
}

/// What is told in place of a claim.
fn queued_by_lane(mut items: std::vec::IntoIter<Value>) -> Result<[usize; 2]> {
    let mut next = || Ok::<_, RedisError>(usize::try_from(reply::number(&reply::next(&mut items)?)?).unwrap_or(0));
    Ok([next()?, next()?])
}

/// The next of an answer that hands invocations out, which begins so: one, or those of a bundle.
fn take_next(first: Vec<u8>, items: &mut std::vec::IntoIter<Value>, taken: &mut Vec<Taken>) -> Result<()> {
    if bundle::is_entry(&first) {
        // Of one that somebody else has broken only so much can be read; the rest of it ends with its lease.
        let _ = bundle::take_from(&first, &reply::bytes(reply::next(items)?)?, taken);
    } else {
        taken.push(take_one(record::id(&first)?, items)?);
    }
    Ok(())
}

fn take_one(id: InvocationId, items: &mut std::vec::IntoIter<Value>) -> Result<Taken> {
    let record = Record::read(&reply::bytes(reply::next(items)?)?)?;
    // One that somebody else has removed comes as an empty one, and ends where it is read: an error here would
    // take everything else that came with it, and leave all of it to the end of its lease.
    let payload = if record.payload_is_apart { Some(reply::bytes(reply::next(items)?)?) } else { None };
    Ok(record.taken(id, payload))
}
