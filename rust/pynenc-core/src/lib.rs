//! The rules and the memory engine of pynenc; knows nothing of Python.
//!
//! An **invocation** is one call that the engine answers for. A worker **claims** it under a
//! **lease** and is given a **fence** (attempt and nonce); every later write must show that fence,
//! so a worker that was given up for lost can change nothing. Each operation of
//! [`engine::MemoryEngine`] is one whole decision under one lock.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clock;
pub mod content_cache;
pub mod engine;
pub mod error;
pub mod fingerprint;
pub mod id;
pub mod park;
pub mod places;
pub mod slab;
pub mod status;
mod sync;
