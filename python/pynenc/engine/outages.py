"""What the log says when the server of an engine is away: one line when it is lost, one when it is back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc._core import RedisEngine


def log_outages(engine: RedisEngine, logger: logging.Logger) -> None:
    """Have the log say when the connection is lost, and when it is back; never a line an attempt.

    :param logger: The application's.
    """

    def lost(server: str, why: str) -> None:
        logger.warning("the connection to %s is lost: %s; trying again until it is back", server, why)

    def back(server: str, seconds: float) -> None:
        logger.info("the connection to %s is back, after %.1f s", server, seconds)

    engine.watch_outages(lost, back)
