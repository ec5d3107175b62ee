//! Reading a group: results as their invocations end.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::{PyKeyboardInterrupt, PyStopAsyncIteration, PyTimeoutError};
use pyo3::prelude::*;

use crate::error;
use crate::group::PyGroup;
use crate::live::resolve;
use crate::wait::{Tried, Wait};

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
    reading: Reading,
    progress: Mutex<Progress>,
}

/// How results are read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Errors are returned among the results instead of raised.
    pub(crate) return_exceptions: bool,
    /// `(index, result)` is returned.
    pub(crate) indexed: bool,
}

enum Step {
    Token(u32),
    Over,
    Failed(PyErr),
    Wait,
    /// A stream that somebody else has read to its end.
    Read,
}

/// Members of a group that are still to end.
#[derive(Default)]
struct Open {
    awaited: Vec<Ref>,
    untried: Vec<Ref>,
    /// Of each of these.
    untried_places: Vec<usize>,
}

impl Results {
    pub(crate) fn new(
        group: &Bound<'_, PyGroup>,
        inbox: Arc<Subscription>,
        until: Option<Instant>,
        reading: Reading,
    ) -> Self {
        Self { group: group.clone().unbind(), inbox, until, reading, progress: Mutex::new(Progress::default()) }
    }

    fn step(&self, group: &PyGroup) -> Step {
        let mut progress = self.progress.lock();
        let mut members = group.members.lock();
        if let Some(token) = members.next_known(&self.inbox) {
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
        let known = members.places.len();
        let returned = if group.stream.is_some() { known - members.places.kept() } else { progress.returned };
        if !members.complete || returned < known {
            return Step::Wait;
        }
        if returned > 0 && progress.returned == 0 {
            return Step::Read;
        }
        members.failure.take().map_or(Step::Over, Step::Failed)
    }

    pub(crate) fn next(&self, py: Python<'_>) -> PyResult<Option<(u32, Py<PyAny>)>> {
        let group = self.group.get();
        loop {
            match self.step(group) {
                Step::Over => return Ok(None),
                Step::Failed(failed) => return Err(failed),
                Step::Read => return Err(read_before(py)),
                Step::Token(token) => return self.value(py, group, token).map(|value| Some((token, value))),
                Step::Wait => self.wait(py, group).inspect_err(|error| {
                    if group.stream.is_some() && error.is_instance_of::<PyKeyboardInterrupt>(py) {
                        group.give_up(py);
                    }
                })?,
            }
        }
    }

    fn wait(&self, py: Python<'_>, group: &PyGroup) -> PyResult<()> {
        let open = if group.runtime.current(py)?.is_some() {
            self.open(group, usize::MAX)
        } else if group.runtime.needs_advice() {
            self.open(group, 1)
        } else {
            Open::default()
        };
        let mut tried = {
            let progress = self.progress.lock();
            Tried { candidates: &open.untried, next: 0, checked: progress.checked }
        };
        let wait = Wait { runtime: &group.runtime, inbox: &self.inbox, until: self.until };
        let waited = wait.any(py, &open.awaited, &mut tried);
        {
            let mut progress = self.progress.lock();
            if let Some(last) = tried.next.checked_sub(1) {
                progress.inline = open.untried_places.get(last).map_or(progress.inline, |place| place + 1);
            }
            progress.checked = tried.checked;
        }
        if !waited? && self.until.is_some_and(|until| Instant::now() >= until) {
            let (done, of) = (self.progress.lock().returned, group.members.lock().places.len());
            return Err(PyTimeoutError::new_err(format!("{done} of {of} invocations ended in time")));
        }
        Ok(())
    }

    /// What is waited for, so many at most; and what of that a body has not tried to run itself.
    fn open(&self, group: &PyGroup, limit: usize) -> Open {
        let progress = self.progress.lock();
        let members = group.members.lock();
        let is_open = |&(place, at): &(usize, Ref)| match group.stream {
            Some(_) => !group.runtime.engine.is_over(at),
            None => !progress.seen.get(place).copied().unwrap_or(false),
        };
        let awaited = members.places.from(0).filter(is_open).map(|(_, at)| at).take(limit).collect();
        let (untried_places, untried) = members.places.from(progress.inline).take(limit).unzip();
        Open { awaited, untried, untried_places }
    }

    fn value(&self, py: Python<'_>, group: &PyGroup, token: u32) -> PyResult<Py<PyAny>> {
        let at = group.members.lock().places.get(token as usize);
        let Some(at) = at else {
            return Err(error::make(py, "InvocationError", ("?", "a stream that was closed lost a member")));
        };
        let engine = &group.runtime.engine;
        let answer = engine.answer(py, at).map_err(PyErr::from);
        let value = answer.and_then(|answer| resolve(py, answer, || engine.id(at)));
        if group.stream.is_some() {
            group.let_go(token); // whatever came of it: it was this one's turn
        }
        match value {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(error::make(py, "InvocationError", (engine.id(at).to_string(), "it has not ended yet"))),
            Err(error) if self.reading.return_exceptions => Ok(error.into_value(py).into_any()),
            Err(error) => Err(error),
        }
    }
}

fn read_before(py: Python<'_>) -> PyErr {
    let text = "a streamed group drops each result once it was returned, and all of this one were";
    error::make(py, "ResultExpired", ("", text))
}

#[pymethods]
impl Results {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.next(py)? {
            Some((index, value)) if self.reading.indexed => {
                Ok(Some((index, value).into_pyobject(py)?.into_any().unbind()))
            }
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
            Step::Read => Err(read_before(py)),
            Step::Token(token) => {
                let invocation = group.member(py, token as usize)?;
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
