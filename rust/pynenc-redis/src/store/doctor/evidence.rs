//! Everything that lies under the app's keys, read into memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pynenc_core::id::InvocationId;
use redis::Value;

use crate::error::Result;
use crate::store::library::Which;
use crate::store::record::{self, Record};
use crate::store::{Store, bundle, reply};

/// Elements under one key: members of sets, entries of lists, fields and values of hashes.
type Elements = Vec<Vec<u8>>;

/// What was found.
pub(super) struct Evidence {
    pub(super) records: HashMap<InvocationId, Record>,
    /// Records that are there and say nothing, and why.
    pub(super) unreadable: Vec<String>,
    /// By name, without the app's prefix; records are not among them.
    pub(super) keys: BTreeMap<Vec<u8>, Elements>,
    /// Who stands where: the key's name and the id.
    places: HashSet<(Vec<u8>, InvocationId)>,
}

/// How many elements one look at a key brings at most.
const PEEK: usize = 1_000;

impl Evidence {
    pub(super) fn gather(store: &Store) -> Result<Self> {
        let mut records = HashMap::new();
        let mut unreadable = Vec::new();
        let mut note = |id, record| match record {
            Ok(record) => drop(records.insert(id, record)),
            Err(why) => unreadable.push(format!("{id}: {why}")),
        };
        let mut broken = Vec::new();
        store.scan_bundles(|name, members| {
            if members.is_empty() {
                broken.push(format!("a bundle of calls cannot be read: {}", name.escape_ascii()));
            }
            members.into_iter().for_each(|(id, text)| note(id, Record::read(&text)));
            Ok(())
        })?;
        store.look_at_records(note)?;
        unreadable.extend(broken);
        let mut names = BTreeSet::new();
        store.scan("", |some| {
            names.extend(some.into_iter().filter(|name| !name.starts_with(b"i:") && !name.starts_with(b"g:")));
            Ok(())
        })?;
        let mut keys = BTreeMap::new();
        for name in names {
            let elements = peek(store, &name)?;
            keys.insert(name, elements);
        }
        let mut places = HashSet::new();
        for (name, elements) in &keys {
            places.extend(elements.iter().flat_map(|e| standing(&records, name, e)).map(|id| (name.clone(), id)));
        }
        Ok(Self { records, unreadable, places, keys })
    }

    /// Whether an id stands under a key.
    pub(super) fn stands(&self, key: &[u8], id: InvocationId) -> bool {
        self.places.contains(&(key.to_vec(), id))
    }

    /// The ids under the keys whose names begin so, with the key's name.
    pub(super) fn under<'a>(&'a self, start: &'a [u8]) -> impl Iterator<Item = (&'a [u8], InvocationId)> {
        let there = self.keys.iter().filter(move |(name, _)| name.starts_with(start));
        there.flat_map(move |(name, elements)| {
            let ids = elements.iter().flat_map(|element| standing(&self.records, name, element));
            ids.map(|id| (name.as_slice(), id)).collect::<Vec<_>>()
        })
    }

    /// All counters, which change with every step but a wait.
    pub(super) fn numbers(&self) -> &[u8] {
        self.keys.get(b"n".as_slice()).and_then(|elements| elements.first()).map_or(&[], Vec::as_slice)
    }

    /// The counter at that place of `lua/base.lua`, from 0 on.
    pub(super) fn counter(&self, place: usize) -> i64 {
        let found = self.numbers().chunks_exact(8).nth(place);
        found.and_then(|number| number.try_into().ok()).map_or(0, i64::from_be_bytes)
    }

    /// How many elements lie under a key.
    pub(super) fn size(&self, key: &[u8]) -> usize {
        self.keys.get(key).map_or(0, Vec::len)
    }
}

/// Beginnings of the names of keys that hold a line, a queue or a worker's hands.
const LINES: [&[u8]; 8] = [b"q:", b"qr:", b"qa:", b"l:", b"pk:", b"h:", b"r:", b"due"];
/// And of those that hold one id.
const ONES: [&[u8]; 2] = [b"x:", b"v:"];

/// The ids that an element of a line, a queue or a worker's hands names, after a number where there is one: one, or
/// those of a bundle that have not ended.
fn standing(records: &HashMap<InvocationId, Record>, name: &[u8], element: &[u8]) -> Vec<InvocationId> {
    if !LINES.iter().chain(&ONES).any(|start| name.starts_with(start)) {
        return Vec::new();
    }
    let named = if name.starts_with(b"h:") { element.get(8..).unwrap_or(&[]) } else { element };
    if let Ok(id) = record::id(named) {
        return vec![id];
    }
    let mut ids = bundle::members(named);
    ids.retain(|id| records.get(id).is_none_or(|record| !record.status.is_final()));
    ids
}

fn peek(store: &Store, name: &[u8]) -> Result<Elements> {
    let mut all = Vec::new();
    for from in (0..).step_by(PEEK) {
        let answer = store.ask(Which::Peek, vec![name.to_vec(), from.to_string().into_bytes()])?;
        let mut items = reply::list(answer)?.into_iter();
        let kind = reply::text(reply::next(&mut items)?)?;
        let step = if kind == "zset" { 2 } else { 1 };
        let some: Vec<Value> = items.step_by(step).collect();
        let is_last = some.len() < PEEK || !matches!(kind.as_str(), "zset" | "list");
        all.extend(some.into_iter().map(reply::bytes).collect::<Result<Elements>>()?);
        if is_last {
            break;
        }
    }
    Ok(all)
}
