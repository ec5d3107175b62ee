"""The same rows for people, for programs and for both."""

from __future__ import annotations

import io
import json
import sys
from collections import OrderedDict
from typing import Any

import pytest

from pynenc.cli.output import plain, show_rows, text_of
from pynenc.conf.config_task import ConcurrencyControlType

ROWS = [{"task": "shop.add", "options": {"max_retries": 3}, "more": None}, {"task": "a\tb\nc\\d", "options": {}}]


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(["task", "options"], ROWS, as_json=False)
    assert capsys.readouterr().out == "shop.add\tmax_retries=3\na\\tb\\nc\\\\d\t\n"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(["task"], ROWS, as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    show_rows(["task", "options"], [*ROWS, {"task": "[bold]x", "options": {}}], as_json=False)
    shown = terminal.getvalue()
    assert "options" in shown
    assert "max_retries=3" in shown
    assert "[bold]x" in shown
    assert "\t" not in shown


@pytest.mark.parametrize(
    ("value", "text", "json_value"),
    [
        ("a", "a", "a"),
        (None, "", None),
        (True, "true", True),
        (1.5, "1.5", 1.5),
        ((), "", []),
        (("a", "b"), "a,b", ["a", "b"]),
        ((OSError, OrderedDict), "OSError,collections.OrderedDict", ["OSError", "collections.OrderedDict"]),
        (ConcurrencyControlType.KEYS, "keys", "keys"),
        ({"a": (1, 2)}, "a=1,2", {"a": [1, 2]}),
        (1j, "1j", "1j"),
    ],
)
def test_values(value: Any, text: str, json_value: Any) -> None:
    assert text_of(value) == text
    assert plain(value) == json_value
    json.dumps(plain(value))
