"""What a module may not do while a worker process imports it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pynenc.exceptions import RunnerError

_loading = ""


@contextmanager
def importing(what: str) -> Generator[None]:
    """Import the user's modules: until the end of the block nothing is submitted and no runner starts.

    :param what: Their names, for the message.
    """
    global _loading  # noqa: PLW0603 - imports are the business of the whole process
    _loading = what
    try:
        yield
    finally:
        _loading = ""


def refuse_while_importing() -> None:
    """Refuse what every worker process would repeat.

    :raises RunnerError: while a worker process imports the user's modules.
    """
    if _loading:
        raise RunnerError(
            f"on import {_loading} uses the engine (it submits, waits, purges or starts a runner), and every worker "
            "process that imports it would do so again; put what only the program itself is to do under a guard:\n\n"
            'if __name__ == "__main__":\n    ...\n'
        )
