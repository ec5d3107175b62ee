from __future__ import annotations

import inspect
import logging
import pickle

import pytest

from pynenc import ConcurrencyControlType, Pynenc, Task
from pynenc.arg_cache import BaseArgCache, DisabledArgCache, MemArgCache
from pynenc.broker import BaseBroker, MemBroker
from pynenc.conf.config_task import ConfigTask
from pynenc.context import set_current_runner
from pynenc.exceptions import ConfigError, InvocationNotFoundError, RunnerNotExecutableError
from pynenc.orchestrator import BaseOrchestrator, MemOrchestrator
from pynenc.runner import DummyRunner, ThreadRunner
from pynenc.serializer import JsonSerializer, PickleSerializer
from pynenc.state_backend import BaseStateBackend, MemStateBackend


def add(x, y=1):
    return x + y


registry_app = Pynenc(app_id="registry", config_values={"max_retries": 2})


@registry_app.task(max_retries=7)
def registered(x):
    return x


@registry_app.direct_task(max_retries=8)
def registered_direct(x):
    return x


# -- identity -------------------------------------------------------------------------------------
def test_app_id():
    assert Pynenc().app_id == "pynenc"
    assert Pynenc("mine").app_id == "mine"
    assert Pynenc(config_values={"app_id": "set"}).app_id == "set"
    assert Pynenc("mine", config_values={"app_id": "set"}).app_id == "mine"
    assert repr(Pynenc("mine")) == "Pynenc(app_id='mine')"
    with pytest.raises(AttributeError):
        Pynenc().app_id = "x"


@pytest.mark.parametrize("app_id", ["a b", "a:b", "x" * 65, "é", "{a}"])
def test_app_id_that_would_not_do(app_id):
    with pytest.raises(ValueError, match="1 to 64"):
        Pynenc(app_id)


def test_config_values_are_copied():
    values = {"max_retries": 1}
    app = Pynenc(config_values=values)
    values["max_retries"] = 9
    assert app.task(add).conf.max_retries == 1
    app.task(registered.func, max_retries=5)
    assert app.task(add).conf.max_retries == 1
    assert app.config_values == {"max_retries": 1}


def test_missing_config_file_is_named(tmp_path):
    with pytest.raises(Exception, match=r"absent\.toml"):
        _ = Pynenc(config_filepath=str(tmp_path / "absent.toml")).conf


# -- components -----------------------------------------------------------------------------------
def test_components_of_the_memory_engine():
    app = Pynenc()
    for name, base, kind in [
        ("orchestrator", BaseOrchestrator, MemOrchestrator),
        ("broker", BaseBroker, MemBroker),
        ("state_backend", BaseStateBackend, MemStateBackend),
        ("arg_cache", BaseArgCache, MemArgCache),
        ("serializer", JsonSerializer, JsonSerializer),
    ]:
        component = getattr(app, name)
        assert isinstance(component, base)
        assert type(component) is kind
        assert getattr(app, name) is component
    assert isinstance(app.logger, logging.Logger)
    assert app.logger.name == "pynenc.pynenc"


def test_components_are_chosen_before_their_first_use():
    app = Pynenc()
    app.conf.arg_cache_cls = "DisabledArgCache"
    app.conf.broker_cls = "MemTaskBroker"
    app.conf.serializer_cls = "PickleSerializer"
    assert type(app.arg_cache) is DisabledArgCache
    assert type(app.broker) is MemBroker
    assert type(app.serializer) is PickleSerializer


class OwnBroker(MemBroker):
    pass


def test_any_loaded_subclass_can_be_named():
    assert type(Pynenc(config_values={"broker_cls": "OwnBroker"}).broker) is OwnBroker


@pytest.mark.parametrize(
    ("setting", "attribute", "name", "words"),
    [
        ("broker_cls", "broker", "NoBroker", "unknown"),
        ("broker_cls", "broker", "LocalBroker", "unknown"),
        ("runner_cls", "runner", "ProcessRunner", "which runs in other processes"),
        ("serializer_cls", "serializer", "XmlSerializer", "JsonSerializer"),
    ],
)
def test_unknown_components_are_refused_with_what_is_accepted(setting, attribute, name, words):
    with pytest.raises(ConfigError, match=words) as caught:
        getattr(Pynenc(config_values={setting: name}), attribute)
    assert name in str(caught.value)
    assert setting in str(caught.value)


def test_conf_changes_reach_the_next_call():
    app = Pynenc()
    task = app.task(add)
    with app.running():
        assert task(1).result == 2
        app.conf.dev_mode_force_sync_tasks = True
        assert type(task(1)).__name__ == "ConcurrentInvocation"
        app.conf.dev_mode_force_sync_tasks = False
        assert type(task(1)).__name__ == "DistributedInvocation"


def test_logging_level_follows_the_settings():
    app = Pynenc("levels")
    assert app.logger.level == logging.INFO
    app.conf.logging_level = "error"
    assert app.logger.level == logging.ERROR


# -- runner ---------------------------------------------------------------------------------------
def test_runner_of_the_settings():
    app = Pynenc()
    assert type(app.runner) is ThreadRunner
    assert app.runner is app.runner
    assert type(Pynenc(config_values={"runner_cls": "DummyRunner"}).runner) is DummyRunner


def test_runner_can_be_set_and_the_context_wins():
    app = Pynenc("context-runner")
    mine = ThreadRunner(app)
    assert app.runner is mine
    other = DummyRunner(app)
    assert app.runner is other
    app.runner = mine
    assert app.runner is mine
    set_current_runner(app.app_id, other)
    try:
        assert app.runner is other
    finally:
        set_current_runner(app.app_id, None)
    assert app.runner is mine


def test_running_twice_leaves_the_first_one_in_charge():
    app = Pynenc()
    task = app.task(add)
    with app.running() as runner:
        with app.running() as inner:
            assert inner is runner
        assert task(1).result == 2
    assert app.runtime.workers == 0
    with app.running():
        assert task(2).result == 3


def test_running_needs_a_runner():
    with pytest.raises(RunnerNotExecutableError), Pynenc(config_values={"runner_cls": "DummyRunner"}).running():
        pass


def test_pipelined_submissions_are_acknowledged():
    app = Pynenc()
    task = app.task(add)
    with app.pipelined():
        invocations = [task(n) for n in range(5)]
    assert app.broker.count_invocations() == 5
    with app.running():
        assert [invocation.result for invocation in invocations] == [1, 2, 3, 4, 5]


# -- tasks ----------------------------------------------------------------------------------------
def test_registry():
    app = Pynenc()
    assert app.tasks == {}
    task = app.task(add)
    assert isinstance(task, Task)
    assert app.tasks == {task.task_id: task}
    assert app.get_task(task.task_id) is task
    assert app.get_task("no.such") is None
    again = app.task(add)
    assert app.get_task(task.task_id) is again


def test_every_task_setting_is_a_decorator_option():
    for decorator in (Pynenc.task, Pynenc.direct_task):
        parameters = inspect.signature(decorator).parameters
        assert set(ConfigTask.fields()) <= set(parameters)
        assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in ConfigTask.fields())


def test_options_that_are_none_are_not_given():
    app = Pynenc(config_values={"max_retries": 4})
    assert app.task(add, max_retries=None).options == {}
    assert app.task(add, max_retries=None).conf.max_retries == 4
    task = app.task(running_concurrency=ConcurrencyControlType.TASK)(add)
    assert task.options == {"running_concurrency": ConcurrencyControlType.TASK}


def test_purge_forgets_everything():
    app = Pynenc(config_values={"min_size_to_cache": 1})
    task = app.task(add)
    invocation = task(1)
    key = app.arg_cache.serialize("text")
    app.purge()
    assert app.broker.count_invocations() == 0
    with pytest.raises(Exception, match=invocation.invocation_id):
        app.get_invocation(invocation.invocation_id)
    with pytest.raises(KeyError):
        app.arg_cache.deserialize(key)
    with app.running():
        assert task(1).result == 2


def test_get_invocation():
    app = Pynenc()
    invocation = app.task(add)(1)
    assert app.get_invocation(invocation.invocation_id) == invocation
    with pytest.raises(InvocationNotFoundError):
        app.get_invocation("00000000-0000-8000-8000-000000000000")


# -- pickling -------------------------------------------------------------------------------------
def test_pickled_state():
    app = Pynenc("state", config_values={"max_retries": 3})
    assert app.__getstate__() == {
        "app_id": "state",
        "config_values": {"max_retries": 3},
        "config_filepath": None,
        "reporting": None,
    }
    copy = pickle.loads(pickle.dumps(app))
    assert copy.app_id == "state"
    assert copy.conf.app_id == app.conf.app_id
    assert copy._runner_instance is None


def test_a_copy_finds_its_tasks_again():
    copy = pickle.loads(pickle.dumps(registry_app))
    assert copy.tasks == {}
    task = copy.get_task(registered.task_id)
    assert task is not None
    assert task.app is copy
    assert task is copy.get_task(registered.task_id)
    assert task.options == {"max_retries": 7}
    assert task is copy.tasks[registered.task_id]
    direct = copy.get_task(f"{__name__}.registered_direct")
    assert direct is not None
    assert direct.options == {"max_retries": 8}
    assert copy.get_task("no.such.module.task") is None
    assert copy.get_task(f"{__name__}.absent") is None
    assert copy.get_task("odd") is None
    with copy.running():
        assert task(5).result == 5


def test_an_app_that_was_not_copied_imports_nothing():
    assert Pynenc().get_task(registered.task_id) is None
