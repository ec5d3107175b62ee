//! A process of its own, which does what it is told on its input and says on its output what came of it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use pynenc_host_cache::{HostCache, Options, Roots, Shared};

use super::{Fetching, PATIENCE, SCOPE, bytes_of, content, digest, owned};

const WORD: &str = "PYNENC_TEST_ACTOR";

/// The other side of the process.
pub(crate) struct Actor {
    child: Child,
    /// Until it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Actor {
    /// This test binary again, in its test `actor`.
    pub(crate) fn start(place: &Path) -> Self {
        Self::start_as(place, None)
    }

    pub(crate) fn start_as(place: &Path, user: Option<u32>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "actor", "--ignored", "--nocapture"]).env(WORD, place).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, answers }
    }

    pub(crate) fn tell(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
    }

    /// The next line that the process means for us.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the process has ended");
            if let Some(answer) = line.trim().strip_prefix("> ") {
                return answer.to_owned();
            }
        }
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.hear()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Let it come to its end.
    pub(crate) fn end(mut self) {
        drop(self.orders.take());
        self.answers.read_to_end(&mut Vec::new()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the test `actor` does.
pub(crate) fn act() {
    let Some(place) = std::env::var_os(WORD) else { return };
    let options = Options { roots: Roots::Below(place.into()), limit: 1 << 30, smallest: 0, patience: PATIENCE };
    let mut actor = Stage { options, cache: None, held: HashMap::new() };
    for order in stdin().lines() {
        let order = order.unwrap();
        let words: Vec<&str> = order.split(' ').collect();
        let answer = actor.obey(words[0], &words[1..]);
        say(&answer);
    }
}

fn say(answer: &str) {
    let mut out = stdout();
    writeln!(out, "\n> {answer}").unwrap();
    out.flush().unwrap();
}

struct Stage {
    options: Options,
    cache: Option<HostCache>,
    held: HashMap<u8, Shared>,
}

impl Stage {
    fn obey(&mut self, order: &str, words: &[&str]) -> String {
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        match order {
            "open" => match HostCache::open(SCOPE, &self.options) {
                Ok(cache) => {
                    self.cache = Some(cache);
                    "open".to_owned()
                }
                Err(off) => format!("off: {off}"),
            },
            "get" => self.get(number(0) as u8, number(1)),
            "stall" => self.stall(number(0) as u8, number(1)),
            "check" => self.check(number(0) as u8).to_owned(),
            "pss" => pss().to_string(),
            "read" => match std::fs::read(words[0]) {
                Ok(bytes) => format!("{} bytes", bytes.len()),
                Err(error) => error.kind().to_string(),
            },
            other => panic!("no such order: {other}"),
        }
    }

    /// Get a value, and keep it: whether it was fetched here, and where it is.
    fn get(&mut self, n: u8, length: usize) -> String {
        let mut fetched = "shared";
        let cache = self.cache.as_ref().unwrap();
        let got = cache.get_or_fetch(
            &digest(n),
            Some(length as u64),
            || true,
            || {
                fetched = "fetched";
                Ok::<_, ()>(owned(content(n, length)))
            },
        );
        let value = got.unwrap();
        let place = if value.is_mapped() { "mapped" } else { "private" };
        self.held.insert(n, value);
        format!("{fetched} {place} {}", self.check(n))
    }

    /// Begin to fetch a value, and never end.
    fn stall(&mut self, n: u8, length: usize) -> String {
        let cache = self.cache.as_ref().unwrap();
        let _ = cache.get_or_fetch(
            &digest(n),
            Some(length as u64),
            || true,
            || {
                say("fetching");
                loop {
                    thread::park();
                }
                #[allow(unreachable_code, reason = "it says of which type the error is")]
                Err(())
            },
        );
        "never said".to_owned()
    }

    fn check(&self, n: u8) -> &'static str {
        let value = &self.held[&n];
        if value.iter().copied().eq(bytes_of(n, value.len())) { "right" } else { "wrong" }
    }
}

/// Proportional set size of this process, in bytes.
fn pss() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
