"""An exception as plain data: what is kept of it, and how it is taken."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, NamedTuple

from pynenc.exceptions import SerializationError
from pynenc.model.task_id import importable_name

__all__ = ["MAX_CAUSES", "REMOTE_NOTE", "ErrorRecord", "builtin_base", "encode_error"]

MAX_CAUSES = 3
REMOTE_NOTE = "Traceback where it happened:\n"

_MAX_TEXT = 64 * 1024
_MAX_NOTES = 16
_MAX_MEMBERS = 128
_MAX_MEMBER_LEVELS = 8
_MAX_VALUE = 1024 * 1024
_MAX_VALUES = 10_000
_MAX_VALUE_LEVELS = 32

_LEAVES = (type(None), bool, int, float, complex)
_LEAF_NAMES = frozenset(
    (
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("decimal", "Decimal"),
        ("uuid", "UUID"),
    )
)
_OWN_FIELDS: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2", "characters_written"),
    ImportError: ("name", "path"),
    AttributeError: ("name",),
    NameError: ("name",),
}


class ErrorRecord(NamedTuple):
    """What travels of one exception.

    :param module: module of its class, by the name that other processes know it by.
    :param qualname: qualified name of its class.
    :param args: its ``args``; what is not plain data stands as its ``repr``.
    :param message: its ``str``, at most 64 Ki characters.
    :param traceback_text: the printed traceback with its causes, at most 64 Ki characters.
    :param notes: its notes, those of an earlier trip left out.
    :param fields: what a built-in class keeps beside ``args``, such as ``filename``.
    :param cause: what it was raised from, or while handling what; at most 3 deep.
    :param cause_explicit: the cause was given by ``raise ... from``.
    :param suppress_context: it was raised ``from`` something, or from ``None``.
    :param members: the exceptions of a group.
    """

    module: str
    qualname: str
    args: tuple[Any, ...] = ()
    message: str = ""
    traceback_text: str = ""
    notes: tuple[str, ...] = ()
    fields: Mapping[str, Any] = {}
    cause: ErrorRecord | None = None
    cause_explicit: bool = False
    suppress_context: bool = False
    members: tuple[ErrorRecord, ...] = ()

    @property
    def type_name(self) -> str:
        """Dotted name of the class."""
        return f"{self.module}.{self.qualname}"

    def to_data(self) -> dict[str, Any]:
        """The record as a dict of plain data, for any serializer."""
        data = {**self._asdict(), "fields": dict(self.fields)}
        data["cause"] = None if self.cause is None else self.cause.to_data()
        data["members"] = [member.to_data() for member in self.members]
        return data

    @classmethod
    def from_data(cls, data: object, path: str = "error") -> ErrorRecord:
        """Read what :meth:`to_data` gave.

        :param path: what the record is called in errors.
        :raises SerializationError: a field is missing, unknown or of another type.
        """
        if not isinstance(data, dict) or set(data) != set(cls._fields):
            raise SerializationError(path, "not the record of an exception")
        values = dict(data)
        cause, members = values["cause"], values["members"]
        if not isinstance(members, list | tuple) or len(members) > _MAX_MEMBERS:
            raise SerializationError(f"{path}.members", f"expected a list of at most {_MAX_MEMBERS}")
        values["members"] = tuple(cls.from_data(each, f"{path}.members[{at}]") for at, each in enumerate(members))
        values["cause"] = None if cause is None else cls.from_data(cause, f"{path}.cause")
        values["args"], values["notes"] = (_as_tuple(values[name], f"{path}.{name}") for name in ("args", "notes"))
        record = cls(**values)
        for name, kind in _FIELD_TYPES.items():
            if not isinstance(values[name], kind):
                raise SerializationError(f"{path}.{name}", f"expected {kind.__name__}")
        if not all(isinstance(note, str) for note in record.notes) or not all(
            isinstance(key, str) for key in record.fields
        ):
            raise SerializationError(path, "notes and names of fields are text")
        return record


_FIELD_TYPES: dict[str, type] = {
    "module": str,
    "qualname": str,
    "message": str,
    "traceback_text": str,
    "fields": dict,
    "cause_explicit": bool,
    "suppress_context": bool,
}


def _as_tuple(value: object, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SerializationError(path, "expected a list")
    return tuple(value)


def builtin_base(kind: type[BaseException]) -> type[BaseException]:
    """The closest built-in exception that a class is or comes from."""
    for base in kind.__mro__:
        if issubclass(base, BaseException) and vars(builtins).get(base.__name__) is base:
            found: type[BaseException] = base
            return found
    return BaseException


def encode_error(error: BaseException) -> ErrorRecord:
    """Take what travels of an exception. Never fails, whatever its ``__str__`` or ``__repr__`` do."""
    return _encode(error, _print_traceback(error), MAX_CAUSES, _MAX_MEMBER_LEVELS)


def _encode(error: BaseException, traceback_text: str, causes: int, levels: int) -> ErrorRecord:
    kind = type(error)
    explicit = error.__cause__ is not None
    cause = error.__cause__ if explicit or error.__suppress_context__ else error.__context__
    members, args = _encode_members(error, levels), error.args
    if isinstance(error, BaseExceptionGroup):
        args = (error.message,)
    carried = _Portable().value(args)
    return ErrorRecord(
        module=importable_name(str(kind.__module__)),
        qualname=str(kind.__qualname__),
        args=carried if isinstance(carried, tuple) else (carried,),
        message=_cut(_safely(str, error)),
        traceback_text=traceback_text,
        notes=_notes(error, members),
        fields=_own_fields(error),
        # The printed traceback shows the whole chain already.
        cause=_encode(cause, "", causes - 1, levels) if cause is not None and causes else None,
        cause_explicit=explicit,
        suppress_context=error.__suppress_context__,
        members=members,
    )


def _encode_members(error: BaseException, levels: int) -> tuple[ErrorRecord, ...]:
    if not isinstance(error, BaseExceptionGroup) or not levels:
        return ()
    return tuple(_encode(member, "", 0, levels - 1) for member in error.exceptions[:_MAX_MEMBERS])


def _notes(error: BaseException, members: tuple[ErrorRecord, ...]) -> tuple[str, ...]:
    found = getattr(error, "__notes__", ())
    notes = []
    if isinstance(found, list | tuple):
        texts = [note for note in found if type(note) is str and not note.startswith(REMOTE_NOTE)]
        notes = [_cut(note) for note in texts[:_MAX_NOTES]]
    if isinstance(error, BaseExceptionGroup) and len(members) < len(error.exceptions):
        notes.append(f"{len(error.exceptions) - len(members)} more exceptions of this group were left out")
    return tuple(notes)


def _own_fields(error: BaseException) -> dict[str, Any]:
    """What a built-in base keeps beside ``args``, read past any attribute of a subclass."""
    fields: dict[str, Any] = {}
    for base, names in _OWN_FIELDS.items():
        if not isinstance(error, base):
            continue
        for name in names:
            try:
                value = base.__dict__[name].__get__(error, type(error))
            except AttributeError:
                continue
            if value is not None:
                fields[name] = _Portable().value(value.__fspath__() if hasattr(value, "__fspath__") else value)
    return fields


def _print_traceback(error: BaseException) -> str:
    import traceback

    try:
        text = "".join(traceback.format_exception(error))
    except Exception as failure:  # an exception that breaks even its own printing still has a type
        text = f"{type(error).__qualname__}: its traceback cannot be printed ({type(failure).__qualname__})\n"
    return _cut(text)


def _cut(text: str) -> str:
    """Both ends of a text over the limit: the message stands at one, the outermost call at the other."""
    if len(text) <= _MAX_TEXT:
        return text
    gap = "\n[... cut ...]\n"
    head = _MAX_TEXT // 4
    return text[:head] + gap + text[head + len(gap) - _MAX_TEXT :]


def _safely(show: type[str] | Any, value: object) -> str:
    try:
        text = show(value)
    except (Exception, SystemExit, GeneratorExit):  # a hostile __str__ must not take the worker down
        return f"<unprintable {type(value).__qualname__} object>"
    return str.__str__(text) if type(text) is not str else text


class _Portable:
    """Copies one value into plain data, within bounds."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def value(self, value: Any, level: int = 0) -> Any:
        """The value when it is plain data; its ``repr`` otherwise."""
        self._left -= 1
        kind = type(value)
        if kind in _LEAVES or (kind.__module__, kind.__qualname__) in _LEAF_NAMES:
            return value
        if kind in (str, bytes, bytearray) and len(value) <= _MAX_VALUE:
            return kind(value)
        if kind in (list, tuple, set, frozenset, dict) and len(value) > self._left:
            return f"<{kind.__name__} of {len(value)} elements>"
        if level < _MAX_VALUE_LEVELS:
            if kind in (list, tuple, set, frozenset):
                return kind([self.value(part, level + 1) for part in value])
            if kind is dict:
                return {self.value(key, level + 1): self.value(part, level + 1) for key, part in value.items()}
        return _cut(_safely(repr, value))
