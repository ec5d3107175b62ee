//! Reading the input of a stream, a few chunks ahead of the workers.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pynenc_core::park::Subscription;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator};

use super::{Chunk, PyGroup};
use crate::element::bind_element;
use crate::engine::InCommon;
use crate::gil;
use crate::live::Caller;

/// A stream is fed until this many chunks are submitted and not ended.
const CHUNKS_AHEAD: u64 = 4;

/// How long the feeder lets others have the interpreter for the sake of the first result.
const HEAD_START: Duration = Duration::from_millis(1);

/// What an input has given in this time is submitted, whether it fills a chunk or not.
const SLOW_INPUT: Duration = Duration::from_millis(20);

/// Between two attempts to submit to a full engine: from the first, doubling, to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

pub(super) struct Feed {
    pub(super) items: Py<PyAny>,
    pub(super) common: Option<Py<PyDict>>,
    pub(super) chunk: usize,
    pub(super) parent: Option<Caller>,
    pub(super) in_common: InCommon,
}

/// Whether there may be more to read.
#[derive(PartialEq, Eq)]
enum Input {
    Goes,
    Ended,
}

impl PyGroup {
    pub(super) fn feed_to_the_end(&self, py: Python<'_>) {
        let (Some(feed), Some(inbox)) = (self.feed.lock().take(), &self.stream) else { return };
        let fed = self.feed_all(py, &feed, inbox);
        drop(feed);
        let given_up = {
            let mut members = self.members.lock();
            members.complete = true;
            // Whoever closed the group wants no more of the input, and not to know what was not submitted.
            members.failure = fed.err().filter(|_| !members.closed);
            members.given_up
        };
        inbox.nudge();
        if given_up {
            self.call_off_unstarted(py); // what was on its way while the reader did this
        }
    }

    fn feed_all(&self, py: Python<'_>, feed: &Feed, inbox: &Subscription) -> PyResult<()> {
        let items = feed.items.bind(py).try_iter()?;
        // Small chunks first, for the sake of the first result.
        let mut size = 1;
        loop {
            let submitted = {
                let members = self.members.lock();
                if members.closed {
                    return Ok(());
                }
                members.places.len() as u64
            };
            let ahead = CHUNKS_AHEAD * feed.chunk as u64;
            if submitted >= inbox.delivered() + ahead {
                // Woken when half is done: fewer wake-ups, and the workers never run dry.
                let goal = submitted - ahead / 2;
                gil::release(py, || inbox.wait_delivered(goal, None));
                continue;
            }
            if self.feed_chunk(py, feed, &items, size)? == Input::Ended {
                return Ok(());
            }
            if size < feed.chunk {
                size = (2 * size).min(feed.chunk);
                gil::release(py, || inbox.wait_delivered(1, Some(Instant::now() + HEAD_START)));
            }
        }
    }

    fn feed_chunk(&self, py: Python<'_>, feed: &Feed, items: &Bound<'_, PyIterator>, size: usize) -> PyResult<Input> {
        let task = self.task.bind(py);
        let mut chunk = Chunk::new(&self.plan, size);
        let first = self.members.lock().places.len();
        let began = Instant::now();
        let mut input = Ok(Input::Goes);
        for index in first..first + size {
            let next = match items.clone().next() {
                None => {
                    input = Ok(Input::Ended);
                    break;
                }
                Some(item) => item.and_then(|item| {
                    let values = bind_element(&self.plan, &item, feed.common.as_ref().map(|c| c.bind(py)), index)?;
                    chunk.add(task, &self.plan, values, feed.parent, &feed.in_common)
                }),
            };
            if let Err(failed) = next {
                input = Err(failed);
                break;
            }
            if began.elapsed() >= SLOW_INPUT {
                break;
            }
        }
        if chunk.batch.len() > 0 {
            let room = Room::new(self);
            self.submit(py, chunk, Some(&|| room.wait()))?;
        }
        input
    }
}

/// Waiting for room in a full engine, so that what was read from the input is not lost.
struct Room<'a> {
    group: &'a PyGroup,
    until: Instant,
    pause: Mutex<Duration>,
}

impl<'a> Room<'a> {
    fn new(group: &'a PyGroup) -> Self {
        let until = Instant::now() + group.runtime.engine.patience_for_room();
        Self { group, until, pause: Mutex::new(PAUSES.0) }
    }

    /// Sleep a little; whether to go on: `false` when it has taken too long, or the group was closed.
    fn wait(&self) -> bool {
        let now = Instant::now();
        let Some(inbox) = self.group.stream.as_ref().filter(|_| now < self.until) else { return false };
        let pause = {
            let mut pause = self.pause.lock();
            let next = (2 * *pause).min(PAUSES.1);
            std::mem::replace(&mut *pause, next)
        };
        // The only end of this sleep before its time is a nudge: the group was closed.
        inbox.wait_delivered(u64::MAX, Some(self.until.min(now + pause)));
        !self.group.members.lock().closed
    }
}
