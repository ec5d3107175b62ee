"""Loggers: one an application, and adapters that say for which task, invocation or runner a line is."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}

CurrentInvocation: TypeAlias = Callable[[], tuple[str | None, str | None]]
"""Tells the task id and the invocation id of the body that runs here; ``(None, None)`` outside of any."""

_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-8s %(name)s %(message)s"
_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
_PREFIX = re.compile(r"\[[^\]\n]*\](?= )")


class Colors:
    """Terminal codes of what is coloured."""

    RESET = "\x1b[0m"
    NAME = "\x1b[34m"
    PREFIX = "\x1b[35m"
    LEVELS = {  # noqa: RUF012 - read only
        logging.DEBUG: "\x1b[36m",
        logging.INFO: "\x1b[32m",
        logging.WARNING: "\x1b[33m",
        logging.ERROR: "\x1b[31m",
        logging.CRITICAL: "\x1b[37;41m",
    }


class PlainFormatter(logging.Formatter):
    """Time with milliseconds, level, logger and message."""

    def __init__(self) -> None:
        super().__init__(_FORMAT, _DATE_FORMAT)


class ColoredFormatter(PlainFormatter):
    """The same, with level, logger and bracketed prefix in colours."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the logging module calls it so
        """Colour a copy: other handlers see the record as it was."""
        copy = logging.makeLogRecord(record.__dict__)
        copy.levelname = _coloured(f"{record.levelname:<8}", Colors.LEVELS.get(record.levelno, ""))
        copy.name = _coloured(record.name, Colors.NAME)
        if (prefix := _PREFIX.match(record.message)) is not None:
            copy.message = _coloured(prefix[0], Colors.PREFIX) + record.message[prefix.end() :]
        return super().formatMessage(copy)


class StderrHandler(logging.StreamHandler[Any]):
    """Writes to whatever ``sys.stderr`` is at the time; in colours only to a terminal, and never under ``NO_COLOR``.

    :param use_colors: ``False`` never colours.
    """

    def __init__(self, use_colors: bool = True) -> None:
        super().__init__()
        self._use_colors = use_colors
        self._plain = PlainFormatter()
        self._coloured = ColoredFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; without a standard error stream it is dropped."""
        # Called under the handler's lock.
        if (stream := sys.stderr) is not None:
            self.stream = stream
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Write the record for this stream, unless somebody has set a formatter of their own."""
        if self.formatter is not None:
            return super().format(record)
        return (self._coloured if self._may_colour() else self._plain).format(record)

    def _may_colour(self) -> bool:
        return self._use_colors and not os.environ.get("NO_COLOR") and bool(self.stream.isatty())


class TaskLoggerAdapter(logging.LoggerAdapter[logging.Logger]):
    """Says for which invocation a line is, or, outside of any, for which task.

    :param logger: the application's.
    :param task_id: the task that logs.
    :param current: asked at each line that is logged.
    """

    def __init__(self, logger: logging.Logger, task_id: str, current: CurrentInvocation | None = None) -> None:
        super().__init__(logger, {})
        self.task_id = task_id
        self._current = current

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the prefix before the message."""
        task_id, invocation_id = (None, None) if self._current is None else self._current()
        if invocation_id is None:
            return f"[{self.task_id}] {msg}", kwargs
        # A task's logger may be used by the body of another one, and it is that invocation which is running.
        return f"[{task_id or self.task_id}: {invocation_id}] {msg}", kwargs


class RunnerLogAdapter(logging.LoggerAdapter[logging.Logger]):
    """Says which runner a line is from.

    :param logger: the application's.
    :param runner_id: the runner.
    """

    def __init__(self, logger: logging.Logger, runner_id: str) -> None:
        super().__init__(logger, {})
        self.runner_id = runner_id

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the prefix before the message."""
        return f"[runner: {self.runner_id}] {msg}", kwargs


def create_logger(app_id: str, level: str | int = "info", use_colors: bool = True) -> logging.Logger:
    """Set up the logger ``pynenc.<app_id>``: one handler, to standard error, and no propagation.

    The root logger is left alone. Calling it again replaces the handler.

    :param level: debug, info, warning, error or critical, in any case; or a number of the logging module.
    :param use_colors: whether a terminal gets colours.
    :raises ValueError: there is no such level.
    """
    number = level_number(level)
    logger = logging.getLogger(f"pynenc.{app_id}")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(StderrHandler(use_colors))
    logger.setLevel(number)
    logger.propagate = False
    return logger


def level_number(level: str | int) -> int:
    """Give the logging module's number of a level.

    :raises ValueError: there is no such level.
    """
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    number = LEVELS.get(level.strip().lower()) if isinstance(level, str) else None
    if number is None:
        raise ValueError(f"unknown logging level {level!r}: expected one of {', '.join(LEVELS)}")
    return number


def _coloured(text: str, colour: str) -> str:
    return f"{colour}{text}{Colors.RESET}" if colour else text
