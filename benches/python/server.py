"""A server for one side, started by the bench, with settings that are the same for all sides."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from pynenc.local_server.binary import find_binary

SETTINGS = {
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "io-threads": "1",
    "databases": "1",
    "loglevel": "warning",
}
"""Nothing is written to disk, so that the disk is not what is measured."""
DURABLE = {**SETTINGS, "appendonly": "yes", "appendfsync": "everysec"}
"""With an append-only file, as one would run it for work that must not be lost."""


FUNCTIONS = Path(__file__).parents[2] / "rust" / "pynenc-redis" / "src" / "lua"


def _inside_functions() -> frozenset[str]:
    """Commands that functions of pynenc run inside the server, as its statistics call them."""
    texts = (path.read_text() for path in FUNCTIONS.glob("*.lua"))
    return frozenset(f"cmdstat_{name.lower()}" for text in texts for name in re.findall(r"call\('([A-Z]+)'", text))


@dataclass(frozen=True)
class Count:
    """What a server has done so far, or between two counts."""

    commands: int
    """Commands that clients sent, and those that scripts and functions ran for them."""
    calls: int
    """Commands that processes of pynenc sent, of the kinds that its functions do not run themselves."""
    cpu: float
    """Seconds of processor time of its process."""
    received: int
    """Bytes from clients."""
    sent: int
    """Bytes to clients."""
    memory: int
    """Bytes in use, which the difference of two counts shows growing."""

    def __sub__(self, before: Count) -> Count:
        return Count(
            self.commands - before.commands,
            self.calls - before.calls,
            self.cpu - before.cpu,
            self.received - before.received,
            self.sent - before.sent,
            self.memory - before.memory,
        )


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int
    client: redis.Redis
    settings: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        """Which server it is, and its settings."""
        info = self.client.info("server")
        name = "valkey" if "valkey_version" in info else "redis"
        return {
            "server": f"{name} {info.get('valkey_version', info['redis_version'])}",
            "settings": dict(self.settings),
        }

    def count(self) -> Count:
        """Look at its counters; the look itself is not counted.

        Commands of clients that have gone in the meantime are lost to it: what is measured keeps its
        connections. Bytes are not lost: they are the server's totals without those of this client.
        """
        own_id = self.client.client_id()
        info = self.client.info("everything")
        clients = {int(client["id"]): client for client in self.client.client_list()}
        own = clients.pop(own_id)
        return Count(
            commands=sum(int(client.get("tot-cmds", 0)) for client in clients.values()),
            calls=sum(info[name]["calls"] for name in info.keys() - _inside_functions() if _is_work(name)),
            cpu=info["used_cpu_user"] + info["used_cpu_sys"],
            received=info["total_net_input_bytes"] - int(own.get("tot-net-in", 0)),
            sent=info["total_net_output_bytes"] - int(own.get("tot-net-out", 0)),
            memory=info["used_memory"],
        )


def _is_work(name: str) -> bool:
    """Whether it is the count of a command, other than those that look at the server."""
    return name.startswith("cmdstat_") and not name.startswith(("cmdstat_client", "cmdstat_info", "cmdstat_config"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(settings: Mapping[str, str] = SETTINGS) -> Iterator[Server]:
    """Run a server on a free port of the loopback interface; ended and its folder removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-server-"))
    port = _free_port()
    given = {**settings, "port": str(port), "bind": "127.0.0.1", "dir": str(folder), "daemonize": "no"}
    (folder / "server.conf").write_text("".join(f'{name} "{value}"\n' for name, value in given.items()))
    process = subprocess.Popen(
        [str(find_binary()), str(folder / "server.conf")], stdout=subprocess.DEVNULL, start_new_session=True
    )
    client = redis.Redis(host="127.0.0.1", port=port)
    try:
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if process.poll() is not None:
                    raise SystemExit(f"the server ended with {process.returncode}") from None
                time.sleep(0.05)
        yield Server(f"redis://127.0.0.1:{port}/0", process.pid, client, settings)
    finally:
        client.close()
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
