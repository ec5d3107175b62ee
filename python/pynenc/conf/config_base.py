"""The base of every config class: it finds a value for each field, and remembers where each came from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from pynenc.conf import catalog
from pynenc.conf.catalog import PynencConfigWarning
from pynenc.conf.config_field import ConfigField
from pynenc.conf.parsing import nearest
from pynenc.conf.sources import (
    EnvironmentLayer,
    Layer,
    MappingLayer,
    SettingsFile,
    environment_files,
    given_file,
    working_directory_file,
)
from pynenc.exceptions import ConfigError, ConfigMultiInheritanceError

DEFAULT = "default"
ASSIGNMENT = "assignment"

_CVAR = re.compile(r"^[ \t]*:cvar (?P<type>.+?) (?P<name>\w+):(?P<text>.*(?:\n(?![ \t]*(?::|\n|$)).*)*)", re.MULTILINE)


class Setting(NamedTuple):
    """One resolved setting; the value of a secret is masked."""

    field: str
    value: Any
    source: str


class FieldDoc(NamedTuple):
    """What a config class says about one of its fields."""

    type: str
    text: str


class ConfigPynencBase:
    """Settings of one component, resolved when it is made.

    A subclass declares fields with :class:`ConfigField` and documents each with ``:cvar <type> <name>: <text>``.
    From the weakest to the strongest: the field's default, ``config_values``, ``[tool.pynenc]`` of the working
    directory's ``pyproject.toml``, ``config_filepath``, the file of ``PYNENC__FILEPATH``, the file of
    ``PYNENC__<CLASS>__FILEPATH``, ``PYNENC__<FIELD>``, ``PYNENC__<CLASS>__<FIELD>``, and an assignment. Within one
    source a section beats the top level, and a class its parents.

    :param config_values: settings given in code. Read here, not kept.
    :param config_filepath: a ``.toml`` or ``.json`` file.
    :raises ConfigError: a source cannot be read, has an unknown key, or a value that is not accepted.
    """

    _fields: ClassVar[dict[str, ConfigField[Any]]] = {}
    _lineage: ClassVar[tuple[str, ...]] = ()
    _by_subject: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _refuse_ambiguous_fields(cls)
        parents = [base for base in cls.__mro__ if issubclass(base, ConfigPynencBase) and base is not ConfigPynencBase]
        cls._lineage = tuple(base.__name__ for base in parents)
        cls._fields = {
            name: value
            for base in reversed(parents)
            for name, value in vars(base).items()
            if isinstance(value, ConfigField)
        }
        catalog.register(cls._lineage, cls._fields, by_subject=cls._by_subject)

    def __init__(
        self,
        config_values: Mapping[str, Any] | None = None,
        config_filepath: str | os.PathLike[str] | None = None,
    ) -> None:
        self._values: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self._observers: list[Callable[[str], None]] = []
        values = config_values or {}
        files = self._files(config_filepath)
        catalog.check_mapping(values, "code")
        for file in files:
            catalog.check_mapping(file.values, file.source)
        catalog.warn_unknown_environment()
        self._resolve(self._layers(values, files))
        self._settle()

    # -- resolution -------------------------------------------------------------------------------
    def _files(self, config_filepath: str | os.PathLike[str] | None) -> list[SettingsFile]:
        files = environment_files(self._lineage)
        if config_filepath:
            files.insert(0, given_file(config_filepath, asked_by="config_filepath"))
        if (own := working_directory_file()) is not None:
            files.insert(0, own)
        return files

    def _layers(self, values: Mapping[str, Any], files: Sequence[SettingsFile]) -> list[Layer]:
        """Every source, the weakest first."""
        sections = [catalog.section_of(name) for name in self._lineage]
        layers: list[Layer] = [MappingLayer("code", values, sections)]
        layers += [MappingLayer(file.source, file.values, sections) for file in files]
        layers.append(EnvironmentLayer([*(f"{name.upper()}__" for name in self._lineage), ""]))
        return layers

    def _resolve(self, layers: Sequence[Layer]) -> None:
        strongest_first = layers[::-1]
        for name, field in self._fields.items():
            found = next((found for layer in strongest_first if (found := layer.find(name)) is not None), None)
            self._sources[name] = DEFAULT if found is None else found.source
            self._values[name] = field.default if found is None else field.parse(found.value, found.source)

    def _settle(self, changed: str | None = None) -> None:
        """Bring values that follow others into line; called after resolution and after each assignment.

        :param changed: the field that was assigned.
        """

    # -- values -----------------------------------------------------------------------------------
    def value_of(self, name: str) -> Any:
        """The value of a field, by its name."""
        return self._values[name]

    def source_of(self, name: str) -> str:
        """Where the value of a field came from."""
        return self._sources[name]

    def assign(self, name: str, value: Any) -> None:
        """Do what ``conf.name = value`` does: check, set, and tell the observers.

        :raises ConfigError: no such field, or the value is not accepted; nothing has changed then.
        """
        self._values[name] = self.field_of(name).parse(value, ASSIGNMENT)
        self._sources[name] = ASSIGNMENT
        self._settle(name)
        for observer in self._observers:
            observer(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self.assign(name, value)

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with the field's name after each assignment, in the assigning thread."""
        self._observers.append(callback)

    # -- what there is ----------------------------------------------------------------------------
    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Names of the fields: those of the parents first, then in the order of declaration."""
        return tuple(cls._fields)

    @classmethod
    def field_of(cls, name: str) -> ConfigField[Any]:
        """The declaration of a field.

        :raises ConfigError: there is none of that name.
        """
        if name not in cls._fields:
            raise ConfigError(f"{cls.__name__}: unknown setting {name!r}{nearest(name, cls._fields)}")
        return cls._fields[name]

    @classmethod
    def describe(cls) -> dict[str, FieldDoc]:
        """Type and meaning of each field, read from the docstrings; the nearest class's words count."""
        found = {
            match["name"]: FieldDoc(match["type"], " ".join(match["text"].split()))
            for base in reversed(cls.__mro__)
            for match in _CVAR.finditer(base.__doc__ or "")
        }
        return {
            name: found.get(name, FieldDoc(type(field.default).__name__, "")) for name, field in cls._fields.items()
        }

    def provenance(self) -> list[Setting]:
        """Every setting with its value and where it came from; secrets are masked."""
        return [
            Setting(name, field.shown(self._values[name]), self._sources[name]) for name, field in self._fields.items()
        ]

    def __repr__(self) -> str:
        shown = ", ".join(f"{setting.field}={setting.value!r}" for setting in self.provenance())
        return f"{type(self).__name__}({shown})"

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the observers: they belong to this process."""
        return {**self.__dict__, "_observers": []}


def _refuse_ambiguous_fields(cls: type[ConfigPynencBase]) -> None:
    definers: dict[str, type] = {}
    for parent in cls.__bases__:
        if not issubclass(parent, ConfigPynencBase):
            continue
        for name in parent.fields():
            definer = next(base for base in parent.__mro__ if isinstance(vars(base).get(name), ConfigField))
            other = definers.setdefault(name, definer)
            if name in vars(cls) or issubclass(other, definer) or issubclass(definer, other):
                continue
            raise ConfigMultiInheritanceError(
                f"{cls.__name__} inherits the field {name!r} from two unrelated classes, "
                f"{other.__name__} and {definer.__name__}: define it in {cls.__name__} itself, or in one parent only"
            )


__all__ = [
    "ASSIGNMENT",
    "DEFAULT",
    "ConfigField",
    "ConfigPynencBase",
    "FieldDoc",
    "PynencConfigWarning",
    "Setting",
]
