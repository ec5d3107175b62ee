"""What an orchestrator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc.call import Call, PreSerializedCall
    from pynenc.conf.config_orchestrator import ConfigOrchestrator
    from pynenc.model.status import InvocationStatus
    from pynenc.ports import AppPort, TaskPort


class BaseBlockingControl(ABC):
    """Who waits for whom, seen from those that are waited for."""

    @abstractmethod
    def get_blocking_invocations(self, max_num_invocations: int) -> list[Any]:
        """Find invocations that a paused body waits for and that nobody runs yet, oldest first."""


class BaseCycleControl(ABC):
    """Who waits for whom, seen from those that wait."""

    @abstractmethod
    def get_awaited_chain(self, invocation_id: str) -> list[str]:
        """Find what an invocation waits for, directly and through others, nearest first.

        A wait that would lead back to the waiting invocation is refused when it is made, so it is
        never part of the answer.
        """


class BaseOrchestrator(ABC):
    """Calls in, statuses out, for tools and tests; tasks and runners use the engine itself.

    :param app: The application.
    """

    def __init__(self, app: AppPort) -> None:
        self.app = app

    @cached_property
    def conf(self) -> ConfigOrchestrator:
        """Its settings."""
        from pynenc.conf.config_orchestrator import ConfigOrchestrator

        return ConfigOrchestrator(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @property
    @abstractmethod
    def blocking_control(self) -> BaseBlockingControl:
        """Who waits for whom."""

    @property
    @abstractmethod
    def cycle_control(self) -> BaseCycleControl:
        """Who waits for whom."""

    def route_call(self, call: Call) -> Any:
        """Submit one call under the registration rule of its task; its invocation, new or reused.

        :raises InvocationConcurrencyWithDifferentArgumentsError: when the rule refuses it.
        """
        return call.task.submit(tuple(call.arguments.kwargs[name] for name in call.task.parameter_names))

    def route_calls(self, calls: Sequence[PreSerializedCall]) -> list[Any]:
        """Submit calls of tasks without a registration rule; their invocations, in order.

        :raises TaskParallelProcessingError: when a task has such a rule; nothing is submitted.
        """
        from pynenc.conf.config_task import ConcurrencyControlType
        from pynenc.exceptions import TaskParallelProcessingError

        for call in calls:
            if call.task.conf.registration_concurrency is not ConcurrencyControlType.DISABLED:
                raise TaskParallelProcessingError(
                    call.task.task_id, "a batch is for tasks without registration_concurrency; use parallelize"
                )
        return [self.route_call(call.call) for call in calls]

    @abstractmethod
    def get_invocation(self, invocation_id: str) -> Any:
        """Find an invocation.

        :raises InvocationNotFoundError: when there never was one of that id.
        :raises ResultExpired: when it was dropped.
        """

    @abstractmethod
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

    @abstractmethod
    def get_invocation_status(self, invocation: Any) -> InvocationStatus:
        """Read where an invocation stands; changes nothing."""

    @abstractmethod
    def get_invocation_retries(self, invocation: Any) -> int:
        """Read how often it was tried again after an error."""

    def filter_by_status(
        self, invocations: Iterable[Any], statuses: Iterable[InvocationStatus] | None = None
    ) -> list[Any]:
        """Keep those in one of the statuses; all of them when none are given."""
        if statuses is None:
            return list(invocations)
        wanted = set(statuses)
        return [invocation for invocation in invocations if self.get_invocation_status(invocation) in wanted]

    def filter_final(self, invocations: Iterable[Any]) -> list[Any]:
        """Keep those that have ended."""
        return [invocation for invocation in invocations if self.get_invocation_status(invocation).is_final()]

    @abstractmethod
    def auto_purge(self) -> None:
        """Drop what the retention limits no longer keep. Running workers do that by themselves."""

    @abstractmethod
    def purge(self) -> None:
        """Forget every invocation."""
