"""Synchronous mode: an invocation runs in the thread that first asks for its result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

from pynenc.context import sync_inv_context
from pynenc.exceptions import BlockingWaitError, CycleDetectedError, PynencError
from pynenc.invocation.base_invocation import BaseInvocation, BaseInvocationGroup
from pynenc.invocation.progress import OnProgress, following
from pynenc.model.status import InvocationStatus
from pynenc.types import Params, Result

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from pynenc.call import Call


class ConcurrentInvocation(BaseInvocation[Params, Result]):
    """One execution of a call in this process. Nothing runs before its result is asked for.

    :param call: What to run.
    """

    __slots__ = ("_call", "_error", "_id", "_lock", "_pending", "_retries", "_status", "_task", "_value")

    def __init__(self, call: Call) -> None:
        import uuid

        self._call = call
        self._task = call.task
        self._id = str(uuid.uuid4())
        self._status = InvocationStatus.REGISTERED
        self._retries = 0
        self._value: Any = None
        self._error: BaseException | None = None
        self._pending: asyncio.Task[Any] | None = None
        self._lock = RLock()

    @property
    def task(self) -> Any:
        """The task."""
        return self._task

    @property
    def invocation_id(self) -> str:
        """Unique for ever."""
        return self._id

    @property
    def call(self) -> Call:
        """Task and arguments."""
        return self._call

    @property
    def status(self) -> InvocationStatus:
        """Where it stands now."""
        return self._status

    @property
    def num_retries(self) -> int:
        """How often it was tried again after an error."""
        return self._retries

    @property
    def result(self) -> Result:
        """Run it here, if it did not run yet; what the body returned, or raise what it raised.

        :raises BlockingWaitError: when the body is a coroutine function and an event loop runs here.
        :raises CycleDetectedError: when its own body asks.
        """
        if not self._status.is_final():
            self._refuse_running_loop()
            with self._lock:
                if self._status is InvocationStatus.RUNNING:
                    raise CycleDetectedError([self._call.call_id], f"{self} waits for itself")
                if not self._status.is_final():
                    self._attempt_until_final(self._run_here)
        return self._take()

    def get(self, timeout: float | None = None) -> Result:
        """Like :attr:`result`; the body runs in this thread, so ``timeout`` cannot cut it short."""
        return self.result

    async def async_result(self) -> Result:
        """Like :attr:`result`: a coroutine function on this event loop, any other body in a thread."""
        import asyncio

        if not self._task.is_async:
            return await asyncio.to_thread(self.get)
        if not self._status.is_final():
            if self._pending is None:
                self._pending = asyncio.ensure_future(self._attempt_async())
            await asyncio.shield(self._pending)
        return self._take()

    def done(self) -> bool:
        """Tell whether it has ended."""
        return self._status.is_final()

    def cancel(self) -> bool:
        """Call it off, unless it has ended or runs."""
        with self._lock:
            if self._status is not InvocationStatus.REGISTERED:
                return False
            from pynenc.exceptions import InvocationCancelledError

            self._error = InvocationCancelledError(self._id, "it was called off")
            self._status = InvocationStatus.CANCELLED
            return True

    def to_json(self) -> str:
        """Refuse: it lives in this process only.

        :raises PynencError: always.
        """
        raise PynencError(f"{self} lives in this process only; turn dev_mode_force_sync_tasks off to send it")

    def _take(self) -> Result:
        if self._error is not None:
            raise self._error
        value: Result = self._value
        return value

    def _attempt_until_final(self, run: Callable[[], Any]) -> None:
        outer = self._enter()
        try:
            while not self._status.is_final():
                self._status = InvocationStatus.RUNNING
                try:
                    self._succeed(self._task.check_result(run()))
                except Exception as error:
                    self._fail(error)
        finally:
            self._leave(outer)

    async def _attempt_async(self) -> None:
        outer = self._enter()
        try:
            while not self._status.is_final():
                self._status = InvocationStatus.RUNNING
                try:
                    self._succeed(self._task.check_result(await self._body()))
                except Exception as error:
                    self._fail(error)
        finally:
            self._leave(outer)

    def _enter(self) -> Any:
        app_id = self.app.app_id
        outer = sync_inv_context.get(app_id)
        sync_inv_context[app_id] = self
        return outer

    def _leave(self, outer: Any) -> None:
        app_id = self.app.app_id
        if outer is None:
            sync_inv_context.pop(app_id, None)
        else:
            sync_inv_context[app_id] = outer
        if not self._status.is_final():  # interrupted by Ctrl-C or the like: it may be asked again
            self._status = InvocationStatus.REGISTERED

    def _body(self) -> Any:
        return self._task.call_body(self._call.arguments.kwargs)

    def _run_here(self) -> Any:
        if not self._task.is_async:
            return self._body()
        import asyncio

        coroutine: Coroutine[Any, Any, Any] = self._body()
        return asyncio.run(coroutine)

    def _refuse_running_loop(self) -> None:
        if not self._task.is_async:
            return
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        raise BlockingWaitError(f"{self}: an event loop runs in this thread; use `await invocation`")

    def _succeed(self, value: Any) -> None:
        self._value = value
        self._status = InvocationStatus.SUCCESS

    def _fail(self, error: Exception) -> None:
        task = self._task
        if isinstance(error, task.retriable_exceptions):
            if self._retries < task.conf.max_retries:
                self._retries += 1
                self._status = InvocationStatus.RETRY
                return
            self.app.logger.warning("Invocation MAX-RETRY: %s", self)
        self._error = error
        self._status = InvocationStatus.FAILED


class ConcurrentInvocationGroup(BaseInvocationGroup[Params, Result, ConcurrentInvocation[..., Any]]):
    """The invocations of one ``parallelize`` call in synchronous mode; they run in input order.

    :param task: The task of all of them.
    :param invocations: The members.
    """

    def __init__(self, task: Any, invocations: Sequence[ConcurrentInvocation[Params, Result]]) -> None:
        super().__init__(task)
        self._members: list[ConcurrentInvocation[..., Any]] = list(invocations)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: int) -> ConcurrentInvocation[..., Any]:
        return self._members[index]

    def __iter__(self) -> Iterator[ConcurrentInvocation[..., Any]]:
        return iter(self._members)

    @property
    def complete(self) -> bool:
        """Whether no more members will come: all are there from the start."""
        return True

    @property
    def results(self) -> Iterator[Result]:
        """Yield the results in input order, running each at its turn."""
        return (member.result for member in self._members)

    def get(
        self,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        return_exceptions: bool = False,
        progress: bool = False,
        on_progress: OnProgress | None = None,
    ) -> list[Result]:
        """Run all of them in this thread, in input order; ``timeout`` cannot cut that short."""
        found: list[Any] = []
        with following(self.task.task_id, show=progress, on_progress=on_progress) as tell:
            for member in self._members:
                try:
                    found.append(member.result)
                except Exception as error:
                    if not return_exceptions:
                        raise
                    found.append(error)
                if tell is not None:
                    tell(len(found), len(self._members), complete=True)
        return found

    async def async_results(self) -> AsyncIterator[Result]:
        """Yield the results in input order, without blocking the event loop."""
        for member in self._members:
            yield await member.async_result()

    def cancel(self) -> int:
        """Call off those that did not run yet; how many."""
        return sum(member.cancel() for member in self._members)

    def _give_up(self) -> None:
        self.cancel()

    async def _outcomes(self) -> AsyncIterator[tuple[int, Any, bool]]:
        for index, member in enumerate(self._members):
            try:
                value = await member.async_result()
            except Exception as error:
                yield index, error, True
            else:
                yield index, value, False
