"""The keeper: a process that has the server run as long as somebody uses it."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from pynenc.local_server.handshake import LONGEST, Hello, Welcome
from pynenc.local_server.keeper_lock import hold_keeper_lock
from pynenc.local_server.keeper_plan import KeeperPlan
from pynenc.local_server.places import Address, keeper_socket, server_socket, this_machine
from pynenc.local_server.private_directory import make_private
from pynenc.local_server.server_watch import ServerWatch

# Whoever starts a keeper comes at once, unless it is killed or interrupted just then.
FIRST_USER_SECONDS = 10.0
_LARGEST_LOG = 1_000_000


class Keeper:
    """Sleeps until a user comes or goes, or the server dies.

    :param plan: which server.
    :param report: told once whether the server answers; says whether its starter is still there to hear it.
    """

    def __init__(self, plan: KeeperPlan, report: Callable[[Welcome], bool]) -> None:
        self._plan = plan
        self._report = report
        self._selector = selectors.DefaultSelector()
        self._server = ServerWatch(plan, self._selector)
        self._keep = plan.keep
        self._users: dict[socket.socket, bytes] = {}
        self._unanswered: list[socket.socket] = []
        self._answer: Welcome | None = None
        self._first_user_until = 0.0
        self._told_to_stop = False
        self._ears, self._mouth = socket.socketpair()

    def run(self) -> None:
        """Have the server run until the last user is gone, or SIGTERM; then end it in good order."""
        self._listen_to_signals()
        door = self._open_door()
        try:
            while not self._over():
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._server.advance()
                self._settle_answer()
        finally:
            self._selector.unregister(door)
            keeper_socket(self._plan.sockets).unlink(missing_ok=True)
            self._plan.places.address.unlink(missing_ok=True)
            door.close()  # who has just knocked finds nobody, and starts a keeper, which waits for the end of this one
            self._server.stop()
            with suppress(OSError):
                self._plan.sockets.rmdir()

    def _over(self) -> bool:
        if self._told_to_stop or self._server.failure:
            return True
        if self._users or self._keep or not self._server.ready:
            return False
        return monotonic() >= self._first_user_until

    def _patience(self) -> float | None:
        waits = [self._server.patience()]
        if self._first_user_until and not self._users and not self._keep:
            waits.append(max(0.0, self._first_user_until - monotonic()))
        return min((wait for wait in waits if wait is not None), default=None)

    def _settle_answer(self) -> None:
        if self._answer is None and (self._server.ready or self._server.failure):
            self._answer = Welcome(str(server_socket(self._plan.sockets)), self._server.failure)
            starter_comes = self._report(self._answer)
            self._first_user_until = monotonic() + (FIRST_USER_SECONDS if starter_comes else 0.0)
        if self._answer is not None:
            while self._unanswered:
                user = self._unanswered.pop()
                with suppress(OSError):  # it may have gone: then its end is heard, too
                    user.send(self._answer.line())

    # -- users ------------------------------------------------------------------------------------
    def _open_door(self) -> socket.socket:
        path = keeper_socket(self._plan.sockets)
        path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(path))
        door.listen(128)
        door.setblocking(False)
        self._selector.register(door, selectors.EVENT_READ, lambda: self._let_in(door))
        Address(self._plan.sockets, os.getpid(), this_machine()).write(self._plan.places.address)
        return door

    def _let_in(self, door: socket.socket) -> None:
        try:
            user, _ = door.accept()
        except OSError:  # gone already, or no descriptor left for it
            return
        user.setblocking(False)
        self._users[user] = b""
        self._selector.register(user, selectors.EVENT_READ, lambda: self._hear(user))

    def _hear(self, user: socket.socket) -> None:
        try:
            said = user.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        heard = self._users[user] + said
        if not said or len(heard) > LONGEST:
            self._let_out(user)
            return
        self._users[user] = heard
        if heard.endswith(b"\n"):
            self._greet(user, heard)

    def _greet(self, user: socket.socket, line: bytes) -> None:
        try:
            self._keep = Hello.of(line).keep
        except ValueError:
            self._let_out(user)
            return
        self._users[user] = b""
        self._unanswered.append(user)

    def _let_out(self, user: socket.socket) -> None:
        self._selector.unregister(user)
        user.close()
        del self._users[user]
        if user in self._unanswered:
            self._unanswered.remove(user)
        self._first_user_until = 0.0 if self._answer is None else monotonic()

    # -- signals ----------------------------------------------------------------------------------
    def _listen_to_signals(self) -> None:
        for end in (self._ears, self._mouth):
            end.setblocking(False)
        signal.set_wakeup_fd(self._mouth.fileno())
        self._selector.register(self._ears, selectors.EVENT_READ, lambda: self._ears.recv(64))
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, _signal: int, _frame: object) -> None:
        self._told_to_stop = True


def main() -> None:
    """Become the keeper that standard input describes, in the background; the calling process ends."""
    plan = KeeperPlan.from_json(sys.stdin.read())
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    _forget_signals_of_starter()
    _shorten_log(plan)
    lock, error = hold_keeper_lock(plan.places)
    if error:
        _report(Welcome(error=error))
        return
    # An earlier keeper removed the directory when it ended, perhaps after this one's starter had looked.
    make_private(plan.sockets, "the directory of the sockets")
    Keeper(plan, _report).run()
    os.close(lock)


def _forget_signals_of_starter() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the server waits for children of its own
    for ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal's: users decide when the server goes
        signal.signal(ignored, signal.SIG_IGN)


def _report(answer: Welcome) -> bool:
    """Tell the starter, and let go of what it gave: nobody waits for the end of this process's output.

    :returns: whether the starter has not been killed or interrupted meanwhile.
    """
    heard = False
    with suppress(OSError):
        os.write(1, answer.line())
        heard = True
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return heard


def _shorten_log(plan: KeeperPlan) -> None:
    with suppress(OSError):
        if plan.places.log.stat().st_size > _LARGEST_LOG:
            os.truncate(plan.places.log, 0)
    sys.stderr.flush()
