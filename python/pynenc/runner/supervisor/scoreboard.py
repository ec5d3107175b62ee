"""What a worker process counts, where its runner can read it at any time, also after the process has died."""

from __future__ import annotations

import mmap
import os
from typing import NamedTuple

from pynenc.runner.supervisor.memory_file import open_memory_file

SIZE = 4096


class Tally(NamedTuple):
    """The numbers on a scoreboard; the worker pool writes them in this order."""

    worker: int = 0
    """What the engine calls the worker; 0 before it is known there."""
    running: int = 0
    """Bodies that hold a slot."""
    on_loop: int = 0
    """Coroutines that run and wait for nobody."""
    started: int = 0
    """Bodies started so far."""
    done: int = 0
    """Ended well."""
    failed: int = 0
    """Ended by an error for good, or called off."""
    retried: int = 0
    """Ended by an error that is to be tried again."""
    fenced: int = 0
    """Ended after somebody else had taken over: refused."""
    handed_back: int = 0
    """Given back unfinished."""

    def plus(self, other: Tally) -> Tally:
        """Both together, as far as they count what happened."""
        sums = [mine + theirs for mine, theirs in zip(self[_FIRST_SUM:], other[_FIRST_SUM:], strict=True)]
        return Tally(self.worker, self.running + other.running, self.on_loop + other.on_loop, *sums)

    def __str__(self) -> str:
        return (
            f"{self.done} done, {self.failed} failed, {self.retried} retried, {self.fenced} fenced, "
            f"{self.handed_back} handed back"
        )


_FIRST_SUM = Tally._fields.index("started")
_LENGTH = 8 * len(Tally._fields)


class Scoreboard:
    """A page of memory with a :class:`Tally`.

    :param fd: Of a scoreboard that another process has made; else one is made.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = open_memory_file("pynenc-scoreboard", size=SIZE) if fd is None else fd
        self._page = mmap.mmap(self.fd, SIZE)

    @property
    def page(self) -> mmap.mmap:
        """The memory itself, for the worker pool."""
        return self._page

    def read(self) -> Tally:
        """The numbers as they are now; each is whole, all of them together may be a moment apart."""
        return Tally(*memoryview(self._page)[:_LENGTH].cast("Q"))

    def close(self) -> None:
        """Give the memory back."""
        self._page.close()
        os.close(self.fd)
