//! Large values: stored once, there as long as anybody names them, and gone soon after.

use pynenc_core::engine::{Limits, Rules};
use pynenc_redis::blobs::{Blob, Fetched};
use pynenc_redis::store::{End, NewCall, Receipt, Settlement};

use crate::apps::{App, SECOND, app, named, plain, ruled};
use crate::rig::Server;
use crate::server;

const LINGER: u64 = 3_600 * SECOND;

fn blob(mark: u8, size: usize) -> Blob {
    let mut bytes = vec![mark; size];
    bytes[0] = 1;
    Blob::of(bytes)
}

fn naming(app: &App, blobs: &[&Blob]) -> NewCall {
    NewCall { blobs: blobs.iter().map(|&blob| blob.clone()).collect(), ..plain(&app.store) }
}

fn key(app: &str, blob: &Blob) -> Vec<u8> {
    [format!("pynenc:4:{{{app}}}:b:").as_bytes(), &blob.digest].concat()
}

fn is_there(server: &Server, blob: &Blob) -> bool {
    redis::cmd("EXISTS").arg(key("app", blob)).query(&mut server.connection()).unwrap()
}

fn lose(server: &Server, blob: &Blob) {
    let gone: u8 = redis::cmd("DEL").arg(key("app", blob)).query(&mut server.connection()).unwrap();
    assert_eq!(gone, 1);
}

/// Milliseconds that it has left; -1: it stays.
fn left(server: &Server, blob: &Blob) -> i64 {
    redis::cmd("PTTL").arg(key("app", blob)).query(&mut server.connection()).unwrap()
}

fn success(app: &App, taken: &pynenc_redis::store::Taken, blob: &Blob) -> Settlement {
    let settlement = app.settlement(taken.id, taken.fence, End::Success(b"named".to_vec()));
    Settlement { blobs: vec![blob.clone()], ..settlement }
}

#[test]
fn a_value_is_sent_once_however_many_name_it() {
    let server = server!();
    let app = app(&server, Limits::default());
    let (large, small) = (blob(2, 100_000), blob(3, 2_000));
    let batch: Vec<_> = (0..700).map(|_| naming(&app, &[&large, &small, &large])).collect();
    app.store.submit(&batch).unwrap();
    app.submit(naming(&app, &[&small]));
    let counters = app.store.blobs().tally.read();
    assert_eq!((counters.sent, counters.bytes_sent), (2, 102_000));
    assert_eq!(counters.bytes_saved, 1_399 * 100_000 + 700 * 2_000);
    let other = named(&server, Limits::default(), "app");
    other.submit(naming(&other, &[&large]));
    assert_eq!(other.store.blobs().tally.read().sent, 0, "another process sends it again");
    let Some(Fetched::Here(found)) = app.store.fetch(&large.digest, None).unwrap() else { panic!("not there") };
    assert!((*found).as_ref().starts_with(&[1, 2, 2]) && (*found).as_ref().len() == 100_000);
    app.check();
}

#[test]
fn it_stays_while_anything_names_it_that_has_not_ended() {
    let server = server!();
    let app = app(&server, Limits { lease: 20 * LINGER, ..Limits::default() });
    let (shared, own) = (blob(1, 20_000), blob(2, 20_000));
    app.submit(naming(&app, &[&shared]));
    app.submit(naming(&app, &[&shared, &own]));
    let taken = app.claim(1).remove(0);
    app.end(&taken, End::Success(Vec::new()));
    app.clock.advance(2 * LINGER);
    app.store.tick().unwrap();
    assert_eq!((left(&server, &shared), left(&server, &own)), (-1, -1));
    let last = app.claim(1).remove(0);
    app.end(&last, End::Failed(Vec::new()));
    assert!(left(&server, &shared) > 0 && left(&server, &own) > 0);
    app.check();
}

#[test]
fn a_value_goes_when_nobody_has_named_it_for_an_hour() {
    let server = server!();
    let app = app(&server, Limits { keep_for: 10 * LINGER, lease: 20 * LINGER, ..Limits::default() });
    let (argument, result) = (blob(1, 20_000), blob(2, 20_000));
    let taken = app.run(naming(&app, &[&argument]));
    app.store.settle(&[success(&app, &taken, &result)]).unwrap().remove(0).unwrap();
    assert!(left(&server, &argument) > 0, "nobody names the argument any more");
    assert_eq!(left(&server, &result), -1, "the result is kept with its invocation");
    app.check();
    app.clock.advance(LINGER - SECOND);
    app.store.tick().unwrap();
    assert!(is_there(&server, &argument));
    app.submit(naming(&app, &[&argument]));
    assert_eq!(left(&server, &argument), -1, "it is named again");
    app.clock.advance(2 * LINGER);
    app.store.tick().unwrap();
    assert!(is_there(&server, &argument) && is_there(&server, &result));
    app.clock.advance(9 * LINGER);
    app.store.tick().unwrap();
    app.clock.advance(2 * LINGER);
    app.store.tick().unwrap();
    assert!(!is_there(&server, &result), "its invocation was dropped");
    assert!(is_there(&server, &argument), "a queued invocation names it");
    app.check();
}

#[test]
fn idle_values_are_bounded_by_bytes() {
    let server = server!();
    let app = app(&server, Limits { keep_bytes: 50_000, ..Limits::default() });
    let blobs: Vec<_> = (0..5).map(|mark| blob(mark + 1, 20_000)).collect();
    for blob in &blobs {
        let taken = app.run(naming(&app, &[blob]));
        app.end(&taken, End::Success(Vec::new()));
        app.clock.advance(SECOND);
        app.check();
    }
    let there: Vec<_> = blobs.iter().map(|blob| is_there(&server, blob)).collect();
    assert_eq!(there, [false, false, false, true, true]);
}

#[test]
fn what_was_sent_and_never_named_does_not_stay() {
    let server = server!();
    let app = app(&server, Limits::default());
    let rules = Rules { registration: Some([1; 32]), arguments: Some([2; 32]), ..Rules::default() };
    app.submit(ruled(&app.store, rules.clone()));
    let (unused, other) = (blob(1, 20_000), Rules { arguments: Some([3; 32]), ..rules });
    let call = NewCall { blobs: vec![unused.clone()], ..ruled(&app.store, other) };
    assert!(matches!(app.store.submit(&[call]).unwrap()[0], Receipt::Reused { same: false, .. }));
    assert!(left(&server, &unused) > 0);
    app.check();
}

#[test]
fn a_lost_value_is_sent_again_by_whoever_names_it_next() {
    let server = server!();
    let app = app(&server, Limits::default());
    let (argument, result) = (blob(1, 20_000), blob(2, 20_000));
    let first = app.run(naming(&app, &[&argument]));
    app.store.settle(&[success(&app, &first, &result)]).unwrap().remove(0).unwrap();
    app.submit(naming(&app, &[&argument]));
    for lost in [&argument, &result] {
        lose(&server, lost);
        assert!(app.store.blobs().is_known(&lost.digest));
    }
    app.submit(naming(&app, &[&argument]));
    assert_eq!(left(&server, &argument), -1);
    let second = app.claim(1).remove(0);
    app.store.settle(&[success(&app, &second, &result)]).unwrap().remove(0).unwrap();
    assert_eq!(left(&server, &result), -1);
    app.check();
}

#[test]
fn everything_sent_again_counts_once() {
    let server = server!();
    let app = app(&server, Limits::default());
    app.link.send_each(3);
    let (argument, result) = (blob(1, 20_000), blob(2, 20_000));
    let taken = app.run(naming(&app, &[&argument]));
    app.check();
    app.store.settle(&[success(&app, &taken, &result)]).unwrap().remove(0).unwrap();
    app.check();
    app.store.purge().unwrap();
    assert!(!is_there(&server, &argument) && !is_there(&server, &result), "purged");
    app.check();
}

#[test]
fn a_run_that_goes_back_keeps_what_it_names() {
    let server = server!();
    let app = app(&server, Limits::default());
    let argument = blob(1, 20_000);
    let taken = app.run(naming(&app, &[&argument]));
    app.end(&taken, End::Retry { delay: 0 });
    assert_eq!(left(&server, &argument), -1);
    let again = app.claim(1).remove(0);
    app.end(&again, End::Cancelled);
    assert!(left(&server, &argument) > 0);
    app.check();
}
