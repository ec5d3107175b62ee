"""A virtual environment for each library, made once and kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 900
"""Seconds that an installation may take."""
NEWEST_MINOR = 16
"""Python 3.x up to which is looked for."""


class InstallationError(Exception):
    """An environment could not be made; the text says why."""


@dataclass(frozen=True)
class Requirement:
    """What is installed, and the oldest Python that it takes."""

    packages: tuple[str, ...]
    python: tuple[int, int] = (3, 11)


@dataclass(frozen=True)
class Environment:
    """An interpreter with a library in it."""

    python: str
    version: str
    versions: dict[str, str]


def _run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT)
    return ran.stdout


def _candidates(lowest: tuple[int, int]) -> Iterator[str]:
    """This interpreter, those on PATH, and those of pyenv."""
    if sys.version_info[:2] >= lowest:
        yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(lowest[1], NEWEST_MINOR):
        found = shutil.which(f"python3.{minor}")
        if found:
            yield found
        yield from sorted(str(path) for path in pyenv.glob(f"3.{minor}.*/bin/python3.{minor}"))


def interpreter(lowest: tuple[int, int]) -> tuple[str, str]:
    """The first Python that is new enough and runs: its path and version.

    :raises InstallationError: there is none here.
    """
    for candidate in _candidates(lowest):
        try:
            text = _run(candidate, "--version")
        except (OSError, subprocess.SubprocessError):
            continue  # a shim of a version that is not chosen, for one
        found = re.search(r"3\.(\d+)\S*", text)
        if found and (3, int(found[1])) >= lowest:
            return candidate, found[0]
    raise InstallationError(f"it needs Python {lowest[0]}.{lowest[1]} or newer, and there is none here")


def make(folder: Path, requirement: Requirement) -> Environment:
    """Make the environment, or take the one that is there if it was made for the same requirements.

    :raises InstallationError: the installation failed, this time or the last time.
    """
    base, version = interpreter(requirement.python)
    python, mark = str(folder / "bin" / "python"), folder / "made.json"
    wanted = {"python": version, "requirements": list(requirement.packages)}
    if mark.exists():
        made: dict[str, Any] = json.loads(mark.read_text())
        if made["wanted"] == wanted and not made["failure"]:
            return Environment(python, version, made["versions"])
    failure, versions = "", {}
    try:
        _run(base, "-m", "venv", "--clear", str(folder))
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--quiet", *requirement.packages)
        versions = {one["name"]: one["version"] for one in json.loads(_run(*pip, "list", "--format=json"))}
    except subprocess.TimeoutExpired:
        failure = f"not installed within {LIMIT} s"
    except subprocess.CalledProcessError as error:
        failure = " ".join(error.stderr.split())[-400:] or f"pip ended with {error.returncode}"
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"wanted": wanted, "versions": versions, "failure": failure}, indent=2))
    if failure:
        raise InstallationError(failure)
    return Environment(python, version, versions)
