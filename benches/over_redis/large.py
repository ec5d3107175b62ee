"""A 20 MB argument for a hundred calls, beside what cannot be avoided; and by how much a worker grows.

``python benches/over_redis/large.py`` prints a line for each kind of value. The floor is one SET and one GET over a
bare socket, one hash, one decoding (the two workers do it beside each other) and a hundred no-ops.
"""

from __future__ import annotations

import gc
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "python"))

from conditions import refuse_unfit
from fleet import BOUND_S, fleet
from server import Server

SIZE = 20 << 20
ROUNDS = 9
CALLS = 100
KINDS = ("bytes", "str", "numpy")
PRINTABLE = bytes(32 + place % 95 for place in range(256))


def make(kind: str, seed: int) -> Any:
    """A value that does not compress and that nobody has seen."""
    noise = random.Random(f"{kind} {seed}").randbytes(SIZE)
    if kind == "str":
        return noise.translate(PRINTABLE).decode("ascii")
    if kind == "numpy":
        import numpy as np

        return np.frombuffer(noise, dtype=np.uint8).copy()
    return noise


def share(value: Any) -> float:
    """Seconds of a hundred calls that share it."""
    from workload import count_in

    start = perf_counter()
    total = sum(count_in.parallelize([{"extra": i} for i in range(CALLS)], common_args={"value": value}).results)
    seconds = perf_counter() - start
    assert total == CALLS * SIZE + sum(range(CALLS))
    return seconds


class Bare:
    """A connection that does nothing but what it must."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1].partition("/")[0])))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def there_and_back(self, content: memoryview) -> bytearray:
        """Store the content, read it, and drop it."""
        size = len(content)
        self._socket.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nfloor\r\n$%d\r\n" % size)
        self._socket.sendall(content)
        self._socket.sendall(b"\r\n")
        assert self._socket.recv(64) == b"+OK\r\n"
        self._socket.sendall(b"*2\r\n$3\r\nGET\r\n$5\r\nfloor\r\n")
        head = len(b"$%d\r\n" % size)
        come, filled = bytearray(head + size + 2), 0
        while filled < len(come):
            filled += self._socket.recv_into(memoryview(come)[filled:])
        self._socket.sendall(b"*2\r\n$3\r\nDEL\r\n$5\r\nfloor\r\n")
        assert self._socket.recv(64) == b":1\r\n"
        return come


def floor(bare: Bare, value: Any) -> float:
    """Seconds of what cannot be avoided."""
    from workload import noop

    from pynenc._core import fingerprint, forget_remembered_fingerprints

    content = memoryview(value.encode() if isinstance(value, str) else value)
    forget_remembered_fingerprints()
    start = perf_counter()
    come = memoryview(bare.there_and_back(content))[-SIZE - 2 : -2]
    fingerprint(value)
    decoded = str(come, "ascii") if isinstance(value, str) else bytes(come) if isinstance(value, bytes) else come
    assert sum(noop.parallelize([(i, 2) for i in range(CALLS)]).get(timeout=BOUND_S)) == sum(range(CALLS))
    seconds = perf_counter() - start
    assert len(decoded) == SIZE
    return seconds


def pss(pid: int) -> int:
    """What a process holds, in bytes; what it shares counts by its part."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    return next(int(line.split()[1]) << 10 for line in told.splitlines() if line.startswith("Pss:"))


@contextmanager
def watched(idle: dict[int, int]) -> Iterator[list[float]]:
    """By how many values one of the processes grows over what it held idle, at the most and in the end."""
    most, ended, told = [0], Event(), [0.0, 0.0]

    def grown() -> int:
        return max(pss(pid) - before for pid, before in idle.items())

    def watch() -> None:
        while not ended.wait(0.001):
            most[0] = max(most[0], grown())

    thread = Thread(target=watch)
    thread.start()
    yield told
    ended.set()
    thread.join()
    told[:] = [most[0] / SIZE, grown() / SIZE]


def idle_workers(kind: str) -> dict[int, int]:
    """What each of the processes holds that has had values of this kind, and no large one."""
    from workload import count_in, process_id

    small = make(kind, 0)[:10]
    for _ in range(20):
        assert sum(count_in.parallelize([(small, 0)] * 20).get(timeout=BOUND_S)) == 200
    pids = process_id.parallelize([(0.001,)] * 200).get(timeout=BOUND_S)
    return {pid: pss(pid) for pid in pids}


def line(kind: str, server: Server) -> str:
    """How workers grow by the first value, and medians over the rounds."""
    bare, idle, value = Bare(server), idle_workers(kind), make(kind, 1)
    before = server.count()
    with watched(idle) as grown:
        share(value)
    sent = (server.count() - before).received / SIZE
    first, again, least = [], [], []
    for round_ in range(ROUNDS):
        value = make(kind, 2 + round_)
        first.append(share(value))
        again.append(share(value))
        least.append(floor(bare, value))
        del value
        gc.collect()
    ratio = median(one / other for one, other in zip(first, least, strict=True))
    return (
        f"{kind:6} first {median(first) * 1e3:6.1f} ms, floor {median(least) * 1e3:6.1f} ms, {ratio:.2f} times; "
        f"again {median(again) * 1e3:5.1f} ms; {sent:.3f} sent; a worker grows by {grown[0]:.2f}, then {grown[1]:.2f}"
    )


def main() -> None:
    """Print a line for each kind, each from processes of its own."""
    refuse_unfit(anyway="--anyway" in sys.argv)
    kinds = [kind for kind in KINDS if kind in sys.argv]
    if not kinds:
        for kind in KINDS:
            subprocess.run([sys.executable, __file__, kind, "--anyway"], check=True)
        return
    with fleet("--runner", "PersistentProcessRunner", "--slots", "2") as server:
        print(line(kinds[0], server), flush=True)


if __name__ == "__main__":
    main()
