//! What is queued, set aside and parked, and who is woken.

use pynenc_core::engine::{Lane, Limits, Rules};
use pynenc_core::status::Status;
use pynenc_redis::store::{ClaimRequest, End, NewCall, Start, WorkerId};

use crate::apps::{App, app, plain, ruled};
use crate::rig::Server;
use crate::server;

fn tokens(server: &Server, lane: Lane) -> usize {
    server.ask(&["LLEN", &format!("pynenc:4:{{app}}:tok:{}", lane as usize)])
}

fn claim_by(app: &App, worker: WorkerId, limit: usize) -> Vec<String> {
    let request = ClaimRequest { worker, ..app.request(limit) };
    app.store.claim(&request).unwrap().taken.iter().map(|taken| taken.task.to_string()).collect()
}

fn of_task(app: &App, task: &str) -> NewCall {
    NewCall { task: task.into(), ..plain(&app.store) }
}

#[test]
fn a_thousand_that_were_called_off_keep_nobody_from_the_next() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<NewCall> = (0..1_200).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    for call in &batch[..1_199] {
        app.store.cancel(call.id).unwrap();
    }
    let claims = app.store.claim(&app.request(1)).unwrap();
    assert_eq!(claims.taken[0].id, batch[1_199].id);
    assert_eq!(claims.queued, 0);
    app.check();
}

#[test]
fn work_of_an_unknown_task_waits_for_one_that_knows_it() {
    let server = server!();
    let app = app(&server, Limits::default());
    let adder = app.store.register_worker("adder", None, &["app.add"]).unwrap();
    app.submit(of_task(&app, "app.mul"));
    let parked = app.store.find(Some("app.mul"), &[], 9).unwrap()[0];
    app.submit(of_task(&app, "app.add"));
    assert_eq!(claim_by(&app, adder, 9), ["app.add"]);
    assert_eq!(app.store.find(None, &[Status::Rerouted], 9).unwrap(), [parked]);
    assert_eq!(app.store.queued(Lane::Sync).unwrap(), 0);
    app.check();
    // However often it looks: once parked, it is looked at no more.
    assert!(claim_by(&app, adder, 9).is_empty());
    assert_eq!(app.store.read(parked).unwrap().history.len(), 2);
    let other = app.store.register_worker("multiplier", None, &["app.mul"]).unwrap();
    assert_eq!(claim_by(&app, other, 9), ["app.mul"]);
    app.check();
}

#[test]
fn a_worker_may_learn_a_task() {
    let server = server!();
    let app = app(&server, Limits::default());
    let adder = app.store.register_worker("adder", None, &["app.add"]).unwrap();
    app.submit(NewCall { lane: Lane::Async, ..of_task(&app, "app.mul") });
    assert!(claim_by(&app, adder, 9).is_empty());
    assert_eq!(tokens(&server, Lane::Async), 0);
    app.store.know_tasks(adder, &["app.mul"]).unwrap();
    assert_eq!(tokens(&server, Lane::Async), 1);
    assert_eq!(claim_by(&app, adder, 9), ["app.mul"]);
    assert!(app.store.know_tasks(WorkerId(5), &["app.mul"]).is_err());
    app.check();
}

#[test]
fn what_is_parked_can_be_called_off() {
    let server = server!();
    let app = app(&server, Limits::default());
    let adder = app.store.register_worker("adder", None, &["app.add"]).unwrap();
    let id = app.submit(of_task(&app, "app.mul"));
    assert!(claim_by(&app, adder, 9).is_empty());
    app.store.cancel(id).unwrap();
    app.check();
    assert!(app.claim(9).is_empty());
}

#[test]
fn tokens_are_few_and_none_is_left_of_what_is_gone() {
    let server = server!();
    let app = app(&server, Limits::default());
    app.submit(plain(&app.store));
    assert_eq!((tokens(&server, Lane::Sync), tokens(&server, Lane::Async)), (1, 0));
    let batch: Vec<NewCall> = (0..500).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    assert_eq!(tokens(&server, Lane::Sync), 64);
    app.claim(500);
    assert!(tokens(&server, Lane::Sync) > 0);
    app.claim(500);
    assert_eq!(app.claim(500).len(), 0);
    assert_eq!(tokens(&server, Lane::Sync), 0);
    app.store.submit(&[plain(&app.store), plain(&app.store)]).unwrap();
    assert_eq!(app.claim(500).len(), 2);
    assert_eq!(tokens(&server, Lane::Sync), 0);
}

#[test]
fn whoever_takes_work_and_leaves_some_wakes_the_next() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<NewCall> = (0..3).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    let _: usize = server.ask(&["DEL", "pynenc:4:{app}:tok:0"]);
    app.claim(1);
    assert_eq!(tokens(&server, Lane::Sync), 1);
}

#[test]
fn a_freed_key_wakes_a_worker() {
    let server = server!();
    let app = app(&server, Limits::default());
    let rules = Rules { running: Some([1; 32]), ..Rules::default() };
    let holder = app.run(ruled(&app.store, rules.clone()));
    let blocked = app.submit(ruled(&app.store, rules));
    assert!(app.claim(9).is_empty());
    assert_eq!(tokens(&server, Lane::Sync), 0);
    app.check();
    app.end(&holder, End::Success(Vec::new()));
    assert_eq!(tokens(&server, Lane::Sync), 1);
    assert_eq!(app.claim(9)[0].id, blocked);
}

#[test]
fn one_trip_settles_and_claims() {
    let server = server!();
    let app = app(&server, Limits::default());
    let first = app.run(plain(&app.store));
    let second = app.submit(plain(&app.store));
    let settlement = app.settlement(first.id, first.fence, End::Success(b"1".to_vec()));
    let (told, claims) = app.store.work(&[settlement], Some(&app.request(1))).unwrap();
    assert!(told.iter().all(Result::is_ok));
    assert_eq!(claims.taken[0].id, second);
    assert_eq!(app.store.outcome(first.id).unwrap().unwrap().value, Some(b"1".to_vec()));
    app.check();
}

#[test]
fn one_that_only_was_claimed_is_started_by_its_end() {
    let server = server!();
    let app = app(&server, Limits::default());
    let id = app.submit(plain(&app.store));
    let mut request = app.request(1);
    request.start = Start::None;
    let taken = app.store.claim(&request).unwrap().taken.remove(0);
    assert!(!taken.started);
    let mut settlement = app.settlement(id, taken.fence, End::Success(Vec::new()));
    settlement.ran = Some(250);
    app.store.settle(&[settlement]).unwrap().remove(0).unwrap();
    let seen: Vec<_> = app.store.read(id).unwrap().history.iter().map(|event| (event.status, event.at)).collect();
    let now = seen[0].1;
    let expected =
        [(Status::Registered, now), (Status::Pending, now), (Status::Running, now - 250), (Status::Success, now)];
    assert_eq!(seen, expected);
}

#[test]
fn a_history_keeps_its_first_line_and_the_latest() {
    let server = server!();
    let app = app(&server, Limits::default());
    let id = app.submit(plain(&app.store));
    for _ in 0..150 {
        let taken = app.claim(1).remove(0);
        app.end(&taken, End::Retry { delay: 0 });
    }
    let history = app.store.read(id).unwrap().history;
    assert_eq!(history.len(), 200);
    assert_eq!(history[0].status, Status::Registered);
    assert_eq!(history[199].status, Status::Retry);
    assert_eq!(&*history[199].worker, "worker one");
    app.check();
}

#[test]
fn whoever_is_parked_leaves_its_key_to_the_next() {
    let server = server!();
    let app = app(&server, Limits::default());
    let adder = app.store.register_worker("adder", None, &["app.add"]).unwrap();
    let rules = Rules { running: Some([1; 32]), ..Rules::default() };
    let holder = app.run(ruled(&app.store, rules.clone()));
    let unknown = app.submit(NewCall { task: "app.mul".into(), ..ruled(&app.store, rules.clone()) });
    let known = app.submit(ruled(&app.store, rules));
    assert!(app.claim(9).is_empty());
    app.end(&holder, End::Success(Vec::new()));
    // The first of the line is woken for the key, and this worker does not know its task.
    assert_eq!(claim_by(&app, adder, 9), ["app.add"]);
    assert_eq!(app.store.read(known).unwrap().status, Status::Running);
    assert_eq!(app.store.read(unknown).unwrap().status, Status::Rerouted);
    app.check();
}

#[test]
fn a_waiter_is_not_given_what_its_worker_does_not_know() {
    let server = server!();
    let app = app(&server, Limits::default());
    let adder = app.store.register_worker("adder", None, &["app.add"]).unwrap();
    app.submit(plain(&app.store));
    let request = ClaimRequest { worker: adder, ..app.request(1) };
    let waiter = app.store.claim(&request).unwrap().taken.remove(0);
    let held = (waiter.id, waiter.fence);
    let child = app.submit(of_task(&app, "app.mul"));
    assert!(app.store.claim_awaited(held, child, 1).unwrap().is_none());
    app.store.know_tasks(adder, &["app.mul"]).unwrap();
    assert!(app.store.claim_awaited(held, child, 2).unwrap().is_some());
    app.check();
}
