"""A value as its receiver would see it."""

from __future__ import annotations

from typing import Any

from pynenc.exceptions import ResultSerializationError, SerializationError
from pynenc.ports import SerializerPort

__all__ = ["round_trip", "round_trip_call"]


def round_trip(value: Any, serializer: SerializerPort, annotation: Any = None, path: str = "value") -> Any:
    """Write ``value`` and read it back, sharing nothing with the original.

    :param annotation: the declared type, which rebuilds dataclasses, enums and the like.
    :param path: what the value is called in errors, such as ``args.user`` or ``result``.
    :raises SerializationError: it cannot be written, or not be read as the annotation says.
    """
    return serializer.decode(serializer.encode(value, path), annotation, path)


def round_trip_call(value: Any, where: str, serializer: SerializerPort, annotation: Any = None) -> Any:
    """Round-trip an argument, or what a body returned.

    :param where: the parameter, or ``return``.
    :raises SerializationError: it is an argument, and cannot travel.
    :raises ResultSerializationError: it was returned, and cannot travel.
    """
    if where != "return":
        return round_trip(value, serializer, annotation, f"args.{where}")
    try:
        return round_trip(value, serializer, annotation, "result")
    except SerializationError as error:
        raise ResultSerializationError(error.path, error.message) from error
