"""What a worker process does, in this process and on the memory engine: only the process around it is missing."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from uuid import UUID

import pytest

from pynenc import Pynenc
from pynenc.context import runner_args
from pynenc.exceptions import RunnerError
from pynenc.runner.supervisor.scoreboard import Scoreboard
from pynenc.runner.worker.app_source import describe
from pynenc.runner.worker.orders import Orders
from pynenc.runner.worker.worker_runner import WorkerRunner

PATIENCE = 30.0
app = Pynenc("test-worker-runner", config_values={"logging_level": "critical", "auto_runner": False})
gate = threading.Event()
entered = threading.Event()
napping = threading.Event()
kept: list[bytearray] = []


@app.task
def add(x, y):
    return x + y


@app.task
def tells():
    return dict(runner_args.get())


@app.task
def fails():
    raise ValueError("as asked")


@app.task(max_retries=1, retry_for=(OSError,))
def retries():
    raise OSError("as asked")


@app.task
def blocks():
    entered.set()
    gate.wait(PATIENCE)


@app.task
def waits_for_another():
    return add(1, 2).result


@app.task
async def awaits_another():
    return await add(1, 2)


@app.task
async def naps():
    napping.set()
    await asyncio.sleep(PATIENCE)


@app.task
def grows():
    kept.append(bytearray(os.urandom(1 << 20) * 64))


class Worker:
    def __init__(self, board, **orders):
        self.words = []
        self.refusal = ""
        self.left = threading.Event()
        self.ended = threading.Event()
        self.reasons = []
        self.heard = threading.Condition()
        orders = Orders(describe(app), os.getpid(), "Worker(test)[1]", "SomeRunner", **{"async_slots": 10, **orders})
        self.runner = WorkerRunner(app, orders, board, self.tell, self.leaves, self.ended.set)

    def tell(self, word):
        with self.heard:
            self.words.append(word)
            self.heard.notify_all()
        if word == "waits" and self.refusal:
            raise RunnerError(self.refusal)

    def leaves(self, reason):
        self.reasons.append(reason)
        self.left.set()

    def until_heard(self, words):
        with self.heard:
            assert self.heard.wait_for(lambda: self.words == words, PATIENCE), self.words


@pytest.fixture
def board():
    made = Scoreboard()
    yield made
    os.close(made.fd)  # the memory itself is the pool's for as long as that lives


@pytest.fixture
def work(board):
    """Start a worker with these orders; it is stopped at the end."""
    started = []

    def start(**orders):
        worker = Worker(board, **{"slots": 1, "grace": PATIENCE, **orders})
        worker.runner.start_background()
        started.append(worker)
        return worker

    gate.clear()
    entered.clear()
    napping.clear()
    yield start
    gate.set()
    for worker in started:
        worker.runner.hand_back()
        assert worker.ended.wait(PATIENCE)
    kept.clear()
    app.purge()


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def ended(invocation):
    until(lambda: invocation.status.is_final())
    return invocation


def test_what_it_counts_is_on_the_board(work, board):
    work(slots=2)
    for invocation in (add(1, 2), add(3, 4), fails(), retries()):
        ended(invocation)
    blocks()
    assert entered.wait(PATIENCE)
    seen = board.read()
    assert (seen.started, seen.done, seen.failed, seen.retried, seen.unfinished) == (6, 2, 2, 1, 1)
    assert str(seen) == "2 done, 2 failed, 1 retried, 0 fenced, 0 handed back"


def test_the_bodies_under_way_are_on_the_board(work, board):
    work(slots=1)
    for invocation in (add(1, 2), fails(), awaits_another()):
        ended(invocation)
    blocked, called, _queued = blocks(), naps(), add(3, 4)
    assert entered.wait(PATIENCE)
    assert napping.wait(PATIENCE)
    assert set(board.under_way()) == {UUID(each.invocation_id).bytes for each in (blocked, called)}
    gate.set()
    ended(blocked)
    until(lambda: board.under_way() == [UUID(called.invocation_id).bytes])


def test_more_bodies_than_the_board_has_places_for_are_not_told_apart(board):
    page = memoryview(board.page).cast("Q")
    assert board.under_way() == []
    page[len(board.read())] = 1
    assert board.under_way() is None
    page.release()


def test_what_is_handed_back_is_counted_once(work, board):
    worker = work(slots=2)
    blocked, called = blocks(), naps()
    assert entered.wait(PATIENCE)
    assert napping.wait(PATIENCE)
    worker.runner.hand_back()
    assert worker.ended.wait(PATIENCE)
    gate.set()
    assert {blocked.status.value, called.status.value} == {"rerouted"}
    seen = board.read()
    assert (seen.handed_back, seen.unfinished, seen.failed, seen.fenced) == (2, 0, 0, 0)


def test_bodies_are_told_the_class_that_the_user_chose(work):
    work()
    assert ended(tells()).get() == {"runner_id": "Worker(test)[1]", "runner_cls": "SomeRunner"}


# -- limits ---------------------------------------------------------------------------------------
def test_it_leaves_after_so_many_bodies(work, board):
    calls = [add(n, n) for n in range(5)]
    worker = work(max_tasks=3)
    assert worker.left.wait(PATIENCE)
    assert worker.ended.wait(PATIENCE)
    assert worker.reasons == ["it has run 3 bodies, as many as it may"]
    assert board.read().done == 3
    assert [call.status.value for call in calls] == ["success"] * 3 + ["registered"] * 2


def test_it_leaves_when_it_has_grown(work):
    call = grows()
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no file to speak of
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    worker = work(max_memory=resident + (32 << 20))
    assert worker.left.wait(PATIENCE)
    assert ended(call).status.value == "success"
    assert "MiB of memory, more than it may" in worker.reasons[0]


def test_what_runs_when_it_leaves_has_time(work):
    worker = work(slots=2, max_tasks=2, grace=0.0)
    call = blocks()
    assert entered.wait(PATIENCE)
    add(1, 2)
    assert worker.left.wait(PATIENCE)
    assert not worker.ended.wait(0.05)
    gate.set()
    assert worker.ended.wait(PATIENCE)
    assert call.status.value == "success"


def test_what_runs_when_it_leaves_can_still_be_stopped(work):
    worker = work(slots=2, max_tasks=2)
    call = blocks()
    assert entered.wait(PATIENCE)
    add(1, 2)
    assert worker.left.wait(PATIENCE)
    worker.runner.stop_within(0.0)
    assert worker.ended.wait(PATIENCE)
    assert call.status.value == "rerouted"


# -- a body each ----------------------------------------------------------------------------------
def test_single_use_runs_one_body_and_asks_nobody(work, board):
    first, second = add(1, 2), add(3, 4)
    worker = work(single_use=True)
    assert worker.ended.wait(PATIENCE)
    assert (first.status.value, second.status.value) == ("success", "registered")
    assert board.read().started == 1
    assert worker.words == []


@pytest.mark.parametrize("task", [waits_for_another, awaits_another], ids=lambda task: task.task_id)
def test_single_use_asks_before_it_waits(work, task):
    app.conf.inline_waits = False  # as in the process
    call = task()
    waiting = work(single_use=True)
    waiting.until_heard(["waits"])
    work(single_use=True)
    waiting.until_heard(["waits", "goes on"])
    assert ended(call).get() == 3


@pytest.mark.parametrize("task", [waits_for_another, awaits_another], ids=lambda task: task.task_id)
def test_a_wait_that_is_refused_is_the_bodys_error(work, task):
    app.conf.inline_waits = False
    call = task()
    worker = Worker(Scoreboard(), slots=1, grace=PATIENCE, single_use=True)
    worker.refusal = "nobody is left"
    worker.runner.start_background()
    assert worker.ended.wait(PATIENCE)
    with pytest.raises(RunnerError, match="nobody is left"):
        ended(call).get()


# -- load, stops, looks ---------------------------------------------------------------------------
def test_it_tells_once_that_all_slots_are_taken(work):
    worker = work()
    ended(add(1, 2))
    assert worker.words == []
    worker.runner.watch_load()
    blocks()
    worker.until_heard(["loaded"])
    worker.runner.watch_load()  # they are taken now
    worker.until_heard(["loaded", "loaded"])


def test_the_lease_is_kept_while_bodies_end():
    short = Pynenc("test-worker-lease", config_values={"lease_seconds": 1, "logging_level": "critical"})
    short.conf.auto_runner = False
    held, release = threading.Event(), threading.Event()

    def body():
        held.set()
        release.wait(PATIENCE)

    body.__qualname__ = "body"
    call = short.task(body)()
    orders = Orders(describe(app), os.getpid(), "Worker(test)[1]", "SomeRunner", 1, 1, PATIENCE)
    board, over = Scoreboard(), threading.Event()
    runner = WorkerRunner(short, orders, board, print, print, over.set)
    runner.start_background()
    assert held.wait(PATIENCE)
    runner.stop_within(PATIENCE)
    time.sleep(1.5)  # longer than the lease
    short.runtime.engine.tick()
    assert call.status.value == "running"
    release.set()
    assert over.wait(PATIENCE)
    assert call.status.value == "success"


def test_a_dump_names_bodies_and_where_they_stand(work, caplog):
    app.logger.addHandler(caplog.handler)
    worker = work()
    call, nap = blocks(), naps()
    assert entered.wait(PATIENCE)
    assert napping.wait(PATIENCE)
    app.conf.logging_level = "warning"
    worker.runner.dump()
    app.conf.logging_level = "critical"
    app.logger.removeHandler(caplog.handler)
    assert "2 bodies run or wait here" in caplog.text
    assert f"blocks ({call.invocation_id}) runs" in caplog.text
    assert "gate.wait(PATIENCE)" in caplog.text
    assert f"naps ({nap.invocation_id}) runs" in caplog.text
    assert "await asyncio.sleep(PATIENCE)" in caplog.text
