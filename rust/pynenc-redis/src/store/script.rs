//! The scripts: each file with the shared parts that it needs before it, and the rules before them.

use std::fmt::Write;
use std::sync::LazyLock;

use pynenc_core::status::{ALL, Status};

/// A Lua script, as the server is given it.
#[derive(Debug)]
pub struct Script {
    /// Its file, without the ending.
    pub name: &'static str,
    /// Its text, shared parts included.
    pub source: String,
}

/// Which script; the number is its place in [`SCRIPTS`].
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
    Peek,
    Drop,
}

/// What the server must know of a script before it runs it.
#[derive(Clone, Copy)]
enum Kind {
    /// Takes new work in: refused when the server is out of memory.
    Grows,
    /// What is needed in order to finish: runs even then.
    Finishes,
    /// Writes nothing.
    Reads,
}

/// A shared part, and those that it stands on.
macro_rules! lua {
    ($name:literal) => {
        include_str!(concat!("../lua/", $name, ".lua"))
    };
}

const BASE: &[&str] = &[lua!("base"), lua!("record")];
const QUEUE: &[&str] = &[lua!("queue")];
const KEYS: &[&str] = &[lua!("keys")];
const NOTICES: &[&str] = &[lua!("notices")];
const ENDING: &[&str] = &[lua!("ending"), lua!("retention")];
const TAKE: &[&str] = &[lua!("take")];
const CLAIM: &[&str] = &[lua!("claim")];
const SETTLE: &[&str] = &[lua!("settle")];
const LEASES: &[&str] = &[lua!("leases")];

type Recipe = (Which, &'static str, Kind, &'static [&'static [&'static str]], &'static str);

macro_rules! recipe {
    ($which:ident, $name:literal, $kind:ident, [$($part:ident),*]) => {
        (Which::$which, $name, Kind::$kind, &[$($part),*], lua!($name))
    };
}

/// In the order of [`Which`].
const RECIPES: [Recipe; 21] = [
    recipe!(Submit, "submit", Grows, [BASE, QUEUE, KEYS, NOTICES]),
    recipe!(Work, "work", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, TAKE, CLAIM, SETTLE]),
    recipe!(ClaimAwaited, "claim_awaited", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, TAKE]),
    recipe!(Start, "start", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, SETTLE]),
    recipe!(Pause, "pause", Finishes, [BASE, QUEUE, KEYS]),
    recipe!(Resume, "resume", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, SETTLE]),
    recipe!(Cancel, "cancel", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING]),
    recipe!(Watch, "watch", Finishes, [BASE, NOTICES]),
    recipe!(Unwatch, "unwatch", Finishes, [BASE]),
    recipe!(Ancestors, "ancestors", Reads, [BASE]),
    recipe!(Register, "register", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, LEASES]),
    recipe!(Know, "know", Finishes, [BASE, QUEUE]),
    recipe!(Beat, "beat", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, LEASES]),
    recipe!(Lose, "lose", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, LEASES]),
    recipe!(Tick, "tick", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING, LEASES]),
    recipe!(Read, "read", Reads, [BASE]),
    recipe!(Counts, "counts", Reads, [BASE]),
    recipe!(Scan, "scan", Reads, [BASE]),
    recipe!(Heads, "heads", Reads, [BASE]),
    recipe!(Peek, "peek", Reads, [BASE]),
    recipe!(Drop, "drop", Finishes, [BASE, QUEUE, KEYS, NOTICES, ENDING]),
];

/// Every script, in the order by which [`crate::link::Call::script`] names them.
pub static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| RECIPES.iter().map(made).collect());

fn made(&(_, name, kind, parts, text): &Recipe) -> Script {
    let flags = match kind {
        Kind::Grows => "#!lua\n",
        Kind::Finishes => "#!lua flags=allow-oom\n",
        Kind::Reads => "#!lua flags=no-writes\n",
    };
    let shared: String = parts.iter().flat_map(|part| part.iter().copied()).collect();
    Script { name, source: format!("{flags}{}{shared}{text}", statuses()) }
}

impl Which {
    /// Whether the server may refuse it for want of memory.
    pub(crate) fn is_refusable(self) -> bool {
        matches!(self, Self::Submit)
    }
}

/// The status table of the core as Lua reads it: a name for each code, and rows of `0` and `1`.
///
/// Rows are texts because a text costs nothing to make: every run of a script makes its tables anew.
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
    fn every_script_stands_in_its_place() {
        for (place, recipe) in RECIPES.iter().enumerate() {
            assert_eq!(recipe.0 as usize, place, "{}", recipe.1);
            assert_eq!(SCRIPTS[place].name, recipe.1);
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
