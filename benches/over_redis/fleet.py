"""A server, and the worker processes that run the workload over it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from server import SETTINGS, Server, serving

HERE = Path(__file__).parent
BOUND_S = 60.0


@contextmanager
def worker(server: Server, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a runner process: by default one of threads, with the two slots of the workload."""
    command = [sys.executable, "-m", "pynenc", "--app", "workload:app", "runner", "start"]
    chosen = options or ("--runner", "ThreadRunner")
    process = subprocess.Popen(
        [*command, *chosen],
        cwd=HERE,
        env={**os.environ, "PYNENC__REDIS_URL": server.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=BOUND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def served(settings: Mapping[str, str] = SETTINGS) -> Iterator[Server]:
    """Run a server that the workload of this process uses."""
    with serving(settings) as server:
        os.environ["PYNENC__REDIS_URL"] = server.url
        yield server


@contextmanager
def fleet(*options: str) -> Iterator[Server]:
    """Run a server and a runner whose workers have run something."""
    with served() as server, worker(server, *options):
        from workload import noop

        assert noop(1, 2).get(timeout=BOUND_S) == 1
        yield server
