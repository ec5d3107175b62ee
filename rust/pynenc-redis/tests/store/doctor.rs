//! The examination of a store, also of one that is in use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pynenc_core::engine::Limits;
use pynenc_core::status::Status;
use pynenc_redis::store::End;

use crate::apps::{App, app, plain};
use crate::rig::Server;
use crate::server;

/// Examine a store while another process works on it; what was found each time.
fn examined_in_use(server: &Server, times: usize) -> Vec<Vec<String>> {
    let (patient, other) = (app(server, Limits::default()), app(server, Limits::default()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                work(&other);
            }
        });
        let found = (0..times).map(|_| patient.store.doctor().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        found
    })
}

fn work(app: &App) {
    let batch: Vec<_> = (0..5).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    for taken in app.claim(5) {
        let end = if taken.retries == 0 { End::Retry { delay: 0 } } else { End::Success(Vec::new()) };
        app.end(&taken, end);
    }
    if app.store.counts().unwrap().iter().sum::<usize>() > 200 {
        app.store.purge().unwrap();
    }
}

#[test]
fn a_store_in_use_is_not_found_wrong() {
    let server = server!();
    let found = examined_in_use(&server, 20);
    assert!(found.iter().all(Vec::is_empty), "{found:?}");
}

#[test]
fn a_counter_that_is_wrong_is_found_while_the_store_is_in_use() {
    let server = server!();
    let place = 8 * (Status::Failed as usize + 1) - 1;
    let _: i64 = server.ask(&["SETRANGE", "pynenc:4:{app}:n", &place.to_string(), "\u{3}"]);
    let found = examined_in_use(&server, 1);
    assert!(found.iter().all(|lines| *lines == ["3 failed counted, 0 there"]), "{found:?}");
}

#[test]
fn what_stands_nowhere_is_found() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    let mut hands = b"pynenc:4:{app}:h:".to_vec();
    hands.extend(app.worker.0.to_be_bytes());
    let _: usize = redis::cmd("DEL").arg(hands).query(&mut server.connection()).unwrap();
    let found = app.store.doctor().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{} (running) is in 0 places", taken.id)), "{found:?}");
}
