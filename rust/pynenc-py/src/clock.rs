//! A clock that tests move.

use std::sync::Arc;

use pynenc_core::clock::{Clock, ManualClock, Micros};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A clock that moves only when told to; seconds since the epoch.
#[pyclass(name = "ManualClock", module = "pynenc._core", frozen)]
pub(crate) struct PyManualClock(pub(crate) Arc<ManualClock>);

const SECOND: f64 = 1e6;

/// Seconds as the core counts them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be finite and not negative")]
pub(crate) fn micros(seconds: f64, what: &str) -> PyResult<Micros> {
    if seconds.is_finite() && (0.0..=9e12).contains(&seconds) {
        return Ok((seconds * SECOND).round() as Micros);
    }
    Err(PyValueError::new_err(format!("{what} is {seconds}: a finite number of seconds, 0 or more, is accepted")))
}

/// The core's time as Python counts it.
#[expect(clippy::cast_precision_loss, reason = "microseconds of this epoch fit in 53 bits")]
pub(crate) fn seconds(micros: Micros) -> f64 {
    micros as f64 / SECOND
}

#[pymethods]
impl PyManualClock {
    #[new]
    #[pyo3(signature = (now = 1_000_000_000.0))]
    fn new(now: f64) -> PyResult<Self> {
        Ok(Self(Arc::new(ManualClock::new(micros(now, "now")?))))
    }

    fn now(&self) -> f64 {
        seconds(self.0.now())
    }

    #[pyo3(signature = (seconds, /))]
    fn advance(&self, seconds: f64) -> PyResult<()> {
        self.0.advance(micros(seconds, "the step")?);
        Ok(())
    }
}
