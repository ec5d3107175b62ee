from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from pynenc.log import (
    ColoredFormatter,
    Colors,
    RunnerLogAdapter,
    StderrHandler,
    TaskLoggerAdapter,
    create_logger,
    level_number,
)

APP = "test_log"


class Stream(io.StringIO):
    """What stands in for standard error."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def _no_settings_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield
    logging.getLogger(f"pynenc.{APP}").handlers.clear()


def redirect(monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False) -> Stream:
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch)
    create_logger(APP).info("hello %s", "you")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO     pynenc\.test_log hello you\n", stream.getvalue()
    )


def test_one_handler_and_the_root_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch)
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("pynenc").handlers)
    create_logger(APP, "debug")
    logger = create_logger(APP, "warning")
    assert logger.name == "pynenc.test_log"
    assert (len(logger.handlers), logger.propagate, logger.level) == (1, False, logging.WARNING)
    assert (list(root.handlers), root.level, logging.getLogger("pynenc").handlers) == before
    logger.info("no")
    logger.warning("yes")
    assert stream.getvalue().count("\n") == 1


def test_two_applications_have_two_loggers() -> None:
    one, two = create_logger(APP, "info"), create_logger(f"{APP}.two", "error")
    assert (one.level, two.level) == (logging.INFO, logging.ERROR)
    two.handlers.clear()


@pytest.mark.parametrize(("level", "number"), [("info", 20), ("WARNING", 30), (" Debug ", 10), (15, 15)])
def test_levels(level: str | int, number: int) -> None:
    assert level_number(level) == number


@pytest.mark.parametrize("level", ["verbose", "", "notset", None, True, 1.5])
def test_unknown_level(level: object) -> None:
    with pytest.raises(
        ValueError, match=r"unknown logging level .*: expected one of debug, info, warning, error, critical"
    ):
        create_logger(APP, level)  # type: ignore[arg-type]


# -- colours --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("terminal", "no_color", "use_colors", "coloured"),
    [
        (True, None, True, True),
        (True, "", True, True),
        (True, "1", True, False),
        (True, None, False, False),
        (False, None, True, False),
    ],
)
def test_when_colours(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str | None, use_colors: bool, coloured: bool
) -> None:
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    stream = redirect(monkeypatch, terminal=terminal)
    create_logger(APP, use_colors=use_colors).info("hello")
    assert ("\x1b[" in stream.getvalue()) is coloured


@pytest.mark.parametrize("level", sorted(Colors.LEVELS))
def test_colours_of_a_line(level: int) -> None:
    record = logging.LogRecord("pynenc.a", level, __file__, 1, "[m.f: i] hello [x]", (), None)
    text = ColoredFormatter().format(record)
    name = logging.getLevelName(level)
    assert f"{Colors.LEVELS[level]}{name:<8}{Colors.RESET} {Colors.NAME}pynenc.a{Colors.RESET}" in text
    assert text.endswith(f"{Colors.PREFIX}[m.f: i]{Colors.RESET} hello [x]")
    assert (record.levelname, record.name) == (name, "pynenc.a")


def test_a_level_without_a_colour() -> None:
    record = logging.LogRecord("a", 15, __file__, 1, "hello", (), None)
    assert " Level 15 " in ColoredFormatter().format(record)


def test_a_formatter_of_one_s_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch, terminal=True)
    logger = create_logger(APP)
    logger.handlers[0].setFormatter(logging.Formatter("<%(message)s>"))
    logger.info("hello")
    assert stream.getvalue() == "<hello>\n"


def test_follows_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    first = redirect(monkeypatch)
    logger = create_logger(APP)
    second = redirect(monkeypatch)
    logger.info("hello")
    assert (first.getvalue(), "hello" in second.getvalue()) == ("", True)


def test_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    create_logger(APP).info("hello")
    monkeypatch.undo()
    assert isinstance(logging.getLogger(f"pynenc.{APP}").handlers[0], StderrHandler)


# -- adapters -------------------------------------------------------------------------------------
def test_prefix_of_a_task_is_read_at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch)
    current: tuple[str | None, str | None] = (None, None)
    log = TaskLoggerAdapter(create_logger(APP), "m.f", lambda: current)
    log.info("one")
    current = ("m.f", "inv-1")
    log.info("two %d", 2)
    current = ("m.g", "inv-2")
    log.info("three")
    current = (None, "inv-3")
    log.info("four")
    messages = [line.split("pynenc.test_log ")[1] for line in stream.getvalue().splitlines()]
    assert messages == ["[m.f] one", "[m.f: inv-1] two 2", "[m.g: inv-2] three", "[m.f: inv-3] four"]


def test_nothing_is_asked_for_a_line_that_is_not_logged() -> None:
    def fail() -> tuple[str | None, str | None]:
        raise AssertionError

    TaskLoggerAdapter(create_logger(APP, "error"), "m.f", fail).info("no")


def test_prefix_without_context_and_of_a_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = redirect(monkeypatch)
    logger = create_logger(APP)
    TaskLoggerAdapter(logger, "m.f").info("one")
    RunnerLogAdapter(logger, "ThreadRunner(host-1)").info("two")
    assert "[m.f] one\n" in stream.getvalue()
    assert "[runner: ThreadRunner(host-1)] two\n" in stream.getvalue()
