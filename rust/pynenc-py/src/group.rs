//! The members of one `parallelize` call: submitted at once, or fed from an iterator.

mod feed;
mod members;

use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::engine::Receipt;
use pynenc_core::park::Subscription;
use pynenc_core::status::Status;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use crate::element::bind_element;
use crate::engine::Batch;
use crate::engine::InCommon;
use crate::error::{self, Refusal};
use crate::fork;
use crate::invocation;
use crate::live::Caller;
use crate::memory_engine::moment;
use crate::plan::Plan;
use crate::results::{Reading, Results};
use crate::runtime::RuntimeState;
use crate::task::TaskCore;

use self::feed::Feed;
use self::members::Members;

/// Calls that cross to the engine together.
struct Chunk<'a> {
    batch: Batch<'a>,
    /// Their values, where another invocation may answer for one.
    given: Vec<Py<PyTuple>>,
}

impl<'a> Chunk<'a> {
    fn new(plan: &'a Plan, size: usize) -> Self {
        Self { batch: plan.runtime.engine.batch(size), given: Vec::new() }
    }

    fn add<'py>(
        &mut self,
        task: &Bound<'py, TaskCore>,
        plan: &Arc<Plan>,
        values: Bound<'py, PyTuple>,
        parent: Option<Caller>,
        in_common: &InCommon,
    ) -> PyResult<()> {
        if plan.has_rules() {
            self.given.push(values.clone().unbind());
        }
        self.batch.add(task, plan, values, parent, in_common)
    }
}

/// The members of one `parallelize` call.
#[pyclass(name = "GroupCore", module = "pynenc._core", frozen)]
pub(crate) struct PyGroup {
    pub(crate) runtime: Arc<RuntimeState>,
    task: Py<TaskCore>,
    plan: Arc<Plan>,
    pub(crate) members: Mutex<Members>,
    /// Of a stream: tokens arrive from the start, and are read once.
    pub(crate) stream: Option<Arc<Subscription>>,
    feed: Mutex<Option<Feed>>,
}

impl Drop for PyGroup {
    fn drop(&mut self) {
        if fork::happened() {
            return;
        }
        let members = std::mem::take(self.members.get_mut());
        self.runtime.engine.forget_all(&members.places.all());
    }
}

impl PyGroup {
    fn new(task: &Bound<'_, TaskCore>, plan: Arc<Plan>, stream: Option<Arc<Subscription>>, feed: Option<Feed>) -> Self {
        Self {
            runtime: Arc::clone(&plan.runtime),
            task: task.clone().unbind(),
            plan,
            members: Mutex::new(Members::default()),
            stream,
            feed: Mutex::new(feed),
        }
    }

    /// All of a sized input, acknowledged on return. Every element is bound before the first is
    /// submitted.
    pub(crate) fn submitted(
        task: &Bound<'_, TaskCore>,
        items: &Bound<'_, PyAny>,
        common: Option<Bound<'_, PyDict>>,
        chunk: usize,
    ) -> PyResult<Py<Self>> {
        let py = task.py();
        fork::check(py)?;
        let plan = TaskCore::plan(task)?;
        let parent = plan.runtime.current(py)?.map(|current| current.get().caller());
        let shared = InCommon::new(py, &plan, common.as_ref(), true)?;
        let (chunk, mut left) = (chunk.max(1), items.len().unwrap_or(0));
        let mut chunks: Vec<Chunk<'_>> = Vec::with_capacity(left / chunk + 1);
        for (index, item) in items.try_iter()?.enumerate() {
            let values = bind_element(&plan, &item?, common.as_ref(), index)?;
            if chunks.last().is_none_or(|last| last.batch.len() >= chunk) {
                chunks.push(Chunk::new(&plan, left.min(chunk)));
                left = left.saturating_sub(chunk);
            }
            if let Some(last) = chunks.last_mut() {
                last.add(task, &plan, values, parent, &shared)?;
            }
        }
        let group = Self::new(task, Arc::clone(&plan), None, None);
        for chunk in chunks {
            group.submit(py, chunk, None)?;
        }
        group.members.lock().complete = true;
        Py::new(py, group)
    }

    /// To be fed from an iterator by [`Self::feed`].
    pub(crate) fn fed(
        task: &Bound<'_, TaskCore>,
        items: Bound<'_, PyAny>,
        common: Option<Bound<'_, PyDict>>,
        chunk: usize,
    ) -> PyResult<Py<Self>> {
        let py = task.py();
        fork::check(py)?;
        let plan = TaskCore::plan(task)?;
        let parent = plan.runtime.current(py)?.map(|current| current.get().caller());
        let in_common = InCommon::new(py, &plan, common.as_ref(), false)?;
        let feed =
            Feed { items: items.unbind(), common: common.map(Bound::unbind), chunk: chunk.max(1), parent, in_common };
        Py::new(py, Self::new(task, plan, Some(Subscription::new()), Some(feed)))
    }

    /// One engine crossing. The first refused element is raised, after those before it were taken.
    fn submit(
        &self,
        py: Python<'_>,
        Chunk { batch, given }: Chunk<'_>,
        room: Option<&(dyn Fn() -> bool + Sync)>,
    ) -> PyResult<()> {
        let first = self.members.lock().places.len();
        let token = u32::try_from(first).map_err(|_| PyValueError::new_err("a group holds 2^32 members at most"))?;
        let receipts = batch.submit(py, self.stream.as_ref().map(|inbox| (inbox, token)), room)?;
        let mut given = given.into_iter();
        let mut refused = None;
        let asked_for = {
            let mut members = self.members.lock();
            for receipt in receipts {
                let values = given.next();
                if matches!(receipt, Receipt::Refused(_)) {
                    // It keeps its place, so that tokens and members stay in step.
                    self.runtime.engine.remember(receipt.at());
                    refused.get_or_insert((receipt, values));
                } else if matches!(receipt, Receipt::Reused { .. }) {
                    let place = members.places.len();
                    members.reused.insert(place, (receipt, values));
                }
                members.places.push(receipt.at());
            }
            members.is_asked_for()
        };
        if let Some(inbox) = self.stream.as_ref().filter(|_| asked_for) {
            inbox.nudge();
        }
        match refused {
            Some((receipt, values)) => {
                let values = values.as_ref().map(|values| values.bind(py));
                TaskCore::handle(self.task.bind(py), &self.plan, receipt, values).map(drop)
            }
            None => Ok(()),
        }
    }

    /// A member of a stream was returned: the group keeps it no longer.
    pub(crate) fn let_go(&self, token: u32) {
        let place = token as usize;
        let (member, reused) = {
            let mut members = self.members.lock();
            (members.places.take(place), members.reused.remove(&place))
        };
        drop(reused); // not under the lock: values have code of their own
        if let Some(at) = member {
            self.runtime.engine.forget(at);
        }
    }

    /// Whoever read the stream was interrupted: nothing more is read from the input, and what has not started is
    /// called off.
    pub(crate) fn give_up(&self, py: Python<'_>) {
        self.members.lock().given_up = true;
        self.close();
        self.call_off_unstarted(py);
    }

    /// The newest first: those are the last to be started meanwhile.
    fn call_off_unstarted(&self, py: Python<'_>) {
        let engine = &self.runtime.engine;
        let mut all = self.members.lock().places.all();
        while let Some(at) = all.pop() {
            if engine.is_over(at) {
                continue;
            }
            let called_off = engine.status(py, at).and_then(|status| match status {
                Status::Running | Status::Paused => Ok(()),
                _ => engine.cancel(py, at).map(drop),
            });
            if matches!(called_off, Err(Refusal::Server(_) | Refusal::Raised(_))) {
                return; // nobody is to wait for each of them in turn
            }
        }
    }

    fn results(slf: &Bound<'_, Self>, timeout: Option<f64>, reading: Reading) -> PyResult<Results> {
        let this = slf.get();
        let until = moment(timeout)?;
        let inbox = match &this.stream {
            Some(inbox) => Arc::clone(inbox),
            None => {
                let inbox = Subscription::new();
                let all = this.members.lock().places.all();
                this.runtime.engine.watch(&all, &inbox, 0);
                inbox
            }
        };
        Ok(Results::new(slf, inbox, until, reading))
    }

    /// The handle of a member.
    pub(crate) fn member(&self, py: Python<'_>, place: usize) -> PyResult<Py<PyAny>> {
        let (at, reused) = {
            let members = self.members.lock();
            let len = members.places.len();
            if place >= len {
                return Err(PyIndexError::new_err(format!("no member {place}: the group has {len}")));
            }
            let reused = members.reused.get(&place);
            let reused = reused.map(|(receipt, values)| (*receipt, values.as_ref().map(|values| values.clone_ref(py))));
            (members.places.get(place), reused)
        };
        let Some(at) = at else {
            let text = format!("member {place} of a streamed group was dropped when its result was returned");
            return Err(error::make(py, "ResultExpired", ("", text)));
        };
        self.runtime.engine.remember(at);
        let (receipt, values) = reused.unwrap_or((Receipt::New(at), None));
        TaskCore::handle(self.task.bind(py), &self.plan, receipt, values.as_ref().map(|values| values.bind(py)))
    }
}

#[pymethods]
impl PyGroup {
    fn __len__(&self) -> usize {
        self.members.lock().places.len()
    }

    fn __getitem__(&self, py: Python<'_>, index: isize) -> PyResult<Py<PyAny>> {
        let len = self.__len__();
        let place = usize::try_from(index).ok().or_else(|| len.checked_sub(index.unsigned_abs()));
        self.member(py, place.unwrap_or(usize::MAX))
    }

    /// The invocations that are members by now; of a stream without those that were returned.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let places: Vec<usize> = self.members.lock().places.from(0).map(|(place, _)| place).collect();
        let members = places.into_iter().map(|place| self.member(py, place));
        PyList::new(py, members.collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// Whether no more members will come.
    #[getter]
    fn complete(&self) -> bool {
        self.members.lock().complete
    }

    /// Results as their invocations end. Of a stream each is dropped once it was returned.
    #[pyo3(signature = (timeout = None, return_exceptions = false, indexed = false))]
    fn completed(
        slf: &Bound<'_, Self>,
        timeout: Option<f64>,
        return_exceptions: bool,
        indexed: bool,
    ) -> PyResult<Results> {
        Self::results(slf, timeout, Reading { return_exceptions, indexed })
    }

    /// All results, in the order of the input.
    #[pyo3(signature = (timeout = None, return_exceptions = false))]
    fn ordered(slf: &Bound<'_, Self>, timeout: Option<f64>, return_exceptions: bool) -> PyResult<Vec<Py<PyAny>>> {
        let py = slf.py();
        let results = Self::results(slf, timeout, Reading { return_exceptions, indexed: true })?;
        let mut found = Vec::new();
        while let Some(pair) = results.next(py)? {
            found.push(pair);
        }
        found.sort_unstable_by_key(|&(token, _)| token);
        Ok(found.into_iter().map(|(_, value)| value).collect())
    }

    /// Body of a stream's feeder thread: returns when the input ends or the group closes.
    fn feed(&self, py: Python<'_>) {
        self.feed_to_the_end(py);
    }

    /// Of a stream: take no more input, and call off what has not started.
    #[pyo3(name = "give_up")]
    fn given_up(&self, py: Python<'_>) {
        if self.stream.is_some() {
            self.give_up(py);
        }
    }

    /// Call off what has not ended, and take no more input; how many were called off.
    fn cancel(&self, py: Python<'_>) -> PyResult<usize> {
        self.close();
        let all = self.members.lock().places.all();
        let mut called_off = 0;
        for at in all {
            called_off += usize::from(invocation::cancel(py, &self.runtime, at).unwrap_or(false));
        }
        Ok(called_off)
    }

    /// Take no more input.
    fn close(&self) {
        let was_closed = std::mem::replace(&mut self.members.lock().closed, true);
        if let (false, Some(inbox)) = (was_closed, &self.stream) {
            inbox.nudge();
        }
    }
}
