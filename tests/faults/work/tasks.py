"""The bodies that run in worker processes while things go wrong.

Plain functions: :func:`define` makes them tasks of an application, in the test's process and in
each worker's alike.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pynenc import ConcurrencyControlType, Pynenc, RetryError
from pynenc.context import current
from pynenc.exceptions import CycleDetectedError
from tests.faults.rig import witness

STEP_S = 0.02

_app: dict[str, Pynenc] = {}


def seen(what: str, note: str = "") -> None:
    """Tell the witness, for the body that runs here."""
    context = current.get()
    assert context is not None
    witness.write(os.environ[witness.ENV], what, context.invocation_id, context.attempt, note)


def work(number: int, seconds: float = 0.0) -> list[int]:
    """Start, take a while, have the effect. Tells which attempt it was, so that a result can be held against it."""
    seen("start")
    rest(seconds)
    seen("effect", str(number))
    return [number, attempt()]


def eager(number: int, seconds: float = 0.0) -> list[int]:
    """The same, but the effect comes at once: whatever happens to the process afterwards finds it done."""
    seen("start")
    seen("effect", str(number))
    rest(seconds)
    return [number, attempt()]


def patient(seconds: float) -> int:
    """Take that long at the first attempt, and no time at a later one."""
    seen("start")
    if attempt() == 1:
        rest(seconds)
    seen("effect")
    return attempt()


def tidy(seconds: float) -> None:
    """Say who it was, however it ends."""
    seen("start")
    try:
        rest(seconds)
    finally:
        context = current.get()
        assert context is not None
        seen("effect", context.invocation.invocation_id)


def rest(seconds: float) -> None:
    """Sleep in slices, so that the body can be stopped."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, STEP_S))


def attempt() -> int:
    """Which attempt of its invocation runs here."""
    context = current.get()
    assert context is not None
    return context.attempt


def hog(seconds: float) -> float:
    """Hold the interpreter's lock for that long, in a single call that never looks at anything."""
    seen("start")
    count = 1_000_000
    began = time.monotonic()
    sum(range(count))
    for_a_million = time.monotonic() - began
    began = time.monotonic()
    sum(range(int(count * seconds / for_a_million)))
    held = time.monotonic() - began
    seen("effect")
    return held


def flaky(number: int, failures: int) -> int:
    """Ask to be run again, that many times."""
    seen("start")
    context = current.get()
    assert context is not None
    if context.invocation.num_retries < failures:
        raise RetryError
    seen("effect", str(number))
    return number


def echo(value: Any) -> Any:
    """Give back what came."""
    seen("start")
    return value


def echo_inline(value: Any) -> Any:
    """The same, with a value that travels in the message however large it is."""
    seen("start")
    return value


class Hostile:
    """Its methods raise, whoever calls them."""

    def __repr__(self) -> str:
        raise ArithmeticError("repr")

    def __reduce__(self) -> Any:
        raise ArithmeticError("reduce")


def gives(what: str) -> Any:
    """Return what cannot be sent."""
    seen("start")
    found: Any = []
    for _ in range(5_000):
        found = [found]
    return {"lock": threading.Lock(), "deep": found, "hostile": Hostile()}[what]


def alone(key: str, number: int, seconds: float = 0.0) -> int:
    """One at a time for each key."""
    seen("start", key)
    time.sleep(seconds)
    seen("effect", key)
    return number


def single(key: str) -> str:
    """One that waits to be run, for each key."""
    seen("start", key)
    seen("effect", key)
    return key


def deep(levels: int) -> int:
    """Wait for one like it, one level less deep."""
    return 0 if levels == 0 else 1 + call("deep", levels - 1).result


def wide(count: int) -> int:
    """Wait for many at once."""
    return sum(task_of("leaf").parallelize([(number,) for number in range(count)]).results)


def leaf(number: int) -> int:
    """The least that can be waited for."""
    return number


def ring() -> Any:
    """Wait for a call equal to itself."""
    return result_of(call("ring"))


def keeps_the_key(key: str) -> Any:
    """Hold a key and wait for another that needs it."""
    return result_of(call("needs_the_key", key))


def needs_the_key(key: str) -> Any:
    """Wait for one that waits for the key that an ancestor holds."""
    return result_of(call("keeps_the_key", key))


def result_of(child: Any) -> Any:
    """Wait for it. One that must not be waited for is not left to begin the same circle on its own."""
    try:
        return child.result
    except CycleDetectedError:
        child.cancel()
        raise


def die(how: str) -> None:
    """End the process that runs it."""
    seen("start", how)
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "_exit":
            os._exit(3)
        case "memory":
            taken = []
            while True:
                taken.append(bytearray(os.urandom(1 << 12) * (1 << 12)))
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill the group":
            os.killpg(0, signal.SIGKILL)
        case _:
            raise ValueError(how)


def leave(how: str) -> None:
    """What bodies do that should not, and that a worker is to outlive."""
    seen("start", how)
    match how:
        case "sys.exit":
            sys.exit(3)
        case "exit in a thread":
            thread = threading.Thread(target=sys.exit, args=(3,))
            thread.start()
            thread.join()
            raise SystemExit(4)
        case "recursion":
            endless(0)
        case "interrupt":
            raise KeyboardInterrupt
        case "descriptors":
            # Those of the standard streams: a library may do it while it turns itself into a daemon.
            for number in (0, 1, 2):
                os.close(number)
            raise OSError("closed")
        case _:
            raise ValueError(how)


def endless(depth: int) -> int:
    """Recursion without an end."""
    return endless(depth + 1) + 1


def forks() -> int:
    """Fork inside a body; the child leaves at once. What it ended with."""
    seen("start")
    child = os.fork()
    if child == 0:
        os._exit(7)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


TASKS: dict[Callable[..., Any], Mapping[str, Any]] = {
    work: {},
    eager: {},
    patient: {},
    tidy: {},
    hog: {},
    flaky: {"max_retries": 3},
    echo: {},
    echo_inline: {"disable_cache_args": "*"},
    gives: {},
    alone: {"running_concurrency": ConcurrencyControlType.KEYS, "key_arguments": ("key",)},
    single: {"registration_concurrency": ConcurrencyControlType.ARGUMENTS},
    deep: {},
    wide: {},
    leaf: {},
    ring: {},
    keeps_the_key: {"running_concurrency": ConcurrencyControlType.KEYS, "key_arguments": ("key",)},
    needs_the_key: {},
    die: {},
    leave: {},
    forks: {},
}


def define(app: Pynenc) -> Pynenc:
    """Make every body of this module a task of the application."""
    for body, options in TASKS.items():
        app.task(body, **options)
    _app["app"] = app
    return app


def task_of(name: str) -> Any:
    """A task of the application of this process."""
    return _app["app"].tasks[f"{__name__}.{name}"]


def call(name: str, *args: Any) -> Any:
    """Call a task of the application of this process."""
    return task_of(name)(*args)
