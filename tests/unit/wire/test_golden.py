"""Payloads written down once: what stands in a queue must be readable by every later release.

``data/wire.json`` is never made again by a program. A new form adds lines; no line ever changes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pynenc._core import TaskWire
from pynenc.arguments import parameters_of
from pynenc.serializer import JsonSerializer
from pynenc.serializer.task_codec import TaskCodec

STORED: dict[str, str] = json.loads((Path(__file__).parents[1] / "data" / "wire.json").read_text("utf-8"))
ONE = "00000000-0000-8000-8000-000000000001"
KEY = b"a key of sixteen or more bytes"


def body(a: Any, b: Any = 2) -> None: ...


def wire_of(serializer: JsonSerializer) -> TaskWire:
    codec = TaskCodec(serializer, "shop", "m.f", dict)
    return TaskWire(codec, "m.f", parameters_of(body))


PLAIN, SIGNED = wire_of(JsonSerializer()), wire_of(JsonSerializer(KEY))

CALLS: dict[str, tuple[TaskWire, tuple[Any, ...]]] = {
    "scalars": (PLAIN, (None, True)),
    "numbers": (PLAIN, (-129, -0.0)),
    "texts": (PLAIN, ("grün", b"\x00\xff")),
    "surrogate": (PLAIN, ("\ud800", 2**64)),
    "containers": (PLAIN, ([1, "x"], {"k": (1.5,)})),
    "long text": (PLAIN, ("x" * 200, 2)),
    "signed call": (SIGNED, (1, "two")),
}
RESULTS: dict[str, tuple[TaskWire, Any, int]] = {
    "result": (PLAIN, 300, 1),
    "result of attempt 300": (PLAIN, [None], 300),
    "signed result": (SIGNED, "done", 2),
}


def test_every_line_is_looked_at() -> None:
    assert STORED.keys() == CALLS.keys() | RESULTS.keys() | {"error"}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name: str) -> None:
    wire, values = CALLS[name]
    stored = bytes.fromhex(STORED[name])
    assert wire.encode_call(values, ONE) == stored
    assert wire.decode_call(stored, ONE) == values


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str) -> None:
    wire, value, attempt = RESULTS[name]
    stored = bytes.fromhex(STORED[name])
    assert wire.encode_result(value, ONE, attempt) == stored
    assert wire.decode_result(stored, ONE) == value


def test_an_error() -> None:
    """Read only: what is written also holds a traceback, which has the paths of files in it."""
    error = PLAIN.decode_error(bytes.fromhex(STORED["error"]), ONE)
    assert (type(error), error.args) == (ValueError, ("bad", 3))
    assert error.__notes__ == ["a note"]
