//! What a trip to the store brings: answers to ends, work, or a failure.

use std::time::{Duration, Instant};

use super::lane::Ready;
use super::outbox::Entry;
use crate::error::{RedisError, Result};
use crate::remote::after::After;
use crate::remote::shared::{Shared, State};
use crate::store::{ClaimRequest, Claims, Each, Taken, WorkerId};

/// How often in a row a claim is made again that brought nothing while something is queued: it may have moved
/// out of the way what cannot run now.
const MOST_BARREN: u32 = 1_000;
/// Before an end is sent again that the store could not take.
const BREATH: Duration = Duration::from_secs(1);

/// A trip that is over.
pub(super) struct Trip<'a, C> {
    pub(super) place: usize,
    /// The registration that it was made under; the worker may have another by now.
    pub(super) worker: WorkerId,
    pub(super) claim: Option<ClaimRequest>,
    pub(super) shared: &'a Shared<C>,
}

impl<C> State<C> {
    pub(super) fn bring_in(
        &mut self,
        trip: &Trip<'_, C>,
        ends: Vec<Entry>,
        answer: Result<(Each<()>, Claims)>,
        after: &mut After<C>,
    ) {
        match answer {
            Ok((answers, claims)) => {
                self.note_pace(trip, !ends.is_empty(), &claims);
                self.bring_answers(trip.place, ends, answers, after);
                if let Some(request) = &trip.claim {
                    self.bring_work(trip, request, claims, after);
                }
            }
            Err(failure) => self.bring_failure(trip, ends, &failure, after),
        }
        self.want_a_ring(&trip.shared.bell, after);
        if let Some(station) = self.stations.get(trip.place)
            && let Some(drained) = station.drained.as_ref().filter(|_| station.outbox.unacknowledged() == 0)
        {
            after.unpark(drained);
        }
    }

    fn bring_answers(&mut self, place: usize, ends: Vec<Entry>, answers: Each<()>, after: &mut After<C>) {
        let mut again = Vec::new();
        let mut answers = answers.into_iter();
        for entry in ends {
            match answers.next() {
                Some(Err(failure)) if !matches!(failure, RedisError::Refused(_)) => again.push(entry),
                None => again.push(entry),
                Some(answer) => {
                    if let Some(station) = self.stations.get_mut(place) {
                        station.outbox.acknowledge(1);
                    }
                    self.settled(entry, answer, after);
                }
            }
        }
        if !again.is_empty() {
            self.send_again(place, again, Instant::now() + BREATH);
        }
    }

    /// Whether ends had better ask for work along with them: a claim that finds something saves a trip, and one
    /// that finds nothing costs the server as much as the end. And whether what threads wait for comes one by one.
    fn note_pace(&mut self, trip: &Trip<'_, C>, has_ended: bool, claims: &Claims) {
        let Some(station) = self.stations.get_mut(trip.place) else { return };
        if trip.claim.is_some() {
            let (taken, nothing_left) = (claims.taken.len(), claims.queued == 0);
            station.flow.note(taken, claims.queued, claims.interval);
            if has_ended {
                station.ends_alone = taken == 0 && nothing_left;
            } else if taken > 0 {
                station.comes_singly = taken == 1 && nothing_left;
            }
            return;
        }
        for (lane, &queued) in station.lanes.iter_mut().zip(&claims.queued_by_lane) {
            if queued > 0 && lane.is_used() {
                lane.ring();
                station.ends_alone = false;
            }
        }
    }

    /// These go first on the next trip, which is not made before that moment.
    fn send_again(&mut self, place: usize, ends: Vec<Entry>, not_before: Instant) {
        if let Some(station) = self.stations.get_mut(place) {
            self.counters.resent += ends.len() as u64;
            station.outbox.put_back(ends);
            station.not_before = Some(not_before);
        }
    }

    fn bring_failure(&mut self, trip: &Trip<'_, C>, ends: Vec<Entry>, failure: &RedisError, after: &mut After<C>) {
        let now = Instant::now();
        if matches!(failure, RedisError::UnknownWorker(_)) {
            // The ends were taken, though the claim was not; that is heard when they are sent again.
            self.send_again(trip.place, ends, now);
            self.lose_lease(trip.place, trip.worker, after);
            after.unpark(&trip.shared.keeper);
        } else {
            self.send_again(trip.place, ends, now + trip.shared.pause_after(failure));
        }
    }

    fn bring_work(&mut self, trip: &Trip<'_, C>, request: &ClaimRequest, claims: Claims, after: &mut After<C>) {
        let now = Instant::now();
        let usable = self.note_claim(trip, request, &claims, after);
        for taken in claims.taken {
            self.bring_one(trip.place, taken, usable, now);
        }
        let Some(station) = self.stations.get_mut(trip.place) else { return };
        for lane in &mut station.lanes {
            lane.wake(after);
        }
    }

    /// What a claim says of the queue; whether what it brought can be used.
    fn note_claim(
        &mut self,
        trip: &Trip<'_, C>,
        request: &ClaimRequest,
        claims: &Claims,
        after: &mut After<C>,
    ) -> bool {
        let Some(station) = self.stations.get_mut(trip.place) else { return false };
        let taken = claims.taken.len();
        station.unanswered = None;
        station.barren = if taken == 0 { station.barren + 1 } else { 0 };
        let more = claims.queued > 0 && station.barren < MOST_BARREN;
        for &lane in &request.lanes {
            self.awaited[lane as usize] &= station.lane(lane).answered(more);
        }
        station.due = claims.next_due.map(|micros| Instant::now() + Duration::from_micros(micros));
        if let Some(due) = station.due.filter(|&due| due < station.next_tick) {
            // Should every thread of this worker run a body by then, another worker is woken for it.
            station.next_tick = due;
            after.unpark(&trip.shared.keeper);
        }
        !station.closed && station.worker == trip.worker
    }

    fn bring_one(&mut self, place: usize, taken: Taken, usable: bool, now: Instant) {
        let at = self.take_in(place, &taken);
        if !usable {
            self.give_back(at, taken.fence);
        } else if let Some(station) = self.stations.get_mut(place) {
            station.lane(taken.lane).push(Ready { at, since: now, taken });
        }
    }
}
