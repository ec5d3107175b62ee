//! A wire with one script, which returns what it is given and counts its calls.

use std::sync::LazyLock;
use std::time::Duration;

use pynenc_redis::link::Call;
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::link::wire::Wire;
use pynenc_redis::store::Script;
use redis::Value;

pub static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| {
    let script = |name, source: &str| Script { name, source: source.to_owned() };
    vec![
        script("echo", include_str!("lua/echo.lua")),
        script("keep", include_str!("lua/keep.lua")),
        script("broken", include_str!("lua/broken.lua")),
    ]
});
pub const PREFIX: &str = "pynenc:1:{test}:";

/// Short limits, for servers that do not answer.
pub const HASTY: Timing = Timing {
    connect: Duration::from_millis(500),
    reply: Duration::from_millis(500),
    overall: Duration::from_secs(2),
    first: Duration::from_secs(1),
};

pub fn wire(url: &str) -> Wire {
    wire_with(url, Timing::default())
}

pub fn wire_with(url: &str, timing: Timing) -> Wire {
    Wire::new(Route::new(url.parse().unwrap(), PREFIX, timing).unwrap(), &SCRIPTS)
}

/// A call with these arguments.
pub fn echo(words: &[&str]) -> Call {
    let arguments = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Call { script: 0, arguments, refusable: false }
}

/// A call that may write even when the server's memory is full.
pub fn keep(word: &str) -> Call {
    Call { script: 1, arguments: vec![word.as_bytes().to_vec()], refusable: false }
}

/// A call of a script that does not compile.
pub fn broken() -> Call {
    Call { script: 2, arguments: Vec::new(), refusable: false }
}

/// What [`echo`] returns.
pub fn echoed(words: &[&str]) -> Value {
    let bulk = |word: &str| Value::BulkString(word.as_bytes().to_vec());
    Value::Array(std::iter::once(PREFIX).chain(words.iter().copied()).map(bulk).collect())
}
