//! What the engine should do, written plainly: vectors, searches from end to end, no index.
#![allow(unreachable_pub, reason = "a part of one test")]

use std::collections::{HashMap, VecDeque};

use pynenc_core::engine::{Fence, Limits};
use pynenc_core::status::Status::{
    self, Cancelled, Failed, Paused, Pending, Registered, Rerouted, Retry, Running, Scheduled, Success,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Queue,
    Delay(u64),
    Line,
    Hands,
    Ended,
}

/// The rules of a submission, a letter for each key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub registration: Option<u8>,
    pub running: Option<u8>,
    pub result: Option<u8>,
    pub arguments: u8,
    pub raise: bool,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub status: Status,
    pub place: Place,
    pub lane: usize,
    pub keys: Keys,
    pub history: Vec<Status>,
    /// Those of all claims, the last of which may hold it.
    pub fences: Vec<Fence>,
    pub worker: u32,
    /// When it was claimed last, in claims.
    claimed: usize,
    pub retries: u32,
    pub losses: u8,
    pub cancel: bool,
    pub awaited: bool,
    pub awaits: Vec<usize>,
    pub interest: u32,
    overdue: bool,
    pub gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    New(usize),
    Reused(usize, bool),
    Cached(usize),
    Refused(usize),
}

/// Why the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Expired,
    Fenced,
    Transition,
    Cycle,
    UnknownWorker,
}

type Refused<T> = Result<T, Refusal>;

#[derive(Debug)]
pub struct Model {
    pub now: u64,
    limits: Limits,
    pub items: Vec<Item>,
    /// Deadlines of those that are not lost.
    pub workers: Vec<(u32, u64)>,
    results: HashMap<u8, usize>,
    kept: VecDeque<(usize, u64, u64)>,
    /// Whose ends have been told since this was last emptied.
    pub told: Vec<usize>,
    claims: usize,
}

impl Model {
    pub fn new(now: u64, limits: Limits) -> Self {
        let (items, workers, told) = (vec![], vec![], vec![]);
        Self { now, limits, items, workers, results: HashMap::new(), kept: VecDeque::new(), told, claims: 0 }
    }

    pub fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.items.len()).filter(|&i| !self.items[i].gone)
    }

    pub fn queued(&self, lane: usize) -> usize {
        self.living().filter(|&i| self.items[i].place == Place::Queue && self.items[i].lane == lane).count()
    }

    /// The next time at which a tick has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        let delays = self.living().filter_map(|i| match self.items[i].place {
            Place::Delay(due) => Some(due),
            _ => None,
        });
        let leases = self.workers.iter().map(|&(_, deadline)| deadline);
        let old = self.kept.front().map(|&(_, ended, _)| ended + self.limits.keep_for);
        delays.chain(leases).chain(old).min()
    }

    fn to(&mut self, i: usize, status: Status) {
        self.items[i].status = status;
        self.items[i].history.push(status);
    }

    // --- submission ---

    pub fn submit(&mut self, lane: usize, delay: u64, keys: Keys) -> Answer {
        if let Some(&i) = keys.result.and_then(|key| self.results.get(&key)) {
            self.items[i].interest += 1;
            return Answer::Cached(i);
        }
        let not_started = [Scheduled, Registered, Pending, Retry, Rerouted];
        let stands = |&i: &usize| {
            self.items[i].keys.registration == keys.registration && not_started.contains(&self.items[i].status)
        };
        let standing = keys.registration.and_then(|_| self.living().find(stands));
        if let Some(i) = standing {
            let same = self.items[i].keys.arguments == keys.arguments;
            if !same && keys.raise {
                return Answer::Refused(i);
            }
            self.items[i].interest += 1;
            return Answer::Reused(i, same);
        }
        let (status, place) =
            if delay == 0 { (Registered, Place::Queue) } else { (Scheduled, Place::Delay(self.now + delay)) };
        self.items.push(Item {
            status,
            place,
            lane,
            keys,
            history: vec![status],
            fences: vec![],
            worker: 0,
            claimed: 0,
            retries: 0,
            losses: 0,
            cancel: false,
            awaited: false,
            awaits: vec![],
            interest: 1,
            overdue: false,
            gone: false,
        });
        Answer::New(self.items.len() - 1)
    }

    fn promote(&mut self) {
        for i in self.living().collect::<Vec<_>>() {
            if matches!(self.items[i].place, Place::Delay(due) if due <= self.now) {
                self.items[i].place = Place::Queue;
                if self.items[i].status == Scheduled {
                    self.to(i, Registered);
                }
            }
        }
    }

    // --- claiming ---

    pub fn holder(&self, key: u8) -> Option<usize> {
        let mut holders =
            self.living().filter(|&i| self.items[i].keys.running == Some(key) && self.items[i].status.is_held());
        let holder = holders.next();
        assert_eq!(holders.next(), None, "two hold the key {key}");
        holder
    }

    fn is_blocked(&self, i: usize) -> bool {
        self.items[i].keys.running.is_some_and(|key| self.holder(key).is_some_and(|holder| holder != i))
    }

    fn known(&self, worker: u32) -> Refused<()> {
        self.workers.iter().find(|&&(known, _)| known == worker).map(drop).ok_or(Refusal::UnknownWorker)
    }

    /// Those that are claimed; their fences are still to be noted.
    pub fn claim(&mut self, worker: u32, lanes: &[usize], limit: usize) -> Refused<Vec<usize>> {
        self.known(worker)?;
        self.promote();
        let mut claimed = vec![];
        while claimed.len() < limit {
            let Some(i) = lanes.iter().find_map(|&lane| self.claim_next(lane, worker)) else { break };
            claimed.push(i);
        }
        Ok(claimed)
    }

    fn claim_next(&mut self, lane: usize, worker: u32) -> Option<usize> {
        loop {
            let queued = self.living().filter(|&i| self.items[i].place == Place::Queue && self.items[i].lane == lane);
            let i = queued.min_by_key(|&i| (!self.items[i].awaited, i))?;
            if !self.is_blocked(i) {
                self.take(i, worker);
                return Some(i);
            }
            self.to(i, Rerouted);
            self.items[i].place = Place::Line;
        }
    }

    fn take(&mut self, i: usize, worker: u32) {
        self.to(i, Pending);
        self.claims += 1;
        let item = &mut self.items[i];
        (item.place, item.worker, item.claimed) = (Place::Hands, worker, self.claims);
    }

    // --- what a holder may do ---

    fn held(&self, i: usize, fence: Fence) -> Refused<Status> {
        let item = &self.items[i];
        match item {
            Item { gone: true, .. } => Err(Refusal::Expired),
            _ if item.status.is_held() && item.fences.last() == Some(&fence) => Ok(item.status),
            _ => Err(Refusal::Fenced),
        }
    }

    fn held_as(&self, i: usize, fence: Fence, any: &[Status]) -> Refused<()> {
        if any.contains(&self.held(i, fence)?) { Ok(()) } else { Err(Refusal::Transition) }
    }

    pub fn start(&mut self, i: usize, fence: Fence) -> Refused<()> {
        self.held_as(i, fence, &[Pending])?;
        self.to(i, Running);
        Ok(())
    }

    pub fn finish(&mut self, i: usize, fence: Fence, to: Status, bytes: u64) -> Refused<()> {
        let from: &[Status] = if to == Success { &[Running] } else { &[Pending, Running, Paused] };
        self.held_as(i, fence, from)?;
        self.end(i, to, bytes);
        Ok(())
    }

    pub fn retry(&mut self, i: usize, fence: Fence, delay: u64) -> Refused<()> {
        self.held(i, fence)?;
        if self.items[i].cancel {
            self.end(i, Cancelled, 0);
            return Ok(());
        }
        self.held_as(i, fence, &[Running])?;
        let place = if delay == 0 { Place::Queue } else { Place::Delay(self.now + delay) };
        self.items[i].retries += 1;
        self.let_go(i, Retry, place);
        Ok(())
    }

    pub fn release(&mut self, i: usize, fence: Fence) -> Refused<()> {
        self.held(i, fence)?;
        match self.items[i].cancel {
            true => self.end(i, Cancelled, 0),
            false => self.let_go(i, Rerouted, Place::Queue),
        }
        Ok(())
    }

    pub fn resume(&mut self, i: usize, fence: Fence) -> Refused<()> {
        self.held_as(i, fence, &[Paused])?;
        self.to(i, Running);
        self.items[i].awaits.clear();
        Ok(())
    }

    pub fn pause(&mut self, i: usize, fence: Fence, awaited: &[usize]) -> Refused<bool> {
        let status = self.held(i, fence)?;
        if awaited.is_empty() || awaited.iter().any(|&j| self.items[j].gone || self.items[j].status.is_final()) {
            return Ok(false);
        }
        if awaited.iter().any(|&j| self.leads_to(j, i, &mut vec![])) {
            return Err(Refusal::Cycle);
        }
        self.held_as(i, fence, &[Running, Paused])?;
        if status == Running {
            self.to(i, Paused);
        }
        self.items[i].awaits = awaited.to_vec();
        awaited.iter().for_each(|&j| self.items[j].awaited = true);
        Ok(true)
    }

    /// Whether `next` must end before `i` can.
    pub fn waits_for(&self, i: usize, next: usize) -> bool {
        let item = &self.items[i];
        match item.status {
            Paused => item.awaits.contains(&next),
            Scheduled | Registered | Retry | Rerouted => {
                item.keys.running.is_some_and(|key| self.holder(key) == Some(next))
            }
            _ => false,
        }
    }

    fn leads_to(&self, i: usize, target: usize, seen: &mut Vec<usize>) -> bool {
        if i == target {
            return true;
        }
        if seen.contains(&i) {
            return false;
        }
        seen.push(i);
        self.living().any(|next| self.waits_for(i, next) && self.leads_to(next, target, seen))
    }

    pub fn claim_awaited(&mut self, i: usize, fence: Fence, target: usize) -> Refused<bool> {
        let status = self.held(i, fence)?;
        let queued =
            !self.items[target].gone && self.items[target].place == Place::Queue && self.items[target].lane == 0;
        if !queued || self.is_blocked(target) {
            return Ok(false);
        }
        self.held_as(i, fence, &[Running, Paused])?;
        if status == Running {
            self.to(i, Paused);
        }
        self.items[i].awaits = vec![target];
        self.items[target].awaited = true;
        self.take(target, self.items[i].worker);
        self.to(target, Running);
        Ok(true)
    }

    pub fn cancel(&mut self, i: usize) -> Refused<Option<bool>> {
        match self.items[i] {
            Item { gone: true, .. } => Err(Refusal::Expired),
            Item { status: Running | Paused, .. } => {
                self.items[i].cancel = true;
                Ok(Some(false))
            }
            Item { status, .. } if status.is_final() => Ok(None),
            _ => {
                self.end(i, Cancelled, 0);
                Ok(Some(true))
            }
        }
    }

    // --- ends and returns ---

    fn end(&mut self, i: usize, to: Status, bytes: u64) {
        self.leave(i, to, Place::Ended);
        if to == Success
            && let Some(key) = self.items[i].keys.result
        {
            self.results.insert(key, i);
        }
        self.told.push(i);
        self.kept.push_back((i, self.now, bytes));
        self.drop_old();
    }

    fn let_go(&mut self, i: usize, to: Status, place: Place) {
        self.leave(i, to, place);
    }

    /// Go from wherever it is to a place that is not a worker's hands; its key may wake another.
    fn leave(&mut self, i: usize, to: Status, place: Place) {
        self.to(i, to);
        let item = &mut self.items[i];
        (item.place, item.worker) = (place, 0);
        item.awaits.clear();
        let Some(key) = item.keys.running else { return };
        if self.holder(key).is_none() {
            let in_line = |&j: &usize| self.items[j].place == Place::Line && self.items[j].keys.running == Some(key);
            let next = self.living().find(in_line);
            if let Some(next) = next {
                self.items[next].place = Place::Queue;
            }
        }
    }

    // --- workers ---

    pub fn register(&mut self, worker: u32) {
        self.workers.push((worker, self.now + self.limits.lease));
    }

    pub fn renew(&mut self, worker: u32) -> bool {
        let deadline = self.now + self.limits.lease;
        self.workers.iter_mut().find(|known| known.0 == worker).map(|known| known.1 = deadline).is_some()
    }

    pub fn lose(&mut self, worker: u32) -> Vec<usize> {
        self.workers.retain(|&(known, _)| known != worker);
        let mut held: Vec<usize> = match worker {
            0 => vec![],
            _ => self.living().filter(|&i| self.items[i].worker == worker).collect(),
        };
        held.sort_by_key(|&i| self.items[i].claimed);
        for &i in &held {
            let started = self.items[i].status != Pending;
            self.items[i].losses += u8::from(started);
            if self.items[i].cancel {
                self.end(i, Cancelled, 0);
            } else if started && self.items[i].losses >= self.limits.max_losses {
                self.end(i, Failed, 0);
            } else {
                self.let_go(i, Rerouted, Place::Queue);
            }
        }
        held
    }

    pub fn tick(&mut self) {
        self.promote();
        let silent: Vec<u32> = self.workers.iter().filter(|known| known.1 <= self.now).map(|known| known.0).collect();
        for worker in silent {
            self.lose(worker);
        }
        self.drop_old();
    }

    // --- retention ---

    fn drop_old(&mut self) {
        while let Some(&(i, ended, _)) = self.kept.front() {
            let bytes: u64 = self.kept.iter().map(|&(_, _, bytes)| bytes).sum();
            let within = self.kept.len() <= self.limits.keep_count && bytes <= self.limits.keep_bytes;
            if within && self.now < ended + self.limits.keep_for {
                return;
            }
            self.kept.pop_front();
            if self.items[i].interest == 0 {
                self.drop_item(i);
            } else {
                self.items[i].overdue = true;
            }
        }
    }

    fn drop_item(&mut self, i: usize) {
        self.items[i].gone = true;
        self.results.retain(|_, &mut other| other != i);
    }

    pub fn remember(&mut self, i: usize) -> bool {
        self.items[i].interest += 1;
        !self.items[i].gone
    }

    pub fn forget(&mut self, i: usize) {
        let item = &mut self.items[i];
        item.interest = item.interest.saturating_sub(1);
        if !item.gone && item.interest == 0 && item.overdue {
            self.drop_item(i);
        }
    }

    pub fn purge(&mut self) -> usize {
        let all: Vec<usize> = self.living().collect();
        for &i in &all {
            if !self.items[i].status.is_final() {
                self.told.push(i);
            }
            self.drop_item(i);
        }
        self.kept.clear();
        all.len()
    }
}
