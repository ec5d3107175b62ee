from __future__ import annotations

import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from pynenc import Pynenc
from pynenc.arguments import Arguments, annotations_of, invoke, is_coroutine_function, parameters_of


def everything(a, b=2, /, c=3, *args, d, e=5, **kwargs):
    return a, b, c, args, d, e, kwargs


def positional(a, b, /): ...
def plain(a, b=1): ...
def keywords(*, a, b=None): ...
def nothing(): ...
def variadic(*args, **kwargs): ...
async def coroutine(a): ...


@functools.wraps(plain)
def wrapped(*args, **kwargs):
    return plain(*args, **kwargs)


class Callable1:
    def __call__(self, x, y=1): ...


def from_inspect(func: Callable[..., Any]) -> tuple[tuple[str, int, bool, object], ...]:
    empty = inspect.Parameter.empty
    return tuple(
        (p.name, int(p.kind), p.default is not empty, None if p.default is empty else p.default)
        for p in inspect.signature(func).parameters.values()
    )


@pytest.mark.parametrize(
    "func",
    [
        everything,
        positional,
        plain,
        keywords,
        nothing,
        variadic,
        coroutine,
        pytest.param(wrapped, id="wrapped"),
        Callable1(),
        max,
        len,
    ],
)
def test_parameters_are_those_of_inspect(func):
    if func is max:  # a builtin that has no signature
        with pytest.raises(ValueError):
            parameters_of(func)
        return
    assert parameters_of(func) == from_inspect(func)


def test_coroutine_functions_are_known():
    assert is_coroutine_function(coroutine)
    assert not is_coroutine_function(plain)
    assert not is_coroutine_function(Callable1())


def test_invoke_passes_each_value_as_its_kind_asks():
    values = (1, 20, 30, (40, 41), 50, 60, {"z": 70})
    assert invoke(everything, parameters_of(everything), values) == (1, 20, 30, (40, 41), 50, 60, {"z": 70})


def annotated(a: int, *args: str, **kwargs: list[float]) -> dict[str, int]: ...
def unresolvable(a: Missing) -> int: ...  # noqa: F821


def test_annotations_of_variadic_parameters_are_those_of_their_containers():
    hints = annotations_of(annotated, parameters_of(annotated))
    assert hints == {"a": int, "args": tuple[str, ...], "kwargs": dict[str, list[float]], "return": dict[str, int]}


def test_annotations_that_do_not_resolve_are_none_at_all():
    assert annotations_of(unresolvable, parameters_of(unresolvable)) == {}


# -- Arguments ------------------------------------------------------------------------------------
def test_from_call_binds_and_fills_defaults():
    assert Arguments.from_call(plain, 5).kwargs == {"a": 5, "b": 1}
    assert Arguments.from_call(variadic, 1, 2, x=3).kwargs == {"args": (1, 2), "kwargs": {"x": 3}}


def test_from_call_of_a_task_binds_like_the_task():
    task = Pynenc().task(plain)
    assert Arguments.from_call(task, 5) == task.args(5)


def test_from_call_refuses_what_does_not_fit():
    with pytest.raises(TypeError):
        Arguments.from_call(plain)
    with pytest.raises(TypeError):
        Pynenc().task(plain).args(1, 2, 3)


def test_args_id():
    assert Arguments().args_id == "no_args"
    assert len(Arguments({"a": 1}).args_id) == 64
    assert Arguments({"a": 1, "b": 2}).args_id == Arguments({"b": 2, "a": 1}).args_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": "1b:2"}, {"a": "1", "b": "2"}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
    ],
)
def test_different_arguments_never_share_an_id(one, other):
    assert Arguments(one) != Arguments(other)


def test_equal_arguments_are_equal_and_hash_alike():
    one, other = Arguments({"a": {"x": 1, "y": 2}}), Arguments({"a": {"y": 2, "x": 1}})
    assert one == other
    assert hash(one) == hash(other)
    assert one != {"a": {"x": 1, "y": 2}}


def test_text_without_an_app_hides_the_values():
    assert str(Arguments({"a": 1, "b": "secret"})) == "args(a=..., b=...)"
    assert repr(Arguments({"a": 1})) == "Arguments({'a': 1})"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "args(a=1, b=" + "x" * 32 + "...)"),
        ({"truncate_arguments_length": 3}, "args(a=1, b=xxx...)"),
        ({"truncate_arguments_length": 0}, "args(a=1, b=" + "x" * 40 + ")"),
        ({"argument_print_mode": "full"}, "args(a=1, b=" + "x" * 40 + ")"),
        ({"argument_print_mode": "keys"}, "args(a, b)"),
        ({"argument_print_mode": "hidden"}, "<arguments hidden>"),
        ({"print_arguments": False}, "<arguments hidden>"),
    ],
)
def test_print_modes(settings, text):
    app = Pynenc(config_values=settings)
    assert str(Arguments({"a": 1, "b": "x" * 40}, app=app)) == text


def test_no_arguments_print_as_such():
    assert str(Arguments(app=Pynenc())) == "<no_args>"


def test_summary_hides_what_logs_hide():
    hidden = Arguments({"a": "secret"}, app=Pynenc(config_values={"argument_print_mode": "hidden"})).summary()
    assert list(hidden) == ["a"]
    assert "secret" not in hidden["a"]
    shown = Arguments({"a": 1, "b": "x" * 50, "c": [1]}, app=Pynenc()).summary()
    assert shown == {"a": 1, "b": "x" * 32 + "...", "c": "[1]"}


def test_pickle_keeps_the_values():
    restored = pickle.loads(pickle.dumps(Arguments({"a": [1]}, app=Pynenc())))
    assert restored == Arguments({"a": [1]})
    assert restored.app is None
