"""The three kinds of plots: bars, dots on a line, and curves; all on logarithmic axes."""

from __future__ import annotations

from dataclasses import dataclass

from figures import Spread
from scale import Log, over, short
from svg import FAINT, INK, Drawing

COLOURS = ("#1b6ca8", "#e07b39", "#3a9d5d", "#8e5bb0", "#c0392b", "#7f8c8d", "#b8860b", "#2c7a7b")
OURS = "#111111"
WIDTH = 900
LEFT = 220
RIGHT = 90
TOP = 74
ROW = 11
GAP = 9


@dataclass(frozen=True)
class Series:
    """One colour: a value, or none, for each row."""

    name: str
    values: list[Spread | None]


def _frame(drawing: Drawing, title: str, unit: str, names: list[str], colours: tuple[str, ...]) -> None:
    drawing.text(16, 24, title, size=16)
    drawing.text(16, 42, unit, fill="#555")
    x = 16.0
    for name, colour in zip(names, colours, strict=False):
        drawing.rect(x, 52, 10, 10, colour)
        drawing.text(x + 14, 61, name)
        x += 30 + 7 * len(name)


def _grid(drawing: Drawing, scale: Log, bottom: float) -> None:
    for mark in scale.marks():
        drawing.line((scale.at(mark), TOP), (scale.at(mark), bottom), FAINT)
        drawing.text(scale.at(mark), bottom + 14, short(mark), size=11, anchor="middle", fill="#555")


def bars(title: str, unit: str, rows: list[str], series: list[Series]) -> str:
    """A bar for each value, with a whisker for its spread; nothing without values."""
    if not rows:
        return ""
    height = len(series) * ROW + GAP
    bottom = TOP + len(rows) * height
    drawing = Drawing(WIDTH, bottom + 24, title)
    values = [one for part in series for spread in part.values if spread for one in (spread.low, spread.high)]
    scale = over(values, LEFT, WIDTH - RIGHT)
    _frame(drawing, title, unit, [part.name for part in series], COLOURS)
    _grid(drawing, scale, bottom)
    for number, row in enumerate(rows):
        top = TOP + number * height + GAP / 2
        drawing.text(LEFT - 8, top + (height - GAP) / 2 + 4, row, anchor="end")
        for place, part in enumerate(series):
            _bar(drawing, scale, part.values[number], top + place * ROW, COLOURS[place])
    return drawing.done()


def _bar(drawing: Drawing, scale: Log, spread: Spread | None, y: float, colour: str) -> None:
    if spread is None:
        drawing.text(LEFT + 4, y + ROW - 2, "-", size=10, fill="#999")
        return
    drawing.rect(LEFT, y, max(1.0, scale.at(spread.middle) - LEFT), ROW - 2, colour)
    drawing.line((scale.at(spread.low), y + ROW / 2 - 1), (scale.at(spread.high), y + ROW / 2 - 1), INK, 1.5)
    drawing.text(scale.at(max(spread.middle, spread.high)) + 4, y + ROW - 2, short(spread.middle), size=10)


def dots(title: str, unit: str, rows: list[str], series: list[Series]) -> str:
    """The values of a row as dots on one line; nothing without values."""
    if not rows:
        return ""
    height = 22
    bottom = TOP + len(rows) * height
    drawing = Drawing(WIDTH, bottom + 24, title)
    scale = over([spread.middle for part in series for spread in part.values if spread], LEFT, WIDTH - RIGHT)
    _frame(drawing, title, unit, [part.name for part in series], COLOURS)
    _grid(drawing, scale, bottom)
    for number, row in enumerate(rows):
        y = TOP + number * height + height / 2
        drawing.text(LEFT - 8, y + 4, row, anchor="end")
        known = [scale.at(spread.middle) for part in series if (spread := part.values[number])]
        if known:
            drawing.line((min(known), y), (max(known), y), "#999")
        for place, part in enumerate(series):
            spread = part.values[number]
            if spread:
                drawing.dot(scale.at(spread.middle), y, COLOURS[place])
    return drawing.done()


def curves(title: str, unit: str, across: list[int], series: list[Series], ours: set[str]) -> str:
    """A curve for each series; ours are thick and black. Nothing without values."""
    if not series:
        return ""
    bottom, right = 480.0, WIDTH - LEFT
    drawing = Drawing(WIDTH, int(bottom) + 44, title)
    horizontal = Log(float(across[0]), float(max(across[-1], across[0] + 1)), 60, right)
    values = [spread.middle for part in series for spread in part.values if spread]
    vertical = over(values, bottom, TOP)
    _frame(drawing, title, unit, [], ())
    for mark in vertical.marks():
        drawing.line((60, vertical.at(mark)), (right, vertical.at(mark)), FAINT)
        drawing.text(54, vertical.at(mark) + 4, short(mark), size=11, anchor="end", fill="#555")
    for depth in across:
        drawing.text(horizontal.at(depth), bottom + 18, f"{depth:,} queued", size=11, anchor="middle", fill="#555")
    ends = []
    for number, part in enumerate(series):
        colour = OURS if part.name in ours else COLOURS[number % len(COLOURS)]
        points = [
            (horizontal.at(depth), vertical.at(spread.middle))
            for depth, spread in zip(across, part.values, strict=True)
            if spread
        ]
        drawing.path(points, colour, 3 if part.name in ours else 1.5)
        for x, y in points:
            drawing.dot(x, y, colour, 3)
        ends.append((points[-1], part.name, colour))
    _labels(drawing, ends, right, bottom)
    return drawing.done()


def _labels(drawing: Drawing, ends: list[tuple[tuple[float, float], str, str]], right: float, bottom: float) -> None:
    """Each curve's name at the right, evenly spaced in the order of their ends, and a faint line to it."""
    step = (bottom - TOP) / max(1, len(ends))
    for number, ((x, y), name, colour) in enumerate(sorted(ends, key=lambda end: end[0][1])):
        middle = TOP + (number + 0.5) * step
        drawing.line((x, y), (right + 8, middle), FAINT)
        drawing.text(right + 12, middle + 4, name, size=11, fill=colour)
