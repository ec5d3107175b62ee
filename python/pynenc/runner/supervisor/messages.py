"""What a runner and its worker processes say to each other."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class _Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One message; its class travels by name."""


# -- to a worker process --------------------------------------------------------------------------
class Serve(_Message, frozen=True):
    """Begin to take work."""


class Stop(_Message, frozen=True):
    """Take no more work, and end when what runs has ended, or after ``grace`` seconds."""

    grace: float


class HandBack(_Message, frozen=True):
    """Hand back what runs, and end."""


class Dump(_Message, frozen=True):
    """Write what runs to the log."""


class WatchLoad(_Message, frozen=True):
    """Say :class:`Loaded` the next time that all slots are taken, or now."""


class MayWait(_Message, frozen=True):
    """The answer to :class:`Waits`: whether the body may wait; if not, why."""

    refusal: str = ""


# -- from a worker process ------------------------------------------------------------------------
class Ready(_Message, frozen=True):
    """The application is loaded and its engine answers: it can serve."""


class Unfit(_Message, frozen=True):
    """It cannot serve, and ends."""

    reason: str


class Leaves(_Message, frozen=True):
    """It takes no more work, and ends when what runs has ended; by itself, as its limits say."""

    reason: str


class Loaded(_Message, frozen=True):
    """All its slots are taken."""


class Waits(_Message, frozen=True):
    """Its one body is about to wait for others: is there somebody else to run them?"""


class GoesOn(_Message, frozen=True):
    """Its one body waits no longer."""


class Left(_Message, frozen=True):
    """It holds no work any more, and is about to end."""


ToWorker: TypeAlias = Serve | Stop | HandBack | Dump | WatchLoad | MayWait
FromWorker: TypeAlias = Ready | Unfit | Leaves | Loaded | Waits | GoesOn | Left
