//! The store's decisions on a real server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are not seen as tests, and may panic as they may"
)]

#[path = "../rig/mod.rs"]
mod rig;

mod again;
mod apps;
mod blobs;
mod bundles;
mod doctor;
mod globals;
mod lanes;
mod leases;
mod payloads;
mod servers;
mod staging;
mod story;
mod waits;
