"""Worker processes of one host take part in its cache of large values, and leave nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.runners.conftest import Work, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is in the places of Linux")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def above(tmp_path: Path) -> Path:
    """The directory above the cache."""
    made = tmp_path / "above"
    made.mkdir(mode=0o700)
    return made


def root(above: Path) -> Path:
    return above / f"pynenc-values-{os.geteuid()}"


def folders(above: Path) -> list[Path]:
    return list(root(above).iterdir()) if root(above).exists() else []


def test_it_is_there_with_the_runner_and_gone_after_it(make_work: Work, start_command: Start, above: Path) -> None:
    work = make_work("PersistentProcessRunner", num_processes=2, host_cache_dir=str(above))
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    [folder] = folders(above)
    assert (root(above).stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o700, 0o700)
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    assert "host cache" not in log
    assert not root(above).exists()


def test_what_a_killed_runner_left_the_next_one_removes(make_work: Work, start_command: Start, above: Path) -> None:
    work = make_work("PersistentProcessRunner", num_processes=1, host_cache_dir=str(above))
    killed = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    [folder] = folders(above)
    (folder / "left").write_bytes(b"behind")
    killed.kill()
    killed.communicate()
    # Its worker sees that, and ends too.
    until(lambda: not root(above).exists() or _is_unused(folder), "somebody stays in the folder")
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    assert [path.name for folder in folders(above) for path in folder.iterdir()] == []
    runner.send_signal(signal.SIGTERM)
    runner.communicate(timeout=40)
    assert not root(above).exists()


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
    make_work: Work, start_command: Start, above: Path
) -> None:
    root(above).mkdir(mode=0o750)
    work = make_work("PersistentProcessRunner", num_processes=2, host_cache_dir=str(above))
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    [line] = [line for line in log.splitlines() if "host cache" in line]
    assert str(root(above)) in line.replace("\n", "")
    assert "0750" in line
    assert list(root(above).iterdir()) == []


@pytest.mark.parametrize("off", [{"host_cache": False}, {"host_cache_bytes": 0}])
def test_turned_off_it_is_nowhere(
    make_work: Work, start_command: Start, above: Path, off: dict[str, int | bool]
) -> None:
    work = make_work("PersistentProcessRunner", num_processes=1, host_cache_dir=str(above), **off)
    runner = start_command(work)
    assert work.add(1, 2).get(timeout=40) == 3
    assert not root(above).exists()
    runner.send_signal(signal.SIGTERM)
    _, log = runner.communicate(timeout=40)
    assert "host cache" not in log
