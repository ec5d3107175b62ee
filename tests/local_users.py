"""Real processes that use the server of the local engine, and a home of their own for its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

BOUND_S = 40.0
APP = "app"
KEEPER = "pynenc.local_server.keeper import"

# A user: it tells the address of the server, does what it is told line by line, and goes when its input ends.
PROGRAM = """
import json, os, signal, sys
from types import SimpleNamespace
import redis
from pynenc.local_server.ensure import ensure_server

settings = json.loads(sys.argv[1])
if settings.pop("ignore_interrupt", False):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
app_id = settings.pop("app_id")
server = ensure_server(app_id, SimpleNamespace(**settings))

def say(value):
    print(json.dumps(value), flush=True)

say(server.url)
for line in sys.stdin:
    command, *words = line.split()
    if command == "redis":
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 400)
        client = redis.Redis.from_url(server.url, decode_responses=True, retry=retry,
                                      retry_on_error=[redis.ConnectionError, redis.BusyLoadingError])
        say(client.execute_command(*words))
    elif command == "release":
        server.release()
        say("released")
    elif command == "fork":
        child = os.fork()
        if not child:
            signal.pause()
        say(child)
    elif command == "fork_user":
        if not os.fork():
            own = ensure_server(app_id, SimpleNamespace(**settings))
            say([os.getpid(), own.url])
            signal.pause()
"""


class User:
    """A process that uses the server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    @property
    def url(self) -> str:
        """What the process said when it had the server; read once."""
        if not hasattr(self, "_url"):
            self._url = self._hear()
        return self._url

    def tell(self, *words: object) -> Any:
        """Have it do something; what it says."""
        assert self.url
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self._hear()

    def server_pid(self) -> int:
        """Process id of the server that it reaches."""
        return int(self.tell("redis", "INFO", "server")["process_id"])

    def _hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the user ended with {self.process.wait(BOUND_S)}: {self.error()}"
        return json.loads(line)

    def error(self) -> str:
        """What it wrote to standard error, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def leave(self) -> None:
        """Let it end by itself."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(BOUND_S)

    def kill(self) -> None:
        """End it with no chance to say goodbye."""
        self.process.kill()
        self.process.wait(BOUND_S)


class Home:
    """Where the files of the server are in one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.sessions = self.folder / "run"
        self.sessions.mkdir(mode=0o700)
        self.local_dir = self.folder / "state"
        self.users: list[User] = []

    @property
    def environment(self) -> dict[str, str]:
        """What the users get."""
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.sessions)}

    def user(self, app_id: str = APP, *, environment: dict[str, str] | None = None, **settings: Any) -> User:
        """Start a user."""
        values = {"app_id": app_id, "local_dir": str(self.local_dir), "local_keep": False, "local_server": ""}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps({**values, **settings})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **(environment or {})},
            start_new_session=True,
        )
        self.users.append(User(process))
        return self.users[-1]

    def keeper_pid(self, app_id: str = APP) -> int:
        """Process id of the keeper."""
        return int(json.loads((self.local_dir / app_id / "address.json").read_text())["pid"])

    def processes(self) -> dict[int, str]:
        """Every keeper and every server, by process id."""
        listed = subprocess.run(
            ["ps", "-eww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
        ).stdout
        here = [line.split(None, 2) for line in listed.splitlines() if str(self.folder) in line]
        return {
            int(pid): args
            for pid, state, args in here
            if not state.startswith("Z") and (KEEPER in args or "server.sock" in args)
        }

    def servers(self) -> list[int]:
        """Process ids of the servers."""
        return [pid for pid, args in self.processes().items() if KEEPER not in args]

    def sockets(self) -> list[Path]:
        """Every socket that is left."""
        return [path for path in self.sessions.rglob("*") if path.is_socket()]

    def clear(self) -> None:
        """End the users; then all must be gone by itself."""
        for user in self.users:
            user.kill()
            for pipe in (user.process.stdin, user.process.stdout, user.process.stderr):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            until(lambda: not self.processes())
        finally:
            for pid in self.processes():
                os.kill(pid, signal.SIGKILL)


def until(true: Callable[[], object]) -> None:
    """Wait for something to be so; the time is a bound, and says nothing about how long it takes."""
    end = time.monotonic() + BOUND_S
    while not true():
        assert time.monotonic() < end, f"not within {BOUND_S:g} s"
        time.sleep(0.02)


def kill(pid: int) -> None:
    """End a process with no chance to say goodbye."""
    os.kill(pid, signal.SIGKILL)
