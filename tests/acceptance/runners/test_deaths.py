"""Worker processes that die under their work: seen at once, told by name, and never a loop."""

from __future__ import annotations

import os
import signal

import pytest

from pynenc.exceptions import MaxRunTimeError, WorkerLostError
from tests.acceptance.runners.conftest import is_alive, read_when_written, until

# Far longer than the tests wait: nothing here comes about because a lease ran out.
LEASE = {"lease_seconds": 600}

RUNNERS = {
    "PersistentProcessRunner": {"num_processes": 2},
    "MultiThreadRunner": {"max_processes": 2, "max_threads": 2},
    "ProcessRunner": {"num_processes": 1, "standby_processes": 1},
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_one_killed_from_outside_has_its_work_rescued_at_once(make_work, tmp_path, runner):
    work = make_work(runner, **RUNNERS[runner], **LEASE)
    with work.app.running():
        call = work.holds(str(tmp_path / "pid"), str(tmp_path / "release"))
        os.kill(int(read_when_written(tmp_path / "pid")), signal.SIGKILL)
        assert call.get(timeout=30) == 2


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("segfault", "killed by SIGSEGV"),
        ("abort", "killed by SIGABRT"),
        ("exit", "exit code 3"),
        ("group", "killed by SIGKILL"),
        ("SIGKILL", "killed by SIGKILL"),
    ],
)
def test_the_third_death_is_the_end_and_says_why(make_work, how, reason):
    work = make_work("PersistentProcessRunner", num_processes=2, **LEASE)
    with work.app.running():
        call = work.dies(how)
        with pytest.raises(WorkerLostError, match=reason):
            call.get(timeout=40)
        statuses = [entry.status.value for entry in call.history]
        assert statuses.count("running") == 3
        assert work.add(1, 2).get(timeout=30) == 3


def test_a_process_each_dies_alone(make_work):
    work = make_work("ProcessRunner", num_processes=2, **LEASE)
    with work.app.running():
        call = work.dies("segfault")
        others = work.add.parallelize([(n, n) for n in range(5)])
        assert others.get(timeout=40) == [0, 2, 4, 6, 8]
        with pytest.raises(WorkerLostError, match="SIGSEGV"):
            call.get(timeout=40)


def test_losses_are_no_retries(make_work, tmp_path):
    work = make_work("PersistentProcessRunner", num_processes=1, **LEASE)
    with work.app.running():
        call = work.dies_once(str(tmp_path / "marker"))
        assert call.get(timeout=30) == 2
        record = work.app.runtime.engine.record(call.invocation_id)
        assert (record["losses"], record["retries"]) == (1, 0)


def test_what_was_only_fetched_ahead_is_not_blamed_for_a_death(make_work):
    """While bodies are short a worker fetches a moment's work ahead; and their ends are on the way for a moment."""
    work = make_work("PersistentProcessRunner", num_processes=1, **LEASE)
    with work.app.running():
        work.add.parallelize([(n, 0) for n in range(2_000)]).get(timeout=40)
        with work.app.pipelined():
            before = [work.add(n, 1) for n in range(200)]
            deadly = work.dies("SIGKILL")
            after = [work.add(n, 2) for n in range(200)]
        assert [call.get(timeout=40) for call in before + after] == [*range(1, 201), *range(2, 202)]
        with pytest.raises(WorkerLostError, match="lost 3 times: killed by SIGKILL"):
            deadly.get(timeout=40)
        records = [work.app.runtime.engine.record(call.invocation_id) for call in before + after]
        assert not [record for record in records if record["losses"]]


def test_who_runs_a_deadly_body_again_and_again_is_stopped_too(make_work):
    """Each time it runs it makes another one that dies: were it not counted, there would be no end to that."""
    work = make_work("PersistentProcessRunner", num_processes=1, **LEASE)
    with work.app.running():
        with pytest.raises(WorkerLostError, match="SIGKILL"):
            work.asks_for("SIGKILL").get(timeout=40)
        assert work.add(1, 2).get(timeout=40) == 3


@pytest.mark.parametrize(
    ("runner", "name"),
    [
        ("PersistentProcessRunner", "hangs"),
        ("PersistentProcessRunner", "spins"),
        ("ProcessRunner", "hangs"),
        ("ThreadRunner", "spins"),  # there is no process that could be killed
    ],
)
def test_a_body_past_its_time_ends_with_its_process_if_it_must(make_work, runner, name):
    work = make_work(runner, num_processes=1, max_threads=1, **LEASE)
    with work.app.running():
        call = getattr(work, name)()
        with pytest.raises(MaxRunTimeError):
            call.get(timeout=30)
        record = work.app.runtime.engine.record(call.invocation_id)
        assert (record["attempt"], record["losses"]) == (1, 0)
        assert work.add(1, 2).get(timeout=30) == 3


def test_what_ran_beside_a_hanging_body_goes_back_uncounted(make_work, tmp_path):
    work = make_work("MultiThreadRunner", max_processes=1, max_threads=2, **LEASE)
    with work.app.running():
        beside = work.holds(str(tmp_path / "pid"), str(tmp_path / "release"))
        read_when_written(tmp_path / "pid")
        with pytest.raises(MaxRunTimeError):
            work.hangs().get(timeout=30)
        assert beside.get(timeout=30) == 2
        assert work.app.runtime.engine.record(beside.invocation_id)["losses"] == 0


def test_workers_end_with_their_runner_and_hand_back(make_work, start_command, tmp_path):
    work = make_work("PersistentProcessRunner", num_processes=1, **LEASE)
    command = start_command(work)
    call = work.holds(str(tmp_path / "pid"), str(tmp_path / "release"))
    worker = int(read_when_written(tmp_path / "pid"))
    command.kill()
    until(lambda: not is_alive(worker), "the worker process outlived its runner")
    with work.app.running():
        assert call.get(timeout=30) == 2
    assert work.app.runtime.engine.record(call.invocation_id)["losses"] == 0


# -- nobody is left to tell -----------------------------------------------------------------------
def test_work_of_a_runner_that_was_killed_goes_on_elsewhere(make_work, start_command, tmp_path):
    work = make_work("ThreadRunner", max_threads=1, lease_seconds=1)
    first = start_command(work)
    call = work.holds(str(tmp_path / "pid"), str(tmp_path / "release"))
    assert int(read_when_written(tmp_path / "pid")) == first.pid
    start_command(work)
    first.kill()
    assert call.get(timeout=30) == 2
    assert work.app.runtime.engine.record(call.invocation_id)["losses"] == 1


def test_a_body_that_kills_runner_after_runner_is_stopped(make_work, start_command):
    work = make_work("ThreadRunner", max_threads=1, lease_seconds=1)
    commands = [start_command(work) for _ in range(4)]
    call = work.dies("SIGKILL")
    with pytest.raises(WorkerLostError, match="silent for longer than its lease"):
        call.get(timeout=50)
    assert [entry.status.value for entry in call.history].count("running") == 3
    assert sorted(command.poll() or 0 for command in commands) == [-9, -9, -9, 0]
    assert work.add(1, 2).get(timeout=30) == 3


def test_what_a_killed_runner_had_only_fetched_ahead_is_not_blamed(make_work, start_command):
    work = make_work("ThreadRunner", max_threads=1, lease_seconds=1)
    commands = [start_command(work) for _ in range(5)]
    work.add.parallelize([(n, 0) for n in range(2_000)]).get(timeout=40)
    with work.app.pipelined():
        before = [work.add(n, 1) for n in range(200)]
        deadly = work.dies("SIGKILL")
        after = [work.add(n, 2) for n in range(200)]
    assert [call.get(timeout=50) for call in before + after] == [*range(1, 201), *range(2, 202)]
    with pytest.raises(WorkerLostError, match="silent for longer than its lease"):
        deadly.get(timeout=50)
    dead = [command for command in commands if command.poll() is not None]
    assert len(dead) in {3, 4}  # the first may have died before the store was told that the body had begun
    records = [work.app.runtime.engine.record(call.invocation_id) for call in before + after]
    # The end of what ran before may have been on its way: one for the slot of each that died.
    assert sum(record["losses"] for record in records) <= len(dead)


# -- recycling ------------------------------------------------------------------------------------
def test_recycling_by_count(make_work):
    work = make_work("PersistentProcessRunner", num_processes=1, max_tasks_per_child=3)
    with work.app.running():
        pids = [pid for pid, _, _ in work.who.parallelize([()] * 9).get(timeout=40)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_recycling_by_memory(make_work):
    work = make_work("PersistentProcessRunner", num_processes=1, max_memory_per_child="250MiB")
    with work.app.running():
        pids = work.leaks.parallelize([(100,)] * 6).get(timeout=40)
    assert len(set(pids)) >= 2
    assert max(pids.count(pid) for pid in pids) <= 3


def test_a_process_each_runs_one_body(make_work):
    work = make_work("ProcessRunner", num_processes=1)
    with work.app.running():
        found = work.who.parallelize([()] * 4).get(timeout=40)
    assert len({pid for pid, _, _ in found}) == 4
    assert {cls for _, _, cls in found} == {"ProcessRunner"}
