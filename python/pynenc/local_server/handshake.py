"""What a user of the server and its keeper say to each other: one line of JSON each."""

from __future__ import annotations

import json
from dataclasses import dataclass

LONGEST = 4_096
_LONGEST_ERROR = 3_000


@dataclass(frozen=True)
class Hello:
    """A user comes.

    :param keep: whether the server is to go on when nobody uses it; the last who said counts.
    """

    keep: bool

    def line(self) -> bytes:
        """Write it."""
        return _written({"keep": self.keep})

    @classmethod
    def of(cls, line: bytes) -> Hello:
        """Read it.

        :raises ValueError: it is none.
        """
        return cls(bool(_read(line, "keep")))


@dataclass(frozen=True)
class Welcome:
    """The server is there, or cannot be.

    :param server: path of its socket.
    :param error: why there is none.
    """

    server: str = ""
    error: str = ""

    def line(self) -> bytes:
        """Write it."""
        return _written({"server": self.server, "error": self.error[:_LONGEST_ERROR]})

    @classmethod
    def of(cls, line: bytes) -> Welcome:
        """Read it.

        :raises ValueError: it is none.
        """
        return cls(str(_read(line, "server")), str(_read(line, "error")))


def _written(values: dict[str, object]) -> bytes:
    return json.dumps(values).encode("ascii") + b"\n"


def _read(line: bytes, name: str) -> object:
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict) or name not in found:
        raise ValueError(f"expected an object with {name!r}")
    return found[name]
