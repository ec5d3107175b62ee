//! Who is alive, and what becomes of the work of those who are not.

use pynenc_core::engine::Limits;
use pynenc_core::status::Status;
use pynenc_redis::store::{AppId, ClaimRequest, ClientId, End, Left, Notice, Store};

use crate::apps::{SECOND, app, plain};
use crate::server;

#[test]
fn a_claim_whose_reply_was_lost_goes_back_while_its_worker_lives() {
    let server = server!();
    let app = app(&server, Limits::default());
    let orphan = app.submit(plain(&app.store));
    let known = app.submit(plain(&app.store));
    assert_eq!(app.claim(1)[0].id, orphan);
    let taken = app.claim(1).remove(0);
    app.clock.advance(10 * SECOND);
    assert!(app.store.beat(app.worker, &[(taken.id, taken.fence)]).unwrap().alive);
    assert_eq!(app.store.tick().unwrap(), Some(5 * SECOND));
    app.clock.advance(5 * SECOND);
    app.store.tick().unwrap();
    assert_eq!(app.store.read(orphan).unwrap().status, Status::Rerouted);
    assert_eq!(app.store.read(known).unwrap().status, Status::Running);
    app.check();
}

#[test]
fn a_beat_of_a_lost_worker_says_so() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    app.clock.advance(15 * SECOND);
    app.store.tick().unwrap();
    let beat = app.store.beat(app.worker, &[(taken.id, taken.fence)]).unwrap();
    assert_eq!((beat.alive, beat.lost), (false, vec![taken.id]));
}

#[test]
fn a_beat_names_what_others_hold_now() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    app.end(&taken, End::Release);
    let other = app.store.register_worker("other", None, &[]).unwrap();
    let again = app.store.claim(&ClaimRequest { worker: other, ..app.request(1) }).unwrap().taken.remove(0);
    for fence in [taken.fence, again.fence] {
        let beat = app.store.beat(app.worker, &[(taken.id, fence)]).unwrap();
        assert_eq!((beat.alive, beat.lost), (true, vec![taken.id]));
    }
    app.check();
}

#[test]
fn a_worker_that_leaves_hands_back() {
    let server = server!();
    let app = app(&server, Limits::default());
    let taken = app.run(plain(&app.store));
    assert_eq!(app.store.leave(app.worker).unwrap(), [taken.id]);
    let seen = app.store.read(taken.id).unwrap();
    assert_eq!((seen.status, seen.losses), (Status::Rerouted, 0));
    assert!(app.store.leave(app.worker).unwrap().is_empty());
    assert!(app.store.claim(&app.request(1)).is_err());
    app.check();
}

#[test]
fn only_the_bodies_that_were_under_way_count_a_loss() {
    let server = server!();
    let app = app(&server, Limits { max_losses: 1, ..Limits::default() });
    let batch: Vec<_> = (0..450).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    assert_eq!(app.claim(450).len(), 450);
    let bodies = [batch[3].id, batch[440].id];
    let back = app.store.lose_under(app.worker, "killed", &bodies).unwrap();
    assert_eq!(back, batch.iter().map(|call| call.id).collect::<Vec<_>>());
    for call in &batch {
        let seen = app.store.read(call.id).unwrap();
        let blamed = bodies.contains(&call.id);
        let expected = if blamed { (Status::Failed, 1) } else { (Status::Rerouted, 0) };
        assert_eq!((seen.status, seen.losses), expected);
    }
    app.check();
}

#[test]
fn hundreds_in_one_worker_are_all_taken_back() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<_> = (0..450).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    assert_eq!(app.claim(450).len(), 450);
    let lost = app.store.lose(app.worker, "killed").unwrap();
    assert_eq!(lost, batch.iter().map(|call| call.id).collect::<Vec<_>>());
    app.check();
}

#[test]
fn who_asks_again_what_a_lost_worker_held_is_told_again() {
    let server = server!();
    let app = app(&server, Limits::default());
    let held: Vec<_> = (0..450).map(|_| app.run(plain(&app.store)).id).collect();
    app.link.send_each(2);
    assert_eq!(app.store.lose(app.worker, "killed").unwrap(), held);
    assert_eq!(app.store.lose(app.worker, "killed").unwrap(), []);
    app.link.send_each(1);
    assert_eq!(app.store.counts().unwrap()[Status::Rerouted as usize], 450);
    app.check();
}

#[test]
fn who_asks_again_how_many_were_dropped_is_told_again() {
    let server = server!();
    let app = app(&server, Limits::default());
    app.run(plain(&app.store));
    for _ in 0..450 {
        app.submit(plain(&app.store));
    }
    app.link.send_each(2);
    assert_eq!(app.store.purge().unwrap(), 451);
    assert_eq!(app.store.purge().unwrap(), 0);
    app.link.send_each(1);
    app.check();
}

#[test]
fn a_tick_takes_only_so_much_and_asks_to_be_called_again() {
    let server = server!();
    let app = app(&server, Limits::default());
    for _ in 0..250 {
        app.store.submit(&[plain(&app.store)]).unwrap();
        app.claim(1);
    }
    app.clock.advance(15 * SECOND);
    let rerouted = || app.store.counts().unwrap()[Status::Rerouted as usize];
    for expected in [100, 200] {
        assert_eq!(app.store.tick().unwrap(), Some(0));
        assert_eq!(rerouted(), expected);
        app.check();
    }
    assert_eq!(app.store.tick().unwrap(), None);
    assert_eq!(rerouted(), 250);
    app.check();
}

#[test]
fn the_last_loss_tells_why() {
    let server = server!();
    let limits = Limits { max_losses: 1, ..Limits::default() };
    let app = app(&server, limits);
    let mut call = plain(&app.store);
    call.notify = Some(ClientId(9));
    let mut listener = server.connection();
    let channel = ClientId(9).channel(&AppId::new("app").unwrap());
    let _: redis::Value = redis::cmd("SSUBSCRIBE").arg(&channel).query(&mut listener).unwrap();
    let taken = app.run(call);
    app.store.lose(app.worker, "killed by signal 9").unwrap();
    let ended = app.store.outcome(taken.id).unwrap().unwrap();
    assert_eq!((ended.status, ended.value, ended.losses), (Status::Failed, None, 1));
    assert_eq!(ended.lost.as_deref(), Some("killed by signal 9"));
    let redis::Value::Array(parts) = listener.recv_response().unwrap() else { panic!("no message") };
    let redis::Value::BulkString(message) = &parts[2] else { panic!("no text") };
    let left = Left::Lost("killed by signal 9".to_owned());
    let notice = Notice::Ended { id: taken.id, status: Status::Failed, losses: 1, left };
    assert_eq!(Notice::read_all(message).unwrap(), [notice]);
    app.check();
}

/// The hold, on a clock that a test moves.
#[test]
fn after_an_outage_nobody_is_lost_for_one_lease() {
    let server = server!();
    let app = app(&server, Limits::default());
    let store = Store::new(app.link.clone(), &AppId::new("app").unwrap(), Limits::default(), Some(app.clock.clone()));
    let store = store.holding(true);
    let worker = store.register_worker("worker", None, &[]).unwrap();
    app.submit(plain(&app.store));
    let taken = store.claim(&ClaimRequest { worker, ..app.request(1) }).unwrap().taken.remove(0);
    store.tick().unwrap();
    // Nobody reaches the store for longer than the lease.
    app.clock.advance(40 * SECOND);
    assert!(store.tick().unwrap().is_some_and(|next| next > 0 && next <= 15 * SECOND));
    assert_eq!(store.read(taken.id).unwrap().status, Status::Running);
    // The worker lives, and says so within the hold.
    app.clock.advance(5 * SECOND);
    assert!(store.beat(worker, &[(taken.id, taken.fence)]).unwrap().alive);
    app.clock.advance(9 * SECOND);
    store.tick().unwrap();
    app.clock.advance(SECOND);
    store.tick().unwrap();
    assert_eq!(store.read(taken.id).unwrap().status, Status::Running);
    // And is lost all the same when it falls silent while others do not.
    for _ in 0..4 {
        app.clock.advance(4 * SECOND);
        store.tick().unwrap();
    }
    assert_eq!(store.read(taken.id).unwrap().status, Status::Rerouted);
    app.check();
}

#[test]
fn a_rare_reaper_reaps_after_its_hold() {
    let server = server!();
    let app = app(&server, Limits::default());
    let store = Store::new(app.link.clone(), &AppId::new("app").unwrap(), Limits::default(), Some(app.clock.clone()));
    let store = store.holding(true);
    let taken = app.run(plain(&app.store));
    store.tick().unwrap();
    app.clock.advance(100 * SECOND);
    store.tick().unwrap();
    assert_eq!(store.read(taken.id).unwrap().status, Status::Running);
    app.clock.advance(100 * SECOND);
    store.tick().unwrap();
    assert_eq!(store.read(taken.id).unwrap().status, Status::Rerouted);
}

#[test]
fn a_beat_names_thousands() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<_> = (0..5_000).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    let mut held = Vec::new();
    while held.len() < batch.len() {
        held.extend(app.claim(500).iter().map(|taken| (taken.id, taken.fence)));
    }
    app.store.cancel(held[4_999].0).unwrap();
    app.settle(held[4_998].0, held[4_998].1, End::Release).unwrap();
    app.clock.advance(10 * SECOND);
    let beat = app.store.beat(app.worker, &held).unwrap();
    assert_eq!((beat.alive, beat.lost, beat.cancel), (true, vec![held[4_998].0], vec![held[4_999].0]));
    app.clock.advance(10 * SECOND);
    app.store.tick().unwrap();
    assert_eq!(app.store.counts().unwrap()[Status::Running as usize], 4_999);
}

#[test]
fn what_a_forgotten_worker_held_is_rescued() {
    let server = server!();
    let app = app(&server, Limits::default());
    let batch: Vec<_> = (0..250).map(|_| plain(&app.store)).collect();
    app.store.submit(&batch).unwrap();
    app.claim(250);
    app.clock.advance(15 * SECOND);
    app.store.tick().unwrap();
    // Nobody reaps for as long as the server knows the worker's name.
    let mut worker = b"pynenc:4:{app}:w:".to_vec();
    worker.extend(app.worker.0.to_be_bytes());
    let gone: usize = redis::cmd("DEL").arg(worker).query(&mut server.connection()).unwrap();
    assert_eq!(gone, 1);
    while app.store.tick().unwrap() == Some(0) {}
    assert_eq!(app.store.counts().unwrap()[Status::Rerouted as usize], 250);
    app.check();
}
