"""A value as its receiver would see it."""

from __future__ import annotations

from typing import Any

from pynenc.serializer.base_serializer import BaseSerializer

__all__ = ["round_trip"]


def round_trip(value: Any, serializer: BaseSerializer, annotation: Any = None, path: str = "value") -> Any:
    """Write ``value`` and read it back, sharing nothing with the original.

    :param annotation: the declared type, which rebuilds dataclasses, enums and the like.
    :param path: what the value is called in errors, such as ``args.user`` or ``result``.
    :raises SerializationError: it cannot be written, or not be read as the annotation says.
    """
    return serializer.decode(serializer.encode(value, path), annotation, path)
