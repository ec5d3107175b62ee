"""dask.distributed on this machine: two worker processes of one thread."""

from __future__ import annotations

from typing import Any

from distributed import Client, LocalCluster
from peer import PATIENCE, SLOTS, AbsentError, Peer, add, weigh


class Distributed(Peer):
    """No dashboard; ``pure=False``, or equal calls would be answered once."""

    def open(self) -> None:
        self.cluster = LocalCluster(
            n_workers=SLOTS, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        self.client = Client(self.cluster)

    def close(self) -> None:
        self.client.close()
        self.cluster.close()

    def submit(self, a: int, b: int) -> Any:
        return self.client.submit(add, a, b, pure=False)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result(PATIENCE)
        return found

    def fill(self, n: int) -> float:
        raise AbsentError("the workers start with the cluster")

    def batch(self, n: int) -> int:
        return sum(self.client.gather(self.client.map(add, range(n), [2] * n, pure=False)))

    def share(self, large: Any, n: int) -> int:
        # Scattering once is what its best practices say of large arguments. By a fresh name each time:
        # under a name by content, letting the last one go cancels the next.
        held = self.client.scatter([large], broadcast=True, hash=False)[0]
        return sum(self.client.gather([self.client.submit(weigh, held, i, pure=False) for i in range(n)]))
