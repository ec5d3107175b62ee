"""How a command ends, and the error that says so."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOTHING_TO_DO = 3
    UNREACHABLE = 4
    TIMEOUT = 5
    ABANDONED = 70
    """Bodies that did not end in time were left behind; a runner ends its process with it."""
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on.

    :param message: One line: what is wrong, what was looked at, what is accepted.
    :param code: What the process ends with.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
