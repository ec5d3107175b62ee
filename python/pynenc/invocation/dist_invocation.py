"""Invocations that an engine keeps."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from pynenc._core import InvocationHandle
from pynenc.engine.registry import BEYOND_PROCESS, stays_in_process
from pynenc.exceptions import InvocationNotFoundError
from pynenc.invocation.base_invocation import BaseInvocation, until_called
from pynenc.types import Params, Result

if TYPE_CHECKING:
    from pynenc.arguments import Arguments
    from pynenc.call import Call
    from pynenc.model.records import InvocationHistory
    from pynenc.model.status import InvocationStatus
    from pynenc.ports import AppPort

_pickled_here: WeakValueDictionary[str, AppPort] = WeakValueDictionary()


# No __init__, no __new__ and no attributes of its own: the core makes these by calling the class,
# once a call, and an instance without a __dict__ costs the garbage collector nothing.
class DistributedInvocation(InvocationHandle[Params, Result], BaseInvocation[Params, Result]):
    """A handle on one execution of a call. Made by calling a task."""

    __slots__ = ()

    @property
    def call(self) -> Call:
        """Task and arguments.

        :raises ResultExpired: when it ended long ago and its arguments were dropped.
        """
        from pynenc.arguments import Arguments
        from pynenc.call import Call

        kwargs = dict(zip(self.task.parameter_names, self.values, strict=True))
        return Call(self.task, Arguments(kwargs, app=self.app))

    @property
    def status(self) -> InvocationStatus:
        """Where it stands now. Reading it changes nothing."""
        from pynenc.model.status import InvocationStatus

        return InvocationStatus(self.status_name)

    @property
    def parent_invocation(self) -> DistributedInvocation[..., Any] | None:
        """The invocation whose body made the call, if one did and it is still known."""
        if self.parent_id is None:
            return None
        parent: DistributedInvocation[..., Any] = self.app.runtime.invocation(self.parent_id)
        return parent

    @property
    def history(self) -> list[InvocationHistory]:
        """Every status that it had, oldest first."""
        from pynenc.model.records import InvocationHistory

        return [InvocationHistory.from_event(self.invocation_id, event) for event in self._history()]

    async def async_result(self) -> Result:
        """Wait for the end without blocking the event loop; what the body returned, or raise what it raised."""
        if not self.done():
            await until_called(self._on_final, self._off_final)
        return await self._taken()

    async def _taken(self) -> Result:
        """Take the result of an ended invocation; what a server is to be asked for, beside the event loop."""
        if self._is_at_hand():
            return self._take()
        import asyncio

        loop = asyncio.get_running_loop()
        brought: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def settle(outcome: tuple[Any, BaseException | None]) -> None:
            if not brought.done():
                brought.set_result(outcome)

        def tell(value: Result | None, error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop was closed by somebody who gave up: no one waits any more
                loop.call_soon_threadsafe(settle, (value, error))

        if not self._take_aside(tell):
            return self._take()
        value, error = await brought
        if error is not None:
            raise error
        return cast(Result, value)

    def to_json(self) -> str:
        """Write the identity as one JSON object; arguments and outcome stay in the engine."""
        import json

        return json.dumps({"invocation_id": self.invocation_id, "parent_invocation_id": self.parent_id})

    @classmethod
    def from_json(cls, app: AppPort, text: str) -> DistributedInvocation[..., Any]:
        """Get a handle on what :meth:`to_json` described.

        :raises InvocationNotFoundError: when the engine of the application does not know it.
        :raises ValueError: when the text is not such an object.
        """
        import json

        data = json.loads(text)
        if not isinstance(data, dict) or "invocation_id" not in data:
            raise ValueError(f"not an invocation: {text[:80]!r}")
        found: DistributedInvocation[..., Any] = app.runtime.invocation(data["invocation_id"])
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        app = self.app
        origin = f"{os.getpid()}:{id(app)}"
        _pickled_here[origin] = app
        return _restore, (app, origin, {"invocation_id": self.invocation_id, "parent_id": self.parent_id})


def _restore(app: AppPort, origin: str, identity: dict[str, Any]) -> DistributedInvocation[..., Any]:
    """Unpickle: through the very application it came from if that lives here, else through its copy."""
    invocation_id: str = identity["invocation_id"]
    if origin not in _pickled_here and stays_in_process(app.conf.engine):
        raise InvocationNotFoundError(
            invocation_id,
            f"the {app.conf.engine} engine of process {origin.partition(':')[0]} keeps it, which no other process can "
            f"reach; {BEYOND_PROCESS}",
        )
    found: DistributedInvocation[..., Any] = _pickled_here.get(origin, app).runtime.invocation(invocation_id)
    return found


class ReusedInvocation(DistributedInvocation[Params, Result]):
    """What a call gets whose registration rule found an invocation that stands for it.

    It has the id and the arguments of that one; the arguments of the call itself are never run.
    """

    __slots__ = ()

    @property
    def diff_arg(self) -> Arguments | None:
        """The arguments of the call, when they differ from those of the invocation."""
        other = self._other_values
        if other is None:
            return None
        from pynenc.arguments import Arguments

        return Arguments(dict(zip(self.task.parameter_names, other, strict=True)), app=self.app)
