"""Looking without changing, and what is kept of the ended."""

from __future__ import annotations

from typing import Any

import pytest

from pynenc._core import statuses
from pynenc.exceptions import InvocationNotFoundError, ResultExpired
from pynenc.model.records import Submission

READS = ("status", "record", "history", "outcome")


def end_one(engine: Any, worker: int, size: int = 0, **fields: Any) -> str:
    """The id of one that ran to its end."""
    ((_, invocation_id, _),) = engine.submit([Submission("app.add", **fields)])
    (claim,) = engine.claim(worker)
    engine.start(claim)
    engine.finish(claim, "success", "value", size)
    return invocation_id


def kept(engine: Any, ids: list[str]) -> list[bool]:
    there = set(engine.find())
    return [one in there for one in ids]


# -- reading --------------------------------------------------------------------------------------
@pytest.mark.parametrize("read", READS)
def test_an_unknown_invocation_is_not_found(engine, unknown_id, read) -> None:
    with pytest.raises(InvocationNotFoundError) as raised:
        getattr(engine, read)(unknown_id)
    assert raised.value.invocation_id == unknown_id


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("value", [None, 1, b"id"], ids=str)
def test_an_id_is_a_text(engine, read, value) -> None:
    with pytest.raises(TypeError):
        getattr(engine, read)(value)


@pytest.mark.parametrize("read", READS)
def test_what_was_dropped_has_expired(engine, submit, read) -> None:
    one = submit()
    engine.purge()
    other = submit()
    with pytest.raises(ResultExpired) as raised:
        getattr(engine, read)(one)
    assert raised.value.invocation_id == one
    assert engine.status(other) == "registered"


def test_a_record_has_every_field(engine, running) -> None:
    claim = running()
    assert engine.record(claim.invocation_id) == {
        "invocation_id": claim.invocation_id,
        "task_id": "app.add",
        "status": "running",
        "parent_id": None,
        "attempt": 1,
        "retries": 0,
        "losses": 0,
        "cancel_requested": False,
        "worker": "worker one",
        "awaits": [],
    }


def test_an_outcome_can_be_read_again(engine, worker) -> None:
    one = end_one(engine, worker)
    assert [engine.outcome(one) for _ in range(3)] == ["value"] * 3


def test_find_selects_by_task_and_status(engine, worker, submit) -> None:
    add = [submit("app.add") for _ in range(3)]
    mul = [submit("app.mul") for _ in range(2)]
    engine.claim(worker, 1)
    engine.cancel(mul[0])
    assert engine.find() == [*add, *mul]
    assert engine.find("app.add") == add
    assert engine.find(None, ["registered"]) == [*add[1:], mul[1]]
    assert engine.find("app.mul", ["registered", "cancelled"]) == mul
    assert engine.find("app.mul", ["pending"]) == []
    assert engine.find("app.unknown") == []


def test_find_has_a_limit(engine, submit) -> None:
    ids = [submit() for _ in range(5)]
    assert engine.find(None, None, 2) == ids[:2]
    assert engine.find(None, None, 0) == []
    with pytest.raises((OverflowError, ValueError)):
        engine.find(None, None, -1)


def test_an_unknown_status_is_refused(engine) -> None:
    with pytest.raises(ValueError, match='no status "done"; accepted: registered, scheduled'):
        engine.find(None, ["registered", "done"])
    for wrong in (1, "failed", [1]):
        with pytest.raises(TypeError):
            engine.find(None, wrong)
    with pytest.raises(TypeError):
        engine.find(1)


def test_every_status_is_counted(engine, worker, submit) -> None:
    assert engine.counts() == dict.fromkeys(statuses(), 0)
    submit(delay=5)
    end_one(engine, worker)
    submit()
    counts = engine.counts()
    assert list(counts) == statuses()
    assert {name: count for name, count in counts.items() if count} == {"registered": 1, "scheduled": 1, "success": 1}


def test_queued_counts_both_lanes(engine, worker, submit) -> None:
    for is_async in (False, True, True):
        submit(is_async=is_async)
    assert engine.queued() == 3
    engine.claim(worker, 9, "async")
    assert engine.queued() == 1


# -- retention ------------------------------------------------------------------------------------
def test_the_newest_are_kept(new_engine) -> None:
    engine = new_engine(keep_count=2)
    worker = engine.register_worker()
    ids = [end_one(engine, worker) for _ in range(4)]
    assert kept(engine, ids) == [False, False, True, True]
    with pytest.raises(ResultExpired):
        engine.outcome(ids[0])
    assert engine.counts()["success"] == 2


def test_results_are_kept_within_a_size(new_engine) -> None:
    engine = new_engine(keep_bytes=100)
    worker = engine.register_worker()
    ids = [end_one(engine, worker, 40) for _ in range(4)]
    assert kept(engine, ids) == [False, False, True, True]
    assert not kept(engine, [end_one(engine, worker, 101)])[0]


def test_results_are_kept_for_a_time(new_engine, clock) -> None:
    engine = new_engine(keep_seconds=60)
    worker = engine.register_worker()
    old = end_one(engine, worker)
    clock.advance(10)
    new = end_one(engine, worker)
    clock.advance(50)
    engine.tick()
    assert kept(engine, [old, new]) == [False, True]


def test_what_has_not_ended_is_never_dropped(new_engine, clock) -> None:
    engine = new_engine(keep_seconds=60, keep_count=0, keep_bytes=0)
    ids = [one for _, one, _ in engine.submit([Submission("app.add"), Submission("app.add", delay=1_000)])]
    clock.advance(500)
    engine.tick()
    assert kept(engine, ids) == [True, True]


def test_the_parent_may_be_gone(new_engine) -> None:
    engine = new_engine(keep_count=1)
    worker = engine.register_worker()
    parent = end_one(engine, worker)
    child = end_one(engine, worker, parent_id=parent)
    assert kept(engine, [parent, child]) == [False, True]
    assert engine.record(child)["parent_id"] == parent


# -- purge ----------------------------------------------------------------------------------------
def test_a_purge_forgets_everything(engine, worker, running, submit) -> None:
    key = b"1" * 32
    running(running_key=key, registration_key=key)
    submit(running_key=key)
    engine.claim(worker)
    submit(delay=5)
    end_one(engine, worker, reuse_result=True, arguments_fingerprint=key)
    assert engine.purge() == 4
    assert (engine.find(), engine.queued(), sum(engine.counts().values())) == ([], 0, 0)
    assert engine.purge() == 0
    # Nothing is left of the keys, and the worker goes on.
    submit(running_key=key, registration_key=key, reuse_result=True, arguments_fingerprint=key)
    assert len(engine.claim(worker)) == 1
