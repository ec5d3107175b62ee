"""Whoever waits has an answer, however little the engine keeps: the result, or that it was dropped; never a hang."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from pynenc import Pynenc
from pynenc.exceptions import ResultExpired
from tests.acceptance.conftest import Place

BOUND_S = 50
COUNT = 30
NOTHING = [{"keep_results_count": 0}, {"keep_results_bytes": 1}]


def text(size: int, n: int) -> str:
    return f"{n}".ljust(size, "x")


def numbers(size: int, n: int) -> list[int]:
    return [n] * size


class Pair:
    """A worker, and the application that waits: another one where the engine lets it be."""

    def __init__(self, place: Place, made: Callable[..., Any], settings: dict[str, Any]) -> None:
        self.worker = place.app("tight", max_threads=2, auto_runner=False, **settings)
        self.worker.task(made)
        self.client = self.worker if place.is_alone else place.twin(self.worker)
        self.task = self.client.task(made)

    def results(self, size: int) -> list[Any]:
        """What many threads get that wait before anything ends."""
        with self.worker.running(), suppress(ResultExpired):
            self.task(1, 0).get(timeout=BOUND_S)  # nobody may be listening yet; from now on somebody is
        calls = [self.task(size, n) for n in range(COUNT)]
        with ThreadPoolExecutor(COUNT) as pool:
            waits = [pool.submit(call.get, BOUND_S) for call in calls]
            with self.worker.running():
                return [wait.exception() or wait.result() for wait in waits]


@pytest.mark.parametrize("settings", NOTHING, ids=str)
@pytest.mark.parametrize("made", [text, numbers])
def test_what_a_notice_can_carry_reaches_who_waits(place: Place, made: Any, settings: dict[str, Any]) -> None:
    pair = Pair(place, made, settings)
    assert pair.results(100) == [made(100, n) for n in range(COUNT)]


@pytest.mark.parametrize("settings", NOTHING, ids=str)
@pytest.mark.parametrize("made", [text, numbers])
@pytest.mark.parametrize("min_size_to_cache", [1_024, 1 << 40])
def test_what_has_to_be_read_is_had_or_has_expired(
    place: Place, made: Any, min_size_to_cache: int, settings: dict[str, Any]
) -> None:
    pair = Pair(place, made, settings | {"min_size_to_cache": min_size_to_cache})
    for n, got in enumerate(pair.results(30_000)):
        assert got == made(30_000, n) or (isinstance(got, ResultExpired) and not place.is_alone)


@pytest.mark.parametrize("settings", NOTHING, ids=str)
def test_who_begins_to_wait_too_late_is_told(place: Place, settings: dict[str, Any]) -> None:
    pair = Pair(place, text, settings)
    call = pair.task(10, 1)
    with pair.worker.running():
        assert pair.worker.task(numbers)(1, 1).get(timeout=BOUND_S) == [1]
    late: Pynenc = pair.worker if place.is_alone else place.twin(pair.worker)
    late.task(text)
    identity = call.invocation_id
    del call
    with pytest.raises(ResultExpired, match=identity):
        late.get_invocation(identity).get(timeout=BOUND_S)
