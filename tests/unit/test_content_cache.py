"""The bounded cache of objects against a plain ordered dict, and under threads."""

from __future__ import annotations

import collections
import gc
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc._core import ContentCache


def digest(key: int) -> bytes:
    return key.to_bytes(32, "big")


class Model:
    """The same rules, written down as plainly as possible."""

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self.max_count = max_count
        self.max_bytes = max_bytes
        self.entries: collections.OrderedDict[bytes, tuple[object, int]] = collections.OrderedDict()
        self.counters = {"hits": 0, "misses": 0, "evictions": 0, "bytes_saved": 0}

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.entries.values())

    def get(self, key: bytes) -> object | None:
        if key not in self.entries:
            self.counters["misses"] += 1
            return None
        self.entries.move_to_end(key)
        value, size = self.entries[key]
        self.counters["hits"] += 1
        self.counters["bytes_saved"] += size
        return value

    def put(self, key: bytes, value: object, size: int) -> bool:
        if key in self.entries:
            self.entries.move_to_end(key)
            return False
        if size > self.max_bytes or self.max_count == 0:
            return False
        while len(self.entries) >= self.max_count or self.bytes + size > self.max_bytes:
            self.entries.popitem(last=False)
            self.counters["evictions"] += 1
        self.entries[key] = (value, size)
        return True

    def remove(self, key: bytes) -> bool:
        return self.entries.pop(key, None) is not None


keys = st.integers(0, 9).map(digest)
steps = st.one_of(
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("put"), keys, st.integers(0, 12)),
    st.tuples(st.just("remove"), keys),
    st.tuples(st.just("clear")),
)


@given(st.integers(0, 5), st.integers(0, 30), st.lists(steps, max_size=60))
def test_it_does_what_the_model_does(max_count: int, max_bytes: int, history: list[tuple[Any, ...]]) -> None:
    cache, model = ContentCache(max_count=max_count, max_bytes=max_bytes), Model(max_count, max_bytes)
    for value, step in enumerate(history):
        match step:
            case ("get", key):
                assert cache.get(key) == model.get(key)
            case ("put", key, size):
                assert cache.put(key, value, size) is model.put(key, value, size)
            case ("remove", key):
                assert cache.remove(key) is model.remove(key)
            case _:
                cache.clear()
                model.entries.clear()
        assert (len(cache), cache.bytes, cache.counters()) == (len(model.entries), model.bytes, model.counters)
        assert len(cache) <= max_count
        assert cache.bytes <= max_bytes


def test_what_is_evicted_may_use_the_cache() -> None:
    """The last reference to an evicted value goes when no lock is held."""
    cache = ContentCache(max_count=1, max_bytes=100)
    seen: list[int] = []

    class Value:
        def __del__(self) -> None:
            seen.append(len(cache))
            cache.put(digest(9), "from a finalizer", 1)

    cache.put(digest(1), Value(), 1)
    assert cache.put(digest(2), "next", 1)
    gc.collect()
    assert seen == [1]
    assert cache.get(digest(9)) == "from a finalizer"
    cache.put(digest(3), Value(), 1)
    cache.clear()
    assert len(seen) == 2
    cache.clear()
    cache.put(digest(4), Value(), 1)
    assert cache.remove(digest(4))
    assert len(seen) == 3


def test_a_refused_value_is_not_kept() -> None:
    class Value:
        pass

    cache = ContentCache(max_count=4, max_bytes=10)
    value = Value()
    held = weakref.ref(value)
    assert not cache.put(digest(1), value, 11)
    assert cache.put(digest(2), "there", 1)
    assert not cache.put(digest(2), value, 1)
    del value
    gc.collect()
    assert held() is None


def test_a_cache_in_a_cycle_is_collected() -> None:
    class Value:
        cache: ContentCache

    value = Value()
    value.cache = ContentCache(max_count=4, max_bytes=10)
    value.cache.put(digest(1), value, 1)
    held = weakref.ref(value)
    del value
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("bad", [b"", b"x" * 31, b"x" * 33])
def test_a_digest_has_32_bytes(bad: bytes) -> None:
    cache = ContentCache(max_count=1, max_bytes=1)
    for call in (lambda: cache.get(bad), lambda: cache.put(bad, 1, 1), lambda: cache.remove(bad)):
        with pytest.raises(ValueError, match=f"a digest is 32 bytes, got {len(bad)}"):
            call()
    with pytest.raises(TypeError, match="digest"):
        cache.get("x" * 32)  # type: ignore[arg-type]


def test_bounds_and_sizes_are_not_negative() -> None:
    with pytest.raises(ValueError, match="max_count must be 0 or more, got -1"):
        ContentCache(max_count=-1, max_bytes=1)
    with pytest.raises(ValueError, match="max_bytes must be 0 or more, got -1"):
        ContentCache(max_count=1, max_bytes=-1)
    with pytest.raises(ValueError, match="size must be 0 or more, got -1"):
        ContentCache(max_count=1, max_bytes=1).put(digest(1), 1, -1)


def test_threads_share_it() -> None:
    """Every value found is the one of its digest, the bounds hold all the time, every lookup is counted."""
    cache = ContentCache(max_count=16, max_bytes=160)
    threads, rounds, distinct = 8, 3_000, 40
    barrier = threading.Barrier(threads)
    faults: list[object] = []

    def work(seed: int) -> None:
        barrier.wait()
        for turn in range(rounds):
            key = (seed * 7 + turn * 13) % distinct
            found = cache.get(digest(key))
            if found is None:
                cache.put(digest(key), f"value {key}", key % 20)
            elif found != f"value {key}":
                faults.append((key, found))
            if turn % 97 == 0:
                cache.remove(digest(key))
            if len(cache) > 16 or cache.bytes > 160:
                faults.append((len(cache), cache.bytes))

    pool = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    assert faults == []
    counters = cache.counters()
    assert counters["hits"] + counters["misses"] == threads * rounds
    assert counters["evictions"] > 0
