"""What a keeper is told when it is started."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pynenc.local_server.places import Places


@dataclass(frozen=True)
class KeeperPlan:
    """One server.

    :param data: its data directory.
    :param sockets: where it and the keeper answer.
    :param command: its command line.
    :param keep: whether it is to go on when nobody uses it.
    """

    data: Path
    sockets: Path
    command: list[str]
    keep: bool

    @property
    def places(self) -> Places:
        """The files in the data directory."""
        return Places(self.data)

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(
            {"data": str(self.data), "sockets": str(self.sockets), "command": self.command, "keep": self.keep}
        )

    @classmethod
    def from_json(cls, text: str) -> KeeperPlan:
        """Read what :meth:`to_json` wrote."""
        found = json.loads(text)
        return cls(Path(found["data"]), Path(found["sockets"]), list(found["command"]), bool(found["keep"]))
