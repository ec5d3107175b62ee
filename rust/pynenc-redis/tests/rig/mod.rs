//! A real server for a test: started on a private socket or a loopback port, killed at the end.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "each test file uses a part of it, and may panic and print"
)]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub mod binary;
pub mod direct;
pub mod echo;
pub mod peer;
pub mod process;
pub mod scripted;
pub mod terminator;

/// How long anything may take that should take no time at all.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server for this test, or the end of the test where this machine has none (a failure on CI).
#[macro_export]
macro_rules! server {
    ($($option:expr),* $(,)?) => {
        match $crate::rig::Server::start(&[$($option),*]) {
            Some(server) => server,
            None => return,
        }
    };
}

/// A running server.
pub struct Server {
    binary: PathBuf,
    folder: PathBuf,
    port: Option<u16>,
    file: Option<PathBuf>,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// On a Unix socket, with these settings beside the usual ones: `["--appendonly", "yes"]`.
    pub fn start(options: &[&str]) -> Option<Self> {
        Some(Self::launch(binary::find()?, None, options))
    }

    /// The same on a loopback port.
    pub fn start_on_port(options: &[&str]) -> Option<Self> {
        Some(Self::launch(binary::find()?, Some(free_port()), options))
    }

    /// A Sentinel on a loopback port, with these lines in its file.
    pub fn start_sentinel(lines: &[String]) -> Option<Self> {
        let (binary, folder) = (binary::find()?, private_folder());
        // It writes to the file what it learns.
        let file = folder.join("sentinel.conf");
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let options = vec!["--sentinel".to_owned()];
        let mut server = Self { binary, folder, port: Some(free_port()), file: Some(file), options, child: None };
        server.run();
        Some(server)
    }

    fn launch(binary: PathBuf, port: Option<u16>, options: &[&str]) -> Self {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { binary, folder: private_folder(), port, file: None, options, child: None };
        server.run();
        server
    }

    /// Start it, in the same place and with what it saved.
    pub fn run(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut command = Command::new(&self.binary);
        command.args(&self.file).args(self.settings()).args(&self.options).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        self.wait_until_up();
    }

    fn settings(&self) -> Vec<String> {
        let port = self.port.unwrap_or(0).to_string();
        let socket = self.socket().display().to_string();
        let folder = self.folder.display().to_string();
        let pairs = [("--port", port.as_str()), ("--bind", "127.0.0.1"), ("--dir", &folder), ("--save", "")];
        let mut settings: Vec<String> =
            pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
        settings.extend(["--unixsocket".to_owned(), socket, "--unixsocketperm".to_owned(), "700".to_owned()]);
        settings
    }

    fn wait_until_up(&mut self) {
        let until = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
            assert!(!ended && Instant::now() < until, "the server does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Settings for the next time it is run.
    pub fn add_options(&mut self, options: &[&str]) {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
    }

    /// End it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Kill it and start it again.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Stop it where it stands, connections open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Let it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The loopback port it was started on.
    pub fn port(&self) -> u16 {
        self.port.unwrap()
    }

    /// The address in the form that users write.
    pub fn url(&self) -> String {
        match self.port {
            Some(port) => format!("redis://127.0.0.1:{port}/0"),
            None => format!("unix://{}", self.socket().display()),
        }
    }

    /// A plain connection, to look at the server past what is tested.
    pub fn connection(&self) -> redis::Connection {
        let url = format!("unix://{}", self.socket().display());
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    /// Ask the server something past what is tested.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query(&mut self.connection()).unwrap()
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody listens on. Somebody else may take it before the server does, which then says so.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn private_folder() -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("pynenc-rig-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    // Short, for the path of a socket may have about a hundred characters.
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    folder
}

/// Wait for something that happens soon.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
