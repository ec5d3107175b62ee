//! Calls that are made one by one are staged, until the next function takes them in (`lua/staging.lua`).

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use pynenc_core::id::InvocationId;
use redis::Value;

use super::ids::{IdRow, Ids};
use super::library::Which;
use super::names::AppId;
use super::types::NewCall;
use super::{Store, record};
use crate::error::{RedisError, Result};
use crate::link::Request;

/// So many calls of one process are staged at most.
const MOST: u32 = 64;
/// More than these would only raise false alarms.
const MOST_TOKENS: i64 = 64;
/// What a function that may not write says while something is staged.
const STAGED: &str = "STAGED";

/// Where calls are staged and for whom it is rung then, and how many were staged here.
pub(super) struct Staging {
    key: Vec<u8>,
    bells: [Vec<u8>; 2],
    count: AtomicU32,
    /// Of the ids of those that may be staged together.
    row: Mutex<IdRow>,
}

impl Staging {
    pub(super) fn of(app: &AppId) -> Self {
        let name = |name: &str| format!("{}{name}", app.prefix()).into_bytes();
        Self { key: name("st"), bells: [name("tok:0"), name("tok:1")], count: AtomicU32::new(0), row: Mutex::default() }
    }

    pub(super) fn next_id(&self, ids: &Ids) -> InvocationId {
        ids.next(&mut self.row.lock())
    }
}

/// Whether a call may be staged: nothing has to be decided about it, and nothing comes before it.
pub(super) fn fits(call: &NewCall) -> bool {
    record::is_usual(call) && call.blobs.is_empty()
}

impl Store {
    /// Stage a call, and wake one worker.
    ///
    /// # Errors
    /// [`RedisError::Full`]: it was not taken.
    pub(super) fn stage(&self, call: &NewCall) -> Result<()> {
        let bell = &self.staging.bells[call.lane as usize];
        let write = |words: &[&[u8]]| Request::Write { words: words.iter().map(|word| word.to_vec()).collect() };
        let entry = self.entry(call)?;
        let mut requests =
            vec![write(&[b"XADD", &self.staging.key, b"*", b"c", &entry]), write(&[b"RPUSH", bell, b"1"])];
        if self.staging.count.fetch_add(1, Ordering::Relaxed) % MOST == MOST - 1 {
            requests.push(Request::Run(self.call(Which::Drain, Vec::new())));
        }
        let mut answers = self.link.send(&requests)?.into_iter();
        answers.next().unwrap_or_else(|| Err(RedisError::Protocol("a call has no reply".into())))?;
        // It was taken, whatever became of the bell.
        match answers.next() {
            Some(Ok(Value::Int(1))) => {
                // Somebody has been here, and has taken what came before.
                self.staging.row.lock().part();
                Ok(())
            }
            Some(Ok(Value::Int(tokens))) if tokens <= MOST_TOKENS => Ok(()),
            _ => {
                let _ = self.ask(Which::Drain, Vec::new());
                Ok(())
            }
        }
    }

    /// A call as it is staged.
    fn entry(&self, call: &NewCall) -> Result<Vec<u8>> {
        let written = record::write(call, 0, 0)?;
        let mut entry = Vec::with_capacity(34 + written.text.len());
        entry.extend(written.kind);
        entry.extend(call.id.to_bytes());
        entry.extend(self.time().to_be_bytes());
        entry.extend(written.text.get(2..).unwrap_or_default());
        Ok(entry)
    }

    /// Ask a function; one that may not write is asked again behind one that takes in what is staged.
    pub(super) fn ask(&self, which: Which, arguments: Vec<Vec<u8>>) -> Result<Value> {
        let mut calls = vec![self.call(which, arguments)];
        loop {
            let mut answer = Err(RedisError::Protocol("a call has no reply".into()));
            for one in self.link.call(&calls)? {
                answer = Ok(one?);
            }
            match answer {
                Ok(Value::SimpleString(said)) if said == STAGED => {}
                answer => return answer,
            }
            if calls.len() == 1 {
                calls.insert(0, self.call(Which::Drain, Vec::new()));
            }
        }
    }
}
