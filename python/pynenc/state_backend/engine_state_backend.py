"""What the state backends of all engines do: ask the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pynenc.model.records import InvocationHistory, InvocationRecord
from pynenc.model.status import InvocationStatus
from pynenc.state_backend.base_state_backend import BaseStateBackend

if TYPE_CHECKING:
    from pynenc.ports import EnginePort


class EngineStateBackend(BaseStateBackend):
    """What became of invocations, as the engine knows it."""

    @property
    def _engine(self) -> EnginePort:
        return self.app.runtime.engine

    def get_invocation(self, invocation_id: str) -> Any:
        """Find an invocation.

        :raises InvocationNotFoundError: when there never was one of that id.
        :raises ResultExpired: when it was dropped.
        """
        return self.app.runtime.invocation(invocation_id)

    def get_record(self, invocation_id: str) -> InvocationRecord:
        """Read everything but call and outcome, at one moment."""
        found = self._engine.record(invocation_id)
        return InvocationRecord(
            invocation_id=invocation_id,
            task_id=found["task_id"],
            status=InvocationStatus(found["status"]),
            parent_id=found["parent_id"],
            attempt=found["attempt"],
            retries=found["retries"],
            losses=found["losses"],
            worker=found["worker"],
            awaits=tuple(found["awaits"]),
        )

    def get_result(self, invocation: Any) -> Any:
        """Read what its body returned.

        :raises InvocationError: when it has not ended; what it raised, when it failed.
        """
        return invocation._take()

    def get_exception(self, invocation: Any) -> BaseException | None:
        """Read what its body raised; ``None`` when it returned.

        :raises InvocationError: when it has not ended.
        """
        if not InvocationStatus(self._engine.status(invocation.invocation_id)).is_final():
            invocation._take()
        try:
            invocation._take()
        except Exception as error:
            return error
        return None

    def get_history(self, invocation: Any) -> list[InvocationHistory]:
        """Read every status that it had, oldest first."""
        identity: str = invocation.invocation_id
        return [InvocationHistory.from_event(identity, event) for event in self._engine.history(identity)]

    def purge(self) -> None:
        """Forget every invocation."""
        self._engine.purge()
