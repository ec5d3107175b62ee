//! The shortest way to the scripts: one connection behind one lock, no reconnect, no resend but what
//! a test asks for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pynenc_redis::error::{RedisError, Result};
use pynenc_redis::link::{Call, Link};
use pynenc_redis::store::{AppId, SCRIPTS};
use redis::Value;

/// Every call goes straight to the server, as often as is set.
pub struct Direct {
    prefix: String,
    connection: Mutex<redis::Connection>,
    shas: Vec<String>,
    times: AtomicUsize,
    passes_errors_on: AtomicBool,
}

impl Direct {
    pub fn new(mut connection: redis::Connection, app: &AppId) -> Self {
        let mut load = |source: &str| redis::cmd("SCRIPT").arg("LOAD").arg(source).query(&mut connection).unwrap();
        let shas = SCRIPTS.iter().map(|script| load(&script.source)).collect();
        Self {
            prefix: app.prefix(),
            connection: Mutex::new(connection),
            shas,
            times: AtomicUsize::new(1),
            passes_errors_on: AtomicBool::new(false),
        }
    }

    /// Errors of scripts are the caller's from now on; they end the test otherwise.
    pub fn pass_errors_on(&self) {
        self.passes_errors_on.store(true, Ordering::Relaxed);
    }

    /// From now on send every call so many times and answer with the last reply, as after replies
    /// that were lost.
    pub fn send_each(&self, times: usize) {
        self.times.store(times, Ordering::Relaxed);
    }
}

impl Link for Direct {
    fn call(&self, calls: &[Call]) -> Result<Vec<Result<Value>>> {
        let mut connection = self.connection.lock().unwrap();
        let mut send = |call: &Call| {
            let mut command = redis::cmd("EVALSHA");
            command.arg(&self.shas[call.script]).arg(1).arg(&self.prefix).arg(&call.arguments);
            command.query(&mut *connection).map_err(|error| {
                let reason = error.to_string();
                let passes = self.passes_errors_on.load(Ordering::Relaxed);
                assert!(passes, "{} fails: {reason}", SCRIPTS[call.script].name);
                RedisError::Full { server: "the test's".to_owned(), reason }
            })
        };
        let times = self.times.load(Ordering::Relaxed);
        let mut last = |call| (0..times).map(|_| send(call)).last().unwrap();
        Ok(calls.iter().map(&mut last).collect())
    }
}
