//! Reading a group: results as their invocations end.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pyo3::exceptions::{PyStopAsyncIteration, PyTimeoutError};
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
        let returned = if group.stream.is_some() { members.let_go } else { progress.returned };
        if !members.complete || returned < members.all.len() {
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
            let open = |&at: &Ref| !group.runtime.engine.is_over(at);
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
        let value = resolve(py, engine.answer(py, at)?, || engine.id(at));
        if group.stream.is_some() {
            group.let_go(token);
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
