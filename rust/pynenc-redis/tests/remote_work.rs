//! Two processes side by side: one submits and waits, one works.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, also outside the functions that are marked as tests")]

mod rig;

use std::time::Duration;

use rig::process::{Hands, Process, echo};

#[test]
fn what_one_submits_the_other_runs() {
    let server = server!();
    let (here, there) = (Process::start(&server), Process::start(&server));
    let worker = there.remote.register_worker("w", &["echo"]).unwrap();
    let hands = Hands::hire(&there, worker, 2, echo);
    let at = here.submit(b"hello");
    assert_eq!(here.result(at), b"hello");
    let batch = (0..1_000).map(|n: u32| here.call("echo", &n.to_be_bytes())).collect();
    let receipts = here.remote.submit_many(batch, None).unwrap();
    let all: Vec<_> = receipts.iter().map(|receipt| receipt.at()).collect();
    here.await_all(&all);
    for (n, &at) in (0_u32..).zip(&all) {
        assert_eq!(here.result(at), n.to_be_bytes());
    }
    hands.dismiss();
    assert_eq!(there.remote.close(Duration::from_secs(5)), 0);
    here.remote.close(Duration::from_secs(5));
    assert!(here.store().doctor().unwrap().is_empty());
}
