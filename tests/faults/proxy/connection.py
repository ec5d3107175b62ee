"""One connection through the proxy: two streams, and what is done to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.proxy.faults import CONFIRMATIONS, LISTENING, MESSAGES, SILENT, WAITING, Cut, Kind, Request, Where
from tests.faults.proxy.frames import Frames, words_of

if TYPE_CHECKING:
    from tests.faults.proxy.proxy import Proxy

CHUNK = 1 << 16
NOTHING = frozenset({b"*-", b"$-", b"_\r", b"-U"})  # how replies begin that bring none: time is up, or unblocked
RESET = struct.pack("ii", 1, 0)  # linger for no time: the peer gets a reset, not an orderly end


class EndedError(Exception):
    """The connection is over, by the proxy's own doing."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that the server has not answered, as it was sent on."""

    request: Request
    frame: bytes
    cut: Cut | None


class Connection:
    """A client's connection and the one to the server that stands for it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._pending: deque[Pending] = deque()
        self._deaf = False
        self.kind = Kind.COMMAND

    async def run(self) -> None:
        """Carry both streams until one of them ends."""
        streams = [asyncio.ensure_future(self._requests()), asyncio.ensure_future(self._replies())]
        try:
            await asyncio.wait(streams, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            await self._close()

    def reset(self) -> None:
        """End it at once, on both sides; the client is told by a reset."""
        raw = self._to_client.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._to_client.transport.abort()
        self._to_server.transport.abort()

    def half_close(self) -> None:
        """Let the client read the end of the stream while what it sends is still taken."""
        if not self._deaf and self._to_client.can_write_eof():
            self._deaf = True
            self._to_client.write_eof()

    async def _close(self) -> None:
        for writer in (self._to_client, self._to_server):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    # -- from the client to the server
    async def _requests(self) -> None:
        frames = Frames()
        with contextlib.suppress(OSError, EndedError):
            while data := await self._from_client.read(CHUNK):
                for frame in frames.feed(data):
                    await self._request(frame)
                await self._to_server.drain()

    async def _request(self, frame: bytes) -> None:
        words = words_of(frame)
        name = words[0].upper()
        if name in WAITING:
            self.kind = Kind.DOORBELL
        elif name in LISTENING:
            self.kind = Kind.NOTICES
        request = self._proxy.seen(self.kind, words)
        await self._proxy.gate(self.kind)
        cut = self._proxy.decide(request)
        if cut is not None and cut.where is Where.BEFORE:
            self._cut(request, cut)
        if self._proxy.tampering is not None:
            frame = self._proxy.tampering.request(words) or frame
        if name not in SILENT:
            self._pending.append(Pending(request, frame, cut))
        if cut is not None and cut.where is Where.HALF_CLOSED:
            self._proxy.cut_made(request, cut)
            self.half_close()
        self._to_server.write(frame)

    # -- from the server to the client
    async def _replies(self) -> None:
        frames = Frames()
        with contextlib.suppress(OSError, EndedError):
            while data := await self._from_server.read(CHUNK):
                for frame in frames.feed(data):
                    await self._proxy.gate(self.kind)
                    await self._answer(frame)

    async def _answer(self, frame: bytes) -> None:
        if frame[:1] == b">" or (self.kind is Kind.NOTICES and frame[:1] == b"*"):
            word = words_of(frame)[0].lower()
            if word in MESSAGES or word in CONFIRMATIONS or frame[:1] == b">":
                if not (word in MESSAGES and self._proxy.loses_message()):
                    await self._deliver(frame)
                return
        pending = self._pending.popleft()
        if (
            pending.request.name in WAITING
            and frame[:2] not in {b"*-", b"_\r", b"$-", b"-U"}
            and self._proxy.loses_token()
        ):
            # What was popped is gone; the client goes on waiting, as if it had never come.
            self._pending.appendleft(pending)
            self._to_server.write(pending.frame)
            return
        await self._hand_on(frame, pending)

    async def _hand_on(self, frame: bytes, pending: Pending) -> None:
        match pending.cut:
            case Cut(where=Where.AFTER) as cut:
                self._cut(pending.request, cut)
            case Cut(where=Where.MID_REPLY) as cut:
                await self._deliver(frame[: max(1, len(frame) // 2)])
                self._cut(pending.request, cut)
            case _:
                await self._deliver(frame)

    async def _deliver(self, data: bytes) -> None:
        if self._deaf:
            return
        await self._proxy.pause()
        if pace := self._proxy.seconds_a_byte(self.kind):
            for offset in range(len(data)):
                self._to_client.write(data[offset : offset + 1])
                await asyncio.sleep(pace)
        else:
            self._to_client.write(data)
        await self._to_client.drain()

    def _cut(self, request: Request, cut: Cut) -> None:
        self._proxy.cut_made(request, cut)
        self.reset()
        raise EndedError
