"""ray on this machine with two processors."""

from __future__ import annotations

import os
import socket
from typing import Any

from peer import FOLDER, HERE, PATIENCE, SLOTS, AbsentError, Peer, add, script, weigh

# Read when it is imported, by it and by all its processes: report nothing, find the adapters, and let
# nobody else in without leaving a token in the home folder.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    PYTHONPATH=str(HERE),
    RAY_AUTH_MODE="token",
    RAY_AUTH_TOKEN=os.environ.get("RAY_AUTH_TOKEN") or os.urandom(32).hex(),
)

import ray


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Local(Peer):
    """A head node on the loopback interface, no dashboard."""

    def open(self) -> None:
        port = free_port()
        command = [script("ray"), "start", "--head", "--block", "--node-ip-address", "127.0.0.1", "--port", port]
        command += ["--num-cpus", str(SLOTS), "--include-dashboard", "false", "--object-store-memory", str(512 << 20)]
        self.spawn(*command, "--temp-dir", str(FOLDER / "ray"), "--disable-usage-stats")
        for _ in range(300):
            try:
                ray.init(f"127.0.0.1:{port}", _node_ip_address="127.0.0.1", log_to_driver=False)
                break
            except ConnectionError:
                continue
        self.add = ray.remote(add)
        self.weigh = ray.remote(weigh)

    def close(self) -> None:
        ray.shutdown()

    def submit(self, a: int, b: int) -> Any:
        return self.add.remote(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = ray.get(handle, timeout=PATIENCE)
        return found

    def fill(self, n: int) -> float:
        raise AbsentError("the workers start with the node")

    def batch(self, n: int) -> int:
        return sum(ray.get([self.add.remote(i, 2) for i in range(n)]))

    def share(self, large: Any, n: int) -> int:
        # Put once, pass the reference: its documentation's way.
        held = ray.put(large)
        return sum(ray.get([self.weigh.remote(held, i) for i in range(n)]))
