"""``pynenc demo``."""

from __future__ import annotations

import sys

from pynenc.cli.exit_codes import ExitCode
from pynenc.cli.output import print_json, print_line, say, show_rows
from pynenc.demo.own_data import own_data
from pynenc.demo.screen import COLUMNS, NUMBERS, display, rows_of, summary_of
from pynenc.demo.tour import STEPS, StepReport, reach, set_up, walk


def run_demo(*, engine: str, items: int, as_json: bool, quiet: bool) -> ExitCode:
    """Take the tour and print its table.

    :param items: Calls of the parallel map.
    :returns: ``FAILED`` when an answer was wrong.
    :raises ConfigError: when there is no such engine.
    :raises LocalServerError: when the local engine has no server.
    """
    set_up(engine)
    from pynenc.demo.tasks import app

    slots = app.runner.max_parallel_slots
    with own_data(engine):
        reach()
        with display(quiet=quiet) as shown:
            reports = list(walk(STEPS, shown, items))
    return _shown(reports, engine=engine, slots=slots, as_json=as_json)


def _shown(reports: list[StepReport], *, engine: str, slots: int, as_json: bool) -> ExitCode:
    summary = summary_of(reports, engine=engine, slots=slots)
    if as_json:
        print_json(summary)
    else:
        show_rows(COLUMNS, rows_of(reports), as_json=False, numbers=NUMBERS)
        if sys.stdout.isatty():
            count = sum(report.invocations for report in reports)
            print_line(f"{count:,} invocations in {summary['seconds']:.1f} s on the {engine} engine, {slots} slots")
    for report in reports:
        if not report.passed:
            say(f"demo: {report.title}: {report.checked}")
    return ExitCode.OK if summary["passed"] else ExitCode.FAILED
