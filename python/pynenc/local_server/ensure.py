"""What engines ask for: the server of an application."""

from __future__ import annotations

import logging
import os
import weakref
from typing import TYPE_CHECKING

from pynenc.exceptions import LocalServerError
from pynenc.local_server.hold import Hold
from pynenc.local_server.lock import becomes_free
from pynenc.local_server.places import places_of

if TYPE_CHECKING:
    from pynenc.conf.config_local import ConfigLocal


class LocalServer:
    """The server is there as long as this is, or any other one in any process.

    In a forked child it holds nothing: the child asks for one of its own.
    """

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._finalizer = weakref.finalize(self, hold.let_go)
        # The end of the process lets go by itself, and later than what else still runs at exit.
        self._finalizer.atexit = False

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"unix://{self._hold.server}"

    def release(self) -> None:
        """Let go of the server; it ends when nobody holds it."""
        self._finalizer()

    def wait_until_gone(self, seconds: float) -> bool:
        """After the release, wait until server and keeper have ended; whether they have. Others may still use them."""
        return self._hold.keeper_has_ended(seconds)

    def __repr__(self) -> str:
        return f"LocalServer({self.url!r})"


def ensure_server(app_id: str, conf: ConfigLocal) -> LocalServer:
    """Find the server of this user and application, or start it; and hold on to it.

    However many processes do so at once, there is one server.

    :raises LocalServerError: there is no program for it, it does not come up, or its directories are not safe.
    """
    if os.name != "posix":
        raise LocalServerError("the local engine needs Unix sockets and file locks: it runs on Linux and macOS")
    places = places_of(app_id, conf.local_dir)
    logger = logging.getLogger(f"pynenc.{app_id}")
    return LocalServer(Hold(places, logger, keep=conf.local_keep, binary=conf.local_server))


def wait_until_gone(app_id: str, local_dir: str, seconds: float) -> bool:
    """Wait until the server of an application has ended, also one whose start was broken off; whether it has.

    :param local_dir: the directory above its data; empty: this user's directory for state.
    """
    return becomes_free(places_of(app_id, local_dir).keeper_lock, seconds)
