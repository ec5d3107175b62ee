//! The canonical form: its bytes, what must share a digest and what must not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use pynenc_core::fingerprint::{
    ArgumentNames, Canonical, ContentHasher, Digest, DuplicateName, ElementFault, Fragment, INLINE_LIMIT, PartHasher,
    Parts, Tag, concurrency_key, content_digest, element_form,
};

/// A value, as a test makes it up.
#[derive(Clone, Debug)]
enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(String, Self)>),
    Set(Vec<i64>),
}

fn write(out: &mut Canonical, value: &Value) {
    match value {
        Value::None => out.tag(Tag::None),
        Value::Bool(value) => out.bool(*value),
        Value::Int(value) => out.int(*value),
        Value::Float(value) => out.float(*value),
        Value::Text(text) => out.text(text.chars().count(), text.as_bytes()),
        Value::Bytes(data) => out.bytes(data),
        Value::List(items) => write_all(out, Tag::List, items),
        Value::Tuple(items) => write_all(out, Tag::Tuple, items),
        Value::Dict(entries) => {
            let mut digests: Vec<Digest> = entries.iter().map(|(key, value)| entry(key, value)).collect();
            out.unordered(Tag::Dict, &mut digests);
        }
        Value::Set(members) => {
            let mut digests: Vec<Digest> = members.iter().map(|member| self::member(*member)).collect();
            out.unordered(Tag::Set, &mut digests);
        }
    }
}

fn write_all(out: &mut Canonical, tag: Tag, items: &[Value]) {
    out.open(tag, items.len());
    for item in items {
        write(out, item);
    }
}

fn entry(key: &str, value: &Value) -> Digest {
    let mut stream = Canonical::entry();
    stream.text(key.chars().count(), key.as_bytes());
    write(&mut stream, value);
    stream.finish()
}

fn member(member: i64) -> Digest {
    let mut stream = Canonical::member();
    stream.int(member);
    stream.finish()
}

fn digest(value: &Value) -> Digest {
    let mut stream = Canonical::value();
    write(&mut stream, value);
    stream.finish()
}

fn hash(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

/// Equality as a fingerprint means it: by type, bit and shape; dicts and sets without order.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::None, Value::None) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => {
            left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan())
        }
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Dict(left), Value::Dict(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.iter().any(|(other, held)| key == other && same(value, held)))
        }
        (Value::Set(left), Value::Set(right)) => {
            left.len() == right.len() && left.iter().all(|member| right.contains(member))
        }
        _ => false,
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        (-3i64..300).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        Just(Value::Float(0.0)),
        "[ab1]{0,3}".prop_map(Value::Text),
        proptest::collection::vec(0u8..3, 0..3).prop_map(Value::Bytes),
        proptest::collection::btree_set(0i64..4, 0..3).prop_map(|set| Value::Set(set.into_iter().collect())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Tuple),
            proptest::collection::btree_map("[ab]{0,2}", inner, 0..4)
                .prop_map(|dict| Value::Dict(dict.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn equal_means_equal_digest(left in values(), right in values()) {
        prop_assert_eq!(same(&left, &right), digest(&left) == digest(&right));
    }

    #[test]
    fn a_value_is_not_the_list_of_it(value in values()) {
        prop_assert_ne!(digest(&value), digest(&Value::List(vec![value.clone()])));
    }

    #[test]
    fn order_of_entries_and_members_does_not_matter(
        entries in proptest::collection::btree_map("[a-d]{0,3}", values(), 0..6),
        members in proptest::collection::btree_set(any::<i64>(), 0..6),
    ) {
        let there: Vec<_> = entries.into_iter().collect();
        let back: Vec<_> = there.iter().rev().cloned().collect();
        prop_assert_eq!(digest(&Value::Dict(there)), digest(&Value::Dict(back)));
        let there: Vec<_> = members.into_iter().collect();
        let back: Vec<_> = there.iter().rev().copied().collect();
        prop_assert_eq!(digest(&Value::Set(there)), digest(&Value::Set(back)));
    }

    #[test]
    fn an_int_is_the_same_however_long_its_form(value in any::<i64>(), spare in 0usize..9) {
        let mut bytes = value.to_le_bytes().to_vec();
        bytes.extend(std::iter::repeat_n(if value < 0 { 0xff } else { 0 }, spare));
        let mut long = Canonical::value();
        long.int_le(&bytes);
        prop_assert_eq!(long.finish(), digest(&Value::Int(value)));
    }

    #[test]
    fn pieces_make_the_digest_of_the_whole(data in proptest::collection::vec(any::<u8>(), 0..5000), cut in 0usize..5000) {
        let cut = cut.min(data.len());
        let mut pieces = ContentHasher::default();
        pieces.update(&data[..cut]);
        pieces.update(&data[cut..]);
        prop_assert_eq!(pieces.finish(), content_digest(&data));
    }
}

#[test]
fn the_bytes_are_those_of_the_table() {
    let deep = Value::List(vec![
        Value::None,
        Value::Bool(true),
        Value::Int(-129),
        Value::Int(0),
        Value::Float(-0.0),
        Value::Text("né".into()),
        Value::Bytes(vec![7]),
    ]);
    let mut bytes = b"\x01Vl\x07NTi\x02\x7f\xffi\x00f".to_vec();
    bytes.extend((-0.0f64).to_le_bytes());
    bytes.extend(b"s\x02n\xc3\xa9b\x01\x07");
    assert_eq!(digest(&deep), hash(&bytes));
}

#[test]
fn a_dict_is_its_sorted_entries() {
    let mut entries = [hash(b"\x01Es\x01ai\x01\x01"), hash(b"\x01Es\x01bi\x01\x02")];
    entries.sort_unstable();
    let bytes = [b"\x01Vd\x02".as_slice(), &entries.concat()].concat();
    assert_eq!(digest(&Value::Dict(vec![("a".into(), Value::Int(1)), ("b".into(), Value::Int(2))])), hash(&bytes));
}

#[test]
fn ints_take_the_shortest_form() {
    for (value, form) in [
        (0, &b""[..]),
        (1, b"\x01"),
        (-1, b"\xff"),
        (127, b"\x7f"),
        (128, b"\x80\x00"),
        (-128, b"\x80"),
        (-129, b"\x7f\xff"),
        (i64::MIN, b"\x00\x00\x00\x00\x00\x00\x00\x80"),
    ] {
        let bytes = [b"\x01Vi".as_slice(), &[form.len() as u8], form].concat();
        assert_eq!(digest(&Value::Int(value)), hash(&bytes), "{value}");
    }
}

#[test]
fn every_nan_is_one_and_the_zeros_are_two() {
    let odd = f64::from_bits(0xfff8_0000_0000_0001);
    assert!(odd.is_nan());
    assert_eq!(digest(&Value::Float(odd)), digest(&Value::Float(f64::NAN)));
    assert_ne!(digest(&Value::Float(0.0)), digest(&Value::Float(-0.0)));
}

#[test]
fn long_content_enters_by_its_digest() {
    let short = vec![b'a'; INLINE_LIMIT - 1];
    let bytes = [b"\x01Vs\xff\x1f".as_slice(), &short].concat();
    assert_eq!(digest(&Value::Text("a".repeat(INLINE_LIMIT - 1))), hash(&bytes));

    let long = vec![b'a'; INLINE_LIMIT];
    let content = content_digest(&long);
    let bytes = [b"\x01VS\x80\x20".as_slice(), &content].concat();
    assert_eq!(digest(&Value::Text("a".repeat(INLINE_LIMIT))), hash(&bytes));
    let mut apart = Canonical::value();
    apart.long_text(INLINE_LIMIT, &content);
    assert_eq!(apart.finish(), hash(&bytes));
    assert_ne!(digest(&Value::Bytes(long)), hash(&bytes));
}

#[test]
fn a_stream_longer_than_the_array_is_hashed_all_the_same() {
    for items in [100, 255, 256, 300, 2000] {
        let list = Value::List((0..items).map(|_| Value::Int(5)).collect());
        let mut bytes = b"\x01V".to_vec();
        bytes.push(b'l');
        match items {
            100 => bytes.push(100),
            _ => bytes.extend([(items & 0x7f) as u8 | 0x80, (items >> 7) as u8]),
        }
        bytes.extend(b"i\x01\x05".repeat(items));
        assert_eq!(digest(&list), hash(&bytes), "{items}");
    }
}

#[test]
fn arguments_are_sorted_by_name() {
    let digest = |names: &[(usize, &str)], values: [i64; 2]| {
        let names = ArgumentNames::new(names.iter().copied()).unwrap();
        let mut stream = Canonical::arguments(names.len());
        for argument in names.iter() {
            stream.fragment(&argument.fragment);
            stream.int(values[argument.index]);
        }
        stream.finish()
    };
    let expected = hash(b"\x01A\x02s\x01ai\x01\x01s\x01bi\x01\x02");
    assert_eq!(digest(&[(0, "a"), (1, "b")], [1, 2]), expected);
    assert_eq!(digest(&[(0, "b"), (1, "a")], [2, 1]), expected);
    assert_eq!(ArgumentNames::new([(0, "a"), (1, "a")]).unwrap_err(), DuplicateName("a".into()));
}

#[test]
fn keys_differ_by_task_rule_and_fingerprint() {
    let key = concurrency_key("m.f", "running", &[1; 32]);
    assert_eq!(key, hash(&[b"\x01Ks\x03m.fs\x07runningb\x20".as_slice(), &[1; 32]].concat()));
    assert_ne!(key, concurrency_key("m.g", "running", &[1; 32]));
    assert_ne!(key, concurrency_key("m.f", "registration", &[1; 32]));
    assert_ne!(key, concurrency_key("m.f", "running", &[2; 32]));
}

#[test]
fn fragments_are_what_the_stream_has() {
    let mut prepared = Canonical::value();
    let pair = Fragment::type_name("m", "T").then(&Fragment::names(Some(&["x".into()])));
    prepared.open_named(Tag::Subclass, &pair);
    prepared.fragment(&Fragment::names(None));
    prepared.fragment(&Fragment::text("é"));
    assert_eq!(prepared.finish(), hash(b"\x01VCs\x01ms\x01Tt\x01s\x01xNs\x01\xc3\xa9"));
}

#[test]
fn element_forms_do_not_depend_on_the_platform() {
    let native = if cfg!(target_endian = "little") { '<' } else { '>' };
    for (format, size, form) in [
        ("l", 8, format!("{native}i8")),
        ("q", 8, format!("{native}i8")),
        ("l", 4, format!("{native}i4")),
        ("@I", 4, format!("{native}u4")),
        ("<d", 8, "<f8".into()),
        ("!d", 8, ">f8".into()),
        ("B", 1, "|u1".into()),
        ("b", 1, "|i1".into()),
        ("?", 1, "|b1".into()),
        ("c", 1, "|S1".into()),
        ("Zd", 16, format!("{native}c16")),
        ("5w", 20, format!("{native}:5w")),
        ("T{=q:O:@f:x:}", 12, format!("{native}:T{{=q:O:@f:x:}}")),
    ] {
        assert_eq!(element_form(format, size).unwrap(), form, "{format}");
    }
    for (format, fault) in [
        ("O", ElementFault::Pointers),
        ("T{l:a:O:b:}", ElementFault::Pointers),
        ("g", ElementFault::Padding),
        ("Zg", ElementFault::Padding),
        ("T{b:a:xxxi:b:}", ElementFault::Padding),
    ] {
        assert_eq!(element_form(format, 8).unwrap_err(), fault, "{format}");
    }
}

#[test]
fn parts_make_the_digest_of_the_whole() {
    let data: Vec<u8> = (0..100_000usize).map(|at| (at * 7 + (at >> 8)) as u8).collect();
    let lengths = [1_025, 2_047, 2_048, 2_049, 3_072, 4_097, 16_384, 16_385, 65_536, 70_000, 99_999, 100_000];
    for (length, largest) in
        lengths.into_iter().flat_map(|length| [0, 2_048, 10_000, 16_384].map(|most| (length, most)))
    {
        let content = &data[..length];
        let Some(parts) = Parts::of(length, largest) else {
            assert!(length <= largest);
            continue;
        };
        assert!(parts.ranges().len() > 1);
        assert_eq!(parts.ranges().iter().map(ExactSizeIterator::len).sum::<usize>(), length);
        let digests = parts.ranges().iter().map(|range| {
            let mut hasher = PartHasher::new(range);
            content[range.clone()].chunks(700).for_each(|piece| hasher.update(piece));
            hasher.finish()
        });
        assert_eq!(parts.joined(&digests.collect::<Vec<_>>()), content_digest(content), "{length} by {largest}");
    }
    assert!(Parts::of(1_024, 0).is_none() && Parts::of(0, 0).is_none());
}
