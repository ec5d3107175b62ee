from __future__ import annotations

import subprocess
import sys

import pytest

from pynenc import Pynenc


def add(x, y):
    return x + y


def run(tmp_path, text):
    script = tmp_path / "script.py"
    script.write_text(text)
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=50)


def test_the_first_wait_starts_a_runner(stop_after):
    app = stop_after(Pynenc("auto"))
    task = app.task(add)
    invocation = task(1, 2)
    assert app.runtime.workers == 0
    assert invocation.result == 3
    assert app.runtime.workers == 1
    assert task(3, 4).result == 7
    assert app.runtime.workers == 1


def test_it_starts_again_after_a_stop(stop_after):
    app = stop_after(Pynenc("auto-again"))
    task = app.task(add)
    assert task(1, 2).result == 3
    app.runner.stop_background()
    assert app.runtime.workers == 0
    assert task(1, 2).result == 3


@pytest.mark.parametrize("settings", [{"auto_runner": False}, {"runner_cls": "DummyRunner"}], ids=str)
def test_it_can_be_turned_off(settings):
    app = Pynenc("no-auto", config_values=settings)
    with pytest.raises(TimeoutError):
        app.task(add)(1, 2).get(timeout=0.01)
    assert app.runtime.workers == 0


BODY = """
import sys
from pynenc import Pynenc
app = Pynenc("script")

@app.task
def add(x, y):
    return x + y

@app.task
def slow():
    import time
    time.sleep(0.2)
    print("ended", flush=True)
"""


def test_a_script_ends_by_itself_and_says_so_once(tmp_path):
    done = run(tmp_path, BODY + "print(add(1, 2).result, add(3, 4).result)\n")
    assert (done.returncode, done.stdout) == (0, "3 7\n"), done.stderr
    assert done.stderr.count("a runner was started in the background") == 1


def test_at_the_end_running_bodies_end_and_lost_ones_are_counted(tmp_path):
    text = BODY + (
        "app.conf.logging_level = 'warning'\n"
        "app.runner.conf.max_threads = 1\n"
        "add(1, 2).result\n"
        "slow()\n"
        "__import__('time').sleep(0.1)\n"
        "rest = [slow() for _ in range(3)]\n"
    )
    done = run(tmp_path, text)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
    assert "3 queued invocations end with this process" in done.stderr


def test_a_script_without_waits_starts_nothing(tmp_path):
    done = run(tmp_path, BODY + "slow()\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
