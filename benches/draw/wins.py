"""Where a peer is better than this library: nobody should have to search the table for it."""

from __future__ import annotations

from figures import Peer
from table import Column


def _ours(rows: list[Peer], column: Column, place: str) -> tuple[float, str] | None:
    """This library's best where the others are: through the server, or anywhere."""
    known = [
        (spread.middle, row.name)
        for row in rows
        if row.ours and place in {"any", row.place} and (spread := row.figure(column.measure, column.value))
    ]
    if not known:
        return None
    return (max if column.more else min)(known)


def _better(rows: list[Peer], column: Column, than: float, *, through: bool) -> list[str]:
    known = [
        (spread.middle, row.name)
        for row in rows
        if not row.ours
        and (row.place == "server") == through
        and (spread := row.figure(column.measure, column.value))
        and (spread.middle > than if column.more else spread.middle < than)
    ]
    return [f"{name} ({column.text(value)})" for value, name in sorted(known, reverse=bool(column.more))]


def wins(rows: list[Peer], columns: list[Column]) -> list[str]:
    """A line for each measure in which somebody is better than our best."""
    found = []
    for column in columns:
        if column.more is None:
            continue
        for through in (True, False):
            ours = _ours(rows, column, "server" if through else "any")
            better = _better(rows, column, ours[0], through=through) if ours else []
            if ours and better:
                where = "through the server" if through else "without the server"
                found.append(f"{column.title}, {where}: {', '.join(better)}; {ours[1]} {column.text(ours[0])}")
    return found
