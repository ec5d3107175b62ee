"""What the brokers of all engines do: ask the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pynenc._core import claimable_statuses
from pynenc.broker.base_broker import BaseBroker
from pynenc.exceptions import InvocationError

if TYPE_CHECKING:
    from pynenc._core import Claim
    from pynenc.ports import AppPort, EnginePort


class EngineBroker(BaseBroker):
    """The engine's queue: first in, first out, what somebody waits for before the rest."""

    def __init__(self, app: AppPort) -> None:
        super().__init__(app)
        self._worker: int | None = None
        self._claims: dict[str, Claim] = {}

    @property
    def _engine(self) -> EnginePort:
        return self.app.runtime.engine

    def route_invocation(self, invocation: Any) -> None:
        """Put an invocation that :meth:`retrieve_invocation` gave back into the queue.

        :raises InvocationError: when somebody else holds it, or it has ended.
        """
        identity = invocation.invocation_id
        claim = self._claims.pop(identity, None)
        if claim is not None:
            self._engine.release(claim)
            return
        status = self._engine.status(identity)
        if status not in claimable_statuses():
            raise InvocationError(identity, f"it is {status} and not held by this broker, so it cannot be queued")

    def retrieve_invocation(self) -> Any | None:
        """Take the next invocation out of the queue, under a lease; ``None`` when nothing waits. Never blocks.

        It goes back by itself when the lease runs out.
        """
        engine = self._engine
        if self._worker is None or not engine.renew(self._worker):
            self._worker = engine.register_worker("broker")
        claims = engine.claim(self._worker, 1)
        if not claims:
            return None
        identity = claims[0].invocation_id
        self._claims[identity] = claims[0]
        return self.app.runtime.invocation(identity)

    def count_invocations(self) -> int:
        """How many wait to be run."""
        return self._engine.queued()

    def purge(self) -> None:
        """Call off everything that waits to be run."""
        self._claims.clear()
        engine = self._engine
        while waiting := engine.find(None, claimable_statuses(), 10_000):
            for identity in waiting:
                engine.cancel(identity)
