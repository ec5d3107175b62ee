"""Direct tasks: called like the plain function, run like a task."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from pynenc.task import Task, TaskOptions
from pynenc.types import AggregateFunc, Func, ParallelFunc, Params, Result


class DirectTaskOptions(TaskOptions, total=False):
    """Options of the ``direct_task`` decorator."""

    parallel_func: ParallelFunc | None
    aggregate_func: AggregateFunc | None


class DirectTaskDecorator(Protocol):
    """What the ``direct_task`` decorator gives when it is called with options only."""

    def __call__(self, func: Func[Params, Result], /) -> Func[Params, Result]:
        """Make the task."""
        ...


_FORM = {"common_args", "param_iter"}
_METADATA = ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__")


def direct(
    task: Task[Params, Any],
    func: Func[Params, Result],
    parallel_func: ParallelFunc | None = None,
    aggregate_func: AggregateFunc | None = None,
) -> Func[Params, Result]:
    """Wrap a task so that a call gives its result; awaitable when the function is ``async def``.

    :param task: Made from the function.
    :param parallel_func: Splits one call into many.
    :param aggregate_func: Combines their results: an iterable in the order of completion, or a
        list in the order of the input when the function is ``async def``.
    """
    call = _Call(task, parallel_func, aggregate_func)

    def wrapper(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        result: Result = call.run(args, kwargs)
        return result

    async def async_wrapper(*args: Params.args, **kwargs: Params.kwargs) -> Any:
        return await call.run_async(args, kwargs)

    chosen: Any = async_wrapper if task.is_async else wrapper
    for name in _METADATA:
        if hasattr(func, name):
            setattr(chosen, name, getattr(func, name))
    chosen.__dict__.update(getattr(func, "__dict__", {}))
    chosen.__wrapped__ = func
    chosen.__inner_function__ = func
    chosen.task = task
    wrapped: Func[Params, Result] = chosen
    return wrapped


class _Call:
    """How a direct task is called."""

    def __init__(
        self, task: Task[..., Any], parallel_func: ParallelFunc | None, aggregate_func: AggregateFunc | None
    ) -> None:
        self._task = task
        self._parallel_func = parallel_func
        self._aggregate_func = aggregate_func

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._parallel_func is None:
            return self._task(*args, **kwargs).result
        aggregate = self._aggregate()
        group = self._split(self._parallel_func, args, kwargs)
        with _called_off_on_error(group):
            return aggregate(group.results)

    def run_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
        """Submit now, like any call; what to await."""
        if self._parallel_func is None:
            return self._task(*args, **kwargs)
        aggregate = self._aggregate()
        group = self._split(self._parallel_func, args, kwargs)

        async def combined() -> Any:
            with _called_off_on_error(group):
                return aggregate(await group)

        return combined()

    def _aggregate(self) -> AggregateFunc:
        if self._aggregate_func is None:
            raise ValueError("Aggregation function required for parallel execution")
        return self._aggregate_func

    def _split(self, parallel_func: ParallelFunc, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = self._task.args(*args, **kwargs)
        common, parts = parts_of(parallel_func(bound.kwargs))
        return self._task.parallelize(parts, common)


@contextmanager
def _called_off_on_error(group: Any) -> Generator[None]:
    """Call the parts off when nobody will get what they make of them: after Ctrl-C, or an error of one of them."""
    try:
        yield
    except BaseException:
        group.cancel()
        raise


def parts_of(returned: Any) -> tuple[Mapping[str, Any] | None, Iterable[Any]]:
    """Read what a ``parallel_func`` returned: the arguments that the parts share, and the parts.

    ``{"common_args": dict, "param_iter": iterable}``; or a pair of a dict and an iterable that is
    no dict; or any other iterable, which is the parts.

    :raises TypeError: on anything else.
    """
    if isinstance(returned, Mapping):
        form: Mapping[str, Any] = returned
        if "param_iter" not in form or form.keys() - _FORM:
            raise TypeError(
                f"parallel_func returned a dict with the keys {list(form)}; accepted: common_args and param_iter"
            )
        return form.get("common_args"), form["param_iter"]
    if isinstance(returned, tuple) and len(returned) == 2:
        common, parts = returned
        if isinstance(common, Mapping) and isinstance(parts, Iterable) and not isinstance(parts, Mapping):
            return common, parts
    if not isinstance(returned, Iterable):
        raise TypeError(
            f"parallel_func returned a {type(returned).__name__}; accepted: an iterable of parameters, "
            "a dict of common_args and param_iter, or the pair of the two"
        )
    return None, returned
