"""What every invocation, and every group of them, offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pynenc.invocation.progress import OnProgress, following
from pynenc.types import Params, Result

if TYPE_CHECKING:
    from pynenc.arguments import Arguments
    from pynenc.call import Call
    from pynenc.model.status import InvocationStatus
    from pynenc.ports import AppPort

Member_co = TypeVar("Member_co", bound="BaseInvocation[..., Any]", covariant=True)


async def until_called(
    subscribe: Callable[[Callable[[], object]], bool], unsubscribe: Callable[[Callable[[], object]], object]
) -> None:
    """Wait, on the running event loop, until what was subscribed is called from some thread.

    :param subscribe: Gives ``False`` when there is nothing to wait for. What it was given is called without an
        argument, or with the error that there is instead.
    :param unsubscribe: Called when the wait is given up.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    called = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if called.done():
            return
        if error is None:
            called.set_result(None)
        else:
            called.set_exception(error)

    def wake(error: BaseException | None = None) -> None:
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:  # the loop was closed by somebody who gave up: no one waits any more
            return

    if subscribe(wake):
        try:
            await called
        except BaseException:
            unsubscribe(wake)
            raise


class BaseInvocation(ABC, Generic[Params, Result]):
    """One execution of a call, and its result. Equal to itself only: identity is the id."""

    __slots__ = ()

    @property
    @abstractmethod
    def task(self) -> Any:
        """The task."""

    @property
    @abstractmethod
    def invocation_id(self) -> str:
        """Unique for ever."""

    @property
    @abstractmethod
    def call(self) -> Call:
        """Task and arguments."""

    @property
    @abstractmethod
    def status(self) -> InvocationStatus:
        """Where it stands now. Reading it changes nothing."""

    @property
    @abstractmethod
    def num_retries(self) -> int:
        """How often it was tried again after an error."""

    @property
    @abstractmethod
    def result(self) -> Result:
        """Block until it ends; what the body returned, or raise what it raised.

        :raises InvocationCancelledError: when it was called off.
        :raises BlockingWaitError: inside an ``async def`` task, where it is to be awaited.
        :raises CycleDetectedError: when the wait would close a cycle.
        """

    @abstractmethod
    def get(self, timeout: float | None = None) -> Result:
        """Like :attr:`result`, for at most ``timeout`` seconds.

        :raises TimeoutError: when it has not ended by then; it goes on.
        """

    @abstractmethod
    async def async_result(self) -> Result:
        """Like :attr:`result`, without blocking the event loop."""

    @abstractmethod
    def done(self) -> bool:
        """Tell whether it has ended."""

    @abstractmethod
    def cancel(self) -> bool:
        """Call it off, or ask its body to stop; ``False`` when it is too late for that."""

    @property
    def app(self) -> AppPort:
        """The application of its task."""
        app: AppPort = self.task.app
        return app

    @property
    def arguments(self) -> Arguments:
        """The bound arguments."""
        return self.call.arguments

    def __await__(self) -> Generator[Any, Any, Result]:
        return self.async_result().__await__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseInvocation) and self.invocation_id == other.invocation_id

    def __hash__(self) -> int:
        return hash(self.invocation_id)

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.task.task_id}, {self.invocation_id})"

    def __repr__(self) -> str:
        return str(self)


class BaseInvocationGroup(ABC, Generic[Params, Result, Member_co]):
    """The invocations of one ``parallelize`` call. Iterating gives the invocations, in input order.

    :param task: The task of all of them.
    """

    def __init__(self, task: Any) -> None:
        self.task = task

    @property
    def app(self) -> AppPort:
        """The application of the task."""
        app: AppPort = self.task.app
        return app

    @property
    def invocations(self) -> list[Member_co]:
        """The invocations known so far, in input order."""
        return list(self)

    @abstractmethod
    def __len__(self) -> int:
        """How many there are so far."""

    @abstractmethod
    def __getitem__(self, index: int) -> Member_co:
        """The invocation of the input element of this index."""

    @abstractmethod
    def __iter__(self) -> Iterator[Member_co]: ...

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether no more members will come."""

    @property
    @abstractmethod
    def results(self) -> Iterator[Result]:
        """Yield the results as they come; an error is raised at its turn and ends the iteration."""

    @abstractmethod
    def get(
        self,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        return_exceptions: bool = False,
        progress: bool = False,
        on_progress: OnProgress | None = None,
    ) -> list[Result]:
        """Block until all have ended; their results.

        :param ordered: In input order; else in the order of completion.
        :param timeout: Seconds for all of them together.
        :param return_exceptions: Put errors among the results instead of raising the first.
        :param progress: Show how far it is: a bar on a terminal, else a line each 10 %, on standard error.
        :param on_progress: Called in this thread each time that one ends, with how many have and how
            many are known.
        :raises TimeoutError: when the time is over; the invocations go on.
        """

    @abstractmethod
    def async_results(self) -> AsyncIterator[Result]:
        """Like :attr:`results`, without blocking the event loop.

        Cancelled in a wait, as by Ctrl-C under ``asyncio.run``, it does what those do on Ctrl-C.
        """

    @abstractmethod
    def cancel(self) -> int:
        """Call off what has not ended; how many were called off or asked to stop."""

    async def async_get(
        self,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        return_exceptions: bool = False,
        progress: bool = False,
        on_progress: OnProgress | None = None,
    ) -> list[Result]:
        """Like :meth:`get`, without blocking the event loop; cancelled, it does what :meth:`async_results` does."""
        import asyncio

        with following(self.task.task_id, show=progress, on_progress=on_progress) as tell:
            async with self._until_cancelled(), asyncio.timeout(timeout):
                found: dict[int, Any] = {}
                async for index, outcome, failed in self._outcomes():
                    if failed and not return_exceptions:
                        raise outcome
                    found[index] = outcome
                    if tell is not None:
                        tell(len(found), len(self), complete=self.complete)
        return [found[index] for index in sorted(found)] if ordered else list(found.values())

    def track(self, on_progress: OnProgress | None = None) -> Iterator[Result]:
        """Yield what :attr:`results` yields, showing how far it is as ``get(progress=True)`` does.

        :param on_progress: Called besides, in this thread, before a result is yielded.
        """
        with self._until_interrupted(), following(self.task.task_id, show=True, on_progress=on_progress) as tell:
            for done, result in enumerate(self.results, start=1):
                if tell is not None:
                    tell(done, len(self), complete=self.complete)
                yield result

    async def async_track(self, on_progress: OnProgress | None = None) -> AsyncIterator[Result]:
        """Like :meth:`track`, without blocking the event loop."""
        with following(self.task.task_id, show=True, on_progress=on_progress) as tell:
            done = 0
            async for result in self.async_results():
                done += 1
                if tell is not None:
                    tell(done, len(self), complete=self.complete)
                yield result

    def __await__(self) -> Generator[Any, Any, list[Result]]:
        return self.async_get().__await__()

    @contextmanager
    def _until_interrupted(self) -> Generator[None]:
        try:
            yield
        except KeyboardInterrupt:  # in a wait, or in showing how far it is
            self._give_up()
            raise

    @asynccontextmanager
    async def _until_cancelled(self) -> AsyncGenerator[None]:
        """Ctrl-C reaches a coroutine as a cancellation, and so does whatever else is tired of waiting for it."""
        import asyncio

        try:
            yield
        except asyncio.CancelledError:
            # It may ask a server, and goes on even if it is not waited for.
            await asyncio.shield(asyncio.to_thread(self._give_up))
            raise

    @abstractmethod
    def _give_up(self) -> None:
        """Of a stream: take no more input, and call off what has not started."""

    @abstractmethod
    def _outcomes(self) -> AsyncIterator[tuple[int, Any, bool]]:
        """Yield index, result or error, and whether it is an error, as they come."""
