"""As much of SVG as the plots need."""

from __future__ import annotations

from html import escape

FONT = "font-family='system-ui, sans-serif'"
INK = "#222"
FAINT = "#d8d8d8"


class Drawing:
    """Shapes on white, in pixels from the upper left corner."""

    def __init__(self, width: int, height: int, title: str) -> None:
        size = f"width='{width}' height='{height}'"
        self._parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' {size} role='img'>",
            f"<title>{escape(title)}</title>",
            f"<rect {size} fill='white'/>",
        ]

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle."""
        size = f"width='{max(width, 0):.1f}' height='{height:.1f}'"
        self._parts.append(f"<rect x='{x:.1f}' y='{y:.1f}' {size} fill='{fill}'/>")

    def line(self, start: tuple[float, float], end: tuple[float, float], stroke: str = INK, width: float = 1) -> None:
        """A straight line."""
        ends = f"x1='{start[0]:.1f}' y1='{start[1]:.1f}' x2='{end[0]:.1f}' y2='{end[1]:.1f}'"
        self._parts.append(f"<line {ends} stroke='{stroke}' stroke-width='{width:g}'/>")

    def path(self, points: list[tuple[float, float]], stroke: str, width: float) -> None:
        """A line through many points."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f"<polyline points='{text}' fill='none' stroke='{stroke}' stroke-width='{width:g}'/>")

    def dot(self, x: float, y: float, fill: str, radius: float = 4) -> None:
        """A filled circle."""
        self._parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:g}' fill='{fill}'/>")

    def text(self, x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", fill: str = INK) -> None:
        """A line of text; ``y`` is its base line."""
        style = f"{FONT} font-size='{size}' text-anchor='{anchor}' fill='{fill}'"
        self._parts.append(f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>")

    def done(self) -> str:
        """The file's text."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"
