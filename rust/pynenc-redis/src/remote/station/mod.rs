//! One worker of this process: what it holds, who of its threads sleeps, and what it has to tell the store.

mod appetite;
mod beat;
mod bring;
mod claim;
mod courier;
mod doorbell;
mod ending;
mod flow;
mod hand_back;
mod lane;
mod outbox;
mod pace;
mod round;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use pynenc_core::engine::{Fence, Lane};
use pynenc_core::id::Ref;
use pynenc_core::park::Parker;
use rustc_hash::FxHashSet;

use super::News;
use super::after::After;
use super::server::Hold;
use crate::store::{ClaimRequest, WorkerId};

pub(super) use doorbell::Bell;
use flow::Flow;
use lane::LaneState;
use outbox::Outbox;
use pace::Pace;

pub(super) struct Station {
    name: Arc<str>,
    tasks: Vec<Arc<str>>,
    /// Its registration with the store; a new one after its lease was lost.
    worker: WorkerId,
    /// Its lease was lost: it claims nothing until it is registered again.
    lost: bool,
    /// It claims no more.
    closed: bool,
    /// It has handed everything back.
    retired: bool,
    lanes: [LaneState; 2],
    outbox: Outbox,
    held: FxHashSet<Ref>,
    /// Given to a thread while the store counts them as claimed only, since when.
    unreported: VecDeque<(Ref, Fence, Instant)>,
    pace: Pace,
    courier: Arc<Parker>,
    /// Who waits until the store has acknowledged everything.
    drained: Option<Arc<Parker>>,
    /// The doorbell waits for less than is wanted now, and has to be told.
    interrupt_bell: bool,
    /// Something is on its way to the store.
    in_flight: bool,
    /// A claim whose answer is not known: sent again as it was, it is answered with the same work.
    unanswered: Option<ClaimRequest>,
    /// How many claims in a row brought nothing.
    barren: u32,
    /// The last claim that went along with ends found nothing, and since then nothing was queued when bodies ended.
    /// Ends go without one, then, and the doorbell says when there is something.
    ends_alone: bool,
    /// The last claim of threads that waited found one, and no more.
    comes_singly: bool,
    flow: Flow,
    /// The store cannot be worked with before.
    not_before: Option<Instant>,
    /// When something delayed will be due, as far as the store has told.
    due: Option<Instant>,
    /// Which lane is asked for first.
    turn: usize,
    timer: Option<Arc<Parker>>,
    news: Vec<News>,
    next_beat: Instant,
    next_tick: Instant,
}

impl Station {
    fn new(name: &str, tasks: Vec<Arc<str>>, worker: WorkerId, now: Instant) -> Self {
        Self {
            name: Arc::from(name),
            tasks,
            worker,
            lost: false,
            closed: false,
            retired: false,
            lanes: [LaneState::new(), LaneState::new()],
            outbox: Outbox::default(),
            held: FxHashSet::default(),
            unreported: VecDeque::new(),
            pace: Pace::default(),
            courier: Arc::new(Parker::new()),
            drained: None,
            interrupt_bell: false,
            in_flight: false,
            unanswered: None,
            barren: 0,
            ends_alone: false,
            comes_singly: false,
            flow: Flow::default(),
            not_before: None,
            due: None,
            turn: 0,
            timer: None,
            news: Vec::new(),
            next_beat: now,
            next_tick: now,
        }
    }

    pub(super) fn lane(&mut self, lane: Lane) -> &mut LaneState {
        &mut self.lanes[lane as usize]
    }

    /// Have the courier look at once.
    pub(super) fn call_courier<C>(&self, after: &mut After<C>) {
        if !self.in_flight {
            after.unpark(&self.courier);
        }
    }

    /// Whatever the courier does, have it look.
    pub(super) fn wake<C>(&self, after: &mut After<C>) {
        after.unpark(&self.courier);
    }

    /// A wait is over; told before anything that its body says from now on.
    pub(super) fn resume_soon<C>(&mut self, waiter: Hold, after: &mut After<C>) {
        self.outbox.resume(waiter);
        self.call_courier(after);
    }

    /// Something that its bodies have to be told.
    pub(super) fn tell<C>(&mut self, news: News, after: &mut After<C>) {
        self.news.push(news);
        if let Some(timer) = &self.timer {
            after.unpark(timer);
        }
    }

    /// A run of this place is no longer here.
    pub(super) fn let_go(&mut self, at: Ref, lane: Lane) {
        self.held.remove(&at);
        self.lanes[lane as usize].discard(at);
    }
}
