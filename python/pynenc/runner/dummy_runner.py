"""No runner."""

from __future__ import annotations

from types import FrameType

from pynenc.exceptions import RunnerNotExecutableError
from pynenc.runner.base_runner import BaseRunner

_REASON = 'DummyRunner runs nothing; set runner_cls to "ThreadRunner"'


class DummyRunner(BaseRunner):
    """Says that this process runs nothing: others do, or nobody."""

    @staticmethod
    def mem_compatible() -> bool:
        """Refuse.

        :raises RunnerNotExecutableError: always.
        """
        raise RunnerNotExecutableError(_REASON)

    @property
    def max_parallel_slots(self) -> int:
        """Refuse.

        :raises RunnerNotExecutableError: always.
        """
        raise RunnerNotExecutableError(_REASON)

    def run(self) -> None:
        """Refuse.

        :raises RunnerNotExecutableError: always.
        """
        raise RunnerNotExecutableError(_REASON)

    def start_background(self) -> bool:
        """Refuse.

        :raises RunnerNotExecutableError: always.
        """
        raise RunnerNotExecutableError(_REASON)

    def await_stop(self) -> None:
        """Nothing runs, so nothing ends."""

    def stop_background(self) -> None:
        """Nothing runs, so nothing is stopped."""

    def _run(self) -> None:
        raise RunnerNotExecutableError(_REASON)

    def stop_runner_loop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Nothing runs, so nothing is stopped."""
