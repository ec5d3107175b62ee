"""Parts of pages that are written by a program: what stands between two marks."""

from __future__ import annotations

from pathlib import Path


class MarkError(Exception):
    """A page has no such part."""


def replace(page: Path, name: str, text: str) -> bool:
    """Put a text between the marks of that name; whether the page changed.

    :raises MarkError: the page does not have both marks, once each and in order.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = page.read_text(encoding="utf-8")
    if old.count(begin) != 1 or old.count(end) != 1 or old.index(begin) > old.index(end):
        raise MarkError(f"{page} needs one line {begin} and one {end} below it")
    new = old[: old.index(begin) + len(begin)] + f"\n{text}\n" + old[old.index(end) :]
    page.write_text(new, encoding="utf-8")
    return new != old
