//! What the processes of one user on one host hold together: large values, once, in shared memory.
//!
//! A value is a file, named by its digest, in a directory that only this user can enter. One process at a time
//! fetches and writes it; all of them map it, read-only, and so hold one copy. Nothing here is needed for anything
//! to be right: whatever goes wrong with the cache, the value is fetched into the memory of the process.
//!
//! - [`directory`]: a directory of this user alone, or a [`Reason`] why it cannot be used.
//! - [`folder`]: that of one engine and app. Each process that uses it holds a shared lock; who finds nobody else
//!   there cleans: at the end, or at the start after what was killed.
//! - [`part`]: a value being written, by the holder of its lock, which ends with the process.
//! - [`space`]: a part that is written while its value comes.
//! - [`room`]: how much may be kept.
//! - [`value`]: what a caller gets.
//!
//! It goes by owners, modes and locks as Unix has them. Elsewhere there is none: opening it says so.
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod directory;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
mod nowhere;
mod off;
mod options;
#[cfg(unix)]
mod part;
#[cfg(unix)]
mod room;
#[cfg(unix)]
mod space;
#[cfg(unix)]
mod value;

#[cfg(unix)]
pub use cache::HostCache;
#[cfg(not(unix))]
pub use nowhere::{HostCache, Space};
pub use off::{Off, Reason};
pub use options::{Options, Owned, Roots, Stats};
#[cfg(unix)]
pub use space::Space;
#[cfg(unix)]
pub use value::Shared;
