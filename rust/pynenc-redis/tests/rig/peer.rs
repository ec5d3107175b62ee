//! A peer that answers as a test wants it to, for what no real server can be made to say.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the peer does about one command.
pub enum Act {
    /// Say these bytes.
    Say(Vec<u8>),
    /// Say these bytes and hang up.
    SayAndClose(Vec<u8>),
    /// Say these bytes one by one, with pauses.
    Drip(Vec<u8>),
    /// Say nothing.
    Ignore,
}

pub fn say(text: &str) -> Option<Act> {
    Some(Act::Say(text.as_bytes().to_vec()))
}

/// What a server of this kind answers to HELLO.
pub fn hello(software: &str, version: &str, mode: &str, role: &str) -> Vec<u8> {
    let fields = [("server", software), ("version", version), ("mode", mode), ("role", role)];
    let pair = |(name, value): (&str, &str)| format!("${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len());
    format!("*8\r\n{}", fields.map(pair).concat()).into_bytes()
}

type Answer = dyn Fn(usize, &[String]) -> Option<Act> + Send + Sync;

/// A listening peer. It stops when it is dropped.
pub struct Peer {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<Answer>,
    stopped: AtomicBool,
    connections: AtomicUsize,
    heard: Mutex<Vec<Vec<String>>>,
}

impl Peer {
    /// Answer by `answer`, which is given how many commands came before (over all connections, the usual
    /// ones not counted) and the words of the command; where it returns nothing, as a good server would.
    pub fn start(answer: impl Fn(usize, &[String]) -> Option<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stopped, connections) = (AtomicBool::new(false), AtomicUsize::new(0));
        let shared = Arc::new(Shared { answer: Box::new(answer), stopped, connections, heard: Mutex::default() });
        let own = Arc::clone(&shared);
        thread::spawn(move || own.accept(&listener));
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Every command that it was sent, but for the usual ones.
    pub fn heard(&self) -> Vec<Vec<String>> {
        self.shared.heard.lock().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            let own = Arc::clone(self);
            thread::spawn(move || own.serve(stream.unwrap()));
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(words) = command(&mut reader) {
            let usual = matches!(words[0].as_str(), "HELLO" | "CLIENT" | "FUNCTION");
            let before = {
                let mut heard = self.heard.lock().unwrap();
                let before = heard.len();
                if !usual {
                    heard.push(words.clone());
                }
                before
            };
            let act = (self.answer)(before, &words).unwrap_or_else(|| usual_answer(&words));
            if !perform(&stream, act) {
                return;
            }
        }
    }
}

fn perform(mut stream: &TcpStream, act: Act) -> bool {
    match act {
        Act::Say(bytes) => stream.write_all(&bytes).is_ok(),
        Act::SayAndClose(bytes) => {
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            false
        }
        Act::Drip(bytes) => bytes.iter().all(|byte| {
            thread::sleep(std::time::Duration::from_millis(15));
            stream.write_all(&[*byte]).is_ok()
        }),
        Act::Ignore => true,
    }
}

fn usual_answer(words: &[String]) -> Act {
    Act::Say(match words[0].as_str() {
        "HELLO" => hello("valkey", "9.0.0", "standalone", "master"),
        "PING" => b"+PONG\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    })
}

/// The next command, or nothing at the end.
fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = number(reader, '*')?;
    (0..count).map(|_| word(reader)).collect()
}

fn word(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = vec![0; number(reader, '$')? + 2];
    reader.read_exact(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned())
}

fn number(reader: &mut impl BufRead, kind: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.strip_prefix(kind)?.trim_end().parse().ok()
}
