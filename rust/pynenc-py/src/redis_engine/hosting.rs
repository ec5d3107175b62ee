//! The cache of the host, as settings name it and as its figures are shown.

use pynenc_host_cache::{Options, Roots};
use pynenc_redis::remote::Remote;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::engine::Sent;

/// Take part in it; why not, if that is impossible.
pub(super) fn join(remote: &Remote<Sent>, scope: &str, directory: &str, max_bytes: u64) -> Option<String> {
    let roots = if directory.is_empty() { Roots::Standard } else { Roots::Below(directory.into()) };
    let options = Options { roots, limit: max_bytes, ..Options::default() };
    remote.host().join(scope, &options).err().map(|off| off.to_string())
}

pub(super) fn stats<'py>(py: Python<'py>, remote: &Remote<Sent>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(stats) = remote.host().stats() else { return Ok(None) };
    let dict = PyDict::new(py);
    dict.set_item("hits", stats.hits)?;
    dict.set_item("fills", stats.fills)?;
    dict.set_item("private", stats.private)?;
    dict.set_item("evicted", stats.evicted)?;
    dict.set_item("bytes", stats.bytes)?;
    dict.set_item("limit", stats.limit)?;
    Ok(Some(dict))
}
