//! The shortest way to the functions: one connection behind one lock, no reconnect, no resend but what
//! a test asks for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pynenc_redis::error::{RedisError, Result};
use pynenc_redis::link::{Call, Link, Request};
use pynenc_redis::store::{AppId, LIBRARY};
use redis::Value;

/// Every call goes straight to the server, as often as is set.
pub struct Direct {
    prefix: String,
    connection: Mutex<redis::Connection>,
    times: AtomicUsize,
    passes_errors_on: AtomicBool,
}

impl Direct {
    pub fn new(mut connection: redis::Connection, app: &AppId) -> Self {
        // Another test on the same server may have loaded it.
        let loaded = redis::cmd("FUNCTION").arg("LOAD").arg(&LIBRARY.source).query::<String>(&mut connection);
        assert!(loaded.as_ref().map_or_else(|error| error.to_string().contains("exists"), |_| true), "{loaded:?}");
        Self {
            prefix: app.prefix(),
            connection: Mutex::new(connection),
            times: AtomicUsize::new(1),
            passes_errors_on: AtomicBool::new(false),
        }
    }

    /// Errors of functions are the caller's from now on; they end the test otherwise.
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
            let mut command = redis::cmd("FCALL");
            command.arg(&LIBRARY.functions[call.function]).arg(1).arg(&self.prefix).arg(&call.arguments);
            command.query(&mut *connection).map_err(|error| {
                let reason = error.to_string();
                let passes = self.passes_errors_on.load(Ordering::Relaxed);
                assert!(passes, "{} fails: {reason}", LIBRARY.functions[call.function]);
                RedisError::Full { server: "the test's".to_owned(), reason }
            })
        };
        let times = self.times.load(Ordering::Relaxed);
        let mut last = |call| (0..times).map(|_| send(call)).last().unwrap();
        Ok(calls.iter().map(&mut last).collect())
    }

    fn send(&self, requests: &[Request]) -> Result<Vec<Result<Value>>> {
        let plain = |command: &redis::Cmd| {
            let reply = command.query(&mut *self.connection.lock().unwrap());
            Ok(reply.map_err(|error: redis::RedisError| RedisError::Protocol(error.to_string())))
        };
        let one = |request: &Request| match request {
            Request::Run(call) => Ok(self.call(std::slice::from_ref(call))?.remove(0)),
            Request::Keep { key, bytes, millis } => {
                plain(redis::cmd("SET").arg(key).arg((**bytes).as_ref()).arg("NX").arg("PX").arg(*millis))
            }
            Request::Write { words } => {
                let send = |_| redis::Cmd::new().arg(words).query(&mut *self.connection.lock().unwrap());
                let times = self.times.load(Ordering::Relaxed);
                let reply = (0..times).map(send).last().unwrap();
                let full = |error: redis::RedisError| RedisError::Full {
                    server: "the test's".to_owned(),
                    reason: error.to_string(),
                };
                Ok(reply.map_err(full))
            }
            Request::Fetch { key, .. } => plain(redis::cmd("GET").arg(key)),
        };
        requests.iter().map(one).collect()
    }
}
