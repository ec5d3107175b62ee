"""What the holder of a claim reports, and what is refused to everybody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pynenc._core import Claim
from pynenc.exceptions import (
    FencedError,
    InvocationCancelledError,
    InvocationError,
    InvocationNotFoundError,
    PynencError,
    ResultExpired,
    StatusTransitionError,
)

WRITES: dict[str, Callable[[Any, Any], object]] = {
    "start": lambda engine, claim: engine.start(claim),
    "success": lambda engine, claim: engine.finish(claim, "success", "late"),
    "failed": lambda engine, claim: engine.finish(claim, "failed", ValueError("late")),
    "cancelled": lambda engine, claim: engine.finish(claim, "cancelled", None),
    "retry": lambda engine, claim: engine.retry(claim),
    "release": lambda engine, claim: engine.release(claim),
    "pause": lambda engine, claim: engine.pause(claim, [claim.invocation_id]),
    "resume": lambda engine, claim: engine.resume(claim),
}
"""Everything that a holder may report."""


def picture(engine: Any, invocation_id: str) -> object:
    return engine.record(invocation_id), engine.history(invocation_id), engine.counts(), engine.queued()


def statuses(engine: Any, invocation_id: str) -> list[str]:
    return [status for status, _, _ in engine.history(invocation_id)]


# -- endings --------------------------------------------------------------------------------------
def test_a_run_leaves_its_result_and_its_history(engine, clock, claimed) -> None:
    claim = claimed()
    clock.advance(1)
    engine.start(claim)
    clock.advance(2)
    engine.finish(claim, "success", {"sum": 3}, 10)
    assert engine.outcome(claim.invocation_id) == {"sum": 3}
    assert engine.history(claim.invocation_id) == [
        ("registered", 1_000.0, ""),
        ("pending", 1_000.0, "worker one"),
        ("running", 1_001.0, "worker one"),
        ("success", 1_003.0, "worker one"),
    ]
    assert engine.record(claim.invocation_id)["worker"] == ""


def test_a_failed_run_raises_its_error(engine, running) -> None:
    claim = running()
    engine.finish(claim, "failed", KeyError("missing"))
    with pytest.raises(KeyError, match="missing"):
        engine.outcome(claim.invocation_id)
    assert engine.status(claim.invocation_id) == "failed"


def test_what_cannot_be_decoded_fails_before_it_starts(engine, claimed) -> None:
    claim = claimed()
    engine.finish(claim, "failed", ValueError("undecodable"))
    assert statuses(engine, claim.invocation_id) == ["registered", "pending", "failed"]


@pytest.mark.parametrize("started", [True, False], ids=["started", "claimed"])
def test_a_holder_may_call_it_off(engine, claimed, started) -> None:
    claim = claimed()
    if started:
        engine.start(claim)
    engine.finish(claim, "cancelled", None)
    with pytest.raises(InvocationCancelledError) as raised:
        engine.outcome(claim.invocation_id)
    assert raised.value.invocation_id == claim.invocation_id


def test_only_a_body_that_runs_has_a_result(engine, claimed, submit) -> None:
    claim = claimed()
    with pytest.raises(StatusTransitionError, match="from pending to success") as raised:
        engine.finish(claim, "success", 1)
    assert raised.value.invocation_id == claim.invocation_id
    engine.start(claim)
    engine.pause(claim, [submit()])
    with pytest.raises(StatusTransitionError, match="from paused to success"):
        engine.finish(claim, "success", 1)


def test_a_body_starts_once(engine, running, submit) -> None:
    claim = running()
    for _ in ("running", "paused"):
        before = picture(engine, claim.invocation_id)
        with pytest.raises(StatusTransitionError):
            engine.start(claim)
        assert picture(engine, claim.invocation_id) == before
        engine.pause(claim, [submit()])


# -- returns --------------------------------------------------------------------------------------
def test_a_retry_is_counted_and_runs_again(engine, worker, running) -> None:
    claim = running()
    engine.retry(claim)
    record = engine.record(claim.invocation_id)
    assert [record[name] for name in ("status", "retries", "attempt", "worker")] == ["retry", 1, 1, ""]
    (again,) = engine.claim(worker)
    assert (again.invocation_id, again.attempt) == (claim.invocation_id, 2)
    assert again.nonce != claim.nonce


def test_a_retry_may_wait(engine, clock, worker, running) -> None:
    claim = running()
    engine.retry(claim, 5)
    assert (engine.claim(worker), engine.queued()) == ([], 0)
    clock.advance(5)
    assert [one.invocation_id for one in engine.claim(worker)] == [claim.invocation_id]


def test_only_a_body_that_runs_is_tried_again(engine, claimed) -> None:
    claim = claimed()
    with pytest.raises(StatusTransitionError, match="from pending to retry"):
        engine.retry(claim)
    assert engine.record(claim.invocation_id)["retries"] == 0


@pytest.mark.parametrize("status", ["pending", "running", "paused"])
def test_a_release_counts_as_nothing(engine, worker, claimed, submit, status) -> None:
    claim = claimed()
    if status != "pending":
        engine.start(claim)
    if status == "paused":
        engine.pause(claim, [submit(delay=60)])
    engine.release(claim)
    record = engine.record(claim.invocation_id)
    assert [record[name] for name in ("status", "retries", "losses", "awaits")] == ["rerouted", 0, 0, []]
    assert [one.invocation_id for one in engine.claim(worker)] == [claim.invocation_id]


# -- cancellation ---------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["queued", "delayed", "claimed", "retry", "set aside"])
def test_what_does_not_run_is_called_off_at_once(engine, worker, running, submit, how) -> None:
    match how:
        case "set aside":
            running(running_key=b"1" * 32)
            invocation_id = submit(running_key=b"1" * 32)
            assert engine.claim(worker) == []
        case "retry":
            claim = running()
            invocation_id = claim.invocation_id
            engine.retry(claim, 5)
        case _:
            invocation_id = submit(delay=5 if how == "delayed" else 0)
            assert how != "claimed" or engine.claim(worker)
    assert engine.cancel(invocation_id) == "cancelled"
    assert engine.status(invocation_id) == "cancelled"
    assert engine.cancel(invocation_id) == "final"
    assert engine.queued() == 0
    with pytest.raises(InvocationCancelledError):
        engine.outcome(invocation_id)


def test_a_cancelled_one_is_never_claimed(engine, clock, worker, submit) -> None:
    for delay in (0, 5):
        engine.cancel(submit(delay=delay))
    clock.advance(10)
    engine.tick()
    assert engine.claim(worker, 9) == []


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_body_is_asked_to_stop(engine, running, submit, paused) -> None:
    claim = running()
    if paused:
        engine.pause(claim, [submit(delay=60)])
    before = engine.status(claim.invocation_id)
    assert engine.cancel(claim.invocation_id) == "requested"
    assert engine.cancel(claim.invocation_id) == "requested"
    record = engine.record(claim.invocation_id)
    assert (record["status"], record["cancel_requested"]) == (before, True)
    if paused:
        engine.resume(claim)
    # It may end all the same.
    engine.finish(claim, "success", 1)
    assert engine.outcome(claim.invocation_id) == 1
    assert engine.cancel(claim.invocation_id) == "final"


@pytest.mark.parametrize("how", ["retry", "release", "lose"])
def test_a_body_that_was_asked_to_stop_does_not_run_again(engine, worker, running, how) -> None:
    claim = running()
    engine.cancel(claim.invocation_id)
    engine.lose(worker) if how == "lose" else WRITES[how](engine, claim)
    assert engine.status(claim.invocation_id) == "cancelled"
    assert engine.queued() == 0


# -- the fence ------------------------------------------------------------------------------------
def held_by_another(engine: Any, worker: int, claim: Claim) -> None:
    engine.release(claim)
    (again,) = engine.claim(worker)
    engine.start(again)


def lost(engine: Any, worker: int, claim: Claim) -> None:
    engine.lose(worker)


def ended(engine: Any, worker: int, claim: Claim) -> None:
    engine.finish(claim, "success", "first")


def back_in_the_queue(engine: Any, worker: int, claim: Claim) -> None:
    engine.retry(claim)


@pytest.mark.parametrize("change", [held_by_another, lost, ended, back_in_the_queue])
@pytest.mark.parametrize("write", WRITES)
def test_a_late_write_is_refused_and_changes_nothing(engine, worker, running, change, write) -> None:
    claim = running()
    change(engine, worker, claim)
    before = picture(engine, claim.invocation_id)
    with pytest.raises(FencedError, match="late write of attempt 1") as raised:
        WRITES[write](engine, claim)
    assert raised.value.invocation_id == claim.invocation_id
    assert picture(engine, claim.invocation_id) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_write_to_what_was_dropped_is_refused(engine, running, submit, write) -> None:
    claim = running()
    engine.purge()
    # Another invocation may have taken its place.
    other = submit()
    with pytest.raises(ResultExpired) as raised:
        WRITES[write](engine, claim)
    assert raised.value.invocation_id == claim.invocation_id
    assert statuses(engine, other) == ["registered"]


@pytest.mark.parametrize("write", WRITES)
def test_a_claim_of_another_engine_is_refused(new_engine, running, submit, write) -> None:
    claim = running()
    other = new_engine()
    with pytest.raises(PynencError):
        WRITES[write](other, claim)
    assert other.find() == []


def test_the_outcome_stays(engine, worker, running) -> None:
    claim = running()
    engine.finish(claim, "success", "first")
    engine.lose(worker)
    engine.cancel(claim.invocation_id)
    assert (engine.status(claim.invocation_id), engine.outcome(claim.invocation_id)) == ("success", "first")
    assert statuses(engine, claim.invocation_id)[-1] == "success"


# -- bad input ------------------------------------------------------------------------------------
@pytest.mark.parametrize("delay", [-1.0, float("nan"), float("inf"), 1e300])
def test_a_delay_is_a_number_of_seconds(engine, running, delay) -> None:
    claim = running()
    with pytest.raises(ValueError, match=r"delay is .* seconds"):
        engine.retry(claim, delay)
    with pytest.raises(TypeError):
        engine.retry(claim, "5")
    assert engine.status(claim.invocation_id) == "running"


@pytest.mark.parametrize("ending", ["", "done", "SUCCESS", "running"])
def test_an_unknown_ending_is_refused(engine, running, ending) -> None:
    claim = running()
    with pytest.raises(ValueError, match=f'no ending "{ending}"; accepted: success, failed, cancelled'):
        engine.finish(claim, ending, 1)
    with pytest.raises(TypeError):
        engine.finish(claim, None, 1)
    assert engine.status(claim.invocation_id) == "running"


def test_a_size_is_not_negative(engine, running) -> None:
    claim = running()
    with pytest.raises((OverflowError, ValueError)):
        engine.finish(claim, "success", 1, -1)
    with pytest.raises(TypeError):
        engine.finish(claim, "success", 1, "big")
    assert engine.status(claim.invocation_id) == "running"


@pytest.mark.parametrize("write", WRITES)
def test_only_a_claim_is_a_claim(engine, write) -> None:
    class Forged:
        invocation_id = "0" * 36

    for value in (None, "claim", Forged()):
        with pytest.raises((TypeError, AttributeError)):
            WRITES[write](engine, value)


def test_a_claim_comes_from_an_engine() -> None:
    with pytest.raises(TypeError):
        Claim()  # type: ignore[call-arg]


def test_an_unknown_invocation_is_not_called_off(engine, unknown_id) -> None:
    with pytest.raises(InvocationNotFoundError) as raised:
        engine.cancel(unknown_id)
    assert raised.value.invocation_id == unknown_id


def test_what_has_not_ended_has_no_outcome(engine, running) -> None:
    claim = running()
    with pytest.raises(InvocationError, match="not ended") as raised:
        engine.outcome(claim.invocation_id)
    assert type(raised.value) is InvocationError
