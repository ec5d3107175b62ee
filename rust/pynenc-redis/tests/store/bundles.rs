//! Calls that were made together: one key, one claim, one end, and nobody can tell.

use pynenc_core::engine::Limits;
use pynenc_core::status::Status;
use pynenc_redis::blobs::Blob;
use pynenc_redis::store::{
    AppId, ClaimRequest, ClientId, End, IdRow, Left, NewCall, Notice, Receipt, Settlement, Taken,
};

use crate::apps::{App, SECOND, app, plain};
use crate::rig::Server;
use crate::server;

const SIZE: usize = 100;

fn made_together(app: &App, count: usize) -> Vec<NewCall> {
    let mut row = IdRow::default();
    (0..count)
        .map(|_| NewCall { id: app.store.next_id(&mut row), notify: Some(ClientId(7)), ..plain(&app.store) })
        .collect()
}

fn submit(app: &App, count: usize) -> Vec<NewCall> {
    let calls = made_together(app, count);
    assert_eq!(app.store.submit(&calls).unwrap(), vec![Receipt::New; count]);
    calls
}

fn keys(server: &Server, kind: &str) -> usize {
    redis::cmd("KEYS").arg(format!("*:{kind}:*")).query::<Vec<Vec<u8>>>(&mut server.connection()).unwrap().len()
}

fn end_all(app: &App, taken: &[Taken]) {
    let end = |taken: &Taken| app.settlement(taken.id, taken.fence, End::Success(b"six".to_vec()));
    let ends: Vec<Settlement> = taken.iter().map(end).collect();
    assert!(app.store.settle(&ends).unwrap().iter().all(Result::is_ok));
}

#[test]
fn a_batch_is_one_key_from_the_call_to_the_end() {
    let server = server!();
    let app = app(&server, Limits::default());
    let calls = submit(&app, SIZE);
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (1, 0));
    let taken = app.claim(SIZE);
    assert_eq!(
        taken.iter().map(|taken| taken.id).collect::<Vec<_>>(),
        calls.iter().map(|call| call.id).collect::<Vec<_>>()
    );
    app.check();
    end_all(&app, &taken[..30]);
    app.check();
    end_all(&app, &taken[30..]);
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (1, 0));
    for call in &calls {
        assert_eq!(app.store.outcome(call.id).unwrap().unwrap().value, Some(b"six".to_vec()));
    }
    assert_eq!(app.store.counts().unwrap()[Status::Success as usize], SIZE);
    app.check();
}

#[test]
fn a_bundle_is_taken_apart_for_who_wants_little() {
    let server = server!();
    let app = app(&server, Limits::default());
    submit(&app, SIZE);
    assert_eq!(app.claim(60).len(), 60);
    app.check();
    submit(&app, SIZE);
    assert_eq!(app.claim(40).len(), 40, "in their order");
    let request = ClaimRequest { most: SIZE, ..app.request(60) };
    assert_eq!(app.store.claim(&request).unwrap().taken.len(), SIZE, "somewhat more, to keep them together");
    assert_eq!(keys(&server, "g"), 1);
    app.check();
}

#[test]
fn whoever_asks_with_the_same_nonce_is_given_the_same_bundle() {
    let server = server!();
    let app = app(&server, Limits::default());
    submit(&app, SIZE);
    let request = app.request(SIZE);
    let ids = |taken: Vec<Taken>| taken.into_iter().map(|taken| taken.id).collect::<Vec<_>>();
    let first = ids(app.store.claim(&request).unwrap().taken);
    assert_eq!(ids(app.store.claim(&request).unwrap().taken), first);
    assert_eq!(keys(&server, "g"), 1);
    app.check();
}

#[test]
fn a_batch_sent_again_is_taken_once_whatever_has_become_of_it() {
    let server = server!();
    let app = app(&server, Limits::default());
    let calls = submit(&app, SIZE);
    let there = || app.store.counts().unwrap().iter().sum::<usize>();
    app.store.submit(&calls).unwrap();
    assert_eq!((there(), keys(&server, "g")), (SIZE, 1));
    assert!(app.store.cancel(calls[50].id).is_ok());
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (0, SIZE));
    app.store.submit(&calls).unwrap();
    assert_eq!((there(), keys(&server, "g")), (SIZE, 0));
    end_all(&app, &app.claim(SIZE));
    app.store.submit(&calls).unwrap();
    assert_eq!(there(), SIZE);
    app.check();
}

#[test]
fn what_a_lost_worker_had_not_ended_goes_back() {
    let server = server!();
    let app = app(&server, Limits::default());
    submit(&app, SIZE);
    let taken = app.claim(SIZE);
    end_all(&app, &taken[..30]);
    assert_eq!(app.store.lose(app.worker, "killed").unwrap().len(), SIZE - 30);
    app.check();
    let worker = app.store.register_worker("another", None, &[]).unwrap();
    let again = app.store.claim(&ClaimRequest { worker, ..app.request(SIZE) }).unwrap().taken;
    assert!(again.iter().all(|taken| taken.fence.attempt == 2));
    assert_eq!(again.len(), SIZE - 30);
    let late = app.settle(taken[40].id, taken[40].fence, End::Success(Vec::new()));
    assert!(late.is_err(), "{late:?}");
    app.check();
}

#[test]
fn a_beat_keeps_a_bundle_for_as_long_as_one_of_it_is_named() {
    let server = server!();
    let app = app(&server, Limits { lease: 9 * SECOND, ..Limits::default() });
    submit(&app, SIZE);
    let taken = app.claim(SIZE);
    let held: Vec<_> = taken[99..].iter().map(|taken| (taken.id, taken.fence)).collect();
    for _ in 0..4 {
        app.clock.advance(6 * SECOND);
        assert!(app.store.beat(app.worker, &held).unwrap().lost.is_empty());
        app.store.tick().unwrap();
    }
    assert_eq!(app.store.counts().unwrap()[Status::Running as usize], SIZE);
    for _ in 0..2 {
        app.clock.advance(6 * SECOND);
        app.store.beat(app.worker, &[]).unwrap();
        app.store.tick().unwrap();
    }
    assert_eq!(app.store.counts().unwrap()[Status::Running as usize], 0);
    app.check();
}

#[test]
fn who_submitted_is_told_of_all_ends_by_one_message() {
    let server = server!();
    let app = app(&server, Limits::default());
    let mut listener = server.connection();
    listener.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let channel = ClientId(7).channel(&AppId::new("app").unwrap());
    redis::cmd("SSUBSCRIBE").arg(channel).query::<redis::Value>(&mut listener).unwrap();
    let calls = submit(&app, SIZE);
    end_all(&app, &app.claim(SIZE));
    let redis::Value::Array(parts) = listener.recv_response().unwrap() else { panic!("no message") };
    let redis::Value::BulkString(message) = &parts[2] else { panic!("no text") };
    let told: Vec<_> = Notice::read_all(message).unwrap();
    let expected = |call: &NewCall| {
        let left = Left::Value(b"six".to_vec());
        Notice::Ended { id: call.id, status: Status::Success, losses: 0, left }
    };
    assert_eq!(told, calls.iter().map(expected).collect::<Vec<_>>());
}

/// Of ends that came together a hundredth of what is kept may go with the oldest, and no more.
#[test]
fn the_oldest_ends_go_together() {
    let server = server!();
    let app = app(&server, Limits { keep_count: 100 * SIZE, ..Limits::default() });
    for round in 0..103 {
        submit(&app, SIZE - usize::from(round == 0));
        end_all(&app, &app.claim(SIZE));
        let kept = app.store.counts().unwrap()[Status::Success as usize];
        let ended = (round + 1) * SIZE - 1;
        assert!(kept <= 100 * SIZE && kept >= ended.min(99 * SIZE), "{kept} of {ended}");
    }
    assert_eq!(keys(&server, "i"), 0);
    app.check();
    app.clock.advance(25 * 3_600 * SECOND);
    while app.store.tick().unwrap() == Some(0) {}
    assert_eq!((keys(&server, "g"), app.store.counts().unwrap()[Status::Success as usize]), (0, 0));
    app.check();
}

#[test]
fn members_name_what_they_share_until_they_have_ended() {
    let server = server!();
    let app = app(&server, Limits::default());
    let blob = Blob::of(vec![7; 100_000]);
    let mut calls = made_together(&app, SIZE);
    calls.iter_mut().for_each(|call| call.blobs = vec![blob.clone()]);
    app.store.submit(&calls).unwrap();
    app.store.submit(&calls).unwrap();
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (1, 0));
    let named = || {
        let named: Vec<u64> = redis::cmd("HVALS").arg("pynenc:4:{app}:bn").query(&mut server.connection()).unwrap();
        named
    };
    assert_eq!(named(), [100]);
    let taken = app.claim(SIZE);
    end_all(&app, &taken[..30]);
    assert_eq!(named(), [70]);
    assert_eq!(app.store.read(calls[0].id).unwrap().payload, None);
    assert!(app.store.read(calls[50].id).unwrap().payload.is_some());
    app.check();
    app.end(&taken[30], End::Retry { delay: 0 });
    assert_eq!((named(), keys(&server, "g")), (vec![70], 0));
    app.check();
    end_all(&app, &taken[31..]);
    end_all(&app, &app.claim(SIZE));
    assert_eq!(named(), [0_u64; 0]);
    app.check();
}

#[test]
fn a_bundle_is_of_calls_that_name_the_same() {
    let server = server!();
    let app = app(&server, Limits::default());
    let blobs = [vec![7; 100_000], vec![8; 100_000]].map(Blob::of);
    let mut calls = made_together(&app, 20);
    calls.iter_mut().enumerate().for_each(|(at, call)| call.blobs = vec![blobs[at / 10].clone()]);
    app.store.submit(&calls).unwrap();
    app.check();
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (0, 20), "two bundles of one family would meet");
    end_all(&app, &app.claim(20));
    app.check();
}

#[test]
fn purge_drops_what_is_in_bundles_and_what_was() {
    let server = server!();
    let app = app(&server, Limits::default());
    submit(&app, SIZE);
    submit(&app, SIZE);
    app.claim(SIZE + 20);
    submit(&app, SIZE);
    assert_eq!(app.store.purge().unwrap(), 3 * SIZE);
    assert_eq!((keys(&server, "g"), keys(&server, "i"), keys(&server, "q")), (0, 0, 0));
    app.check();
}
