//! A wire with a function that returns what it is given and counts its calls.

use std::sync::LazyLock;
use std::time::Duration;

use pynenc_redis::link::Call;
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::link::wire::Wire;
use pynenc_redis::store::{Function, Library};
use redis::Value;

pub static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    Library::new(
        "",
        &[
            Function { name: "echo", flags: "", within: "", text: include_str!("lua/echo.lua") },
            Function { name: "keep", flags: "'allow-oom'", within: "", text: include_str!("lua/keep.lua") },
        ],
    )
});
static BROKEN: LazyLock<Library> = LazyLock::new(|| {
    Library::new("", &[Function { name: "broken", flags: "", within: "", text: include_str!("lua/broken.lua") }])
});
pub const PREFIX: &str = "pynenc:4:{test}:";

/// Short limits, for servers that do not answer.
pub const HASTY: Timing = Timing {
    connect: Duration::from_millis(500),
    reply: Duration::from_millis(500),
    overall: Duration::from_secs(2),
    first: Duration::from_secs(1),
    pause: Duration::from_secs(2),
};

pub fn wire(url: &str) -> Wire {
    wire_with(url, Timing::default())
}

pub fn wire_with(url: &str, timing: Timing) -> Wire {
    Wire::new(Route::new(url.parse().unwrap(), PREFIX, timing).unwrap(), &LIBRARY)
}

/// A wire for functions that do not compile.
pub fn broken_wire(url: &str) -> Wire {
    Wire::new(Route::new(url.parse().unwrap(), PREFIX, Timing::default()).unwrap(), &BROKEN)
}

/// A call with these arguments.
pub fn echo(words: &[&str]) -> Call {
    let arguments = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Call { function: 0, arguments, refusable: false }
}

/// A call that may write even when the server's memory is full.
pub fn keep(word: &str) -> Call {
    Call { function: 1, arguments: vec![word.as_bytes().to_vec()], refusable: false }
}

/// What [`echo`] returns.
pub fn echoed(words: &[&str]) -> Value {
    let bulk = |word: &str| Value::BulkString(word.as_bytes().to_vec());
    Value::Array(std::iter::once(PREFIX).chain(words.iter().copied()).map(bulk).collect())
}
