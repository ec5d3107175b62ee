"""dramatiq over the server, with its result backend."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.encoder import PickleEncoder
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from peer import PATIENCE, SLOTS, URL, Peer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

# Pickle, since JSON takes neither bytes nor arrays; on the tiny calls the two cost the same.
dramatiq.set_encoder(PickleEncoder())
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL, encoder=PickleEncoder()), store_results=True))
dramatiq.set_broker(broker)
LIMIT = int(PATIENCE * 1_000)


@dramatiq.actor
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@dramatiq.actor
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Dramatiq(Peer):
    """The command line of the documentation."""

    processes = 1
    threads = SLOTS

    def work(self) -> None:
        command = [script("dramatiq"), "with_dramatiq", "-p", str(self.processes), "-t", str(self.threads)]
        self.spawn(*command, "--skip-logging")

    def submit(self, a: int, b: int) -> Any:
        return add.send(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.get_result(block=True, timeout=LIMIT)
        return found

    def batch(self, n: int) -> int:
        calls = dramatiq.group(add.message(a, b) for a, b in pairs(n)).run()
        return sum(calls.get_results(block=True, timeout=LIMIT))

    def share(self, large: Any, n: int) -> int:
        calls = dramatiq.group(weigh.message(large, i) for i in range(n)).run()
        return sum(calls.get_results(block=True, timeout=LIMIT))


class Threads(Dramatiq):
    """One process of two threads."""


class Processes(Dramatiq):
    """Two processes of one thread."""

    processes = SLOTS
    threads = 1
