//! Registration of the extension module `pynenc._core`, and nothing else.

mod asynchronous;
mod body;
mod clock;
mod content_cache;
mod convert;
mod element;
mod engine;
mod error;
mod fingerprint;
mod fork;
mod gil;
mod group;
mod interrupt;
mod invocation;
mod live;
mod memory_engine;
mod plan;
mod pool;
mod redis_engine;
mod refused;
mod results;
mod runtime;
mod signature;
mod status;
mod task;
mod thread_cell;
mod wait;
mod weigh;
mod wire;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("build_profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    module.add("BodyInterrupt", module.py().get_type::<interrupt::BodyInterrupt>())?;
    module.add_function(wrap_pyfunction!(status::statuses, module)?)?;
    module.add_function(wrap_pyfunction!(status::transitions, module)?)?;
    module.add_function(wrap_pyfunction!(status::final_statuses, module)?)?;
    module.add_function(wrap_pyfunction!(status::claimable_statuses, module)?)?;
    module.add_function(wrap_pyfunction!(fork::_mark_forked, module)?)?;
    fingerprint::register(module)?;
    module.add_class::<content_cache::ContentCache>()?;
    memory_engine::register(module)?;
    module.add_class::<redis_engine::PyRedisEngine>()?;
    module.add_class::<engine::PyPipeline>()?;
    module.add_class::<runtime::PyRuntime>()?;
    module.add_class::<body::RunContext>()?;
    module.add_class::<task::TaskCore>()?;
    module.add_class::<invocation::InvocationHandle>()?;
    module.add_class::<group::PyGroup>()?;
    module.add_class::<results::Results>()?;
    module.add_class::<asynchronous::AsyncRun>()?;
    module.add_class::<pool::PyWorkerPool>()?;
    module.add_class::<wire::PyTaskWire>()?;
    fork::register(module)
}
