//! Looking, without changing; and forgetting everything.

use std::collections::BTreeMap;

use pynenc_core::engine::Lane;
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_core::status::{ALL, Status};
use redis::Value;

use super::library::Which;
use super::record::{self, Record};
use super::types::{Event, RecordView};
use super::{Store, joined, reply};
use crate::error::Result;

impl Store {
    /// A whole record.
    ///
    /// # Errors
    /// [`CoreError::NotFound`], [`CoreError::Vanished`].
    pub fn read(&self, id: InvocationId) -> Result<RecordView> {
        self.check_id(id)?;
        let answer = self.ask(Which::Read, vec![id.to_bytes().to_vec()])?;
        if matches!(answer, Value::Int(_)) {
            return Err(CoreError::Vanished(id).into());
        }
        let mut items = reply::list(answer)?.into_iter();
        let record = Record::read(&reply::bytes(reply::next(&mut items)?)?)?;
        let apart = reply::bytes(reply::next(&mut items)?)?;
        let awaits = reply::ids(reply::next(&mut items)?)?;
        let names = items.map(reply::text).collect::<Result<Vec<_>>>()?;
        Ok(view(id, record, apart, awaits, &names))
    }

    /// Invocations of these statuses (none: of all) and of that task, at most `limit`, oldest
    /// submission first. Looks at every record, some at a time.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn find(&self, task: Option<&str>, statuses: &[Status], limit: usize) -> Result<Vec<InvocationId>> {
        let mut found = BTreeMap::new();
        self.look_at_all(|id, record| {
            // One that somebody else has broken hides no other; the doctor names it.
            let Ok(record) = record else { return };
            let wanted = statuses.is_empty() || statuses.contains(&record.status);
            if wanted && task.is_none_or(|task| *record.task == *task) {
                found.insert((record.seq, id), ());
                if found.len() > limit {
                    found.pop_last();
                }
            }
        })?;
        Ok(found.into_keys().map(|(_, id)| id).collect())
    }

    /// How many invocations there are of each status, in the order of [`ALL`].
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn counts(&self) -> Result<[usize; ALL.len()]> {
        let numbers = self.numbers()?;
        Ok(std::array::from_fn(|status| numbers.get(status).copied().unwrap_or(0)))
    }

    /// How many invocations a worker of this lane could claim, those that a running rule would set
    /// aside included.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn queued(&self, lane: Lane) -> Result<usize> {
        Ok(self.numbers()?.get(ALL.len() + lane as usize).copied().unwrap_or(0))
    }

    fn numbers(&self) -> Result<Vec<usize>> {
        reply::list(self.ask(Which::Counts, Vec::new())?)?.iter().map(reply::count).collect()
    }

    /// Drop everything, of every status, some at a time; what is submitted meanwhile may stay. Those
    /// who wait are told; late writes are refused.
    ///
    /// # Errors
    /// What keeps the store from answering.
    pub fn purge(&self) -> Result<usize> {
        let mut dropped = 0;
        let nonce = self.fresh_number().to_be_bytes();
        let mut drop = |ids: &[InvocationId]| {
            dropped = reply::count(&self.ask(Which::Drop, vec![joined(ids), nonce.to_vec()])?)?;
            Ok(())
        };
        // Bundles first: what is left of one then has a record of its own.
        self.scan_bundles(|_, records| drop(&records.iter().map(|&(id, _)| id).collect::<Vec<_>>()))?;
        self.scan("i:", |names| drop(&ids_of(&names)))?;
        self.shed(&nonce)?;
        Ok(dropped)
    }

    /// Have every record looked at, in no order, or why it cannot be read: each once, but for those whose bundle
    /// ends meanwhile, which may come again.
    fn look_at_all(&self, mut look: impl FnMut(InvocationId, Result<Record>)) -> Result<()> {
        self.scan_bundles(|_, records| {
            records.into_iter().for_each(|(id, text)| look(id, Record::read(&text)));
            Ok(())
        })?;
        self.look_at_records(look)
    }

    /// The same for those that are in no bundle.
    pub(super) fn look_at_records(&self, mut look: impl FnMut(InvocationId, Result<Record>)) -> Result<()> {
        self.scan("i:", |names| {
            let ids = ids_of(&names);
            let heads = reply::list(self.ask(Which::Heads, vec![joined(&ids)])?)?;
            for (id, head) in ids.into_iter().zip(heads) {
                let head = reply::bytes(head)?;
                if !head.is_empty() {
                    look(id, Record::read(&head));
                }
            }
            Ok(())
        })
    }

    /// What the records of the members of every bundle would be, a bundle at a time, with the name of its key; none
    /// of one that cannot be read.
    pub(super) fn scan_bundles(
        &self,
        mut look: impl FnMut(&[u8], Vec<(InvocationId, Vec<u8>)>) -> Result<()>,
    ) -> Result<()> {
        self.scan("g:", |names| {
            for name in names {
                let mut items = reply::list(self.ask(Which::Members, vec![name[2..].to_vec()])?)?.into_iter();
                let mut records = Vec::with_capacity(items.len() / 2);
                while let Some(id) = items.next() {
                    records.push((reply::id(id)?, reply::bytes(reply::next(&mut items)?)?));
                }
                look(&name, records)?;
            }
            Ok(())
        })
    }

    /// Names of the keys of the app that begin with `start`, without the app's prefix, some at a time.
    pub(super) fn scan(&self, start: &str, mut look: impl FnMut(Vec<Vec<u8>>) -> Result<()>) -> Result<()> {
        let mut cursor = b"0".to_vec();
        loop {
            let answer = self.ask(Which::Scan, vec![cursor, start.as_bytes().to_vec()])?;
            let mut items = reply::list(answer)?.into_iter();
            cursor = reply::bytes(reply::next(&mut items)?)?;
            let names = items.map(reply::bytes).collect::<Result<Vec<_>>>()?;
            if !names.is_empty() {
                look(names)?;
            }
            if cursor == b"0" {
                return Ok(());
            }
        }
    }
}

/// The ids in the names of records' keys.
fn ids_of(names: &[Vec<u8>]) -> Vec<InvocationId> {
    names.iter().filter_map(|name| record::id(name.get(2..)?).ok()).collect()
}

fn view(id: InvocationId, record: Record, apart: Vec<u8>, awaits: Vec<InvocationId>, names: &[String]) -> RecordView {
    let name = |place: usize| names.get(place).cloned().unwrap_or_default();
    let events = record.history.iter().enumerate();
    let history = events.map(|(place, &(status, at, _))| Event { at, status, worker: name(place) }).collect();
    let holder = if record.worker == 0 { String::new() } else { name(names.len().saturating_sub(1)) };
    let is_gone = record.status.is_final() && record.payload.is_empty();
    RecordView {
        id,
        status: record.status,
        cancel_requested: record.cancel_requested(),
        print: record.print(),
        attempt: record.fence.attempt,
        payload: match (record.payload_is_apart, is_gone) {
            (true, _) => Some(apart),
            (false, true) => None,
            (false, false) => Some(record.payload),
        },
        task: record.task,
        parent: record.parent,
        lane: record.lane,
        retries: record.retries,
        losses: record.losses,
        worker: holder,
        awaits,
        history,
    }
}
