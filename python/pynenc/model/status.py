"""Where an invocation stands. The rules are the extension's: one table for every engine and language."""

from __future__ import annotations

from enum import StrEnum, auto
from functools import cache


class InvocationStatus(StrEnum):
    """Where an invocation stands."""

    REGISTERED = auto()
    """Waits in the queue for its first run."""
    SCHEDULED = auto()
    """Waits for its time."""
    PENDING = auto()
    """Claimed by a worker that has not started the body."""
    RUNNING = auto()
    """The body runs."""
    PAUSED = auto()
    """The body waits for other invocations, without a slot."""
    RETRY = auto()
    """Failed in a way that its task retries; waits for the next run."""
    REROUTED = auto()
    """Handed back, rescued from a lost worker, or set aside by a running rule; waits for a run."""
    SUCCESS = auto()
    """Ended with a result; final."""
    FAILED = auto()
    """Ended with an error; final."""
    CANCELLED = auto()
    """Called off; final."""

    def is_available_for_run(self) -> bool:
        """Whether a worker may claim it."""
        return self in _claimable()

    def is_final(self) -> bool:
        """Whether it stays so for ever."""
        return self in _final()

    def can_move_to(self, other: InvocationStatus) -> bool:
        """Whether the status table has this step."""
        return (self, other) in _steps()


@cache
def _claimable() -> frozenset[str]:
    from pynenc._core import claimable_statuses

    return frozenset(claimable_statuses())


@cache
def _final() -> frozenset[str]:
    from pynenc._core import final_statuses

    return frozenset(final_statuses())


@cache
def _steps() -> frozenset[tuple[str | None, str]]:
    from pynenc._core import transitions

    return frozenset(transitions())
