from __future__ import annotations

import asyncio
import functools
import inspect
import json
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from pynenc import Arguments, ConcurrencyControlType, Pynenc, RetryError, Task
from pynenc.exceptions import (
    FingerprintError,
    InvalidTaskOptionsError,
    InvocationConcurrencyWithDifferentArgumentsError,
    ResultSerializationError,
    SerializationError,
    TaskNotRegisteredError,
)
from pynenc.invocation import ConcurrentInvocation, DistributedInvocation, ReusedInvocation

app = Pynenc("test-task")


@app.task(max_retries=1)
def add(x: int, y: int = 2) -> int:
    """Add."""
    return x + y


@app.task
def everything(a, b=2, /, c=3, *args, d, e=5, **kwargs):
    return a, b, c, args, d, e, kwargs


@app.task
async def later(x: int) -> int:
    return x


def plain(x, y=2):
    return x, y


def echo(value: Any) -> Any:
    return value


def typed(value: tuple[int, ...], *rest: complex) -> tuple[int, ...]:
    return value


def unencodable() -> Any:
    return threading.Lock()


def outer(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)

    return wrapper


@outer
def decorated(x: int, y: int = 3) -> tuple[int, int]:
    return x, y


# -- identity and metadata ------------------------------------------------------------------------
def test_identity():
    assert add.task_id == f"{__name__}.add"
    assert str(add) == repr(add) == "Task(func=add)"
    assert add.app is app
    assert add.func is add.__wrapped__


def test_metadata_is_that_of_the_function():
    assert (add.__name__, add.__qualname__, add.__doc__, add.__module__) == ("add", "add", "Add.", __name__)
    assert list(inspect.signature(add).parameters) == ["x", "y"]


def test_only_functions_at_the_top_level_of_a_module():
    def local(): ...

    class Holder:
        def method(self): ...

    for refused in (local, Holder.method, lambda: 0):
        with pytest.raises(ValueError, match="top level"):
            app.task(refused)
    for refused in (functools.partial(plain), Holder, 5, add):
        with pytest.raises(TypeError):
            app.task(refused)


def test_a_script_is_named_for_its_file(tmp_path):
    script = tmp_path / "my_script.py"
    script.write_text(
        "from pynenc import Pynenc\napp = Pynenc()\n@app.task\ndef f(): return 1\n"
        "if __name__ == '__main__':\n    print(f.task_id)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "my_script.f"
    done = subprocess.run([sys.executable, "-m", "my_script"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "my_script.f"


# -- options --------------------------------------------------------------------------------------
def test_unknown_options_are_refused_at_decoration():
    with pytest.raises(InvalidTaskOptionsError) as caught:
        Task(app, plain, {"speed": 1, "max_retries": 2, "colour": 3})
    assert str(caught.value) == f"InvalidTaskOptionsError({__name__}.plain): Invalid options: ['speed', 'colour']"


@pytest.mark.parametrize(
    "options",
    [{"max_retries": "many"}, {"running_concurrency": "sometimes"}, {"parallel_batch_size": -1}, {"retry_for": (5,)}],
    ids=lambda options: next(iter(options)),
)
def test_bad_values_are_refused_at_decoration(options):
    with pytest.raises(InvalidTaskOptionsError, match=next(iter(options))):
        app.task(plain, **options)


def test_key_arguments_that_the_signature_lacks():
    with pytest.raises(InvalidTaskOptionsError, match=r"\['z'\].*\['x', 'y'\]"):
        app.task(plain, key_arguments=("x", "z"))
    with_setting = Pynenc(config_values={"key_arguments": ("z",)}).task(plain)
    with pytest.raises(InvalidTaskOptionsError, match=r"\['z'\]"):
        with_setting(1)


def test_retry_error_is_always_retried():
    assert app.task(plain).retriable_exceptions == (RetryError,)
    assert app.task(plain, retry_for=(KeyError,)).retriable_exceptions == (KeyError, RetryError)


def test_settings_of_a_task_can_be_assigned():
    task = Pynenc().task(echo)
    with task.app.running():
        assert task(1).result == 1
        task.conf.registration_concurrency = ConcurrencyControlType.KEYS
        task.conf.key_arguments = ("absent",)
        with pytest.raises(InvalidTaskOptionsError):
            task(1)


# -- calls ----------------------------------------------------------------------------------------
def test_calls_bind_at_once():
    for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})]:
        with pytest.raises(TypeError, match="add"):
            add(*args, **kwargs)


def test_args():
    assert add.args(1).kwargs == {"x": 1, "y": 2}
    assert everything.args(1, 2, 3, 4, d=5, f=6).kwargs == {
        "a": 1, "b": 2, "c": 3, "args": (4,), "d": 5, "e": 5, "kwargs": {"f": 6},
    }  # fmt: skip


def test_every_kind_of_parameter():
    with app.running():
        assert everything(1, 20, 30, 40, 41, d=50, z=70).result == (1, 20, 30, (40, 41), 50, 5, {"z": 70})
        assert everything(1, d=4).result == (1, 2, 3, (), 4, 5, {})
        assert app.task(decorated)(1).result == (1, 3)
        assert later(3).result == 3


def test_outside_of_a_body_there_is_no_invocation():
    with pytest.raises(RuntimeError, match="Task has not been invoked yet"):
        _ = add.invocation


def test_logger_names_task_and_invocation():
    assert add.logger.process("text", {})[0] == f"[{add.task_id}] text"


def logs():
    return logs_task.logger.process("text", {})[0], logs_task.invocation.invocation_id


logs_task = app.task(logs)


@pytest.mark.parametrize("sync", [False, True])
def test_logger_inside_of_a_body(sync):
    app.conf.dev_mode_force_sync_tasks = sync
    try:
        with app.running():
            text, identity = logs_task().result
        assert text == f"[{logs_task.task_id}: {identity}] text"
    finally:
        app.conf.dev_mode_force_sync_tasks = False


def test_another_app_can_take_a_task():
    first, second = Pynenc("first"), Pynenc("second", config_values={"max_retries": 3})
    task = first.task(echo)
    task(1)
    task.app = second
    task(2)
    assert (first.broker.count_invocations(), second.broker.count_invocations()) == (1, 1)
    assert task.conf.max_retries == 3


# -- strict ---------------------------------------------------------------------------------------
@pytest.fixture
def strict():
    strict_app = Pynenc("strict", config_values={"strict_serialization": True})
    with strict_app.running():
        yield strict_app


def test_strict_shares_nothing(strict):
    value = {"a": [1, 2]}
    result = strict.task(echo)(value).result
    assert result == value
    assert result is not value


def test_strict_restores_annotated_types(strict):
    assert strict.task(typed)((1, 2)).result == (1, 2)


def test_strict_names_what_cannot_be_encoded(strict):
    with pytest.raises(SerializationError, match=r"args\.value"):
        strict.task(echo)({"lock": threading.Lock()})
    with pytest.raises(ResultSerializationError, match="result"):
        _ = strict.task(unencodable)().result
    assert strict.task(echo)(1).result == 1


def test_live_objects_go_by_reference():
    value = [object()]
    with app.running():
        assert app.task(echo)(value).result is value


# -- rules ----------------------------------------------------------------------------------------
def test_registration_reuses_and_tells_the_difference():
    own = Pynenc("reuse")
    task = own.task(plain, registration_concurrency=ConcurrencyControlType.KEYS, key_arguments=("x",))
    first, same, other, another = task(1, 2), task(1, 2), task(1, 3), task(2, 2)
    assert type(first) is DistributedInvocation
    assert isinstance(same, ReusedInvocation)
    assert isinstance(other, ReusedInvocation)
    assert type(another) is DistributedInvocation
    assert first == same == other != another
    assert same.diff_arg is None
    assert other.diff_arg == task.args(1, 3)
    assert other.arguments == task.args(1, 2)


def test_registration_can_refuse_a_difference():
    own = Pynenc("refuse", config_values={"print_arguments": True})
    task = own.task(
        plain,
        registration_concurrency=ConcurrencyControlType.KEYS,
        key_arguments=("x",),
        on_diff_non_key_args_raise=True,
    )
    first = task(1, 2)
    assert task(1, 2) == first
    with pytest.raises(InvocationConcurrencyWithDifferentArgumentsError) as caught:
        task(1, 3)
    assert caught.value.existing_invocation_id == first.invocation_id
    assert caught.value.new_call_id.startswith(f"#task_id#{task.task_id}#args_id#")
    assert "    - y: 2 -> 3" in str(caught.value)
    assert own.broker.count_invocations() == 1


def test_result_cache():
    own = Pynenc("cached")
    task = own.task(plain, call_result_cache=True)
    with own.running():
        first = task(1)
        assert first.result == (1, 2)
        again = task(1, 2)
        assert again == first
        assert again.done()
        assert task(2) != first


def test_a_value_without_a_fingerprint_is_an_error_only_where_one_is_needed():
    free, ruled = app.task(echo), app.task(plain, registration_concurrency=ConcurrencyControlType.ARGUMENTS)
    with app.running():
        assert free(threading.Lock()).result is not None
    with pytest.raises((FingerprintError, SerializationError)):
        ruled(threading.Lock())


# -- parallelize ----------------------------------------------------------------------------------
FORMS = [
    pytest.param([(1, 2), (3,)], id="tuples"),
    pytest.param([{"x": 1}, {"x": 3, "y": 2}], id="dicts"),
    pytest.param([Arguments({"x": 1, "y": 2}), Arguments({"x": 3, "y": 2})], id="arguments"),
]


@pytest.fixture(params=["engine", "synchronous"])
def mode(request):
    own = Pynenc("parallel", config_values={"dev_mode_force_sync_tasks": request.param == "synchronous"})
    with own.running():
        yield own


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("items", FORMS)
def test_forms_of_an_element(mode, items, stream):
    group = mode.task(plain).parallelize(iter(items) if stream else items)
    assert group.get() == [(1, 2), (3, 2)]


@pytest.mark.parametrize("batch", [0, 1, 3, 100])
def test_batches_do_not_change_results(mode, batch):
    task = mode.task(plain, parallel_batch_size=batch)
    assert task.parallelize([(n,) for n in range(10)]).get() == [(n, 2) for n in range(10)]
    assert sorted(task.parallelize((n,) for n in range(10)).results) == [(n, 2) for n in range(10)]


def test_common_arguments(mode):
    task = mode.task(plain)
    assert task.parallelize([{"x": 1}, {"x": 2, "y": 3}], {"y": 9}).get() == [(1, 9), (2, 3)]
    assert task.parallelize([{}], {"x": 9}).get() == [(9, 2)]
    assert task.parallelize([], {"x": 9}).get() == []


def test_elements_that_are_refused(mode):
    task = mode.task(plain)
    with pytest.raises(ValueError, match=r"element 1 .*dict"):
        task.parallelize([{"x": 1}, (2,)], {"y": 1})
    with pytest.raises(TypeError, match=r"element 1 .*list"):
        task.parallelize([(1,), [2]])
    with pytest.raises(TypeError, match=r"element 0 .*z"):
        task.parallelize([{"x": 1, "z": 1}])
    with pytest.raises(TypeError, match="element 0 "):
        task.parallelize([{"x": 1}], {"z": 1})
    if not mode.conf.dev_mode_force_sync_tasks:
        assert mode.runtime.engine.counts().get("registered", 0) == 0


def test_the_error_of_an_input_surfaces_in_the_group():
    def items():
        yield (1,)
        raise OSError("the source broke")

    own = Pynenc("broken-input")
    with own.running():
        results = own.task(plain).parallelize(items()).results
        assert next(results) == (1, 2)
        with pytest.raises(OSError, match="the source broke"):
            next(results)


# -- synchronous mode -----------------------------------------------------------------------------
def test_synchronous_mode_gives_synchronous_invocations(mode):
    invocation = mode.task(plain)(1)
    assert isinstance(invocation, ConcurrentInvocation) == mode.conf.dev_mode_force_sync_tasks
    assert invocation.result == (1, 2)
    assert asyncio.run(mode.task(plain)(2).async_result()) == (2, 2)


# -- travelling -----------------------------------------------------------------------------------
def test_json():
    text = add.to_json()
    assert json.loads(text) == {"task_id": add.task_id, "options": '{"max_retries": 1}'}
    assert list(json.loads(text)) == ["task_id", "options"]
    other = Pynenc("other")
    restored = Task.from_json(other, text)
    assert (restored.app, restored.func, restored.options) == (other, add.func, {"max_retries": 1})
    with pytest.raises(TaskNotRegisteredError, match="absent"):
        Task.from_json(other, '{"task_id": "tests.absent.f", "options": "{}"}')
    with pytest.raises(ValueError, match="exactly these keys"):
        Task.from_json(other, "{}")


def test_options_survive_json():
    task = Task(app, plain, {"retry_for": (KeyError,), "running_concurrency": ConcurrencyControlType.TASK})
    assert Task.from_json(app, task.to_json()).options == task.options


def test_pickle():
    restored = pickle.loads(pickle.dumps(add))
    assert restored.task_id == add.task_id
    assert restored.app is not app
    assert restored.app.get_task(add.task_id) is restored
    with restored.app.running():
        assert restored(1).result == 3
