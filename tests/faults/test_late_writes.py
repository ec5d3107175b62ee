"""Whoever lost a claim leaves no trace any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pynenc.exceptions import FencedError
from pynenc.model.records import Submission
from tests.faults.rig.report import Row

CANARY = "too late"
LATE_WRITES: dict[str, Callable[[Any, Any, str], object]] = {
    "start": lambda engine, claim, other: engine.start(claim),
    "success": lambda engine, claim, other: engine.finish(claim, "success", CANARY.encode(), 8),
    "failed": lambda engine, claim, other: engine.finish(claim, "failed", ValueError(CANARY), 8),
    "cancelled": lambda engine, claim, other: engine.finish(claim, "cancelled", None),
    "retry": lambda engine, claim, other: engine.retry(claim, 0.0),
    "retry later": lambda engine, claim, other: engine.retry(claim, 60.0),
    "release": lambda engine, claim, other: engine.release(claim),
    "pause": lambda engine, claim, other: engine.pause(claim, [other]),
    "resume": lambda engine, claim, other: engine.resume(claim),
    "run what it awaits": lambda engine, claim, other: engine.claim_awaited(claim, other),
}
HELD_AGAIN = ["queued", "pending", "running", "paused", "ended"]


@pytest.fixture
def server(emptied_server):
    return emptied_server


def claim_one(engine: Any, worker: int) -> Any:
    (claim,) = engine.claim(worker)
    return claim


def lost_claim(engine: Any, again: str) -> tuple[Any, str]:
    """A claim that was lost, with its invocation in a later state; and the id of another invocation."""
    first, second = engine.register_worker("first"), engine.register_worker("second")
    engine.submit([Submission("app.add", call=b"one")])
    claim = claim_one(engine, first)
    engine.start(claim)
    ((_, other, _),) = engine.submit([Submission("app.add", call=b"two", delay=3_600)])
    engine.lose(first)
    if again != "queued":
        later = claim_one(engine, second)
        assert later.invocation_id == claim.invocation_id
        if again != "pending":
            engine.start(later)
        if again == "paused":
            assert engine.pause(later, [other])
        if again == "ended":
            engine.finish(later, "success", b"in time", 7)
    return claim, other


def late_write_leaves_no_trace(engine: Any, snapshot: Callable[[], object], write: str, again: str) -> None:
    """Make the late write, and compare every byte."""
    claim, other = lost_claim(engine, again)
    before = snapshot()
    with pytest.raises(FencedError):
        LATE_WRITES[write](engine, claim, other)
    assert snapshot() == before
    assert engine.doctor() == []


@pytest.mark.parametrize("again", HELD_AGAIN)
@pytest.mark.parametrize("write", LATE_WRITES)
def test_t5_a_late_write_leaves_no_trace(new_engine, snapshot, record, write, again) -> None:
    late_write_leaves_no_trace(new_engine(), snapshot, write, again)
    record(Row("T5", "a late write of a lost claim", 1, 2, fenced=1))
