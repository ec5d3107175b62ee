//! Outages of the server, told to Python.

use std::time::Duration;

use pynenc_redis::link::outage::Witness;
use pyo3::prelude::*;

/// Callables that are told: of a loss with the server and the reason, of its end with the server and the seconds.
pub(super) struct Callables {
    pub(super) lost: Py<PyAny>,
    pub(super) back: Py<PyAny>,
}

impl Witness for Callables {
    fn lost(&self, server: &str, why: &str) {
        tell(&self.lost, |callable| callable.call1((server, why)).map(drop));
    }

    fn back(&self, server: &str, away: Duration) {
        tell(&self.back, |callable| callable.call1((server, away.as_secs_f64())).map(drop));
    }
}

/// Nobody is told once the interpreter ends, and an error has nobody else to go to than its hook for such.
fn tell(callable: &Py<PyAny>, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>) {
    Python::try_attach(|py| {
        let callable = callable.bind(py);
        if let Err(error) = call(callable) {
            error.write_unraisable(py, Some(callable));
        }
    });
}
