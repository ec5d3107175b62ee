//! How an invocation ended, for one who wants its result.

use pynenc_core::engine::Outcome;
use pynenc_core::id::Ref;
use pynenc_core::park::Subscription;
use pynenc_redis::remote::Bytes;
use pyo3::prelude::*;

use super::{Engine, RemoteEngine, reading};
use crate::error::Refusal;
use crate::gil;
use crate::live::Answer;

impl Engine {
    /// How it ended, as far as is known here.
    #[inline]
    pub(crate) fn answer(&self, py: Python<'_>, at: Ref) -> Result<Answer, Refusal> {
        match self {
            Self::Memory(memory) => reading::answer(py, memory, at),
            Self::Remote(remote) => remote.answer(py, at),
        }
    }

    /// Whether its result, if it is known here, can be read without asking a server.
    pub(crate) fn is_at_hand(&self, py: Python<'_>, at: Ref) -> PyResult<bool> {
        let Self::Remote(remote) = self else { return Ok(true) };
        let known = remote.remote.read(at, |view| match view.outcome {
            Some(Outcome::Success(bytes)) => Some((view.id, bytes.clone())),
            _ => None,
        });
        match known.map_err(Refusal::from)? {
            Some((id, bytes)) => Ok(remote.wire_of(py, at)?.is_result_at_hand(py, &bytes, id, &remote.source)),
            None => Ok(true),
        }
    }

    /// Do what may ask for large values where nobody waits for it. `false`: it was not taken.
    pub(crate) fn fetch_aside(&self, work: impl FnOnce(Python<'_>) + Send + 'static) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Remote(remote) => remote.remote.fetch_aside(|| Python::attach(work)).is_ok(),
        }
    }

    /// How it ended, asked for if it is not known here.
    #[inline]
    pub(crate) fn outcome(&self, py: Python<'_>, at: Ref) -> Result<Answer, Refusal> {
        match self {
            Self::Memory(memory) => reading::answer(py, memory, at),
            Self::Remote(remote) => {
                let answer = remote.answer(py, at)?;
                if !matches!(answer, Answer::NotYet) || !self.status(py, at)?.is_final() {
                    return Ok(answer);
                }
                remote.fetch(py, at)?;
                remote.answer(py, at)
            }
        }
    }
}

/// An outcome, shared with what this process keeps of it.
enum Known {
    Nothing,
    Value(Bytes),
    Error(Bytes),
    Lost(u8, Option<String>),
    Cancelled,
}

impl RemoteEngine {
    fn answer(&self, py: Python<'_>, at: Ref) -> Result<Answer, Refusal> {
        let (id, known) = self.remote.read(at, |view| {
            let known = match view.outcome {
                None => Known::Nothing,
                Some(Outcome::Success(bytes)) => Known::Value(bytes.clone()),
                Some(Outcome::Failed(bytes)) => Known::Error(bytes.clone()),
                Some(Outcome::Lost(losses)) => Known::Lost(*losses, view.lost.map(str::to_owned)),
                Some(Outcome::Cancelled) => Known::Cancelled,
            };
            (view.id, known)
        })?;
        Ok(match known {
            Known::Nothing => Answer::NotYet,
            Known::Value(bytes) => {
                Answer::Value(self.wire_of(py, at)?.decode_result(py, &bytes, id, Some(&self.source))?.unbind())
            }
            Known::Error(bytes) => Answer::Raise(self.wire_of(py, at)?.decode_error(py, &bytes, id)?.unbind()),
            Known::Lost(losses, reason) => Answer::Lost(losses, reason),
            Known::Cancelled => Answer::Cancelled,
        })
    }

    /// Have the outcome of one that has ended brought here.
    fn fetch(&self, py: Python<'_>, at: Ref) -> PyResult<()> {
        let inbox = Subscription::new();
        self.remote.watch(&[at], &inbox, 0);
        gil::wait(py, None, |until| inbox.wait(until).then_some(())).map(drop)
    }
}
