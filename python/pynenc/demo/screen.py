"""How the tour shows: a bar on a terminal, a line a step elsewhere, a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pynenc.demo.tour import Display, StepReport

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

COLUMNS = ("step", "invocations", "seconds", "per_invocation", "checked")
NUMBERS = ("invocations", "seconds", "per_invocation")


class QuietDisplay:
    """Shows nothing."""

    def begin(self, title: str, invocations: int) -> None:
        """Show nothing."""

    def tick(self, count: int) -> None:
        """Show nothing."""

    def end(self, report: StepReport) -> None:
        """Show nothing."""


class LineDisplay(QuietDisplay):
    """Writes a line to standard error when a step has ended."""

    def end(self, report: StepReport) -> None:
        """Write the line."""
        mark = "ok   " if report.passed else "WRONG"
        sys.stderr.write(f"{mark} {report.title}: {report.checked} ({duration(report.seconds)})\n")
        sys.stderr.flush()


class BarDisplay:
    """Draws a bar for the step that runs; the table takes their place at the end.

    :param progress: Started and stopped by the caller.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar: TaskID | None = None

    def begin(self, title: str, invocations: int) -> None:
        """Draw a new bar."""
        self._bar = self._progress.add_task(title, total=invocations)

    def tick(self, count: int) -> None:
        """Move it."""
        if self._bar is not None:
            self._progress.advance(self._bar, count)

    def end(self, report: StepReport) -> None:
        """Fill it, when all went well."""
        if self._bar is not None and report.passed:
            self._progress.update(self._bar, completed=report.invocations)


@contextmanager
def display(*, quiet: bool) -> Generator[Display]:
    """Choose what fits standard error, and clean up at the end."""
    if quiet:
        yield QuietDisplay()
    elif not sys.stderr.isatty():
        yield LineDisplay()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description:<27}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield BarDisplay(progress)


def rows_of(reports: Sequence[StepReport]) -> list[dict[str, Any]]:
    """The table: one row a step, written for people."""
    return [
        {
            "step": report.title,
            "invocations": f"{report.invocations:,}",
            "seconds": f"{report.seconds:.3f}",
            "per_invocation": duration(report.per_invocation),
            "checked": report.checked if report.passed else f"WRONG: {report.checked}",
        }
        for report in reports
    ]


def summary_of(reports: Sequence[StepReport], *, engine: str, slots: int) -> dict[str, Any]:
    """The table for programs; times are in seconds."""
    return {
        "engine": engine,
        "slots": slots,
        "passed": all(report.passed for report in reports),
        "seconds": round(sum(report.seconds for report in reports), 6),
        "steps": [
            {
                "step": report.step,
                "title": report.title,
                "invocations": report.invocations,
                "seconds": round(report.seconds, 6),
                "seconds_per_invocation": round(report.per_invocation, 9),
                "checked": report.checked,
                "passed": report.passed,
            }
            for report in reports
        ],
    }


def duration(seconds: float) -> str:
    """Write seconds in the unit that suits them."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.001:
        return f"{seconds * 1_000:.2f} ms"
    return f"{seconds * 1_000_000:.1f} µs"
