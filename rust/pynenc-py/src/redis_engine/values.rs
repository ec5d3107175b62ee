//! What comes through the port, and what goes out: as the store takes it, and as Python does.

use std::time::Instant;

use pynenc_core::engine::{Fence, Lane, Limits, Rules};
use pynenc_core::error::CoreError;
use pynenc_core::id::{InvocationId, Ref};
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use pynenc_redis::blobs::Blobs;
use pynenc_redis::store::{End, Ended, IdRow, NewCall, RecordView, Settlement, Taken};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::PyRedisEngine;
use crate::clock::micros;
use crate::error::Refusal;
use crate::gil;
use crate::live::{Answer, Fingerprint};
use crate::memory_engine::PyClaim;

/// What a call that came through the port begins with; what a task has sent begins with another version.
const OF_THE_PORT: u8 = 0;

impl PyRedisEngine {
    /// A `Submission` of `pynenc.model.records`, under the next id of a row.
    pub(super) fn new_call(&self, item: &Bound<'_, PyAny>, row: &mut IdRow) -> PyResult<NewCall> {
        let (py, id) = (item.py(), self.store.next_id(row));
        let key = |name: &str| -> PyResult<Option<Fingerprint>> { item.getattr(name)?.extract() };
        let arguments = key("arguments_fingerprint")?;
        let rules = Rules {
            registration: key("registration_key")?,
            running: key("running_key")?,
            arguments,
            result: arguments
                .filter(|_| item.getattr("reuse_result").is_ok_and(|flag| flag.is_truthy().unwrap_or(false))),
            raise_on_difference: item.getattr("raise_on_difference")?.is_truthy()?,
        };
        let parent: Option<String> = item.getattr(intern!(py, "parent_id"))?.extract()?;
        let is_async = item.getattr(intern!(py, "is_async"))?.is_truthy()?;
        let task = item.getattr(intern!(py, "task_id"))?.extract::<String>()?;
        let mut payload = vec![OF_THE_PORT];
        payload.extend(self.wire.encode_result(&item.getattr(intern!(py, "call"))?, id, 0, None)?.payload);
        Ok(NewCall {
            id,
            task: task.into(),
            payload,
            blobs: Vec::new(),
            parent: parent.map(|parent| self.own_id(py, &parent)).transpose()?,
            lane: if is_async { Lane::Async } else { Lane::Sync },
            delay: micros(item.getattr(intern!(py, "delay"))?.extract()?, "delay")?,
            rules: (rules != Rules::default()).then(|| Box::new(rules)),
            print: None,
            notify: None,
        })
    }

    /// A claim as Python holds it; the call of one that a task has made stays as it travelled.
    pub(super) fn claimed(&self, py: Python<'_>, taken: Taken) -> PyResult<PyClaim> {
        let call = match taken.payload.split_first() {
            Some((&OF_THE_PORT, call)) => self.wire.decode_result(py, call, taken.id, None)?,
            _ => PyBytes::new(py, &taken.payload).into_any(),
        };
        Ok(PyClaim {
            at: Ref::NONE,
            fence: taken.fence,
            invocation_id: taken.id.to_string(),
            task_id: taken.task.to_string(),
            call: call.unbind(),
        })
    }

    pub(super) fn hold(&self, py: Python<'_>, claim: &Bound<'_, PyClaim>) -> PyResult<(InvocationId, Fence)> {
        let claim = claim.get();
        Ok((self.id(py, &claim.invocation_id)?, claim.fence))
    }

    pub(super) fn settle(
        &self,
        py: Python<'_>,
        (id, fence): (InvocationId, Fence),
        end: End,
        bytes: u64,
    ) -> PyResult<()> {
        let token = self.store.fresh_number();
        let blobs = Vec::new();
        let settlement = Settlement { id, fence, token, end, blobs, ran: None, bytes, resume: None, bundled: true };
        self.ask(py, |store| store.settle(&[settlement])?.pop().unwrap_or(Ok(())))
    }

    /// An ending by its name, with the value as it travels.
    pub(super) fn end(&self, status: &str, value: &Bound<'_, PyAny>, id: InvocationId, attempt: u32) -> PyResult<End> {
        Ok(match status {
            "success" => End::Success(self.wire.encode_result(value, id, attempt, None)?.payload),
            "failed" => End::Failed(self.wire.encode_error(value, id, attempt)?),
            "cancelled" => End::Cancelled,
            other => {
                let text = format!("no ending {other:?}; accepted: success, failed, cancelled");
                return Err(PyValueError::new_err(text));
            }
        })
    }

    pub(super) fn answer(&self, py: Python<'_>, ended: Ended) -> PyResult<Answer> {
        Ok(match (ended.status, ended.value) {
            (Status::Success, Some(bytes)) => {
                Answer::Value(self.wire.decode_result(py, &bytes, ended.id, Some(&self.source))?.unbind())
            }
            (Status::Failed, Some(bytes)) => Answer::Raise(self.wire.decode_error(py, &bytes, ended.id)?.unbind()),
            (Status::Failed, None) => Answer::Lost(ended.losses, ended.lost),
            (Status::Cancelled, _) => Answer::Cancelled,
            _ => Answer::NotYet,
        })
    }

    /// Places of those that have ended, once one has or the time is over.
    pub(super) fn ended(&self, py: Python<'_>, ids: &[InvocationId], until: Option<Instant>) -> PyResult<Vec<usize>> {
        let (mut places, mut all, mut ended) =
            (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()), Vec::new());
        let adopted = ids.iter().enumerate().try_for_each(|(place, &id)| {
            match gil::ask(py, || self.remote.adopt(id)) {
                Ok(at) => {
                    places.push(place);
                    all.push(at);
                }
                // What was dropped had ended before.
                Err(Refusal::Core(CoreError::Vanished(_))) => ended.push(place),
                Err(refused) => return Err(refused.into()),
            }
            Ok::<_, PyErr>(())
        });
        let inbox = Subscription::new();
        let waited = adopted.and_then(|()| {
            self.remote.watch(&all, &inbox, 0);
            let until = if ended.is_empty() { until } else { Some(Instant::now()) };
            if all.is_empty() { Ok(None) } else { gil::wait(py, until, |until| inbox.wait(until).then_some(())) }
        });
        self.remote.unwatch(&all, &inbox);
        self.remote.forget_all(&all);
        waited?;
        ended.extend(std::iter::from_fn(|| inbox.take()).filter_map(|token| places.get(token as usize).copied()));
        ended.sort_unstable();
        Ok(ended)
    }
}

/// Limits by the names that the memory engine has for them; those of the server's engine where none are given.
pub(super) fn limits(named: Option<&Bound<'_, PyDict>>) -> PyResult<Limits> {
    let mut limits = Limits { keep_count: 1_000_000, keep_bytes: 1 << 30, ..Limits::default() };
    for (name, value) in named.into_iter().flatten() {
        match name.extract::<String>()?.as_str() {
            "lease_seconds" => limits.lease = micros(value.extract()?, "lease_seconds")?,
            "max_losses" => limits.max_losses = value.extract()?,
            "keep_seconds" => limits.keep_for = micros(value.extract()?, "keep_seconds")?,
            "keep_count" => limits.keep_count = value.extract()?,
            "keep_bytes" => limits.keep_bytes = value.extract()?,
            "wait_links" => limits.wait_links = value.extract()?,
            other => {
                return Err(PyTypeError::new_err(format!("RedisEngine got an unexpected keyword argument '{other}'")));
            }
        }
    }
    Ok(limits)
}

/// The fields of an `InvocationRecord`, and whether it was asked to stop.
pub(super) fn record<'py>(py: Python<'py>, view: &RecordView) -> PyResult<Bound<'py, PyDict>> {
    let record = PyDict::new(py);
    record.set_item("invocation_id", view.id.to_string())?;
    record.set_item("task_id", &*view.task)?;
    record.set_item("status", view.status.name())?;
    record.set_item("parent_id", view.parent.map(|id| id.to_string()))?;
    record.set_item("attempt", view.attempt)?;
    record.set_item("retries", view.retries)?;
    record.set_item("losses", view.losses)?;
    record.set_item("cancel_requested", view.cancel_requested)?;
    record.set_item("worker", &view.worker)?;
    record.set_item("awaits", view.awaits.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(record)
}

/// What naming large values has saved, by name.
pub(super) fn blob_counters<'py>(py: Python<'py>, blobs: &Blobs) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    for (name, count) in blobs.tally.read().named() {
        counters.set_item(name, count)?;
    }
    Ok(counters)
}
