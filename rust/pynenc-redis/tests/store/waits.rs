//! Bodies that wait.

use pynenc_core::engine::Limits;
use pynenc_core::error::CoreError;
use pynenc_core::status::Status;
use pynenc_redis::error::RedisError;
use pynenc_redis::store::{End, NewCall, Pausing};

use crate::apps::{app, plain};
use crate::server;

#[test]
fn a_body_may_wait_for_more_than_one_script_takes() {
    let server = server!();
    let app = app(&server, Limits::default());
    let waiter = app.run(plain(&app.store));
    let held = (waiter.id, waiter.fence);
    let batch: Vec<NewCall> = (0..1_100).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    let ids: Vec<_> = batch.iter().map(|call| call.id).collect();
    assert_eq!(app.store.pause(held, &ids).unwrap(), Pausing { paused: true, queued: 1_100 });
    assert_eq!(app.store.read(waiter.id).unwrap().awaits, ids);
    app.check();
    app.store.resume(held).unwrap();
    app.store.cancel(ids[1_050]).unwrap();
    assert!(!app.store.pause(held, &ids).unwrap().paused);
    assert_eq!(app.store.read(waiter.id).unwrap().status, Status::Running);
    app.check();
}

#[test]
fn the_line_above_a_body_ends_where_nobody_waits() {
    let server = server!();
    let app = app(&server, Limits { wait_links: 5, ..Limits::default() });
    let mut line = vec![app.run(plain(&app.store))];
    for depth in 1..7_u8 {
        let parent = line.last().map(|taken| (taken.id, taken.fence)).unwrap();
        let call = NewCall { parent: Some(parent.0), print: Some([depth; 32]), ..plain(&app.store) };
        let child = app.run(call);
        if depth > 1 {
            app.store.pause(parent, &[child.id]).unwrap();
        }
        line.push(child);
    }
    // The first body runs: it waits for nobody, and ends the line.
    let seen = app.store.ancestors(line[5].id).unwrap();
    assert_eq!(
        seen.iter().map(|one| (one.id, one.print)).collect::<Vec<_>>(),
        (1..=5).rev().map(|depth| (line[usize::from(depth)].id, Some([depth; 32]))).collect::<Vec<_>>()
    );
    let limit = app.store.ancestors(line[6].id);
    assert!(matches!(limit, Err(RedisError::Refused(CoreError::WaitLimit(5)))), "{limit:?}");
    app.check();
}

#[test]
fn a_waiter_goes_on_in_the_step_that_ends_what_it_ran() {
    let server = server!();
    let app = app(&server, Limits::default());
    let waiter = app.run(plain(&app.store));
    let held = (waiter.id, waiter.fence);
    let child = app.submit(plain(&app.store));
    let taken = app.store.claim_awaited(held, child, 5).unwrap().unwrap();
    assert!(taken.started);
    assert_eq!(app.store.read(waiter.id).unwrap().status, Status::Paused);
    let mut end = app.settlement(child, taken.fence, End::Success(Vec::new()));
    end.resume = Some(held);
    app.store.settle(&[end.clone()]).unwrap().remove(0).unwrap();
    assert_eq!(app.store.read(waiter.id).unwrap().status, Status::Running);
    // A waiter that is others' now is refused by itself: the child has ended as told.
    app.end(&waiter, End::Release);
    assert_eq!(app.claim(1).remove(0).id, waiter.id);
    let second = app.run(plain(&app.store));
    end = app.settlement(second.id, second.fence, End::Success(Vec::new()));
    end.resume = Some(held);
    let told = app.store.settle(&[end]).unwrap().remove(0);
    assert!(matches!(told, Err(RedisError::Refused(CoreError::Fenced { id, .. })) if id == waiter.id), "{told:?}");
    assert_eq!(app.store.read(second.id).unwrap().status, Status::Success);
    app.check();
}
