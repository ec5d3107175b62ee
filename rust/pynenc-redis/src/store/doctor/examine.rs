//! What must hold, held against what was found.

use std::collections::{HashMap, HashSet};

use pynenc_core::engine::Key;
use pynenc_core::id::InvocationId;
use pynenc_core::status::{ALL, Status};

use super::Finding;
use super::evidence::Evidence;
use crate::store::record::Record;

/// Places of counters in `lua/base.lua`, behind those of the statuses.
const QUEUED: usize = 10;
const APART: usize = 12;
const DUE: usize = 14;
const BYTES: usize = 18;

pub(super) fn all(found: &Evidence) -> Vec<Finding> {
    let mut wrong = found.unreadable.clone();
    for (&id, record) in &found.records {
        record_stands(found, id, record, &mut wrong);
        record_agrees(found, id, record, &mut wrong);
    }
    lines_are_exact(found, &mut wrong);
    running_keys(found, &mut wrong);
    registration_keys(found, &mut wrong);
    nothing_is_left(found, &mut wrong);
    blobs(found, &mut wrong);
    let mut findings: Vec<Finding> = wrong.into_iter().map(Finding::from).collect();
    counters(found, &mut findings);
    findings
}

/// Each blob is counted by the records that name it, and is idle when there are none.
fn blobs(found: &Evidence, wrong: &mut Vec<String>) {
    let mut named: HashMap<&[u8], usize> = HashMap::new();
    for digest in found.records.values().flat_map(|record| &record.blobs) {
        *named.entry(digest).or_default() += 1;
    }
    let counted = found.keys.get(b"bn".as_slice()).map_or(&[][..], Vec::as_slice).chunks_exact(2);
    for (digest, count) in counted.clone().map(|pair| (&pair[0], &pair[1])) {
        let there = named.remove(digest.as_slice()).unwrap_or(0);
        if count != there.to_string().as_bytes() {
            wrong.push(format!("a blob is counted {} times, and named {there} times", String::from_utf8_lossy(count)));
        }
        if !found.keys.contains_key(&named_blob(digest)) {
            wrong.push(format!("a blob is gone, and named {there} times"));
        }
    }
    wrong.extend(named.values().map(|there| format!("a blob is named {there} times, and not counted")));
    let idle = found.keys.get(b"bi".as_slice()).into_iter().flatten();
    if idle.into_iter().any(|digest| counted.clone().any(|pair| pair[0] == *digest)) {
        wrong.push("a blob is named, and counts as idle".to_owned());
    }
}

fn named_blob(digest: &[u8]) -> Vec<u8> {
    named("b", digest)
}

fn named(kind: &str, rest: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b":", rest].concat()
}

/// The key under which a record says that it stands, for each kind of place.
fn places(record: &Record) -> [Option<Vec<u8>>; 5] {
    let lane = if record.lane as usize == 0 { "0" } else { "1" };
    let line = record.running_key().filter(|_| record.is_aside());
    let parked = [lane.as_bytes(), record.task.as_bytes()].concat();
    [
        record.is_queued().then(|| named(record.queue(), lane.as_bytes())),
        record.is_delayed().then(|| b"due".to_vec()),
        line.map(|key| named("l", &key)),
        record.is_parked().then(|| named("pk", &parked)),
        record.status.is_held().then(|| named("h", &record.worker.to_be_bytes())),
    ]
}

fn record_stands(found: &Evidence, id: InvocationId, record: &Record, wrong: &mut Vec<String>) {
    let stands = places(record).map(|place| place.is_some_and(|place| found.stands(&place, id)));
    let taken = stands.iter().filter(|&&stands| stands).count();
    if taken != usize::from(!record.status.is_final()) {
        let name = record.status.name();
        wrong.push(format!("{id} ({name}) is in {taken} places: queue, delay, line, parked, hands = {stands:?}"));
    }
}

fn record_agrees(found: &Evidence, id: InvocationId, record: &Record, wrong: &mut Vec<String>) {
    let name = record.status.name();
    if record.left != 0 && !record.status.is_final() {
        wrong.push(format!("{id} ({name}) has an outcome"));
    }
    if record.status.is_held() != (record.worker != 0) {
        wrong.push(format!("{id} ({name}) and its worker {:016x} disagree", record.worker));
    }
    if record.history.last().map(|&(status, ..)| status) != Some(record.status) {
        wrong.push(format!("{id} ({name}) and its history disagree"));
    }
    if let Some(key) = record.running_key()
        && record.status.is_held()
        && !found.stands(&named("x", &key), id)
    {
        wrong.push(format!("{id} ({name}) runs without its key"));
    }
}

/// All lines but the list of fresh work, whose entries are hints.
fn lines_are_exact(found: &Evidence, wrong: &mut Vec<String>) {
    for start in ["qr:", "qa:", "due", "l:", "pk:", "h:"] {
        for (name, id) in found.under(start.as_bytes()) {
            let stands =
                found.records.get(&id).is_some_and(|record| places(record).iter().flatten().any(|p| p == name));
            if !stands {
                wrong.push(format!("{start} names {id}, which does not stand there"));
            }
        }
    }
    for (name, worker) in found.keys.keys().filter_map(|name| Some((name, name.strip_prefix(b"h:")?))) {
        let looked_at = found.keys.get(b"wk".as_slice()).into_iter().flatten().any(|member| member.ends_with(worker));
        if !looked_at {
            wrong.push(format!("nobody looks at the leases of {name:?}"));
        }
    }
}

fn running_keys(found: &Evidence, wrong: &mut Vec<String>) {
    for (_, id) in found.under(b"x:") {
        if !found.records.get(&id).is_some_and(|record| record.status.is_held()) {
            wrong.push(format!("{id} holds a running key and is not held"));
        }
    }
    let queued = found.records.values().filter(|record| record.is_queued());
    let to_be_taken: HashSet<Key> = queued.filter_map(Record::running_key).collect();
    for name in found.keys.keys().filter(|name| name.starts_with(b"l:")) {
        let key = &name[2..];
        let is_held = found.keys.contains_key(&named("x", key));
        if !is_held && !to_be_taken.iter().any(|other| other == key) {
            wrong.push("a running key is free, nobody is queued for it, and some stand in its line".to_owned());
        }
    }
}

fn registration_keys(found: &Evidence, wrong: &mut Vec<String>) {
    let mut fresh = HashSet::new();
    for (name, id) in found.under(b"r:") {
        let record = found.records.get(&id);
        let has_started = |record: &Record| matches!(record.status, Status::Running | Status::Paused);
        match record {
            Some(record) if record.status.is_final() || has_started(record) => {
                wrong.push(format!("a registration key names {id}, which has started"));
            }
            Some(record) if record.fence.attempt == 0 && !fresh.insert(name) => {
                wrong.push(format!("a registration key names {id}, a second new one"));
            }
            Some(record) if record.registration_key().is_none_or(|key| key != name[2..]) => {
                wrong.push(format!("a registration key names {id}, which has another"));
            }
            Some(_) => {}
            None => wrong.push(format!("a registration key names {id}, which is gone")),
        }
    }
}

/// Keys that belong to a record go with it.
fn nothing_is_left(found: &Evidence, wrong: &mut Vec<String>) {
    for name in found.keys.keys() {
        let Some(at) = name.iter().position(|&byte| byte == b':') else { continue };
        let (kind, rest) = (&name[..at], &name[at + 1..]);
        let Ok(id) = super::super::record::id(rest) else { continue };
        let record = found.records.get(&id);
        let belongs = match kind {
            b"p" => record.is_some_and(|record| record.payload_is_apart),
            b"o" => record.is_some_and(|record| record.status.is_final()),
            b"ws" => record.is_some_and(|record| !record.status.is_final()),
            b"aw" => record.is_some_and(|record| record.status == Status::Paused),
            _ => true,
        };
        if !belongs {
            wrong.push(format!("{}:{id} is left over", String::from_utf8_lossy(kind)));
        }
    }
    for (_, id) in found.under(b"v:") {
        if found.records.get(&id).is_none_or(|record| record.status != Status::Success) {
            wrong.push(format!("{id} is to answer for equal calls and has no result"));
        }
    }
}

fn counters(found: &Evidence, wrong: &mut Vec<Finding>) {
    let mut compare = |what: &str, counter: usize, there: u64| {
        let (counted, there) = (found.counter(counter), i64::try_from(there).unwrap_or(i64::MAX));
        if there != counted {
            // While others work both numbers move, and stay as far apart as they are.
            let mark = format!("{what}: {}", i128::from(counted) - i128::from(there));
            wrong.push(Finding { line: format!("{counted} {what} counted, {there} there"), mark });
        }
    };
    let number = |wanted: &dyn Fn(&&Record) -> bool| found.records.values().filter(wanted).count() as u64;
    for status in ALL {
        compare(status.name(), status as usize, number(&|record| record.status == status));
    }
    for lane in [0, 1] {
        let there = number(&|record| record.is_queued() && record.lane as usize == lane);
        compare("queued", QUEUED + lane, there);
        compare("standing apart", APART + lane, apart(found, lane));
    }
    compare("waiting for their time", DUE, found.size(b"due") as u64);
    compare("bytes kept", BYTES, found.records.values().map(|record| record.bytes).sum());
}

/// How many of a lane stand anywhere but in the list of fresh work.
fn apart(found: &Evidence, lane: usize) -> u64 {
    let lines = [format!("qa:{lane}"), format!("qr:{lane}")].map(|line| found.size(line.as_bytes()));
    let parked = format!("pk:{lane}");
    let parked = found.keys.iter().filter(|(name, _)| name.starts_with(parked.as_bytes())).map(|(_, ids)| ids.len());
    (lines.iter().sum::<usize>() + parked.sum::<usize>()) as u64
}
