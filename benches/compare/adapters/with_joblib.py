"""joblib with its default backend, loky."""

from __future__ import annotations

from typing import Any

from joblib import Parallel, delayed
from peer import SLOTS, AbsentError, Peer, add, weigh


class Loky(Peer):
    """Only whole maps: joblib hands out no call by itself, and batches items as it sees fit."""

    def one_by_one(self, n: int) -> tuple[float, float, int]:
        raise AbsentError("no single calls")

    def trips(self, n: int) -> list[float]:
        raise AbsentError("no single calls")

    def fill(self, n: int) -> float:
        raise AbsentError("keeps no queue")

    def batch(self, n: int) -> int:
        return sum(Parallel(n_jobs=SLOTS)(delayed(add)(i, 2) for i in range(n)))

    def share(self, large: Any, n: int) -> int:
        # Arrays over 1 MB are memory-mapped for the workers, which is joblib's own default.
        return sum(Parallel(n_jobs=SLOTS)(delayed(weigh)(large, i) for i in range(n)))
