from __future__ import annotations

import pytest

from pynenc import Pynenc
from pynenc.exceptions import InvocationError, InvocationNotFoundError
from pynenc.invocation import InvocationStatus
from pynenc.state_backend import InvocationHistory

app = Pynenc("test-mem-state-backend")


@app.task
def add(x, y=1):
    return x + y


@app.task
def fails():
    raise KeyError("as raised")


@app.task
def parent():
    return add(1).invocation_id


def test_outcomes():
    with app.running():
        good, bad = add(1), fails()
        assert good.result == 2
        with pytest.raises(KeyError):
            _ = bad.result
    backend = app.state_backend
    assert backend.get_result(good) == 2
    assert backend.get_exception(good) is None
    with pytest.raises(KeyError):
        backend.get_result(bad)
    error = backend.get_exception(bad)
    assert isinstance(error, KeyError)
    assert error.args == ("as raised",)


def test_what_has_not_ended_has_no_outcome():
    invocation = add(1)
    for read in (app.state_backend.get_result, app.state_backend.get_exception):
        with pytest.raises(InvocationError, match="not ended"):
            read(invocation)


def test_record_and_history():
    with app.running():
        outer = parent()
        inner = app.state_backend.get_invocation(outer.result)
        assert inner.result == 2
    record = app.state_backend.get_record(inner.invocation_id)
    assert record.task_id == add.task_id
    assert record.parent_id == outer.invocation_id
    assert record.status is InvocationStatus.SUCCESS
    assert (record.attempt, record.retries, record.losses, record.awaits) == (1, 0, 0, ())
    history = app.state_backend.get_history(inner)
    assert all(isinstance(entry, InvocationHistory) for entry in history)
    assert history == inner.history
    assert history[-1].status is InvocationStatus.SUCCESS


def test_purge():
    invocation = add(1)
    app.state_backend.purge()
    with pytest.raises(Exception, match=invocation.invocation_id):
        app.state_backend.get_invocation(invocation.invocation_id)
    with pytest.raises(InvocationNotFoundError):
        app.state_backend.get_invocation("00000000-0000-8000-8000-000000000000")
