"""Servers that cannot be used, and messages that cannot be run: each is said where somebody can act on it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from pynenc import InvocationStatus, Pynenc
from pynenc.engine.fitness import examine
from pynenc.exceptions import (
    AccessDeniedError,
    ArgumentTooLargeError,
    BackPressureError,
    EngineError,
    EngineUnreachableError,
    ResultExpired,
    SerializationError,
    UnacknowledgedError,
)
from tests.servers import Server

BOUND_S = 60
SECRET = "correct-horse-battery"
QUICK = {"redis_first_contact_seconds": 0.2}  # for a server that never comes

StartServer = Callable[..., Server]


def echo(value: Any, other: Any = None) -> Any:
    return value


def two(first: int, second: int) -> int:
    return first + second


def one(first: int) -> int:
    return first


one.__name__ = one.__qualname__ = "two"  # the same task in another version


@pytest.fixture
def made() -> Iterator[Callable[..., Pynenc]]:
    apps: list[Pynenc] = []

    def make(url: str, app_id: str | None = None, **settings: Any) -> Pynenc:
        values = {"engine": "redis", "redis_url": url, "runner_cls": "ThreadRunner", "logging_level": "critical"}
        apps.append(Pynenc(app_id or f"bad-{uuid4().hex[:12]}", config_values={**values, **settings}))
        return apps[-1]

    yield make
    for app in apps:
        if "runtime" in vars(app):
            app.runtime.engine.close(1)


def pipelined(app: Pynenc) -> None:
    task = app.task(echo)
    with app.pipelined():
        task(1)
        task(2)


WAYS: dict[str, Callable[[Pynenc], Any]] = {
    "call": lambda app: app.task(echo)(1),
    "list": lambda app: app.task(echo).parallelize([(1,), (2,)]),
    "stream": lambda app: list(app.task(echo).parallelize(iter([(1,), (2,)])).results),
    "pipelined": pipelined,
    "direct": lambda app: app.direct_task(echo)(1),
    "look at it": examine,
}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# -- absent, and others' --------------------------------------------------------------------------
@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_not_there_is_named_wherever_it_is_needed(way: str, made: Callable[..., Pynenc]) -> None:
    port = closed_port()
    app = made(f"redis://user:{SECRET}@127.0.0.1:{port}/3", **QUICK)
    with pytest.raises((EngineUnreachableError, UnacknowledgedError)) as caught:
        WAYS[way](app)
    text = str(caught.value)
    assert f"redis://user:***@127.0.0.1:{port}/3" in text
    assert "Connection refused" in text
    assert "is this its address, and does it run?" in text
    assert SECRET not in text
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://nowhere.invalid", r"redis://nowhere\.invalid:6379/0 .* nowhere\.invalid:6379: .*is this its address"),
        ("unix:///nowhere/at/all", r"unix:///nowhere/at/all .* No such file"),
        ("rediss://127.0.0.1:{port}", r"rediss://127\.0\.0\.1:\d+/0 .*speaks TLS there\?"),
    ],
)
def test_a_wrong_address_is_named(url: str, words: str, made: Callable[..., Pynenc], start_server: StartServer) -> None:
    server = start_server(port=0)
    with pytest.raises(EngineUnreachableError, match=words):
        made(url.format(port=server.port), **QUICK).task(echo)(1)


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("", r"redis://127\S+ refuses the credentials: NOAUTH .*redis://user:password@host, or into redis_username"),
        (":wrong@", r"redis://:\*\*\*@127\S+ refuses the credentials: WRONGPASS .*redis_password"),
        (f"nobody:{SECRET}@", r"redis://nobody:\*\*\*@127\S+ refuses the credentials: WRONGPASS"),
        (f"reader:{SECRET}@", r"redis://reader:\*\*\*@127\S+ refuses the credentials: NOPERM .*give this user the"),
    ],
)  # fmt: skip
def test_refused_credentials_are_told_at_once(
    login: str, words: str, made: Callable[..., Pynenc], start_server: StartServer
) -> None:
    server = start_server(port=0)
    with server.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=[f"+{SECRET}"], commands=["+@read"], keys=["*"])
        client.config_set("requirepass", SECRET)
    url = f"redis://{login}127.0.0.1:{server.port}/0"
    with pytest.raises(AccessDeniedError, match=words) as caught:
        made(url).task(echo)(1)
    assert SECRET not in str(caught.value)
    good = made(f"redis://:{SECRET}@127.0.0.1:{server.port}/0")
    assert SECRET not in repr(good.runtime.engine)
    with good.running():
        assert good.task(echo)(1).get(timeout=BOUND_S) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://127.0.0.1:{port}/99", r"database 99 cannot be selected"),
        ("redis+cluster://127.0.0.1:{port}", r"is no node of a cluster"),
    ],
)
def test_a_server_that_is_not_what_the_address_says(
    url: str, words: str, made: Callable[..., Pynenc], start_server: StartServer
) -> None:
    server = start_server(port=0)
    with pytest.raises(EngineError, match=words):
        made(url.format(port=server.port)).task(echo)(1)


def test_a_replica_is_no_place_for_work(made: Callable[..., Pynenc], start_server: StartServer) -> None:
    master = start_server(port=0)
    replica = start_server(port=0, replicaof=f"127.0.0.1 {master.port}")
    for way in ("call", "stream", "look at it"):
        with pytest.raises(EngineError, match=rf"127\.0\.0\.1:{replica.port} is a read-only replica; name its master"):
            WAYS[way](made(replica.url))


# -- settings -------------------------------------------------------------------------------------
def test_weak_settings_are_warned_of_or_refused(made: Callable[..., Pynenc], start_server: StartServer) -> None:
    weak = start_server(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    found = "\n".join(examine(made(weak.url)))
    assert "maxmemory-policy is allkeys-lru" in found
    assert "set it to noeviction" in found
    assert "appendonly is no" in found
    with pytest.raises(EngineError, match=r"allkeys-lru.*strict settings are asked for"):
        examine(made(weak.url, redis_strict=True))
    good = start_server(maxmemory="100mb", maxmemory_policy="noeviction", appendonly="yes")
    assert examine(made(good.url, redis_strict=True)) == []


# -- full -----------------------------------------------------------------------------------------
def test_a_full_server_refuses_work_and_ends_what_it_has(
    made: Callable[..., Pynenc], start_server: StartServer
) -> None:
    server = start_server(maxmemory_policy="noeviction")
    app = made(server.url, redis_retry_seconds=0.3)
    task, taken = app.task(echo, disable_cache_args="*"), []
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
    with pytest.raises(BackPressureError, match=r"out of memory and takes no new work: .*raise its maxmemory"):
        taken.extend(task("x" * 10_000) for _ in range(10_000))
    large = [("x" * 1_000_000,)] * 3
    with pytest.raises(BackPressureError):
        task.parallelize(large)
    with pytest.raises(BackPressureError):
        task.parallelize(iter(large)).get(timeout=BOUND_S)
    assert taken
    with app.running():
        assert {len(invocation.get(timeout=BOUND_S)) for invocation in taken} == {10_000}
    assert not app.runtime.engine.doctor()


# -- messages -------------------------------------------------------------------------------------
def test_what_is_over_the_limit_is_refused_at_the_caller(made: Callable[..., Pynenc], redis_url: str) -> None:
    app = made(redis_url)
    task = app.task(echo, disable_cache_args="*")
    with pytest.raises(ArgumentTooLargeError, match=r"args\.value: takes \d+ bytes; at most \d+ \(64 MiB\)"):
        task("x" * (65 << 20))
    assert sum(app.runtime.engine.counts().values()) == 0


def test_a_task_that_no_worker_knows_waits_for_one_that_does(made: Callable[..., Pynenc], redis_url: str) -> None:
    caller = made(redis_url)
    worker = made(redis_url, caller.app_id)
    known, unknown = caller.task(echo)(1), caller.task(two)(1, 2)
    worker.task(echo)
    with worker.running():
        assert known.get(timeout=BOUND_S) == 1
        with pytest.raises(TimeoutError):
            unknown.get(timeout=0.2)
        assert unknown.status is InvocationStatus.REROUTED
        assert caller.runtime.engine.find(None, ["rerouted"], 10) == [unknown.invocation_id]
        worker.task(two)
        assert unknown.get(timeout=BOUND_S) == 3


@pytest.mark.parametrize(
    ("callers", "workers", "arguments", "words"),
    [
        (two, one, (1, 2), r"args\.second: \S+\.two takes no such argument in the version .* it takes: first"),
        (one, two, (1,), r"missing a required argument: 'second'; its caller has another version of \S+\.two"),
    ],
    ids=["older worker", "older caller"],
)
def test_a_worker_with_another_version_of_a_task_says_so(
    callers: Any, workers: Any, arguments: Any, words: str, made: Callable[..., Pynenc], redis_url: str
) -> None:
    caller = made(redis_url)
    worker = made(redis_url, caller.app_id)
    worker.task(workers)
    failing, fine = caller.task(callers)(*arguments), caller.task(echo)(1)
    worker.task(echo)
    with worker.running():
        with pytest.raises(SerializationError, match=words):
            failing.get(timeout=BOUND_S)
        assert failing.status is InvocationStatus.FAILED
        assert fine.get(timeout=BOUND_S) == 1


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda record: b"",
    lambda record: record[: len(record) // 2],
    lambda record: record[:-1],
    lambda record: record + b"x",
    lambda record: record[::-1],
    lambda record: b"\xff" * len(record),
    lambda record: bytes(len(record)),
]


def test_a_damaged_record_is_nobody_elses_trouble(made: Callable[..., Pynenc], start_server: StartServer) -> None:
    server = start_server()
    app = made(server.url)
    task = app.task(echo)
    broken, fine = [task(n) for n in range(len(DAMAGES))], [task(n) for n in range(5)]
    with server.client() as client:
        for n, invocation in enumerate(broken):
            assert invocation.status is InvocationStatus.REGISTERED  # so it is staged no more, and has a record
            (key,) = [key for key in client.keys("*") if key.endswith(_raw(invocation.invocation_id))]
            record = client.get(key)
            assert isinstance(record, bytes)
            client.set(key, DAMAGES[n](record))
    with app.running():
        assert [invocation.get(timeout=BOUND_S) for invocation in fine] == list(range(5))
        for invocation in broken:
            with pytest.raises((ResultExpired, SerializationError, EngineError)):
                invocation.get(timeout=BOUND_S)


def test_who_waits_is_told_what_may_have_become_of_it(made: Callable[..., Pynenc], start_server: StartServer) -> None:
    server = start_server()
    task = made(server.url).task(echo)
    damaged = task(1)
    assert damaged.status is InvocationStatus.REGISTERED  # so it is staged no more, and has a record
    with server.client() as client:
        (key,) = [key for key in client.keys("*") if key.endswith(_raw(damaged.invocation_id))]
        client.set(key, b"")
        with pytest.raises(ResultExpired, match=r"the server has lost its data .* or its record is damaged"):
            damaged.get(timeout=BOUND_S)
        flushed = task(2)
        client.flushall()
        with pytest.raises(ResultExpired, match=r"the server has lost its data .* or its record is damaged"):
            flushed.get(timeout=BOUND_S)


def _raw(invocation_id: str) -> bytes:
    return bytes.fromhex(invocation_id.replace("-", ""))


def test_keys_of_others_stay_as_they_are(made: Callable[..., Pynenc], start_server: StartServer) -> None:
    server = start_server()
    with server.client() as client:
        foreign = {b"plain": b"1", b"pynenc:4:{other}:i:x": b"2", b"pynenc:4:{keys-of-us}x": b"3", b"celery": b"4"}
        client.mset(foreign)
        app, other = made(server.url, "keys-of-us"), made(server.url, "keys-of-us.b")
        kept = other.task(echo)(5)
        with app.running():
            assert app.task(echo)(1).get(timeout=BOUND_S) == 1
        app.purge()
        assert not client.keys("pynenc:4:{keys-of-us}:i:*")
        assert {key: client.get(key) for key in foreign} == foreign
    with other.running():
        assert kept.get(timeout=BOUND_S) == 5
