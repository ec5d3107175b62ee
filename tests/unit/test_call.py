from __future__ import annotations

import pickle

import pytest

from pynenc import ConcurrencyControlType, Pynenc
from pynenc.arg_cache.base_arg_cache import KEY_PREFIX
from pynenc.arguments import Arguments
from pynenc.call import Call, PreSerializedCall
from pynenc.exceptions import TaskNotRegisteredError


def add(x, y):
    return x + y


def none():
    return 0


@pytest.fixture
def app():
    return Pynenc(app_id="calls", config_values={"min_size_to_cache": 100})


def test_identity(app):
    task = app.task(add)
    one, other = Call(task, task.args(1, 2)), Call(task, task.args(x=1, y=2))
    assert one == other
    assert hash(one) == hash(other)
    assert one.call_id == f"#task_id#{task.task_id}#args_id#{one.arguments.args_id}"
    assert one != Call(task, task.args(1, 3))
    assert Call(app.task(none)).call_id.endswith("#args_id#no_args")


def test_large_arguments_are_cached_unless_the_task_says_no(app):
    task = app.task(add)
    serialized = Call(task, task.args("x" * 200, 1)).serialized_arguments
    assert serialized["x"].startswith(KEY_PREFIX)
    assert serialized["y"] == "1"
    assert app.arg_cache.deserialize(serialized["x"]) == "x" * 200


@pytest.mark.parametrize("names", [("x",), "*", ("*",)])
def test_disabled_names_travel_inline(app, names):
    task = app.task(add, disable_cache_args=names)
    assert "x" * 200 in Call(task, task.args("x" * 200, 1)).serialized_arguments["x"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ConcurrencyControlType.DISABLED, None),
        (ConcurrencyControlType.TASK, None),
        (ConcurrencyControlType.ARGUMENTS, {"x": "1", "y": "2"}),
        (ConcurrencyControlType.KEYS, {"y": "2"}),
    ],
)
def test_what_the_registration_rule_compares(app, mode, expected):
    task = app.task(add, registration_concurrency=mode, key_arguments=("y",))
    assert Call(task, task.args(1, 2)).serialized_args_for_concurrency_check == expected


def test_json_round_trip(app):
    task = app.task(add)
    call = Call(task, task.args("x" * 200, [1, 2]))
    restored = Call.from_json(app, call.to_json())
    assert restored == call
    assert restored.task is task


def test_json_of_an_unknown_task_is_refused(app):
    task = app.task(add)
    with pytest.raises(TaskNotRegisteredError, match=r"test_call\.add"):
        Call.from_json(Pynenc(app_id="other"), Call(task, task.args(1, 2)).to_json())
    with pytest.raises(ValueError, match="exactly these keys"):
        Call.from_json(app, "{}")


def test_pickle_carries_the_arguments_themselves(app):
    task = app.task(add)
    call = Call(task, task.args("x" * 200, 1))
    data = pickle.dumps(call)
    app.purge()
    assert pickle.loads(data) == call


# -- PreSerializedCall ----------------------------------------------------------------------------
def test_shared_arguments_are_decoded_when_read(app):
    task = app.task(add)
    shared = {"x": app.arg_cache.serialize("big" * 100), "y": "1"}
    call = PreSerializedCall(task, {"y": 5}, shared)
    assert call.serialized_arguments == {"x": shared["x"], "y": "5"}
    assert call.arguments.kwargs == {"x": "big" * 100, "y": 5}
    assert call.call == Call(task, Arguments({"x": "big" * 100, "y": 5}, app=app))
    assert call.call_id == call.call.call_id
    assert call == PreSerializedCall(task, {"x": "big" * 100, "y": 5})
    assert hash(call) == hash(call.call_id)


def test_pickled_form(app):
    call = PreSerializedCall(app.task(add), {"y": 5}, {"x": "1"})
    assert set(call.__getstate__()) == {"task", "other_args", "pre_serialized_args"}
    assert pickle.loads(pickle.dumps(call)).arguments.kwargs == {"x": 1, "y": 5}
