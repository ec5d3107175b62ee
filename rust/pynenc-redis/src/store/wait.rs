//! Waiting: in a body, in a process, and being called off.

use pynenc_core::engine::{Cancelling, Fence};
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use redis::Value;

use super::library::Which;
use super::names::ClientId;
use super::record::{self, Record};
use super::types::{Ancestor, Each, Ended, Pausing};
use super::{Store, claimed, joined, reply};
use crate::error::{RedisError, Result};

/// How many ids one function looks at.
const CHUNK: usize = 500;

impl Store {
    /// The body that holds `waiter` waits for all of `awaited` from now on, and they run first.
    /// Nothing changed when one of them has ended already. More than 500 are taken in steps; a
    /// refusal by a later step leaves a pause and its end in the waiter's history.
    ///
    /// # Errors
    /// [`CoreError::Cycle`], [`CoreError::WaitLimit`], [`CoreError::Fenced`];
    /// [`CoreError::Transition`] when the body has not started.
    pub fn pause(&self, waiter: (InvocationId, Fence), awaited: &[InvocationId]) -> Result<Pausing> {
        self.check_id(waiter.0)?;
        self.check_ids(awaited)?;
        let (first, rest) = awaited.split_at(awaited.len().min(CHUNK));
        let mut told = self.pause_for(waiter, first, false)?;
        for chunk in rest.chunks(CHUNK) {
            if !told.paused {
                return Ok(told);
            }
            match self.pause_for(waiter, chunk, true) {
                Ok(more) if more.paused => told.queued += more.queued,
                refused => {
                    self.resume(waiter)?;
                    return refused;
                }
            }
        }
        Ok(told)
    }

    fn pause_for(&self, waiter: (InvocationId, Fence), awaited: &[InvocationId], more: bool) -> Result<Pausing> {
        let (id, fence) = waiter;
        let mut text = claimed(id, fence);
        text.extend(self.fresh_number().to_be_bytes());
        text.push(u8::from(more));
        let answer = self.ask(Which::Pause, vec![text, joined(awaited)])?;
        if let Value::Int(code) = answer {
            reply::judge(code, id, fence.attempt)?;
        }
        let mut items = reply::list(answer)?.into_iter();
        let how = reply::number(&reply::next(&mut items)?)?;
        let queued = reply::count(&reply::next(&mut items)?)?;
        match how {
            0 | 1 => Ok(Pausing { paused: how == 1, queued }),
            2 => Err(CoreError::Cycle(items.map(reply::id).collect::<Result<_>>()?).into()),
            _ => Err(CoreError::WaitLimit(self.limits.wait_links).into()),
        }
    }

    /// The wait is over.
    ///
    /// # Errors
    /// [`CoreError::Fenced`], [`CoreError::Transition`].
    pub fn resume(&self, (id, fence): (InvocationId, Fence)) -> Result<()> {
        self.check_id(id)?;
        let mut text = claimed(id, fence);
        text.extend(self.fresh_number().to_be_bytes());
        reply::judge(reply::number(&self.ask(Which::Resume, vec![text])?)?, id, fence.attempt)
    }

    /// Call an invocation off: at once unless its body runs, and then its holder is told on its
    /// channel. If it leaves its holder's hands instead of ending there, it is over then.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Vanished`].
    pub fn cancel(&self, id: InvocationId) -> Result<Cancelling> {
        self.check_id(id)?;
        let token = self.fresh_number().to_be_bytes();
        match reply::number(&self.ask(Which::Cancel, vec![id.to_bytes().to_vec(), token.to_vec()])?)? {
            1 => Ok(Cancelling::Cancelled),
            2 => Ok(Cancelling::Requested),
            3 => Ok(Cancelling::Final),
            code => reply::judge(code, id, 0).map(|()| Cancelling::Final),
        }
    }

    /// How the invocations ended; `client` is told of the ends of those that have not. Each has its
    /// own answer: [`CoreError::NotFound`], [`CoreError::Vanished`].
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn watch(&self, ids: &[InvocationId], client: ClientId) -> Result<Each<Option<Ended>>> {
        self.look(ids, &client.0.to_be_bytes())
    }

    /// How the invocations ended, each with its own answer.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn outcomes(&self, ids: &[InvocationId]) -> Result<Each<Option<Ended>>> {
        self.look(ids, &[])
    }

    /// How one invocation ended, if it has.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Vanished`].
    pub fn outcome(&self, id: InvocationId) -> Result<Option<Ended>> {
        self.outcomes(&[id])?.pop().unwrap_or(Ok(None))
    }

    fn look(&self, ids: &[InvocationId], client: &[u8]) -> Result<Each<Option<Ended>>> {
        let calls: Vec<_> =
            ids.chunks(CHUNK).map(|chunk| self.call(Which::Watch, vec![client.to_vec(), joined(chunk)])).collect();
        let mut told = Vec::with_capacity(ids.len());
        for (chunk, answer) in ids.chunks(CHUNK).zip(self.link.call(&calls)?) {
            let mut items = reply::list(answer?)?.into_iter();
            for &id in chunk {
                let ended = ended(id, &mut items)?;
                told.push(self.check_id(id).and(ended));
            }
        }
        Ok(told)
    }

    /// `client` does not want to be told of these ends any more.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn unwatch(&self, ids: &[InvocationId], client: ClientId) -> Result<()> {
        let client = client.0.to_be_bytes().to_vec();
        let calls: Vec<_> =
            ids.chunks(CHUNK).map(|chunk| self.call(Which::Unwatch, vec![client.clone(), joined(chunk)])).collect();
        self.link.call(&calls)?.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// The waiting line above a body, itself first: each that waits for the one before.
    ///
    /// # Errors
    /// [`CoreError::WaitLimit`].
    pub fn ancestors(&self, id: InvocationId) -> Result<Vec<Ancestor>> {
        let mut items = reply::list(self.ask(Which::Ancestors, vec![id.to_bytes().to_vec()])?)?.into_iter();
        if reply::number(&reply::next(&mut items)?)? == 1 {
            return Err(CoreError::WaitLimit(self.limits.wait_links).into());
        }
        let mut line = Vec::new();
        while let Some(id) = items.next() {
            let record = Record::read(&reply::bytes(reply::next(&mut items)?)?)?;
            line.push(Ancestor { id: reply::id(id)?, print: record.print(), task: record.task });
        }
        Ok(line)
    }
}

/// One answer of `lua/watch.lua`: the outer error is the answer's, the inner one the invocation's.
fn ended(id: InvocationId, items: &mut std::vec::IntoIter<Value>) -> Result<Result<Option<Ended>>> {
    let status = reply::number(&reply::next(items)?)?;
    let left = reply::number(&reply::next(items)?)?;
    let value = reply::bytes(reply::next(items)?)?;
    let Ok(status) = u64::try_from(status) else { return Ok(Err(CoreError::Vanished(id).into())) };
    let status = record::status(status)?;
    if !status.is_final() {
        return Ok(Ok(None));
    }
    let losses = u8::try_from(left % 1_000).map_err(|_| RedisError::Protocol("too many losses".into()))?;
    let (value, lost) = match left / 1_000 {
        record::LEFT_VALUE | record::LEFT_LARGE => (Some(value), None),
        record::LEFT_LOST => (None, Some(String::from_utf8_lossy(&value).into_owned())),
        _ => (None, None),
    };
    Ok(Ok(Some(Ended { id, status, value, losses, lost })))
}
