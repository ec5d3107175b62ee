from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from pynenc.exceptions import RunnerError
from pynenc.log import RunnerLogAdapter
from pynenc.runner.supervisor.policy import FixedCrew
from pynenc.runner.supervisor.scoreboard import _LENGTH, _WORD
from pynenc.runner.supervisor.supervisor import Supervisor
from pynenc.runner.supervisor.worker_process import Papers, Phase, WorkerProcess

PROGRAM = str(Path(__file__).with_name("child_program.py"))
PATIENCE = 30.0


class Witness:
    """A supervisor in a thread, over plain programs; and everything that it tells anybody."""

    def __init__(self, caplog, number=1, grace=30.0, **orders):
        self.caplog = caplog
        self.orders = orders
        self.processes = []
        self.lost_ones = []
        self.stopped_ones = []
        self.ready = threading.Event()
        self.changed = threading.Condition()
        self.error = None
        logger = logging.getLogger("test-supervisor")
        logger.setLevel(logging.DEBUG)
        self.supervisor = Supervisor(FixedCrew(number), self.launch, self, RunnerLogAdapter(logger, "witness"), grace)
        self.thread = threading.Thread(target=self._run, name="pynenc-test-supervisor")

    def launch(self, number):
        orders = {**self.orders, **self.orders.get(f"number {number}", {})}
        process = WorkerProcess(number, Papers([sys.executable, PROGRAM], json.dumps(orders).encode()))
        with self.changed:
            self.processes.append(process)
            self.changed.notify_all()
        return process

    def lost(self, process, tally, reason, bodies):
        with self.changed:
            self.lost_ones.append((process.number, tally.worker, reason))
            self.changed.notify_all()

    def stopped(self, process, tally):
        with self.changed:
            self.stopped_ones.append(process.number)
            self.changed.notify_all()

    def until(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), [str(process) for process in self.processes]

    def serving(self, number):
        deadline = time.monotonic() + PATIENCE
        while not (len(self.processes) >= number and self.processes[number - 1].phase is Phase.SERVING):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return self.processes[number - 1]

    def _run(self):
        try:
            self.supervisor.run(self.ready.set)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.supervisor.stop()
        self.supervisor.stop()
        self.join()

    def join(self):
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        for process in self.processes:
            with pytest.raises(ProcessLookupError):
                os.kill(process.pid, 0)


@pytest.fixture
def witness(caplog):
    caplog.set_level(logging.DEBUG, "test-supervisor")

    def make(*args, **kwargs):
        return Witness(caplog, *args, **kwargs)

    return make


def test_as_many_as_wanted_serve_until_the_stop(witness):
    with witness(number=3) as seen:
        assert seen.ready.wait(PATIENCE)
        for number in (1, 2, 3):
            seen.serving(number)
        seen.supervisor.stop()
        seen.join()
    assert len(seen.processes) == 3
    assert seen.error is None
    assert seen.lost_ones == seen.stopped_ones == []


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("exit 3", "exit code 3"),
        ("exit 0", "exit code 0"),
        (f"signal {signal.SIGSEGV}", "killed by SIGSEGV"),
        (f"signal {signal.SIGKILL}", "killed by SIGKILL"),
        (f"signal {signal.SIGABRT}", "killed by SIGABRT"),
        (f"signal {signal.SIGTERM}", "killed by SIGTERM"),
        (f"signal {signal.SIGRTMIN + 3}", f"killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_one_that_dies_is_reported_by_name_and_replaced(witness, how, reason):
    with witness(**{"number 1": {"Serve": how}}) as seen:
        seen.until(lambda: seen.lost_ones)
        seen.serving(2)
    assert seen.lost_ones == [(1, seen.processes[0].pid, reason)]  # the program puts its pid in the worker's place
    assert f"worker process 1 (pid {seen.processes[0].pid}) died: {reason}" in seen.caplog.text


def test_one_killed_from_outside_is_replaced(witness):
    with witness() as seen:
        os.kill(seen.serving(1).pid, signal.SIGKILL)
        seen.serving(2)
    assert [reason for _, _, reason in seen.lost_ones] == ["killed by SIGKILL"]


def test_one_that_leaves_by_itself_is_replaced_and_nothing_is_lost(witness):
    with witness(**{"number 1": {"Serve": "leave"}}) as seen:
        seen.serving(2)
    assert seen.lost_ones == []
    assert "has ended: enough done" in seen.caplog.text


def test_one_that_closes_its_socket_is_killed_and_lost(witness, monkeypatch):
    monkeypatch.setattr("pynenc.runner.supervisor.crew.DEAF_SECONDS", 0.1)
    with witness(**{"number 1": {"Serve": "deaf"}}) as seen:
        seen.serving(2)
    assert [reason for _, _, reason in seen.lost_ones] == ["killed: it has closed its control socket"]


# -- starting -------------------------------------------------------------------------------------
def test_what_cannot_serve_ends_the_runner(witness):
    with witness(unfit="no module named shop") as seen:
        seen.join()
    assert isinstance(seen.error, RunnerError)
    assert "no module named shop" in str(seen.error)
    assert not seen.ready.is_set()


def test_what_dies_at_every_start_ends_the_runner(witness):
    with witness(start="exit 5") as seen:
        seen.join()
    assert isinstance(seen.error, RunnerError)
    assert "died while it started: exit code 5" in str(seen.error)
    assert len(seen.processes) == 5


def test_what_dies_at_one_start_is_started_again(witness, tmp_path):
    with witness(start=f"once {tmp_path / 'was-here'}") as seen:
        seen.serving(2)
    assert seen.lost_ones == []  # it never held any work
    assert "died while it started: exit code 7" in seen.caplog.text


def test_a_start_that_fails_later_is_tried_again_with_growing_pauses(witness, monkeypatch):
    monkeypatch.setattr("pynenc.runner.supervisor.deaths._FREE_DEATHS", 1)
    bad = {f"number {number}": {"unfit": "the server is away"} for number in (2, 3, 4)}
    with witness(**bad, **{"number 1": {"Serve": "exit 1"}}) as seen:
        seen.serving(5)
    assert seen.error is None
    assert seen.caplog.text.count("cannot serve: the server is away") == 3
    assert "the next is started in" in seen.caplog.text


@pytest.mark.parametrize(("where", "waits"), [({}, True), ({"body at": _LENGTH + _WORD}, False)])
def test_only_deaths_that_no_body_is_blamed_for_hold_up_the_next_start(witness, monkeypatch, where, waits):
    monkeypatch.setattr("pynenc.runner.supervisor.deaths._FREE_DEATHS", 0)
    with witness(**{f"number {number}": {"Serve": "exit 1", **where} for number in (1, 2, 3)}) as seen:
        seen.serving(4)
        assert (seen.supervisor._deaths.start_again_at > float("-inf")) is waits
    assert len(seen.lost_ones) == 3


def test_a_program_that_is_not_there(witness, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", "")
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    with witness() as seen:
        seen.join()
    assert isinstance(seen.error, RunnerError)
    assert "cannot be started" in str(seen.error)


# -- stopping -------------------------------------------------------------------------------------
def test_a_stop_while_they_start_does_not_wait_for_them(witness):
    with witness(start="sleep") as seen:
        seen.until(lambda: seen.processes)
        seen.supervisor.stop()
        seen.join()
    assert seen.error is None
    assert seen.stopped_ones == []


def test_one_that_ignores_the_stop_is_killed_after_the_grace_period(witness, monkeypatch):
    monkeypatch.setattr("pynenc.runner.supervisor.supervisor.END_SECONDS", 0.2)
    with witness(grace=0.1, Stop="ignore", HandBack="stay") as seen:
        seen.serving(1)
        seen.supervisor.stop()
        seen.join()
    assert seen.stopped_ones == [1]
    assert seen.lost_ones == []


def test_a_second_stop_hands_back(witness):
    with witness(Stop="ignore") as seen:
        seen.serving(1)
        seen.supervisor.stop()
        seen.supervisor.stop()
        seen.join()
    assert seen.stopped_ones == []


def test_a_death_while_stopping_is_a_loss_and_nobody_comes_after(witness):
    with witness(Stop=f"signal {signal.SIGSEGV}") as seen:
        seen.serving(1)
        seen.supervisor.stop()
        seen.join()
    assert [reason for _, _, reason in seen.lost_ones] == ["killed by SIGSEGV"]
    assert len(seen.processes) == 1


def test_dump_reaches_everybody(witness, capfd):
    with witness(number=2, echo="yes", Dump="stay") as seen:
        seen.serving(1)
        seen.serving(2)
        seen.supervisor.dump()
        seen.supervisor.stop()
        seen.join()
    assert capfd.readouterr().err.count("Dump []") == 2


def test_stop_after_the_end_does_nothing(witness):
    with witness() as seen:
        seen.serving(1)
        seen.supervisor.stop()
        seen.join()
    seen.supervisor.stop()
    seen.supervisor.dump()
