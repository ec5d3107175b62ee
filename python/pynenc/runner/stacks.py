"""Where the bodies of a runner stand."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc._core import WorkerPool
    from pynenc.runner.async_lane import AsyncLane


def describe_bodies(pool: WorkerPool, lane: AsyncLane | None) -> list[str]:
    """Describe each body: invocation, task, since when, and its stack.

    Several bodies can stand on one thread, where one runs what the other waits for; the stack is shown once, with
    the outermost.
    """
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented, in spite of its name
    coroutines = {} if lane is None else lane.coroutines
    shown: set[int] = set()
    described = []
    for invocation_id, task_id, seconds, thread, waits in pool.bodies():
        state = "waits" if waits else "runs"
        text = f"\n- {task_id} ({invocation_id}) {state}, {seconds:.1f} s after its start\n"
        if not thread:
            text += _stack_of(coroutines.get(invocation_id))
        elif thread not in shown and (frame := frames.get(thread)) is not None:
            text += "".join(traceback.format_stack(frame))
        shown.add(thread)
        described.append(text)
    return described


def _stack_of(coroutine: Any) -> str:
    """The stack of a coroutine and of what it awaits, each inside the one before."""
    frames = []
    while (frame := getattr(coroutine, "cr_frame", getattr(coroutine, "gi_frame", None))) is not None:
        frames.append((frame, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", getattr(coroutine, "gi_yieldfrom", None))
    return "".join(traceback.StackSummary.extract(iter(frames)).format())
