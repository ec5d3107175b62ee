"""What a worker process counts, where its runner can read it at any time, also after the process has died."""

from __future__ import annotations

import mmap
import os
import struct

from pynenc.runner.supervisor.memory_file import open_memory_file
from pynenc.runner.tally import Tally

_WORD = 8
_LENGTH = _WORD * len(Tally._fields)
# Behind the numbers: how many bodies found no place in the list, and the list. A body has three words there: whether
# it is there, and its id. The rest of the memory is not there until it is used.
_SIZE = 1 << 16
_ENTRY = struct.Struct("=Q16s")


class Scoreboard:
    """Memory with a :class:`Tally`, and a list of the bodies that are under way.

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

    def under_way(self) -> list[bytes] | None:
        """Ids of the bodies that were begun and have not ended; what was only fetched ahead is not among them.

        ``None``: there were too many to tell.
        """
        page = bytes(self._page)
        if any(page[_LENGTH : _LENGTH + _WORD]):
            return None
        first = _LENGTH + _WORD
        whole = (len(page) - first) // _ENTRY.size * _ENTRY.size
        return [_raw_id(words) for there, words in _ENTRY.iter_unpack(page[first : first + whole]) if there]

    def close(self) -> None:
        """Give the memory back."""
        self._page.close()
        os.close(self.fd)


def _raw_id(words: bytes) -> bytes:
    """The bytes of an id from its two halves, which are words of this machine."""
    return b"".join(half.to_bytes(_WORD, "big") for half in struct.unpack("=QQ", words))
