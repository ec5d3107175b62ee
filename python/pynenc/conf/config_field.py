"""The descriptor that declares one setting."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, Generic, Literal, Protocol, TypeVar, cast, overload

from pynenc.conf import parsing
from pynenc.exceptions import ConfigError

T = TypeVar("T")

MASK = "********"

_READERS: dict[type, tuple[Callable[[object], Any], str]] = {
    bool: (parsing.to_bool, "true, false, yes, no, 1 or 0"),
    int: (parsing.to_int, "an integer"),
    float: (parsing.to_float, "a number"),
    str: (parsing.to_text, "a text"),
    tuple: (parsing.to_texts, 'a list of texts, as ["a", "b"] or a,b'),
}
_UNIT_READERS: dict[str, tuple[Callable[[object], Any], str]] = {
    "seconds": (parsing.to_seconds, "a number of seconds, or a duration such as 500ms, 30s, 5m, 2h, 1d"),
    "bytes": (parsing.to_bytes, "a number of bytes, or a size such as 512MiB or 2GB"),
    "hours": (parsing.to_hours, "a number of hours, or a duration such as 90m, 2h, 1d"),
}


class FieldHolder(Protocol):
    """What a field needs of the object that it stands on."""

    def value_of(self, name: str) -> Any:
        """The resolved value."""
        ...

    def assign(self, name: str, value: Any) -> None:
        """Replace the value."""
        ...


class ConfigField(Generic[T]):
    """One setting: its default, how a value of it is read, and what is accepted.

    On an instance it gives that instance's value; on the class, the default.

    :param default: its type is the type of the setting.
    :param mapper: reads a raw value instead of the reader for that type; raises ValueError or TypeError.
    :param accepts: words for what ``mapper`` accepts.
    :param unit: a number with a unit can be written as a duration, or as a size, in text.
    :param minimum: the least number that is accepted.
    :param choices: the only texts that are accepted, in any case.
    :param secret: the value is never shown; or what takes the secret out of a value that holds one.
    """

    def __init__(
        self,
        default: T,
        *,
        mapper: Callable[[Any], T] | None = None,
        accepts: str = "",
        unit: Literal["seconds", "hours", "bytes"] | None = None,
        minimum: float | None = None,
        choices: Collection[str] = (),
        secret: bool | Callable[[str], str] = False,
    ) -> None:
        self.default = default
        self.name = ""
        self.secret = bool(secret)
        self._without_secret: Callable[[str], str] = secret if callable(secret) else lambda _value: MASK
        self._minimum = minimum
        self._explains = mapper is not None
        self._read, self.accepts = _reader_for(default, unit, choices)
        if mapper is not None:
            self._read, self.accepts = mapper, accepts or "what its type accepts"
        if minimum is not None:
            self.accepts += f", at least {minimum:g}"

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> T: ...

    @overload
    def __get__(self, instance: FieldHolder, owner: type[Any]) -> T: ...

    def __get__(self, instance: FieldHolder | None, owner: type[Any]) -> T:
        if instance is None:
            return self.default
        return cast("T", instance.value_of(self.name))

    def __set__(self, instance: FieldHolder, value: T) -> None:
        instance.assign(self.name, value)

    def parse(self, value: object, source: str) -> T:
        """Turn a raw value into one of the field's type.

        :param source: where it comes from, for the message.
        :raises ConfigError: it is not accepted; the message names key, source, value and what is.
        """
        try:
            parsed: Any = self._read(value)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            # A parser's own message may quote the value.
            raise self._refusal(value, source, error) from (None if self.secret else error)
        if self._minimum is not None and parsed < self._minimum:
            raise self._refusal(value, source)
        return cast("T", parsed)

    def shown(self, value: object) -> Any:
        """The value as it may be printed: of a secret, only whether it is set."""
        return self._without_secret(str(value)) if self.secret and value else value

    def _refusal(self, value: object, source: str, error: Exception | None = None) -> ConfigError:
        detail = f" ({error})" if self._explains and isinstance(error, TypeError) and not self.secret else ""
        shown = self._without_secret(str(value)) if self.secret else _shortened(repr(value))
        return ConfigError(f"{self.name} = {shown} from {source}: expected {self.accepts}{detail}")


def _reader_for(default: object, unit: str | None, choices: Collection[str]) -> tuple[Callable[[object], Any], str]:
    if choices:
        return parsing.choice_reader(choices), f"one of {', '.join(choices)}"
    if isinstance(default, Enum):
        kind = type(default)
        return parsing.enum_reader(kind), f"one of {', '.join(str(member.value) for member in kind)}"
    if unit is not None:
        return _UNIT_READERS[unit]
    return _READERS[type(default)]


def _shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
