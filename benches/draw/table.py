"""The tables of a report, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from figures import (
    BASE,
    Peer,
    Spread,
    Value,
    at_depth,
    commands,
    depths,
    growth,
    milliseconds,
    processor,
    rate,
    received,
    seconds,
    server_time,
)

LOUD = 10.0


@dataclass(frozen=True)
class Column:
    """One measure, and how it is written.

    :param more: whether more is better, for the ratio to ours; None: no ratio.
    """

    title: str
    measure: str
    value: Value
    text: Callable[[float], str]
    more: bool | None = None


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _small(value: float) -> str:
    return f"{value:.2g}" if value < 1 else f"{value:.2f}" if value < LOUD else f"{value:.0f}"


def columns(rows: list[Peer]) -> list[Column]:
    """The columns of the long table."""
    return [
        Column("one by one, calls/s", "single", rate, _count, more=True),
        Column("batch, calls/s", "batch", rate, _count, more=True),
        Column("round trip p50, ms", "trips", milliseconds("p50"), _small, more=False),
        Column("p99", "trips", milliseconds("p99"), _small),
        Column("20 MB str x 100, s", "shared str", seconds, _small, more=False),
        Column("bytes", "shared bytes", seconds, _small, more=False),
        Column("numpy", "shared numpy", seconds, _small, more=False),
        Column("str again, s", "again str", seconds, _small),
        Column("MB to the server (bytes)", "shared bytes", received, _count),
        Column("workers grow by, MB (numpy)", "shared numpy", growth, _count),
        *(Column(f"submit at {depth:,}, µs", "backlog", at_depth(depth), _count) for depth in depths(rows)),
    ]


def costs() -> list[Column]:
    """What a call costs, which hardly depends on what else the machine does."""
    return [
        Column(f"{title}, {name}", measure, value, text)
        for name, measure in (("one by one", "single"), ("batch", "batch"))
        for title, value, text in (
            ("producer and workers, µs", processor, _count),
            ("server, µs", server_time, _count),
            ("commands", commands, _small),
        )
    ]


SHORT = ("one by one, calls/s", "batch, calls/s", "round trip p50, ms", "20 MB str x 100, s", "numpy")


def _cell(row: Peer, column: Column, base: Peer | None, *, spread: bool) -> str:
    figure = row.figure(column.measure, column.value)
    if figure is None:
        if row.passed_over(column.measure):
            return "not asked"
        return "failed" if row.failure(column.measure) else "-"
    text = column.text(figure.middle)
    if spread and figure.rounds > 1:
        text += f" ({column.text(figure.low)}-{column.text(figure.high)})"
    if column.measure == "batch" and not row.tracked:
        text += " *"
    return text + _ratio(row, column, base, figure)


def _ratio(row: Peer, column: Column, base: Peer | None, figure: Spread) -> str:
    """How many times better ours is; only where both went through the same server."""
    ours = base.figure(column.measure, column.value) if base and column.more is not None else None
    if ours is None or row.place != "server" or row.ours:
        return ""
    times = ours.middle / figure.middle if column.more else figure.middle / ours.middle
    return f" · {times:.3g}x"


def _name(row: Peer) -> str:
    """With the version behind the library's name."""
    if row.ours:
        return f"**{row.name}**"
    versions = row.report.get("versions", {})
    library, *rest = re.split(r"(?=[, ])", row.name, maxsplit=1)
    package = {"dask": "distributed", "reference": "pynenc"}.get(library, library)
    return f"{library} {versions[package]}{''.join(rest)}" if package in versions else row.name


def markdown(rows: list[Peer], chosen: list[Column], *, spread: bool) -> str:
    """Two tables: those whose calls go through the server, with our ratio to each, and the others."""
    base = next((row for row in rows if row.name == BASE), None)
    parts = []
    for through in (True, False):
        group = [row for row in rows if (row.place == "server") == through]
        if not group:
            continue
        title = "through one server" if through else "without that server (no ratio)"
        lines = [f"| {title} | " + " | ".join(column.title for column in chosen) + " |"]
        lines.append("|---" * (len(chosen) + 1) + "|")
        for row in group:
            cells = [_cell(row, column, base, spread=spread) for column in chosen]
            lines.append(f"| {_name(row)} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _took(answer: dict[str, Any]) -> float:
    return float(answer["took"])


def failures(rows: list[Peer]) -> list[str]:
    """Each failure in a line: alike ones of a peer together."""
    found = []
    for row in rows:
        by_reason: dict[str, list[str]] = {}
        measures = dict.fromkeys(name for answers in row.report["rounds"] for name in answers)
        for measure in [*measures] or ["everything"]:
            why = row.failure(measure)
            if why and row.figure(measure, _took) is None:
                by_reason.setdefault(why, []).append(measure)
        found += [f"{row.name}: {', '.join(names)}: {why}" for why, names in by_reason.items()]
    return found


def heading(report: dict[str, Any]) -> str:
    """What the figures were taken on."""
    machine = report["machine"]
    visits = sorted({len(known["rounds"]) for known in report["peers"].values() if "failure" not in known}) or [0]
    rounds = f"{visits[0]} to {visits[-1]}" if len(visits) > 1 else str(visits[0])
    warning = " **Taken on a busy machine or a debug build: no figures to quote.**" if report["anyway"] else ""
    return (
        f"{machine['date']}, pynenc {machine['pynenc']} ({machine['build']} build), Python {machine['python']},"
        f" {machine['cores']} cores of {machine['cpu']}, {report['server']}, {rounds} interleaved rounds in"
        f" {report['minutes']} minutes: `{report['command']}`.{warning}"
    )
