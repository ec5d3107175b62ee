//! Servers that are found through others: Sentinels and clusters.

use std::thread;

use pynenc_redis::error::RedisError;
use pynenc_redis::link::Link;
use pynenc_redis::link::doorbell::{Bell, Doorbell};
use pynenc_redis::link::notices::Notices;
use redis::Value;

use crate::rig::echo::{HASTY, PREFIX, echo, echoed, wire, wire_with};
use crate::rig::{PATIENCE, Server, eventually, free_port};
use crate::waking::{Heard, ear};

fn call(wire: &impl Link, word: &str) {
    assert_eq!(wire.call(&[echo(&[word])]).unwrap().remove(0).unwrap(), echoed(&[word]));
}

fn was_asked(server: &Server, word: &str) -> bool {
    server.ask::<Option<u32>>(&["HGET", "pynenc:4:{test}:calls", word]).is_some()
}

// -- Sentinels ------------------------------------------------------------------------------------
/// A Sentinel that watches `master` as the service `main`, and promotes its replica by itself.
fn sentinel(master: &Server) -> Server {
    let watch = [
        format!("sentinel monitor main 127.0.0.1 {} 1", master.port()),
        "sentinel down-after-milliseconds main 300".into(),
        "sentinel failover-timeout main 2000".into(),
    ];
    Server::start_sentinel(&watch).unwrap()
}

fn replica_of(master: &Server) -> Server {
    let place = format!("127.0.0.1 {}", master.port());
    let replica = Server::start_on_port(&["--replicaof", &place, "--repl-diskless-sync-delay", "0"]).unwrap();
    eventually("the replica follows", || {
        replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    replica
}

#[test]
fn the_master_is_asked_for_and_asked_for_again_when_another_takes_over() {
    let Some(mut master) = Server::start_on_port(&[]) else { return };
    let replica = replica_of(&master);
    let sentinel = sentinel(&master);
    eventually("the Sentinel knows the replica", || sentinel.ask::<String>(&["INFO", "sentinel"]).contains("slaves=1"));
    // The first one named is not there.
    let url = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main/0", free_port(), sentinel.port());
    let wire = wire(&url);
    call(&wire, "before");
    assert!(was_asked(&master, "before"));
    master.kill();
    call(&wire, "after");
    assert!(was_asked(&replica, "after"));
}

#[test]
fn a_service_that_no_sentinel_knows() {
    let Some(master) = Server::start_on_port(&[]) else { return };
    let sentinel = sentinel(&master);
    let url = format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port());
    let error = wire_with(&url, HASTY).call(&[echo(&["one"])]).unwrap_err();
    assert!(matches!(&error, RedisError::Unreachable { last, .. } if last.contains("no service \"other\"")), "{error}");
}

// -- clusters -------------------------------------------------------------------------------------
fn node(options: &[&str]) -> Option<Server> {
    let bus = free_port().to_string();
    let mut all = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
    all.extend(options);
    Server::start_on_port(&all)
}

fn is_up(node: &Server) -> bool {
    node.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
}

/// A node with every slot.
fn whole() -> Option<Server> {
    let node = node(&[])?;
    let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually("the cluster is up", || is_up(&node));
    Some(node)
}

/// Two nodes; the first has every slot.
fn pair() -> Option<(Server, Server)> {
    let (one, two) = (whole()?, node(&[])?);
    let bus: Vec<String> = two.ask(&["CONFIG", "GET", "cluster-port"]);
    let _: String = two.ask(&["CLUSTER", "SET-CONFIG-EPOCH", "7"]);
    let _: String = one.ask(&["CLUSTER", "MEET", "127.0.0.1", &two.port().to_string(), &bus[1]]);
    eventually("they know each other", || {
        [&one, &two].iter().all(|node| is_up(node) && node.ask::<String>(&["CLUSTER", "NODES"]).lines().count() == 2)
    });
    Some((one, two))
}

fn slot(node: &Server) -> String {
    node.ask::<u32>(&["CLUSTER", "KEYSLOT", PREFIX]).to_string()
}

/// Give the app's slot to `to`, with nothing in it.
fn move_slot(from: &Server, to: &Server) {
    let (slot, id) = (slot(to), to.ask::<String>(&["CLUSTER", "MYID"]));
    let _: Value = from.ask(&["DEL", "pynenc:4:{test}:calls"]);
    for node in [to, from] {
        let _: String = node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
    }
}

fn cluster_url(nodes: &[&Server]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    format!("redis+cluster://{}", nodes.join(","))
}

#[test]
fn the_node_with_the_slot_is_found_through_any_other() {
    let Some((one, two)) = pair() else { return };
    call(&wire(&cluster_url(&[&two])), "through the other");
    assert!(was_asked(&one, "through the other"));
    let absent = format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", free_port(), two.port());
    call(&wire(&absent), "with one node away");
    // An address of one server is taken as a first guess.
    call(&wire(&two.url()), "by MOVED");
    assert!(was_asked(&one, "by MOVED"));
}

#[test]
fn everything_follows_a_slot_that_moves() {
    let Some((one, two)) = pair() else { return };
    let wire = wire(&cluster_url(&[&one, &two]));
    let bell = Doorbell::new(wire.route().clone());
    let (ear, heard) = ear();
    let notices = Notices::open(wire.route().clone(), "pynenc:4:{test}:c:1", ear).unwrap();
    notices.ready().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Reconnected));
    call(&wire, "before");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| bell.wait(&[b"pynenc:4:{test}:tok"], PATIENCE).unwrap());
        eventually("somebody waits", || one.ask::<String>(&["INFO", "clients"]).contains("blocked_clients:1"));
        move_slot(&one, &two);
        assert_eq!(waiter.join().unwrap(), Bell::Renewed);
    });
    call(&wire, "after");
    assert!(was_asked(&two, "after"));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Reconnected));
    assert_eq!(two.ask::<u32>(&["SPUBLISH", "pynenc:4:{test}:c:1", "hello"]), 1);
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Heard::Message(b"hello".to_vec())));
    let _: u32 = two.ask(&["RPUSH", "pynenc:4:{test}:tok", "token"]);
    assert_eq!(bell.wait(&[b"pynenc:4:{test}:tok"], PATIENCE).unwrap(), Bell::Rung(0));
}

#[test]
fn while_a_slot_is_on_its_way_nothing_is_done_in_two_places() {
    let Some((one, two)) = pair() else { return };
    let wire = wire(&cluster_url(&[&one, &two]));
    call(&wire, "before");
    let (slot, ids) = (slot(&one), [&one, &two].map(|node| node.ask::<String>(&["CLUSTER", "MYID"])));
    let _: String = two.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
    let _: String = one.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    thread::scope(|scope| {
        let caller = scope.spawn(|| call(&wire, "meanwhile"));
        eventually("it is told to ask elsewhere", || {
            one.ask::<String>(&["INFO", "errorstats"]).contains("errorstat_ASK")
        });
        let keys: u32 = two.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]);
        assert_eq!(keys, 0, "written to a slot that is not there yet");
        move_slot(&one, &two);
        caller.join().unwrap();
    });
    assert!(was_asked(&two, "meanwhile"));
}

#[test]
fn a_single_server_is_no_cluster() {
    let Some(server) = Server::start_on_port(&[]) else { return };
    let error = wire(&cluster_url(&[&server])).call(&[echo(&["one"])]).unwrap_err();
    assert!(matches!(&error, RedisError::Unfit { reason, .. } if reason.contains("no node of a cluster")), "{error}");
}

#[test]
fn a_cluster_that_is_down_is_waited_for() {
    let Some(node) = node(&[]) else { return };
    let wire = wire(&cluster_url(&[&node]));
    thread::scope(|scope| {
        let caller = scope.spawn(|| call(&wire, "one"));
        thread::sleep(std::time::Duration::from_millis(200));
        let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        caller.join().unwrap();
    });
}
