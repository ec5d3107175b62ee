//! Large arguments and results, and what is kept of the ended.

use pynenc_core::engine::{Limits, Rules};
use pynenc_core::error::CoreError;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::store::{AppId, ClientId, End, Left, NewCall, Notice};

use crate::apps::{SECOND, app, plain, ruled};
use crate::server;

#[test]
fn arguments_and_results_of_every_size_come_back() {
    let server = server!();
    let app = app(&server, Limits::default());
    for size in [0, 1, 1_024, 1_025, 4_096, 4_097, 8_193, 3 << 20] {
        let payload: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let call = NewCall { payload: payload.clone(), ..plain(&app.store) };
        let taken = app.run(call);
        assert!(taken.payload == payload, "{size} bytes of arguments");
        assert_eq!(app.store.read(taken.id).unwrap().payload.as_ref(), Some(&payload));
        app.check();
        app.end(&taken, End::Success(payload.clone()));
        assert!(app.store.outcome(taken.id).unwrap().unwrap().value == Some(payload), "{size} bytes of result");
        let kept = app.store.read(taken.id).unwrap().payload.is_some();
        assert_eq!(kept, (1..=1_024).contains(&size), "{size}");
        app.check();
    }
}

#[test]
fn a_large_payload_stays_while_it_may_be_needed() {
    let server = server!();
    let app = app(&server, Limits::default());
    let call = NewCall { payload: vec![1; 5_000], ..plain(&app.store) };
    let taken = app.run(call);
    app.end(&taken, End::Retry { delay: 0 });
    let again = app.claim(1).remove(0);
    assert_eq!((again.id, again.payload.len(), again.retries), (taken.id, 5_000, 1));
}

#[test]
fn nothing_is_left_of_what_is_dropped() {
    let server = server!();
    let app = app(&server, Limits { keep_count: 0, ..Limits::default() });
    let keys = || -> Vec<Vec<u8>> { server.ask(&["KEYS", "*"]) };
    let before = keys();
    let rules = Rules {
        registration: Some([1; 32]),
        running: Some([2; 32]),
        result: Some([3; 32]),
        arguments: Some([3; 32]),
        raise_on_difference: false,
    };
    let call = NewCall { payload: vec![1; 5_000], notify: Some(ClientId(1)), ..ruled(&app.store, rules) };
    let taken = app.run(call);
    app.store.watch(&[taken.id], ClientId(2)).unwrap().remove(0).unwrap();
    app.end(&taken, End::Success(vec![2; 9_000]));
    let gone = app.store.outcome(taken.id);
    assert!(matches!(gone, Err(RedisError::Refused(CoreError::Vanished(id))) if id == taken.id), "{gone:?}");
    app.claim(1);
    let mut after = keys();
    after.retain(|key| !before.contains(key));
    let counters = b"pynenc:4:{app}:n".to_vec();
    assert!(after.iter().all(|key| *key == counters), "{after:?}");
    app.check();
}

#[test]
fn the_oldest_ended_go_first_however_many() {
    let server = server!();
    let app = app(&server, Limits { keep_count: 10, ..Limits::default() });
    let batch: Vec<NewCall> = (0..300).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    let taken = app.claim(300);
    let ends: Vec<_> =
        taken.iter().map(|taken| app.settlement(taken.id, taken.fence, End::Success(Vec::new()))).collect();
    assert!(app.store.settle(&ends).unwrap().iter().all(Result::is_ok));
    let kept = app.store.find(None, &[Status::Success], 999).unwrap();
    assert_eq!(kept, batch[290..].iter().map(|call| call.id).collect::<Vec<_>>());
    app.check();
    app.clock.advance(25 * 3_600 * SECOND);
    app.store.tick().unwrap();
    assert!(app.store.find(None, &[], 999).unwrap().is_empty());
    app.check();
}

fn messages(listener: &mut redis::Connection, count: usize) -> Vec<Notice> {
    let mut all = Vec::new();
    while all.len() < count {
        let redis::Value::Array(parts) = listener.recv_response().unwrap() else { panic!("no message") };
        let redis::Value::BulkString(message) = &parts[2] else { panic!("no text") };
        all.extend(Notice::read_all(message).unwrap());
    }
    all
}

#[test]
fn those_who_wait_are_told_once_each() {
    let server = server!();
    let app = app(&server, Limits::default());
    let ids = AppId::new("app").unwrap();
    let mut listeners: Vec<redis::Connection> = [3, 4, 7]
        .iter()
        .map(|&client| {
            let mut listener = server.connection();
            let channel = ClientId(client).channel(&ids);
            let _: redis::Value = redis::cmd("SSUBSCRIBE").arg(&channel).query(&mut listener).unwrap();
            listener
        })
        .collect();
    let call = NewCall { notify: Some(ClientId(3)), ..plain(&app.store) };
    let taken = app.run(call);
    for client in [3, 4, 4, 5] {
        assert!(app.store.watch(&[taken.id], ClientId(client)).unwrap().remove(0).unwrap().is_none());
    }
    app.store.unwatch(&[taken.id], ClientId(5)).unwrap();
    app.store.cancel(taken.id).unwrap();
    assert_eq!(messages(&mut listeners[2], 1), [Notice::Cancel(taken.id)]);
    app.end(&taken, End::Success(vec![1; 5_000]));
    let notice = Notice::Ended { id: taken.id, status: Status::Success, losses: 0, left: Left::Value(vec![1; 5_000]) };
    for listener in &mut listeners[..2] {
        assert_eq!(messages(listener, 1), std::slice::from_ref(&notice));
    }
    // What is too large is named and not sent, and one who is told more hears it all.
    let batch = [(); 2].map(|()| NewCall { notify: Some(ClientId(3)), ..plain(&app.store) });
    app.store.submit(&batch).unwrap();
    let taken = app.claim(2);
    let ends: Vec<_> =
        taken.iter().map(|taken| app.settlement(taken.id, taken.fence, End::Failed(vec![1; 9_000]))).collect();
    app.store.settle(&ends).unwrap();
    for (notice, call) in messages(&mut listeners[0], 2).into_iter().zip(&batch) {
        assert_eq!(notice, Notice::Ended { id: call.id, status: Status::Failed, losses: 0, left: Left::Large });
    }
    let dropped = app.submit(NewCall { notify: Some(ClientId(3)), ..plain(&app.store) });
    app.store.purge().unwrap();
    assert_eq!(messages(&mut listeners[0], 1), [Notice::Dropped(dropped)]);
    app.check();
}
