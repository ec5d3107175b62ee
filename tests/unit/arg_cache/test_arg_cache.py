from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc import Pynenc
from pynenc.arg_cache import DisabledArgCache, MemArgCache
from pynenc.arg_cache.base_arg_cache import KEY_PREFIX, CacheKey
from pynenc.exceptions import SerializationError

KEY = KEY_PREFIX + "0" * 64


def cache_of(**settings):
    return Pynenc("arg-cache", config_values=settings).arg_cache


@pytest.fixture(params=["JsonSerializer", "PickleSerializer"])
def cache(request):
    return cache_of(min_size_to_cache=0, serializer_cls=request.param)


def test_content_decides(cache):
    one, same, other = (
        cache.serialize("x" * 300 + "a"),
        cache.serialize("x" * 300 + "a"),
        cache.serialize("x" * 300 + "b"),
    )
    assert one == same != other
    assert cache.is_cache_key(one)
    assert cache.deserialize(one) == "x" * 300 + "a"
    assert cache.deserialize(other) == "x" * 300 + "b"


def test_a_value_that_changed_has_another_key(cache):
    value = [1]
    first = cache.serialize(value)
    value.append(2)
    assert cache.serialize(value) != first
    assert cache.deserialize(first) == [1]


def test_what_comes_back_is_nobody_elses(cache):
    key = cache.serialize({"a": [1]})
    cache.deserialize(key)["a"].append(2)
    assert cache.deserialize(key) == {"a": [1]}


def test_keys_pass_and_texts_that_look_like_keys_do_not(cache):
    key = cache.serialize("text")
    assert isinstance(key, CacheKey)
    assert cache.serialize(key) is key
    for text in (str(key), KEY, KEY_PREFIX, "__pynenc__text__:x", "__pynenc__bytes__:x"):
        for encoded in (cache.serialize(text), cache.serialize(text, disable_cache=True)):
            assert cache.deserialize(encoded) == text
        assert cache.deserialize(cache.serialize([text])) == [text]


@given(st.text() | st.lists(st.text()))
def test_texts_come_back(value):
    for cache in (cache_of(min_size_to_cache=0), cache_of()):
        assert cache.deserialize(cache.serialize(value)) == value


def test_threshold_is_in_bytes_of_the_encoded_form():
    cache = cache_of(min_size_to_cache=100)
    assert not cache.is_cache_key(cache.serialize("x" * 97))  # and two quotes
    assert cache.is_cache_key(cache.serialize("x" * 98))
    assert cache.is_cache_key(cache.serialize("é" * 49))


def test_the_least_recently_used_goes_first():
    cache = cache_of(min_size_to_cache=0, local_cache_size=2)
    one, two = cache.serialize("one"), cache.serialize("two")
    cache.deserialize(one)
    cache.serialize("three")
    assert cache.deserialize(one) == "one"
    with pytest.raises(KeyError):
        cache.deserialize(two)
    assert cache.counters()["evictions"] == 1


def test_purge(cache):
    key = cache.serialize("text")
    cache.purge()
    with pytest.raises(KeyError):
        cache.deserialize(key)


def test_what_cannot_be_encoded():
    with pytest.raises(SerializationError):
        cache_of().serialize(object())


def test_disabled():
    cache = cache_of(arg_cache_cls="DisabledArgCache", min_size_to_cache=0)
    assert type(cache) is DisabledArgCache
    assert cache.serialize("text") == '"text"'
    assert cache.deserialize('"text"') == "text"
    cache.purge()
    assert cache.counters() == {"hits": 0, "misses": 0, "evictions": 0, "bytes_saved": 0}
    assert not cache._store(KEY, "text")
    with pytest.raises(KeyError, match="disabled"):
        cache.deserialize(KEY)


def test_memory_is_the_default():
    assert type(cache_of()) is MemArgCache
