from __future__ import annotations

import pytest

from pynenc import ArgumentPrintMode, ConcurrencyControlType, Pynenc, PynencBuilder
from pynenc.arg_cache import DisabledArgCache
from pynenc.conf.config_local import ConfigLocal
from pynenc.exceptions import ConfigError
from pynenc.runner import DummyRunner, MultiThreadRunner, PersistentProcessRunner, ProcessRunner, ThreadRunner
from pynenc.serializer import PickleSerializer


def double(x):
    return 2 * x


def test_a_chain_makes_an_application():
    app = (
        PynencBuilder()
        .app_id("built")
        .memory()
        .thread_runner(min_threads=2, max_threads=3)
        .logging_level("WARNING")
        .arg_cache("disabled")
        .serializer("pickle")
        .task_control(cycle_control=True)
        .concurrency_control(running_concurrency="Task", registration_concurrency=ConcurrencyControlType.KEYS)
        .max_pending_seconds(7)
        .runner_tuning(min_parallel_slots=2)
        .custom_config(max_retries=4)
        .build()
    )
    assert isinstance(app, Pynenc)
    assert app.app_id == "built"
    assert type(app.runner) is ThreadRunner
    assert app.runner.max_parallel_slots == 3
    assert app.conf.logging_level == "warning"
    assert type(app.arg_cache) is DisabledArgCache
    assert type(app.serializer) is PickleSerializer
    assert (app.orchestrator.conf.cycle_control, app.orchestrator.conf.blocking_control) == (True, False)
    assert app.conf.max_pending_seconds == 7
    conf = app.task(double).conf
    assert conf.running_concurrency is ConcurrencyControlType.TASK
    assert conf.registration_concurrency is ConcurrencyControlType.KEYS
    assert conf.max_retries == 4


def test_options_of_a_decorator_beat_the_builder():
    app = PynencBuilder().custom_config(max_retries=4).build()
    assert app.task(double, max_retries=1).conf.max_retries == 1
    assert app.task(double).conf.max_retries == 4


def test_the_builder_can_go_on():
    builder = PynencBuilder().app_id("one")
    one = builder.build()
    assert builder.app_id("two").build().app_id == "two"
    assert one.app_id == "one"


def test_dev_mode_and_dummy_runner():
    app = PynencBuilder().dummy_runner().dev_mode().build()
    assert type(app.runner) is DummyRunner
    assert app.task(double)(4).result == 8


@pytest.mark.parametrize(
    ("method", "mode", "printed"),
    [
        ("hide_arguments", ArgumentPrintMode.HIDDEN, False),
        ("show_argument_keys", ArgumentPrintMode.KEYS, True),
        ("show_full_arguments", ArgumentPrintMode.FULL, True),
        ("show_truncated_arguments", ArgumentPrintMode.TRUNCATED, True),
    ],
)
def test_print_modes(method, mode, printed):
    conf = getattr(PynencBuilder(), method)().build().conf
    assert (conf.argument_print_mode, conf.print_arguments) == (mode, printed)


def test_truncation():
    assert PynencBuilder().show_truncated_arguments(5).build().conf.truncate_arguments_length == 5
    with pytest.raises(ValueError, match="1 or more"):
        PynencBuilder().argument_print_mode("TRUNCATED", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda b: b.logging_level("loud"),
        lambda b: b.serializer("xml"),
        lambda b: b.arg_cache("redis"),
        lambda b: b.argument_print_mode("some"),
        lambda b: b.concurrency_control("sometimes"),
    ],
    ids=["logging_level", "serializer", "arg_cache", "argument_print_mode", "concurrency_control"],
)
def test_wrong_values_are_refused_with_what_is_accepted(wrong):
    with pytest.raises(ValueError, match="accepted: "):
        wrong(PynencBuilder())


def test_engines_that_other_processes_reach():
    app = PynencBuilder().redis("redis://host:1", 3).build()
    assert (app.conf.engine, app.conf.runner_cls) == ("redis", "PersistentProcessRunner")
    assert app.config_values["redis_url"] == "redis://host:1/3"
    app = PynencBuilder().local("/some/where", keep=True).build()
    assert (app.conf.engine, app.conf.runner_cls, app.conf.broker_cls) == (
        "local",
        "PersistentProcessRunner",
        "RedisBroker",
    )
    settings = ConfigLocal(config_values=app.config_values)
    assert (settings.local_dir, settings.local_keep) == ("/some/where", True)
    assert "local_dir" not in PynencBuilder().local().build().config_values


@pytest.mark.parametrize(
    "chosen",
    [
        lambda b: b.process_runner(),
        lambda b: b.multi_thread_runner(),
        lambda b: b.persistent_process_runner(),
        lambda b: b.custom_config(runner_cls="PersistentProcessRunner"),
        lambda b: b.memory().custom_config(runner_cls="MultiThreadRunner"),
    ],
    ids=["process", "multi_thread", "persistent_process", "by-name", "explicitly-in-memory"],
)
def test_worker_processes_cannot_reach_the_memory_engine(chosen):
    with pytest.raises(ConfigError, match="accepted: ThreadRunner, DummyRunner, or another engine"):
        chosen(PynencBuilder()).build()


def test_runners_with_worker_processes():
    builder = PynencBuilder().recycling(max_tasks_per_child=100, max_memory_per_child="512MiB")
    one_each = ProcessRunner(Pynenc(config_values=builder.process_runner(3)._values))
    assert one_each.max_parallel_slots == 3
    assert one_each.conf.max_memory_per_child == 512 << 20
    lasting = PersistentProcessRunner(Pynenc(config_values=builder.persistent_process_runner(2)._values))
    assert (lasting.max_parallel_slots, lasting.conf.max_tasks_per_child) == (2, 100)
    chosen = builder.multi_thread_runner(max_threads=3, max_processes=4)._values
    threads = MultiThreadRunner(Pynenc(config_values=chosen))
    assert threads.max_parallel_slots == 12
    assert (threads.conf.min_processes, threads.conf.enforce_max_processes) == (1, False)


def test_unknown_settings_are_refused_when_they_are_read():
    with pytest.raises(ConfigError, match="max_retry"):
        _ = PynencBuilder().custom_config(max_retry=1).build().conf
