from __future__ import annotations

import itertools
import pickle

import pytest

from pynenc import _core
from pynenc.model.status import InvocationStatus as Status

ALL = list(Status)


def test_members_are_the_extension_s() -> None:
    assert [status.value for status in ALL] == _core.statuses()
    assert [status.name for status in ALL] == [name.upper() for name in _core.statuses()]


def test_final() -> None:
    assert {status for status in ALL if status.is_final()} == {Status.SUCCESS, Status.FAILED, Status.CANCELLED}
    assert _core.final_statuses() == [status.value for status in ALL if status.is_final()]


def test_available_for_run() -> None:
    available = {status for status in ALL if status.is_available_for_run()}
    assert available == {Status.REGISTERED, Status.REROUTED, Status.RETRY}


ALLOWED = {
    Status.SCHEDULED: {Status.REGISTERED, Status.CANCELLED},
    Status.REGISTERED: {Status.PENDING, Status.REROUTED, Status.CANCELLED},
    Status.REROUTED: {Status.PENDING, Status.REROUTED, Status.CANCELLED},
    Status.RETRY: {Status.PENDING, Status.REROUTED, Status.CANCELLED},
    Status.PENDING: {Status.RUNNING, Status.REROUTED, Status.FAILED, Status.CANCELLED},
    Status.RUNNING: {
        Status.PAUSED,
        Status.SUCCESS,
        Status.FAILED,
        Status.RETRY,
        Status.REROUTED,
        Status.CANCELLED,
    },
    Status.PAUSED: {Status.RUNNING, Status.FAILED, Status.REROUTED, Status.CANCELLED},
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(ALL, ALL)))
def test_steps(before: Status, after: Status) -> None:
    assert before.can_move_to(after) == (after in ALLOWED.get(before, set()))


def test_new_invocations() -> None:
    assert {after for before, after in _core.transitions() if before is None} == {"registered", "scheduled"}


def test_a_status_is_its_text() -> None:
    assert Status("running") is Status.RUNNING
    assert f"{Status.RUNNING}" == "running"
    assert pickle.loads(pickle.dumps(Status.PAUSED)) is Status.PAUSED
