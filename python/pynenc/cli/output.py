"""What commands print: tables for people, lines for programs, JSON for both."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

Row = Mapping[str, Any]

# They say what a row is about: a narrow terminal folds the others.
NAMING_COLUMNS = 2


def show_rows(columns: Sequence[str], rows: Iterable[Row], *, as_json: bool, numbers: Collection[str] = ()) -> None:
    """Print rows: on a terminal a table, else one line a row with tabs between the values and no heading.

    :param columns: Keys of a row that a table or a line has, in their order; JSON has all keys.
    :param as_json: One JSON object a line instead.
    :param numbers: Columns that a table sets flush right.
    """
    if as_json:
        for row in rows:
            print_json(row)
    elif sys.stdout.isatty():
        _print_table(columns, rows, numbers)
    else:
        for row in rows:
            print_line("\t".join(_one_line(text_of(row[column])) for column in columns))


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    import json

    print_line(json.dumps(plain(value)))


def print_line(text: str) -> None:
    """Print one line to standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print one line for people to standard error, beside what a program may read."""
    sys.stderr.write(f"pynenc: {text}\n")
    sys.stderr.flush()


def text_of(value: Any) -> str:
    """How a value is written for people."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{key}={text_of(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ",".join(text_of(item) for item in value)
    return str(value)


def plain(value: Any) -> Any:
    """Turn a value into one that JSON has: an enum into its value, a class into its dotted name."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, type):
        return value.__qualname__ if value.__module__ == "builtins" else f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def _one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _print_table(columns: Sequence[str], rows: Iterable[Row], numbers: Collection[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            column.replace("_", " "),
            overflow="fold",
            no_wrap=index < NAMING_COLUMNS,
            justify="right" if column in numbers else "left",
        )
    for row in rows:
        table.add_row(*(Text(text_of(row[column])) for column in columns))
    Console().print(table)
