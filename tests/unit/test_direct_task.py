from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from pynenc import Arguments, Pynenc
from pynenc.direct_task import parts_of


def add(x: int, y: int = 1) -> int:
    """Add."""
    return x + y


async def add_async(x: int, y: int = 1) -> int:
    return x + y


def size(data: str, index: int = 0) -> tuple[int, int]:
    return len(data) + index, index


def fails():
    raise ValueError("as raised")


@pytest.fixture(params=["engine", "synchronous"])
def app(request):
    app = Pynenc("direct", config_values={"dev_mode_force_sync_tasks": request.param == "synchronous"})
    with app.running():
        yield app


# -- without parts --------------------------------------------------------------------------------
def test_a_call_gives_the_result(app):
    assert app.direct_task(add)(2) == 3
    assert app.direct_task()(add)(2, y=5) == 7


def test_async_functions_are_awaited(app):
    direct = app.direct_task(add_async)
    assert inspect.iscoroutinefunction(direct)
    assert asyncio.run(direct(2)) == 3


def test_errors_are_raised_as_they_were(app):
    with pytest.raises(ValueError, match="as raised"):
        app.direct_task(fails)()


def test_wrong_calls_are_refused(app):
    with pytest.raises(TypeError):
        app.direct_task(add)()


def test_metadata(app):
    direct = app.direct_task(add, max_retries=2)
    assert (direct.__name__, direct.__doc__, direct.__module__) == ("add", "Add.", __name__)
    assert direct.__inner_function__ is direct.__wrapped__ is add
    assert inspect.signature(direct) == inspect.signature(add)
    assert direct.__annotations__ == add.__annotations__
    task = app.get_task(f"{__name__}.add")
    assert direct.task is task
    assert task is not None
    assert task.options == {"max_retries": 2}


# -- with parts -----------------------------------------------------------------------------------
PARTS = [
    pytest.param(lambda _: [(i, i + 1) for i in range(3)], id="tuples"),
    pytest.param(lambda _: [{"x": i, "y": i + 1} for i in range(3)], id="dicts"),
    pytest.param(lambda _: [Arguments({"x": i, "y": i + 1}) for i in range(3)], id="arguments"),
    pytest.param(lambda _: ((i, i + 1) for i in range(3)), id="generator"),
    pytest.param(lambda _: ((0, 1), (1, 2), (2, 3)), id="tuple-of-tuples"),
    pytest.param(lambda args: ({"y": args["y"]}, [{"x": i, "y": i + 1} for i in range(3)]), id="pair"),
    pytest.param(
        lambda args: {"common_args": {"y": args["y"]}, "param_iter": [{"x": i, "y": i + 1} for i in range(3)]},
        id="dict-form",
    ),
    pytest.param(lambda _: {"param_iter": [(i, i + 1) for i in range(3)]}, id="dict-form-without-common"),
]


@pytest.mark.parametrize("parallel_func", PARTS)
def test_forms_of_parallel_func(app, parallel_func):
    assert app.direct_task(add, parallel_func=parallel_func, aggregate_func=sum)(0) == 9
    direct = app.direct_task(add_async, parallel_func=parallel_func, aggregate_func=sum)
    assert asyncio.run(direct(0)) == 9


def test_two_tuples_are_two_calls(app):
    assert app.direct_task(add, parallel_func=lambda _: ((1, 2), (3, 4)), aggregate_func=sorted)(0) == [3, 7]


def test_bound_arguments_reach_parallel_func(app):
    seen = []
    app.direct_task(add, parallel_func=lambda args: seen.append(args) or [], aggregate_func=sum)(5)
    assert seen == [{"x": 5, "y": 1}]


def test_shared_large_argument(app):
    direct = app.direct_task(
        size,
        parallel_func=lambda args: {
            "common_args": {"data": args["data"]},
            "param_iter": [{"index": i} for i in range(5)],
        },
        aggregate_func=lambda results: sum(result[0] for result in results),
    )
    assert direct("x" * 1000) == 5 * 1000 + 10


def test_async_aggregation_gets_a_list_in_order(app):
    direct = app.direct_task(add_async, parallel_func=lambda _: [(i,) for i in range(4)], aggregate_func=lambda r: r)
    assert asyncio.run(direct(0)) == [1, 2, 3, 4]


@pytest.mark.parametrize("function", [add, add_async])
def test_a_missing_aggregation_is_told_before_anything_is_split(app, function):
    split = []
    direct = app.direct_task(function, parallel_func=lambda args: split.append(args) or [(1,)])
    with pytest.raises(ValueError, match=r"^Aggregation function required for parallel execution$"):
        asyncio.run(direct(1)) if function is add_async else direct(1)
    assert split == []


gate = threading.Event()


def held(x: int) -> int:
    gate.wait(30)
    return x


def test_parts_that_nobody_will_read_are_called_off():
    def interrupted(results):
        raise KeyboardInterrupt

    gate.clear()
    app = Pynenc("called-off", config_values={"max_threads": 1, "logging_level": "error"})
    direct = app.direct_task(held, parallel_func=lambda _: [(i,) for i in range(50)], aggregate_func=interrupted)
    with app.running():
        with pytest.raises(KeyboardInterrupt):
            direct(0)
        gate.set()
    counts = app.runtime.engine.counts()
    assert counts["cancelled"] >= 49
    assert counts["registered"] == 0


@pytest.mark.parametrize("result", [5, {"param_iter": [], "more": 1}, {"common_args": {}}, {"x": 1}], ids=repr)
def test_other_results_of_parallel_func_are_refused(result):
    with pytest.raises(TypeError, match="parallel_func returned"):
        parts_of(result)


def test_a_pair_is_common_arguments_only_if_it_has_their_shape():
    assert parts_of(({"a": 1}, [{"b": 2}])) == ({"a": 1}, [{"b": 2}])
    assert parts_of(({"a": 1}, {"a": 2})) == (None, ({"a": 1}, {"a": 2}))
    assert parts_of(((1, 2), (3, 4))) == (None, ((1, 2), (3, 4)))
    assert parts_of([{"a": 1}, [{"b": 2}]]) == (None, [{"a": 1}, [{"b": 2}]])
