"""From JSON text that may be hostile to a checked tree, and from the tree to values."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pynenc.exceptions import SerializationError
from pynenc.serializer import raw
from pynenc.serializer.annotations import (
    Hint,
    any_of,
    class_of,
    element_hint,
    field_hints,
    hint_of,
    key_hint,
    value_hint,
)
from pynenc.serializer.limits import Limits
from pynenc.serializer.paths import AS_KEY, Path, error_at, path_text
from pynenc.serializer.plain import NESTING
from pynenc.serializer.records import RecordKind, enum_classes, record_kind
from pynenc.serializer.scalars import READERS

__all__ = ["TreeReader", "parse_strictly"]


def parse_strictly(data: bytes, limits: Limits, path: str) -> Any:
    """Parse any JSON text, refusing what two parsers could read in two ways.

    :raises SerializationError: not UTF-8, not JSON, a key twice, a number out of range, NaN or
        Infinity as a bare word, or nested too deep to parse.
    """
    import json

    def read_int(digits: str) -> int:
        if len(digits) > limits.max_int_digits:
            raise ValueError(f"an integer of more than {limits.max_int_digits} digits")
        return int(digits)

    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_int=read_int,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise SerializationError(path, f"not acceptable JSON: {error!s:.200}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise ValueError("a number out of range")
    return value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


class TreeReader:
    """Turns one parsed tree into a value; not to be used twice.

    Tags are looked up in a closed table. Which class a record or an enum becomes is decided by the
    annotation alone; nothing in the data names one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._visits = 0
        self._tried = 0
        self._kinds: dict[type, RecordKind | None] = {}
        self._containers: dict[str, Callable[[Any, Hint, Path, int], Any]] = {
            "$tuple": self._tuple,
            "$set": self._set,
            "$frozenset": self._frozenset,
            "$dict": self._pairs,
            "$named": self._named,
            "$enum": self._enum,
            "$obj": self._record,
            "$raw": _read_raw,
        }

    def read(self, node: Any, hint: Hint, path: Path, depth: int = 0) -> Any:
        """The value of ``node``, as far as possible of a type that ``hint`` allows.

        :raises SerializationError: an unknown tag, bad content, over a limit, or not as annotated.
        """
        self._visits += 1
        if self._visits > self._limits.max_items + 1:
            raise error_at(path, f"more than {self._limits.max_items} items in one value")
        kind = type(node)
        if kind is list:
            return self._elements(node, hint, path, self._deeper(depth, path))
        if kind is not dict:
            return node
        if len(node) == 1:
            (tag,) = node
            if tag[:1] == "$":
                return self._tagged(tag, node[tag], hint, path, depth)
        return self._object(node, hint, path, self._deeper(depth, path))

    def _deeper(self, depth: int, path: Path) -> int:
        if depth >= self._limits.max_depth:
            raise error_at(path, f"more than {self._limits.max_depth} levels of containers")
        return depth + 1

    def _tagged(self, tag: str, node: Any, hint: Hint, path: Path, depth: int) -> Any:
        container = self._containers.get(tag)
        if container is not None:
            return container(node, hint, path, self._deeper(depth, path))
        scalar = READERS.get(tag)
        if scalar is None:
            raise error_at(path, f"tag {tag!r:.40} is not known")
        try:
            return scalar(node)
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            raise error_at(path, f"bad content under {tag}: {error!s:.200}") from None

    def _elements(self, node: Any, hint: Hint, path: Path, depth: int) -> list[Any]:
        if type(node) is not list:
            raise error_at(path, f"expected a list of elements, not {type(node).__name__}")
        if NESTING.isdisjoint(map(type, node)):
            elements: list[Any] = self._leaves(node, path)
            return elements
        if not hint:
            return [self.read(part, (), (path, index), depth) for index, part in enumerate(node)]
        return [self.read(part, element_hint(hint, index), (path, index), depth) for index, part in enumerate(node)]

    def _leaves(self, node: Any, path: Path) -> Any:
        """A fresh container that holds nothing to look into: it is the value already."""
        self._visits += len(node)
        if self._visits > self._limits.max_items + 1:
            raise error_at(path, f"more than {self._limits.max_items} items in one value")
        return node

    def _tuple(self, node: Any, hint: Hint, path: Path, depth: int) -> tuple[Any, ...]:
        return tuple(self._elements(node, hint, path, depth))

    def _frozenset(self, node: Any, hint: Hint, path: Path, depth: int) -> frozenset[Any]:
        return frozenset(self._set(node, hint, path, depth))

    def _set(self, node: Any, hint: Hint, path: Path, depth: int) -> set[Any]:
        elements = self._elements(node, hint, path, depth)
        try:
            found = set(elements)
        except TypeError as error:
            raise error_at(path, f"a set cannot hold this: {error}{_untyped(hint)}") from None
        if len(found) != len(elements):
            raise error_at(path, "an element stands twice in one set")
        return found

    def _object(self, node: dict[str, Any], hint: Hint, path: Path, depth: int) -> dict[str, Any]:
        if NESTING.isdisjoint(map(type, node.values())):
            fields: dict[str, Any] = self._leaves(node, path)
            return fields
        return {key: self.read(part, value_hint(hint, key), (path, key), depth) for key, part in node.items()}

    def _pairs(self, node: Any, hint: Hint, path: Path, depth: int) -> dict[Any, Any]:
        if type(node) is not list or any(type(pair) is not list or len(pair) != 2 for pair in node):
            raise error_at(path, "expected a list of pairs")
        keys, found = key_hint(hint), {}
        for written, part in node:
            key = self.read(written, keys, (path, AS_KEY), depth)
            try:
                twice = key in found
            except TypeError as error:
                raise error_at(path, f"a dict cannot have this key: {error}{_untyped(hint)}") from None
            if twice:
                raise error_at(path, "a key stands twice in one dict")
            found[key] = self.read(part, value_hint(hint, key), (path, key), depth)
        return found

    def _named(self, node: Any, hint: Hint, path: Path, depth: int) -> Any:
        """A NamedTuple of the annotation; a plain tuple, which equals it, where none fits."""
        size = len(node) if type(node) is list else -1
        for alternative in hint:
            kind = class_of(alternative)
            names = getattr(kind, "_fields", ())
            if kind is not None and issubclass(kind, tuple) and len(names) == size > 0:
                hints = _hints_of(alternative, path)
                parts = (
                    self.read(part, hint_of(hints.get(name)), (path, name), depth)
                    for name, part in zip(names, node, strict=True)
                )
                return tuple.__new__(kind, parts)
        return tuple(self._elements(node, hint, path, depth))

    def _enum(self, node: Any, hint: Hint, path: Path, depth: int) -> Any:
        value = self.read(node, (), (path, "value"), depth)
        kinds = enum_classes(hint)
        found = [member for kind in kinds if (member := _member(kind, value)) is not None]
        if len(found) == 1:
            return found[0]
        if found:
            raise error_at(path, f"{value!r:.80} is a member of each of {_names(kinds)}: annotate one enum")
        if kinds:
            raise error_at(path, f"{value!r:.80} is not a member of {_names(kinds)}")
        if not hint or any_of(hint, type(value)):
            return value
        raise error_at(path, f"an enum member came where the annotation says {_names(hint)}")

    def _record(self, node: Any, hint: Hint, path: Path, depth: int) -> Any:
        if type(node) is not dict:
            raise error_at(path, "expected the fields of a record")
        keys, kinds = set(node), self._record_kinds(hint, path)
        fitting = [pair for pair in kinds if pair[1].fits(keys, node.__getitem__)]
        if len(fitting) == 1:
            return self._build(node, *fitting[0], path, depth)
        if fitting:
            return self._build_the_only(node, fitting, path, depth)
        if not hint or (not kinds and any_of(hint, Mapping)):
            return self._object(node, hint, path, depth)
        fields = ", ".join(sorted(keys))
        raise error_at(path, f"a record with the fields ({fields:.200}) came where the annotation says {_names(hint)}")

    def _record_kinds(self, hint: Hint, path: Path) -> list[tuple[Any, RecordKind]]:
        """The alternatives that are records, each with how to build it."""
        found = []
        for alternative in hint:
            kind = class_of(alternative)
            if kind is None:
                continue
            if kind not in self._kinds:
                try:
                    self._kinds[kind] = record_kind(kind)
                except TypeError as error:
                    raise error_at(path, str(error)) from None
            record = self._kinds[kind]
            if record is not None:
                found.append((alternative, record))
        return found

    def _build(self, node: dict[str, Any], alternative: Any, record: RecordKind, path: Path, depth: int) -> Any:
        hints = _hints_of(alternative, path)
        fields = {name: self.read(part, hint_of(hints.get(name)), (path, name), depth) for name, part in node.items()}
        if record.tag is not None:
            del fields[record.tag[0]]
        try:
            return record.build(fields)
        except Exception as error:
            name = _names((alternative,))
            raise error_at(path, f"{name} refuses its fields: {type(error).__name__}: {error}") from error

    def _build_the_only(
        self, node: dict[str, Any], fitting: list[tuple[Any, RecordKind]], path: Path, depth: int
    ) -> Any:
        found, before, most = [], self._visits, 0
        for alternative, record in fitting:
            # Unions inside unions multiply the attempts: their total is bounded apart.
            if self._tried > 4 * self._limits.max_items:
                raise error_at(path, "too many combinations of classes to try: annotate one class")
            try:
                found.append(self._build(node, alternative, record, path, depth))
            except SerializationError:
                continue
            finally:
                self._tried += self._visits - before
                most, self._visits = max(most, self._visits), before
        self._visits = most
        if len(found) == 1:
            return found[0]
        names = _names(alternative for alternative, _ in fitting)
        reason = "fits each of" if found else "can be built as none of"
        raise error_at(path, f"a record {reason} {names}: give them different fields, or annotate one")


def _read_raw(node: Any, _hint: Hint, path: Path, _depth: int) -> Any:
    try:
        body = memoryview(binascii.a2b_base64(node, strict_mode=True))
    except (ValueError, TypeError) as error:
        raise error_at(path, f"bad content under $raw: {error}") from None
    if body[:1] != raw.RAW_TAG:
        raise error_at(path, "bad content under $raw: not a raw value")
    return raw.decode(body, path_text(path))


def _hints_of(alternative: Any, path: Path) -> dict[str, Any]:
    try:
        return field_hints(alternative)
    except Exception as error:
        name = _names((alternative,))
        raise error_at(path, f"the annotations of {name} cannot be resolved: {error}") from error


def _member(kind: type[Enum], value: Any) -> Enum | None:
    try:
        return kind(value)
    except Exception:  # whatever the lookup of a foreign enum raises: it is not a member
        return None


def _names(alternatives: Any) -> str:
    return " | ".join(getattr(each, "__qualname__", None) or str(each) for each in alternatives)


def _untyped(hint: Hint) -> str:
    return "" if hint else "; an annotation says which class to rebuild"
