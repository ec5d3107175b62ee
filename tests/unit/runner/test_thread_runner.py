from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from pynenc import Pynenc
from pynenc.exceptions import RemoteTaskError, RunnerError
from pynenc.runner import ThreadRunner

app = Pynenc("test-thread-runner", config_values={"max_threads": 2, "logging_level": "critical"})
release = threading.Event()
entered = threading.Event()
async_release: list[asyncio.Event] = []


@app.task
def add(x, y):
    return x + y


@app.task
def blocks():
    entered.set()
    release.wait(30)
    return "done"


@app.task
def enters_a_block():
    entered.set()
    release.wait(30)
    with app.running():
        return "done"


@app.task
async def blocks_async():
    async_release.append(asyncio.Event())
    entered.set()
    await async_release[-1].wait()
    return "done"


@app.task
async def stubborn():
    entered.set()
    try:
        await asyncio.sleep(30)
    finally:
        release.set()


@app.task
def exits():
    raise SystemExit(3)


@app.task
async def exits_async():
    raise SystemExit(3)


@app.task
async def loop_of():
    return asyncio.get_running_loop()


@app.task
def fib(n):
    if n < 2:
        return n
    left, right = fib(n - 1), fib(n - 2)
    return left.result + right.result


@pytest.fixture(autouse=True)
def _fresh():
    release.clear()
    entered.clear()
    async_release.clear()
    yield
    release.set()
    app.purge()
    app.conf.runner_cls = "ThreadRunner"


@pytest.fixture
def runner():
    return ThreadRunner(app)


def start(runner):
    thread = threading.Thread(target=runner.run, name="pynenc-test-run")
    thread.start()
    return thread


def stop(runner, thread):
    runner.stop_runner_loop()
    thread.join(30)
    assert not thread.is_alive()


def test_it_is_the_runner_of_its_app(runner):
    assert app.runner is runner
    assert runner.mem_compatible()
    assert "ThreadRunner(" in runner.runner_id
    assert str(os.getpid()) in runner.runner_id
    assert repr(runner) == "ThreadRunner(app_id='test-thread-runner')"


@pytest.mark.parametrize(
    ("settings", "slots"),
    [
        ({"max_threads": 3}, 3),
        ({"max_threads": 1, "min_threads": 2}, 2),
        ({"max_threads": 1, "min_parallel_slots": 4}, 4),
        ({"max_threads": 0}, os.cpu_count()),
    ],
    ids=str,
)
def test_slots(settings, slots):
    assert ThreadRunner(Pynenc(config_values=settings)).max_parallel_slots == slots


def test_run_until_stopped(runner):
    thread = start(runner)
    assert add(1, 2).result == 3
    assert blocks is not None
    stop(runner, thread)
    assert app.runtime.workers == 0
    runner.stop_runner_loop()
    thread = start(runner)
    assert add(3, 4).result == 7
    stop(runner, thread)


def test_it_runs_once(runner):
    thread = start(runner)
    invocation = blocks()
    assert entered.wait(30)
    with pytest.raises(RunnerError, match="runs already"):
        runner.run()
    assert runner.running == [invocation.invocation_id]
    release.set()
    assert invocation.result == "done"
    stop(runner, thread)
    assert runner.running == []


def test_run_takes_over_what_a_wait_started(runner):
    assert runner.start_background()
    assert not runner.start_background()
    thread = start(runner)
    assert add(1, 2).result == 3
    stop(runner, thread)
    runner.stop_background()
    assert app.runtime.workers == 0


def test_stopping_lets_bodies_end(runner):
    thread = start(runner)
    invocation, late = blocks(), add
    assert entered.wait(30)
    runner.stop_runner_loop()
    queued = late(1, 2)
    release.set()
    thread.join(30)
    assert invocation.result == "done"
    assert queued.status.value == "registered"


def test_a_block_waits_for_a_runner_that_was_told_to_stop(runner):
    thread = start(runner)
    invocation = blocks()
    assert entered.wait(30)
    runner.stop_runner_loop()
    threading.Timer(0.2, release.set).start()
    with app.running():
        assert add(1, 2).get(timeout=30) == 3
    thread.join(30)
    assert invocation.result == "done"


def test_a_body_does_not_wait_for_the_end_of_its_own_runner(runner):
    thread = start(runner)
    invocation = enters_a_block()
    assert entered.wait(30)
    runner.stop_runner_loop()
    release.set()
    thread.join(30)
    assert not thread.is_alive()
    assert invocation.result == "done"


def test_a_second_stop_hands_back(runner):
    thread = start(runner)
    invocation = blocks()
    assert entered.wait(30)
    runner.stop_runner_loop()
    runner.stop_runner_loop()
    thread.join(30)
    assert not thread.is_alive()
    assert invocation.status.value == "rerouted"
    release.set()
    with app.running():
        assert invocation.result == "done"
    assert [entry.status.value for entry in invocation.history].count("success") == 1


def test_after_the_grace_period_work_is_handed_back():
    hasty = ThreadRunner(app)
    hasty.conf.grace_period_seconds = 0
    thread = start(hasty)
    invocation = blocks()
    assert entered.wait(30)
    stop(hasty, thread)
    assert invocation.status.value == "rerouted"


# -- coroutines -----------------------------------------------------------------------------------
def test_coroutines_share_one_loop(runner):
    with app.running():
        assert len({loop_of().result for _ in range(3)}) == 1


def test_stopping_lets_coroutines_end(runner):
    thread = start(runner)
    invocation = blocks_async()
    assert entered.wait(30)
    runner.stop_runner_loop()
    opener = async_release[0]
    opener._loop.call_soon_threadsafe(opener.set)  # type: ignore[attr-defined]
    thread.join(30)
    assert invocation.result == "done"


def test_a_second_stop_cancels_coroutines_and_hands_them_back(runner):
    thread = start(runner)
    invocation = stubborn()
    assert entered.wait(30)
    runner.stop_runner_loop()
    runner.stop_runner_loop()
    thread.join(30)
    assert not thread.is_alive()
    assert release.is_set()
    assert invocation.status.value == "rerouted"


@pytest.mark.parametrize("task", [exits, exits_async], ids=str)
def test_a_body_that_exits_ends_only_itself(runner, task):
    with app.running():
        with pytest.raises(RemoteTaskError, match="SystemExit: 3"):
            _ = task().result
        assert add(1, 2).result == 3


def test_nested_waits_need_no_slots(runner):
    runner.conf.max_threads = 1
    with app.running():
        assert fib(12).result == 144


# -- signals --------------------------------------------------------------------------------------
SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
import work
if __name__ == "__main__":
    invocation = work.{task}()
    before = __import__("signal").getsignal(__import__("signal").SIGTERM)
    work.app.runner.run()
    assert __import__("signal").getsignal(__import__("signal").SIGTERM) == before
    print(invocation.status.value, flush=True)
"""

WORK = """
import threading
from pynenc import Pynenc
app = Pynenc("signals", config_values={"grace_period_seconds": 30})
gate = threading.Event()

@app.task
def ends():
    print("entered", flush=True)
    while not app.runner._stops:
        gate.wait(0.005)
    return 1

@app.task
def never():
    print("entered", flush=True)
    while not app.runner._stops:
        gate.wait(0.005)
    print("stopping", flush=True)
    while True:
        gate.wait(0.005)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
@pytest.mark.parametrize(("task", "signals", "status"), [("ends", 1, "success"), ("never", 2, "rerouted")])
def test_stop_signals(tmp_path, number, task, signals, status):
    (tmp_path / "work.py").write_text(WORK)
    script = SCRIPT.format(folder=str(tmp_path), task=task)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "entered\n"
        process.send_signal(number)
        if signals > 1:
            assert process.stdout.readline() == "stopping\n"  # two signals that come together are one
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert out == f"{status}\n", err
    assert process.returncode == 0, err
