//! Calls that are made one by one: staged, and there for whoever looks.

use std::sync::Arc;
use std::time::Duration;

use pynenc_core::engine::{Lane, Limits};
use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;
use pynenc_redis::store::{AppId, ClaimRequest, ClientId, End, NewCall, Receipt, Start, Store, Taken};

use crate::apps::{App, SECOND, app, plain};
use crate::rig::Server;
use crate::rig::direct::Direct;
use crate::server;

const STAGED: &str = "pynenc:4:{app}:st";
const TOKENS: &str = "pynenc:4:{app}:tok:0";

type Change = fn(&mut NewCall, u8);

fn submit(app: &App, count: usize) -> Vec<InvocationId> {
    (0..count).map(|_| app.submit(plain(&app.store))).collect()
}

fn ids(taken: &[Taken]) -> Vec<InvocationId> {
    taken.iter().map(|taken| taken.id).collect()
}

fn keys(server: &Server, kind: &str) -> usize {
    server.ask::<Vec<Vec<u8>>>(&["KEYS", &format!("*:{kind}:*")]).len()
}

fn length(server: &Server) -> usize {
    server.ask(&["XLEN", STAGED])
}

#[test]
fn a_call_lies_there_until_anybody_looks() {
    let server = server!();
    let app = app(&server, Limits::default());
    for look in [0, 1, 2, 3, 4] {
        let id = app.submit(plain(&app.store));
        assert_eq!((length(&server), keys(&server, "i")), (1, look));
        match look {
            0 => assert_eq!(app.store.counts().unwrap()[Status::Registered as usize], 1),
            1 => assert_eq!(app.store.queued(Lane::Sync).unwrap(), 2),
            2 => assert_eq!(app.store.read(id).unwrap().status, Status::Registered),
            3 => assert!(app.store.find(None, &[], 9).unwrap().contains(&id)),
            _ => assert!(app.store.outcome(id).unwrap().is_none()),
        }
        assert_eq!((length(&server), keys(&server, "i")), (0, look + 1));
    }
    app.check();
}

#[test]
fn a_call_sent_twice_is_taken_once() {
    let server = server!();
    let app = app(&server, Limits::default());
    let call = plain(&app.store);
    let again = || assert_eq!(app.store.submit(std::slice::from_ref(&call)).unwrap(), [Receipt::New]);
    again();
    again();
    assert_eq!(length(&server), 2);
    assert_eq!(app.store.queued(Lane::Sync).unwrap(), 1);
    again();
    let taken = app.claim(9);
    assert_eq!(ids(&taken), [call.id]);
    again();
    app.end(&taken[0], End::Success(b"six".to_vec()));
    again();
    assert!(app.claim(9).is_empty());
    assert_eq!(app.store.read(call.id).unwrap().status, Status::Success);
    app.check();
}

#[test]
fn a_call_sent_again_is_found_in_its_bundle() {
    let server = server!();
    let app = app(&server, Limits::default());
    let calls: Vec<_> = (0..8).map(|_| plain(&app.store)).collect();
    let send = || {
        calls.iter().for_each(|call| assert_eq!(app.store.submit(std::slice::from_ref(call)).unwrap(), [Receipt::New]));
    };
    send();
    let taken = app.claim(8);
    assert_eq!(keys(&server, "g"), 1);
    send();
    assert!(app.claim(8).is_empty());
    taken.iter().for_each(|taken| app.end(taken, End::Success(b"six".to_vec())));
    send();
    assert!(app.claim(8).is_empty());
    app.check();
}

#[test]
fn calls_keep_their_order_however_they_come() {
    let server = server!();
    let app = app(&server, Limits::default());
    let mut made = submit(&app, 3);
    let batch = [plain(&app.store), plain(&app.store)];
    app.store.submit(&batch).unwrap();
    made.extend(batch.iter().map(|call| call.id));
    made.extend(submit(&app, 10));
    made.extend([
        app.submit(NewCall { task: "app.other".into(), ..plain(&app.store) }),
        app.submit(NewCall { print: Some([7; 32]), ..plain(&app.store) }),
        app.submit(plain(&app.store)),
    ]);
    let mut taken = app.claim(4);
    taken.extend(app.claim(20));
    assert_eq!(ids(&taken), made);
    app.check();
}

#[test]
fn those_that_lie_there_together_are_claimed_together() {
    let server = server!();
    let app = app(&server, Limits::default());
    let made = submit(&app, 20);
    let taken = app.claim(20);
    assert_eq!(ids(&taken), made);
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (1, 0));
    app.check();
    let end = |taken: &Taken| app.settlement(taken.id, taken.fence, End::Success(b"six".to_vec()));
    let ends: Vec<_> = taken.iter().map(end).collect();
    assert!(app.store.settle(&ends).unwrap().iter().all(Result::is_ok));
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (1, 0));
    app.check();
    // The first of those that come behind them has the ids of these.
    let later = submit(&app, 20);
    assert_eq!(ids(&app.claim(20)), later);
    assert_eq!((keys(&server, "g"), keys(&server, "i")), (2, 1));
    app.check();
}

#[test]
fn whatever_lies_beside_it_a_call_is_given_as_it_was_made() {
    let server = server!();
    let app = app(&server, Limits::default());
    // In what the last five differ from the first, and how many are then not of their bundle. Few enough altogether for
    // none to be taken in before the claim.
    let differ: [(Change, usize); 6] = [
        (|_, _| {}, 2),
        (|call, number| call.payload = vec![number; number.into()], 2),
        (|call, _| call.task = "app.sub".into(), 5),
        (|call, number| call.print = Some([number; 32]), 5),
        (|call, _| call.lane = Lane::Async, 5),
        (|call, _| call.notify = Some(ClientId(9)), 5),
    ];
    for (round, (differ, others)) in differ.into_iter().enumerate() {
        let before = keys(&server, "i");
        let made = |number| NewCall { payload: vec![number; 7], ..plain(&app.store) };
        let mut calls: Vec<NewCall> = (0..10).map(made).collect();
        calls[5..].iter_mut().zip(0..).for_each(|(call, number)| differ(call, number));
        // As two threads may send them that made them in turn.
        calls[7..].reverse();
        calls.iter().for_each(|call| app.store.submit(std::slice::from_ref(call)).map(drop).unwrap());
        let taken = app.claim(10);
        assert_eq!(taken.len(), 10);
        assert_eq!((keys(&server, "g"), keys(&server, "i")), (round + 1, before + others));
        for taken in taken {
            let call = calls.iter().find(|call| call.id == taken.id).unwrap();
            let told = (&taken.task, &taken.payload, taken.print, taken.lane);
            assert_eq!(told, (&call.task, &call.payload, call.print, call.lane));
        }
        app.check();
    }
}

#[test]
fn whoever_asks_for_little_leaves_no_bundle_behind() {
    let server = server!();
    let app = app(&server, Limits::default());
    let made = submit(&app, 20);
    let mut taken = app.claim(2);
    assert_eq!(keys(&server, "g"), 0);
    taken.extend(app.claim(30));
    assert_eq!(ids(&taken), made);
    app.check();
}

#[test]
fn a_bundle_that_is_too_large_for_the_rest_of_a_claim_comes_whole_with_the_next() {
    let server = server!();
    let app = app(&server, Limits::default());
    let first = app.submit(NewCall { task: "app.other".into(), ..plain(&app.store) });
    let made = submit(&app, 20);
    let request = |limit| ClaimRequest { most: 20, ..app.request(limit) };
    assert_eq!(ids(&app.store.claim(&request(10)).unwrap().taken), [first]);
    app.check();
    assert_eq!(ids(&app.store.claim(&request(10)).unwrap().taken), made);
    assert_eq!(keys(&server, "g"), 1);
    app.check();
}

#[test]
fn so_many_lie_there_at_most_and_ring_so_often() {
    let server = server!();
    let app = app(&server, Limits::default());
    let mut most = (0, 0);
    for _ in 0..500 {
        app.submit(plain(&app.store));
        most = (most.0.max(length(&server)), most.1.max(server.ask::<usize>(&["LLEN", TOKENS])));
    }
    assert!(most.0 <= 64 && most.1 <= 65, "{most:?}");
    assert_eq!(app.claim(500).len(), 500);
    app.check();
}

#[test]
fn what_a_stranger_wrote_there_is_no_call() {
    let server = server!();
    let app = app(&server, Limits::default());
    let id = app.submit(plain(&app.store));
    let mut connection = server.connection();
    for text in [&b""[..], &[0; 39], &[255; 100], &[0; 100], &[1; 4_000]] {
        let _: Vec<u8> = redis::cmd("XADD").arg(STAGED).arg("*").arg("c").arg(text).query(&mut connection).unwrap();
    }
    let _: Vec<u8> = server.ask(&["XADD", STAGED, "*", "a", "", "c", "d"]);
    let taken = ids(&app.claim(100));
    assert!(taken.contains(&id));
    let other = app.submit(plain(&app.store));
    assert_eq!(ids(&app.claim(100)), [other]);
}

#[test]
fn a_forged_call_among_others_breaks_none_of_them() {
    let server = server!();
    let app = app(&server, Limits::default());
    let made = submit(&app, 10);
    let mut connection = server.connection();
    let found: Vec<(Vec<u8>, Vec<Vec<u8>>)> =
        redis::cmd("XRANGE").arg(STAGED).arg("-").arg("+").query(&mut connection).unwrap();
    let mut forged = found[9].1[1].clone();
    // The byte of an id that tells it from those of its family.
    forged[21] += 1;
    for text in [&forged[..forged.len() - 1], &[&forged[..], b"more"].concat()] {
        let _: Vec<u8> = redis::cmd("XADD").arg(STAGED).arg("*").arg("c").arg(text).query(&mut connection).unwrap();
    }
    assert_eq!(ids(&app.claim(10)), made);
}

#[test]
fn a_call_is_as_old_as_when_it_came() {
    let server = server!();
    let app = app(&server, Limits::default());
    let old = app.submit(plain(&app.store));
    app.clock.advance(SECOND);
    let young = app.submit(plain(&app.store));
    let at = |id| app.store.read(id).unwrap().history[0].at;
    assert_eq!((at(old), at(young)), (1_000 * SECOND, 1_001 * SECOND));
}

#[test]
fn the_servers_clock_says_when_a_call_came() {
    let server = server!();
    let id = AppId::new("app").unwrap();
    let link = Arc::new(Direct::new(server.connection(), &id));
    let store = Store::new(link, &id, Limits::default(), None);
    let worker = store.register_worker("worker one", None, &[]).unwrap();
    let calls: Vec<_> = (0..8).map(|_| plain(&store)).collect();
    for call in &calls {
        store.submit(std::slice::from_ref(call)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    let (lanes, nonce) = (vec![Lane::Sync], store.fresh_number());
    let request = ClaimRequest { worker, lanes, limit: 8, most: 8, nonce, start: Start::All };
    assert_eq!(store.claim(&request).unwrap().taken.len(), 8);
    for call in &calls {
        let history = store.read(call.id).unwrap().history;
        let waited = history[1].at - history[0].at;
        assert!((40_000..SECOND).contains(&waited), "{waited}");
    }
}
