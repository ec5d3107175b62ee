"""What a state backend offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pynenc.model.records import InvocationHistory

if TYPE_CHECKING:
    from pynenc.conf.config_state_backend import ConfigStateBackend
    from pynenc.model.records import InvocationRecord
    from pynenc.ports import AppPort

__all__ = ["BaseStateBackend", "InvocationHistory"]


class BaseStateBackend(ABC):
    """What became of invocations, for tools and tests. Everything is read from the engine as it is now.

    :param app: The application.
    """

    def __init__(self, app: AppPort) -> None:
        self.app = app

    @cached_property
    def conf(self) -> ConfigStateBackend:
        """Its settings."""
        from pynenc.conf.config_state_backend import ConfigStateBackend

        return ConfigStateBackend(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @abstractmethod
    def get_invocation(self, invocation_id: str) -> Any:
        """Find an invocation.

        :raises InvocationNotFoundError: when there never was one of that id.
        :raises ResultExpired: when it was dropped.
        """

    @abstractmethod
    def get_record(self, invocation_id: str) -> InvocationRecord:
        """Read everything but call and outcome, at one moment."""

    @abstractmethod
    def get_result(self, invocation: Any) -> Any:
        """Read what its body returned.

        :raises InvocationError: when it has not ended; what it raised, when it failed.
        """

    @abstractmethod
    def get_exception(self, invocation: Any) -> BaseException | None:
        """Read what its body raised; ``None`` when it returned.

        :raises InvocationError: when it has not ended.
        """

    @abstractmethod
    def get_history(self, invocation: Any) -> list[InvocationHistory]:
        """Read every status that it had, oldest first."""

    @abstractmethod
    def purge(self) -> None:
        """Forget every invocation."""
