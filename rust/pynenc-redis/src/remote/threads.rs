//! The threads of one engine: started when needed, and gone when it is closed.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct Count {
    alive: usize,
    closed: bool,
}

/// How many are alive; they end by themselves once they see that the engine closes.
#[derive(Debug, Default)]
pub(super) struct Threads {
    count: Arc<(Mutex<Count>, Condvar)>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

/// One more, until it is dropped: by the end of the thread, however it comes.
struct Alive(Arc<(Mutex<Count>, Condvar)>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.lock().alive -= 1;
        self.0.1.notify_all();
    }
}

thread_local! {
    /// Whether this thread is one of an engine: it cannot wait for itself to end.
    static OURS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl Threads {
    /// Start one; not any more once closed.
    pub(super) fn start(&self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        {
            let mut count = self.count.0.lock();
            if count.closed {
                return Ok(());
            }
            count.alive += 1;
        }
        let alive = Alive(Arc::clone(&self.count));
        let run = move || {
            let _alive = alive;
            OURS.set(true);
            body();
        };
        let handle = std::thread::Builder::new().name(format!("pynenc-{name}")).spawn(run)?;
        self.handles.lock().push(handle);
        Ok(())
    }

    /// Start no more.
    pub(super) fn close(&self) {
        self.count.0.lock().closed = true;
    }

    /// Wait until all have ended, the calling one aside; whether they have before the time was over.
    pub(super) fn join(&self, until: Instant) -> bool {
        let own = usize::from(OURS.get());
        let mut count = self.count.0.lock();
        while count.alive > own {
            if self.count.1.wait_until(&mut count, until).timed_out() {
                return false;
            }
        }
        drop(count);
        // Each has counted itself out: what is left of it is the system's part, and that is short.
        for handle in std::mem::take(&mut *self.handles.lock()) {
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
        true
    }
}
