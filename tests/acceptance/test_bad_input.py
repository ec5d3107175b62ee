"""Bad input of every kind: a named error where it was given, saying what and where, and work goes on."""

from __future__ import annotations

import _thread
import asyncio
import dataclasses
import gc
import math
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pynenc import ConcurrencyControlType, InvocationStatus, Pynenc
from pynenc.exceptions import (
    BlockingWaitError,
    CycleDetectedError,
    FingerprintError,
    InvocationConcurrencyWithDifferentArgumentsError,
    InvocationNotFoundError,
    RemoteTaskError,
    ResultExpired,
    ResultSerializationError,
    SerializationError,
    WaitLimitError,
)
from tests.acceptance.conftest import Place

BOUND_S = 30
NOT_ENDED = [status for status in InvocationStatus if not status.is_final()]

app = Pynenc("bad-input", config_values={"max_threads": 2, "logging_level": "critical"})
strict = Pynenc("bad-input-strict", config_values={"strict_serialization": True, "logging_level": "critical"})


def add(x: int, y: int = 2) -> int:
    return x + y


async def add_async(x: int, y: int = 2) -> int:
    return x + y


def echo(value: Any, other: Any = None) -> Any:
    return value


async def echo_async(value: Any) -> Any:
    return value


def raises(name: str) -> None:
    raise ERRORS[name]


async def raises_async(name: str) -> None:
    raise ERRORS[name]


tasks = {own: (own.task(add), own.task(add_async)) for own in (app, strict)}
add_task = tasks[app][0]
echo_task, raises_task, raises_async_task = app.task(echo), app.task(raises), app.task(raises_async)
strict_echo = strict.task(echo)


@pytest.fixture(autouse=True)
def _the_next_task_runs_as_before(place: Place) -> Iterator[None]:
    """Whatever the test did: both kinds of tasks run afterwards, and nothing is left half done."""
    for own in tasks:
        place.move(own)
    with app.running(), strict.running():
        for pair in tasks.values():  # before a test changes where settings come from
            assert [task(0, 1).get(timeout=BOUND_S) for task in pair] == [1, 1]
        yield
        for own, (plain, coroutine) in tasks.items():
            assert plain(1, 2).get(timeout=BOUND_S) == 3
            assert coroutine(3, 4).get(timeout=BOUND_S) == 7
            engine = own.runtime.engine
            assert not engine.doctor()
            while left := engine.find(None, NOT_ENDED):
                assert engine.wait_final(left, BOUND_S)


def submitted(own: Pynenc) -> int:
    return sum(own.runtime.engine.counts().values())


# -- calls ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, r"add\(\) missing a required argument: 'x'"),
        ((1, 2, 3), {}, r"add\(\) takes 2 positional arguments but 3"),
        ((1,), {"x": 1}, r"add\(\) got multiple values for argument 'x'"),
        ((1,), {"z": 1}, r"add\(\) got an unexpected keyword argument 'z'"),
    ],
)
def test_a_wrong_call_is_refused_at_the_caller(args: Any, kwargs: Any, words: str) -> None:
    before = submitted(app)
    for call in (add_task, add_task.args, app.direct_task(add)):
        with pytest.raises(TypeError, match=words):
            call(*args, **kwargs)
    assert submitted(app) == before


def endless_list() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def deep_list() -> list[Any]:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    return deep


@dataclasses.dataclass
class Hostile:
    """Every method that somebody might call along the way raises."""

    secret: Any = dataclasses.field(default_factory=threading.Lock)

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("eq")

    def __hash__(self) -> int:
        raise ArithmeticError("hash")

    def __repr__(self) -> str:
        raise ArithmeticError("repr")

    def __del__(self) -> None:
        raise ArithmeticError("del")


UNSENDABLE = [
    pytest.param(lambda: (n for n in ()), "", id="generator"),
    pytest.param(threading.Lock, "", id="lock"),
    pytest.param(lambda: lambda: 0, "", id="lambda"),
    pytest.param(lambda: sys.stdin, "", id="open file"),
    pytest.param(lambda: {"user": {"created": threading.Lock()}}, ".user.created", id="nested in dicts"),
    pytest.param(lambda: [1, (2, threading.Lock())], "[1][1]", id="nested in lists"),
    pytest.param(endless_list, "[0]", id="recursive list"),
    pytest.param(deep_list, "[0]" * 64, id="too deep"),
    pytest.param(Hostile, ".secret", id="hostile"),
]
hostile_del = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@hostile_del
@pytest.mark.parametrize(("make", "path"), UNSENDABLE)
def test_what_cannot_be_sent_is_named_with_its_path(make: Any, path: str) -> None:
    value, before = make(), submitted(strict)
    for call in (strict_echo, lambda value: strict_echo.parallelize([(1,), (value,)])):
        with pytest.raises(SerializationError) as caught:
            call(value)
        assert caught.value.path.startswith(f"args.value{path}"), caught.value.path
        assert caught.value.message
    assert submitted(strict) == before
    del value, caught
    gc.collect()


@hostile_del
@pytest.mark.parametrize(("make", "path"), UNSENDABLE)
def test_within_a_process_anything_goes_by_reference(make: Any, path: str) -> None:
    own, value = Pynenc("by-reference"), make()
    with own.running():
        assert own.task(echo)(value).get(timeout=BOUND_S) is value
    own.purge()
    del value
    gc.collect()


RULES: list[dict[str, Any]] = [
    {"registration_concurrency": ConcurrencyControlType.ARGUMENTS},
    {"registration_concurrency": ConcurrencyControlType.KEYS, "key_arguments": ("value",)},
    {"running_concurrency": ConcurrencyControlType.ARGUMENTS},
    {"running_concurrency": ConcurrencyControlType.KEYS, "key_arguments": ("value",)},
    {"call_result_cache": True},
]


@hostile_del
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(("make", "path"), UNSENDABLE)
def test_what_has_no_fingerprint_is_an_error_where_a_rule_needs_one(make: Any, path: str, rule: Any) -> None:
    task, before = app.task(echo, **rule), submitted(app)
    with pytest.raises(FingerprintError) as caught:
        task(make())
    assert caught.value.path.startswith(f"args.value{path}"), caught.value.path
    assert submitted(app) == before
    assert task(1).get(timeout=BOUND_S) == 1
    del caught
    app.purge()
    gc.collect()


@hostile_del
@pytest.mark.parametrize("mode", ["hidden", "keys", "truncated", "full"])
def test_printing_never_fails_over_a_value(mode: str) -> None:
    own = Pynenc("printing", config_values={"argument_print_mode": mode})
    invocation = own.task(echo)(Hostile())
    for printed in (str(invocation), str(invocation.arguments), str(invocation.call), repr(invocation.call)):
        assert "ArithmeticError" not in printed
    del invocation
    own.purge()
    gc.collect()


@dataclasses.dataclass
class Unprintable:
    number: int

    def __repr__(self) -> str:
        raise ArithmeticError("repr")


def test_a_refusal_is_told_even_when_its_values_cannot_be_printed() -> None:
    own = Pynenc("refusal")
    rule = {"registration_concurrency": ConcurrencyControlType.KEYS, "key_arguments": ("value",)}
    task = own.task(echo, on_diff_non_key_args_raise=True, **rule)  # type: ignore[call-overload]
    task(1, Unprintable(1))
    with pytest.raises(InvocationConcurrencyWithDifferentArgumentsError, match="unprintable Unprintable"):
        task(1, Unprintable(2))


@pytest.mark.parametrize("value", [math.nan, (math.nan,), {math.nan: 1}, {"k": [math.nan]}], ids=str)
def test_a_key_may_hold_nan(value: Any) -> None:
    own = Pynenc("nan")
    task = own.task(echo, registration_concurrency=ConcurrencyControlType.ARGUMENTS)
    assert task(value) == task(value)
    assert task(value) != task(0.0)


# -- parallel calls -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("items", "common", "error", "words"),
    [
        ([(1,), 5], None, TypeError, r"element 1 of param_iter: a tuple, a dict or Arguments is accepted, not a int"),
        ([(1,), (1, 2, 3)], None, TypeError, r"element 1 of param_iter: add\(\) takes 2 positional"),
        ([{"x": 1}, {"z": 1}], None, TypeError, r"element 1 of param_iter: add\(\).*'z'"),
        ([{"x": 1}, (2,)], {"y": 1}, ValueError, r"element 1 of param_iter: a dict is accepted .*not a tuple"),
        ([{"x": 1}], {"z": 1}, TypeError, r"element 0 of param_iter: .*'z'"),
        ([{"x": 1}], 5, TypeError, r"common_args is a int; accepted: a dict"),
        (5, None, TypeError, r"param_iter is a int; accepted: an iterable"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_element_is_named_by_its_index(items: Any, common: Any, error: type[Exception], words: str) -> None:
    before = submitted(app)
    with pytest.raises(error, match=words):
        add_task.parallelize(items, common)
    assert submitted(app) == before
    if isinstance(items, list) and not isinstance(common, int):
        with pytest.raises(error, match=words):
            add_task.parallelize(iter(items), common).get(timeout=BOUND_S)


def broken_input(good: int) -> Iterator[tuple[int]]:
    for n in range(good):
        yield (n,)
    raise OSError("the source broke")


@pytest.mark.parametrize("good", [0, 1, 250])
def test_an_input_that_raises_gives_what_came_before_and_its_error(good: int) -> None:
    results = app.task(echo, parallel_batch_size=100).parallelize(broken_input(good)).results
    assert sorted(next(results) for _ in range(good)) == list(range(good))
    with pytest.raises(OSError, match="the source broke"):
        next(results)


def test_an_input_that_raises_without_blocking() -> None:
    async def read() -> list[Any]:
        results = echo_task.parallelize(broken_input(7)).async_results()
        found = [await anext(results) for _ in range(7)]
        with pytest.raises(OSError, match="the source broke"):
            await anext(results)
        return found

    assert sorted(asyncio.run(asyncio.wait_for(read(), BOUND_S))) == list(range(7))


def run_direct(direct: Any) -> Any:
    outcome = direct(1)
    return asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome


@pytest.mark.parametrize("function", [add, add_async], ids=str)
def test_a_parallel_direct_task_needs_an_aggregate_function(function: Any) -> None:
    asked: list[Any] = []
    direct = app.direct_task(function, parallel_func=lambda given: asked.append(given) or [])
    before = submitted(app)
    with pytest.raises(ValueError, match="Aggregation function required for parallel execution"):
        run_direct(direct)
    assert not asked
    assert submitted(app) == before


# -- waits ----------------------------------------------------------------------------------------
armed = threading.Event()


@app.task
def loops_a(n: int) -> Any:
    return loops_b(n).result if armed.is_set() else n


@app.task
def loops_b(n: int) -> Any:
    return loops_a(n).result


@app.task
def descends(n: int) -> int:
    return descends(n - 1).result + 1 if n else 0


@app.task
def recurses() -> None:
    def deeper() -> None:
        deeper()

    deeper()


@app.task
async def blocks_in_a_coroutine(how: str) -> Any:
    one, many = held(), held.parallelize([()])
    ways: dict[str, Any] = {
        "result": lambda: one.result,
        "get": one.get,
        "group.results": lambda: list(many.results),
        "group.get": many.get,
        "direct": lambda: direct_held(),
    }
    return ways[how]()


def held_back() -> bool:
    return let_go.wait(BOUND_S)


let_go = threading.Event()
held, direct_held = app.task(held_back), app.direct_task(held_back)


def test_a_cycle_is_named_with_its_path() -> None:
    armed.set()
    with pytest.raises(CycleDetectedError) as caught:
        loops_a(1).get(timeout=BOUND_S)
    armed.clear()  # the call whose wait was refused runs for nobody, and would go round again
    named = [line.partition(" (")[0].rpartition(".")[2] for line in str(caught.value).splitlines()[1:-1]]
    assert set(named) == {"loops_a", "loops_b"}
    assert len(caught.value.call_ids) >= 2


def test_a_chain_of_waits_over_the_limit_is_an_error() -> None:
    assert descends(500).get(timeout=BOUND_S) == 500
    with pytest.raises(WaitLimitError, match="1000 links"):
        descends(1_500).get(timeout=BOUND_S)
    app.purge()


def test_a_body_over_the_recursion_limit_fails_with_just_that() -> None:
    with pytest.raises(RecursionError):
        recurses().get(timeout=BOUND_S)


@pytest.mark.parametrize("how", ["result", "get", "group.results", "group.get", "direct"])
def test_a_blocking_wait_in_a_coroutine_names_await(how: str) -> None:
    let_go.clear()
    with pytest.raises(BlockingWaitError, match="use `await invocation`"):
        blocks_in_a_coroutine(how).get(timeout=BOUND_S)
    let_go.set()


# -- ends -----------------------------------------------------------------------------------------
@strict.task
def returns_a_lock() -> Any:
    return {"inside": [threading.Lock()]}


@strict.task
async def returns_a_lock_async() -> Any:
    return {"inside": [threading.Lock()]}


@app.task
def ends_its_thread() -> None:
    _thread.exit()


@app.task
async def ends_its_loop(how: str) -> str:
    loop = asyncio.get_running_loop()

    async def leaves() -> None:
        raise SystemExit(3)

    if how == "stop":
        loop.stop()
    elif how == "close":
        loop.call_soon(loop.close)
    elif how == "callback":
        loop.call_soon(sys.exit, 3)
    else:
        await asyncio.create_task(leaves())
    await asyncio.sleep(0)
    return how


@app.task
async def cancels_itself() -> None:
    asyncio.current_task().cancel()  # type: ignore[union-attr]
    await asyncio.sleep(0)


class MuteError(Exception):
    def __str__(self) -> str:
        raise ArithmeticError("str")

    __repr__ = __str__

    def __reduce__(self) -> Any:
        raise ArithmeticError("reduce")


class DemandingError(Exception):
    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first)
        self.second = second


NO_EXCEPTIONS = [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError("me")]
EXCEPTIONS = [MuteError("m"), DemandingError(1, 2), StopIteration(3), StopAsyncIteration(4)]
ERRORS: dict[str, BaseException] = {type(error).__name__: error for error in (*NO_EXCEPTIONS, *EXCEPTIONS)}


@pytest.mark.parametrize("task", [returns_a_lock, returns_a_lock_async], ids=str)
def test_a_result_that_cannot_be_encoded(task: Any) -> None:
    with pytest.raises(ResultSerializationError) as caught:
        task().get(timeout=BOUND_S)
    assert caught.value.path == "result.inside[0]"


@pytest.mark.parametrize("task", [raises_task, raises_async_task], ids=str)
@pytest.mark.parametrize("error", NO_EXCEPTIONS, ids=type)
def test_what_is_no_exception_ends_its_body_only(task: Any, error: BaseException) -> None:
    with pytest.raises(RemoteTaskError) as caught:
        task(type(error).__name__).get(timeout=BOUND_S)
    assert caught.value.type_name.rpartition(".")[2] == type(error).__name__
    assert caught.value.message == str(error)


def test_a_body_that_ends_its_thread() -> None:
    for _ in range(5):  # more often than there are threads
        with pytest.raises(RemoteTaskError, match="SystemExit"):
            ends_its_thread().get(timeout=BOUND_S)


@pytest.mark.parametrize("how", ["stop", "close", "callback", "subtask"])
def test_a_body_that_ends_its_loop(how: str) -> None:
    invocation = ends_its_loop(how)
    if how == "subtask":
        with pytest.raises(RemoteTaskError, match="SystemExit: 3"):
            invocation.get(timeout=BOUND_S)
    else:
        assert invocation.get(timeout=BOUND_S) == how


def test_a_coroutine_that_cancels_itself_is_told_so() -> None:
    with pytest.raises(RemoteTaskError, match="CancelledError"):
        cancels_itself().get(timeout=BOUND_S)


@pytest.mark.parametrize("task", [raises_task, raises_async_task], ids=str)
@pytest.mark.parametrize("error", EXCEPTIONS, ids=type)
def test_any_exception_comes_back(task: Any, error: Exception) -> None:
    with pytest.raises((type(error), RuntimeError)) as caught:
        task(type(error).__name__).get(timeout=BOUND_S)
    # A coroutine cannot raise StopIteration: Python itself makes a RuntimeError of it.
    came = caught.value.__cause__ if isinstance(caught.value, RuntimeError) else caught.value
    assert (type(came), came.args) == (type(error), error.args)  # type: ignore[union-attr]


# -- what is gone, and what was never there -------------------------------------------------------
def test_a_dropped_result_has_expired(place: Place) -> None:
    own = place.app("drops", keep_results_count=1, max_threads=1)
    task = own.task(add)
    with own.running():
        first = task(1)
        assert first.result == 3
        identity = first.invocation_id
        del first
        assert [task(n).result for n in range(3)] == [2, 3, 4]
        with pytest.raises(ResultExpired, match=identity):
            own.get_invocation(identity)


@pytest.mark.parametrize("identity", ["", "x", "00000000-0000-8000-8000-000000000000", "another app's"])
def test_an_unknown_invocation_is_not_found(identity: str) -> None:
    identity = tasks[strict][0](1).invocation_id if identity == "another app's" else identity
    with pytest.raises(InvocationNotFoundError) as caught:
        app.get_invocation(identity)
    assert caught.value.invocation_id == identity


def test_what_was_pickled_works_here_and_is_named_elsewhere() -> None:
    own = Pynenc("pickled")
    original = own.task(add)
    with own.running():
        invocation = original(1)
        copy, task, handle = pickle.loads(pickle.dumps((own, original, invocation)))
        assert (copy.app_id, task.task_id, handle) == (own.app_id, original.task_id, invocation)
        assert handle.get(timeout=BOUND_S) == 3
    code = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(invocation), capture_output=True, timeout=BOUND_S, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert b"InvocationNotFoundError" in last
    assert f"the memory engine of process {os.getpid()} keeps it".encode() in last
    assert b'engine="local"' in last
