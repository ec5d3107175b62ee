"""Whole processes: what an import and a ``--help`` take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

Run = Callable[[], float]


@contextmanager
def process(*command: str) -> Iterator[Run]:
    """Seconds from the start of a process to its end."""

    def run() -> float:
        start = perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return perf_counter() - start

    yield run


def python(*arguments: str) -> Sequence[str]:
    """A command of this interpreter."""
    return (sys.executable, *arguments)


def import_pynenc(**_small: bool) -> object:
    """Import what an application imports."""
    return process(*python("-c", "from pynenc import Pynenc"))


def import_standard(**_small: bool) -> object:
    """Import three modules of the standard library."""
    return process(*python("-c", "import asyncio, inspect, logging"))


def help_pynenc(**_small: bool) -> object:
    """Ask the command line for help."""
    return process(*python("-m", "pynenc", "--help"))


def help_typer(**_small: bool) -> object:
    """Ask the smallest such program."""
    return process(*python(str(Path(__file__).with_name("empty_typer.py")), "--help"))
