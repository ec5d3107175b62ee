"""Where the files and sockets of one application's server are."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pynenc.exceptions import LocalServerError
from pynenc.local_server.private_directory import is_private, make_private

# The address of a Unix socket holds 108 bytes on Linux and 104 on macOS, with the zero at its end.
LONGEST_SOCKET_PATH = 100

# Names that are themselves on every file system, whether or not it tells capitals from small letters.
_PLAIN_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Places:
    """The data directory says which server is meant: its locks are there, and so is the address of its keeper.

    The directory of the sockets may differ with the environment of the process that starts the keeper.
    """

    data: Path

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper as long as it lives."""
        return self.data / "keeper.lock"

    @property
    def start_lock(self) -> Path:
        """Held by the process that starts a keeper."""
        return self.data / "start.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server itself as long as it lives."""
        return self.data / "server.lock"

    @property
    def address(self) -> Path:
        """Written by the keeper: where its sockets are."""
        return self.data / "address.json"

    @property
    def log(self) -> Path:
        """What the server and the keeper have to say."""
        return self.data / "server.log"


@dataclass(frozen=True)
class Address:
    """Where a keeper is, or was.

    :param sockets: directory of the sockets.
    :param pid: process id of the keeper.
    :param host: the machine that it runs on, as :func:`this_machine` says.
    """

    sockets: Path
    pid: int
    host: str

    @property
    def keeper(self) -> Path:
        """Socket of the keeper."""
        return keeper_socket(self.sockets)

    def write(self, path: Path) -> None:
        """Write it in one step: whoever reads sees the old one or the new one."""
        beside = path.with_suffix(f".{self.pid}.new")
        beside.write_text(json.dumps({"sockets": str(self.sockets), "pid": self.pid, "host": self.host}), "utf-8")
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Address | None:
        """Read it; ``None`` when there is none that makes sense."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            found = json.loads(path.read_text("utf-8"))
            return cls(Path(found["sockets"]), int(found["pid"]), str(found["host"]))
        return None


def this_machine() -> str:
    """Name of the machine, and where there are such things, of the space in which its process ids count."""
    with suppress(OSError):
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    return socket.gethostname()


def keeper_socket(sockets: Path) -> Path:
    """Where the keeper answers."""
    return sockets / "keeper.sock"


def server_socket(sockets: Path) -> Path:
    """Where the server answers."""
    return sockets / "server.sock"


def places_of(app_id: str, local_dir: str) -> Places:
    """Find, or make, the data directory of an application.

    :param local_dir: the directory above it; empty: this user's directory for state.
    :raises LocalServerError: somebody else could get into it.
    """
    above = Path(local_dir).expanduser().absolute() if local_dir else _state_directory()
    return Places(make_private(above / _name_of(app_id), "the data directory (local_dir names another)").resolve())


def sockets_for(places: Places) -> Path:
    """Find, or make, the directory of the sockets.

    That of an earlier keeper is used again, if it is still there: its users know no other.

    :raises LocalServerError: somebody else could get into it, or its path is too long for a socket.
    """
    earlier = Address.read(places.address)
    if earlier is not None and is_private(earlier.sockets):
        return earlier.sockets
    name = sha256(os.fsencode(places.data)).hexdigest()[:16]
    fitting = [above for above in _socket_directories() if _fits(above / name)]
    if not fitting:
        raise LocalServerError(
            f"no directory for a Unix socket has a path short enough, at most {LONGEST_SOCKET_PATH} bytes with the "
            "socket's name; set XDG_RUNTIME_DIR or TMPDIR to a shorter one"
        )
    use = "a directory for sockets (XDG_RUNTIME_DIR or TMPDIR choose another)"
    return make_private(make_private(fitting[0], use) / name, use)


def _fits(sockets: Path) -> bool:
    return len(os.fsencode(keeper_socket(sockets))) <= LONGEST_SOCKET_PATH


def _socket_directories() -> list[Path]:
    of_session = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    found = [of_session / "pynenc"] if of_session.is_absolute() and is_private(of_session) else []
    return [*found, *(Path(above) / f"pynenc-{os.geteuid()}" for above in (tempfile.gettempdir(), "/tmp"))]  # noqa: S108


def _state_directory() -> Path:
    chosen = Path(os.environ.get("XDG_STATE_HOME", ""))
    if chosen.is_absolute():
        return chosen / "pynenc"
    try:
        return Path.home() / ".local" / "state" / "pynenc"
    except RuntimeError as error:
        raise LocalServerError(
            f"the data directory needs a home directory, and there is none ({error}); set local_dir"
        ) from error


def _name_of(app_id: str) -> str:
    if _PLAIN_NAME.fullmatch(app_id):
        return app_id
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", app_id).lstrip(".")[:40]
    # The capital keeps these names apart from plain ones, the digest from each other.
    return f"{readable}-X{sha256(app_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
