//! From what Python has set to an engine that is ready to connect.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::clock::Clock;
use pynenc_core::engine::Limits;
use pynenc_redis::link::address::Address;
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::Online;
use pynenc_redis::store::AppId;
use pyo3::prelude::*;

use crate::clock::micros;
use crate::convert::Seconds;

impl Seconds {
    pub(super) fn timing(&self) -> PyResult<Timing> {
        let duration = |seconds, name| Ok::<_, PyErr>(Duration::from_micros(micros(seconds, name)?));
        Ok(Timing {
            connect: duration(self.connect, "connect")?,
            reply: duration(self.reply, "reply")?,
            overall: duration(self.overall, "overall")?,
            first: duration(self.first, "first")?,
            ..Timing::default()
        })
    }
}

/// How often in a lease, at least, a worker tries to come back to a server that is away.
const RETURNS: u32 = 4;

pub(super) fn open(
    url: &str,
    app_id: &str,
    timing: Timing,
    limits: Limits,
    clock: Option<Arc<dyn Clock>>,
) -> pynenc_redis::error::Result<Online> {
    let address: Address = url.parse()?;
    let timing = Timing { pause: timing.pause.min(Duration::from_micros(limits.lease) / RETURNS), ..timing };
    let app = AppId::new(app_id)?;
    let route = Route::new(address, app.prefix(), timing)?;
    Ok(Online::new(route, &app, limits, clock))
}
