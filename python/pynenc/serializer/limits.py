"""How much a reader accepts before it refuses."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Limits"]


class Limits(NamedTuple):
    """Bounds on one encoded value; the writer keeps to them too, so whatever is written can be read.

    :param max_bytes: size of the whole encoded value, in bytes.
    :param max_depth: levels of containers inside one another.
    :param max_items: elements, keys and values counted together over all containers.
    :param max_int_digits: decimal digits of one integer; longer ones travel in hexadecimal.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_depth: int = 64
    max_items: int = 1_000_000
    max_int_digits: int = 4300
