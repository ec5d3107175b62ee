"""What a broker offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc.call import Call
    from pynenc.conf.config_broker import ConfigBroker
    from pynenc.ports import AppPort


class BaseBroker(ABC):
    """The queue of an application, for tools and tests; runners take work from the engine itself.

    :param app: The application.
    """

    def __init__(self, app: AppPort) -> None:
        self.app = app

    @cached_property
    def conf(self) -> ConfigBroker:
        """Its settings."""
        from pynenc.conf.config_broker import ConfigBroker

        return ConfigBroker(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    def route_call(self, call: Call) -> Any:
        """Submit the call; its invocation."""
        return call.task.submit(tuple(call.arguments.kwargs[name] for name in call.task.parameter_names))

    @abstractmethod
    def route_invocation(self, invocation: Any) -> None:
        """Put an invocation that :meth:`retrieve_invocation` gave back into the queue.

        One that waits in the queue stays there.

        :raises InvocationError: when somebody else holds it, or it has ended.
        """

    def route_invocations(self, invocations: Iterable[Any]) -> None:
        """Do :meth:`route_invocation` for each."""
        for invocation in invocations:
            self.route_invocation(invocation)

    @abstractmethod
    def retrieve_invocation(self) -> Any | None:
        """Take the next invocation out of the queue, under a lease; ``None`` when nothing waits. Never blocks."""

    @abstractmethod
    def count_invocations(self) -> int:
        """How many wait to be run."""

    @abstractmethod
    def purge(self) -> None:
        """Call off everything that waits to be run."""
