//! What goes on beside the bodies, on a thread that runs no Python: so no body can hold it up.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pynenc_core::engine::Fence;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pynenc_redis::remote::News;
use pyo3::prelude::*;

use super::{Count, Pool};
use crate::body::RunContext;
use crate::engine::Engine;
use crate::interrupt::Interrupt;

/// How long a body has between being interrupted and being ended with its process.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that must end by a moment.
pub(super) struct Due {
    at: Ref,
    pub(super) held: (Ref, Fence),
    deadline: Instant,
    /// Somebody is on the way to interrupt it.
    told: bool,
    /// How the invocation ends if the body does not, where its process can be ended.
    pub(super) last_words: Option<Vec<u8>>,
}

impl Due {
    /// When it is to be looked at next.
    fn next(&self) -> Option<Instant> {
        match (self.told, &self.last_words) {
            (false, _) => Some(self.deadline),
            (true, Some(_)) => Some(self.deadline + PATIENCE),
            (true, None) => None,
        }
    }
}

/// The bodies of a pool that must end by a moment.
#[derive(Default)]
pub(crate) struct Dues(Mutex<Vec<Due>>);

impl Dues {
    pub(crate) fn remove(&self, at: Ref) {
        self.0.lock().retain(|due| due.at != at);
    }

    /// Those whose moment has come since this was last asked.
    fn overdue(&self, now: Instant) -> Vec<Ref> {
        let mut dues = self.0.lock();
        let late = dues.iter_mut().filter(|due| !due.told && due.deadline <= now);
        late.map(|due| {
            due.told = true;
            due.at
        })
        .collect()
    }

    /// One that was interrupted in vain, and can be ended with its process.
    fn stuck(&self, now: Instant) -> Option<Due> {
        let mut dues = self.0.lock();
        let stuck = |due: &Due| due.told && due.last_words.is_some() && due.deadline + PATIENCE <= now;
        let place = dues.iter().position(stuck)?;
        Some(dues.swap_remove(place))
    }

    fn next(&self) -> Option<Instant> {
        self.0.lock().iter().filter_map(Due::next).min()
    }
}

impl Pool {
    /// There is a body that must end within `limit`.
    pub(crate) fn limit(&self, py: Python<'_>, body: &RunContext, limit: Duration) {
        let held = (body.at, body.fence);
        let error = || Interrupt::TimeOver(limit.as_secs_f64()).error(py, &body.id.to_string());
        let last_words = match &self.runtime.engine {
            Engine::Remote(remote) if self.duty.owns_process() => {
                Some(remote.error_bytes(py, body.plan.wire.as_deref(), error(), held))
            }
            _ => None,
        };
        let due = Due { at: body.at, held, deadline: body.began + limit, told: false, last_words };
        self.dues.0.lock().push(due);
        self.timer.unpark();
    }

    /// Interrupt overdue bodies. The interpreter may be held by the very body that is to end, so it is a
    /// thread of its own that asks for it.
    fn interrupt_overdue(self: &Arc<Self>) {
        let overdue = self.dues.overdue(Instant::now());
        if !overdue.is_empty() {
            self.beside(move |py, pool| pool.interrupt_all(py, &overdue));
        }
    }

    /// Tell bodies what the engine has to tell them: on a thread of its own, as above.
    fn pass_on(self: &Arc<Self>, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        self.beside(move |py, pool| {
            for told in news {
                let (at, fence, why) = match told {
                    News::Cancel(at, fence) => (at, fence, Interrupt::Cancelled),
                    News::Lost(at, fence) => (at, fence, Interrupt::Lost),
                };
                if let Err(failed) = pool.interrupt(py, at, Some(fence), why) {
                    failed.write_unraisable(py, None);
                }
            }
        });
    }

    fn beside(self: &Arc<Self>, work: impl FnOnce(Python<'_>, &Self) + Send + 'static) {
        let pool = Arc::clone(self);
        let work = move || Python::attach(|py| work(py, &pool));
        // A thread that cannot be made now can be made at the next look.
        let _ = std::thread::Builder::new().name("pynenc-interrupt".into()).spawn(work);
    }

    fn interrupt_all(&self, py: Python<'_>, overdue: &[Ref]) {
        for (context, on_top) in self.contexts(py) {
            let this = context.get();
            if !overdue.contains(&this.at) {
                continue;
            }
            let limit = this.plan.max_run.unwrap_or_default().as_secs_f64();
            if let Err(failed) = this.interrupt(py, Interrupt::TimeOver(limit), on_top) {
                failed.write_unraisable(py, None);
            }
        }
    }

    /// Renew the lease, let the engine do what is due, and stop overdue bodies, until nothing is held.
    pub(super) fn keep_alive(pool: &Weak<Self>, timer: &Parker) {
        loop {
            let Some(pool) = pool.upgrade().filter(|pool| !pool.closed.load(Ordering::Acquire)) else { return };
            let engine = &pool.runtime.engine;
            let worker = pool.worker();
            let standing = engine.keep(worker);
            if standing.lost {
                pool.rejoin(worker);
            }
            pool.board.set(Count::Worker, engine.worker_id(pool.worker()));
            pool.pass_on(standing.news);
            pool.interrupt_overdue();
            if let Some(stuck) = pool.dues.stuck(Instant::now()) {
                pool.end_process_under(stuck);
            }
            let wake = standing.next.into_iter().chain(pool.dues.next()).min();
            drop(pool);
            timer.park(wake);
        }
    }
}
