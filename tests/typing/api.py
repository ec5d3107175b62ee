"""What type checkers make of the public API. Checked, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

from pynenc import (
    Arguments,
    ConcurrencyControlType,
    DistributedInvocation,
    InvocationStatus,
    Pynenc,
    PynencBuilder,
    ReusedInvocation,
    Task,
    __version__,
)
from pynenc.app import AggregateFunc, ParallelFunc
from pynenc.runner import BaseRunner

app = Pynenc("typed", config_values={"engine": "memory"}, config_filepath=None)
assert_type(app.app_id, str)
assert_type(PynencBuilder().memory().thread_runner(max_threads=2).app_id("x").build(), Pynenc)
assert_type(__version__, str)


# -- task -----------------------------------------------------------------------------------------
@app.task
def add(x: int, y: int = 1) -> str:
    return str(x + y)


@app.task(max_retries=3, retry_for=(ValueError,), running_concurrency=ConcurrencyControlType.KEYS, key_arguments=("x",))
def with_options(x: int, *rest: float, flag: bool = False, **more: str) -> list[int]:
    return [x, len(rest), flag, len(more)]


@app.task
async def later(x: int) -> bytes:
    return bytes(x)


@app.task(max_run_seconds=1.5, disable_cache_args="*")
async def later_with_options(x: int) -> bytes:
    return bytes(x)


@app.task
def nothing() -> None: ...


assert_type(add(1, y=2).result, str)
assert_type(add(1).get(timeout=1.0), str)
assert_type(with_options(1, 2.0, flag=True, a="b").result, list[int])
assert_type(later(1).result, bytes)
assert_type(later_with_options(1).result, bytes)
assert_type(nothing().result, None)
assert_type(add.args(1, y=2), Arguments)
assert_type(add.task_id, str)
assert_type(add.__name__, str)
assert_type(app.get_task("id"), Task[..., Any] | None)
assert_type(app.tasks, dict[str, Task[..., Any]])

wrong_type: object = add("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
wrong_name: object = add(1, z=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
too_few: object = add()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
wrong_args: object = add.args("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
wrong_option: object = app.task(add.func, max_retry=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportUnknownVariableType]


# -- invocations ----------------------------------------------------------------------------------
invocation = add(1)
assert_type(invocation.invocation_id, str)
assert_type(invocation.status, InvocationStatus)
assert_type(invocation.arguments, Arguments)
assert_type(invocation.done(), bool)
assert_type(invocation.cancel(), bool)
if isinstance(invocation, ReusedInvocation):
    assert_type(invocation.diff_arg, Arguments | None)
found: DistributedInvocation[..., Any] = app.get_invocation("id")


async def waits() -> None:
    assert_type(await add(1), str)
    assert_type(await later(1), bytes)
    assert_type(await add(1).async_result(), str)
    group = add.parallelize([(1,), (2,)])
    assert_type(await group, list[str])
    assert_type(await group.async_get(ordered=False, timeout=1), list[str])
    assert_type(group.async_results(), AsyncIterator[str])
    async for result in group.async_results():
        assert_type(result, str)
    assert_type(await direct_async(1), str)


# -- groups ---------------------------------------------------------------------------------------
group = add.parallelize([{"x": 1}], common_args={"y": 2})
assert_type(group.results, Iterator[str])
assert_type(group.get(timeout=1, return_exceptions=False, on_progress=lambda done, total: done / total), list[str])
assert_type(group.get(progress=True), list[str])
assert_type(group.track(on_progress=print), Iterator[str])
assert_type(group.async_track(), AsyncIterator[str])
assert_type(len(group), int)
assert_type(later.parallelize((n,) for n in range(3)).get(), list[bytes])


# -- direct_task ----------------------------------------------------------------------------------
@app.direct_task
def direct(x: int, y: int = 1) -> str:
    return str(x + y)


@app.direct_task(max_retries=2)
async def direct_async(x: int) -> str:
    return str(x)


def parts(arguments: dict[str, Any]) -> list[tuple[int, int]]:
    return [(arguments["x"], n) for n in range(3)]


def joined(results: Any) -> str:
    return "".join(results)


splitting: ParallelFunc = parts
joining: AggregateFunc = joined


@app.direct_task(parallel_func=splitting, aggregate_func=joining)
def direct_parallel(x: int, y: int) -> str:
    return str(x + y)


@app.direct_task(
    parallel_func=lambda args: {"common_args": {"data": args["data"]}, "param_iter": [{"index": 1}]},
    aggregate_func=lambda results: sum(results),
)
def direct_common(data: str, index: int = 0) -> int:
    return len(data) + index


assert_type(direct(1, y=2), str)
as_coroutine: Callable[[int], Coroutine[Any, Any, str]] = direct_async
assert_type(direct_parallel(1, 2), str)
assert_type(direct_common("x"), int)
wrong_direct: object = direct("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

as_function: Callable[[int], str] = direct

with app.running() as runner:
    assert_type(runner, BaseRunner)
