"""Taking calls in and handing them out."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from pynenc.exceptions import (
    FencedError,
    InvocationNotFoundError,
    ResultExpired,
    RunnerError,
    SerializationError,
    StatusTransitionError,
)
from pynenc.model.records import Submission

ONE = b"1" * 32
TWO = b"2" * 32


def unchecked(**fields: Any) -> Any:
    """A submission that nobody has looked at."""
    return SimpleNamespace(**(dataclasses.asdict(Submission("app.add")) | fields))


def ids(claims: list[Any]) -> list[str]:
    return [claim.invocation_id for claim in claims]


# -- submission -----------------------------------------------------------------------------------
def test_a_batch_is_answered_in_its_order(engine) -> None:
    receipts = engine.submit([Submission("app.add"), Submission("app.mul"), Submission("app.add", delay=1)])
    assert [(kind, same) for kind, _, same in receipts] == [("new", True)] * 3
    assert len({invocation_id for _, invocation_id, _ in receipts}) == 3
    assert [engine.record(one)["task_id"] for _, one, _ in receipts] == ["app.add", "app.mul", "app.add"]
    assert engine.find() == [one for _, one, _ in receipts]


def test_an_empty_batch_is_nothing(engine) -> None:
    assert engine.submit([]) == []
    assert engine.counts()["registered"] == 0


def test_a_batch_is_taken_whole_or_not_at_all(engine) -> None:
    with pytest.raises(ValueError, match="delay is -1"):
        engine.submit([Submission("app.add"), unchecked(delay=-1.0)])
    assert engine.find() == []


def test_the_call_comes_back_with_the_claim(engine, worker, submit) -> None:
    call = ("a text", 1, None)
    invocation_id = submit(call=call)
    (claim,) = engine.claim(worker)
    assert (claim.invocation_id, claim.task_id, claim.attempt) == (invocation_id, "app.add", 1)
    assert claim.call == call


def test_an_engine_in_this_process_hands_over_the_call_itself(make, engine, worker, submit) -> None:
    call: list[object] = []
    call.append(call)  # nothing that could be written down
    if not make.keeps_objects:
        with pytest.raises(SerializationError):
            submit(call=call)
        assert engine.find() == []
        return
    submit(call=call)
    (claim,) = engine.claim(worker)
    assert claim.call is call


def test_the_parent_is_on_record(engine, submit) -> None:
    parent = submit()
    assert engine.record(submit(parent_id=parent))["parent_id"] == parent
    assert engine.record(parent)["parent_id"] is None


def test_an_unknown_parent_is_refused(engine, unknown_id) -> None:
    with pytest.raises(InvocationNotFoundError) as raised:
        engine.submit([Submission("app.add", parent_id=unknown_id)])
    assert raised.value.invocation_id == unknown_id
    assert engine.find() == []


@pytest.mark.parametrize("delay", [-1.0, float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_delay_is_a_number_of_seconds(engine, delay) -> None:
    with pytest.raises(ValueError, match=r"delay is .* seconds"):
        engine.submit([unchecked(delay=delay)])


@pytest.mark.parametrize("name", ["registration_key", "running_key", "arguments_fingerprint"])
@pytest.mark.parametrize("key", [b"", b"1" * 31, b"1" * 33])
def test_a_key_has_32_bytes(engine, name, key) -> None:
    with pytest.raises(ValueError, match="32"):
        engine.submit([unchecked(**{name: key, "reuse_result": name == "arguments_fingerprint"})])
    with pytest.raises(ValueError, match=f"{name} has {len(key)} bytes; accepted: 32 bytes"):
        Submission("app.add", **{name: key})


@pytest.mark.parametrize(
    "fields",
    [
        {"registration_key": "1" * 32},
        {"running_key": 1},
        {"delay": "1"},
        {"delay": None},
        {"task_id": 1},
        {"task_id": None},
        {"parent_id": 1},
        {"parent_id": b"1"},
    ],
    ids=str,
)
def test_a_field_of_a_wrong_type_is_refused(engine, fields) -> None:
    with pytest.raises(TypeError):
        engine.submit([unchecked(**fields)])
    assert engine.find() == []


@pytest.mark.parametrize("batch", [None, 1])
def test_a_batch_is_a_sequence(engine, batch) -> None:
    with pytest.raises(TypeError):
        engine.submit(batch)


def test_what_is_no_submission_is_refused(engine) -> None:
    with pytest.raises((TypeError, AttributeError)):
        engine.submit([1])


# -- registration ---------------------------------------------------------------------------------
def test_one_that_has_not_started_answers_for_a_call_of_its_key(engine, submit) -> None:
    first = submit(registration_key=ONE, arguments_fingerprint=ONE)
    equal, other = engine.submit(
        [
            Submission("app.add", registration_key=ONE, arguments_fingerprint=ONE),
            Submission("app.add", registration_key=ONE, arguments_fingerprint=TWO),
        ]
    )
    assert equal == ("reused", first, True)
    assert other == ("reused", first, False)
    assert engine.submit([Submission("app.add", registration_key=TWO)])[0][0] == "new"
    assert engine.queued() == 2


def test_a_call_with_other_arguments_is_refused_where_that_is_asked_for(engine, submit) -> None:
    first = submit(registration_key=ONE, arguments_fingerprint=ONE)
    strict = Submission("app.add", registration_key=ONE, arguments_fingerprint=TWO, raise_on_difference=True)
    assert engine.submit([strict]) == [("refused", first, False)]
    assert engine.submit([dataclasses.replace(strict, arguments_fingerprint=ONE)]) == [("reused", first, True)]
    assert engine.find() == [first]


def test_the_rule_holds_inside_a_batch(engine) -> None:
    call = Submission("app.add", registration_key=ONE)
    receipts = engine.submit([call] * 5)
    assert [kind for kind, _, _ in receipts] == ["new", *["reused"] * 4]
    assert len({one for _, one, _ in receipts}) == 1


@pytest.mark.parametrize("how", ["queued", "delayed", "claimed", "set aside"])
def test_what_has_not_started_stands(engine, worker, submit, running, how) -> None:
    if how == "set aside":
        running(running_key=ONE)
    first = submit(registration_key=ONE, running_key=ONE, delay=60 if how == "delayed" else 0)
    if how in {"claimed", "set aside"}:
        assert len(engine.claim(worker)) == (how == "claimed")
    assert engine.submit([Submission("app.add", registration_key=ONE)]) == [("reused", first, True)]


def test_a_new_call_is_new_once_the_first_has_started(engine, running, submit) -> None:
    claim = running(registration_key=ONE)
    second = submit(registration_key=ONE)
    engine.retry(claim)
    # Both stand now, and the oldest answers.
    assert engine.submit([Submission("app.add", registration_key=ONE)]) == [("reused", claim.invocation_id, True)]
    assert engine.queued() == 2
    assert engine.status(second) == "registered"


def test_a_cancelled_one_answers_for_nobody(engine, submit) -> None:
    first = submit(registration_key=ONE)
    engine.cancel(first)
    assert submit(registration_key=ONE) != first


# -- kept results ---------------------------------------------------------------------------------
def test_a_kept_result_answers(engine, running) -> None:
    claim = running(arguments_fingerprint=ONE, reuse_result=True)
    again = Submission("app.add", arguments_fingerprint=ONE, reuse_result=True)
    engine.finish(claim, "success", 42)
    assert engine.submit([again]) == [("cached", claim.invocation_id, True)]
    other, without = engine.submit([dataclasses.replace(again, arguments_fingerprint=TWO), Submission("app.add")])
    assert (other[0], without[0]) == ("new", "new")


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_only_a_success_answers(engine, running, submit, ending) -> None:
    claim = running(arguments_fingerprint=ONE, reuse_result=True)
    engine.finish(claim, ending, ValueError("no"))
    assert submit(arguments_fingerprint=ONE, reuse_result=True) != claim.invocation_id


def test_a_call_without_reuse_neither_answers_nor_asks(engine, running, submit) -> None:
    engine.finish(running(arguments_fingerprint=ONE), "success", 42)
    engine.finish(running(arguments_fingerprint=ONE, reuse_result=True), "success", 43)
    submit(arguments_fingerprint=ONE)


def test_a_dropped_result_does_not_answer(new_engine) -> None:
    engine = new_engine(keep_count=0)
    worker = engine.register_worker()
    call = Submission("app.add", arguments_fingerprint=ONE, reuse_result=True)
    ((_, first, _),) = engine.submit([call])
    (claim,) = engine.claim(worker)
    engine.start(claim)
    engine.finish(claim, "success", 42)
    assert engine.submit([call])[0][0] == "new"
    with pytest.raises(ResultExpired):
        engine.status(first)


# -- claims ---------------------------------------------------------------------------------------
def test_the_oldest_comes_first(engine, worker, submit) -> None:
    submitted = [submit() for _ in range(5)]
    assert ids(engine.claim(worker, 2)) == submitted[:2]
    assert ids(engine.claim(worker, 9)) == submitted[2:]
    assert engine.claim(worker, 9) == []


def test_nothing_is_claimed_twice(engine, submit) -> None:
    submitted = [submit() for _ in range(20)]
    workers = [engine.register_worker() for _ in range(4)]
    claims = [claim for _ in range(5) for worker in workers for claim in engine.claim(worker)]
    assert ids(claims) == submitted
    assert len({claim.nonce for claim in claims}) == 20


def test_what_came_back_keeps_its_place(engine, worker, submit) -> None:
    first, second, third = (submit() for _ in range(3))
    one, two = engine.claim(worker, 2)
    engine.release(two)
    assert ids(engine.claim(worker)) == [second]
    engine.release(one)
    assert ids(engine.claim(worker, 9)) == [first, third]


def test_awaited_work_comes_first(engine, worker, running, submit) -> None:
    waiter = running()
    old, awaited, also_awaited = (submit() for _ in range(3))
    assert engine.pause(waiter, [also_awaited, awaited])
    assert ids(engine.claim(worker, 9)) == [awaited, also_awaited, old]


def test_a_lane_is_claimed_apart(engine, worker, submit) -> None:
    sync, coroutine = submit(), submit(is_async=True)
    assert ids(engine.claim(worker, 9, "async")) == [coroutine]
    assert ids(engine.claim(worker, 9, "async")) == []
    assert ids(engine.claim(worker, 9, "sync")) == [sync]
    both = [submit(is_async=True), submit()]
    assert sorted(ids(engine.claim(worker, 9, "any"))) == sorted(both)


def test_a_limit_of_none_claims_nothing(engine, worker, submit) -> None:
    submit()
    assert engine.claim(worker, 0) == []
    assert engine.queued() == 1


def test_delayed_work_waits_for_its_time(engine, clock, worker, submit) -> None:
    later = submit(delay=10)
    assert (engine.status(later), engine.queued(), engine.claim(worker)) == ("scheduled", 0, [])
    clock.advance(9.5)
    assert engine.claim(worker) == []
    clock.advance(0.5)
    assert ids(engine.claim(worker)) == [later]
    assert [status for status, _, _ in engine.history(later)] == ["scheduled", "registered", "pending"]


def test_an_unknown_worker_gets_nothing(engine, worker, submit) -> None:
    submit()
    lost = engine.register_worker()
    engine.lose(lost)
    for number in (0, worker + 1_000, lost):
        with pytest.raises(RunnerError, match=f"worker {number} is not registered"):
            engine.claim(number)
    assert engine.queued() == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1,), (OverflowError, ValueError)),
        ((2**40,), (OverflowError, ValueError)),
        (("one",), TypeError),
        ((None,), TypeError),
    ],
    ids=str,
)
def test_a_worker_is_a_number(engine, arguments, error) -> None:
    with pytest.raises(error):
        engine.claim(*arguments)


def test_bad_limits_and_lanes_are_refused(engine, worker) -> None:
    with pytest.raises(ValueError, match='no lane "fast"; accepted: any, sync, async'):
        engine.claim(worker, 1, "fast")
    with pytest.raises((OverflowError, ValueError)):
        engine.claim(worker, -1)
    with pytest.raises(TypeError):
        engine.claim(worker, "1")


# -- running keys ---------------------------------------------------------------------------------
def test_one_key_runs_once(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    blocked, free = submit(running_key=ONE), submit(running_key=TWO)
    assert ids(engine.claim(worker, 9)) == [free]
    assert (engine.status(blocked), engine.queued()) == ("rerouted", 0)
    engine.finish(holder, "success", None)
    assert ids(engine.claim(worker, 9)) == [blocked]


@pytest.mark.parametrize("how", ["success", "failed", "cancelled", "retry", "release", "lose"])
def test_a_key_is_free_when_its_holder_lets_go(engine, worker, submit, how) -> None:
    other = engine.register_worker()
    submit(running_key=ONE)
    (holder,) = engine.claim(other)
    engine.start(holder)
    blocked = submit(running_key=ONE)
    assert engine.claim(worker) == []
    match how:
        case "retry":
            engine.retry(holder, 60)
        case "release":
            engine.release(holder)
        case "lose":
            engine.lose(other)
        case _:
            engine.finish(holder, how, "yes" if how == "success" else ValueError("no"))
    claims = engine.claim(worker, 9)
    # One that came back has its old place, before the other.
    assert ids(claims) == [holder.invocation_id if how in {"release", "lose"} else blocked]


def test_a_paused_holder_keeps_its_key(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    blocked, child = submit(running_key=ONE), submit()
    engine.pause(holder, [child])
    assert ids(engine.claim(worker, 9)) == [child]
    assert engine.status(blocked) == "rerouted"


def test_the_line_of_a_key_is_served_oldest_first(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    line = [submit(running_key=ONE) for _ in range(4)]
    assert engine.claim(worker, 9) == []
    for expected in line:
        engine.finish(holder, "success", None)
        (holder,) = engine.claim(worker, 9)
        assert holder.invocation_id == expected
        engine.start(holder)


def test_one_that_was_cancelled_in_line_lets_the_next_through(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    first, second = submit(running_key=ONE), submit(running_key=ONE)
    engine.claim(worker, 9)
    engine.cancel(first)
    engine.finish(holder, "success", None)
    assert ids(engine.claim(worker, 9)) == [second]


def test_one_that_was_woken_and_cancelled_passes_the_key_on(engine, worker, running, submit) -> None:
    holder = running(running_key=ONE)
    first, second = submit(running_key=ONE), submit(running_key=ONE)
    engine.claim(worker, 9)
    engine.finish(holder, "success", None)
    engine.cancel(first)
    assert ids(engine.claim(worker, 9)) == [second]


# -- awaited claims -------------------------------------------------------------------------------
def test_a_waiter_may_take_the_child_that_it_awaits(engine, worker, running, submit) -> None:
    waiter = running()
    child = submit(call="call")
    claim = engine.claim_awaited(waiter, child)
    assert (claim.invocation_id, claim.attempt, claim.call) == (child, 1, "call")
    assert engine.status(child) == "running"
    record = engine.record(waiter.invocation_id)
    assert (record["status"], record["awaits"]) == ("paused", [child])
    engine.finish(claim, "success", 1)
    engine.resume(waiter)
    assert engine.claim(worker) == []


def test_a_child_that_cannot_run_here_and_now_is_not_taken(engine, worker, running, submit) -> None:
    waiter = running(running_key=ONE)
    blocked, later, coroutine = submit(running_key=ONE), submit(delay=5), submit(is_async=True)
    ended = submit()
    engine.cancel(ended)
    for child in (blocked, later, coroutine, ended, waiter.invocation_id):
        assert engine.claim_awaited(waiter, child) is None
    taken = submit()
    engine.claim(worker, 9, "sync")
    assert engine.claim_awaited(waiter, taken) is None
    assert engine.status(waiter.invocation_id) == "running"


def test_only_a_holder_whose_body_runs_takes_a_child(engine, claimed, submit) -> None:
    waiter = claimed()
    child = submit()
    with pytest.raises(StatusTransitionError):
        engine.claim_awaited(waiter, child)
    assert engine.status(child) == "registered"
    engine.release(waiter)
    with pytest.raises(FencedError):
        engine.claim_awaited(waiter, child)
    assert engine.status(child) == "registered"


def test_an_unknown_child_is_refused(engine, running, unknown_id) -> None:
    with pytest.raises(InvocationNotFoundError):
        engine.claim_awaited(running(), unknown_id)
    with pytest.raises(TypeError):
        engine.claim_awaited("waiter", unknown_id)
