"""A driver process as the comparison sees it: it is asked, it answers in time, or it is ended."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
import uuid
from pathlib import Path
from typing import IO, Any

from processes import cpu_seconds, descendants, end_all, marked, private_bytes

HERE = Path(__file__).parent
START_LIMIT = 60.0
POLITE = 10.0
"""Seconds that it has to end its workers in."""


class LateError(Exception):
    """No answer in time."""


class Driven:
    """One peer in its process, with its workers.

    :param python: interpreter of the peer's environment.
    :param log: where everything goes that the peer prints.
    """

    def __init__(
        self, python: str, adapter: str, *, work: bool, folder: Path, environment: dict[str, str], log: IO[bytes]
    ) -> None:
        command = [python, str(HERE / "driver.py"), adapter, *(["work"] if work else [])]
        self._mark = f"BENCH_RUN={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, "BENCH_FOLDER": str(folder), name: value, **environment},
            # Ctrl-C is for the comparison alone, which then ends all of them.
            start_new_session=True,
        )
        self._rest = b""
        self._busy = True

    def ready(self) -> dict[str, Any]:
        """Wait until its workers have answered once."""
        return self._answer(START_LIMIT)

    def ask(self, order: dict[str, Any], limit: float) -> dict[str, Any]:
        """Have one measure taken; how much processor time it took is added to the answer.

        :raises LateError: no answer within so many seconds, or none at all.
        """
        assert self._process.stdin is not None
        before = self._cpu()
        self._busy = True
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise LateError(f"the driver ended with {self._process.wait(5)}") from None
        found = self._answer(limit)
        producer, workers = self._cpu()
        return {**found, "producer_cpu": producer - before[0], "worker_cpu": workers - before[1]}

    def memory(self) -> tuple[int, int]:
        """Bytes of the producer and of everything that it started."""
        return private_bytes([self._process.pid]), private_bytes(descendants(self._process.pid))

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds([self._process.pid]), cpu_seconds(descendants(self._process.pid))

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        end = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise LateError(f"not finished within {limit:g} s")
                read = os.read(self._process.stdout.fileno(), 1 << 16)
                if not read:
                    raise LateError(f"the driver ended with {self._process.wait(5)}")
                self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        self._busy = False
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it and whatever it leaves behind: politely, unless it is in the middle of a measure."""
        started = descendants(self._process.pid)
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=0 if self._busy else POLITE)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            started += descendants(self._process.pid)
            self._process.kill()
            self._process.wait()
        # What was started and has lost its parent is below this process now; see ``adopt_orphans``.
        below = descendants(os.getpid())
        end_all([pid for pid in below if pid in started or pid in marked(below, self._mark)])
