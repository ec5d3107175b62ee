//! The decisions: each one script, typed, blocking, without state of its own.

use std::sync::LazyLock;

mod names;
mod notice;
mod types;

pub use names::{AppId, ClientId, WorkerId};
pub use notice::{Left, Notice};
pub use types::{
    Ancestor, Beat, ClaimRequest, Claims, Each, End, Ended, Event, NewCall, Pausing, Receipt, RecordView, Settlement,
    Taken,
};

/// A Lua script, as the server is given it.
#[derive(Debug)]
pub struct Script {
    /// Its file, without the ending.
    pub name: &'static str,
    /// Its text, shared parts included.
    pub source: String,
}

/// Every script, in the order by which [`crate::link::Call::script`] names them.
pub static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(Vec::new);
