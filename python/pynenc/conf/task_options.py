"""Options of a task's decorator as JSON, for the processes that rebuild the task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pynenc.conf.exception_names import exception_name


class TaskOptionsJSONEncoder(json.JSONEncoder):
    """Writes exception classes as dotted names and enum members as their values."""

    def default(self, o: Any) -> Any:
        """Write what JSON lacks.

        :raises TypeError: options hold nothing else that needs it.
        """
        if isinstance(o, type) and issubclass(o, BaseException):
            return exception_name(o)
        if isinstance(o, Enum):
            return o.value
        return super().default(o)


def options_to_json(options: Mapping[str, Any]) -> str:
    """Write the options."""
    return json.dumps(dict(options), cls=TaskOptionsJSONEncoder)


def options_from_json(options_json: str) -> dict[str, Any]:
    """Read an object, whose values still are what JSON has.

    :raises ValueError: the text is not JSON.
    :raises TypeError: it is not an object.
    """
    options = json.loads(options_json)
    if not isinstance(options, dict):
        raise TypeError(f"options of a task are a JSON object, not {type(options).__name__}")
    return options
