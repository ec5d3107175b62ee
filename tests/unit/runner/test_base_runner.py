from __future__ import annotations

import signal
import threading

import pytest

from pynenc import Pynenc
from pynenc.exceptions import RunnerNotExecutableError
from pynenc.runner import BaseRunner, DummyRunner
from pynenc.runner.signals import handled


class RecordingRunner(BaseRunner):
    def __init__(self, app):
        super().__init__(app)
        self.seen = []
        self.error = None

    @staticmethod
    def mem_compatible():
        return True

    @property
    def max_parallel_slots(self):
        return 1

    def on_start(self):
        self.seen.append("start")

    def on_stop(self):
        self.seen.append("stop")

    def start_background(self):
        return False

    def await_stop(self):
        pass

    def stop_background(self):
        pass

    def _run(self):
        self.seen.append(("run", self.app.runner is self))
        if self.error is not None:
            raise self.error

    def stop_runner_loop(self, signum=None, frame=None):
        self.seen.append("asked")


@pytest.fixture
def runner():
    return RecordingRunner(Pynenc("base-runner"))


def test_order(runner):
    runner.run()
    assert runner.seen == ["start", ("run", True), "stop"]


def test_on_stop_comes_whatever_happens(runner):
    runner.error = OSError("broke")
    with pytest.raises(OSError, match="broke"):
        runner.run()
    assert runner.seen[-1] == "stop"


def test_ctrl_c_is_a_stop(runner):
    runner.error = KeyboardInterrupt()
    runner.run()
    assert runner.seen == ["start", ("run", True), "asked", "stop"]


def test_identity(runner):
    assert runner.runner_id.startswith("RecordingRunner(")
    assert runner.logger.process("text", {})[0] == f"[runner: {runner.runner_id}] text"
    assert runner.conf.min_parallel_slots == 1
    assert runner.app.runner is runner


def test_a_dummy_runs_nothing():
    dummy = DummyRunner(Pynenc("dummy"))
    for refused in (dummy.run, dummy.mem_compatible, dummy.start_background, lambda: dummy.max_parallel_slots):
        with pytest.raises(RunnerNotExecutableError, match="ThreadRunner"):
            refused()
    dummy.stop_runner_loop()
    dummy.stop_background()


def test_handlers_are_put_back():
    calls = []
    before = signal.getsignal(signal.SIGTERM)
    with handled(lambda number, frame: calls.append(number)):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert calls == [signal.SIGTERM, signal.SIGINT]
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_leave_handlers_alone():
    seen = []

    def body():
        with handled(lambda number, frame: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
