//! The library in Lua uses the globals that are there, and makes none.
//!
//! A `local` that was forgotten is found only when that line runs, and then by the server. So a server compiles the
//! library, and here its bytecode (that of Lua 5.1, which all servers have) is searched for whatever is a global to it.

use std::collections::BTreeSet;

use pynenc_redis::store::LIBRARY;

use crate::rig::Server;
use crate::server;

const KNOWN: [&str; 11] =
    ["bit", "ipairs", "math", "pairs", "redis", "string", "struct", "table", "tonumber", "tostring", "unpack"];
const GET_GLOBAL: u32 = 5;
const SET_GLOBAL: u32 = 7;

/// A global where it is used: its line, its name, and whether it is set there.
type Use = (usize, String, bool);

/// A compiled chunk, read from the front.
struct Chunk<'a>(&'a [u8]);

impl Chunk<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn int(&mut self) -> usize {
        self.word() as usize
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let size = u64::from_le_bytes(self.take(8).try_into().unwrap());
        let text = self.take(usize::try_from(size).unwrap());
        String::from_utf8_lossy(text.strip_suffix(b"\0").unwrap_or_default()).into_owned()
    }

    fn words(&mut self) -> Vec<u32> {
        (0..self.int()).map(|_| self.word()).collect()
    }

    fn constant(&mut self) -> String {
        match self.byte() {
            0 => String::new(),
            1 => self.byte().to_string(),
            3 => f64::from_le_bytes(self.take(8).try_into().unwrap()).to_string(),
            4 => self.text(),
            other => panic!("no constant of type {other}"),
        }
    }

    /// A function and those in it.
    fn function(&mut self, uses: &mut BTreeSet<Use>) {
        self.text();
        self.take(4 + 4 + 4); // its lines; its upvalues, parameters and stack
        let code = self.words();
        let constants: Vec<String> = (0..self.int()).map(|_| self.constant()).collect();
        (0..self.int()).for_each(|_| self.function(uses));
        let lines = self.words();
        for _ in 0..self.int() {
            self.text();
            self.take(8);
        }
        (0..self.int()).for_each(|_| drop(self.text()));
        for (instruction, line) in code.into_iter().zip(lines) {
            let operation = instruction & 0x3f;
            if operation == GET_GLOBAL || operation == SET_GLOBAL {
                let name = constants[(instruction >> 14) as usize].clone();
                uses.insert((line as usize, name, operation == SET_GLOBAL));
            }
        }
    }
}

/// What is a global to this source.
fn globals(server: &Server, source: &str) -> BTreeSet<Use> {
    let compiled: Vec<u8> = server.ask(&["EVAL", include_str!("../rig/lua/compile.lua"), "0", source]);
    // Version 5.1; little-endian; 4, 8, 4 and 8 bytes for an int, a size, an instruction and a number.
    let rest = compiled.strip_prefix(b"\x1bLua\x51\0\x01\x04\x08\x04\x08\0").unwrap();
    let (mut chunk, mut uses) = (Chunk(rest), BTreeSet::new());
    chunk.function(&mut uses);
    assert!(chunk.0.is_empty(), "{} bytes are left", chunk.0.len());
    uses
}

#[test]
fn the_library_uses_known_globals_and_makes_none() {
    let server = server!();
    let source = format!("--{}", LIBRARY.source);
    let uses = globals(&server, &source);
    let strange: Vec<String> = uses
        .iter()
        .filter(|(_, name, set)| *set || !KNOWN.contains(&name.as_str()))
        .map(|(line, name, _)| format!("{name}: {}", source.lines().nth(line - 1).unwrap_or_default().trim()))
        .collect();
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(uses.iter().any(|(_, name, _)| name == "redis"));
}

#[test]
fn a_forgotten_local_is_found_wherever_it_is() {
    let server = server!();
    let found: Vec<Use> = globals(&server, include_str!("../rig/lua/slips.lua")).into_iter().collect();
    let expected = [(2, "redis", false), (3, "slipped", true), (7, "missing", false)];
    assert_eq!(found, expected.map(|(line, name, set)| (line, name.to_owned(), set)));
}
