"""Bodies of ``async def`` tasks: one event loop, in one thread, for all of a runner's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc._core import AsyncRun

_END_SECONDS = 5.0


class AsyncLane:
    """An event loop in a thread of its own, which starts with the first body.

    :param name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._bodies: dict[asyncio.Task[None], tuple[AsyncRun, Coroutine[Any, Any, Any]]] = {}
        self._handing_back = False
        self._draining: SimpleQueue[None] | None = None
        self._loop = asyncio.new_event_loop()
        # the context of the runner's own thread goes along: its bodies know who runs them
        context = copy_context()
        self._thread = Thread(target=context.run, args=(self._serve,), name=name, daemon=True)
        self._thread.start()

    def start(self, runs: list[AsyncRun]) -> None:
        """Start bodies; returns at once. From any thread."""
        self._loop.call_soon_threadsafe(self._begin, runs)

    def drain(self, ended: SimpleQueue[None]) -> None:
        """Put one item in the queue as soon as no body runs."""
        self._loop.call_soon_threadsafe(self._drain, ended)

    @property
    def coroutines(self) -> dict[str, Coroutine[Any, Any, Any]]:
        """The body of each invocation. From any thread: what starts or ends meanwhile may be missing."""
        return {run.invocation_id: coroutine for run, coroutine in list(self._bodies.values())}

    def close(self) -> None:
        """Cancel the bodies that still run, handing them back, and end the thread.

        A body that refuses to end is left to itself.
        """
        self._loop.call_soon_threadsafe(self._cancel_all)
        self._thread.join(_END_SECONDS)

    # -- on the loop's thread ---------------------------------------------------------------------
    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            loop = runner.get_loop()
            while not self._handing_back:
                # A body can stop the loop, or have a callback or a task of its own raise SystemExit
                # through it: the other bodies go on.
                with suppress(BaseException):
                    loop.run_forever()

    def _begin(self, runs: list[AsyncRun]) -> None:
        for run in runs:
            context = copy_context()
            try:
                coroutine = context.run(run.coroutine)
            except BaseException as error:  # whatever it is, it is the end of this body and of no other
                run.fail(error)
                continue
            body = self._loop.create_task(self._body(run, coroutine), context=context)
            self._bodies[body] = run, coroutine
            body.add_done_callback(self._ended)
            if not run.on_cancel(_Canceller(self._loop, body)):
                body.cancel()

    async def _body(self, run: AsyncRun, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            value = await coroutine
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self._handing_back and task is not None and task.cancelling():
                run.hand_back()
            else:
                run.fail(error)  # called off, out of time, or it cancelled itself: the run knows
        except BaseException as error:  # whatever it is, it is the end of this body and of no other
            run.fail(error)
        else:
            run.succeed(value)

    def _ended(self, body: asyncio.Task[None]) -> None:
        run, coroutine = self._bodies.pop(body)
        if body.cancelled():  # before its first step, so no line of _body ran
            coroutine.close()
            if self._handing_back:
                run.hand_back()
            else:
                run.fail(asyncio.CancelledError())
        self._tell_if_drained()

    def _drain(self, ended: SimpleQueue[None]) -> None:
        self._draining = ended
        self._tell_if_drained()

    def _tell_if_drained(self) -> None:
        if self._draining is not None and not self._bodies:
            self._draining.put(None)
            self._draining = None

    def _cancel_all(self) -> None:
        self._handing_back = True
        for body, (run, _) in list(self._bodies.items()):
            run.hand_back()  # at once: a body may take its time to end, or refuse
            body.cancel()
        self._loop.call_soon(self._loop.stop)


class _Canceller:
    """Cancels a body from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, body: asyncio.Task[None]) -> None:
        self._loop = loop
        self._body = body

    def __call__(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._body.cancel)
        except RuntimeError:  # the loop is closed: the body was handed back
            return
