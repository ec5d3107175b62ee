//! What is left of an engine that was closed: nothing. Alone in its process, for it counts threads.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::time::Duration;

use rig::eventually;
use rig::process::{Hands, Process, echo};

/// Names of this process's threads that are of an engine; the system keeps 15 characters of each.
fn ours() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    let mut ours: Vec<String> =
        names.filter(|name| name.starts_with("pynenc")).map(|name| name.trim().to_owned()).collect();
    ours.sort();
    ours
}

fn connections(server: &rig::Server) -> usize {
    server.ask::<String>(&["CLIENT", "LIST"]).matches(" name=pynenc").count()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_and_connections_come_when_needed_and_go_when_closed() {
    let server = server!();
    let process = Process::start(&server);
    assert_eq!(ours(), Vec::<String>::new());
    let at = process.submit(b"x");
    assert_eq!(ours(), Vec::<String>::new(), "a submission needs no thread");
    assert_eq!(connections(&server), 1);
    let worker = process.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&process, worker, 2, echo);
    assert_eq!(process.result(at), b"x");
    let pipeline = process.remote.pipeline();
    pipeline.submit(process.call("echo", b"y")).unwrap();
    process.remote.errand(|_| ()).unwrap();
    pipeline.flush().unwrap();
    let names = ["courier-", "doorbell", "errands", "keeper", "notices", "sender"];
    // A thread gives itself its name, a moment after it was started.
    eventually("every thread is there", || ours() == names.map(|name| format!("pynenc-{name}")));
    eventually("it waits to be rung for", || connections(&server) == 3);
    hands.dismiss();
    assert_eq!(process.remote.close(Duration::from_secs(10)), 0);
    assert_eq!(ours(), Vec::<String>::new());
    eventually("two connections are closed", || connections(&server) <= 1);
    // Closed twice is closed once; and dropped without being closed ends its threads too.
    assert_eq!(process.remote.close(Duration::from_secs(10)), 0);
    drop((process, pipeline));
    eventually("all connections are closed", || connections(&server) == 0);
    let other = Process::start(&server);
    other.remote.register_worker("w", &["echo"]).unwrap();
    eventually("a thread is there", || !ours().is_empty());
    drop(other);
    eventually("no thread is left", || ours().is_empty());
    eventually("no connection is left", || connections(&server) == 0);
}
