//! How much work to ask for.

use pynenc_core::engine::Lane;

use super::Station;
use super::lane::LaneState;
use crate::remote::Settings;
use crate::store::{ClaimRequest, Start};

/// How many one decision hands out: the server does nothing else meanwhile.
const MOST_CLAIMED: usize = 128;

/// How many times more may come than are asked for, where calls that were made together can stay together.
const STRETCH: usize = 2;

/// How much of a lane is wanted.
#[derive(Clone, Copy)]
struct Appetite {
    /// What threads could begin at once.
    wants: usize,
    /// That, and what may be fetched ahead.
    limit: usize,
    /// Whether some are for threads that are not free yet.
    ahead: bool,
}

impl Station {
    /// What to ask for, if anything: what threads could begin at once, and while bodies are short as many
    /// more as a moment's work.
    pub(super) fn plan_claim(&mut self, settings: &Settings, nonce: impl FnOnce() -> u64) -> Option<ClaimRequest> {
        if self.closed || self.lost || self.outbox.bytes() > settings.outbox_bytes {
            return None;
        }
        if self.unanswered.is_none() {
            let busy = self.lanes.each_mut().map(LaneState::take_ended);
            let (lanes, Appetite { limit, ahead, .. }) = self.next_lanes(busy, settings)?;
            lanes.iter().for_each(|&lane| self.lane(lane).ask());
            let start = if ahead { Start::Keyed } else { Start::All };
            // What is fetched ahead may be somewhat more, when that comes cheaper; the next claim asks for less.
            let most = if ahead { STRETCH * limit } else { limit };
            let worker = self.worker;
            self.unanswered = Some(ClaimRequest { worker, lanes, limit, most, nonce: nonce(), start });
        }
        self.unanswered.clone()
    }

    /// Where to ask, and for how much. One lane after the other: each wants a number of its own. But while there
    /// was nothing anywhere, one look at both will do, for as much as either could take.
    fn next_lanes(&mut self, busy: [bool; 2], settings: &Settings) -> Option<(Vec<Lane>, Appetite)> {
        self.turn = 1 - self.turn;
        let order = if self.turn == 1 { [Lane::Sync, Lane::Async] } else { [Lane::Async, Lane::Sync] };
        let hungry: Vec<(Lane, Appetite)> = order
            .into_iter()
            .filter_map(|lane| Some((lane, self.appetite(lane, busy[lane as usize], settings)?)))
            .collect();
        match hungry.as_slice() {
            [(_, one), (_, other)] if self.barren > 0 && busy == [false; 2] => {
                let wants = one.wants.min(other.wants);
                Some((vec![Lane::Sync, Lane::Async], Appetite { wants, limit: wants, ahead: false }))
            }
            [] => None,
            [(lane, appetite), ..] => Some((vec![*lane], *appetite)),
        }
    }

    /// For a lane; `busy` if slots have run bodies of it that end now, rather than children of a waiting body.
    fn appetite(&self, lane: Lane, busy: bool, settings: &Settings) -> Option<Appetite> {
        let state = &self.lanes[lane as usize];
        // Where it comes one by one nothing is there to be fetched ahead, and what there is begins at once.
        let streams = self.flow.is_on();
        let several = streams || !self.comes_singly;
        let ahead = if lane == Lane::Sync && several { self.pace.fit(settings.fetch_ahead) } else { 0 };
        let (wants, spare) = (state.wants(), state.spare());
        let asked = wants > 0 && (state.may_be_had() || (busy && (streams || !self.ends_alone)));
        let short = state.may_be_had() && busy && spare < ahead / 2;
        let limit = (wants + ahead.saturating_sub(spare)).min(MOST_CLAIMED);
        (asked || short).then_some(Appetite { wants: wants.min(MOST_CLAIMED), limit, ahead: ahead > 0 })
    }
}
