"""A 20 MB argument that a hundred calls share; what cannot be avoided is one look at it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from workload import app, measure_shared, noop

from pynenc._core import fingerprint as fingerprint_of
from pynenc._core import forget_remembered_fingerprints

Run = Callable[[], float]
SIZE = 20 << 20
ASCII = bytes(range(32, 127)) * 3


def noise(small: bool) -> bytes:
    """Bytes that do not compress."""
    return random.Random(7).randbytes(SIZE // 100 if small else SIZE)


def as_text(small: bool) -> str:
    """The same as ASCII text."""
    return noise(small).translate(bytes(ASCII[i] for i in range(256))).decode("ascii")


def as_array(small: bool) -> Any:
    """The same as an array of numbers."""
    import numpy as np

    return np.frombuffer(noise(small), dtype=np.uint8).copy()


@contextmanager
def mapped(large: Any) -> Iterator[Run]:
    """Seconds of one direct call that shares the argument among a hundred."""
    expected = 100 * len(large) + sum(range(100))

    def run() -> float:
        forget_remembered_fingerprints()
        start = perf_counter()
        total = measure_shared(large)
        seconds = perf_counter() - start
        assert total == expected
        return seconds

    with app.running():
        yield run


@contextmanager
def floor(large: Any) -> Iterator[Run]:
    """Seconds of one pass of BLAKE3 over it and a hundred no-ops."""

    def run() -> float:
        forget_remembered_fingerprints()
        start = perf_counter()
        fingerprint_of(large)
        invocations = [noop(i, 2) for i in range(100)]
        total = sum([invocation.result for invocation in invocations])
        seconds = perf_counter() - start
        assert total == sum(range(100))
        return seconds

    with app.running():
        yield run


def text(*, small: bool) -> Any:
    """Share a str."""
    return mapped(as_text(small))


def text_floor(*, small: bool) -> Any:
    """Look at a str."""
    return floor(as_text(small))


def data(*, small: bool) -> Any:
    """Share bytes."""
    return mapped(noise(small))


def data_floor(*, small: bool) -> Any:
    """Look at bytes."""
    return floor(noise(small))


def array(*, small: bool) -> Any:
    """Share an array."""
    return mapped(as_array(small))


def array_floor(*, small: bool) -> Any:
    """Look at an array."""
    return floor(as_array(small))


@contextmanager
def fingerprint(**_small: bool) -> Iterator[Run]:
    """Seconds of the fingerprint of a 20 MB buffer, whole in a small round too: the other side's is."""
    buffer = bytearray(noise(small=False))

    def run() -> float:
        start = perf_counter()
        fingerprint_of(buffer)
        return perf_counter() - start

    yield run
