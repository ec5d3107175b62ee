"""Whatever goes by its digest arrives as what it was: every value does here, however small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pynenc import Pynenc
from tests.acceptance.conftest import Place
from tests.property.test_wire import same, values
from tests.servers import Server

BOUND_S = 60
SETTINGS: dict[str, dict[str, Any]] = {
    "redis": {"engine": "redis"},
    "redis, when it comes again": {"engine": "redis", "min_size_to_cache": 1},
    "redis, signed": {"engine": "redis", "signing_key": "a key of sixteen or more bytes"},
    "redis, pickled": {
        "engine": "redis",
        "signing_key": "a key of sixteen or more bytes",
        "serializer_cls": "PickleSerializer",
    },
    "memory": {"engine": "memory", "strict_serialization": True, "signing_key": "", "serializer_cls": "JsonSerializer"},
}

app = Pynenc("by-digest")


@app.task
def choose(first: Any, second: Any, place: int) -> Any:
    return second if place else first


buffers = st.one_of(
    arrays(st.sampled_from(["u1", "<i2", "<f8", "?", "<c16", "S3", "<U2"]), array_shapes(min_dims=1, min_side=0)),
    arrays("<i4", array_shapes(min_dims=2, max_dims=3, min_side=1)).map(np.asfortranarray),
    arrays("<i4", array_shapes(min_dims=2, max_dims=3, min_side=1)).map(lambda grid: grid[::-1, ::2]),
    st.binary().map(bytearray),
    st.binary().map(memoryview),
)
pairs = st.one_of(
    st.tuples(values, values),
    st.tuples(buffers, buffers),
    # Equal, of other types, of other bytes behind the same ones.
    st.binary(min_size=1).map(lambda data: (data, bytearray(data))),
    st.text(st.characters(codec="ascii")).map(lambda text: (text, text.encode())),
    st.tuples(st.text(min_size=130), st.text(min_size=1, max_size=1)).map(lambda two: (two[0] + "x", two[0] + two[1])),
    st.sampled_from([(1, True), (1, 1.0), (0.0, -0.0), ([1], [True]), ([], ()), ("", b"")]),
)


@pytest.fixture(scope="module", params=SETTINGS)
def running(request: pytest.FixtureRequest, shared_server: Server) -> Iterator[None]:
    chosen = {"runner_cls": "ThreadRunner", "logging_level": "critical", "min_size_to_cache": 0}
    place = Place({**chosen, **SETTINGS[request.param], "redis_url": shared_server.url})
    place.move(app)
    with app.running():
        yield
    place.leave()


def is_same(sent: Any, come: Any) -> bool:
    if isinstance(sent, np.ndarray):
        return sent.dtype == come.dtype and sent.shape == come.shape and sent.tobytes() == come.tobytes()
    if isinstance(sent, memoryview):
        return (sent.format, sent.shape, sent.tobytes()) == (come.format, come.shape, come.tobytes())
    return same(sent, come)


@pytest.mark.usefixtures("running")
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(pairs, min_size=1, max_size=5))
def test_what_arrives_is_what_was_sent(pairs: list[tuple[Any, Any]]) -> None:
    come = choose.parallelize([(*pair, place) for pair in pairs for place in (0, 1)]).get(ordered=True, timeout=BOUND_S)
    for sent, got in zip((value for pair in pairs for value in pair), come, strict=True):
        assert is_same(sent, got)
