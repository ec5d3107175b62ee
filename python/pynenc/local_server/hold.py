"""A process's hold on a server."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
from time import monotonic

from pynenc.exceptions import LocalServerError
from pynenc.local_server.attach import Attached, attach
from pynenc.local_server.fork_guard import closed_in_child
from pynenc.local_server.lock import becomes_free
from pynenc.local_server.places import Places

_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 10.0
_JOIN_SECONDS = 5.0


class Hold:
    """A connection to the keeper, whose end tells the keeper that a user is gone.

    The other way round, a thread sleeps until the keeper ends it: it was killed then, and another one is found, or
    started. After a fork only the parent holds.

    :param logger: told when no server comes up again.
    :raises LocalServerError: when none comes up at first.
    """

    def __init__(self, places: Places, logger: logging.Logger, *, keep: bool, binary: str) -> None:
        self._places = places
        self._logger = logger
        self._keep = keep
        self._binary = binary
        self._pid = os.getpid()
        self._line, self.server = attach(places, keep=keep, binary=binary)
        self._held_since = monotonic()
        self._pause = 0.0
        self._let_go = False
        self._changing = threading.Lock()
        self._ears, self._mouth = map(closed_in_child, socket.socketpair())
        self._thread = threading.Thread(target=self._watch, name="pynenc-local-server", daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """End the thread and the connection."""
        if os.getpid() != self._pid:
            return
        with self._changing:
            if self._let_go:
                return
            self._let_go = True
        self._mouth.close()  # which the thread hears
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)
        self._line.close()
        self._ears.close()

    def keeper_has_ended(self, seconds: float) -> bool:
        """Wait so long for the end of the keeper, which comes after that of the server; whether it has come."""
        return becomes_free(self._places.keeper_lock, seconds)

    # -- in the thread ----------------------------------------------------------------------------
    def _watch(self) -> None:
        while self._slept_until_the_keeper_ended():
            self._line.close()
            self._attach_again()

    def _slept_until_the_keeper_ended(self) -> bool:
        """Whether it was that, and not the owner who let go."""
        return not self._heard_owner(None, self._line.fileno())

    def _attach_again(self) -> None:
        """At once; after a pause, when it did not last."""
        if monotonic() - self._held_since > _STEADY_SECONDS:
            self._pause = 0.0
        while not self._heard_owner(self._pause):
            self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
            try:
                attached = attach(self._places, keep=self._keep, binary=self._binary)
            except (LocalServerError, OSError) as error:
                self._logger.warning("%s; it is tried again in %.2g s", error, self._pause)
                continue
            if self._took(attached):
                return

    def _took(self, attached: Attached) -> bool:
        with self._changing:
            if self._let_go:
                attached.line.close()
                return False
            self._line, self.server = attached
        self._held_since = monotonic()
        return True

    def _heard_owner(self, seconds: float | None, *others: int) -> bool:
        """Sleep until the owner lets go, one of the others ends, or the time is over; whether it was the first."""
        sleeper = select.poll()
        for descriptor in (self._ears.fileno(), *others):
            sleeper.register(descriptor, select.POLLIN)
        heard = sleeper.poll(None if seconds is None else seconds * 1_000)
        return any(descriptor == self._ears.fileno() for descriptor, _ in heard)
