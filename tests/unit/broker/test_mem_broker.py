from __future__ import annotations

import pytest

from pynenc import Pynenc
from pynenc.broker import MemBroker, MemTaskBroker
from pynenc.call import Call
from pynenc.exceptions import InvocationError


def add(x, y=1):
    return x + y


@pytest.fixture
def app():
    return Pynenc("broker")


@pytest.fixture
def task(app):
    return app.task(add)


def test_first_in_first_out(app, task):
    sent = [task(n) for n in range(3)]
    assert app.broker.count_invocations() == 3
    assert [app.broker.retrieve_invocation() for _ in range(4)] == [*sent, None]
    assert app.broker.count_invocations() == 0


def test_what_was_retrieved_goes_back(app, task):
    invocation = task(1)
    found = app.broker.retrieve_invocation()
    assert found == invocation
    assert invocation.status.value == "pending"
    app.broker.route_invocations([found])
    assert invocation.status.value == "rerouted"
    app.broker.route_invocation(invocation)
    assert app.broker.count_invocations() == 1
    with app.running():
        assert invocation.result == 2


def test_what_has_ended_does_not(app, task):
    invocation = task(1)
    invocation.cancel()
    with pytest.raises(InvocationError, match="cancelled"):
        app.broker.route_invocation(invocation)


def test_route_call(app, task):
    invocation = app.broker.route_call(Call(task, task.args(5)))
    assert app.broker.retrieve_invocation() == invocation


def test_purge_calls_off_what_waits(app, task):
    sent = [task(n) for n in range(3)]
    app.broker.purge()
    assert app.broker.count_invocations() == 0
    assert {invocation.status.value for invocation in sent} == {"cancelled"}


def test_names():
    assert MemTaskBroker is MemBroker
    assert Pynenc("c", config_values={"queue_timeout_sec": 3}).broker.conf.queue_timeout_sec == 3
