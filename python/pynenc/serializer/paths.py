"""Where in a value something stands: kept as links while walking, written out only for an error."""

from __future__ import annotations

from typing import Any

from pynenc.exceptions import SerializationError

__all__ = ["AS_KEY", "Path", "error_at", "path_text"]

Path = str | tuple[Any, Any]
"""A name, or the path of a container and the key, index or field inside it."""

AS_KEY = object()
"""The last link of the path of a key itself, rather than of what stands under it."""

_MAX_SHOWN = 40


def error_at(path: Path, message: str) -> SerializationError:
    """The error to raise about what stands at ``path``."""
    return SerializationError(path_text(path), message)


def path_text(path: Path) -> str:
    """The path in writing, such as ``args.user.created`` or ``result['a b'][3]``."""
    steps: list[str] = []
    while not isinstance(path, str):
        path, key = path
        steps.append(_step(key))
    return path + "".join(reversed(steps))


def _step(key: Any) -> str:
    if key is AS_KEY:
        return " (a key)"
    if type(key) is str and key.isidentifier():
        return f".{key}"
    try:
        text = repr(key)
    except Exception:  # a key whose repr is broken still has a type to show
        text = f"<{type(key).__qualname__}>"
    return f"[{text}]" if len(text) <= _MAX_SHOWN else f"[{text[: _MAX_SHOWN - 3]}...]"
