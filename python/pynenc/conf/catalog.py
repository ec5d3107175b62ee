"""Which settings exist: every config class enters its names here, and every source is checked against them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pynenc.conf.parsing import nearest
from pynenc.exceptions import ConfigError

ENV_PREFIX = "PYNENC__"
FILEPATH = "FILEPATH"

_fields_of_section: dict[str, set[str]] = {}
_fields_of_class: dict[str, set[str]] = {}
_subject_sections: set[str] = set()
_subject_classes: set[str] = set()
_warned: set[str] = set()


class PynencConfigWarning(UserWarning):
    """An environment variable looks like a setting, and is none."""


def register(class_names: Iterable[str], fields: Iterable[str], *, by_subject: bool) -> None:
    """Enter the names of one config class.

    :param class_names: its own name, then those of its parents: a parent's section may set a child's field.
    :param fields: every field that it has.
    :param by_subject: whether its own section may hold further sections, one a subject (a task).
    """
    names = set(fields)
    own_name, *_ = class_names = list(class_names)
    for class_name in class_names:
        _fields_of_section.setdefault(section_of(class_name), set()).update(names)
        _fields_of_class.setdefault(class_name.upper(), set()).update(names)
    if by_subject:
        _subject_sections.add(section_of(own_name))
        _subject_classes.add(own_name.upper())


def section_of(class_name: str) -> str:
    """Name of the section that belongs to a config class: ``ConfigTask`` has ``task``."""
    return class_name.replace("Config", "").lower()


def known_fields() -> set[str]:
    """Every field of every config class."""
    return set().union(*_fields_of_section.values())


def check_mapping(values: Mapping[str, Any], source: str) -> None:
    """Refuse what no config class knows.

    :param values: fields, and sections with fields.
    :param source: where they come from, for the message.
    :raises ConfigError: unknown field or section, or a section that is not a table.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: expected a table of settings, got {type(values).__name__}")
    fields = known_fields()
    for key, value in values.items():
        if key in _fields_of_section:
            _check_section(key, value, source)
        elif key not in fields:
            _refuse(key, [*fields, *_fields_of_section], source)


def _check_section(section: str, values: object, source: str) -> None:
    known = _fields_of_section[section]
    where = f"{source} [{section}]"
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a table of settings, got {type(values).__name__}")
    for key, value in values.items():
        if section in _subject_sections and isinstance(value, Mapping):
            for subject, options in subjects_of({key: value}):
                _check_options(options, known, f"{where} of {subject}")
        elif key not in known:
            _refuse(key, known, where)


def _check_options(options: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in options:
        if key not in known:
            _refuse(key, known, where)


def _refuse(key: object, known: Iterable[str], where: str) -> None:
    raise ConfigError(f"{where}: unknown setting {key!r}{nearest(str(key), sorted(known))}")


def subjects_of(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Find the subjects in a section: ``{"a.b": {…}}`` and the nested ``{"a": {"b": {…}}}`` are the same.

    :returns: dotted name and options of each.
    """
    for key, value in section.items():
        if isinstance(value, Mapping):
            name = f"{prefix}{key}"
            options = {option: chosen for option, chosen in value.items() if not isinstance(chosen, Mapping)}
            if options:
                yield name, options
            yield from subjects_of(value, f"{name}.")


def warn_unknown_environment() -> None:
    """Warn of each ``PYNENC__`` variable that no config class reads; once a process and name."""
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        if name in _warned or _is_known_variable(name.removeprefix(ENV_PREFIX)):
            continue
        _warned.add(name)
        hint = nearest(name, sorted(_plain_variables()))
        message = f"the environment variable {name} is no setting of pynenc; it is ignored{hint}"
        warnings.warn(message, PynencConfigWarning, stacklevel=2)


def _is_known_variable(rest: str) -> bool:
    class_name, separator, name = rest.partition("__")
    if not separator:
        return rest == FILEPATH or rest.lower() in known_fields()
    if name == FILEPATH:
        return class_name in _fields_of_class
    if class_name in _subject_classes:
        name = name.rpartition("__")[2]
    return name.lower() in _fields_of_class.get(class_name, ())


def _plain_variables() -> Iterator[str]:
    yield f"{ENV_PREFIX}{FILEPATH}"
    for field in known_fields():
        yield f"{ENV_PREFIX}{field.upper()}"
    for class_name, fields in _fields_of_class.items():
        for field in fields:
            yield f"{ENV_PREFIX}{class_name}__{field.upper()}"
