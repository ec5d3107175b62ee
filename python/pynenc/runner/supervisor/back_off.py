"""How long to wait before a process is started in the place of one that died young."""

from __future__ import annotations

import random
import time

_FIRST = 0.1
_LONGEST = 30.0
_FORGOTTEN_AFTER = 60.0


class BackOff:
    """Doubles the wait from one early death to the next, up to half a minute, give or take a quarter.

    :param free: How many early deaths in a row cost nothing. A row ends with a process that lived, or after a minute
        without any.
    """

    def __init__(self, free: int = 0) -> None:
        self._free = free
        self._last = float("-inf")
        self.failures = 0

    def failed(self) -> float:
        """Count an early death; seconds to wait."""
        now = time.monotonic()
        if now - self._last > _FORGOTTEN_AFTER:
            self.failures = 0
        self.failures += 1
        doublings = self.failures - self._free - 1
        wait = 0.0
        if doublings >= 0:
            # Not to the tick, so that many runners do not start in step.
            wait = min(_FIRST * 2.0 ** min(doublings, 16), _LONGEST) * random.uniform(0.75, 1.25)  # noqa: S311
        self._last = now + wait
        return wait

    def worked(self) -> None:
        """One lived: the next early death is the first again."""
        self.failures = 0
