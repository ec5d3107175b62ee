"""Finding the keeper of a server, or starting one."""

from __future__ import annotations

import socket
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple

from pynenc.exceptions import LocalServerError
from pynenc.local_server.fork_guard import closed_in_child
from pynenc.local_server.handshake import LONGEST, Hello, Welcome
from pynenc.local_server.launch import launch_keeper
from pynenc.local_server.lock import locked_if_free
from pynenc.local_server.places import Address, Places
from pynenc.local_server.private_directory import is_private

SECONDS = 60.0
_LOOK_SECONDS = 0.02


class Attached(NamedTuple):
    """A connection to a keeper, and the server's socket."""

    line: socket.socket
    server: str


def attach(places: Places, *, keep: bool, binary: str) -> Attached:
    """Connect to the keeper of a server, started if there is none; one process at a time starts it.

    :raises LocalServerError: when no server comes up.
    """
    until = monotonic() + SECONDS
    while True:
        if attached := _knock(places, keep, until):
            return attached
        with locked_if_free(places.start_lock) as mine:
            if mine:
                # It may have come up between the knock and the lock.
                if attached := _knock(places, keep, until):
                    return attached
                _launch(places, keep=keep, binary=binary, seconds=max(1.0, until - monotonic()))
                continue
        if monotonic() > until:
            raise _silent(places)
        sleep(_LOOK_SECONDS)  # another process starts it


def _launch(places: Places, *, keep: bool, binary: str, seconds: float) -> None:
    try:
        launch_keeper(places, keep=keep, binary=binary, seconds=seconds)
    except BaseException:  # Ctrl-C: the keeper may have come up, and would wait for a first user
        _turn_away(places)
        raise


def _turn_away(places: Places) -> None:
    """Come and go as a user. A keeper that is not there yet finds out when it reports to its starter."""
    address = Address.read(places.address)
    if address is not None and is_private(address.sockets):
        with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
            line.connect(str(address.keeper))


def _knock(places: Places, keep: bool, until: float) -> Attached | None:
    """Connect and wait for an answer; ``None`` when nobody is there."""
    address = Address.read(places.address)
    if address is None or not is_private(address.sockets):
        return None
    line = closed_in_child(socket.socket(socket.AF_UNIX))
    try:
        line.settimeout(max(0.1, until - monotonic()))
        line.connect(str(address.keeper))
        line.sendall(Hello(keep).line())
        answer = _read_answer(line)
        line.settimeout(None)
    except TimeoutError:
        line.close()
        raise _silent(places) from None
    except (OSError, ValueError):  # a keeper that ended, or was just ending
        line.close()
        return None
    except BaseException:  # Ctrl-C: the keeper is not to take an unfinished error's frames for a user
        line.close()
        raise
    if answer.error:
        line.close()
        raise LocalServerError(f"the server of {places.data} does not start: {answer.error}")
    return Attached(line, answer.server)


def _read_answer(line: socket.socket) -> Welcome:
    heard = b""
    while not heard.endswith(b"\n"):
        more = line.recv(LONGEST)
        if not more:
            raise ConnectionResetError
        heard += more
    return Welcome.of(heard)


def _silent(places: Places) -> LocalServerError:
    return LocalServerError(
        f"the keeper of {places.data} does not answer within {SECONDS:g} s; {places.log} may say why"
    )
