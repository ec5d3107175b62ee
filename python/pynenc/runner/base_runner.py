"""What every runner does."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pynenc.context import set_current_runner
from pynenc.exceptions import ConfigError

if TYPE_CHECKING:
    from types import FrameType

    from pynenc.conf.config_runner import ConfigRunner
    from pynenc.log import RunnerLogAdapter
    from pynenc.ports import RunnerHostPort


class BaseRunner(ABC):
    """Runs the bodies of an application's tasks, from :meth:`run` until it is stopped.

    :param app: The application; this becomes its runner.
    """

    def __init__(self, app: RunnerHostPort) -> None:
        self.app = app
        app.runner = self

    @cached_property
    def conf(self) -> ConfigRunner:
        """Its settings."""
        from pynenc.conf.config_runner import ConfigRunner

        return ConfigRunner(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @property
    def runner_id(self) -> str:
        """Class, host and process."""
        from socket import gethostname

        return f"{type(self).__name__}({gethostname()}-{os.getpid()})"

    @property
    def runner_cls(self) -> str:
        """Its class, as bodies are told it."""
        return type(self).__name__

    @property
    def logger(self) -> RunnerLogAdapter:
        """A logger that names the runner."""
        from pynenc.log import RunnerLogAdapter

        return RunnerLogAdapter(self.app.logger, self.runner_id)

    @staticmethod
    @abstractmethod
    def mem_compatible() -> bool:
        """Tell whether it can run work of an engine that lives in this process."""

    @property
    @abstractmethod
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once, ``async def`` ones apart."""

    def set_slots(self, slots: int) -> None:
        """Run so many bodies at once, ``async def`` ones apart, from the next start on.

        :raises ConfigError: when that is nothing to be set.
        """
        raise ConfigError(f"a {type(self).__name__} has no number of slots to set, and {slots} is one")

    def run(self) -> None:
        """Run bodies until stopped; blocks.

        On the main thread the first SIGINT or SIGTERM asks it to stop, the second hands running
        work back at once, and SIGUSR1 has it write to the log what runs; the handlers from before
        are restored afterwards.

        :raises RunnerError: when it runs already.
        :raises EngineError: when the engine cannot be reached or used.
        """
        from pynenc.runner.signals import handled

        self._meet_engine()
        with handled(self.stop_runner_loop, self.dump):
            self.on_start()
            set_current_runner(self.app.app_id, self)
            try:
                self._run()
            except KeyboardInterrupt:
                self.stop_runner_loop()
            finally:
                set_current_runner(self.app.app_id, None)
                self.on_stop()

    def _meet_engine(self) -> None:
        """Reach the engine before anything is started, and warn of what is wrong with its server, or not to be had."""
        from pynenc.engine.fitness import examine
        from pynenc.engine.host_cache import join_host_cache

        for weakness in examine(self.app):
            self.logger.warning(weakness)
        if reason := join_host_cache(self.app):
            self.logger.warning("the host cache is off: %s", reason)

    def on_start(self) -> None:  # noqa: B027 - a hook: subclasses need not have it
        """Called before the first body, in the thread that calls :meth:`run`."""

    def on_stop(self) -> None:  # noqa: B027 - a hook: subclasses need not have it
        """Called after the last body, whatever happened, in the thread that calls :meth:`run`."""

    @abstractmethod
    def start_background(self) -> bool:
        """Run in a thread of its own; returns when work can be taken. ``False``: it runs already."""

    @abstractmethod
    def await_stop(self) -> None:
        """Wait for its end, if it was told to stop; else return at once."""

    @abstractmethod
    def stop_background(self) -> None:
        """Stop what :meth:`start_background` started; returns when it has ended."""

    @abstractmethod
    def _run(self) -> None:
        """Run bodies until :meth:`stop_runner_loop`; return when they have ended or are handed back."""

    @abstractmethod
    def stop_runner_loop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Take no more work, and let :meth:`run` return when what runs has ended, or the grace period.

        A second call hands running work back at once. From any thread, and from a signal handler;
        does nothing when it does not run.
        """

    def dump(self) -> None:  # noqa: B027 - a runner that knows nothing of its bodies has nothing to write
        """Write to the log what runs. From any thread, and from a signal handler."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(app_id={self.app.app_id!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"app": self.app}
