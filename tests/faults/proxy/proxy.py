"""A TCP proxy between the engine and its server that does what networks do.

It knows the protocol well enough to tell where a request and its reply begin and end, so a cut hits
the moment that a test is about. Everything it decides by chance comes from one seed.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from tests.faults.proxy.connection import Connection
from tests.faults.proxy.faults import ALL_KINDS, Cut, Decide, Kind, Request, State, Where
from tests.faults.proxy.tampering import Rewrite, Tampering

T = TypeVar("T")

STOP_S = 10.0


class Proxy:
    """Listens on a loopback port for clients of the server at ``upstream``."""

    def __init__(self, upstream: str, *, seed: int, rewrite: Rewrite | None = None) -> None:
        self._upstream = upstream
        self._random = random.Random(seed)
        self._state = State()
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self.tampering = Tampering(rewrite) if rewrite else None
        self.requests: Counter[tuple[Kind, bytes]] = Counter()
        self.cuts: Counter[bytes] = Counter()
        """By the digest of the script whose request was hit, or by the command's name."""
        self.lost: Counter[str] = Counter()
        self.accepted = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"redis://127.0.0.1:{self.port}/0"

    # -- life
    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._loop.call_soon_threadsafe(self._open_gate)
        return self

    def __exit__(self, *_: object) -> None:
        self._on_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        assert not self._thread.is_alive()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        self._gate.set()
        for connection in list(self._connections):
            connection.reset()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_S)

    def _do(self, change: Callable[[], object]) -> None:
        """Make a change on the loop's thread, and wait until it is made."""

        async def make() -> None:
            change()
            self._gate.set()
            self._gate.clear()

        self._on_loop(make())

    def _open_gate(self) -> None:
        self._gate = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.accepted += 1
        try:
            server = None if self._state.refused else await self._connect()
            if server is None:
                writer.transport.abort()
                return
            connection = Connection(self, (reader, writer), server)
            self._connections.add(connection)
            try:
                await connection.run()
            finally:
                self._connections.discard(connection)
        except asyncio.CancelledError:
            pass  # the proxy stops
        finally:
            self._serving.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        parts = urlsplit(self._upstream)
        with suppress(OSError):
            if parts.scheme == "unix":
                return await asyncio.open_unix_connection(parts.path)
            return await asyncio.open_connection(parts.hostname, parts.port)
        return None

    # -- faults, from any thread
    def heal(self) -> None:
        """End every fault; what was held flows on."""
        self._do(lambda: setattr(self, "_state", State()))

    def refuse(self) -> None:
        """Reset every connection, and every new one, until healed."""
        self._do(lambda: (setattr(self._state, "refused", True), self._reset(ALL_KINDS)))

    def reset(self, kinds: Iterable[Kind] = ALL_KINDS) -> None:
        """Reset the connections that there are."""
        self._do(lambda: self._reset(frozenset(kinds)))

    def hold(self, kinds: Iterable[Kind] = ALL_KINDS) -> None:
        """Let nothing through, either way, without a word (a black hole), until healed."""
        self._do(lambda: setattr(self._state, "held", frozenset(kinds)))

    def hold_at(self, command: bytes) -> None:
        """Hold all commands like that from the next one of this name on: the server gets it, its reply is held."""

        def decide(request: Request) -> Cut | None:
            if request.name == command:
                self._state.held = frozenset({request.kind})
            return None

        self.when(decide)

    def delay(self, mean: float, spread: float = 0.0) -> None:
        """Deliver every reply late."""
        self._do(lambda: setattr(self._state, "delay", (mean, spread)))

    def trickle(self, seconds_a_byte: float, kinds: Iterable[Kind] = ALL_KINDS) -> None:
        """Deliver replies byte by byte."""
        self._do(lambda: setattr(self._state, "seconds_a_byte", dict.fromkeys(kinds, seconds_a_byte)))

    def half_close(self, kinds: Iterable[Kind] = ALL_KINDS) -> None:
        """Let clients read the end of their streams, while what they send still arrives."""
        chosen = frozenset(kinds)
        self._do(lambda: [one.half_close() for one in self._connections if one.kind in chosen])

    def lose_messages(self) -> None:
        """Lose every published message."""
        self._do(lambda: setattr(self._state, "messages_lost", True))

    def lose_tokens(self) -> None:
        """Lose whatever a blocking pop brings; the client goes on waiting."""
        self._do(lambda: setattr(self._state, "tokens_lost", True))

    def when(self, decide: Decide | None) -> None:
        """Ask ``decide`` about every request from here on."""
        self._do(lambda: setattr(self._state, "decide", decide))

    def cut_scripts(self, where: Where, chance: float) -> None:
        """Cut the connections of scripts by chance."""

        def decide(request: Request) -> Cut | None:
            return Cut(where) if request.script and self._random.random() < chance else None

        self.when(decide)

    @contextmanager
    def broken(self, fault: Callable[..., None], *arguments: Any) -> Any:
        """Have a fault for the length of a block."""
        fault(*arguments)
        try:
            yield
        finally:
            self.heal()

    def _reset(self, kinds: frozenset[Kind]) -> None:
        for connection in [one for one in self._connections if one.kind in kinds]:
            connection.reset()

    # -- looking
    @property
    def open(self) -> Counter[Kind]:
        """How many connections there are of each kind."""
        return Counter(one.kind for one in list(self._connections))

    # -- what connections ask, on the loop's thread
    def seen(self, kind: Kind, words: list[bytes]) -> Request:
        """Count a request."""
        self._numbers += 1
        request = Request(self._numbers, kind, words)
        self.requests[kind, request.name] += 1
        return request

    def decide(self, request: Request) -> Cut | None:
        """What is to be done to this request."""
        return self._state.decide(request) if self._state.decide else None

    def cut_made(self, request: Request, cut: Cut) -> None:
        """A connection is ended at a request."""
        self.cuts[request.script or request.name] += 1
        if cut.then is not None:
            cut.then()

    async def gate(self, kind: Kind) -> None:
        """Wait while nothing gets through."""
        while kind in self._state.held:
            await self._gate.wait()

    async def pause(self) -> None:
        """Wait as long as the network is slow."""
        mean, spread = self._state.delay
        if mean:
            await asyncio.sleep(max(0.0, self._random.uniform(mean - spread, mean + spread)))

    def seconds_a_byte(self, kind: Kind) -> float:
        """How slowly bytes come; 0: as they are."""
        return self._state.seconds_a_byte.get(kind, 0.0)

    def loses_message(self) -> bool:
        """Whether a published message gets lost."""
        self.lost["messages"] += self._state.messages_lost
        return self._state.messages_lost

    def loses_token(self) -> bool:
        """Whether what a blocking pop brings gets lost."""
        self.lost["tokens"] += self._state.tokens_lost
        return self._state.tokens_lost
