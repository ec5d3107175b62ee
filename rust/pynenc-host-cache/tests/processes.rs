//! Several processes of one user, and those who are killed.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, also outside the functions that are marked as tests"
)]

mod rig;

use std::fs;

use rig::actor::{self, Actor};
use rig::{Place, SCOPE, eventually};

const LENGTH: u32 = 8 << 20;

#[test]
#[ignore = "the other tests start it, as a process of its own"]
fn actor() {
    actor::act();
}

fn actors(place: &Place, count: usize) -> Vec<Actor> {
    let mut all: Vec<Actor> = (0..count).map(|_| Actor::start(place.path())).collect();
    for actor in &mut all {
        assert_eq!(actor.ask("open"), "open");
    }
    all
}

#[test]
fn processes_fetch_and_hold_a_value_once() {
    let place = Place::new();
    let mut all = actors(&place, 4);
    let pss = |all: &mut Vec<Actor>| all.iter_mut().map(|one| one.ask("pss").parse::<u64>().unwrap()).sum::<u64>();
    let before = pss(&mut all);
    for actor in &mut all {
        actor.tell(&format!("get 1 {LENGTH}"));
    }
    let mut answers: Vec<String> = all.iter_mut().map(Actor::hear).collect();
    answers.sort();
    let (fetched, shared) = ("fetched mapped right", "shared mapped right");
    assert_eq!(answers, [fetched, shared, shared, shared]);
    // One copy, and generously half of another for what the processes have besides.
    let growth = pss(&mut all) - before;
    assert!(growth < u64::from(LENGTH) * 3 / 2, "{growth}");
    all.into_iter().for_each(Actor::end);
}

#[test]
fn a_process_killed_while_it_fetches_leaves_its_turn_to_the_next() {
    let place = Place::new();
    let mut all = actors(&place, 3);
    let mut last = all.pop().unwrap();
    let mut next = all.pop().unwrap();
    let mut killed = all.pop().unwrap();
    assert_eq!(killed.ask(&format!("stall 1 {LENGTH}")), "fetching");
    next.tell(&format!("get 1 {LENGTH}"));
    let waiting = format!("/proc/{}/task", next.id());
    eventually("it waits, on a thread", || {
        fs::read_dir(&waiting).unwrap().any(|task| {
            let name = fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default();
            name.starts_with("pynenc-host")
        })
    });
    killed.kill();
    assert_eq!(next.hear(), "fetched mapped right");
    assert_eq!(last.ask(&format!("get 1 {LENGTH}")), "shared mapped right");
    assert_eq!(place.values().len(), 1);
}

#[test]
fn what_a_killed_process_left_half_written_counts_as_nothing() {
    let place = Place::new();
    let mut all = actors(&place, 2);
    let mut survivor = all.pop().unwrap();
    let mut killed = all.pop().unwrap();
    assert_eq!(killed.ask("stall 1 1000"), "fetching");
    killed.kill();
    let [part] = &*place.values() else { panic!("one part") };
    fs::write(part, [7; 500]).unwrap();
    // Another value: the part of the dead is nobody's, and is in nobody's way.
    assert_eq!(survivor.ask("get 2 1000"), "fetched mapped right");
    assert_eq!(place.values().len(), 1);
    fs::write(part, [7; 1000]).unwrap();
    assert_eq!(survivor.ask("get 1 1000"), "fetched mapped right");
    assert_eq!(place.values().len(), 2);
}

#[test]
fn the_last_one_out_removes_everything() {
    let place = Place::new();
    let mut all = actors(&place, 2);
    assert_eq!(all[0].ask("get 1 1000"), "fetched mapped right");
    all.remove(0).end();
    assert_eq!(all[0].ask("get 1 1000"), "shared mapped right");
    all.remove(0).end();
    assert!(!place.root().exists());
}

#[test]
fn what_killed_processes_left_the_next_one_removes() {
    let place = Place::new();
    for scope in ["here", "elsewhere"] {
        let mut killed = actors(&place, 1).remove(0);
        assert_eq!(killed.ask("get 1 1000"), "fetched mapped right");
        killed.kill();
        assert_eq!(place.values().len(), 1, "{scope}");
        // Whoever starts next for the same engine and app, or for others.
        let scope = if scope == "here" { SCOPE } else { scope };
        let next = pynenc_host_cache::HostCache::open(scope, &place.options()).unwrap();
        assert!(place.values().is_empty());
        drop(next);
        assert!(!place.root().exists());
    }
}

#[test]
fn views_outlive_the_files() {
    let place = Place::new();
    let mut all = actors(&place, 2);
    for actor in &mut all {
        assert!(actor.ask("get 1 100000").ends_with("mapped right"));
    }
    for value in place.values() {
        fs::remove_file(value).unwrap();
    }
    for actor in &mut all {
        assert_eq!(actor.ask("check 1"), "right");
        assert!(actor.ask("get 1 100000").ends_with("mapped right"));
    }
    assert_eq!(place.values().len(), 1);
}

#[test]
fn processes_that_come_and_go_always_find_a_folder() {
    let place = Place::new();
    let values: Vec<_> = (0..4)
        .map(|n| {
            let path = place.path().to_owned();
            std::thread::spawn(move || {
                for _ in 0..15 {
                    let mut one = Actor::start(&path);
                    assert_eq!(one.ask("open"), "open");
                    assert!(one.ask(&format!("get {n} 1000")).ends_with("mapped right"));
                    one.end();
                }
            })
        })
        .collect();
    values.into_iter().for_each(|one| one.join().unwrap());
    assert!(!place.root().exists());
}
