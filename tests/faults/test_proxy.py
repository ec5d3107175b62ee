"""The proxy does to a plain client what it says, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.proxy.faults import Cut, Kind, Request, Where
from tests.faults.proxy.frames import Frames, request_of, words_of
from tests.faults.proxy.proxy import Proxy

BOUND_S = 20.0
COUNTING = """#!lua name=counting
redis.register_function('count_up', function(keys) return redis.call('INCRBY', keys[1], 1) end)
"""


@pytest.fixture
def client(proxy: Proxy) -> Iterator[redis.Redis]:
    with new_client(proxy) as client:
        yield client


def new_client(proxy: Proxy) -> redis.Redis:
    """A client that sends nothing twice and waits for no answer for ever."""
    return redis.Redis(port=proxy.port, socket_timeout=BOUND_S, retry=None)


def raw(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=BOUND_S)


def cut_at(where: Where, name: bytes):
    """Cut at every request with this name."""

    def decide(request: Request) -> Cut | None:
        return Cut(where) if request.name == name else None

    return decide


# -- the protocol -----------------------------------------------------------------------------------------------------
scalars = st.sampled_from([b"+OK\r\n", b":-12\r\n", b"$-1\r\n", b"_\r\n", b"*-1\r\n", b"#t\r\n", b"$0\r\n\r\n"])
strings = st.binary(max_size=40).map(lambda data: b"$%d\r\n%s\r\n" % (len(data), data))
values = st.recursive(
    scalars | strings,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda them: b"*%d\r\n" % len(them) + b"".join(them))
        | st.lists(st.tuples(inner, inner), max_size=3).map(
            lambda pairs: b"%%%d\r\n" % len(pairs) + b"".join(a + b for a, b in pairs)
        )
    ),
    max_leaves=12,
)


@given(st.lists(values, max_size=5), st.data())
def test_a_stream_is_cut_into_its_values_whatever_the_pieces(stream, data) -> None:
    whole = b"".join(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    frames, found = Frames(), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += frames.feed(whole[start:end])
    assert found == stream


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_a_request_is_read_as_it_was_written(words) -> None:
    assert words_of(request_of(words)) == words


# -- without a fault --------------------------------------------------------------------------------------------------
def test_everything_passes_unchanged(client, direct) -> None:
    large = bytes(range(256)) * 8_192
    assert client.set("large", large)
    assert client.get("large") == direct.get("large") == large
    with client.pipeline(transaction=True) as pipeline:
        for number in range(50):
            pipeline.incr("n", number)
        assert pipeline.execute()[-1] == sum(range(50))


def test_connections_are_known_by_what_they_do(proxy, client, direct) -> None:
    client.ping()
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        assert pubsub.get_message(timeout=BOUND_S)["type"] == "subscribe"
        direct.rpush("bell", "token")
        assert client.blpop("bell", timeout=5) == (b"bell", b"token")
        direct.publish("news", "told")
        assert pubsub.get_message(timeout=BOUND_S)["data"] == b"told"
        assert {Kind.NOTICES, Kind.DOORBELL} <= set(proxy.open)
    assert proxy.requests[Kind.DOORBELL, b"BLPOP"] == 1


# -- cuts -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("where", "done"), [(Where.BEFORE, 0), (Where.AFTER, 1), (Where.MID_REPLY, 1)])
def test_a_cut_hits_its_moment(proxy, client, direct, where, done) -> None:
    proxy.when(cut_at(where, b"INCRBY"))
    with pytest.raises(redis.ConnectionError):
        client.incr("n")
    assert int(direct.get("n") or 0) == done
    assert proxy.cuts == {b"INCRBY": 1}
    proxy.when(None)
    assert client.incr("n") == done + 1


def test_what_came_before_the_cut_in_a_pipeline_is_delivered(proxy) -> None:
    proxy.when(cut_at(Where.MID_REPLY, b"ECHO"))
    with raw(proxy) as connection:
        connection.sendall(b"".join(map(request_of, [[b"PING"], [b"ECHO", b"abcdefgh"], [b"PING"]])))
        received = until_reset(connection)
    assert received.startswith(b"+PONG\r\n$8\r\n")
    assert len(received) == len(b"+PONG\r\n") + len(b"$8\r\nabcdefgh\r\n") // 2


def until_reset(connection: socket.socket) -> bytes:
    """What arrives before the connection is reset; it is not ended in order."""
    received = b""
    try:
        while data := connection.recv(100):
            received += data
    except ConnectionResetError:
        return received
    pytest.fail("the connection was ended in order")


def test_a_half_closed_connection_still_takes_requests(proxy, direct) -> None:
    with raw(proxy) as connection:
        connection.sendall(request_of([b"PING"]))
        assert connection.recv(100) == b"+PONG\r\n"
        proxy.half_close()
        assert connection.recv(100) == b""
        connection.sendall(request_of([b"RPUSH", b"late", b"one"]))
        assert direct.blpop("late", timeout=int(BOUND_S)) == (b"late", b"one")


def test_the_same_seed_cuts_the_same_requests(server, seed) -> None:
    patterns = set()
    for _ in range(3):
        with Proxy(server.url, seed=seed) as proxy:
            proxy.cut_scripts(Where.AFTER, 0.5)
            patterns.add(tuple(is_cut(proxy) for _ in range(20)))
    assert len(patterns) == 1
    assert {True, False} == set(patterns.pop())


def is_cut(proxy: Proxy) -> bool:
    with new_client(proxy) as client:
        try:
            client.evalsha("0" * 40, 0)
        except redis.exceptions.NoScriptError:
            return False
        except redis.ConnectionError:
            return True
    pytest.fail("neither an answer nor a cut")


# -- faults that last -------------------------------------------------------------------------------------------------
def test_nothing_gets_through_a_black_hole_until_it_heals(proxy, client, direct) -> None:
    client.ping()
    proxy.hold()
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(client.incr("n")))
    asking.start()
    asking.join(0.3)
    assert (asking.is_alive(), direct.get("n")) == (True, None)
    proxy.heal()
    asking.join(BOUND_S)
    assert answers == [1]


def test_one_kind_of_connection_can_be_held_alone(proxy, client, direct) -> None:
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        assert pubsub.get_message(timeout=BOUND_S)["type"] == "subscribe"
        with proxy.broken(proxy.hold, [Kind.NOTICES]):
            direct.publish("news", "held")
            assert client.ping()
            assert pubsub.get_message(timeout=0.3) is None
        assert pubsub.get_message(timeout=BOUND_S)["data"] == b"held"


def test_who_is_refused_can_come_back(proxy, client) -> None:
    client.ping()
    with proxy.broken(proxy.refuse):
        for _ in range(3):
            with pytest.raises(redis.ConnectionError):
                client.ping()
    assert client.ping()


def test_bytes_that_trickle_are_all_there(proxy, client) -> None:
    client.set("slow", b"0123456789")
    proxy.trickle(0.01)
    assert client.get("slow") == b"0123456789"


def test_late_replies_keep_their_order(proxy, client) -> None:
    proxy.delay(0.005, 0.005)
    with client.pipeline(transaction=False) as pipeline:
        for number in range(20):
            pipeline.echo(str(number))
        assert pipeline.execute() == [str(number).encode() for number in range(20)]


def test_lost_tokens_are_gone_and_the_client_waits_on(proxy, client, direct) -> None:
    proxy.lose_tokens()
    direct.rpush("bell", "token")
    assert client.blpop("bell", timeout=1) is None
    assert direct.llen("bell") == 0
    assert proxy.lost["tokens"] == 1


def test_lost_messages_are_gone(proxy, client, direct) -> None:
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        assert pubsub.get_message(timeout=BOUND_S)["type"] == "subscribe"
        with proxy.broken(proxy.lose_messages):
            direct.publish("news", "lost")
            assert pubsub.get_message(timeout=0.3) is None
        direct.publish("news", "told")
        assert pubsub.get_message(timeout=BOUND_S)["data"] == b"told"
    assert proxy.lost["messages"] == 1


# -- other functions --------------------------------------------------------------------------------------------------
def test_a_rewritten_library_runs_in_place_of_the_loaded_one(server, direct, seed) -> None:
    with Proxy(server.url, seed=seed, rewrite=lambda text: text.replace(", 1)", ", 10)")) as proxy:
        with new_client(proxy) as client:
            assert client.function_load(COUNTING)
            assert [client.fcall("count_up", 1, "n") for _ in range(3)] == [10, 20, 30]
        assert proxy.tampering is not None
        assert proxy.tampering.runs == 3
    assert direct.get("n") == b"30"
