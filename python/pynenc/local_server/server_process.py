"""The process of the server."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import suppress

from pynenc.local_server.keeper_plan import KeeperPlan
from pynenc.local_server.lock import open_lock, try_lock
from pynenc.local_server.parent_death import ends_with_parent
from pynenc.local_server.places import server_socket

_TAIL_BYTES = 1_500


class ServerProcess:
    """Starts the server and ends it; never two on one data directory.

    The server itself holds the lock on its data directory, through a descriptor that it inherits without knowing. So
    the lock tells of a server whose keeper was killed, until it has written its last byte.
    """

    def __init__(self, plan: KeeperPlan) -> None:
        self._plan = plan
        self._socket = server_socket(plan.sockets)
        self._child: subprocess.Popen[bytes] | None = None
        self._log_began = 0

    def start(self) -> bool:
        """Start the server, unless one that an earlier keeper started still lives; tells whether it did."""
        lock = open_lock(self._plan.places.server_lock)
        try:
            if not try_lock(lock):
                return False
            self._socket.unlink(missing_ok=True)
            self._log_began = self._log_size()
            self._child = subprocess.Popen(  # noqa: S603 - the server
                self._plan.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                pass_fds=(lock,),
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - the keeper has one thread
            )
        finally:
            os.close(lock)
        return True

    @property
    def running(self) -> bool:
        """Whether the server that was started here has not ended."""
        return self._child is not None and self._child.poll() is None

    def buried(self) -> str:
        """How the server that was started here ended, once; nothing, when it did not or none was."""
        if self._child is None or self._child.poll() is None:
            return ""
        code = self._child.returncode
        self._child = None
        # A child of the server's own, which rewrites the file, may still hold the lock: it does no harm.
        self._plan.places.server_lock.unlink(missing_ok=True)
        return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"

    def connect(self) -> socket.socket | None:
        """Open a connection to whichever server answers; ``None`` when none does."""
        line = socket.socket(socket.AF_UNIX)
        try:
            line.setblocking(False)
            line.connect(str(self._socket))
            line.send(b"PING\r\n")
        except OSError:
            line.close()
            return None
        return line

    def end(self, line: socket.socket | None, seconds: float) -> None:
        """End the server in good order, its file written out; by force when that takes too long."""
        if line is not None:
            _shut_down(line, seconds)
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._socket.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of what the server logged since it was started."""
        with suppress(OSError), self._plan.places.log.open("rb") as log:
            log.seek(max(self._log_began, self._log_size() - _TAIL_BYTES))
            return log.read().decode("utf-8", "replace").strip()
        return ""

    def _log_size(self) -> int:
        try:
            return self._plan.places.log.stat().st_size
        except OSError:
            return 0


def _shut_down(line: socket.socket, seconds: float) -> None:
    with suppress(OSError):
        line.settimeout(seconds)
        line.sendall(b"SHUTDOWN\r\n")
        while line.recv(4_096):  # until it hangs up
            pass
