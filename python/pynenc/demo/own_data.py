"""Where the tour's engine keeps its data: apart from everybody else's, and only as long as the tour takes."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from pynenc.demo.tasks import app
from pynenc.engine.registry import stays_in_process

_VARIABLE = "PYNENC__LOCAL_DIR"
_GOODBYE_SECONDS = 20.0


@contextmanager
def own_data(engine: str) -> Generator[None]:
    """Have a private server keep its data in a directory that goes with the block, and go itself.

    The directory travels in the environment, since worker processes need to know it, too.
    """
    if stays_in_process(engine):
        yield
        return
    before = os.environ.get(_VARIABLE)
    with TemporaryDirectory(prefix="pynenc-demo-", ignore_cleanup_errors=True) as folder:
        os.environ[_VARIABLE] = folder
        try:
            yield
        finally:
            _restore(before)
            _end_engine(folder)


def _restore(before: str | None) -> None:
    if before is None:
        del os.environ[_VARIABLE]
    else:
        os.environ[_VARIABLE] = before


def _end_engine(folder: str) -> None:
    from pynenc._core import RedisEngine
    from pynenc.engine.local import close
    from pynenc.local_server.ensure import wait_until_gone

    made = vars(app).get("runtime")
    if made is not None and isinstance(made.engine, RedisEngine):
        close(made.engine, _GOODBYE_SECONDS)
    # Also for one that was interrupted while it came up: it would write where the directory is being removed.
    wait_until_gone(app.app_id, folder, _GOODBYE_SECONDS)
