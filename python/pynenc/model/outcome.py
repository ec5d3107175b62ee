"""How an exception leaves one process and is raised again in another.

It travels as :class:`ErrorRecord`: names, args, message, traceback text, notes and chain. A class is never
imported by name. :func:`decode_error` gives the original class back when it is

- a built-in subclass of :class:`Exception`, rebuilt with its own fields (``errno``, ``filename``, the members of a
  group, ...);
- an error of :mod:`pynenc.exceptions`;
- a subclass of :class:`Exception` that this process has loaded already, under the same name in the same module. It is
  made by ``__new__`` with its args; its ``__init__`` does not run and its other attributes are not there.

Anything else comes back as :class:`~pynenc.exceptions.RemoteTaskError`. So do ``SystemExit``, ``KeyboardInterrupt`` and
every other :class:`BaseException` that is no :class:`Exception`: what ended a worker must not end who reads of it.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

from pynenc.exceptions import PynencError, RemoteTaskError
from pynenc.model.error_record import MAX_CAUSES, REMOTE_NOTE, ErrorRecord, builtin_base, encode_error
from pynenc.model.task_id import importable_name

__all__ = ["ErrorRecord", "decode_error", "encode_error"]

_OWN_MODULE = PynencError.__module__
_BUILTINS: dict[str, type[Exception]] = {
    name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
}


def decode_error(record: ErrorRecord) -> Exception:
    """Rebuild the exception of a record, of its own class where that is allowed.

    The traceback of the other process hangs on it as a note. Nothing is imported, and no code of the user runs but the
    ``__new__`` of a class that this process has loaded.
    """
    return _decode(record, MAX_CAUSES)


def _decode(record: ErrorRecord, causes: int) -> Exception:
    kind = _find_class(record)
    if kind is not None:
        try:
            return _dress(_build(kind, record), record, causes)
        except Exception:  # noqa: S110 - a class that cannot be made from its args is carried as data below
            pass
    stand_in = RemoteTaskError(record.type_name, record.message, record.args, record.traceback_text)
    return _dress(stand_in, record, causes)


def _find_class(record: ErrorRecord) -> type[Exception] | None:
    if record.module == "builtins":
        return _BUILTINS.get(record.qualname)
    if record.module == _OWN_MODULE:
        own = vars(sys.modules[_OWN_MODULE]).get(record.qualname)
        return own if isinstance(own, type) and issubclass(own, PynencError) else None
    return _find_loaded(record.module, record.qualname)


def _find_loaded(module_name: str, qualname: str) -> type[Exception] | None:
    """A class of a module that is loaded, read from the namespaces themselves: no ``__getattr__`` runs."""
    # A class of the program itself has another module's name wherever that program is imported.
    in_main = module_name not in sys.modules and module_name == importable_name("__main__")
    module = sys.modules.get("__main__" if in_main else module_name)
    if not isinstance(module, type(sys)):
        return None
    namespace: Any = object.__getattribute__(module, "__dict__")
    found: Any = None
    for name in qualname.split("."):
        found = namespace.get(name)
        # isinstance would ask the object for __class__, which a lazy one may compute.
        if not issubclass(type(found), type):
            return None
        namespace = type.__dict__["__dict__"].__get__(found)
    return found if Exception in type.__dict__["__mro__"].__get__(found) else None


def _build(kind: type[Exception], record: ErrorRecord) -> Exception:
    """Make the exception without running the ``__init__`` of any class but a built-in or pynenc's own."""
    if kind.__module__ == _OWN_MODULE:
        return kind(*record.args)
    base = builtin_base(kind)
    keywords: dict[str, Any] = {}
    args: tuple[Any, ...] = record.args
    if issubclass(base, ExceptionGroup):
        args = (*record.args[:1], [_decode(member, 0) for member in record.members])
    elif issubclass(base, OSError):
        args = _os_error_args(base, record)
    elif issubclass(base, ImportError | AttributeError | NameError):
        keywords = {name: value for name, value in record.fields.items() if name in ("name", "path")}
    error: Any = kind.__new__(kind, *args)
    if type(error) is not kind:
        raise TypeError(f"{record.type_name} made a {type(error).__qualname__}")
    # Checks and keeps the fields of the built-in part; a class of the user is not asked.
    initialize: Any = base.__init__
    initialize(error, *args, **keywords)
    if not isinstance(error, BaseExceptionGroup):
        error.args = record.args
    rebuilt: Exception = error
    return rebuilt


def _os_error_args(base: type[OSError], record: ErrorRecord) -> tuple[Any, ...]:
    fields = record.fields
    if "errno" not in fields:
        return record.args
    args = (fields["errno"], fields.get("strerror"))
    if base is BlockingIOError and "characters_written" in fields:
        return (*args, fields["characters_written"])
    if "filename2" in fields:
        return (*args, fields.get("filename"), None, fields["filename2"])
    return (*args, fields["filename"]) if "filename" in fields else args


def _dress(error: Exception, record: ErrorRecord, causes: int) -> Exception:
    """Hang notes, chain and remote traceback on a rebuilt exception."""
    for note in record.notes:
        BaseException.add_note(error, note)
    if record.traceback_text:
        BaseException.add_note(error, REMOTE_NOTE + record.traceback_text)
    if record.cause is not None and causes:
        cause = _decode(record.cause, causes - 1)
        if record.cause_explicit:
            error.__cause__ = cause
        else:
            error.__context__ = cause
    error.__suppress_context__ = record.suppress_context
    return error
