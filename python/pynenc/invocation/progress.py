"""How far a group has come: told to a program, or shown to a person on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

__all__ = ["OnProgress", "following"]

OnProgress = Callable[[int, int], object]
"""Called with how many members have ended, and how many are known."""

_STEP_PERCENT = 10


class Follower(Protocol):
    """Is told each time that a member ends."""

    def __call__(self, done: int, known: int, /, *, complete: bool) -> object:
        """``complete``: no more members will come."""
        ...


class Lines:
    """Writes a line each ten percent; while members still arrive, each time the number has doubled.

    :param title: What the line begins with.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = monotonic()
        self._next_percent = _STEP_PERCENT
        self._next_count = 1
        self._last = (0, 0)

    def __call__(self, done: int, known: int, /, *, complete: bool) -> None:
        """Write a line if it is time for one."""
        self._last = (done, known)
        if complete:
            percent = 100 * done // known
            if percent >= self._next_percent:
                self._next_percent = percent - percent % _STEP_PERCENT + _STEP_PERCENT
                self._write(f"{percent:3} %, {done:,} of {known:,}")
        elif done >= self._next_count:
            self._next_count = 2 * done
            self._write(f"{done:,} so far")

    def end(self) -> None:
        """Write the last line, if the input said too late that it had ended."""
        done, known = self._last
        if done == known > 0:
            self(done, known, complete=True)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"{self._title}: {text} ({monotonic() - self._began:.1f} s)\n")
        sys.stderr.flush()


@contextmanager
def _bar(title: str) -> Generator[Follower]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:
        drawn = shown.add_task(title, total=None)

        def move(done: int, known: int, /, *, complete: bool) -> None:
            shown.update(drawn, completed=done, total=known if complete else None)

        yield move


@contextmanager
def following(title: str, *, show: bool, on_progress: OnProgress | None) -> Generator[Follower | None]:
    """Give what is to be told as members end; ``None`` when nobody wants to know.

    :param title: Names the group in what is shown.
    :param show: Draw a bar on a terminal; where standard error is none, write a line each 10 %.
    :param on_progress: Called besides.
    """
    if not show:
        yield None if on_progress is None else _told(on_progress)
    elif sys.stderr.isatty():
        with _bar(title) as bar:
            yield _both(bar, on_progress)
    else:
        lines = Lines(title)
        yield _both(lines, on_progress)
        lines.end()


def _told(on_progress: OnProgress) -> Follower:
    def tell(done: int, known: int, /, *, complete: bool) -> None:  # noqa: ARG001 - a program sees the numbers grow
        on_progress(done, known)

    return tell


def _both(shown: Follower, on_progress: OnProgress | None) -> Follower:
    if on_progress is None:
        return shown

    def tell(done: int, known: int, /, *, complete: bool) -> None:
        shown(done, known, complete=complete)
        on_progress(done, known)

    return tell
