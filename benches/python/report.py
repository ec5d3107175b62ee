"""The report: one JSON for programs, one table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pair import Result


def as_json(results: Sequence[Result], machine: dict[str, Any]) -> dict[str, Any]:
    """Every figure, with what it was held against."""
    rows = []
    for result in results:
        low, middle, high = result.quartiles
        rows.append(
            {
                "name": result.name,
                "bar": result.bar,
                "limit": result.limit,
                "at": result.at,
                "median": middle,
                "quartiles": [low, high],
                "rounds": len(result.ratios),
                "met": result.met,
                "ours_seconds": result.ours,
                "theirs_seconds": result.theirs,
                "note": result.note,
            }
        )
    return {"machine": machine, "results": rows}


def as_table(results: Sequence[Result], machine: dict[str, Any]) -> str:
    """A Markdown table."""
    lines = [
        "{date}, pynenc {pynenc} ({build}), Python {python}, {cores} cores, {cpu}".format(**machine),
        "",
        "| measure | bar | median | quartiles | rounds | met | figures |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        low, middle, high = result.quartiles
        lines.append(
            f"| {result.name} | {result.bar} | {middle:.3g} | {low:.3g} to {high:.3g} | {len(result.ratios)}"
            f" | {'yes' if result.met else 'NO'} | {result.note} |"
        )
    return "\n".join(lines) + "\n"
