"""Waiting for others, in a body and outside."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pynenc.exceptions import (
    CycleDetectedError,
    InvocationNotFoundError,
    StatusTransitionError,
    WaitLimitError,
)
from pynenc.model.records import Submission

ONE = b"1" * 32
TWO = b"2" * 32


# -- pause and resume -----------------------------------------------------------------------------
def test_a_waiting_body_is_paused_and_goes_on(engine, worker, running, submit) -> None:
    waiter = running()
    children = [submit(), submit()]
    assert engine.pause(waiter, children) is True
    record = engine.record(waiter.invocation_id)
    assert (record["status"], record["awaits"], record["worker"]) == ("paused", children, "worker one")
    engine.resume(waiter)
    record = engine.record(waiter.invocation_id)
    assert (record["status"], record["awaits"]) == ("running", [])


def test_a_paused_body_may_wait_for_others_instead(engine, running, submit) -> None:
    waiter = running()
    first, second = submit(), submit()
    assert engine.pause(waiter, [first])
    assert engine.pause(waiter, [second])
    assert engine.record(waiter.invocation_id)["awaits"] == [second]
    assert [status for status, _, _ in engine.history(waiter.invocation_id)][-2:] == ["running", "paused"]


@pytest.mark.parametrize("how", ["ended", "cancelled", "dropped"])
def test_there_is_no_pause_for_what_is_over(new_engine, how) -> None:
    engine = new_engine(keep_count=0 if how == "dropped" else 100)
    worker = engine.register_worker()
    ((_, first, _), (_, child, _), (_, other, _)) = engine.submit([Submission("app.add")] * 3)
    waiter, claim = engine.claim(worker, 2)
    engine.start(waiter)
    engine.start(claim)
    engine.finish(claim, "cancelled" if how == "cancelled" else "success", None)
    assert engine.pause(waiter, [other, child]) is False
    assert (engine.status(first), engine.record(first)["awaits"]) == ("running", [])


def test_a_wait_for_nothing_is_no_pause(engine, running) -> None:
    waiter = running()
    assert engine.pause(waiter, []) is False
    assert engine.status(waiter.invocation_id) == "running"


def test_only_a_body_that_runs_waits(engine, claimed, submit) -> None:
    claim = claimed()
    with pytest.raises(StatusTransitionError, match="from pending to paused"):
        engine.pause(claim, [submit()])


def test_only_a_paused_body_resumes(engine, claimed) -> None:
    claim = claimed()
    with pytest.raises(StatusTransitionError):
        engine.resume(claim)
    engine.start(claim)
    with pytest.raises(StatusTransitionError):
        engine.resume(claim)
    assert [status for status, _, _ in engine.history(claim.invocation_id)][-1] == "running"


def test_an_awaited_one_of_another_engine_is_refused(engine, running, submit, unknown_id) -> None:
    waiter = running()
    with pytest.raises(InvocationNotFoundError) as raised:
        engine.pause(waiter, [submit(), unknown_id])
    assert raised.value.invocation_id == unknown_id
    assert engine.status(waiter.invocation_id) == "running"


@pytest.mark.parametrize("awaited", [None, 1, [1], "id"], ids=str)
def test_the_awaited_are_a_list_of_ids(engine, running, awaited) -> None:
    waiter = running()
    with pytest.raises(TypeError):
        engine.pause(waiter, awaited)
    assert engine.status(waiter.invocation_id) == "running"


# -- cycles ---------------------------------------------------------------------------------------
def test_waiting_for_itself_is_a_cycle(engine, running) -> None:
    waiter = running()
    with pytest.raises(CycleDetectedError) as raised:
        engine.pause(waiter, [waiter.invocation_id])
    assert raised.value.call_ids == [waiter.invocation_id]
    assert engine.status(waiter.invocation_id) == "running"


def test_the_wait_that_closes_a_cycle_is_refused_with_the_path(engine, running) -> None:
    chain = [running() for _ in range(4)]
    for waiter, awaited in itertools.pairwise(chain):
        assert engine.pause(waiter, [awaited.invocation_id])
    with pytest.raises(CycleDetectedError) as raised:
        engine.pause(chain[-1], [chain[0].invocation_id])
    assert raised.value.call_ids == [chain[-1].invocation_id, *(claim.invocation_id for claim in chain[:-1])]
    assert engine.status(chain[-1].invocation_id) == "running"
    engine.finish(chain[-1], "success", None)


def test_a_cycle_through_a_key_is_found(engine, worker, running, submit) -> None:
    """A holds the key and waits for B, whose child needs the key: the child can never start."""
    holder = running(running_key=ONE)
    child = submit(running_key=ONE)
    with pytest.raises(CycleDetectedError) as raised:
        engine.pause(holder, [child])
    assert raised.value.call_ids == [holder.invocation_id, child]
    assert engine.claim(worker) == []
    with pytest.raises(CycleDetectedError):
        engine.pause(holder, [child])


def test_a_cycle_across_two_keys_is_found(engine, running, submit) -> None:
    one, two = running(running_key=ONE), running(running_key=TWO)
    needs_one, needs_two = submit(running_key=ONE), submit(running_key=TWO)
    assert engine.pause(one, [needs_two])
    with pytest.raises(CycleDetectedError) as raised:
        engine.pause(two, [needs_one])
    assert raised.value.call_ids == [two.invocation_id, needs_one, one.invocation_id, needs_two]


def test_a_shared_child_is_no_cycle(engine, running, submit) -> None:
    first, second = running(), running()
    child = submit()
    assert engine.pause(first, [second.invocation_id, child])
    assert engine.pause(second, [child])


def test_a_cycle_is_gone_when_one_of_it_goes_on(engine, running) -> None:
    one, two = running(), running()
    assert engine.pause(one, [two.invocation_id])
    engine.resume(one)
    assert engine.pause(two, [one.invocation_id])


def test_a_long_chain_is_followed_to_its_limit(new_engine) -> None:
    engine = new_engine(wait_links=10)
    worker = engine.register_worker()
    engine.submit([Submission("app.add")] * 14)
    claims = engine.claim(worker, 14)
    for claim in claims:
        engine.start(claim)
    for waiter, awaited in zip(claims[1:11], claims, strict=False):
        assert engine.pause(waiter, [awaited.invocation_id]) is True
    with pytest.raises(WaitLimitError, match="10 links") as raised:
        engine.pause(claims[11], [claims[10].invocation_id])
    assert raised.value.limit == 10
    assert engine.status(claims[11].invocation_id) == "running"


def test_a_body_may_wait_for_many_that_wait_for_many(engine, worker, running) -> None:
    """As the body of a group does whenever one of its own has ended."""
    root, width = running(), 101
    ids = [one for _, one, _ in engine.submit([Submission("app.child")] * width)]
    for claim in engine.claim(worker, width):
        engine.start(claim)
        below = [one for _, one, _ in engine.submit([Submission("app.grandchild")] * width)]
        assert engine.pause(claim, below) is True
    assert engine.pause(root, ids) is True
    assert engine.record(root.invocation_id)["awaits"] == ids


# -- waiting outside ------------------------------------------------------------------------------
def test_those_that_have_ended_are_told_at_once(engine, running, submit) -> None:
    claim = running()
    open_one = submit()
    cancelled = submit()
    engine.finish(claim, "success", 1)
    engine.cancel(cancelled)
    found = engine.wait_final([open_one, claim.invocation_id, cancelled])
    assert found == [claim.invocation_id, cancelled]


def test_a_wait_ends_with_its_time(engine, submit) -> None:
    assert engine.wait_final([submit()], 0.0) == []
    assert engine.wait_final([submit()], 0.01) == []


def test_a_wait_for_nothing_ends_at_once(engine) -> None:
    assert engine.wait_final([]) == []


def woken_by(engine: Any, invocation_id: str, what: Callable[[], object]) -> list[str]:
    """What a waiting thread is told when something happens."""
    told: list[str] = []
    thread = threading.Thread(
        target=lambda: told.extend(engine.wait_final([invocation_id])), name="waiter", daemon=True
    )
    thread.start()
    what()
    thread.join()
    return told


def test_a_waiting_thread_is_woken_by_the_end(engine, running) -> None:
    claim = running()
    told = woken_by(engine, claim.invocation_id, lambda: engine.finish(claim, "success", 1))
    assert told == [claim.invocation_id]


def test_a_waiting_thread_is_woken_by_a_cancellation(engine, submit) -> None:
    one = submit()
    assert woken_by(engine, one, lambda: engine.cancel(one)) == [one]


def test_a_waiting_thread_is_woken_by_the_last_loss(new_engine) -> None:
    engine = new_engine(max_losses=1)
    worker = engine.register_worker()
    ((_, one, _),) = engine.submit([Submission("app.add")])
    (claim,) = engine.claim(worker)
    engine.start(claim)
    assert woken_by(engine, one, lambda: engine.lose(worker)) == [one]


def test_a_waiting_thread_is_woken_by_a_purge(engine, submit) -> None:
    one = submit()
    assert woken_by(engine, one, engine.purge) == [one]


def test_many_threads_wait_for_one(engine, running) -> None:
    claim = running()
    told: list[list[str]] = []
    threads = [
        threading.Thread(
            target=lambda: told.append(engine.wait_final([claim.invocation_id])), name="waiter", daemon=True
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    engine.finish(claim, "success", 1)
    for thread in threads:
        thread.join()
    assert told == [[claim.invocation_id]] * 20


def test_the_result_is_there_when_a_waiter_is_told(engine, worker, submit) -> None:
    """Rounds between two threads: who is told that it is over can read the result."""
    rounds = [submit() for _ in range(200)]
    seen: list[object] = []

    def read() -> None:
        for one in rounds:
            engine.wait_final([one])
            seen.append(engine.outcome(one))

    thread = threading.Thread(target=read, name="reader", daemon=True)
    thread.start()
    for number in range(len(rounds)):
        (claim,) = engine.claim(worker)
        engine.start(claim)
        engine.finish(claim, "success", number)
    thread.join()
    assert seen == list(range(200))


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), float("inf"), 1e300])
def test_a_timeout_is_a_number_of_seconds(engine, submit, timeout) -> None:
    with pytest.raises(ValueError, match=r"timeout is .* seconds"):
        engine.wait_final([submit()], timeout)
    with pytest.raises(TypeError):
        engine.wait_final([submit()], "1")


def test_a_wait_for_an_unknown_one_is_refused(engine, submit, unknown_id) -> None:
    with pytest.raises(InvocationNotFoundError) as raised:
        engine.wait_final([submit(), unknown_id], 0.0)
    assert raised.value.invocation_id == unknown_id
    with pytest.raises(TypeError):
        engine.wait_final("id", 0.0)
