"""Caching by content: what is equal is found again, what differs is never shared, and the bounds hold."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pynenc._core import ContentCache, ManualClock, fingerprint, fingerprint_arguments
from pynenc.model.records import Submission
from tests.engines import Limits, Make, explored

LOOKALIKES = [1, True, 1.0, "1", b"1", 0, False, 0.0, -0.0, "", b"", None, -1, -2, 2**61, (), [], {}, "None", [1], (1,)]
"""Values that compare, hash or print alike."""

values = st.recursive(
    st.sampled_from([value for value in LOOKALIKES if not isinstance(value, list | dict)])
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
sources = st.text("ab", min_size=1, max_size=2).map(lambda unit: unit * 3_000)
"""Long texts that share their beginning; some of them their length too."""


def exact(value: Any) -> object:
    """The value with its types and the sign of its zeros; NaN equals itself."""
    match value:
        case list():
            return ["list", *map(exact, value)]
        case dict():
            return {name: exact(item) for name, item in value.items()}
        case _:
            return type(value).__name__, repr(value)


# -- digest and cache together --------------------------------------------------------------------
@given(st.lists(values | sources | st.sampled_from(LOOKALIKES), max_size=30))
def test_equal_values_share_an_entry_and_different_ones_never_do(all_of_them: list[Any]) -> None:
    cache = ContentCache(max_count=1_000, max_bytes=10**9)
    first: list[tuple[object, Any]] = []
    for value in all_of_them:
        digest = fingerprint(copy.deepcopy(value))
        known = next((there for form, there in first if form == exact(value)), None)
        new = all(form != exact(value) for form, _ in first)
        assert cache.put(digest, value, 1) is new
        if new:
            first.append((exact(value), value))
            known = value
        assert cache.get(fingerprint(value)) is known
    assert len(cache) == len(first)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 12))
def test_a_bounded_cache_may_forget_but_never_mixes_up(contents: list[bytes], count: int, size: int) -> None:
    cache = ContentCache(max_count=count, max_bytes=size)
    for content in contents:
        digest = fingerprint(content)
        found = cache.get(digest)
        assert found is None or found == content
        cache.put(digest, content, len(content))
        assert len(cache) <= count
        assert cache.bytes <= size


@given(st.binary(min_size=1, max_size=6_000), st.data())
def test_a_buffer_that_has_changed_is_not_found_under_its_old_content(content: bytes, data: st.DataObject) -> None:
    cache = ContentCache(max_count=10, max_bytes=10**6)
    buffer = bytearray(content)
    cache.put(fingerprint(buffer), bytes(buffer), len(buffer))
    at = data.draw(st.integers(0, len(buffer) - 1))
    buffer[at] ^= 1
    assert cache.get(fingerprint(buffer)) is None
    assert cache.get(fingerprint(memoryview(buffer))) is None
    buffer[at] ^= 1
    assert cache.get(fingerprint(buffer)) == content


@given(st.lists(st.dictionaries(st.text(max_size=2), values, max_size=3), min_size=2, max_size=2))
def test_a_list_that_has_changed_is_another_value(items: list[Any]) -> None:
    before = fingerprint(items)
    items.append(items[0])
    assert fingerprint(items) != before
    items.pop()
    assert fingerprint(items) == before


def short_lived(count: int) -> Iterator[str]:
    """Texts of one length, made and dropped in turn: they follow each other at the same address."""
    for number in range(count):
        yield f"{number:06}" * 1_000


def test_an_address_that_is_used_again_brings_no_old_value() -> None:
    cache = ContentCache(max_count=1_000, max_bytes=10**9)
    for number, text in enumerate(short_lived(300)):
        assert cache.get(fingerprint(text)) is None
        cache.put(fingerprint(text), number, len(text))
    for number, text in enumerate(short_lived(300)):
        assert cache.get(fingerprint(text)) == number


# -- kept results ---------------------------------------------------------------------------------
@explored(calls=st.lists(st.tuples(values, values), max_size=12), keep=st.integers(0, 12))
def test_a_result_answers_equal_calls_only(make: Make, calls: list[tuple[Any, Any]], keep: int) -> None:
    """With any bound: a call is answered by the newest kept success of exactly its arguments, or runs."""
    engine = make(ManualClock(), Limits(keep_count=keep))
    worker = engine.register_worker()
    results: list[tuple[str, object]] = []
    for call in calls:
        digest = fingerprint_arguments(["x", "y"], call)
        ((kind, invocation_id, _),) = engine.submit(
            [Submission("app.f", arguments_fingerprint=digest, reuse_result=True)]
        )
        form = [exact(part) for part in call]
        kept = dict(results[-keep:] if keep else [])
        known = [one for one, other in kept.items() if other == form]
        assert (kind, [invocation_id]) == ("cached", known) if known else kind == "new"
        if kind == "cached":
            assert engine.outcome(invocation_id) == form
            continue
        (claim,) = engine.claim(worker)
        engine.start(claim)
        engine.finish(claim, "success", form)
        results.append((invocation_id, form))


@explored(calls=st.lists(st.tuples(values, values), min_size=1, max_size=12))
def test_a_registered_call_knows_the_arguments_beside_its_key(make: Make, calls: list[tuple[Any, Any]]) -> None:
    """Key: the first argument; the second one differs or not."""
    engine = make(ManualClock(), Limits())
    standing: list[tuple[object, object, str]] = []
    for x, y in calls:
        key, arguments = fingerprint_arguments(["x"], [x]), fingerprint_arguments(["x", "y"], [x, y])
        (receipt,) = engine.submit([Submission("app.f", registration_key=key, arguments_fingerprint=arguments)])
        known = [(other, one) for form, other, one in standing if form == exact(x)]
        if known:
            other, one = known[0]
            assert receipt == ("reused", one, other == exact(y))
        else:
            assert receipt[0] == "new"
            standing.append((exact(x), exact(y), receipt[1]))
