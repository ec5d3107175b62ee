from __future__ import annotations

import array
import math
import sys
import zoneinfo
from collections import Counter, OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from pynenc.exceptions import SerializationError, UntrustedPayloadError
from pynenc.serializer import JsonSerializer, Limits
from pynenc.serializer.round_trip import round_trip

JSON = JsonSerializer()
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


VALUES = [
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    10**5000,
    -(10**5000),
    0.1,
    5e-324,
    1e22,
    math.inf,
    -math.inf,
    "",
    "text",
    "\x00",
    "é\U0001f600",
    "\ud800",
    "\ud83d\ude00",
    b"",
    b"\x00\xff",
    bytearray(b"ab"),
    (),
    (1,),
    [()],
    {},
    {"a": {"b": [1, None]}},
    {1: "int", "1": "str", 2.5: "float", None: "none", (1, 2): "tuple"},
    {True: 1},
    {frozenset({1}): {2}},
    set(),
    {1, "a", (2,)},
    frozenset({b"x"}),
    1 + 2j,
    complex(math.inf, -0.5),
    date(2024, 2, 29),
    datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - one without a zone
    datetime(2024, 1, 2, tzinfo=UTC),
    datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-3, seconds=7))),
    datetime(2024, 1, 2, tzinfo=timezone(timedelta(microseconds=1))),
    time(1, 2, 3, 4),
    time(1, tzinfo=UTC),
    timedelta(days=-1, seconds=3, microseconds=7),
    timedelta.max,
    Decimal("1.10"),
    Decimal("-0"),
    Decimal("Infinity"),
    Decimal("1E+400"),
    UUID(int=7),
    array.array("d", [1.5, -0.0]),
]

HOSTILE = [
    "",
    "{",
    "[1,]",
    "{'a':1}",
    "NaN",
    "[Infinity]",
    "-Infinity",
    "1e999",
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":1}}',
    '{"$dict":[["a",1],["a",2]]}',
    '{"$dict":[[1,1],[1.0,2]]}',
    '{"$dict":[[[],1]]}',
    '{"$dict":[[1]]}',
    '{"$dict":{}}',
    '{"$set":[1,1]}',
    '{"$set":[[]]}',
    '{"$frozenset":[{}]}',
    '{"$tuple":"ab"}',
    '{"$tuple":{}}',
    '{"$unknown":1}',
    '{"\\u0024unknown":1}',
    '{"$":1}',
    '{"$int":"zz"}',
    '{"$int":" 1"}',
    '{"$int":"1_0"}',
    '{"$int":5}',
    '{"$float":"1.0"}',
    '{"$float":[]}',
    '{"$bytes":"a"}',
    '{"$bytes":5}',
    '{"$bytes":"a\\n=="}',
    '{"$str":"/w=="}',
    '{"$complex":[1]}',
    '{"$complex":["x",1.0]}',
    '{"$datetime":["2024-13-01",0]}',
    '{"$datetime":["2024-01-01T00:00:00",7]}',
    '{"$datetime":["2024-01-01T00:00:00",0,"../../etc/passwd"]}',
    '{"$datetime":["2024-01-01T00:00:00",0,"No/Zone"]}',
    '{"$datetime":["2024-01-01T00:00:00",0,"Europe/Paris",1]}',
    '{"$datetime":"2024-01-01"}',
    '{"$datetime":5}',
    '{"$datetime":["2024-01-01T00:00:00",0,99999999999999]}',
    '{"$datetime":["2024-01-01T00:00:00",0,true]}',
    '{"$datetime":["2024-01-01T00:00:00",0,' + "1" * 4000 + "]}",
    '{"$date":5}',
    '{"$time":["25:00",0]}',
    '{"$timedelta":[1,2]}',
    '{"$timedelta":[9999999999,0,0]}',
    '{"$timedelta":[0.5,0,0]}',
    '{"$decimal":"abc"}',
    '{"$decimal":" 1 "}',
    '{"$decimal":"1E+99999999999999999999"}',
    '{"$decimal":1}',
    '{"$uuid":"{00000000000000000000000000000000}"}',
    '{"$uuid":"0"}',
    '{"$raw":"AAAA"}',
    '{"$raw":5}',
    '{"$raw":"UnM="}X',
    '{"$obj":[]}',
    '{"$enum":{"$unknown":1}}',
    "1" * 4301,
    "[" * 65 + "]" * 65,
    "[" * 100_000,
    '{"a":' * 5000 + "1" + "}" * 5000,
    '{"$tuple":' * 400 + "[]" + "}" * 400,
]


def numbered(values):
    return [f"{at}-{type(value).__name__}" for at, value in enumerate(values)]


def back(value, annotation=None):
    return round_trip(value, JSON, annotation)


@pytest.mark.parametrize("value", VALUES, ids=numbered(VALUES))
@pytest.mark.parametrize(
    ("nest", "unwrap"),
    [(lambda v: v, lambda v: v), (lambda v: [v, v], lambda v: v[1]), (lambda v: {"key": (v,)}, lambda v: v["key"][0])],
    ids=["top", "list", "deep"],
)
def test_a_value_comes_back_equal_and_of_its_type(value, nest, unwrap):
    sent = nest(value)
    came = back(sent)
    assert came == sent
    assert type(came) is type(sent)
    came, sent = unwrap(came), unwrap(sent)
    assert type(came) is type(sent)


def test_nan_and_the_sign_of_zero_come_back():
    came = back([math.nan, -0.0, {"a": -0.0}, complex(math.nan, -0.0), Decimal("NaN")])
    assert math.isnan(came[0])
    assert math.copysign(1, came[1]) == math.copysign(1, came[2]["a"]) == math.copysign(1, came[3].imag) == -1
    assert came[4].is_nan()


@pytest.mark.parametrize(
    "value",
    [
        {"$tuple": [1]},
        {"$dict": [[1, 2]]},
        {"$unknown": 0},
        {"$": 1},
        {"$a": 1, "$b": 2},
        [{"$tuple": {"$tuple": []}}],
        {"x": {"$obj": {"a": 1}}},
        "$tuple",
        ['{"$tuple":[1]}'],
        "__pynenc__arg_cache__:ab",
        {"__pynenc__std_py_exc__": 1},
        {"\ud800": 1},
    ],
)
def test_what_looks_like_a_tag_is_not_mistaken_for_one(value):
    came = back(value)
    assert came == value
    assert type(came) is type(value)


def test_a_zone_comes_back_by_name_with_its_fold():
    moment = datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1)
    came = back([moment, time(1, 2, tzinfo=PARIS)])
    assert (came[0].tzinfo.key, came[0].fold, came[0].utcoffset()) == ("Europe/Paris", 1, timedelta(hours=1))
    assert came[1].tzinfo.key == "Europe/Paris"


def test_numpy_inside_a_value_comes_back():
    came = back({"a": np.arange(4).reshape(2, 2), "s": np.float32(1.5)})
    assert np.array_equal(came["a"], np.arange(4).reshape(2, 2))
    assert type(came["s"]) is np.float32


def test_dicts_keep_their_order():
    assert list(back({"b": 1, "a": 2, 3: 4})) == ["b", "a", 3]


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "path", "word"),
    [
        ({"user": {"created": object()}}, "args.user.created", "builtins.object"),
        ({"a b": [0, print]}, "args['a b'][1]", "builtin_function"),
        ([{3: {1j: len}}], "args[0][3][1j]", "builtin_function"),
        ((Text("x"),), "args[0]", "send str(...) of it"),
        ({(object,): 1}, "(a key)[0]", "type"),
        (ValueError("x"), "args", "ValueError"),
        (Exception, "args", "type"),
        (np.array([object()]), "args", "|O"),
    ],
)
def test_what_cannot_be_written_is_named_with_its_path(value, path, word):
    with pytest.raises(SerializationError) as caught:
        JSON.encode(value, "args")
    assert path in caught.value.path
    assert word in caught.value.message


def test_a_value_that_contains_itself_is_refused():
    loop: list[object] = [1]
    loop.append({"again": loop})
    with pytest.raises(SerializationError, match=r"args\[1\]\.again: list contains itself"):
        JSON.encode(loop, "args")
    twice: list[object] = []
    twice.extend([twice, twice])
    with pytest.raises(SerializationError, match="contains itself"):
        JSON.encode(twice)


def test_one_object_in_two_places_is_no_cycle():
    part = (1, 2)
    assert back([part, part, {"a": part}]) == [part, part, {"a": part}]


@pytest.mark.parametrize(
    "wrap",
    [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, lambda v: {1: v}],
    ids=["list", "tuple", "dict", "pairs"],
)
def test_depth_is_limited_alike_when_written_and_when_read(wrap):
    value = 0
    for _ in range(64):
        value = wrap(value)
    assert back(value) == value
    with pytest.raises(SerializationError, match="more than 64 levels"):
        JSON.encode(wrap(value))
    deeper = JsonSerializer(limits=Limits(max_depth=65)).encode(wrap(value))
    with pytest.raises(SerializationError, match="more than 64 levels"):
        JSON.decode(deeper)


@pytest.mark.parametrize(
    "value", [[0] * 11, {str(n): n for n in range(6)}, [(0,) * 11], [[0] * 6, [0] * 6], {1: [0] * 9}]
)
def test_items_are_limited_alike_when_written_and_when_read(value):
    small = JsonSerializer(limits=Limits(max_items=10))
    with pytest.raises(SerializationError, match="more than 10 items"):
        small.encode(value)
    with pytest.raises(SerializationError, match="more than 10 items"):
        small.decode(JSON.encode(value))


def test_bytes_are_limited_alike_when_written_and_when_read():
    small = JsonSerializer(limits=Limits(max_bytes=100))
    for value in ["x" * 100, ["x" * 100]]:
        with pytest.raises(SerializationError, match="at most 100 are accepted"):
            small.encode(value)
    with pytest.raises(SerializationError, match="at most 100 are accepted"):
        small.decode(bytes(1000))
    with pytest.raises(SerializationError, match="at most 100 are accepted"):
        small.deserialize(" " * 1000)


def test_a_smaller_limit_of_digits_holds_for_both_sides():
    small = JsonSerializer(limits=Limits(max_int_digits=100))
    assert small.decode(small.encode([10**200])) == [10**200]
    with pytest.raises(SerializationError, match="more than 100 digits"):
        small.deserialize("1" * 101)


@pytest.mark.parametrize("text", HOSTILE, ids=numbered(HOSTILE))
def test_hostile_text_is_refused(text):
    with pytest.raises(SerializationError) as caught:
        JSON.deserialize(text)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "data", [b"", b"J", b"\xff", b"J\xff", b'J"\xff"', b'J"\xed\xa0\x80"', b"Pxx", b"U{}", b"J\xef\xbb\xbf1"]
)
def test_a_damaged_envelope_is_refused(data):
    with pytest.raises(SerializationError):
        JSON.decode(data)


def test_text_written_by_others_is_read():
    assert JSON.deserialize(' {"a": [1, 2.50, "\\u00e9\\u0024"]}\n') == {"a": [1, 2.5, "é$"]}
    assert JSON.deserialize(b'{"\\u0024tuple": [1]}') == (1,)


def test_serialize_writes_compact_text():
    assert JSON.serialize({"a": [1, (2,)]}) == '{"a":[1,{"$tuple":[2]}]}'


def test_a_signed_envelope_is_not_read_without_a_key():
    signed = JsonSerializer(b"k" * 16).encode([1])
    with pytest.raises(UntrustedPayloadError, match="no key"):
        JSON.decode(signed)


def test_a_lowered_limit_of_the_interpreter_does_not_change_what_is_carried():
    before = sys.get_int_max_str_digits()
    try:
        for limit in (640, 0):
            sys.set_int_max_str_digits(limit)
            assert back([10**5000, 10**1000]) == [10**5000, 10**1000]
    finally:
        sys.set_int_max_str_digits(before)


def test_subclasses_of_containers_are_refused_with_the_way_out():
    for value, word in [(OrderedDict(), "send dict"), (Counter("a"), "send dict")]:
        with pytest.raises(SerializationError, match=word):
            JSON.encode({"a": value})
