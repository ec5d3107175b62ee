"""The table at the end: one row a fault."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

HEADINGS = ("test", "fault", "count", "submitted", "lost", "duplicate effects", "fenced", "recovery p50 / max")


@dataclass
class Row:
    """What one test found."""

    test: str
    fault: str
    count: int = 0
    submitted: int = 0
    lost: int = 0
    duplicates: int = 0
    fenced: int = 0
    recoveries: Sequence[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        """As the table shows it."""
        *plain, recoveries = (getattr(self, each.name) for each in fields(self))
        took = f"{statistics.median(recoveries):.2f} / {max(recoveries):.2f} s" if recoveries else "-"
        return [*map(str, plain), took]


def summed(rows: Iterable[Row]) -> list[Row]:
    """One row a fault: those of the short form and the long one, and of every case of a test, added up. By test."""
    sums: dict[tuple[str, str], Row] = {}
    for row in rows:
        total = sums.setdefault((row.test, row.fault), Row(row.test, row.fault))
        for each in ("count", "submitted", "lost", "duplicates", "fenced"):
            setattr(total, each, getattr(total, each) + getattr(row, each))
        total.recoveries = [*total.recoveries, *row.recoveries]
    return sorted(sums.values(), key=lambda row: int(row.test.partition(" ")[0][1:]))


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown, in columns that line up."""
    cells = [list(HEADINGS), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
