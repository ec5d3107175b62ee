"""What a worker process counts, where its runner can read it at any time, also after the process has died."""

from __future__ import annotations

import mmap
import os

from pynenc.runner.supervisor.memory_file import open_memory_file
from pynenc.runner.tally import Tally

_SIZE = 4096
_LENGTH = 8 * len(Tally._fields)


class Scoreboard:
    """A page of memory with a :class:`Tally`.

    :param fd: Of a scoreboard that another process has made; else one is made.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = open_memory_file("pynenc-scoreboard", size=_SIZE) if fd is None else fd
        self._page = mmap.mmap(self.fd, _SIZE)

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
