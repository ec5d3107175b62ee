//! The library of functions that the server runs: the rules, the shared parts, and a file for each function.
//!
//! A library and not a script each: a script makes everything that it stands on anew whenever it runs, which
//! costs more than most of them do.

use std::fmt::Write;
use std::sync::LazyLock;

use pynenc_core::status::{ALL, Status};

/// Functions in Lua, as the server is given them.
#[derive(Debug)]
pub struct Library {
    /// What the server calls it: by its contents, so that releases side by side do not meet.
    pub name: String,
    /// Its text.
    pub source: String,
    /// What the server calls its functions, in the order by which [`crate::link::Call::function`] names them.
    pub functions: Vec<String>,
}

/// A function as it is written: its file without the ending, and the flags by which the server knows it.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name of its file.
    pub name: &'static str,
    /// As Lua has them in a table: `'allow-oom'`.
    pub flags: &'static str,
    /// The function of Lua that it is handed to, and that makes of it what the server calls; empty: none.
    pub within: &'static str,
    /// A chunk of Lua whose value is the function.
    pub text: &'static str,
}

impl Library {
    /// A library of these functions, which stand on `shared`.
    #[must_use]
    pub fn new(shared: &str, functions: &[Function]) -> Self {
        let texts = functions.iter().flat_map(|function| [function.name, function.flags, function.text]);
        let digest = redis::Script::new(&std::iter::once(shared).chain(texts).collect::<String>());
        let name = format!("pynenc_{}", digest.get_hash());
        let mut source = format!("#!lua name={name}\n{shared}");
        let mut names = Vec::new();
        for Function { name: file, flags, within, text } in functions {
            let called = format!("{name}_{file}");
            let _ = writeln!(
                source,
                "redis.register_function{{function_name='{called}', flags={{{flags}}}, \
                 callback={within}((function()\n{text}end)())}}"
            );
            names.push(called);
        }
        Self { name, source, functions: names }
    }
}

/// Which function; the number is its place in [`LIBRARY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Submit,
    Work,
    ClaimAwaited,
    Start,
    Pause,
    Resume,
    Cancel,
    Watch,
    Unwatch,
    Ancestors,
    Register,
    Know,
    Beat,
    Lose,
    Tick,
    Read,
    Counts,
    Scan,
    Heads,
    Members,
    Peek,
    Drop,
    Lacking,
    Keep,
    Shed,
    Drain,
}

/// What the server must know of a function before it runs it.
#[derive(Clone, Copy)]
enum Kind {
    /// Takes new work in: refused when the server is out of memory.
    Grows,
    /// What is needed in order to finish: runs even then.
    Finishes,
    /// That, and hands out work.
    Claims,
    /// Writes nothing.
    Reads,
}

/// The text of a file.
macro_rules! lua {
    ($name:literal) => {
        include_str!(concat!("../lua/", $name, ".lua"))
    };
}

/// In an order in which each stands on those before it.
const SHARED: [&str; 19] = [
    lua!("base"),
    lua!("record"),
    lua!("queue"),
    lua!("keys"),
    lua!("notices"),
    lua!("blobs"),
    lua!("ending"),
    lua!("bundle"),
    lua!("bundle_records"),
    lua!("bundle_moves"),
    lua!("retention"),
    lua!("intake"),
    lua!("staging"),
    lua!("entrance"),
    lua!("take"),
    lua!("plain"),
    lua!("claim"),
    lua!("settle"),
    lua!("leases"),
];

macro_rules! function {
    ($which:ident, $name:literal, $kind:ident) => {
        (
            Which::$which,
            Function { name: $name, flags: Kind::$kind.flags(), within: Kind::$kind.within(), text: lua!($name) },
        )
    };
}

/// In the order of [`Which`].
const FUNCTIONS: [(Which, Function); 26] = [
    function!(Submit, "submit", Grows),
    function!(Work, "work", Claims),
    function!(ClaimAwaited, "claim_awaited", Finishes),
    function!(Start, "start", Finishes),
    function!(Pause, "pause", Finishes),
    function!(Resume, "resume", Finishes),
    function!(Cancel, "cancel", Finishes),
    function!(Watch, "watch", Finishes),
    function!(Unwatch, "unwatch", Finishes),
    function!(Ancestors, "ancestors", Reads),
    function!(Register, "register", Finishes),
    function!(Know, "know", Finishes),
    function!(Beat, "beat", Finishes),
    function!(Lose, "lose", Finishes),
    function!(Tick, "tick", Finishes),
    function!(Read, "read", Reads),
    function!(Counts, "counts", Reads),
    function!(Scan, "scan", Reads),
    function!(Heads, "heads", Reads),
    function!(Members, "members", Reads),
    function!(Peek, "peek", Reads),
    function!(Drop, "drop", Finishes),
    function!(Lacking, "lacking", Reads),
    function!(Keep, "keep", Finishes),
    function!(Shed, "shed", Finishes),
    function!(Drain, "drain", Finishes),
];

/// Every decision about invocations.
pub static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let shared = statuses() + &SHARED.concat();
    Library::new(&shared, &FUNCTIONS.map(|(_, function)| function))
});

impl Kind {
    const fn flags(self) -> &'static str {
        match self {
            Self::Grows => "",
            Self::Finishes | Self::Claims => "'allow-oom'",
            Self::Reads => "'no-writes'",
        }
    }

    /// How it begins (`lua/entrance.lua`).
    const fn within(self) -> &'static str {
        match self {
            Self::Grows | Self::Finishes => "writes",
            Self::Claims => "claims",
            Self::Reads => "reads",
        }
    }
}

impl Which {
    /// Whether the server may refuse it for want of memory.
    pub(crate) fn is_refusable(self) -> bool {
        matches!(self, Self::Submit)
    }
}

/// The status table of the core as Lua reads it: a name for each code, and rows of `0` and `1`.
///
/// Rows are texts: a byte of one is found as fast as an element of a table.
fn statuses() -> String {
    let row = |yes: &dyn Fn(Status) -> bool| ALL.map(|status| if yes(status) { '1' } else { '0' }).iter().collect();
    let moves: String = ALL.map(|from| row(&|to| from.can_move_to(to))).concat();
    let (held, last): (String, String) = (row(&Status::is_held), row(&Status::is_final));
    let mut text = String::from("-- The status table, from pynenc-core.\n");
    for status in ALL {
        let _ = writeln!(text, "local {} = {}", status.name().to_uppercase(), status as u8);
    }
    let _ = writeln!(text, "local MOVES = '{moves}'\nlocal HELD = '{held}'\nlocal FINAL = '{last}'");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_stands_in_its_place() {
        for (place, (which, function)) in FUNCTIONS.iter().enumerate() {
            assert_eq!(*which as usize, place, "{}", function.name);
            assert!(LIBRARY.functions[place].ends_with(function.name));
        }
    }

    #[test]
    fn the_rows_say_what_the_table_says() {
        let text = statuses();
        assert!(text.contains("local REROUTED = 6\n"));
        let moves = text.split("MOVES = '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or("");
        for from in ALL {
            for to in ALL {
                let told = moves.as_bytes()[from as usize * ALL.len() + to as usize] == b'1';
                assert_eq!(told, from.can_move_to(to), "{from:?} to {to:?}");
            }
        }
    }
}
