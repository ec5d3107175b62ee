"""What the orchestrators of all engines do: ask the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pynenc._core import claimable_statuses
from pynenc.model.status import InvocationStatus
from pynenc.orchestrator.base_orchestrator import BaseBlockingControl, BaseCycleControl, BaseOrchestrator

if TYPE_CHECKING:
    from pynenc.ports import AppPort, EnginePort, TaskPort

_EVERY = 2**31 - 1


class EngineBlockingControl(BaseBlockingControl):
    """Reads the waits of the engine."""

    def __init__(self, app: AppPort) -> None:
        self._app = app

    def get_blocking_invocations(self, max_num_invocations: int) -> list[Any]:
        """Find invocations that a paused body waits for and that nobody runs yet, oldest first."""
        engine: EnginePort = self._app.runtime.engine
        awaited: set[str] = set()
        for waiter in engine.find(None, [InvocationStatus.PAUSED], _EVERY):
            awaited.update(engine.record(waiter)["awaits"])
        runnable = [identity for identity in engine.find(None, claimable_statuses(), _EVERY) if identity in awaited]
        return [self._app.runtime.invocation(identity) for identity in runnable[: max(max_num_invocations, 0)]]


class EngineCycleControl(BaseCycleControl):
    """Reads the waits of the engine."""

    def __init__(self, app: AppPort) -> None:
        self._app = app

    def get_awaited_chain(self, invocation_id: str) -> list[str]:
        """Find what an invocation waits for, directly and through others, nearest first."""
        engine: EnginePort = self._app.runtime.engine
        chain: dict[str, None] = {}
        level = [invocation_id]
        while level:
            level = [
                awaited
                for waiter in level
                for awaited in engine.record(waiter)["awaits"]
                if awaited not in chain and awaited != invocation_id
            ]
            chain.update(dict.fromkeys(level))
        return list(chain)


class EngineOrchestrator(BaseOrchestrator):
    """Calls in, statuses out, by way of the engine."""

    def __init__(self, app: AppPort) -> None:
        super().__init__(app)
        self._blocking_control = EngineBlockingControl(app)
        self._cycle_control = EngineCycleControl(app)

    @property
    def _engine(self) -> EnginePort:
        return self.app.runtime.engine

    @property
    def blocking_control(self) -> BaseBlockingControl:
        """Who waits for whom."""
        return self._blocking_control

    @property
    def cycle_control(self) -> BaseCycleControl:
        """Who waits for whom."""
        return self._cycle_control

    def get_invocation(self, invocation_id: str) -> Any:
        """Find an invocation.

        :raises InvocationNotFoundError: when there never was one of that id.
        :raises ResultExpired: when it was dropped.
        """
        return self.app.runtime.invocation(invocation_id)

    def get_existing_invocations(
        self,
        task: TaskPort,
        key_serialized_arguments: Mapping[str, str] | None = None,
        statuses: Iterable[InvocationStatus] | None = None,
    ) -> list[Any]:
        """Find invocations of a task, oldest first.

        :param key_serialized_arguments: Only those with these arguments, as text.
        :param statuses: Only those in one of these.
        """
        wanted = None if statuses is None else [status.value for status in statuses]
        if wanted == []:
            return []
        found = [self.app.runtime.invocation(identity) for identity in self._engine.find(task.task_id, wanted, _EVERY)]
        if not key_serialized_arguments:
            return found
        required = key_serialized_arguments.items()
        return [invocation for invocation in found if required <= invocation.call.serialized_arguments.items()]

    def get_invocation_status(self, invocation: Any) -> InvocationStatus:
        """Read where an invocation stands; changes nothing."""
        return InvocationStatus(self._engine.status(invocation.invocation_id))

    def get_invocation_retries(self, invocation: Any) -> int:
        """Read how often it was tried again after an error."""
        retries: int = self._engine.record(invocation.invocation_id)["retries"]
        return retries

    def auto_purge(self) -> None:
        """Drop what the retention limits no longer keep. Running workers do that by themselves."""
        self._engine.tick()

    def purge(self) -> None:
        """Forget every invocation."""
        self._engine.purge()
