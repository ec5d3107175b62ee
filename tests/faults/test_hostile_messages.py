"""Whoever can write to the server writes nonsense into it: no code of theirs runs, and no worker falls."""

from __future__ import annotations

import json
import os
import pickle
import uuid

import pytest

from pynenc.exceptions import ResultExpired
from tests.faults.rig.report import Row

BOUND_S = 60.0
CANARY = "a text that stands in the message"


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def corpus(trap: str) -> dict[str, bytes]:
    """Messages that no honest client sends; each would leave ``trap`` behind if it was obeyed."""
    calls = {
        "builtin by name": {"__type__": "builtins.exec", "args": [f"import os; os.mkdir({trap!r})"]},
        "callable by name": {"__error__": {"type": "os.mkdir", "args": [trap], "message": ""}},
        "class by name": {"$": "class", "module": "os", "name": "mkdir", "args": [trap]},
        "reduce": {"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [trap]}]},
    }
    return {
        "nothing": b"",
        "one byte": b"\x00",
        "a text": b"not a message",
        "truncated": b'{"args": {"value": "a te',
        "an array": b"[1, 2, 3]",
        "deep": b"[" * 100_000,
        "a large number": b'{"value": 1' + b"0" * 100_000 + b"}",
        "pickle": pickle.dumps(Bomb(trap)),
        "random": bytes(range(256)) * 64,
        "wrong kind": b"\xff" * 64,
        **{name: json.dumps(call).encode() for name, call in calls.items()},
    }


WHERE = {"message": ("echo_inline", "*:p:*"), "value": ("echo", "*:b:*")}
"""What is forged: the message of a call, or a value that lies apart from it. By which task, under which keys."""


def forged(direct, cluster, where: str, name: str, payload: bytes):
    """Submit a call, and put something else in its place before any worker sees it."""
    task, keys = WHERE[where]
    before = set(direct.keys(keys))
    one = cluster.task(task)(f"{name}: {CANARY}" * 1_000)  # so large that it lies under a key of its own
    (key,) = set(direct.keys(keys)) - before
    assert CANARY.encode() in direct.get(key)
    direct.set(key, payload)
    return one


@pytest.mark.parametrize("where", WHERE)
def test_t37_a_hostile_message_is_refused_and_the_worker_lives(new_cluster, direct, tmp_path, record, where) -> None:
    trap = tmp_path / "trap"
    cluster = new_cluster()
    corpora = corpus(str(trap)).items()
    hostile = {name: forged(direct, cluster, where, name, payload) for name, payload in corpora}
    cluster.worker()
    for one in hostile.values():
        with pytest.raises(Exception, match=r".+") as raised:
            one.get(timeout=BOUND_S)
        assert CANARY not in str(raised.value)
    after = cluster.task("echo")("later")
    assert after.get(timeout=BOUND_S) == "later"
    assert not trap.exists()
    assert [sight.invocation_id for sight in cluster.witness.starts()] == [after.invocation_id]
    assert len(cluster.living) == 1
    record(cluster.check(Row("T37", f"a hostile {where}", len(hostile)), [*hostile.values(), after]))


@pytest.mark.parametrize("record", [b"", b"x", b"\xff" * 79, b"\0" * 200, b"\xff" * 200], ids=repr)
def test_t37_a_broken_record_costs_no_other(new_cluster, direct, record) -> None:
    cluster = new_cluster(lease_seconds=1)
    invocations = [cluster.task("work")(number, 0.0) for number in range(20)]
    broken = invocations.pop(5)
    assert broken.status == "registered"  # so it is staged no more, and has a record
    (key,) = [key for key in direct.keys("*:i:*") if key.endswith(raw_id(broken))]
    direct.set(key, record)
    cluster.worker(slots=4)
    assert [one.get(timeout=BOUND_S)[0] for one in invocations] == [*range(5), *range(6, 20)]
    assert len(cluster.living) == 1
    assert cluster.engine.doctor()


@pytest.mark.parametrize("size", [None, 0, 100, 250, 400])
def test_t37_a_broken_bundle_costs_no_other(new_cluster, direct, size) -> None:
    cluster = new_cluster(lease_seconds=1)
    broken = cluster.submit("work", [(number, 0.0) for number in range(20)])
    (key,) = direct.keys("*:g:*")
    direct.set(key, b"\xff" * 400 if size is None else direct.get(key)[:size])
    others = cluster.submit("work", [(number, 0.0) for number in range(20, 40)])
    cluster.worker(slots=4)
    assert [one.get(timeout=BOUND_S)[0] for one in others] == [*range(20, 40)]
    with pytest.raises(ResultExpired):
        broken[-1].get(timeout=BOUND_S)
    assert len(cluster.living) == 1
    assert cluster.engine.doctor()


def raw_id(invocation) -> bytes:
    """As it stands in the names of keys."""
    return uuid.UUID(invocation.invocation_id).bytes
