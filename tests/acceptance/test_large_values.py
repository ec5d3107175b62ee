"""Large arguments and results: what arrives is what was sent, and what is equal crosses once."""

from __future__ import annotations

import array
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis

from pynenc import ConcurrencyControlType, Pynenc
from pynenc.arg_cache.saved import saved_text
from pynenc.exceptions import ArgumentTooLargeError, ArgumentUnavailableError, ResultExpired
from tests.acceptance.conftest import Place
from tests.servers import Server

BOUND_S = 60
MEGABYTE = 1 << 20

app = Pynenc("large-values", config_values={"logging_level": "critical", "max_threads": 2})


@app.task
def echo(value: Any) -> Any:
    return value


@app.task
def look(value: Any, number: int = 0) -> tuple[str, int, bool]:
    """Type and size of what came, and whether it may be changed."""
    size = value.nbytes if hasattr(value, "nbytes") else len(value)
    changes = value.flags.writeable if isinstance(value, np.ndarray) else isinstance(value, list | bytearray)
    return type(value).__name__, size + number, changes


@app.task
def spoil(value: Any) -> Any:
    """Change what came, and give it back."""
    value.append(1)
    return len(value)


@app.task
def which(value: Any, others: Any) -> bool:
    """Whether both are one object."""
    return value is others


@app.task(registration_concurrency=ConcurrencyControlType.ARGUMENTS)
def once(value: Any, number: int) -> int:
    return len(value) + number


@app.task(disable_cache_args=("value",))
def inline(value: Any, other: Any = "") -> int:
    return len(value) + len(other)


@app.task(disable_cache_args="*")
def all_inline(value: Any, other: Any = "") -> int:
    return len(value) + len(other)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, memoryview):
        return (one.format, one.shape, one.tobytes()) == (other.format, other.shape, other.tobytes())
    return type(one) is type(other) and bool(one == other)


@pytest.fixture
def remote(redis_url: str) -> Iterator[Place]:
    made = Place({"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": redis_url})
    made.move(app)
    with app.running():
        yield made
    made.leave()


def counters() -> dict[str, int]:
    return app.arg_cache.counters()


@pytest.fixture
def idle(redis_url: str) -> Iterator[None]:
    """Nothing runs: what is registered stays so."""
    made = Place({"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": redis_url})
    made.move(app)
    yield
    made.leave()


def stored_on(server_url: str, app_id: str) -> list[bytes]:
    """Names of the app's large values on the server."""
    with redis.Redis.from_url(server_url) as client:
        return list(client.scan_iter(b"pynenc:4:{" + app_id.encode() + b"}:b:*", count=1_000))


# -- what arrives ---------------------------------------------------------------------------------
GRID = np.arange(6_000, dtype="<i4").reshape(60, 100)
VALUES: dict[str, Any] = {
    "text": "x" * 5_000,
    "the same bytes": b"x" * 5_000,
    "the same, changeable": bytearray(b"x" * 5_000),
    "a view of the same": memoryview(b"x" * 5_000),
    "the same as an array": array.array("B", b"x" * 5_000),
    "the same as numpy": np.frombuffer(b"x" * 5_000, dtype="u1"),
    "the same as a square": np.frombuffer(b"x" * 4_900, dtype="u1").reshape(70, 70),
    "the same as shorts": np.frombuffer(b"x" * 5_000, dtype="<u2"),
    "another end": "x" * 4_999 + "y",
    "another beginning": "y" + "x" * 4_999,
    "more than ASCII": "ü€" * 2_000,
    "no Unicode": "\ud800" * 2_000,
    "empty": np.zeros((0, 7)),
    "no dimension": np.array(5.5),
    "columns first": np.asfortranarray(GRID),
    "with gaps": GRID[::2, ::3],
    "backwards": GRID[::-1],
    "a part of bytes": memoryview(b"abc" * 2_000)[1:5_001],
    "of shorts": memoryview(array.array("h", range(3_000))),
    "a list": [1, True, 1.0, "1"] * 1_000,
    "a dict": {str(number): number for number in range(1_000)},
    "ones": [1] * 2_000,
    "truths": [True] * 2_000,
    "floats": [1.0] * 2_000,
    "nothing": b"",
}


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("kind", VALUES)
def test_what_arrives_is_what_was_sent(kind: str) -> None:
    value = VALUES[kind]
    assert same(value, echo(value).get(timeout=BOUND_S))


@pytest.mark.usefixtures("remote")
def test_all_of_them_at_once() -> None:
    group = echo.parallelize([(value,) for value in VALUES.values()])
    for sent, come in zip(VALUES.values(), group.get(ordered=True, timeout=BOUND_S), strict=True):
        assert same(sent, come)


@pytest.mark.usefixtures("remote")
def test_an_argument_that_changes_after_the_call() -> None:
    items, grid, data = list(range(2_000)), GRID.copy(), bytearray(b"x" * 5_000)
    before = [list(items), grid.copy(), bytes(data)]
    calls = [echo(value) for value in (items, grid, data)]
    items[0], grid[0, 0], data[0] = -1, -1, 0
    again = [echo(value) for value in (items, grid, data)]
    for sent, call in zip(before, calls, strict=True):
        come = call.get(timeout=BOUND_S)
        assert same(sent, bytes(come) if isinstance(come, bytearray) else come)
    for sent, call in zip((items, grid, data), again, strict=True):
        assert same(sent, call.get(timeout=BOUND_S))


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("size", [MEGABYTE // 4 + 1, 4 * MEGABYTE, 8 * MEGABYTE - 1, 8 * MEGABYTE, 9 * MEGABYTE + 7])
def test_a_large_argument_that_can_change(size: int) -> None:
    data = bytearray(os.urandom(size))
    for place in (0, size // 2 + 1, size - 1):
        data[place] ^= 1
        assert bytes(echo(data).get(timeout=BOUND_S)) == data
    grid = np.frombuffer(data, dtype="u1")[: size // 2 * 2].reshape(2, -1).copy()
    for value in (grid, np.asfortranarray(grid), grid[:, ::2]):
        assert same(value, echo(value).get(timeout=BOUND_S))


@pytest.mark.usefixtures("remote")
def test_a_large_argument_that_another_thread_changes_meanwhile() -> None:
    data, ended = bytearray(20 * MEGABYTE), threading.Event()

    def change() -> None:
        while not ended.is_set():
            data[:: 64 << 10] = os.urandom(len(data) >> 16)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        assert [look(data).get(timeout=BOUND_S)[1] for _ in range(5)] == [len(data)] * 5
    finally:
        ended.set()
        changing.join()


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("size", [10_000, 9 * MEGABYTE])
def test_an_array_in_common_is_the_same_argument_by_itself(size: int) -> None:
    flat = np.frombuffer(os.urandom(size), dtype="u1").copy()
    for value in (flat, np.asfortranarray(flat.reshape(2, -1)), flat[::2]):
        group = once.parallelize([{"number": 1}] * 3, common_args={"value": value})
        alone = once(value.copy(), 1)
        assert {one.invocation_id for one in group.invocations} == {alone.invocation_id}
        other = value.copy()
        other[..., -1] ^= 1
        assert once(other, 1).invocation_id != alone.invocation_id


@pytest.mark.usefixtures("remote")
def test_one_buffer_filled_again_for_each_item() -> None:
    grid = np.zeros(3_000)

    def fill() -> Iterator[tuple[Any]]:
        for number in range(20):
            grid[:] = number
            yield (grid,)

    come = echo.parallelize(fill()).get(ordered=True, timeout=BOUND_S)
    assert [each[0] for each in come] == list(range(20))


@pytest.mark.usefixtures("remote")
def test_what_can_change_is_everyones_own() -> None:
    value = list(range(2_000))
    assert set(spoil.parallelize([(value,)] * 8).get(timeout=BOUND_S)) == {2_001}
    assert look(GRID).get(timeout=BOUND_S) == ("ndarray", GRID.nbytes, False)
    assert look(bytearray(5_000)).get(timeout=BOUND_S) == ("bytearray", 5_000, True)


@pytest.mark.usefixtures("remote")
def test_what_cannot_change_is_shared() -> None:
    text, data = "x" * 50_000, b"x" * 50_000
    assert which(text, text).get(timeout=BOUND_S)
    assert which(data, data).get(timeout=BOUND_S)
    assert not which(text, data).get(timeout=BOUND_S)
    value = list(range(2_000))
    assert not which(value, value).get(timeout=BOUND_S)


# -- what crosses ---------------------------------------------------------------------------------
def test_a_large_argument_crosses_once(remote: Place, redis_url: str) -> None:
    data = os.urandom(20 * MEGABYTE)
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("stats")["total_net_input_bytes"]
        for values in (data, data, bytes(bytearray(data))):
            items = [{"number": number} for number in range(100)]
            group = look.parallelize(items, common_args={"value": values})
            assert len(list(group.results)) == 100
        sent = client.info("stats")["total_net_input_bytes"] - before
    assert sent <= 1.02 * len(data)
    assert (counters()["sent"], counters()["fetched"]) == (1, 1)
    assert len(stored_on(redis_url, app.app_id)) == 1


def test_another_process_does_not_send_it_again(remote: Place, redis_url: str) -> None:
    data = os.urandom(MEGABYTE)
    assert look(data).get(timeout=BOUND_S)[1] == MEGABYTE
    # What a process knows that has just begun.
    app.runtime.engine.forget_blobs()
    sent = counters()["sent"]
    assert look(data).get(timeout=BOUND_S)[1] == MEGABYTE
    assert counters()["sent"] == sent


@pytest.mark.parametrize(("size", "stored"), [(1_023, 0), (1_024, 1), (1_025, 1)])
def test_exactly_at_the_threshold(remote: Place, redis_url: str, size: int, stored: int) -> None:
    shared = look.parallelize([{"number": 0}], common_args={"value": "x" * size})
    assert list(shared.get(timeout=BOUND_S)) == [("str", size, False)]
    assert len(stored_on(redis_url, app.app_id)) == stored


@pytest.mark.parametrize("make", [bytes, bytearray, lambda data: list(data[:4_000])], ids=["raw", "buffer", "json"])
def test_a_small_value_is_stored_when_it_comes_again(remote: Place, redis_url: str, make: Any) -> None:
    data = os.urandom(16_384)
    for stored in (0, 1, 1):
        assert look(make(data)).get(timeout=BOUND_S)[1] == len(make(data))
        assert len(stored_on(redis_url, app.app_id)) == stored
    # The first was sent with its call, the second stored; then there is nothing to be sent.
    assert counters()["sent"] == 1


def test_small_values_that_come_once_are_not_stored(remote: Place, redis_url: str) -> None:
    values = [os.urandom(4_096) for _ in range(500)]
    lengths = look.parallelize([(value,) for value in values]).get(timeout=BOUND_S)
    assert {length for _, length, _ in lengths} == {4_096}
    assert stored_on(redis_url, app.app_id) == []
    assert (counters()["sent"], counters()["fetched"]) == (0, 0)


def test_a_value_that_is_not_small_is_stored_at_once(remote: Place, redis_url: str) -> None:
    data = os.urandom(16_385)
    assert look(data).get(timeout=BOUND_S)[1] == 16_385
    assert len(stored_on(redis_url, app.app_id)) == 1


def test_zero_stores_every_value_at_once(redis_url: str) -> None:
    place = Place(
        {"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": redis_url, "logging_level": "critical"}
    )
    own = place.app("every-value", min_size_to_cache=0)
    size = own.task(len)
    with own.running():
        assert size("x").get(timeout=BOUND_S) == 1
        assert len(stored_on(redis_url, own.app_id)) == 1
    place.leave()


def test_results_are_large_values_too(remote: Place, redis_url: str) -> None:
    data = os.urandom(MEGABYTE)
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("stats")["total_net_input_bytes"]
        assert all(each == data for each in echo.parallelize([(data,)] * 20).results)
        assert client.info("stats")["total_net_input_bytes"] - before <= 1.1 * MEGABYTE
    assert len(stored_on(redis_url, app.app_id)) == 1


def test_arguments_that_are_never_stored(remote: Place, redis_url: str) -> None:
    value, other = os.urandom(5_000), os.urandom(6_000)
    assert inline(value).get(timeout=BOUND_S) == 5_000
    assert all_inline(value, other).get(timeout=BOUND_S) == 11_000
    group = inline.parallelize([{"other": ""}] * 3, common_args={"value": value})
    assert list(group.get(timeout=BOUND_S)) == [5_000] * 3
    assert stored_on(redis_url, app.app_id) == []
    for _ in range(2):
        assert inline(value, other).get(timeout=BOUND_S) == 11_000
    assert len(stored_on(redis_url, app.app_id)) == 1


@pytest.mark.usefixtures("remote")
def test_sixty_four_megabytes_and_more() -> None:
    data = bytes(64 * MEGABYTE + 1)
    assert look(data).get(timeout=BOUND_S)[1] == len(data)
    assert inline(data[: 63 * MEGABYTE]).get(timeout=BOUND_S) == 63 * MEGABYTE
    with pytest.raises(ArgumentTooLargeError, match=r"args\.value: takes 67108866 bytes; .*disable_cache_args.*"):
        inline(data)
    with pytest.raises(ArgumentTooLargeError, match=r"args\.value: takes 67108866 bytes"):
        inline.parallelize([{"other": ""}], common_args={"value": data})


# -- what is lost ---------------------------------------------------------------------------------
def test_a_value_that_the_server_has_lost(start_server: Any) -> None:
    server: Server = start_server()
    place = Place({"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": server.url})
    place.move(app)
    data, result = os.urandom(50_000), os.urandom(60_000)
    lost = look(data)
    with redis.Redis.from_url(server.url) as client:
        client.delete(*stored_on(server.url, app.app_id))
    with app.running():
        with pytest.raises(ArgumentUnavailableError, match=r"args\.value: its 50000 bytes are no longer on the server"):
            lost.get(timeout=BOUND_S)
        # It is sent again by whoever needs it next.
        assert look(data).get(timeout=BOUND_S)[1] == 50_000
        kept = echo(result)
        assert kept.get(timeout=BOUND_S) == result
        unread = echo(os.urandom(70_000))
        while not unread.status.is_final():
            pass
        app.runtime.engine.forget_blobs()
        with redis.Redis.from_url(server.url) as client:
            client.delete(*stored_on(server.url, app.app_id))
        with pytest.raises(ResultExpired, match="its result of 70000 bytes is no longer on the server"):
            unread.get(timeout=BOUND_S)
        assert echo(result).get(timeout=BOUND_S) == result
    place.leave()


def test_nothing_is_left_after_a_purge(remote: Place, redis_url: str) -> None:
    assert echo("x" * 5_000).get(timeout=BOUND_S) == "x" * 5_000
    app.purge()
    assert stored_on(redis_url, app.app_id) == []
    assert echo("x" * 5_000).get(timeout=BOUND_S) == "x" * 5_000


# -- what is said of it ---------------------------------------------------------------------------
def test_the_log_says_what_was_saved(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    place = Place({"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": redis_url, "logging_level": "debug"})
    place.move(app)
    caplog.set_level("DEBUG", logger=app.logger.name)
    app.logger.addHandler(caplog.handler)
    with app.running():
        assert look("x" * 2_000_000).get(timeout=BOUND_S)[1] == 2_000_000
        assert look("x" * 2_000_000).get(timeout=BOUND_S)[1] == 2_000_000
    app.logger.removeHandler(caplog.handler)
    place.leave()
    said = "1 sent (2.0 MB), 1 on the server already (2.0 MB), 1 fetched (2.0 MB), 1 at hand (2.0 MB)"
    assert f"; large values: {said}" in caplog.text


def test_what_made_room_is_counted(redis_url: str) -> None:
    place = Place(
        {"engine": "redis", "runner_cls": "ThreadRunner", "redis_url": redis_url, "logging_level": "critical"}
    )
    own = place.app("little-room", local_cache_size=1)
    size = own.task(len)
    first, second = "x" * 20_000, "y" * 20_000
    with own.running():
        for value in (first, first, second, first):
            assert size(value).get(timeout=BOUND_S) == 20_000
    told = own.arg_cache.counters()
    assert (told["misses"], told["hits"], told["evictions"]) == (3, 1, 2)
    assert (told["fetched"], told["decoded"]) == (3, 3)
    assert saved_text(own).endswith("1 at hand (0.0 MB), 2 dropped to make room")
    place.leave()
