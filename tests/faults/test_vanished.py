"""Claims that nobody heard of: the reply died with the connection, or the process with the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynenc.model.records import Submission
from tests.faults.rig.processes import BOUND_S, until

LEASE_S = 1.0


def vanished_work_comes_back(new_engine: Callable[..., Any], bound: float = BOUND_S) -> None:
    """Claim, and say nothing any more; whoever lives rescues the work, and ends it once."""
    gone, other = new_engine(lease_seconds=LEASE_S), new_engine(lease_seconds=LEASE_S)
    gone.submit([Submission("app.add", call=b"x") for _ in range(5)])
    claims = gone.claim(gone.register_worker("vanishes"), 5)
    assert len(claims) == 5
    gone.start(claims[0])
    worker = other.register_worker("lives")

    def back() -> bool:
        assert other.renew(worker)
        other.tick()
        return other.queued() == 5

    until(back, "the work is back in the queue", bound)
    again = other.claim(worker, 9)
    assert [(claim.invocation_id, claim.attempt) for claim in again] == [(one.invocation_id, 2) for one in claims]
    for claim in again:
        other.start(claim)
        other.finish(claim, "success", b"ended", 5)
    assert other.doctor() == []


def test_t3_work_of_a_claim_that_nobody_heard_of_comes_back(new_engine) -> None:
    vanished_work_comes_back(new_engine)
