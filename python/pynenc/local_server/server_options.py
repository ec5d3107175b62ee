"""How the server is told to behave."""

from __future__ import annotations

from pathlib import Path

from pynenc.local_server.places import Places, server_socket


def command_line(binary: Path, places: Places, sockets: Path) -> list[str]:
    """The server's command line: no network, every write in the append-only file, nothing ever evicted."""
    options = {
        "port": "0",
        "unixsocket": str(server_socket(sockets)),
        "unixsocketperm": "600",
        "protected-mode": "yes",
        "daemonize": "no",
        "dir": str(places.data),
        "logfile": str(places.log),
        "loglevel": "notice",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # The append-only file holds everything; a snapshot beside it would be written for nobody.
        "save": "",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "timeout": "0",
        "databases": "1",
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]
