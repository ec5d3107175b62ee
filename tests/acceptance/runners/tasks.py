"""What worker processes run in these tests. Every setting comes from the environment, so that all processes agree."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import os
import signal
import time
import zlib
from pathlib import Path
from typing import Any

from pynenc import Pynenc
from pynenc.context import current, runner_args

app = Pynenc(config_values=json.loads(os.environ["RUNNER_TESTS_CONFIG"]))


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def weigh(data: bytes) -> tuple[int, int]:
    time.sleep(0.02)
    return os.getpid(), len(data)


@app.task
def make(size: int) -> bytes:
    return b"x" * size


@app.task
def who() -> tuple[int, str, str]:
    told = runner_args.get() or {}
    return os.getpid(), told.get("runner_id", ""), told.get("runner_cls", "")


@app.task
def nested(depth: int) -> int:
    return 0 if depth == 0 else 1 + nested(depth - 1).result


@app.task
def wide(width: int) -> int:
    return sum(add.parallelize([(n, 1) for n in range(width)]).results)


@app.task
def tree(depth: int) -> int:
    """Wait for two others, each of which does so: the number of leaves."""
    if depth == 0:
        return 1
    left, right = tree(depth - 1), tree(depth - 1)
    return left.result + right.result


@app.task
async def nap(seconds: float) -> tuple[int, int]:
    """Sleep; the process, and how many threads it has."""
    await asyncio.sleep(seconds)
    return os.getpid(), threads()


@app.task
def busy(seconds: float) -> int:
    """Compute for so long, in Python."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return os.getpid()


# -- ways to die ----------------------------------------------------------------------------------
@app.task
def dies(how: str) -> str:
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "exit":
        os._exit(3)
    elif how == "group":
        os.killpg(0, signal.SIGKILL)
    else:
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(60)
    return "lives"


@app.task
def asks_for(how: str) -> str:
    return dies(how).result


@app.task
def dies_once(marker: str) -> int:
    """Kill the process at the first attempt only."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _attempt()


@app.task
def holds(marker: str, release: str) -> int:
    """Tell the process and wait until released; at a later attempt, do not wait."""
    if _attempt() == 1:
        Path(marker).write_text(str(os.getpid()), "utf-8")
        while not Path(release).exists():
            time.sleep(0.01)
    return _attempt()


@app.task(max_run_seconds=0.5)
def hangs() -> int:
    """Never return to the interpreter, which nobody else can have meanwhile."""
    return sum(itertools.repeat(1, 1 << 60))


@app.task(max_run_seconds=0.5)
def spins() -> None:
    while True:
        pass


_kept: list[bytearray] = []


@app.task
def leaks(mebibytes: int) -> int:
    _kept.append(bytearray(os.urandom(1 << 20) * mebibytes))
    return os.getpid()


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


# -- large values ---------------------------------------------------------------------------------
_held: list[Any] = []


@app.task
def meet(array: Any, place: str, count: int) -> tuple[int, int, bool, str]:
    """Keep an array, and return when so many processes have come: who has it, what it is, and where."""
    _held[:] = [array]
    (Path(place) / str(os.getpid())).touch()
    while len(list(Path(place).iterdir())) < count:
        time.sleep(0.01)
    return os.getpid(), zlib.crc32(array), array.flags.writeable, _mapped_file(array)


@app.task
def crc_of(value: bytes) -> tuple[int, int]:
    """Look at bytes: who does, and what they are."""
    return os.getpid(), zlib.crc32(value)


@app.task
def counters() -> dict[str, int]:
    return app.arg_cache.counters()


@app.task
def check_again(array: Any, marker: str, release: str) -> tuple[int, int, str]:
    """Look at an array before and after others have come."""
    before = zlib.crc32(array)
    Path(marker).write_text(str(os.getpid()), "utf-8")
    while not Path(release).exists():
        time.sleep(0.01)
    return before, zlib.crc32(array), _mapped_file(array)


def _mapped_file(array: Any) -> str:
    """The file whose memory the array is a view of; empty: it is in memory of the process."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        span, _, _, _, _, *file = line.split(maxsplit=5)
        start, end = (int(place, 16) for place in span.split("-"))
        if start <= address < end:
            return file[0] if file else ""
    return ""


def _attempt() -> int:
    running = current.get()
    assert running is not None
    return running.attempt
