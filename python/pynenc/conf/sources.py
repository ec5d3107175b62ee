"""Where values come from: dictionaries, files and the environment, each as a layer that is asked for a field."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pynenc.conf import catalog
from pynenc.exceptions import ConfigError

if TYPE_CHECKING:
    from pathlib import Path  # loaded when there is a file: an application without any does not pay for it

PYPROJECT = "pyproject.toml"
# Says to the command line where the application stands; no setting of the application.
COMMAND_LINE_KEY = "app"

_parsed: dict[str, tuple[tuple[int, int], Mapping[str, Any]]] = {}


class Found(NamedTuple):
    """A value, before it is parsed, and the words for where it was."""

    value: object
    source: str


class Layer(Protocol):
    """One source of values; a later layer beats an earlier one."""

    def find(self, field: str, /) -> Found | None:
        """Look the field up; ``None`` when this source does not set it."""
        ...


class MappingLayer:
    """A dictionary: what a section says beats what the top level says; ``None`` says nothing.

    :param source: the words for it.
    :param values: fields, and sections with fields. Read, never kept beyond the look-up, never written.
    :param sections: the sections that count, the strongest first.
    """

    def __init__(self, source: str, values: Mapping[str, Any], sections: Sequence[str] = ()) -> None:
        self._places = [
            (f"{source} [{name}]", values[name]) for name in sections if isinstance(values.get(name), Mapping)
        ]
        self._places.append((source, values))

    def find(self, field: str, /) -> Found | None:
        """Look the field up, strongest place first."""
        for source, values in self._places:
            if (value := values.get(field)) is not None:
                return Found(value, source)
        return None


class EnvironmentLayer:
    """The environment.

    :param prefixes: what stands before the field's name in capitals, the strongest first.
    """

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._prefixes = prefixes

    def find(self, field: str, /) -> Found | None:
        """Look the field up under each prefix."""
        for prefix in self._prefixes:
            name = f"{catalog.ENV_PREFIX}{prefix}{field.upper()}"
            if (value := os.environ.get(name)) is not None:
                return Found(value, f"environment {name}")
        return None


class SettingsFile(NamedTuple):
    """What a file says, and the words for the file."""

    source: str
    values: Mapping[str, Any]


def working_directory_file() -> SettingsFile | None:
    """``[tool.pynenc]`` of the ``pyproject.toml`` in the working directory, if it has one."""
    # The file belongs to the project, not to pynenc: one that this user may not read is none.
    if not os.access(PYPROJECT, os.R_OK):
        return None
    from pathlib import Path

    path = Path(PYPROJECT)
    if not path.is_file() or b"pynenc" not in path.read_bytes():
        return None
    values = read_file(path, asked_by="the working directory")
    return SettingsFile(f"{path} [tool.pynenc]", values) if values else None


def given_file(path: str | os.PathLike[str], *, asked_by: str) -> SettingsFile:
    """The file that somebody named.

    :param asked_by: who did, for the messages.
    :raises ConfigError: it does not exist, is of no accepted kind, or cannot be parsed.
    """
    from pathlib import Path

    return SettingsFile(f"file {os.fspath(path)}", read_file(Path(path), asked_by=asked_by))


def environment_files(class_names: Sequence[str]) -> list[SettingsFile]:
    """The files that the environment names, weakest first.

    :param class_names: the config class and its parents, the strongest first.
    """
    variables = [f"{catalog.ENV_PREFIX}{catalog.FILEPATH}"]
    variables += [f"{catalog.ENV_PREFIX}{name.upper()}__{catalog.FILEPATH}" for name in reversed(class_names)]
    return [
        given_file(path, asked_by=f"environment {variable}") for variable in variables if (path := os.getenv(variable))
    ]


def read_file(path: Path, *, asked_by: str) -> Mapping[str, Any]:
    """Parse a settings file; an unchanged one is parsed once a process.

    :returns: not to be written to.
    :raises ConfigError: it does not exist, is of no accepted kind, or cannot be parsed.
    """
    where = f"{path} (named by {asked_by})"
    try:
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        key = str(path.resolve())
        known = _parsed.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        values = _parse(path, where)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {where}: {error.strerror or error}") from error
    _parsed[key] = (stamp, values)
    return values


def _parse(path: Path, where: str) -> Mapping[str, Any]:
    kind = path.suffix.lower()
    if kind not in {".toml", ".json"}:
        raise ConfigError(f"the configuration file {where} is of an unknown kind: .toml and .json are accepted")
    values: object
    try:
        text = path.read_text("utf-8")
        if kind == ".toml":
            import tomllib

            values = tomllib.loads(text)
        else:
            import json

            values = json.loads(text)
    except (ValueError, RecursionError) as error:  # both parsers', and undecodable bytes
        raise ConfigError(f"the configuration file {where} cannot be parsed: {error}") from error
    if path.name.endswith(PYPROJECT):
        values = _table(values, "tool", where).get("pynenc", {})
        if isinstance(values, Mapping):
            values = {key: value for key, value in values.items() if key != COMMAND_LINE_KEY}
    if not isinstance(values, Mapping):
        raise ConfigError(f"the configuration file {where} must hold a table of settings, not {type(values).__name__}")
    return values


def _table(values: object, key: str, where: str) -> Mapping[str, Any]:
    table = values.get(key, {}) if isinstance(values, Mapping) else {}
    if not isinstance(table, Mapping):
        raise ConfigError(f"the configuration file {where} must hold a table under {key!r}")
    return table
