"""Concurrency rules and kept results, through the public API, with everything at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pynenc import ConcurrencyControlType, Pynenc, ReusedInvocation
from pynenc.exceptions import InvocationConcurrencyWithDifferentArgumentsError
from tests.acceptance.conftest import Place

BOUND_S = 30

app = Pynenc("rules", config_values={"logging_level": "critical", "max_threads": 4})
runs: Counter[Any] = Counter()


@pytest.fixture(autouse=True)
def _fresh(place: Place) -> Iterator[None]:
    place.move(app)
    runs.clear()
    yield
    assert not app.runtime.engine.doctor()
    app.purge()


@pytest.fixture
def running() -> Iterator[None]:
    with app.running():
        yield


class Overlaps:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active: Counter[Any] = Counter()
        self.worst: Counter[Any] = Counter()
        self.meeting = threading.Barrier(2)

    def enter(self, *keys: Any) -> None:
        with self.lock:
            self.active.update(keys)
            for key in keys:
                self.worst[key] = max(self.worst[key], self.active[key])

    def leave(self, *keys: Any) -> None:
        with self.lock:
            self.active.subtract(keys)


overlaps = Overlaps()


def measured(a: int, b: int, meets: bool = False) -> tuple[int, int]:
    keys = ("task", ("a", a), ("ab", a, b))
    overlaps.enter(*keys)
    if meets:
        overlaps.meeting.wait(BOUND_S)
    threading.Event().wait(0.0005)  # lets others in, if anybody lets them
    overlaps.leave(*keys)
    return a, b


MODES = [
    (ConcurrencyControlType.TASK, "task", None),
    (ConcurrencyControlType.KEYS, "a", [(0, 0), (1, 0)]),
    (ConcurrencyControlType.ARGUMENTS, "ab", [(0, 0), (0, 1)]),
    (ConcurrencyControlType.DISABLED, None, [(0, 0), (0, 0)]),
]


@pytest.mark.parametrize(("mode", "scope", "together"), MODES, ids=lambda value: str(value))
def test_a_running_rule_keeps_apart_what_it_names_and_nothing_else(
    running: None, mode: ConcurrencyControlType, scope: str | None, together: Any
) -> None:
    overlaps.__init__()  # type: ignore[misc]
    task = app.task(measured, running_concurrency=mode, key_arguments=("a",))
    calls = [(a, b) for _ in range(30) for a in range(2) for b in range(2)]
    assert task.parallelize(calls).get(timeout=BOUND_S) == calls
    kept_apart = [key for key in overlaps.worst if key == scope or key[0] == scope]
    assert len(kept_apart) == {"task": 1, "a": 2, "ab": 4, None: 0}[scope]
    assert all(overlaps.worst[key] == 1 for key in kept_apart)
    if together:  # two that the rule does not name together meet while both run
        met = task.parallelize([(*call, True) for call in together])
        assert met.get(timeout=BOUND_S) == together


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each thread got, all of them let go at the same time."""
    start, found = threading.Barrier(count), [None] * count

    def run(place: int) -> None:
        start.wait(BOUND_S)
        found[place] = work(place)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    return found


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        (ConcurrencyControlType.TASK, ()),
        (ConcurrencyControlType.ARGUMENTS, ()),
        (ConcurrencyControlType.KEYS, ("a",)),
    ],
    ids=str,
)
def test_a_thousand_simultaneous_equal_calls_make_one(mode: ConcurrencyControlType, keys: tuple[str, ...]) -> None:
    task = app.task(measured, registration_concurrency=mode, key_arguments=keys)
    calls = [call for part in in_threads(20, lambda _: [task(1, 2) for _ in range(50)]) for call in part]
    assert len(calls) == 1_000
    assert len({call.invocation_id for call in calls}) == 1
    assert sum(not isinstance(call, ReusedInvocation) for call in calls) == 1
    assert app.broker.count_invocations() == 1


@pytest.mark.parametrize("refuses", [False, True])
def test_simultaneous_calls_with_other_arguments_are_told_so(refuses: bool) -> None:
    task = app.task(
        measured,
        registration_concurrency=ConcurrencyControlType.KEYS,
        key_arguments=("a",),
        on_diff_non_key_args_raise=refuses,
    )

    def call(place: int) -> Any:
        try:
            return task(1, place)
        except InvocationConcurrencyWithDifferentArgumentsError as error:
            return error

    found = in_threads(20, call)
    winners = [place for place, got in enumerate(found) if type(got) not in (ReusedInvocation, *REFUSALS)]
    assert len(winners) == 1
    first = found[winners[0]]
    for place, got in enumerate(found):
        if place in winners:
            continue
        if refuses:
            assert isinstance(got, InvocationConcurrencyWithDifferentArgumentsError)
            assert got.existing_invocation_id == first.invocation_id
        else:
            assert got == first
            assert got.diff_arg == task.args(1, place)
    assert app.broker.count_invocations() == 1


REFUSALS = (InvocationConcurrencyWithDifferentArgumentsError,)


def counted(value: Any) -> Any:
    runs[repr(value)] += 1
    if value == "bad":
        raise ValueError(value)
    return value


def test_a_kept_result_answers_equal_calls_and_no_others(running: None) -> None:
    task = app.task(counted, call_result_cache=True)
    for value in (1, 1.0, True, "1", (1,), [1]):
        first = task(value)
        assert first.get(timeout=BOUND_S) == value
        again = in_threads(8, lambda _, value=value: task(value))
        assert {call.invocation_id for call in again} == {first.invocation_id}
        assert all(call.done() for call in again)
        assert runs[repr(value)] == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            task("bad").get(timeout=BOUND_S)
    assert runs["'bad'"] == 2  # an error is no result
