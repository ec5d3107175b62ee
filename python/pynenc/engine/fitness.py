"""Whether an engine's server answers, and is fit for what the engine promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc.ports import AppPort


def examine(app: AppPort) -> list[str]:
    """Reach the server of an application's engine, and say what in its settings weakens the promises, a line each.

    An engine without a server has nothing to say.

    :raises EngineError: when it cannot be reached or used; or when its settings are unfit, and ``redis_strict`` is set.
    """
    engine: Any = app.runtime.engine
    look = getattr(engine, "examine", None)
    if look is None:
        return []
    from pynenc.conf.config_redis import ConfigRedis

    conf = ConfigRedis(config_values=app.config_values, config_filepath=app.config_filepath)
    found: list[str] = look(strict=conf.redis_strict)
    return found


def address(app: AppPort) -> str:
    """Where the engine keeps its work, without secrets; empty when that is this process."""
    engine: Any = app.runtime.engine
    found: str = getattr(engine, "address", "")
    return found
