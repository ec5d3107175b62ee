"""A runner that has as many processes as there is work for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.acceptance.runners.conftest import until


def workers_of(app_id: str) -> list[str]:
    """The processes that serve an application."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            words = path.read_text("utf-8", "replace").split("\0")
            if "pynenc.runner.worker" in words and app_id in words:
                found.append(path.parent.name)
    return found


def test_processes_come_with_work_and_go_without(make_work):
    settings = {"min_processes": 1, "max_processes": 3, "max_threads": 1, "enforce_max_processes": False}
    work = make_work("MultiThreadRunner", idle_timeout_process_sec=0.5, **settings)
    with work.app.running():
        assert len(workers_of(work.app.app_id)) == 1
        group = work.busy.parallelize([(0.2,)] * 24)
        until(lambda: len(workers_of(work.app.app_id)) == 3, "no process was added")
        assert len(set(group.get(timeout=40))) == 3
        until(lambda: len(workers_of(work.app.app_id)) == 1, "no process ended")
        assert work.add(1, 2).get(timeout=30) == 3


def test_the_most_can_be_enforced(make_work):
    settings = {"max_processes": 2, "max_threads": 1, "enforce_max_processes": True, "idle_timeout_process_sec": 0.1}
    work = make_work("MultiThreadRunner", **settings)
    with work.app.running():
        until(lambda: len(workers_of(work.app.app_id)) == 2)
        assert work.add(1, 2).get(timeout=30) == 3
        assert len(workers_of(work.app.app_id)) == 2
