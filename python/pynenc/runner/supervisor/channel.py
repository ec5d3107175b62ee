"""Messages over a socket: one line of JSON each."""

from __future__ import annotations

import socket
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_CHUNK = 1 << 16
_LONGEST = 1 << 20


class ChannelClosedError(Exception):
    """The other side is gone, or does not keep to the form."""


class Channel(Generic[T]):
    """One end of a control socket.

    :param end: The socket. A blocking one makes both directions wait; the other never waits.
    :param received: Type of the messages that come from the other end.
    """

    def __init__(self, end: socket.socket, received: Any) -> None:
        self._socket = end
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(received)
        self._encoder = msgspec.json.Encoder()
        self._sending = Lock()
        self._rest = b""

    def fileno(self) -> int:
        """Readable when :meth:`receive` has something to say."""
        return self._socket.fileno()

    def send(self, message: msgspec.Struct) -> None:
        """Send one message whole.

        :raises ChannelClosedError: the other end is gone; or, on a socket that does not wait, takes nothing in.
        """
        line = self._encoder.encode(message) + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError as error:
            raise ChannelClosedError(str(error)) from error

    def receive(self) -> list[T]:
        """Take what has come; an empty list when that is no whole message, or nothing.

        :raises ChannelClosedError: the other end is gone, and all that it said was received.
        """
        try:
            more = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            raise ChannelClosedError(str(error)) from error
        if not more:
            raise ChannelClosedError("the other end is closed")
        *lines, self._rest = (self._rest + more).split(b"\n")
        if len(self._rest) > _LONGEST:
            raise ChannelClosedError("a message that does not end")
        try:
            return [self._decoder.decode(line) for line in lines]
        except msgspec.DecodeError as error:
            raise ChannelClosedError(f"a message that nobody knows: {error}") from error

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
