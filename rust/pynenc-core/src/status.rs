//! The statuses of an invocation and the one table of allowed moves between them.
//!
//! Every engine and every language reads this table; none writes a rule of its own.

/// Where an invocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Waits in the queue for its first run.
    Registered,
    /// Waits for its time before it is registered.
    Scheduled,
    /// Claimed by a worker that has not started the body.
    Pending,
    /// The body runs.
    Running,
    /// The body waits for other invocations; it keeps its lease and key, not its worker slot.
    Paused,
    /// Ended by an error that its task retries; waits in the queue, or for its delay.
    Retry,
    /// Handed back, rescued, or set aside by a running rule.
    Rerouted,
    /// Ended with a result; final.
    Success,
    /// Ended with an error; final.
    Failed,
    /// Called off; final.
    Cancelled,
}

use Status::{Cancelled, Failed, Paused, Pending, Registered, Rerouted, Retry, Running, Scheduled, Success};

/// Every status, in code order.
pub const ALL: [Status; 10] =
    [Registered, Scheduled, Pending, Running, Paused, Retry, Rerouted, Success, Failed, Cancelled];

/// Every allowed move; `None` is an invocation that does not exist yet.
pub const TRANSITIONS: [(Option<Status>, Status); 27] = [
    (None, Registered),
    (None, Scheduled),
    (Some(Scheduled), Registered),
    (Some(Scheduled), Cancelled),
    (Some(Registered), Pending),
    (Some(Registered), Rerouted),
    (Some(Registered), Cancelled),
    (Some(Rerouted), Pending),
    (Some(Rerouted), Rerouted),
    (Some(Rerouted), Cancelled),
    (Some(Retry), Pending),
    (Some(Retry), Rerouted),
    (Some(Retry), Cancelled),
    (Some(Pending), Running),
    (Some(Pending), Rerouted),
    (Some(Pending), Failed),
    (Some(Pending), Cancelled),
    (Some(Running), Paused),
    (Some(Running), Success),
    (Some(Running), Failed),
    (Some(Running), Retry),
    (Some(Running), Rerouted),
    (Some(Running), Cancelled),
    (Some(Paused), Running),
    (Some(Paused), Failed),
    (Some(Paused), Rerouted),
    (Some(Paused), Cancelled),
];

/// One bit a target status, one row a source status: the table in the form that is looked up.
const MOVES: [u16; ALL.len()] = {
    let mut rows = [0_u16; ALL.len()];
    let mut edge = 0;
    while edge < TRANSITIONS.len() {
        if let (Some(from), to) = TRANSITIONS[edge] {
            rows[from as usize] |= 1 << to as u8;
        }
        edge += 1;
    }
    rows
};

impl Status {
    /// Whether the table allows the move to `next`.
    #[must_use]
    pub const fn can_move_to(self, next: Self) -> bool {
        MOVES[self as usize] & (1 << next as u8) != 0
    }

    /// Whether nothing may follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        MOVES[self as usize] == 0
    }

    /// Whether a worker may claim it.
    #[must_use]
    pub const fn is_claimable(self) -> bool {
        self.can_move_to(Pending)
    }

    /// Whether a worker holds it, under a lease.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Pending | Running | Paused)
    }

    /// The name that Python, Lua and people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Registered => "registered",
            Scheduled => "scheduled",
            Pending => "pending",
            Running => "running",
            Paused => "paused",
            Retry => "retry",
            Rerouted => "rerouted",
            Success => "success",
            Failed => "failed",
            Cancelled => "cancelled",
        }
    }

    /// The status of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|status| status.name() == name)
    }
}
