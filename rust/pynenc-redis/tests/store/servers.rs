//! Servers that are full, sharded, or hold what nobody of us has written.

use pynenc_core::engine::{Lane, Limits};
use pynenc_core::error::CoreError;
use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::store::{End, NewCall};

use crate::apps::{app, named, plain};
use crate::server;

/// Every kind of script once.
fn walk_through(app: &crate::apps::App) {
    let waiter = app.run(plain(&app.store));
    let held = (waiter.id, waiter.fence);
    let child = app.submit(NewCall { payload: vec![1; 5_000], ..plain(&app.store) });
    app.store.pause(held, &[child]).unwrap();
    app.store.resume(held).unwrap();
    let taken = app.store.claim_awaited(held, child, 3).unwrap().unwrap();
    app.store.watch(&[child], pynenc_redis::store::ClientId(5)).unwrap().remove(0).unwrap();
    app.end(&taken, End::Success(vec![1; 5_000]));
    app.store.resume(held).unwrap();
    app.store.beat(app.worker, &[held]).unwrap();
    app.store.cancel(waiter.id).unwrap();
    app.store.ancestors(waiter.id).unwrap();
    app.store.lose(app.worker, "killed").unwrap();
    app.store.tick().unwrap();
    assert_eq!(app.store.read(waiter.id).unwrap().status, Status::Cancelled);
    app.check();
    assert_eq!(app.store.purge().unwrap(), 2);
    assert!(app.store.find(None, &[], 9).unwrap().is_empty());
}

#[test]
fn a_cluster_takes_every_script() {
    let server = server!("--cluster-enabled", "yes");
    let _: String = server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    crate::rig::eventually("the cluster is up", || {
        server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    walk_through(&app(&server, Limits::default()));
}

#[test]
fn two_apps_on_one_server_see_nothing_of_each_other() {
    let server = server!();
    let (one, other) = (named(&server, Limits::default(), "one"), named(&server, Limits::default(), "one.two"));
    let (mine, theirs) = (one.submit(plain(&one.store)), other.submit(plain(&other.store)));
    assert_eq!(one.claim(9).len(), 1);
    assert_eq!(one.store.purge().unwrap(), 1);
    assert_eq!(other.store.find(None, &[], 9).unwrap(), [theirs]);
    let unknown = other.store.read(mine);
    assert!(matches!(unknown, Err(RedisError::Refused(CoreError::NotFound(id))) if id == mine), "{unknown:?}");
    assert_eq!(other.claim(9)[0].id, theirs);
}

#[test]
fn a_full_server_refuses_new_work_and_lets_old_work_end() {
    let server = server!("--maxmemory-policy", "noeviction");
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    app.submit(plain(&app.store));
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    app.link.pass_errors_on();
    let refused = app.store.submit(&[plain(&app.store)]);
    assert!(matches!(&refused, Err(RedisError::Full { reason, .. }) if reason.contains("OOM")), "{refused:?}");
    app.end(&taken, End::Success(vec![1; 6_000]));
    let next = app.claim(1).remove(0);
    app.end(&next, End::Retry { delay: 0 });
    assert!(app.store.beat(app.worker, &[]).unwrap().alive);
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    app.submit(plain(&app.store));
    app.check();
}

#[test]
fn what_is_no_record_is_not_there() {
    let server = server!();
    let app = app(&server, Limits::default());
    let mut connection = server.connection();
    let mut write = |id: InvocationId, text: &[u8]| {
        let key = [b"pynenc:4:{app}:i:", id.to_bytes().as_slice()].concat();
        let _: String = redis::cmd("SET").arg(key).arg(text).query(&mut connection).unwrap();
    };
    let id = app.submit(plain(&app.store));
    write(id, b"");
    let other = app.submit(plain(&app.store));
    assert_eq!(app.claim(9).iter().map(|taken| taken.id).collect::<Vec<_>>(), [other]);
    assert!(matches!(app.store.read(id), Err(RedisError::Refused(CoreError::Vanished(_)))));
    assert!(app.claim(9).is_empty());
    assert_eq!(app.store.queued(Lane::Sync).unwrap(), 0);
    // As long as a record is, with sizes that nothing has.
    for byte in [0, 1, 127, 255] {
        let garbage = app.store.fresh_id();
        write(garbage, &[byte; 200]);
        let read = app.store.read(garbage).map(|view| view.task);
        assert!(read.is_err() || byte == 0, "{byte}: {read:?}");
        let outcome = app.store.outcome(garbage);
        assert!(matches!(outcome, Err(_) | Ok(None)), "{byte}: {outcome:?}");
        app.store.tick().unwrap();
    }
}

#[test]
fn what_a_function_counted_before_it_broke_off_is_not_counted() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    let other = app.run(plain(&app.store));
    let ends = [&taken, &other].map(|taken| app.settlement(taken.id, taken.fence, End::Success(b"x".to_vec())));
    app.link.pass_errors_on();
    let _: String = server.ask(&["SET", "pynenc:4:{app}:ret", "no list"]);
    assert!(app.store.settle(&ends[..1]).is_err());
    let _: usize = server.ask(&["DEL", "pynenc:4:{app}:ret"]);
    for told in app.store.settle(&ends).unwrap() {
        told.unwrap();
    }
    app.check();
}
