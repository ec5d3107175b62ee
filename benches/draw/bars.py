"""The bars that the comparison holds this library to, and whether they are met."""

from __future__ import annotations

from dataclasses import dataclass

from figures import BASE, Peer, Value, growth, rate, received, seconds, share_of


@dataclass(frozen=True)
class Bar:
    """A ratio and its limit."""

    name: str
    limit: str
    found: float | None
    met: bool
    note: str

    def row(self) -> str:
        """A row of the table."""
        found = "-" if self.found is None else f"{self.found:.3g}"
        return f"| {self.name} | {self.limit} | {found} | {'yes' if self.met else 'NO'} | {self.note} |"


def _best(rows: list[Peer], measure: str, value: Value, *, more: bool, tracked: bool | None = None) -> Peer | None:
    """The best of the others whose calls go through the same server."""
    others = [
        row for row in rows if row.place == "server" and not row.ours and (tracked is None or row.tracked == tracked)
    ]
    known = [(spread.middle, row) for row in others if (spread := row.figure(measure, value))]
    if not known:
        return None
    return (max if more else min)(known, key=lambda one: one[0])[1]


def _against(base: Peer, other: Peer | None, measure: str, value: Value, *, more: bool) -> tuple[float | None, str]:
    ours = base.figure(measure, value)
    theirs = other.figure(measure, value) if other else None
    if ours is None or theirs is None or other is None:
        return None, "one side has no figure"
    ratio = ours.middle / theirs.middle if more else theirs.middle / ours.middle
    return ratio, f"{ours.middle:.4g} beside {theirs.middle:.4g} of {other.name}"


def bars(rows: list[Peer]) -> list[Bar]:
    """Every bar that the report can speak of."""
    base = next((row for row in rows if row.name == BASE), None)
    if base is None:
        return []
    found = []
    for measure in ("shared str", "shared bytes", "shared numpy"):
        other = _best(rows, measure, seconds, more=False)
        ratio, note = _against(base, other, measure, seconds, more=False)
        name = f"20 MB {measure.split()[1]} for 100 calls, beside the fastest through the server"
        found.append(Bar(name, ">= 5", ratio, ratio is not None and ratio >= 5, note))
    for name, limit, tracked in (
        ("tiny calls in a batch, beside the fastest that tracks each", 15.0, True),
        ("tiny calls in a batch, beside celery chunks, which tracks none", 0.5, False),
    ):
        other = _best(rows, "batch", rate, more=True, tracked=tracked)
        ratio, note = _against(base, other, "batch", rate, more=True)
        found.append(Bar(name, f">= {limit:g}", ratio, ratio is not None and ratio >= limit, note))
    for name, limit, measure, value in (
        ("bytes to the server over the argument's size", 1.02, "shared bytes", received),
        ("growth of both workers over the argument's size, bytes", 5.0, "shared bytes", growth),
        ("growth of both workers over the argument's size, numpy and a host cache", 1.5, "shared numpy", growth),
    ):
        spread, share = base.figure(measure, value), base.figure(measure, share_of(value))
        met = share is not None and share.middle <= limit
        note = f"{spread.middle:.4g} MB" if spread else "no figure"
        found.append(Bar(name, f"<= {limit:g}", share.middle if share else None, met, note))
    return found


def table(found: list[Bar]) -> str:
    """In Markdown."""
    lines = ["| bar | limit | found | met | figures |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(bar.row() for bar in found)])
