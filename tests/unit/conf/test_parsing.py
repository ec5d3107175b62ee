from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc.conf import parsing


class Colour(StrEnum):
    DEEP_RED = "deep-red"
    BLUE = "blue"


read_colour = parsing.enum_reader(Colour)
read_choice = parsing.choice_reader(["Memory", "other"])


def label(value: object) -> str:
    return getattr(value, "__name__", "") or repr(value)[:40]


ACCEPTED: list[tuple[Any, object, object]] = [
    (parsing.to_bool, True, True),
    (parsing.to_bool, False, False),
    (parsing.to_bool, 1, True),
    (parsing.to_bool, 0, False),
    (parsing.to_bool, "true", True),
    (parsing.to_bool, " False ", False),
    (parsing.to_bool, "YES", True),
    (parsing.to_bool, "no", False),
    (parsing.to_bool, "1", True),
    (parsing.to_bool, "0", False),
    (parsing.to_int, 3, 3),
    (parsing.to_int, "-3", -3),
    (parsing.to_int, " 12 ", 12),
    (parsing.to_int, 3.0, 3),
    (parsing.to_float, 3, 3.0),
    (parsing.to_float, "2.5", 2.5),
    (parsing.to_float, "1e3", 1000.0),
    (parsing.to_seconds, 3, 3.0),
    (parsing.to_seconds, "3", 3.0),
    (parsing.to_seconds, "30s", 30.0),
    (parsing.to_seconds, "5m", 300.0),
    (parsing.to_seconds, " 1.5 H ", 5400.0),
    (parsing.to_seconds, "1d", 86400.0),
    (parsing.to_seconds, "250ms", 0.25),
    (parsing.to_hours, 24, 24.0),
    (parsing.to_hours, "24", 24.0),
    (parsing.to_hours, "90m", 1.5),
    (parsing.to_hours, "1d", 24.0),
    (parsing.to_text, "", ""),
    (parsing.to_texts, "", ()),
    (parsing.to_texts, "account", ("account",)),
    (parsing.to_texts, "account, x ,", ("account", "x")),
    (parsing.to_texts, '["a,b", "c"]', ("a,b", "c")),
    (parsing.to_texts, [], ()),
    (parsing.to_texts, ["a", "b"], ("a", "b")),
    (parsing.to_texts, ("a",), ("a",)),
    (parsing.to_texts, {"b", "a"}, ("a", "b")),
    (read_colour, Colour.BLUE, Colour.BLUE),
    (read_colour, "deep-red", Colour.DEEP_RED),
    (read_colour, "DEEP_RED", Colour.DEEP_RED),
    (read_colour, " Blue", Colour.BLUE),
    (read_choice, "MEMORY", "Memory"),
]

REFUSED: list[tuple[Any, object]] = [
    (parsing.to_bool, ""),
    (parsing.to_bool, "on"),
    (parsing.to_bool, 2),
    (parsing.to_bool, 1.0),
    (parsing.to_bool, None),
    (parsing.to_int, "1.5"),
    (parsing.to_int, ""),
    (parsing.to_int, 1.5),
    (parsing.to_int, True),
    (parsing.to_int, float("inf")),
    (parsing.to_int, None),
    (parsing.to_float, "nan"),
    (parsing.to_float, float("inf")),
    (parsing.to_float, False),
    (parsing.to_float, "30s"),
    (parsing.to_float, 10**400),
    (parsing.to_seconds, "30x"),
    (parsing.to_seconds, "s"),
    (parsing.to_seconds, ""),
    (parsing.to_seconds, "1h30m"),
    (parsing.to_seconds, "infs"),
    (parsing.to_seconds, []),
    (parsing.to_hours, "h"),
    (parsing.to_hours, ""),
    (parsing.to_text, 3),
    (parsing.to_text, None),
    (parsing.to_texts, "[1, 2]"),
    (parsing.to_texts, '["a"'),
    (parsing.to_texts, ["a", 1]),
    (parsing.to_texts, {"a": 1}),
    (parsing.to_texts, 3),
    (parsing.to_texts, "[" * 100_000),
    (read_colour, "green"),
    (read_colour, 1),
    (read_choice, "third"),
    (read_choice, 1.5),
]


@pytest.mark.parametrize(("read", "value", "expected"), ACCEPTED, ids=label)
def test_accepted(read: Any, value: object, expected: object) -> None:
    got = read(value)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(("read", "value"), REFUSED, ids=label)
def test_refused(read: Any, value: object) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError, RecursionError)):
        read(value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parsing.to_bool, parsing.to_int, parsing.to_float, parsing.to_seconds, parsing.to_hours, read_colour):
        try:
            read(text)
        except (ValueError, TypeError):
            continue


@given(st.lists(st.text(min_size=1)))
def test_a_json_array_of_texts_comes_back(items: list[str]) -> None:
    import json

    assert parsing.to_texts(json.dumps(items)) == tuple(items)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_without_unit_is_seconds(number: float) -> None:
    assert parsing.to_seconds(repr(number)) == number


def test_nearest() -> None:
    assert parsing.nearest("max_retrys", ["max_retries", "app_id"]) == " (did you mean 'max_retries'?)"
    assert parsing.nearest("zzz", ["max_retries", "app_id"]) == ""
