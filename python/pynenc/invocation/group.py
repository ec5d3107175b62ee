"""The invocations of one ``parallelize`` call, kept by an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from pynenc.invocation.base_invocation import BaseInvocationGroup, until_called
from pynenc.invocation.dist_invocation import DistributedInvocation
from pynenc.invocation.progress import OnProgress, following
from pynenc.types import Params, Result

if TYPE_CHECKING:
    from pynenc._core import GroupCore


class DistributedInvocationGroup(BaseInvocationGroup[Params, Result, DistributedInvocation[..., Any]]):
    """The members of one ``parallelize`` call. Made by ``task.parallelize``.

    When the input was an iterator, a thread submits from it, a few chunks ahead of the workers, and
    the group grows; an error of the iterator is raised by whoever reads the results.

    :param task: The task of all of them.
    :param core: The members.
    :param streamed: Whether they still arrive; starts the thread that submits them.
    """

    def __init__(self, task: Any, core: GroupCore, *, streamed: bool = False) -> None:
        super().__init__(task)
        self._core = core
        if streamed:
            from pynenc.invocation.feeding import start_feeding

            start_feeding(core, task.task_id, task.app)

    def __len__(self) -> int:
        return len(self._core)

    def __getitem__(self, index: int) -> DistributedInvocation[..., Any]:
        member: DistributedInvocation[..., Any] = self._core[index]
        return member

    def __iter__(self) -> Iterator[DistributedInvocation[..., Any]]:
        return iter(self._core)

    @property
    def complete(self) -> bool:
        """Whether no more members will come."""
        return self._core.complete

    @property
    def results(self) -> Iterator[Result]:
        """Yield the results in the order of completion; an error is raised at its turn.

        Blocks between results. A streamed group forgets a result once it was yielded; Ctrl-C in such a
        wait ends the reading of its input, and calls off what has not started.
        """
        return self._core.completed()

    def get(
        self,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        return_exceptions: bool = False,
        progress: bool = False,
        on_progress: OnProgress | None = None,
    ) -> list[Result]:
        """Block until all have ended; their results. Parameters and errors as in the base class."""
        if not progress and on_progress is None:
            if ordered:
                return self._core.ordered(timeout, return_exceptions)
            return list(self._core.completed(timeout, return_exceptions))
        found: dict[int, Result] = {}
        with self._until_interrupted(), following(self.task.task_id, show=progress, on_progress=on_progress) as tell:
            for index, value in self._core.completed(timeout, return_exceptions, True):
                found[index] = value
                if tell is not None:
                    tell(len(found), len(self._core), complete=self._core.complete)
        return [found[index] for index in sorted(found)] if ordered else list(found.values())

    async def async_results(self) -> AsyncIterator[Result]:
        """Yield the results in the order of completion, without blocking the event loop.

        A streamed group that is cancelled in such a wait, as by Ctrl-C under ``asyncio.run``, reads its input no
        further, and calls off what has not started.
        """
        async with self._until_cancelled():
            async for _, outcome, failed in self._outcomes():
                if failed:
                    raise outcome
                yield outcome

    def cancel(self) -> int:
        """Call off what has not ended; how many were called off or asked to stop."""
        return self._core.cancel()

    def close(self) -> None:
        """Take nothing more from the input; what was submitted goes on."""
        self._core.close()

    def _give_up(self) -> None:
        self._core.give_up()

    async def _outcomes(self) -> AsyncIterator[tuple[int, Any, bool]]:
        arriving = self._core.completed()
        while True:
            try:
                ready = arriving._next_ready()
            except StopAsyncIteration:
                return
            if ready is None:
                await until_called(arriving._on_ready, arriving._off_ready)
                continue
            index, invocation = ready
            try:
                value = await invocation._taken()
            except Exception as error:
                yield index, error, True
            else:
                yield index, value, False
