//! The status table, as Python reads it.

use pynenc_core::status::{ALL, Status, TRANSITIONS};
use pyo3::prelude::*;

fn names(keep: impl Fn(Status) -> bool) -> Vec<&'static str> {
    ALL.into_iter().filter(|&status| keep(status)).map(Status::name).collect()
}

/// Names of the statuses, in code order.
#[pyfunction]
pub(crate) fn statuses() -> Vec<&'static str> {
    names(|_| true)
}

/// Every allowed edge; `None` is a new invocation.
#[pyfunction]
pub(crate) fn transitions() -> Vec<(Option<&'static str>, &'static str)> {
    TRANSITIONS.iter().map(|&(from, to)| (from.map(Status::name), to.name())).collect()
}

/// Names of the statuses that nothing follows.
#[pyfunction]
pub(crate) fn final_statuses() -> Vec<&'static str> {
    names(Status::is_final)
}

/// Names of the statuses that a worker may claim.
#[pyfunction]
pub(crate) fn claimable_statuses() -> Vec<&'static str> {
    names(Status::is_claimable)
}
