//! Workers and their leases.

use pynenc_core::clock::Micros;
use pynenc_core::engine::Fence;
use pynenc_core::id::InvocationId;
use redis::Value;

use super::library::Which;
use super::names::{ClientId, WorkerId};
use super::types::Beat;
use super::{Store, claimed, reply};
use crate::error::{RedisError, Result};

/// How many claims one call renews.
const CHUNK: usize = 500;

impl Store {
    /// A new worker, with a lease from now on. It is given work of these tasks; with none named, of
    /// every task. `client` is told when something that the worker holds is to stop.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn register_worker(&self, name: &str, client: Option<ClientId>, tasks: &[&str]) -> Result<WorkerId> {
        let worker = WorkerId(self.fresh_number());
        let client = client.map_or(0, |client| client.0);
        let mut arguments = vec![key(worker), name.as_bytes().to_vec(), client.to_be_bytes().to_vec()];
        arguments.extend(tasks.iter().map(|task| task.as_bytes().to_vec()));
        reply::number(&self.ask(Which::Register, arguments)?)?;
        Ok(worker)
    }

    /// The worker can run these tasks too.
    ///
    /// # Errors
    /// [`RedisError::UnknownWorker`].
    pub fn know_tasks(&self, worker: WorkerId, tasks: &[&str]) -> Result<()> {
        let mut arguments = vec![key(worker)];
        arguments.extend(tasks.iter().map(|task| task.as_bytes().to_vec()));
        match reply::number(&self.ask(Which::Know, arguments)?)? {
            0 => Err(RedisError::UnknownWorker(worker)),
            _ => Ok(()),
        }
    }

    /// The worker lives and knows that it holds these: their leases are extended with its own, and
    /// no others.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn beat(&self, worker: WorkerId, held: &[(InvocationId, Fence)]) -> Result<Beat> {
        let named = |some: &[(InvocationId, Fence)]| some.iter().flat_map(|&(id, fence)| claimed(id, fence)).collect();
        let beat_of = |some| self.call(Which::Beat, vec![key(worker), named(some)]);
        // A worker that holds nothing lives all the same.
        let (first, rest) = held.split_at(held.len().min(CHUNK));
        let calls: Vec<_> = std::iter::once(first).chain(rest.chunks(CHUNK)).map(beat_of).collect();
        let mut beat = Beat { alive: true, ..Beat::default() };
        for answer in self.link.call(&calls)? {
            let mut items = reply::list(answer?)?.into_iter();
            if reply::number(&reply::next(&mut items)?)? == 0 {
                return Ok(Beat { alive: false, lost: held.iter().map(|&(id, _)| id).collect(), cancel: Vec::new() });
            }
            beat.lost.extend(reply::ids(reply::next(&mut items)?)?);
            beat.cancel.extend(reply::ids(reply::next(&mut items)?)?);
        }
        Ok(beat)
    }

    /// The worker is gone: what it held is rescued. Those, in the order in which it claimed them.
    /// `reason` is kept with those for which it was the last time.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn lose(&self, worker: WorkerId, reason: &str) -> Result<Vec<InvocationId>> {
        self.take_back(worker, b"0", reason, &[])
    }

    /// The worker is gone, and these bodies were under way there: they are rescued, and whatever else it held is
    /// handed back, counted as nothing. All of that, in the order of the claims.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn lose_under(&self, worker: WorkerId, reason: &str, bodies: &[InvocationId]) -> Result<Vec<InvocationId>> {
        self.take_back(worker, b"2", reason, &bodies.iter().flat_map(|id| id.to_bytes()).collect::<Vec<_>>())
    }

    /// The worker stops of its own accord: what it still holds is handed back, counted as nothing.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn leave(&self, worker: WorkerId) -> Result<Vec<InvocationId>> {
        self.take_back(worker, b"1", "", &[])
    }

    fn take_back(&self, worker: WorkerId, how: &[u8], reason: &str, bodies: &[u8]) -> Result<Vec<InvocationId>> {
        let mut all = Vec::new();
        loop {
            let nonce = self.fresh_number().to_be_bytes().to_vec();
            let arguments = vec![key(worker), how.to_vec(), reason.as_bytes().to_vec(), bodies.to_vec(), nonce];
            let some = reply::list(self.ask(Which::Lose, arguments)?)?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some.into_iter().map(reply::id).collect::<Result<Vec<_>>>()?);
        }
    }

    /// Promote what is due, rescue what lost its lease, drop what is old, of each only so much; in
    /// how long there will be something to do again.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn tick(&self) -> Result<Option<Micros>> {
        match self.ask(Which::Tick, Vec::new())? {
            Value::Int(micros) => Ok(u64::try_from(micros).ok()),
            other => reply::number(&other).map(|_| None),
        }
    }
}

fn key(worker: WorkerId) -> Vec<u8> {
    worker.0.to_be_bytes().to_vec()
}
