"""What a worker pool counts."""

from __future__ import annotations

from typing import NamedTuple


class Tally(NamedTuple):
    """The numbers, in the order in which a pool gives them."""

    worker: int = 0
    """By what every process knows the worker; 0 before it is known, and where there is only one process."""
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
    forced: int = 0
    """1 when a worker process has ended itself under a body that would not end in time."""

    @property
    def unfinished(self) -> int:
        """Bodies that run or wait."""
        return self.started - self.done - self.failed - self.retried - self.fenced - self.handed_back

    def plus(self, other: Tally) -> Tally:
        """Both together, as far as they count what happened."""
        return Tally(0, *(mine + theirs for mine, theirs in zip(self[1:], other[1:], strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.done} done, {self.failed} failed, {self.retried} retried, {self.fenced} fenced, "
            f"{self.handed_back} handed back"
        )
