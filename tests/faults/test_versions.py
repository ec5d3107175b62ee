"""Workers that know other tasks than the caller, or the same ones in another version."""

from __future__ import annotations

import pytest

from pynenc import Pynenc
from tests.faults.rig.processes import until
from tests.faults.rig.report import Row
from tests.faults.work import tasks

BOUND_S = 60.0

KNOWS_LESS = """
from pynenc import Pynenc
from tests.faults.work import tasks

app = Pynenc()
app.task(tasks.leaf)
"""
OLD_SIGNATURE = """
from pynenc import Pynenc
from tests.faults.work import tasks

app = Pynenc()

def echo(first, second):
    return first

echo.__module__ = tasks.__name__
app.task(echo)
app.task(tasks.leaf)
"""


def module_at(tmp_path, text: str) -> str:
    file = tmp_path / "other_version.py"
    file.write_text(text, "utf-8")
    return f"{file}:app"


def test_t40_an_unknown_task_waits_where_it_can_be_seen_for_a_worker_that_knows_it(
    new_cluster, tmp_path, scale, record
) -> None:
    calls = scale(20, 500)
    cluster = new_cluster()
    ignorant = cluster.worker(app=module_at(tmp_path, KNOWS_LESS))
    unknown = cluster.submit("echo", [(number,) for number in range(calls)])
    known = cluster.submit("leaf", [(number,) for number in range(calls)])
    assert [one.get(timeout=BOUND_S) for one in known] == list(range(calls))
    parked = [one.invocation_id for one in unknown]
    until(lambda: cluster.engine.find(None, ["rerouted"], calls + 1) == parked, "they can be seen, in order")
    assert cluster.engine.counts()["rerouted"] == calls
    assert ignorant.lives
    cluster.worker()
    assert [one.get(timeout=BOUND_S) for one in unknown] == list(range(calls))
    record(cluster.check(Row("T40", "a task that a worker does not know", calls), [*unknown, *known]))
    assert {cluster.engine.record(one)["losses"] for one in parked} == {0}


def test_t40_a_call_that_does_not_fit_the_workers_version_fails_with_the_reason(new_cluster, tmp_path, record) -> None:
    cluster = new_cluster()
    worker = cluster.worker(app=module_at(tmp_path, OLD_SIGNATURE))
    one = cluster.task("echo")(5)
    with pytest.raises(Exception, match=r"second|value"):
        one.get(timeout=BOUND_S)
    after = cluster.task("leaf")(1)
    assert after.get(timeout=BOUND_S) == 1
    assert worker.lives
    record(cluster.check(Row("T40", "a worker with another signature", 1), [one, after]))


def test_t40_two_applications_of_one_id_park_what_they_do_not_share(new_cluster, record) -> None:
    """As two programs that were given the same id by mistake."""
    cluster = new_cluster()
    other = Pynenc(config_values=cluster.settings)
    stranger = other.task(tasks.echo)
    assert cluster.task("echo").task_id == stranger.task_id
    cluster.worker()
    one, two = cluster.task("echo")(1), stranger(2)
    assert [one.get(timeout=BOUND_S), two.get(timeout=BOUND_S)] == [1, 2]
    record(cluster.check(Row("T40", "two applications of one id", 1), [one, two]))
