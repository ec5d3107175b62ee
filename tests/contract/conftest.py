"""What the tests of the port share: an engine with a clock that moves when told to, a worker, and calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pynenc._core import Claim, ManualClock
from pynenc.model.records import Submission
from tests.engines import Limits, Make, TestedEngine


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def new_engine(make: Make, clock: ManualClock) -> Iterator[Callable[..., TestedEngine]]:
    """Make an engine with other limits; at the end of the test every one of them is examined."""
    engines: list[TestedEngine] = []

    def new(**limits: Any) -> TestedEngine:
        engines.append(make(clock, Limits(**limits)))
        return engines[-1]

    yield new
    assert [engine.doctor() for engine in engines] == [[] for _ in engines]


@pytest.fixture
def engine(new_engine: Callable[..., TestedEngine]) -> TestedEngine:
    return new_engine()


@pytest.fixture
def worker(engine: TestedEngine) -> int:
    return engine.register_worker("worker one")


@pytest.fixture
def submit(engine: TestedEngine) -> Callable[..., str]:
    """Submit one call that is new; its id."""

    def one(task_id: str = "app.add", **fields: Any) -> str:
        ((kind, invocation_id, _),) = engine.submit([Submission(task_id, **fields)])
        assert kind == "new"
        return invocation_id

    return one


@pytest.fixture
def claimed(engine: TestedEngine, worker: int, submit: Callable[..., str]) -> Callable[..., Claim]:
    """Submit one call and claim it, while nothing else is queued."""

    def one(**fields: Any) -> Claim:
        invocation_id = submit(**fields)
        (claim,) = engine.claim(worker)
        assert claim.invocation_id == invocation_id
        return claim

    return one


@pytest.fixture
def running(engine: TestedEngine, claimed: Callable[..., Claim]) -> Callable[..., Claim]:
    """Submit, claim and start one call, while nothing else is queued."""

    def one(**fields: Any) -> Claim:
        claim = claimed(**fields)
        engine.start(claim)
        return claim

    return one


@pytest.fixture
def foreign_id(new_engine: Callable[..., TestedEngine]) -> str:
    """The id of an invocation of another engine."""
    return new_engine().submit([Submission("app.add")])[0][1]


@pytest.fixture(
    params=["", "x", "0" * 36, "0" * 32, "00000000-0000-8000-8000-00000000000g", "é" * 18, "foreign"],
    ids=["empty", "short", "no dashes", "hex only", "no hex digit", "not ascii", "foreign"],
)
def unknown_id(request: pytest.FixtureRequest, foreign_id: str) -> str:
    """A text that names no invocation of the engine."""
    return foreign_id if request.param == "foreign" else str(request.param)
