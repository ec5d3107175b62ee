"""From a value to a tree that plain JSON can hold, with tags for what JSON lacks."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pynenc.exceptions import SerializationError
from pynenc.serializer import raw
from pynenc.serializer.limits import Limits
from pynenc.serializer.paths import AS_KEY, Path, error_at, path_text
from pynenc.serializer.plain import SCALARS, all_finite
from pynenc.serializer.records import RecordKind, fields_of, record_kind
from pynenc.serializer.scalars import WRITERS, text_is_writable

__all__ = ["TreeWriter"]

_UNSEEN = object()


class TreeWriter:
    """Writes one value; not to be used twice.

    A tag is the only key of its object and begins with ``$``. A dict of the user's that has that
    shape, or a key that is not text, is written as pairs under ``$dict``: nothing is mistaken.

    :param limits: what a reader accepts.
    :param careful: look at each text and integer for what the JSON encoder refuses.
    """

    def __init__(self, limits: Limits, *, careful: bool = False) -> None:
        self._careful = careful
        self._limits = limits
        self._items = 0
        self._open: set[int] = set()
        self._kinds: dict[type, RecordKind | None] = {}

    def write(self, value: Any, path: Path, depth: int = 0) -> Any:
        """The tree of ``value``.

        :raises SerializationError: naming the path and the type of what cannot be written.
        """
        kind = type(value)
        if kind is bool or value is None:
            return value
        scalar = WRITERS.get(kind)
        if scalar is not None:
            try:
                return scalar(value)
            except (ValueError, TypeError) as error:
                raise error_at(path, f"{kind.__qualname__}: {error}") from error
        if depth >= self._limits.max_depth:
            raise self._too_deep(value, path)
        if id(value) in self._open:
            raise error_at(path, f"{kind.__qualname__} contains itself")
        self._open.add(id(value))
        try:
            return self._write_container(value, kind, path, depth + 1)
        finally:
            self._open.discard(id(value))

    def _too_deep(self, value: Any, path: Path) -> SerializationError:
        if id(value) in self._open:
            return error_at(path, f"{type(value).__qualname__} contains itself")
        return error_at(path, f"more than {self._limits.max_depth} levels of containers")

    def _write_container(self, value: Any, kind: type, path: Path, depth: int) -> Any:
        if kind is list:
            return self._elements(value, path, depth)
        if kind is dict:
            return self._mapping(value, path, depth)
        if kind is tuple:
            return {"$tuple": self._elements(value, path, depth)}
        if kind is set or kind is frozenset:
            return {f"${kind.__name__}": self._elements(value, path, depth)}
        if isinstance(value, Enum):
            return {"$enum": self.write(value._value_, (path, "value"), depth)}
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return {"$named": self._elements(value, path, depth)}
        record = self._record_kind(kind, path)
        if record is not None:
            return self._record(value, record, path, depth)
        return self._raw(value, path)

    def _count(self, added: int, path: Path) -> None:
        self._items += added
        if self._items > self._limits.max_items:
            hint = "send large data as text, bytes or an array"
            raise error_at(path, f"more than {self._limits.max_items} items in one value; {hint}")

    def _elements(self, values: Any, path: Path, depth: int) -> list[Any]:
        self._count(len(values), path)
        kinds = set(map(type, values))
        if not self._careful and kinds <= SCALARS and (float not in kinds or all_finite(values, kinds)):
            return list(values)
        return [self.write(value, (path, index), depth) for index, value in enumerate(values)]

    def _mapping(self, value: dict[Any, Any], path: Path, depth: int) -> dict[str, Any]:
        self._count(2 * len(value), path)
        plain = all(type(key) is str and text_is_writable(key) for key in value)
        if plain and not (len(value) == 1 and next(iter(value)).startswith("$")):
            return {key: self.write(part, (path, key), depth) for key, part in value.items()}
        pairs = []
        for key, part in value.items():
            where = (path, key)
            pairs.append([self.write(key, (where, AS_KEY), depth), self.write(part, where, depth)])
        return {"$dict": pairs}

    def _record_kind(self, kind: type, path: Path) -> RecordKind | None:
        found: Any = self._kinds.get(kind, _UNSEEN)
        if found is _UNSEEN:
            try:
                found = record_kind(kind)
            except TypeError as error:
                raise error_at(path, str(error)) from error
            self._kinds[kind] = found
        record: RecordKind | None = found
        return record

    def _record(self, value: Any, record: RecordKind, path: Path, depth: int) -> dict[str, Any]:
        try:
            fields = fields_of(value, record)
        except AttributeError as error:
            raise error_at(path, f"{type(value).__qualname__} lacks a field: {error}") from error
        self._count(2 * len(fields), path)
        return {"$obj": {name: self.write(part, (path, name), depth) for name, part in fields.items()}}

    def _raw(self, value: Any, path: Path) -> dict[str, str]:
        parts = raw.encode(value, path_text(path))
        if parts is None:
            raise error_at(path, _refusal(value))
        import binascii

        return {"$raw": binascii.b2a_base64(b"".join(parts), newline=False).decode("ascii")}


def _refusal(value: Any) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    for base in (dict, list, tuple, set, frozenset, str, bytes, int, float):
        if isinstance(value, base):
            return f"{name} would come back as a plain {base.__name__}: send {base.__name__}(...) of it"
    accepted = "JSON's types, tuples, sets, bytes, dates, Decimal, UUID, arrays, enums, dataclasses and the like"
    return f"{name} is not carried as JSON; accepted are {accepted}"
