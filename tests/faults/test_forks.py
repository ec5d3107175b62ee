"""Processes that fork while the engine is in use."""

from __future__ import annotations

import pytest

from tests.faults.rig.report import Row

BOUND_S = 120.0

FORKS = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pynenc.exceptions import PynencError
from tests.faults.work.app import app
from tests.faults.work.tasks import call

forks, calls = int(sys.argv[1]), int(sys.argv[2])
results, ended = [], threading.Event()

def use():
    while not ended.is_set():
        results.append(call("echo", len(results)).get(timeout=60))

call("echo", "first").get(timeout=60)  # from now on no thread imports: a fork in the middle of that hangs Python itself
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
codes = set()
for number in range(forks):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            call("echo", number)
        except PynencError as error:
            code = 7 if "fork" in str(error) else 2
        finally:
            os._exit(code)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
while len(results) < calls:
    ended.wait(0.01)
ended.set()
for thread in threads:
    thread.join()
assert codes == {7}, codes
print(f"ended {len(results)}")
"""

PRELOADED = """
import os, sys
from tests.faults.work.app import app
from tests.faults.work.tasks import call

codes = set()
for number in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if call("echo", number).get(timeout=60) == number else 2
        finally:
            os._exit(code)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert codes == {0}, codes
print("ended")
"""


def test_t30_a_fork_while_four_threads_use_the_engine_harms_neither_side(new_cluster, scale, record) -> None:
    forks, calls = scale((20, 50), (500, 2_000))
    cluster = new_cluster()
    cluster.worker(slots=2)
    client = cluster.processes.start(["-c", FORKS, str(forks), str(calls)], cluster.environment())
    assert client.wait(BOUND_S) == 0, client.output()
    assert "ended" in client.output()
    cluster.until_ended(BOUND_S)
    record(cluster.check(Row("T30", "fork beside four busy threads", forks), []))


def test_t30_children_of_a_process_that_only_loaded_the_application_use_it(new_cluster, scale, record) -> None:
    """As a web server that loads the application before it forks its workers."""
    forks = scale(5, 50)
    cluster = new_cluster()
    cluster.worker()
    client = cluster.processes.start(["-c", PRELOADED, str(forks)], cluster.environment())
    assert client.wait(BOUND_S) == 0, client.output()
    record(cluster.check(Row("T30", "fork after loading the application", forks), []))


@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
def test_t30_a_body_may_fork(new_cluster, scale, record, runner) -> None:
    forks = scale(10, 200)
    cluster = new_cluster()
    cluster.worker(runner=runner, slots=2)
    invocations = [cluster.task("forks")() for _ in range(forks)]
    assert {one.get(timeout=BOUND_S) for one in invocations} == {7}
    record(cluster.check(Row("T30", f"fork in a body, {runner}", forks), invocations))
