//! The Redis and Valkey engine of pynenc; knows nothing of Python.
//!
//! Every decision about invocations is one Lua function ([`store`]), run on the server's clock under
//! one hash tag, fenced by attempt and nonce, and safe to send again when a reply was lost.
//! [`link`] carries the functions: one connection that pipelines whatever is waiting.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod blobs;
pub mod error;
pub mod host;
pub mod link;
pub mod patience;
pub mod remote;
pub mod store;
