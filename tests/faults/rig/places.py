"""Servers that are more than one: a Sentinel with a replica, and a cluster."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from typing import Any

from tests.faults.rig.processes import until
from tests.servers import Server

DOWN_AFTER_MS = 500
FAILOVER_MS = 2_000


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Sentinel(Server):
    """Watches a master as the service ``main``, and promotes its replica when it is gone."""

    def __init__(self, master: Server) -> None:
        super().__init__(port=0)
        self._file = self.folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\nunixsocket {self.socket}\ndir {self.folder}\n"
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds main {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout main {FAILOVER_MS}\n",
            "ascii",
        )

    @property
    def url(self) -> str:
        """Where an engine asks for the service."""
        return f"redis+sentinel://127.0.0.1:{self.port}/main/0"

    def start(self) -> None:
        """Start it; returns when it knows the replica."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, self._file, "--sentinel"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_up()
        with self.client() as client:
            until(lambda: "slaves=1" in _info(client, "sentinel"), "the Sentinel knows the replica")


def replica_of(master: Server, start_server: Callable[..., Server]) -> Server:
    """A server that follows the master."""
    replica = start_server(port=0, appendonly="yes", replicaof=f"127.0.0.1 {master.port}", repl_diskless_sync_delay="0")
    with replica.client() as client:
        until(lambda: "master_link_status:up" in _info(client, "replication"), "the replica follows")
    return replica


def until_followed(master: Server, replica: Server) -> None:
    """Wait until the replica has all that the master has."""
    with master.client() as one, replica.client() as other:
        until(
            lambda: one.info("replication")["master_repl_offset"] == other.info("replication")["slave_repl_offset"],
            "the replica has everything",
        )


def cluster_of_one(start_server: Callable[..., Server]) -> tuple[Server, str]:
    """A cluster whose only node has every slot, and where an engine finds it."""
    node = start_server(port=0, appendonly="yes", cluster_enabled="yes", cluster_port=str(free_port()))
    with node.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16_383)
        until(lambda: "cluster_state:ok" in _text(client.execute_command("CLUSTER INFO")), "the cluster is up")
    return node, f"redis+cluster://127.0.0.1:{node.port}"


def _info(client: Any, section: str) -> str:
    return _text(client.execute_command("INFO", section))


def _text(answer: Any) -> str:
    # A client takes these answers apart, each version of it in its own way.
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, dict):
        return "\n".join(f"{name}:{_value(value)}" for name, value in answer.items())
    return str(answer)


def _value(value: Any) -> str:
    return ",".join(f"{name}={part}" for name, part in value.items()) if isinstance(value, dict) else str(value)
