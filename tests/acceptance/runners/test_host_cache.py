"""Worker processes of one host take part in its cache of large values, and leave nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.runners.conftest import HostCache, Work, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is in the places of Linux")

Start = Callable[..., "subprocess.Popen[str]"]


def test_it_is_there_with_the_runner_and_gone_after_it(
    make_work: Work, start_command: Start, host_cache: HostCache
) -> None:
    work = make_work("PersistentProcessRunner", num_processes=2, **host_cache.settings)
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    [folder] = host_cache.folders()
    assert (host_cache.root.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o700, 0o700)
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    assert "host cache" not in log
    assert not host_cache.root.exists()


def test_what_a_killed_runner_left_the_next_one_removes(
    make_work: Work, start_command: Start, host_cache: HostCache
) -> None:
    work = make_work("PersistentProcessRunner", num_processes=1, **host_cache.settings)
    killed = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    [folder] = host_cache.folders()
    (folder / "left").write_bytes(b"behind")
    killed.kill()
    killed.communicate()
    # Its worker sees that, and ends too.
    until(lambda: not host_cache.root.exists() or _is_unused(folder), "somebody stays in the folder")
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    assert host_cache.names() == []
    runner.send_signal(signal.SIGTERM)
    runner.communicate(timeout=40)
    assert not host_cache.root.exists()


def _is_unused(folder: Path) -> bool:
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_where_it_cannot_be_one_line_says_why_and_work_goes_on(
    make_work: Work, start_command: Start, host_cache: HostCache
) -> None:
    host_cache.root.mkdir(mode=0o750)
    work = make_work("PersistentProcessRunner", num_processes=2, **host_cache.settings)
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    [line] = [line for line in log.splitlines() if "host cache" in line]
    assert str(host_cache.root) in line.replace("\n", "")
    assert "0750" in line
    assert list(host_cache.root.iterdir()) == []


@pytest.mark.parametrize("off", [{"host_cache": False}, {"host_cache_bytes": 0}])
def test_turned_off_it_is_nowhere(
    make_work: Work, start_command: Start, host_cache: HostCache, off: dict[str, int | bool]
) -> None:
    work = make_work("PersistentProcessRunner", num_processes=1, **host_cache.settings, **off)
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    assert not host_cache.root.exists()
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    assert "host cache" not in log
