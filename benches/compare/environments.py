"""A virtual environment for each library, made once and kept."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 900
"""Seconds that an installation may take."""


class InstallationError(Exception):
    """An environment could not be made; the text says why."""


@dataclass(frozen=True)
class Environment:
    """An interpreter with a library in it."""

    python: str
    versions: dict[str, str]


def versions_of(python: str) -> dict[str, str]:
    """What is installed there."""
    ran = subprocess.run(
        [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT,
    )
    return {one["name"]: one["version"] for one in json.loads(ran.stdout)}


def make(folder: Path, requirements: Sequence[str]) -> Environment:
    """Make the environment, or take the one that is there if it was made for the same requirements.

    :raises InstallationError: the installation failed, this time or the last time.
    """
    mark = folder / "made.json"
    wanted = {"python": sys.version, "requirements": list(requirements)}
    if mark.exists():
        made = json.loads(mark.read_text())
        if made["wanted"] == wanted and not made["failure"]:
            return Environment(str(folder / "bin" / "python"), made["versions"])
    venv.create(folder, clear=True, with_pip=True)
    python = str(folder / "bin" / "python")
    failure, versions = "", {}
    try:
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT,
        )
        versions = versions_of(python)
    except subprocess.TimeoutExpired:
        failure = f"not installed within {LIMIT} s"
    except subprocess.CalledProcessError as error:
        failure = " ".join(error.stderr.split())[-400:] or f"pip ended with {error.returncode}"
    mark.write_text(json.dumps({"wanted": wanted, "versions": versions, "failure": failure}, indent=2))
    if failure:
        raise InstallationError(failure)
    return Environment(python, versions)
