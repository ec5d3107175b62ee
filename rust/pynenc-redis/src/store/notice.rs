//! What the store tells a process on its channel, several notices a message.

use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;

/// Something that a process asked to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An invocation has ended.
    Ended {
        /// Which.
        id: InvocationId,
        /// A final status.
        status: Status,
        /// How many workers were lost with it.
        losses: u8,
        /// What it left behind.
        value: Left,
    },
    /// A worker of this process holds it, and is asked to stop its body.
    Cancel(InvocationId),
    /// It was dropped before it ended.
    Dropped(InvocationId),
}

/// What an ended invocation left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it was called off, or its worker was lost for good.
    Nothing,
    /// A result or an error.
    Value(Vec<u8>),
    /// A result or an error that is too large for a notice: read it.
    Large,
}
