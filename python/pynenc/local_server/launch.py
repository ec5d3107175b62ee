"""Starting a keeper: a process of its own, in a session of its own, that holds on to nothing of the starter's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pynenc.exceptions import LocalServerError
from pynenc.local_server.binary import find_binary
from pynenc.local_server.handshake import Welcome
from pynenc.local_server.keeper_plan import KeeperPlan
from pynenc.local_server.places import Places, sockets_for
from pynenc.local_server.server_options import command_line

_PACKAGES = Path(__file__).parents[2]
# Neither the environment nor what is installed beside the package has a say in what the keeper runs.
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from pynenc.local_server.keeper import main; main()"


def launch_keeper(places: Places, *, keep: bool, binary: str, seconds: float) -> None:
    """Start a keeper and wait until its server answers.

    The process started here ends at once: the keeper is its child. So nobody has to wait for the keeper's end, and a
    program that counts its own children does not see it.

    :raises LocalServerError: with the reason, when the server does not come up.
    """
    sockets = sockets_for(places)
    plan = KeeperPlan(places.data, sockets, command_line(find_binary(binary), places, sockets), keep)
    # The last word is for whoever looks at the list of processes.
    command = [_interpreter(), "-I", "-S", "-c", _PROGRAM, str(_PACKAGES), str(places.data)]
    try:
        with places.log.open("ab") as log:
            said = subprocess.run(  # noqa: S603 - this interpreter
                command,
                input=plan.to_json().encode("ascii"),
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd="/",
                timeout=seconds,
                check=False,
            ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalServerError(f"the keeper of {places.data} does not start: {error}") from error
    reason = _reason(said, places)
    if reason:
        raise LocalServerError(f"the server of {places.data} does not start: {reason}")


def _reason(said: bytes, places: Places) -> str:
    try:
        return Welcome.of(said).error
    except ValueError:
        return f"its keeper ended without a word; {places.log} may have more"


def _interpreter() -> str:
    if getattr(sys, "frozen", False) or not os.access(sys.executable or "", os.X_OK):
        raise LocalServerError(
            "the local engine needs a Python interpreter to start its keeper with, and this program has none of its "
            "own (sys.executable); start a server yourself, and use the redis engine"
        )
    return sys.executable
