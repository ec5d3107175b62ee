//! What one process of an app is, as many as a test wants of them in its own; and threads that work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pynenc_core::engine::{Lane, Limits, Outcome};
use pynenc_core::id::Ref;
use pynenc_core::park::{Parker, Subscription};
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::{Bytes, Idle, Online, Remote, Settings, Submission, Work};
use pynenc_redis::store::{AppId, Store};

use super::{PATIENCE, Server};

pub const APP: &str = "test";

/// One process's side of the engine.
pub struct Process {
    pub remote: Arc<Remote<u32>>,
    pub online: Arc<Online>,
}

/// Short spans, so that what is to happen after them happens soon.
pub fn brisk() -> Settings {
    Settings { lease: Duration::from_secs(2), safety_read: Duration::from_secs(1), ..Settings::default() }
}

/// A way to the server that is given up for lost after that time.
pub fn timing(overall: Duration) -> Timing {
    Timing { overall, first: overall, ..Timing::default() }
}

impl Process {
    pub fn start(server: &Server) -> Self {
        Self::with(server, Settings::default(), Timing::default())
    }

    pub fn with(server: &Server, settings: Settings, timing: Timing) -> Self {
        Self::leased(server, settings, timing, settings.lease)
    }

    /// One that the store gives leases of that length, whatever it thinks itself.
    pub fn leased(server: &Server, settings: Settings, timing: Timing, lease: Duration) -> Self {
        let app = AppId::new(APP).unwrap();
        let route = Route::new(server.url().parse().unwrap(), app.prefix(), timing).unwrap();
        let lease = u64::try_from(lease.as_micros()).unwrap();
        let online = Arc::new(Online::new(route, &app, Limits { lease, ..Limits::default() }, None));
        let remote = Arc::new(Remote::new(Arc::<Online>::clone(&online), settings));
        Self { remote, online }
    }

    pub fn store(&self) -> &Store {
        self.online.store()
    }

    /// A plain call of the task `name`.
    pub fn call(&self, name: &str, payload: &[u8]) -> Submission<u32> {
        Submission {
            id: self.remote.fresh_id(),
            task: self.remote.task(name),
            call: 0,
            packed: payload.to_vec().into(),
            parent: None,
            lane: Lane::Sync,
            delay: 0,
            rules: None,
            print: None,
        }
    }

    pub fn submit(&self, payload: &[u8]) -> Ref {
        self.remote.submit_one(self.call("echo", payload)).unwrap().at()
    }

    /// Sleep until all have ended.
    pub fn await_all(&self, all: &[Ref]) {
        let inbox = Subscription::new();
        self.remote.watch(all, &inbox, 0);
        self.await_tokens(&inbox, all.len());
    }

    /// Sleep until so many tokens have come.
    pub fn await_tokens(&self, inbox: &Subscription, count: usize) {
        let until = Instant::now() + PATIENCE;
        for got in 0..count {
            while inbox.take().is_none() {
                inbox.wait(Some(until));
                assert!(Instant::now() < until, "{got} of {count} ended within {PATIENCE:?}");
            }
        }
    }

    /// What it returned; waits for it.
    pub fn result(&self, at: Ref) -> Vec<u8> {
        self.await_all(&[at]);
        self.remote.read(at, |view| success(view.outcome)).unwrap()
    }
}

pub fn success(outcome: Option<&Outcome<Bytes>>) -> Vec<u8> {
    match outcome {
        Some(Outcome::Success(value)) => value.to_vec(),
        other => panic!("not a success: {other:?}"),
    }
}

/// Threads that run what they are given.
pub struct Hands {
    stopping: Arc<AtomicBool>,
    threads: Vec<(Arc<Parker>, JoinHandle<()>)>,
}

impl Hands {
    /// So many for a worker, each ending what it runs as `body` says.
    pub fn hire(
        process: &Process,
        worker: u32,
        count: usize,
        body: impl Fn(&Work) -> Outcome<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let (stopping, body) = (Arc::new(AtomicBool::new(false)), Arc::new(body));
        let hire = |_| {
            let parker = Arc::new(Parker::new());
            let (remote, stopping) = (Arc::clone(&process.remote), Arc::clone(&stopping));
            let (body, own) = (Arc::clone(&body), Arc::clone(&parker));
            let run = move || {
                while !stopping.load(Ordering::Acquire) {
                    match remote.claim_started(worker, Lane::Sync, Some(Idle { parker: &own, wants: 1 })) {
                        Ok(Some(work)) => {
                            let outcome = body(&work);
                            let _ = remote.finish(work.at, work.fence, outcome, 0, None);
                        }
                        Ok(None) => drop(own.park(None)),
                        Err(_) => return,
                    }
                }
                remote.leave_idle(Lane::Sync, &own);
            };
            (parker, std::thread::spawn(run))
        };
        Self { threads: (0..count).map(hire).collect(), stopping }
    }

    /// Have them end after what they run.
    pub fn dismiss(self) {
        self.stopping.store(true, Ordering::Release);
        for (parker, thread) in self.threads {
            parker.unpark();
            thread.join().unwrap();
        }
    }
}

/// One thread's place at a worker, by hand.
pub struct Slot<'a> {
    process: &'a Process,
    worker: u32,
    pub parker: Arc<Parker>,
}

impl<'a> Slot<'a> {
    pub fn of(process: &'a Process, worker: u32) -> Self {
        Self { process, worker, parker: Arc::new(Parker::new()) }
    }

    /// What lies here, without waiting; the slot sleeps then.
    pub fn try_next(&self) -> Option<Work> {
        let idle = Some(Idle { parker: &self.parker, wants: 1 });
        self.process.remote.claim_started(self.worker, Lane::Sync, idle).unwrap()
    }

    /// The next to run; waits for it.
    pub fn next(&self) -> Work {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(work) = self.try_next() {
                return work;
            }
            assert!(self.parker.park(Some(until)), "no work within {PATIENCE:?}");
        }
    }
}

/// A body that returns its payload.
pub fn echo(work: &Work) -> Outcome<Vec<u8>> {
    Outcome::Success(work.payload.clone())
}
