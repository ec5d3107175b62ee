//! What goes on beside the bodies, on a thread that runs no Python: so no body can hold it up.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use pynenc_redis::remote::News;
use pyo3::prelude::*;

use super::{Count, Pool};
use crate::interrupt::Interrupt;

/// A body that must end by a moment.
struct Due {
    at: Ref,
    deadline: Instant,
    /// Somebody is on the way to interrupt it.
    told: bool,
}

/// The bodies of a pool that must end by a moment.
#[derive(Default)]
pub(crate) struct Dues(Mutex<Vec<Due>>);

impl Dues {
    fn add(&self, at: Ref, deadline: Instant) {
        self.0.lock().push(Due { at, deadline, told: false });
    }

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

    fn next(&self) -> Option<Instant> {
        self.0.lock().iter().filter(|due| !due.told).map(|due| due.deadline).min()
    }
}

impl Pool {
    /// There is a body that must end by `deadline`.
    pub(crate) fn set_deadline(&self, at: Ref, deadline: Instant) {
        self.dues.add(at, deadline);
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
            let wake = standing.next.into_iter().chain(pool.dues.next()).min();
            drop(pool);
            timer.park(wake);
        }
    }
}
