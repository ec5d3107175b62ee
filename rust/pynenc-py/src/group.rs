//! The members of one `parallelize` call: submitted at once, or fed from an iterator.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::engine::{Receipt, Submission};
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::{PyIndexError, PyStopAsyncIteration, PyTimeoutError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyMapping, PyTuple};

use crate::engine::moment;
use crate::error;
use crate::fork;
use crate::gil;
use crate::invocation;
use crate::live::{Call, answer};
use crate::plan::Plan;
use crate::runtime::RuntimeState;
use crate::task::TaskCore;
use crate::wait::{Tried, Wait};

/// A stream is fed until this many chunks are submitted and not ended.
const CHUNKS_AHEAD: u64 = 4;

struct Feed {
    items: Py<PyAny>,
    common: Option<Py<PyDict>>,
    chunk: usize,
    parent: Option<Ref>,
}

#[derive(Default)]
struct Members {
    all: Vec<Ref>,
    reused: Vec<(usize, Receipt)>,
    /// No more will come.
    complete: bool,
    closed: bool,
    /// What the input raised, until it has been told.
    failure: Option<PyErr>,
}

/// The members of one `parallelize` call.
#[pyclass(name = "GroupCore", module = "pynenc._core", frozen)]
pub(crate) struct PyGroup {
    runtime: Arc<RuntimeState>,
    task: Py<TaskCore>,
    plan: Arc<Plan>,
    members: Mutex<Members>,
    /// Of a stream: tokens arrive from the start, and are read once.
    stream: Option<Arc<Subscription>>,
    feed: Mutex<Option<Feed>>,
}

impl Drop for PyGroup {
    fn drop(&mut self) {
        let members = std::mem::take(self.members.get_mut());
        self.runtime.engine.forget_all(members.all);
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
        let mut bound = Vec::with_capacity(items.len().unwrap_or(0));
        for (index, item) in items.try_iter()?.enumerate() {
            let values = bind_element(&plan, &item?, common.as_ref(), index)?;
            bound.push(TaskCore::submission(task, &plan, values, parent)?);
        }
        let group = Self::new(task, plan, None, None);
        let mut rest = bound.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(chunk.max(1)).collect();
            group.submit(py, batch)?;
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
        let feed = Feed { items: items.unbind(), common: common.map(Bound::unbind), chunk: chunk.max(1), parent };
        Py::new(py, Self::new(task, plan, Some(Subscription::new()), Some(feed)))
    }

    /// One engine crossing. The first refused element is raised, after those before it were taken.
    fn submit(&self, py: Python<'_>, batch: Vec<Submission<Call>>) -> PyResult<()> {
        let first = self.members.lock().all.len();
        let token = u32::try_from(first).map_err(|_| PyValueError::new_err("a group holds 2^32 members at most"))?;
        let receipts = self.runtime.engine.submit_many(batch, self.stream.as_ref().map(|inbox| (inbox, token)));
        let mut refused = None;
        {
            let mut members = self.members.lock();
            for (place, receipt) in (first..).zip(receipts) {
                match receipt {
                    Receipt::New(_) | Receipt::Cached(_) => {}
                    Receipt::Reused { .. } => members.reused.push((place, receipt)),
                    Receipt::Refused(_) => {
                        refused.get_or_insert(receipt);
                        continue;
                    }
                }
                members.all.push(receipt.at());
            }
        }
        match refused {
            Some(receipt) => TaskCore::handle(self.task.bind(py), &self.plan, receipt, None).map(drop),
            None => Ok(()),
        }
    }

    fn feed_chunk(&self, py: Python<'_>, feed: &Feed, items: &Bound<'_, PyIterator>) -> PyResult<bool> {
        let task = self.task.bind(py);
        let mut batch = Vec::with_capacity(feed.chunk);
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
                    TaskCore::submission(task, &self.plan, values, feed.parent)
                }),
            };
            match next {
                Ok(submission) => batch.push(submission),
                Err(failed) => {
                    ended = Err(failed);
                    break;
                }
            }
        }
        if !batch.is_empty() {
            self.submit(py, batch)?;
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
    fn let_go(&self, token: u32) {
        let member = self.members.lock().all.get_mut(token as usize).map(|at| std::mem::replace(at, Ref::NONE));
        if let Some(at) = member {
            self.runtime.engine.forget(at);
        }
    }

    fn results(slf: &Bound<'_, Self>, timeout: Option<f64>, return_exceptions: bool) -> PyResult<Results> {
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
        let progress = Mutex::new(Progress::default());
        Ok(Results { group: slf.clone().unbind(), inbox, until, return_exceptions, indexed: false, progress })
    }
}

/// Bind one element; an error names its index.
fn bind_element<'py>(
    plan: &Plan,
    item: &Bound<'py, PyAny>,
    common: Option<&Bound<'py, PyDict>>,
    index: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = item.py();
    let bound = if let (Ok(args), None) = (item.cast::<PyTuple>(), common) {
        plan.signature.bind(args, None)
    } else if let Ok(named) = item.cast_exact::<PyDict>() {
        plan.signature.bind_mapping(named.cast::<PyMapping>()?, common)
    } else if let Ok(arguments) = item.getattr(intern!(py, "kwargs")) {
        plan.signature.bind_stored(&arguments, common)
    } else if let Ok(named) = item.cast::<PyMapping>() {
        plan.signature.bind_mapping(named, common)
    } else {
        let accepted = if common.is_some() { "a dict" } else { "a tuple, a dict or Arguments" };
        let kind = item.get_type().name()?;
        Err(if common.is_some() && item.is_instance_of::<PyTuple>() {
            PyValueError::new_err(format!("{accepted} is accepted with common_args, not a {kind}"))
        } else {
            PyTypeError::new_err(format!("{accepted} is accepted, not a {kind}"))
        })
    };
    bound.map_err(|refused| {
        let named = format!("element {index} of param_iter: {}", refused.value(py));
        if refused.is_instance_of::<PyValueError>(py) { PyValueError::new_err(named) } else { PyTypeError::new_err(named) }
    })
}

#[pymethods]
impl PyGroup {
    fn __len__(&self) -> usize {
        self.members.lock().all.len()
    }

    fn __getitem__(&self, py: Python<'_>, index: isize) -> PyResult<Py<PyAny>> {
        let (at, reused) = {
            let members = self.members.lock();
            let len = members.all.len();
            let place = usize::try_from(index).ok().or_else(|| len.checked_sub(index.unsigned_abs()));
            let Some((place, &at)) = place.and_then(|place| Some((place, members.all.get(place)?))) else {
                return Err(PyIndexError::new_err(format!("no member {index}: the group has {len}")));
            };
            let reused = members.reused.binary_search_by_key(&place, |&(place, _)| place).ok();
            (at, reused.and_then(|found| members.reused.get(found)).map(|&(_, receipt)| receipt))
        };
        self.runtime.engine.remember(at);
        TaskCore::handle(self.task.bind(py), &self.plan, reused.unwrap_or(Receipt::New(at)), None)
    }

    /// The invocations that are members by now.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let members = (0..self.__len__()).map(|place| self.__getitem__(py, place.cast_signed()));
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
        Ok(Results { indexed, ..Self::results(slf, timeout, return_exceptions)? })
    }

    /// All results, in the order of the input.
    #[pyo3(signature = (timeout = None, return_exceptions = false))]
    fn ordered(slf: &Bound<'_, Self>, timeout: Option<f64>, return_exceptions: bool) -> PyResult<Vec<Py<PyAny>>> {
        let py = slf.py();
        let results = Self::results(slf, timeout, return_exceptions)?;
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

#[derive(Default)]
struct Progress {
    returned: usize,
    seen: Vec<bool>,
    inline: usize,
    checked: bool,
}

/// An iterator over the results of a group, as they come.
#[pyclass(name = "GroupResults", module = "pynenc._core", frozen)]
pub(crate) struct Results {
    group: Py<PyGroup>,
    inbox: Arc<Subscription>,
    until: Option<Instant>,
    return_exceptions: bool,
    /// Whether `(index, result)` is returned.
    indexed: bool,
    progress: Mutex<Progress>,
}

enum Step {
    Token(u32),
    Over,
    Failed(PyErr),
    Wait,
}

impl Results {
    fn step(&self, group: &PyGroup) -> Step {
        let mut progress = self.progress.lock();
        if let Some(token) = self.inbox.take() {
            progress.returned += 1;
            let place = token as usize;
            if group.stream.is_none() {
                if progress.seen.len() <= place {
                    progress.seen.resize(place + 1, false);
                }
                if let Some(seen) = progress.seen.get_mut(place) {
                    *seen = true;
                }
            }
            return Step::Token(token);
        }
        let mut members = group.members.lock();
        if !members.complete || progress.returned < members.all.len() {
            return Step::Wait;
        }
        members.failure.take().map_or(Step::Over, Step::Failed)
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<(u32, Py<PyAny>)>> {
        let group = self.group.get();
        loop {
            match self.step(group) {
                Step::Over => return Ok(None),
                Step::Failed(failed) => return Err(failed),
                Step::Token(token) => return self.value(py, group, token).map(|value| Some((token, value))),
                Step::Wait => self.wait(py, group)?,
            }
        }
    }

    fn wait(&self, py: Python<'_>, group: &PyGroup) -> PyResult<()> {
        let in_body = group.runtime.current(py)?.is_some();
        let all = if in_body { group.members.lock().all.clone() } else { Vec::new() };
        let mut tried = {
            let progress = self.progress.lock();
            Tried { candidates: &all, next: progress.inline, checked: progress.checked }
        };
        let left: Vec<Ref> = if group.stream.is_some() {
            let open = |&at: &Ref| !group.runtime.engine.read(at, |view| view.status.is_final()).unwrap_or(true);
            all.iter().copied().filter(open).collect()
        } else {
            let progress = self.progress.lock();
            let open = |place: usize| !progress.seen.get(place).copied().unwrap_or(false);
            all.iter().enumerate().filter(|&(place, _)| open(place)).map(|(_, &at)| at).collect()
        };
        let wait = Wait { runtime: &group.runtime, inbox: &self.inbox, until: self.until };
        let waited = wait.any(py, &left, &mut tried);
        {
            let mut progress = self.progress.lock();
            progress.inline = tried.next;
            progress.checked = tried.checked;
        }
        if !waited? && self.until.is_some_and(|until| Instant::now() >= until) {
            let (done, of) = (self.progress.lock().returned, group.members.lock().all.len());
            return Err(PyTimeoutError::new_err(format!("{done} of {of} invocations ended in time")));
        }
        Ok(())
    }

    fn value(&self, py: Python<'_>, group: &PyGroup, token: u32) -> PyResult<Py<PyAny>> {
        let at = group.members.lock().all.get(token as usize).copied();
        let Some(at) = at else {
            return Err(error::make(py, "InvocationError", ("?", "a stream that was closed lost a member")));
        };
        let engine = &group.runtime.engine;
        let value = answer(py, engine, at)?.resolve(py, engine, at);
        if group.stream.is_some() {
            group.let_go(token);
        }
        match value {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(error::make(py, "InvocationError", (engine.id(at).to_string(), "it has not ended yet"))),
            Err(error) if self.return_exceptions => Ok(error.into_value(py).into_any()),
            Err(error) => Err(error),
        }
    }
}

#[pymethods]
impl Results {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.next(py)? {
            Some((index, value)) if self.indexed => Ok(Some((index, value).into_pyobject(py)?.into_any().unbind())),
            other => Ok(other.map(|(_, value)| value)),
        }
    }

    /// The index of a member that ended and was not returned yet, and its invocation; `None` when
    /// there is none now. Raises `StopAsyncIteration` after the last, and the input's error.
    fn _next_ready(&self, py: Python<'_>) -> PyResult<Option<(u32, Py<PyAny>)>> {
        let group = self.group.get();
        match self.step(group) {
            Step::Wait => Ok(None),
            Step::Over => Err(PyStopAsyncIteration::new_err(())),
            Step::Failed(failed) => Err(failed),
            Step::Token(token) => {
                let invocation = group.__getitem__(py, token as isize)?;
                if group.stream.is_some() {
                    group.let_go(token);
                }
                Ok(Some((token, invocation)))
            }
        }
    }

    /// Call `callback` once, from any thread, when `_next_ready` may have more to say; `False`:
    /// it has now.
    #[pyo3(signature = (callback, /))]
    fn _on_ready(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<bool> {
        let group = self.group.get();
        if group.runtime.current(py)?.is_none() {
            group.runtime.ensure_runner(py)?;
        }
        Ok(group.runtime.callbacks.on_ready(py, &self.inbox, callback, None))
    }

    /// The wait was given up.
    #[pyo3(signature = (callback, /))]
    fn _off_ready(&self, callback: &Bound<'_, PyAny>) {
        self.group.get().runtime.callbacks.forget(callback);
    }
}
