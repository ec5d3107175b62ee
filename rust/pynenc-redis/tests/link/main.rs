//! The transport, on real servers and on peers that misbehave.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

#[path = "../rig/mod.rs"]
mod rig;

mod faults;
mod fitness;
mod large;
mod patience;
mod peers;
mod places;
mod refusals;
mod tls;
mod waking;
mod wire;
