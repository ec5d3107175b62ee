//! The members of one `parallelize` call: submitted at once, or fed from an iterator.

use std::sync::Arc;

use parking_lot::Mutex;
use pynenc_core::engine::Receipt;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use crate::element::bind_element;
use crate::engine::Batch;
use crate::engine::InCommon;
use crate::error;
use crate::fork;
use crate::gil;
use crate::invocation;
use crate::memory_engine::moment;
use crate::plan::Plan;
use crate::results::{Reading, Results};
use crate::runtime::RuntimeState;
use crate::task::TaskCore;

/// A stream is fed until this many chunks are submitted and not ended.
const CHUNKS_AHEAD: u64 = 4;

struct Feed {
    items: Py<PyAny>,
    common: Option<Py<PyDict>>,
    chunk: usize,
    parent: Option<Ref>,
    in_common: InCommon,
}

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
        parent: Option<Ref>,
        in_common: &InCommon,
    ) -> PyResult<()> {
        if plan.has_rules() {
            self.given.push(values.clone().unbind());
        }
        self.batch.add(task, plan, values, parent, in_common)
    }
}

#[derive(Default)]
pub(crate) struct Members {
    pub(crate) all: Vec<Ref>,
    /// Of a stream: how many were returned, and are nowhere in `all` any more.
    pub(crate) let_go: usize,
    /// Place, receipt, and the values that another invocation answers for.
    reused: Vec<(usize, Receipt, Option<Py<PyTuple>>)>,
    /// No more will come.
    pub(crate) complete: bool,
    closed: bool,
    /// What the input raised, until it has been told.
    pub(crate) failure: Option<PyErr>,
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
        self.runtime.engine.forget_all(&members.all);
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
        let parent = plan.runtime.current(py)?.map(|current| current.get().at);
        let shared = InCommon::new(py, &plan, common.as_ref())?;
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
            group.submit(py, chunk)?;
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
        let parent = plan.runtime.current(py)?.map(|current| current.get().at);
        let in_common = InCommon::new(py, &plan, common.as_ref())?;
        let feed =
            Feed { items: items.unbind(), common: common.map(Bound::unbind), chunk: chunk.max(1), parent, in_common };
        Py::new(py, Self::new(task, plan, Some(Subscription::new()), Some(feed)))
    }

    /// One engine crossing. The first refused element is raised, after those before it were taken.
    fn submit(&self, py: Python<'_>, Chunk { batch, given }: Chunk<'_>) -> PyResult<()> {
        let first = self.members.lock().all.len();
        let token = u32::try_from(first).map_err(|_| PyValueError::new_err("a group holds 2^32 members at most"))?;
        let receipts = batch.submit(py, self.stream.as_ref().map(|inbox| (inbox, token)))?;
        let mut given = given.into_iter();
        let mut refused = None;
        {
            let mut members = self.members.lock();
            for receipt in receipts {
                let values = given.next();
                if matches!(receipt, Receipt::Refused(_)) {
                    // It keeps its place, so that tokens and members stay in step.
                    self.runtime.engine.remember(receipt.at());
                    refused.get_or_insert((receipt, values));
                } else if matches!(receipt, Receipt::Reused { .. }) {
                    let place = members.all.len();
                    members.reused.push((place, receipt, values));
                }
                members.all.push(receipt.at());
            }
        }
        match refused {
            Some((receipt, values)) => {
                let values = values.as_ref().map(|values| values.bind(py));
                TaskCore::handle(self.task.bind(py), &self.plan, receipt, values).map(drop)
            }
            None => Ok(()),
        }
    }

    fn feed_chunk(&self, py: Python<'_>, feed: &Feed, items: &Bound<'_, PyIterator>) -> PyResult<bool> {
        let task = self.task.bind(py);
        let mut chunk = Chunk::new(&self.plan, feed.chunk);
        let first = self.members.lock().all.len();
        let mut ended = Ok(false);
        for index in first..first + feed.chunk {
            let next = match items.clone().next() {
                None => {
                    ended = Ok(true);
                    break;
                }
                Some(item) => item.and_then(|item| {
                    let values = bind_element(&self.plan, &item, feed.common.as_ref().map(|c| c.bind(py)), index)?;
                    chunk.add(task, &self.plan, values, feed.parent, &feed.in_common)
                }),
            };
            if let Err(failed) = next {
                ended = Err(failed);
                break;
            }
        }
        if chunk.batch.len() > 0 {
            self.submit(py, chunk)?;
        }
        ended
    }

    fn feed_all(&self, py: Python<'_>, feed: &Feed, inbox: &Subscription) -> PyResult<()> {
        let items = feed.items.bind(py).try_iter()?;
        loop {
            let submitted = {
                let members = self.members.lock();
                if members.closed {
                    return Ok(());
                }
                members.all.len() as u64
            };
            let ahead = CHUNKS_AHEAD * feed.chunk as u64;
            if submitted >= inbox.delivered() + ahead {
                // Woken when half is done: fewer wake-ups, and the workers never run dry.
                let goal = submitted - ahead / 2;
                gil::release(py, || inbox.wait_delivered(goal, None));
                continue;
            }
            if self.feed_chunk(py, feed, &items)? {
                return Ok(());
            }
        }
    }

    /// A member of a stream was returned: the group keeps it no longer.
    pub(crate) fn let_go(&self, token: u32) {
        let member = {
            let mut members = self.members.lock();
            members.let_go += 1;
            members.all.get_mut(token as usize).map(|at| std::mem::replace(at, Ref::NONE))
        };
        if let Some(at) = member {
            self.runtime.engine.forget(at);
        }
    }

    fn results(slf: &Bound<'_, Self>, timeout: Option<f64>, reading: Reading) -> PyResult<Results> {
        let this = slf.get();
        let until = moment(timeout)?;
        let inbox = match &this.stream {
            Some(inbox) => Arc::clone(inbox),
            None => {
                let inbox = Subscription::new();
                let all = this.members.lock().all.clone();
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
            let Some(&at) = members.all.get(place) else {
                let len = members.all.len();
                return Err(PyIndexError::new_err(format!("no member {place}: the group has {len}")));
            };
            let reused = members.reused.binary_search_by_key(&place, |&(place, ..)| place).ok();
            let reused = reused.and_then(|found| members.reused.get(found));
            (at, reused.map(|(_, receipt, values)| (*receipt, values.as_ref().map(|values| values.clone_ref(py)))))
        };
        if at == Ref::NONE {
            let text = format!("member {place} of a streamed group was dropped when its result was returned");
            return Err(error::make(py, "ResultExpired", ("", text)));
        }
        self.runtime.engine.remember(at);
        let (receipt, values) = reused.unwrap_or((Receipt::New(at), None));
        TaskCore::handle(self.task.bind(py), &self.plan, receipt, values.as_ref().map(|values| values.bind(py)))
    }
}

#[pymethods]
impl PyGroup {
    fn __len__(&self) -> usize {
        self.members.lock().all.len()
    }

    fn __getitem__(&self, py: Python<'_>, index: isize) -> PyResult<Py<PyAny>> {
        let len = self.__len__();
        let place = usize::try_from(index).ok().or_else(|| len.checked_sub(index.unsigned_abs()));
        self.member(py, place.unwrap_or(usize::MAX))
    }

    /// The invocations that are members by now.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let members = (0..self.__len__()).map(|place| self.member(py, place));
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
        let (Some(feed), Some(inbox)) = (self.feed.lock().take(), &self.stream) else { return };
        let fed = self.feed_all(py, &feed, inbox);
        drop(feed);
        {
            let mut members = self.members.lock();
            members.complete = true;
            members.failure = fed.err();
        }
        inbox.nudge();
    }

    /// Call off what has not ended, and take no more input; how many were called off.
    fn cancel(&self, py: Python<'_>) -> PyResult<usize> {
        self.close();
        let all = self.members.lock().all.clone();
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
