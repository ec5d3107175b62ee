//! How much work to ask for.

use pynenc_core::engine::Lane;

use super::Station;
use super::outbox::Entry;
use crate::remote::Settings;
use crate::store::{ClaimRequest, Start};

/// How many one decision hands out: the server does nothing else meanwhile.
const MOST_CLAIMED: usize = 128;

impl Station {
    /// What to ask for, if anything: what threads could begin at once, and while bodies are short as many
    /// more as a moment's work.
    pub(super) fn plan_claim(
        &mut self,
        settings: &Settings,
        ends: &[Entry],
        nonce: impl FnOnce() -> u64,
    ) -> Option<ClaimRequest> {
        if self.closed || self.lost || self.outbox.bytes() > settings.outbox_bytes {
            return None;
        }
        if self.unanswered.is_none() {
            self.turn = 1 - self.turn;
            let order = if self.turn == 1 { [Lane::Sync, Lane::Async] } else { [Lane::Async, Lane::Sync] };
            // Slots that ran bodies which end now, rather than children of a waiting body.
            let busy = ends.iter().any(|entry| entry.slip.is_none() && entry.settlement.ran.is_some());
            let (lane, limit, ahead) =
                order.into_iter().find_map(|lane| self.appetite(lane, busy, settings).map(|(l, a)| (lane, l, a)))?;
            self.lane(lane).ask();
            let start = if ahead { Start::Keyed } else { Start::All };
            let (lanes, worker) = (vec![lane], self.worker);
            self.unanswered = Some(ClaimRequest { worker, lanes, limit, nonce: nonce(), start });
        }
        self.unanswered.clone()
    }

    /// How many of a lane are wanted, and whether some are for threads that are not free yet.
    fn appetite(&self, lane: Lane, busy: bool, settings: &Settings) -> Option<(usize, bool)> {
        let state = &self.lanes[lane as usize];
        let ahead = if lane == Lane::Sync { self.pace.fit(settings.fetch_ahead) } else { 0 };
        let (wants, spare) = (state.wants(), state.spare());
        let asked = wants > 0 && (state.may_be_had() || busy);
        let short = state.may_be_had() && busy && spare < ahead / 2;
        if !asked && !short {
            return None;
        }
        let limit = (wants + ahead.saturating_sub(spare)).min(MOST_CLAIMED);
        Some((limit, ahead > 0))
    }
}
