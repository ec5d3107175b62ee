"""What the running code is part of: the current invocation and the current runner.

Everything here is a context variable, so each thread and each asyncio task has its own. A thread or
an executor that a body starts begins with an empty context; give it the body's with
:func:`carry`, or with ``contextvars.copy_context().run``::

    with ThreadPoolExecutor() as pool:
        pool.submit(carry(work), item)      # calls made by work() have this invocation as parent
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from pynenc._core import Pipeline, RunContext

_P = ParamSpec("_P")
_R = TypeVar("_R")

current: ContextVar[RunContext | None] = ContextVar("pynenc_current", default=None)
"""The body that runs here; set around it by the worker, read at every call and wait."""

pipeline: ContextVar[Pipeline | None] = ContextVar("pynenc_pipeline", default=None)
"""Where the submissions of a ``with app.pipelined()`` block are gathered."""

runner_args: ContextVar[Mapping[str, Any] | None] = ContextVar("pynenc_runner_args", default=None)
"""What the runner tells the bodies that it runs: ``runner_id`` and ``runner_cls``."""

_put_away: ContextVar[Mapping[str, RunContext]] = ContextVar("pynenc_put_away")
_runners: ContextVar[Mapping[str, Any]] = ContextVar("pynenc_runners")
_sync: ContextVar[Mapping[str, Any]] = ContextVar("pynenc_sync")


def get_dist_invocation_context(app_id: str) -> Any | None:
    """Get the invocation of this application whose body runs here, if there is one."""
    context = current.get()
    if context is None:
        return None
    invocation = context.invocation
    return invocation if invocation.app.app_id == app_id else None


def swap_dist_invocation_context(app_id: str, invocation: Any | None) -> Any | None:
    """Replace the current invocation; the one that was.

    ``None`` detaches what follows: its calls have no parent. To go back, pass what the first swap
    returned.

    :raises ValueError: when the invocation's body does not run in this context.
    """
    previous = get_dist_invocation_context(app_id)
    running = current.get()
    known = dict(_put_away.get({}))
    if previous is not None and running is not None:
        known[previous.invocation_id] = running
    if invocation is None:
        _put_away.set(known)
        if previous is not None:
            current.set(None)
        return previous
    context = known.pop(invocation.invocation_id, None)
    if context is None:
        raise ValueError(
            f"invocation {invocation.invocation_id} does not run in this context; "
            "accepted: None, or what swap_dist_invocation_context returned here"
        )
    _put_away.set(known)
    current.set(context)
    return previous


@contextmanager
def submitting_through(opened: Pipeline | None) -> Generator[None]:
    """Gather the submissions of a ``with`` block, and send what is left of them at its end.

    :param opened: ``None`` where each is acknowledged at once.
    """
    if opened is None:
        yield
        return
    before = pipeline.set(opened)
    try:
        yield
    finally:
        pipeline.reset(before)
        opened.flush()


def carry(func: Callable[_P, _R]) -> Callable[_P, _R]:
    """Bind a function to the present context, for a thread or an executor that the body starts.

    Each call runs in a copy, so calls may overlap.
    """
    context = copy_context()

    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return context.copy().run(func, *args, **kwargs)

    return carried


class SyncInvocationContext(MutableMapping[str, Any]):
    """Invocation that runs in synchronous mode in this context, by application id."""

    def __getitem__(self, app_id: str) -> Any:
        return _sync.get({})[app_id]

    def __setitem__(self, app_id: str, invocation: Any) -> None:
        _sync.set({**_sync.get({}), app_id: invocation})

    def __delitem__(self, app_id: str) -> None:
        entries = dict(_sync.get({}))
        del entries[app_id]
        _sync.set(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(_sync.get({}))

    def __len__(self) -> int:
        return len(_sync.get({}))


sync_inv_context = SyncInvocationContext()


def get_current_runner(app_id: str) -> Any | None:
    """Get the runner that runs this code for the application, if one does."""
    return _runners.get({}).get(app_id)


def set_current_runner(app_id: str, runner: Any | None) -> None:
    """Say which runner runs the code of this context; ``None``: no one any more."""
    entries = dict(_runners.get({}))
    if runner is None:
        entries.pop(app_id, None)
    else:
        entries[app_id] = runner
    _runners.set(entries)
