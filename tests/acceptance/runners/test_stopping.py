"""Signals to a real runner, and what it says at its start and its end."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.acceptance.runners.conftest import PATIENCE, is_alive, read_when_written, until

LEASE = {"lease_seconds": 600}
LOOK_SECONDS = 5.0
# The runners with processes share what is tested with these; all four are in the long form.
SOME_RUNNERS = [
    "ThreadRunner",
    "PersistentProcessRunner",
    pytest.param("MultiThreadRunner", marks=pytest.mark.slow),
    pytest.param("ProcessRunner", marks=pytest.mark.slow),
]


def ended(command: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0, err
    return out, err


def read_until(command: subprocess.Popen[str], *words: str) -> str:
    """What it writes to its log, until all these words have been there."""
    seen = ""
    assert command.stderr is not None
    while not all(word in seen for word in words):
        line = command.stderr.readline()
        assert line, f"the runner ended: {seen}"
        seen += line
    return seen


@pytest.fixture
def held(make_work, start_command, tmp_path):
    """A command whose worker runs a body that waits to be released: the command, the call, and the worker's pid."""

    def start(runner="PersistentProcessRunner", **settings):
        work = make_work(runner, num_processes=1, max_threads=1, max_processes=1, **{**LEASE, **settings})
        command = start_command(work)
        call = work.holds(str(tmp_path / "pid"), str(tmp_path / "release"))
        return work, command, call, int(read_when_written(tmp_path / "pid"))

    return start


@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner", "MultiThreadRunner", "ProcessRunner"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_the_first_signal_lets_bodies_end(held, tmp_path, runner, number):
    work, command, call, worker = held(runner)
    command.send_signal(number)
    read_until(command, "stopping: no more work is taken")
    late = work.add(1, 2)
    (tmp_path / "release").touch()
    _, err = ended(command)
    assert call.get(timeout=30) == 1
    assert late.status.value == "registered"
    assert "1 done, 0 failed" in err
    assert not is_alive(worker)


@pytest.mark.parametrize("runner", ["PersistentProcessRunner", "MultiThreadRunner", "ProcessRunner"])
def test_the_second_signal_hands_back_and_others_go_on(held, runner):
    work, command, call, worker = held(runner)
    command.send_signal(signal.SIGTERM)
    command.send_signal(signal.SIGINT)  # two of one number might arrive as one
    _, err = ended(command)
    assert not is_alive(worker)
    assert "1 handed back" in err
    work.app.conf.runner_cls = "ThreadRunner"
    work.app.runner = None
    with work.app.running():
        assert call.get(timeout=30) == 2
    assert work.app.runtime.engine.record(call.invocation_id)["losses"] == 0


@pytest.mark.parametrize("runner", SOME_RUNNERS)
def test_what_is_handed_back_starts_at_once_where_somebody_waits_for_work(held, start_command, runner):
    """No lease is in it (there is one of ten minutes), nor the look that an idle worker takes every five seconds."""
    work, command, call, _ = held(runner, logging_level="debug")
    read_until(start_command(work), "started with 1 slots" if runner == "ThreadRunner" else "is ready")
    command.send_signal(signal.SIGTERM)
    command.send_signal(signal.SIGINT)
    assert call.get(timeout=30) == 2
    started = [entry.timestamp for entry in call.history if entry.status.value == "running"][1]
    given = next(entry.timestamp for entry in call.history if entry.status.value == "rerouted")
    assert (started - given).total_seconds() < LOOK_SECONDS / 2
    ended(command)


def test_after_the_grace_period_work_is_handed_back(held):
    _, command, call, _ = held(grace_period_seconds=0.2)
    command.send_signal(signal.SIGTERM)
    _, err = ended(command)
    assert "1 handed back" in err
    assert call.status.value == "rerouted"


def test_ctrl_c_in_a_terminal_reaches_the_runner_only(held, tmp_path):
    """A terminal signals the whole foreground group; the workers are not in it, and ignore it besides."""
    _, command, call, worker = held()
    os.kill(worker, signal.SIGINT)
    assert os.getpgid(worker) != os.getpgid(command.pid)
    (tmp_path / "release").touch()
    assert call.get(timeout=30) == 1
    command.send_signal(signal.SIGINT)
    ended(command)


def test_a_worker_that_is_told_to_end_ends_well_and_is_replaced(held, tmp_path):
    work, command, call, worker = held()
    os.kill(worker, signal.SIGTERM)
    (tmp_path / "release").touch()
    assert call.get(timeout=30) == 1
    until(lambda: not is_alive(worker))
    assert work.add(1, 2).get(timeout=30) == 3
    command.send_signal(signal.SIGTERM)
    _, err = ended(command)
    assert "died" not in err


def test_a_service_manager_that_signals_everybody_stops_it_once(held, tmp_path):
    _, command, call, worker = held()
    os.kill(worker, signal.SIGTERM)
    command.send_signal(signal.SIGTERM)
    (tmp_path / "release").touch()
    _, err = ended(command)
    assert call.get(timeout=30) == 1
    assert "0 handed back" in err


@pytest.mark.parametrize("runner", SOME_RUNNERS)
def test_a_dump_shows_where_every_body_stands(held, tmp_path, runner):
    _, command, call, _ = held(runner)
    command.send_signal(signal.SIGUSR1)
    read_until(command, f"holds ({call.invocation_id}) runs", "in holds")
    (tmp_path / "release").touch()
    command.send_signal(signal.SIGTERM)
    ended(command)


# -- what it says ---------------------------------------------------------------------------------
def test_six_lines_at_the_start(make_work, start_command, redis_url):
    work = make_work("PersistentProcessRunner", num_processes=3, lease_seconds=7)
    command = start_command(work, "--slots", "2")
    assert command.stdout is not None
    lines = [command.stdout.readline().rstrip() for _ in range(6)]
    read_until(command, "is ready")
    command.send_signal(signal.SIGTERM)
    ended(command)
    assert [line.split()[0] for line in lines] == ["pynenc", "app", "engine", "runner", "tasks", "lease"]
    assert all(line[7] == " " != line[8] for line in lines)
    assert lines[2] == f"engine  redis, {redis_url}"
    assert lines[3] == "runner  PersistentProcessRunner, 2 slots"
    assert lines[5] == "lease   7 s"


def test_secrets_are_hidden_and_a_weak_server_is_warned_of(start_server, make_work, start_command):
    server = start_server(port=0, appendonly="no", maxmemory_policy="allkeys-lru")
    with server.client() as client:
        client.config_set("requirepass", "hush-hush")
    work = make_work("ThreadRunner", redis_url=server.url.replace("//", "//:hush-hush@"))
    command = start_command(work)
    assert command.stdout is not None
    lines = [command.stdout.readline().rstrip() for _ in range(6)]
    seen = read_until(command, "started with")
    command.send_signal(signal.SIGTERM)
    out, err = ended(command)
    assert lines[2] == f"engine  redis, {server.url.replace('//', '//:***@')}"
    assert "maxmemory-policy is allkeys-lru" in seen
    assert "appendonly is no" in seen
    assert "hush" not in "\n".join([*lines, seen, out, err])


def test_an_engine_that_cannot_be_reached_has_an_exit_code(make_work, start_command, tmp_path):
    work = make_work("PersistentProcessRunner")
    nowhere = f"unix://{tmp_path / 'nowhere'}"
    command = start_command(work, PYNENC__REDIS_URL=nowhere, PYNENC__REDIS_FIRST_CONTACT_SECONDS="0.2")
    _, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 4, err
    assert err.startswith(f"pynenc: no answer from {nowhere} ")
    assert err.count("\n") == 1


def test_an_application_that_workers_cannot_import(make_work, start_command, tmp_path):
    work = make_work("PersistentProcessRunner", num_processes=1)
    source = tmp_path / f"{work.__name__}.py"
    source.write_text(source.read_text("utf-8") + "\nadd(1, 2)\n", "utf-8")
    command = start_command(work)
    _, err = command.communicate(timeout=PATIENCE)
    assert command.returncode == 1
    assert f"{source}:" in err
    assert 'if __name__ == "__main__":' in err
