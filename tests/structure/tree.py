"""Where the structure tests find what they look at."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "pynenc"
CORE = ROOT / "rust" / "pynenc-core"
BINDINGS = ROOT / "rust" / "pynenc-py"

# Made by tools, never by hand; git ignores them.
BUILT = frozenset({"__pycache__", "target", "dist", "results", "node_modules"})


def files(folder: Path, *suffixes: str) -> list[Path]:
    """Every file below ``folder`` with one of these suffixes, without what tools leave behind."""
    found = (path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())
    return sorted(path for path in found if not _is_built(path.relative_to(ROOT)))


def _is_built(path: Path) -> bool:
    return any(part in BUILT or (part.startswith(".") and part != ".ci") for part in path.parts)


def name_of(path: Path) -> str:
    """How a path is written in a message and in an allow-list."""
    return path.relative_to(ROOT).as_posix()


_RUST_NOISE = re.compile(
    r"""
      //[^\n]*                              # line comment
    | /\*.*?\*/                             # block comment
    | \bb?r(?P<fence>\#*)".*?"(?P=fence)    # raw string
    | b?"(?:\\.|[^"\\])*"                   # string
    | b?'(?:\\[^\n]{1,10}?|[^'\\\n])'       # character; a lifetime has no closing quote
    """,
    re.VERBOSE | re.DOTALL,
)


def rust_code(path: Path) -> str:
    """The file with comments and literals blanked out, line for line."""
    return _RUST_NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), path.read_text("utf-8"))


def end_of_block(code: str, start: int) -> int | None:
    """Offset just behind the brace that closes the first block after ``start``.

    ``None`` for a declaration that ends with a semicolon instead. ``code`` comes from :func:`rust_code`.
    """
    depth = 0
    brackets = 0
    for offset in range(start, len(code)):
        letter = code[offset]
        if letter in "([":
            brackets += 1
        elif letter in ")]":
            brackets -= 1
        elif letter == ";" and depth == 0 and brackets == 0:
            return None
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                return offset + 1
    message = f"a block is never closed: {code[start : start + 80]!r}"
    raise ValueError(message)
