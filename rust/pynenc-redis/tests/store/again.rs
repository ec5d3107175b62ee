//! Replies get lost: what is sent again is answered like the first time, and done once.

use pynenc_core::engine::{Cancelling, Limits, Rules};
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::store::{End, NewCall, Receipt, Start};

use crate::apps::{SECOND, app, plain, ruled};
use crate::server;

#[test]
fn a_submission() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<NewCall> = (0..3).map(|_| plain(&app.store)).collect();
    let ids: Vec<_> = batch.iter().map(|call| call.id).collect();
    assert_eq!(app.store.submit(&batch).unwrap(), [Receipt::New; 3]);
    assert_eq!(app.store.submit(&batch).unwrap(), [Receipt::New; 3]);
    assert_eq!(app.store.find(None, &[], 9).unwrap(), ids);
    let claimed: Vec<_> = app.claim(9).iter().map(|taken| taken.id).collect();
    assert_eq!(claimed, ids);
    // Even after it has been taken.
    assert_eq!(app.store.submit(&batch).unwrap(), [Receipt::New; 3]);
    assert!(app.claim(9).is_empty());
    app.check();
}

#[test]
fn a_submission_under_a_rule() {
    let server = server!();
    let app = app(&server, Limits::default());
    let rules = Rules { registration: Some([1; 32]), ..Rules::default() };
    let (first, second) = (ruled(&app.store, rules.clone()), ruled(&app.store, rules));
    let reused = Receipt::Reused { id: first.id, same: true };
    for _ in 0..2 {
        assert_eq!(app.store.submit(&[first.clone(), second.clone()]).unwrap(), [Receipt::New, reused]);
    }
    assert_eq!(app.store.counts().unwrap()[Status::Registered as usize], 1);
    app.check();
}

#[test]
fn a_claim() {
    let server = server!();
    let app = app(&server, Limits::default());
    for _ in 0..4 {
        app.submit(plain(&app.store));
    }
    let request = app.request(2);
    let first = app.store.claim(&request).unwrap().taken;
    // Other claims come between.
    let other = app.claim(1);
    let again = app.store.claim(&request).unwrap().taken;
    let seen = |taken: &pynenc_redis::store::Taken| (taken.id, taken.fence, taken.payload.clone(), taken.started);
    assert_eq!(first.iter().map(seen).collect::<Vec<_>>(), again.iter().map(seen).collect::<Vec<_>>());
    assert!(other.iter().all(|taken| first.iter().all(|one| one.id != taken.id)));
    assert_eq!(app.claim(9).len(), 1);
    app.check();
}

#[test]
fn an_awaited_claim() {
    let server = server!();
    let app = app(&server, Limits::default());
    let waiter = app.run(plain(&app.store));
    let child = app.submit(plain(&app.store));
    let nonce = app.store.fresh_number();
    let fences: Vec<_> = (0..2)
        .map(|_| app.store.claim_awaited((waiter.id, waiter.fence), child, nonce).unwrap().unwrap().fence)
        .collect();
    assert_eq!(fences[0], fences[1]);
    let other = app.store.claim_awaited((waiter.id, waiter.fence), child, nonce + 1).unwrap();
    assert!(other.is_none());
    app.check();
}

#[test]
fn every_end() {
    let server = server!();
    let app = app(&server, Limits::default());
    let delay = SECOND;
    for end in
        [End::Success(b"1".to_vec()), End::Failed(b"2".to_vec()), End::Cancelled, End::Retry { delay }, End::Release]
    {
        let taken = app.run(plain(&app.store));
        let settlement = app.settlement(taken.id, taken.fence, end.clone());
        let mut pictures = Vec::new();
        for _ in 0..2 {
            app.store.settle(std::slice::from_ref(&settlement)).unwrap().remove(0).unwrap();
            pictures.push(format!("{:?} {:?}", app.store.read(taken.id).unwrap(), app.store.counts().unwrap()));
        }
        assert_eq!(pictures[0], pictures[1]);
        // Another writer with the same fence is late all the same.
        let late = app.settle(taken.id, taken.fence, end);
        assert!(matches!(late, Err(RedisError::Refused(_))), "{late:?}");
        let _ = app.store.cancel(taken.id).unwrap();
        app.check();
    }
}

#[test]
fn an_end_that_comes_after_the_next_claim() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    let settlement = app.settlement(taken.id, taken.fence, End::Release);
    app.store.settle(std::slice::from_ref(&settlement)).unwrap().remove(0).unwrap();
    let again = app.claim(1).remove(0);
    app.store.settle(&[settlement]).unwrap().remove(0).unwrap();
    assert_eq!(app.store.read(taken.id).unwrap().status, Status::Running);
    app.end(&again, End::Success(Vec::new()));
    app.check();
}

#[test]
fn what_a_holder_and_others_say_between() {
    let server = server!();
    let app = app(&server, Limits::default());
    app.link.send_each(2);
    let waiter = app.run(plain(&app.store));
    let held = (waiter.id, waiter.fence);
    let child = app.submit(plain(&app.store));
    assert!(app.store.pause(held, &[child]).unwrap().paused);
    app.store.resume(held).unwrap();
    let mut request = app.request(1);
    request.start = Start::None;
    let taken = app.store.claim(&request).unwrap().taken.remove(0);
    app.store.start(&[(taken.id, taken.fence)]).unwrap().remove(0).unwrap();
    assert_eq!(app.store.cancel(taken.id).unwrap(), Cancelling::Requested);
    let queued = app.submit(plain(&app.store));
    assert_eq!(app.store.cancel(queued).unwrap(), Cancelling::Cancelled);
    let beat = app.store.beat(app.worker, &[held, (taken.id, taken.fence)]).unwrap();
    assert_eq!((beat.alive, beat.lost, beat.cancel), (true, Vec::new(), vec![taken.id]));
    let history = app.store.read(waiter.id).unwrap().history;
    assert_eq!(history.len(), 5, "{history:?}");
    app.check();
}
