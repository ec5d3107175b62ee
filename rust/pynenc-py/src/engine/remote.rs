//! The engine on a server, with what makes Python's values of its bytes.

use std::sync::Arc;

use pynenc_core::engine::{Fence, Outcome, Receipt};
use pynenc_core::id::{InvocationId, Ref};
use pynenc_redis::blobs::Packed;
use pynenc_redis::remote::{Remote, Submission, Work};
use pynenc_redis::store::RecordView;
use pyo3::intern;
use pyo3::prelude::*;

use crate::asynchronous::loop_wait;
use crate::body::RunContext;
use crate::engine::PyPipeline;
use crate::engine::Tasks;
use crate::error::{self, Refusal};
use crate::fork;
use crate::gil;
use crate::live::{Body, Claimed, Fingerprint};
use crate::wire::{Known, Source, TaskWire};

/// What is kept here of a call that was sent: its fingerprint, if a body made it.
pub(crate) type Sent = Option<Box<Fingerprint>>;

pub(crate) struct RemoteEngine {
    pub(crate) remote: Arc<Remote<Sent>>,
    /// Where large values are had from.
    pub(crate) source: Arc<Source>,
    tasks: Arc<Tasks>,
    /// `pipeline.get`, bound: reads the context variable.
    current_pipeline: Py<PyAny>,
}

impl RemoteEngine {
    pub(super) fn new(
        remote: Arc<Remote<Sent>>,
        source: Arc<Source>,
        tasks: &Arc<Tasks>,
        pipeline: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let current_pipeline = pipeline.getattr(intern!(pipeline.py(), "get"))?.unbind();
        Ok(Self { remote, source, tasks: Arc::clone(tasks), current_pipeline })
    }

    /// What is known here of large values, for a caller that waits until they are sent or does not.
    pub(crate) fn known(&self, waits: bool) -> Option<Known<'_>> {
        self.remote.blobs().map(|blobs| Known { blobs, waits, shared: false, hashed: None })
    }

    /// The pipeline of this engine that calls go into here, if there is one.
    pub(super) fn current_pipeline<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyPipeline>>> {
        let pipeline = self.current_pipeline.bind(py).call0()?.cast_into::<PyPipeline>();
        Ok(pipeline.ok().filter(|pipeline| pipeline.get().is_of(&self.remote)))
    }

    pub(super) fn submit_one(
        &self,
        py: Python<'_>,
        pipeline: Option<&Bound<'_, PyPipeline>>,
        submission: Submission<Sent>,
    ) -> PyResult<Receipt> {
        match pipeline {
            Some(pipeline) => pipeline.get().submit(py, submission),
            None => Ok(gil::ask(py, || self.remote.submit_one(submission))?),
        }
    }

    /// Work as a thread takes it. What this process cannot run is unfit, and says why.
    pub(super) fn claimed(&self, py: Python<'_>, work: Work) -> Claimed {
        let name = self.remote.task_name(work.task);
        let body = match self.tasks.find(py, work.task, &name) {
            Ok(Some((task, plan))) => Body::Sent(plan, task.into_any().unbind(), work.payload),
            Ok(None) => {
                let text = "it was claimed by a process whose application has no such task any more";
                Body::Unfit(error::make(py, "TaskNotRegisteredError", (&*name, text)))
            }
            Err(failed) => Body::Unfit(failed),
        };
        Claimed { at: work.at, id: work.id, fence: work.fence, body }
    }

    /// End an invocation whose body never began, by what kept it from that.
    pub(super) fn fail(&self, py: Python<'_>, held: (Ref, Fence), why: PyErr, resume: Option<(Ref, Fence)>) {
        let bytes = self.error_bytes(py, None, why, held);
        self.end(py, held, Outcome::Failed(bytes.into()), resume);
    }

    /// An error as it travels: by the wire of its task, which is looked up when it is not at hand.
    pub(crate) fn error_bytes(
        &self,
        py: Python<'_>,
        wire: Option<&TaskWire>,
        error: PyErr,
        (at, fence): (Ref, Fence),
    ) -> Vec<u8> {
        let value = error.into_value(py).into_bound(py).into_any();
        let write = |wire: &TaskWire| wire.encode_error(&value, self.remote.id(at), fence.attempt);
        let written = match wire {
            Some(wire) => write(wire),
            None => self.wire_of(py, at).and_then(|wire| write(&wire)),
        };
        written.unwrap_or_else(|failed| {
            // The waiter wakes and reads that the payload is damaged; why is told here.
            failed.write_unraisable(py, Some(&value));
            Vec::new()
        })
    }

    /// End a run and, with `resume`, wait until the server has let the waiter go on.
    pub(crate) fn end(
        &self,
        py: Python<'_>,
        (at, fence): (Ref, Fence),
        outcome: Outcome<Packed>,
        resume: Option<(Ref, Fence)>,
    ) {
        let bytes = weight(&outcome);
        let Some((waiter, held)) = resume else {
            // A refusal says that it is another's, or over: a late end changes nothing.
            let _ = self.remote.finish(at, fence, outcome, bytes, None);
            return;
        };
        if gil::ask(py, || self.remote.finish(at, fence, outcome, bytes, resume)).is_err() {
            // The child was called off or purged meanwhile; its waiter goes on and sees it.
            self.remote.resume_soon(waiter, held);
        }
    }

    /// Whether this process still holds a run, as far as it knows.
    pub(crate) fn holds(&self, context: &RunContext) -> bool {
        self.remote.read(context.at, |view| view.status.is_held()).unwrap_or(false)
    }

    /// How a body ended: told behind whatever it has said before.
    pub(crate) fn finish(
        &self,
        py: Python<'_>,
        context: &RunContext,
        outcome: Outcome<Packed>,
        resume: Option<(Ref, Fence)>,
    ) {
        let (at, fence) = (context.at, context.fence);
        if resume.is_some() {
            return self.end(py, (at, fence), outcome, resume);
        }
        let bytes = weight(&outcome);
        loop_wait::say_for(context, &self.remote, move |remote| {
            // A refusal says that it is another's, or over: a late end changes nothing.
            let _ = remote.finish(at, fence, outcome, bytes, None);
        });
    }

    /// How a body ended that is to be run again.
    pub(crate) fn retry(&self, context: &RunContext, resume: Option<(Ref, Fence)>) {
        let (at, fence) = (context.at, context.fence);
        loop_wait::say_for(context, &self.remote, move |remote| {
            let _ = remote.retry(at, fence, 0);
        });
        if let Some((waiter, held)) = resume {
            self.remote.resume_soon(waiter, held);
        }
    }

    /// How the calls and results of an invocation's task travel.
    pub(super) fn wire_of(&self, py: Python<'_>, at: Ref) -> PyResult<Arc<TaskWire>> {
        let known = self.remote.read(at, |view| view.task).map_err(Refusal::from)?;
        let index = match known {
            Some(index) => index,
            None => self.remote.task(&self.record(py, at)?.task),
        };
        self.tasks.wire(py, index, &self.remote.task_name(index))
    }

    pub(super) fn record(&self, py: Python<'_>, at: Ref) -> Result<RecordView, Refusal> {
        gil::ask(py, || self.remote.record(at))
    }

    pub(super) fn adopt(&self, py: Python<'_>, id: &str) -> PyResult<(Ref, Py<PyAny>)> {
        fork::check(py)?;
        let Some(id) = InvocationId::parse(id) else {
            return Err(error::make(py, "InvocationNotFoundError", (id, "not an id of an invocation")));
        };
        let at = gil::ask(py, || self.remote.adopt(id))?;
        let task = self.task_of(py, at);
        task.map(|task| (at, task)).inspect_err(|_| self.remote.forget(at))
    }

    fn task_of(&self, py: Python<'_>, at: Ref) -> PyResult<Py<PyAny>> {
        let known = self.remote.read(at, |view| view.task).map_err(Refusal::from)?;
        let index = match known {
            Some(index) => index,
            None => self.remote.task(&self.record(py, at)?.task),
        };
        let found = self.tasks.find(py, index, &self.remote.task_name(index))?;
        Ok(found.map_or_else(|| py.None(), |(task, _)| task.into_any().unbind()))
    }
}

fn weight(outcome: &Outcome<Packed>) -> u64 {
    match outcome {
        Outcome::Success(packed) | Outcome::Failed(packed) => packed.size() as u64,
        Outcome::Lost(_) | Outcome::Cancelled => 0,
    }
}
