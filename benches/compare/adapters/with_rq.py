"""rq over the server."""

from __future__ import annotations

from typing import Any

from peer import PATIENCE, SLOTS, URL, Peer, add, pairs, script, weigh
from redis import Redis
from rq import Queue

FETCH = int(PATIENCE)


class Simple(Peer):
    """A pool of two workers that fork for no job: the fast way of the documentation."""

    worker = "rq.SimpleWorker"

    def open(self) -> None:
        self.queue = Queue("bench", connection=Redis.from_url(URL))

    def close(self) -> None:
        self.queue.connection.close()

    def work(self) -> None:
        command = [script("rq"), "worker-pool", "-u", URL, "-n", str(SLOTS), "-w", self.worker, "-q", "bench"]
        self.spawn(*command, "--logging-level", "ERROR")

    def submit(self, a: int, b: int) -> Any:
        return self.queue.enqueue(add, a, b)

    def fetch(self, handle: Any) -> int:
        # It blocks on the stream of the job's results: no polling.
        found: int = handle.latest_result(timeout=FETCH).return_value
        return found

    def batch(self, n: int) -> int:
        jobs = self.queue.enqueue_many([Queue.prepare_data(add, pair) for pair in pairs(n)])
        return sum(self.fetch(job) for job in jobs)

    def share(self, large: Any, n: int) -> int:
        jobs = self.queue.enqueue_many([Queue.prepare_data(weigh, (large, i)) for i in range(n)])
        return sum(self.fetch(job) for job in jobs)


class Forking(Simple):
    """The default worker: a fork a job."""

    worker = "rq.Worker"
