"""What the proxy does to a connection, and to which."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

WAITING = frozenset({b"BLPOP", b"BZMPOP", b"BZPOPMIN", b"BLMOVE", b"BLMPOP"})
LISTENING = frozenset({b"SUBSCRIBE", b"SSUBSCRIBE", b"PSUBSCRIBE"})
SILENT = LISTENING | {b"UNSUBSCRIBE", b"SUNSUBSCRIBE", b"PUNSUBSCRIBE"}
"""Requests that are answered by messages, not by a reply."""
MESSAGES = frozenset({b"message", b"smessage", b"pmessage"})
CONFIRMATIONS = frozenset(word.lower() for word in SILENT)


class Kind(enum.StrEnum):
    """What a connection is for, told by what was asked on it."""

    COMMAND = "command"
    DOORBELL = "doorbell"
    NOTICES = "notices"


ALL_KINDS = frozenset(Kind)


class Where(enum.StrEnum):
    """At which moment of one request its connection ends."""

    BEFORE = "before the server has the request"
    AFTER = "after the server has done it, before the reply"
    MID_REPLY = "in the middle of the reply"
    HALF_CLOSED = "after the request, for the replies only"


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way, and its number among those of the proxy."""

    number: int
    kind: Kind
    words: list[bytes]

    @property
    def name(self) -> bytes:
        """The command, in capitals."""
        return self.words[0].upper()

    @property
    def script(self) -> bytes | None:
        """The digest or the name of what it has the server run, if it does."""
        return self.words[1] if self.name in {b"EVALSHA", b"FCALL"} else None


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection at that moment of this request, and do something then."""

    where: Where
    then: Callable[[], object] | None = None


Decide = Callable[[Request], Cut | None]
"""Asked for every request; runs on the proxy's thread and must not block."""


@dataclass(slots=True)
class State:
    """What is wrong with the network now."""

    refused: bool = False
    held: frozenset[Kind] = frozenset()
    seconds_a_byte: dict[Kind, float] = field(default_factory=dict)
    delay: tuple[float, float] = (0.0, 0.0)  # mean and spread, in seconds
    messages_lost: bool = False
    tokens_lost: bool = False
    decide: Decide | None = None
