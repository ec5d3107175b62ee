"""Who is alive, and what becomes of the work of those who are not."""

from __future__ import annotations

import pytest

from pynenc.exceptions import FencedError, RunnerError, WorkerLostError
from pynenc.model.records import Submission

ONE = b"1" * 32


def test_each_worker_has_a_number_of_its_own(engine) -> None:
    workers = [engine.register_worker("same name") for _ in range(5)]
    engine.lose(workers[0])
    workers.append(engine.register_worker("same name"))
    assert len(set(workers)) == 6
    assert 0 not in workers


def test_a_silent_worker_loses_its_work(engine, clock, running) -> None:
    claim = running()
    other = engine.register_worker("other")
    clock.advance(10)
    assert engine.renew(other)
    clock.advance(5)
    engine.tick()
    record = engine.record(claim.invocation_id)
    assert [record[name] for name in ("status", "losses", "retries", "worker")] == ["rerouted", 1, 0, ""]
    (again,) = engine.claim(other)
    assert (again.invocation_id, again.attempt) == (claim.invocation_id, 2)
    with pytest.raises(FencedError):
        engine.finish(claim, "success", "late")
    engine.start(again)
    engine.finish(again, "success", "in time")
    assert engine.outcome(claim.invocation_id) == "in time"


def test_who_renews_keeps_its_work(engine, clock, worker, running) -> None:
    claim = running()
    for _ in range(10):
        clock.advance(14)
        assert engine.renew(worker) is True
        engine.tick()
    engine.finish(claim, "success", 1)
    assert engine.record(claim.invocation_id)["losses"] == 0


def test_a_lost_worker_stays_lost(engine, clock, worker, submit) -> None:
    clock.advance(15)
    engine.tick()
    assert engine.renew(worker) is False
    submit()
    with pytest.raises(RunnerError, match=f"worker {worker} is not registered"):
        engine.claim(worker)


@pytest.mark.parametrize("status", ["pending", "running", "paused"])
def test_whatever_a_lost_worker_held_goes_back(engine, worker, claimed, submit, status) -> None:
    claim = claimed()
    if status != "pending":
        engine.start(claim)
    child = submit(delay=60)
    if status == "paused":
        engine.pause(claim, [child])
    assert engine.lose(worker) == [claim.invocation_id]
    record = engine.record(claim.invocation_id)
    assert (record["status"], record["losses"], record["awaits"]) == ("rerouted", int(status != "pending"), [])
    assert engine.status(child) == "scheduled"
    assert engine.lose(worker) == []


def test_lost_work_goes_back_to_its_place(engine, worker, submit) -> None:
    first, second, third = (submit() for _ in range(3))
    engine.claim(worker, 2)
    other = engine.register_worker()
    assert engine.lose(worker) == [first, second]
    assert [claim.invocation_id for claim in engine.claim(other, 9)] == [first, second, third]


def test_a_key_of_a_lost_worker_is_free(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    blocked = submit(running_key=ONE)
    other = engine.register_worker()
    assert engine.claim(other) == []
    engine.lose(worker)
    (claim,) = engine.claim(other, 9)
    assert claim.invocation_id == holder.invocation_id
    engine.start(claim)
    engine.finish(claim, "success", None)
    assert [one.invocation_id for one in engine.claim(other, 9)] == [blocked]


def test_the_third_loss_is_the_end(engine, submit) -> None:
    one = submit()
    for losses in (1, 2, 3):
        worker = engine.register_worker()
        (claim,) = engine.claim(worker)
        engine.start(claim)
        assert engine.lose(worker) == [one]
        assert engine.record(one)["losses"] == losses
    assert engine.status(one) == "failed"
    assert engine.queued() == 0
    with pytest.raises(WorkerLostError, match="3") as raised:
        engine.outcome(one)
    assert raised.value.invocation_id == one


def test_what_had_not_started_counts_no_loss(new_engine, clock) -> None:
    engine = new_engine(max_losses=1)
    ((_, one, _),) = engine.submit([Submission("app.add")])
    for _ in range(3):
        worker = engine.register_worker()
        engine.claim(worker)
        engine.lose(worker)
        engine.claim(engine.register_worker())
        clock.advance(15)
        engine.tick()
    record = engine.record(one)
    assert [record[name] for name in ("status", "attempt", "losses")] == ["rerouted", 6, 0]


def test_losses_and_retries_are_counted_apart(new_engine) -> None:
    engine = new_engine(max_losses=2)
    ((_, one, _),) = engine.submit([Submission("app.add")])
    for _ in range(5):
        worker = engine.register_worker()
        (claim,) = engine.claim(worker)
        engine.start(claim)
        engine.retry(claim)
    (claim,) = engine.claim(worker)
    engine.start(claim)
    engine.lose(worker)
    record = engine.record(one)
    assert [record[name] for name in ("status", "attempt", "retries", "losses")] == ["rerouted", 6, 5, 1]


def test_history_names_the_worker_that_was_lost(engine, worker, running) -> None:
    claim = running()
    engine.lose(worker)
    assert [name for _, _, name in engine.history(claim.invocation_id)] == ["", *["worker one"] * 3]


def test_a_tick_promotes_what_is_due(engine, clock, submit) -> None:
    later = submit(delay=30)
    clock.advance(30)
    engine.tick()
    assert (engine.status(later), engine.queued()) == ("registered", 1)


def test_a_tick_tells_when_to_look_again(engine, clock, submit) -> None:
    assert engine.tick() is None
    submit(delay=30)
    assert engine.tick() == 30.0
    engine.register_worker()
    assert engine.tick() == 15.0
    clock.advance(10)
    submit(delay=2)
    assert engine.tick() == 2.0


def test_unknown_workers_are_neither_renewed_nor_lost(engine, worker) -> None:
    for number in (0, worker + 1_000):
        assert engine.renew(number) is False
        assert engine.lose(number) == []


@pytest.mark.parametrize("number", [-1, 2**40])
def test_a_worker_number_out_of_range_is_refused(engine, number) -> None:
    for call in (engine.renew, engine.lose):
        with pytest.raises((OverflowError, ValueError)):
            call(number)


@pytest.mark.parametrize("number", ["one", None, 1.5])
def test_a_worker_number_is_a_number(engine, number) -> None:
    for call in (engine.renew, engine.lose):
        with pytest.raises(TypeError):
            call(number)
    if not isinstance(number, str):
        with pytest.raises(TypeError):
            engine.register_worker(number or 1)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_lease_is_a_number_of_seconds(new_engine, seconds) -> None:
    with pytest.raises(ValueError, match="lease_seconds"):
        new_engine(lease_seconds=seconds)
