"""Settings of a task."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any

from pynenc.conf import catalog
from pynenc.conf.config_base import ConfigPynencBase
from pynenc.conf.config_field import ConfigField
from pynenc.conf.exception_names import exception_config_mapper, exception_mapper
from pynenc.conf.sources import EnvironmentLayer, Layer, MappingLayer, SettingsFile
from pynenc.exceptions import InvalidTaskOptionsError, RetryError

if TYPE_CHECKING:
    from pynenc.conf.task_options import TaskOptionsJSONEncoder

SECTION = "task"


class ConcurrencyControlType(StrEnum):
    """Among which calls of a task a concurrency rule allows only one."""

    DISABLED = auto()
    """None: every call is free."""
    TASK = auto()
    """All calls of the task."""
    ARGUMENTS = auto()
    """Calls with equal arguments."""
    KEYS = auto()
    """Calls with equal ``key_arguments``."""


class ConfigTask(ConfigPynencBase):
    """How one task is called, run and retried.

    What the decorator says beats every source that speaks of tasks in general, and is beaten by what a file or the
    environment says of this very task: the section ``[task."<task id>"]``, and
    ``PYNENC__CONFIGTASK__<TASK ID>__<FIELD>`` with the id in capitals and ``__`` or ``#`` for its dots.

    :param task_id: the task; empty for what tasks have in general.
    :param config_values: settings given in code to the application.
    :param config_filepath: the application's file.
    :param task_options: the decorator's options; ``None`` stands for an option that was not given.
    :raises InvalidTaskOptionsError: ``task_options`` has an unknown option.
    :raises ConfigError: as for every config class.

    :cvar int parallel_batch_size:
        How many items of a parallel call go to the engine at once; 0 is one at a time.
    :cvar tuple[type[Exception], ...] retry_for:
        Exceptions after which the task is run again.
    :cvar int max_retries:
        How often it is run again at most.
    :cvar ConcurrencyControlType running_concurrency:
        Of which calls only one runs at a time: disabled, task, arguments or keys.
    :cvar ConcurrencyControlType registration_concurrency:
        Of which calls only one waits to be run: disabled, task, arguments or keys.
    :cvar tuple[str, ...] key_arguments:
        Names of the arguments that count for a rule by keys.
    :cvar bool on_diff_non_key_args_raise:
        A registration rule that finds a waiting call with the same key and other arguments raises, instead of giving
        the waiting one.
    :cvar bool call_result_cache:
        A call with the same arguments as an earlier one that succeeded gets that one's result.
    :cvar tuple[str, ...] disable_cache_args:
        Names of arguments that the argument cache leaves alone; ``*`` for all.
    :cvar float max_run_seconds:
        How long a body may run; 0 is without limit.
    """

    _by_subject = True

    parallel_batch_size = ConfigField(100, minimum=0)
    retry_for: ConfigField[tuple[type[Exception], ...]] = ConfigField(
        (RetryError,),
        mapper=exception_config_mapper,
        accepts="a list of exception classes or of their dotted names, as builtins.OSError,my.module.MyError",
    )
    max_retries = ConfigField(0, minimum=0)
    running_concurrency = ConfigField(ConcurrencyControlType.DISABLED)
    registration_concurrency = ConfigField(ConcurrencyControlType.DISABLED)
    key_arguments: ConfigField[tuple[str, ...]] = ConfigField(())
    on_diff_non_key_args_raise = ConfigField(False)
    call_result_cache = ConfigField(False)
    disable_cache_args: ConfigField[tuple[str, ...]] = ConfigField(())
    max_run_seconds = ConfigField(0.0, unit="seconds", minimum=0)

    def __init__(
        self,
        task_id: str = "",
        config_values: Mapping[str, Any] | None = None,
        config_filepath: str | os.PathLike[str] | None = None,
        task_options: Mapping[str, Any] | None = None,
    ) -> None:
        options = {name: value for name, value in (task_options or {}).items() if value is not None}
        if unknown := [name for name in options if name not in self._fields]:
            raise InvalidTaskOptionsError(task_id, f"Invalid options: {unknown}")
        self._task_id = task_id
        self._decorator = f"decorator of {task_id}"
        # Parsed at once: what the caller holds may change, and a value that is not accepted is the decorator's mistake.
        self._options = {name: self.field_of(name).parse(value, self._decorator) for name, value in options.items()}
        super().__init__(config_values, config_filepath)

    @property
    def task_id(self) -> str:
        """The task that these settings are for."""
        return self._task_id

    def _layers(self, values: Mapping[str, Any], files: Sequence[SettingsFile]) -> list[Layer]:
        layers = super()._layers(values, files)
        layers[1:1] = self._own_sections([SettingsFile("code", values)])
        if self._options:
            layers.append(MappingLayer(self._decorator, self._options))
        layers += self._own_sections(files)
        if self._task_id:
            name = self._task_id.upper()
            forms = (name.replace(".", "#"), name.replace(".", "__"))
            classes = [class_name.upper() for class_name in self._lineage]
            layers.append(EnvironmentLayer([f"{kind}__{form}__" for kind in classes for form in forms]))
        return layers

    def _own_sections(self, sources: Sequence[SettingsFile]) -> list[Layer]:
        """What each source says of this very task."""
        return [
            MappingLayer(f'{source} [{section}."{self._task_id}"]', options)
            for source, values in sources
            for section in map(catalog.section_of, reversed(self._lineage))
            for subject, options in catalog.subjects_of(values.get(section, {}))
            if subject == self._task_id
        ]

    def options_to_json(self) -> str:
        """Write the decorator's options, for :meth:`options_from_json`."""
        from pynenc.conf import task_options

        return task_options.options_to_json(self._options)

    @staticmethod
    def options_from_json(options_json: str) -> dict[str, Any]:
        """Read the decorator's options, typed.

        :raises ValueError: the text is not JSON.
        :raises TypeError: it is not an object, or names an exception class that there is not.
        :raises ConfigError: another value is not accepted.
        """
        from pynenc.conf import task_options

        return options_deserializer(task_options.options_from_json(options_json))


def options_deserializer(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give options that were read from JSON the types that the decorator takes; unknown ones are kept as they are.

    :raises TypeError: an exception class does not exist.
    :raises ConfigError: another value is not accepted.
    """
    known = ConfigTask.fields()
    typed: dict[str, Any] = {}
    for name, value in options.items():
        if name == "retry_for":
            typed[name] = exception_config_mapper(value)
        else:
            typed[name] = ConfigTask.field_of(name).parse(value, "options") if name in known else value
    return typed


def __getattr__(name: str) -> Any:
    """Load the encoder when somebody asks for it: the json module is not needed otherwise."""
    if name == "TaskOptionsJSONEncoder":
        from pynenc.conf.task_options import TaskOptionsJSONEncoder

        return TaskOptionsJSONEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ConcurrencyControlType",
    "ConfigTask",
    "TaskOptionsJSONEncoder",
    "exception_config_mapper",
    "exception_mapper",
    "options_deserializer",
]
