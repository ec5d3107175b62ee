"""The application."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from pynenc.context import get_current_runner, submitting_through
from pynenc.task import Task, TaskOptions, TaskRegistry
from pynenc.types import AggregateFunc, Func, ParallelFunc, Params, Result
from pynenc.wiring import (
    make_arg_cache,
    make_broker,
    make_orchestrator,
    make_runner,
    make_runtime,
    make_serializer,
    make_state_backend,
)

if TYPE_CHECKING:
    import logging
    from builtins import property as cached_property  # checkers take it for one in protocols, and not the other

    from pynenc._core import Runtime
    from pynenc.arg_cache.base_arg_cache import BaseArgCache
    from pynenc.broker.base_broker import BaseBroker
    from pynenc.conf.config_pynenc import ConfigPynenc
    from pynenc.conf.config_task import ConcurrencyControlType
    from pynenc.direct_task import DirectTaskDecorator, DirectTaskOptions
    from pynenc.invocation import DistributedInvocation
    from pynenc.orchestrator.base_orchestrator import BaseOrchestrator
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.serializer.base_serializer import BaseSerializer
    from pynenc.state_backend.base_state_backend import BaseStateBackend
    from pynenc.task import TaskDecorator
else:
    from functools import cached_property

__all__ = ["AggregateFunc", "ParallelFunc", "Pynenc"]

_STATE = ("app_id", "config_values", "config_filepath", "reporting")


class Pynenc:
    """An application: its tasks, and where and how they run.

    Nothing is read and nothing is started before it is needed; so ``app.conf`` may be changed after
    construction, components until their first use.

    :param app_id: Names the application; else the setting ``app_id``.
    :param config_values: Settings, by field name. Copied.
    :param config_filepath: A TOML or JSON file with settings.
    :raises ValueError: when ``app_id`` is not 1 to 64 letters, digits, dots, dashes and underscores.
    """

    def __init__(
        self,
        app_id: str | None = None,
        config_values: Mapping[str, Any] | None = None,
        config_filepath: str | None = None,
    ) -> None:
        if app_id:
            _check_app_id(app_id)
        self._app_id = app_id
        self.config_values = None if config_values is None else dict(config_values)
        self.config_filepath = config_filepath
        self.reporting: Any = None
        self._runner_instance: BaseRunner | None = None
        self._registry = TaskRegistry(self)

    # -- identity ---------------------------------------------------------------------------------
    @property
    def app_id(self) -> str:
        """Names the application."""
        return self._app_id or self.conf.app_id

    def __repr__(self) -> str:
        return f"Pynenc(app_id={self.app_id!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Settings travel; components, invocations and assignments to ``conf`` do not."""
        return {name: getattr(self, name) for name in _STATE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["app_id"], state["config_values"], state["config_filepath"])  # type: ignore[misc]  # anew
        self.reporting = state["reporting"]
        self._registry = TaskRegistry(self, imports=True)

    # -- components -------------------------------------------------------------------------------
    @cached_property
    def conf(self) -> ConfigPynenc:
        """The settings, from every source. Assignments take effect at the next call."""
        from pynenc.conf.config_pynenc import ConfigPynenc

        return ConfigPynenc(config_values=self.config_values, config_filepath=self.config_filepath)

    @cached_property
    def logger(self) -> logging.Logger:
        """Where the application logs."""
        from pynenc.log import create_logger, level_number

        conf = self.conf
        logger = create_logger(self.app_id, conf.logging_level)
        conf.on_change(lambda _field: logger.setLevel(level_number(conf.logging_level)))
        return logger

    @cached_property
    def runtime(self) -> Runtime:
        """The engine, and what runs on it in this process."""
        return make_runtime(self)

    @cached_property
    def orchestrator(self) -> BaseOrchestrator:
        """Calls in, statuses out."""
        return make_orchestrator(self)

    @cached_property
    def broker(self) -> BaseBroker:
        """What waits to be run."""
        return make_broker(self)

    @cached_property
    def state_backend(self) -> BaseStateBackend:
        """What became of invocations."""
        return make_state_backend(self)

    @cached_property
    def serializer(self) -> BaseSerializer:
        """How values are encoded."""
        return make_serializer(self)

    @cached_property
    def arg_cache(self) -> BaseArgCache:
        """Where large arguments are kept once."""
        return make_arg_cache(self)

    # -- running ----------------------------------------------------------------------------------
    @property
    def runner(self) -> BaseRunner:
        """The runner that runs the present code; else the one of this application."""
        current: BaseRunner | None = get_current_runner(self.app_id)
        if current is not None:
            return current
        if self._runner_instance is None:
            self._runner_instance = make_runner(self)
        return self._runner_instance

    @runner.setter
    def runner(self, value: BaseRunner | None) -> None:  # pyright: ignore[reportPropertyTypeMismatch]  # None: make one
        self._runner_instance = value

    @contextmanager
    def running(self) -> Generator[BaseRunner]:
        """Run the tasks in the background during a ``with`` block.

        On the way out it takes no more work, reads no further in the inputs of streams, and waits
        for what runs. A runner that ran before is left running; one that was told to stop is waited for first.

        :raises RunnerNotExecutableError: when ``runner_cls`` is ``DummyRunner``.
        """
        runner = self.runner
        runner.await_stop()
        started = runner.start_background()
        try:
            yield runner
        finally:
            if started:
                from pynenc.invocation.feeding import end_feeding

                end_feeding(self)
                runner.stop_background()

    @contextmanager
    def pipelined(self) -> Generator[None]:
        """Group the submissions made in a ``with`` block, so that none waits for the server alone.

        They are acknowledged at the end of the block, or when a result is first waited for. The
        memory engine acknowledges each at once, since it has no way to go.

        :raises UnacknowledgedError: at the end, naming the invocations that may or may not have been taken.
        """
        with submitting_through(self.runtime.open_pipeline()):
            yield

    def purge(self) -> None:
        """Forget every invocation and every kept argument. Bodies that run go on; their ends are refused."""
        self.broker.purge()
        self.orchestrator.purge()
        self.state_backend.purge()
        self.arg_cache.purge()

    # -- tasks ------------------------------------------------------------------------------------
    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The registered tasks, by id."""
        return self._registry.tasks

    def get_task(self, task_id: str) -> Task[..., Any] | None:
        """Find a task by its id; ``None`` when there is none.

        A copy that came by pickle imports the module that the id names when it is first asked.
        """
        return self._registry.find(task_id)

    def take_task(self, task: Task[..., Any]) -> None:
        """Have a task among its own, as ``task.app = app`` does; one of the same id is replaced."""
        self._registry.tasks[task.task_id] = task
        if "runtime" in vars(self):  # else there is no engine yet, and so no worker to be told
            self.runtime.know_task(task.task_id)

    def restore_task(self, text: str) -> Task[..., Any]:
        """Find the task that ``Task.to_json`` described.

        :raises TaskNotRegisteredError: when it is not registered here; only a copy that came by
            pickle imports modules.
        """
        return self._registry.restore(text)

    def get_invocation(self, invocation_id: str) -> DistributedInvocation[..., Any]:
        """Find an invocation by its id.

        :raises InvocationNotFoundError: when there never was one of that id.
        :raises ResultExpired: when it was dropped.
        """
        found: DistributedInvocation[..., Any] = self.runtime.invocation(invocation_id)
        return found

    @overload
    def task(
        self, func: Callable[Params, Coroutine[Any, Any, Result]], **options: Unpack[TaskOptions]
    ) -> Task[Params, Result]: ...

    @overload
    def task(self, func: Func[Params, Result], **options: Unpack[TaskOptions]) -> Task[Params, Result]: ...

    @overload
    def task(self, func: None = None, **options: Unpack[TaskOptions]) -> TaskDecorator: ...

    def task(
        self,
        func: Callable[..., Any] | None = None,
        *,
        parallel_batch_size: int | None = None,
        retry_for: tuple[type[Exception], ...] | None = None,
        max_retries: int | None = None,
        running_concurrency: ConcurrencyControlType | None = None,
        registration_concurrency: ConcurrencyControlType | None = None,
        key_arguments: tuple[str, ...] | None = None,
        on_diff_non_key_args_raise: bool | None = None,
        call_result_cache: bool | None = None,
        disable_cache_args: tuple[str, ...] | Literal["*"] | None = None,
        max_run_seconds: float | None = None,
    ) -> Any:
        """Make a task of a function at the top level of a module; a decorator, with or without options.

        What a file or the environment says of this very task beats what is given here.

        :param parallel_batch_size: How many elements ``parallelize`` submits at a time; 0 is one by one.
        :param retry_for: Exceptions after which a body is run again; ``RetryError`` always is one.
        :param max_retries: How often it is run again at most.
        :param running_concurrency: Among which calls only one runs at a time.
        :param registration_concurrency: Among which calls only one waits to be started.
        :param key_arguments: Parameters that ``ConcurrencyControlType.KEYS`` compares.
        :param on_diff_non_key_args_raise: Raise, instead of giving the waiting invocation, when its other
            arguments differ.
        :param call_result_cache: Answer from a kept result of equal arguments.
        :param disable_cache_args: Parameters that always travel inline; ``"*"`` for all.
        :param max_run_seconds: How long a body may run; without limit by default.
        :raises ValueError: when the function is local, a method or a lambda.
        :raises InvalidTaskOptionsError: on a bad option.
        """
        options = _options(locals())
        if func is not None:
            return self._registry.add(func, options)
        return lambda function: self._registry.add(function, options)

    @overload
    def direct_task(self, func: Func[Params, Result], **options: Unpack[DirectTaskOptions]) -> Func[Params, Result]: ...

    @overload
    def direct_task(self, func: None = None, **options: Unpack[DirectTaskOptions]) -> DirectTaskDecorator: ...

    def direct_task(
        self,
        func: Callable[..., Any] | None = None,
        *,
        parallel_func: ParallelFunc | None = None,
        aggregate_func: AggregateFunc | None = None,
        parallel_batch_size: int | None = None,
        retry_for: tuple[type[Exception], ...] | None = None,
        max_retries: int | None = None,
        running_concurrency: ConcurrencyControlType | None = None,
        registration_concurrency: ConcurrencyControlType | None = None,
        key_arguments: tuple[str, ...] | None = None,
        on_diff_non_key_args_raise: bool | None = None,
        call_result_cache: bool | None = None,
        disable_cache_args: tuple[str, ...] | Literal["*"] | None = None,
        max_run_seconds: float | None = None,
    ) -> Any:
        """Make a task whose calls give the result itself; for ``async def``, something to await.

        The other options are those of :meth:`task`.

        :param parallel_func: Gets the bound arguments and says which calls to make instead of the one.
        :param aggregate_func: Makes one result of theirs; needed with ``parallel_func``.
        """
        from pynenc.direct_task import direct

        options = _options(locals())

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            return direct(self._registry.add(function, options), function, parallel_func, aggregate_func)

        return decorate if func is None else decorate(func)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task among the arguments of a decorator."""
    return {name: given[name] for name in TaskOptions.__annotations__ if given[name] is not None}


def _check_app_id(app_id: str) -> None:
    from pynenc.conf.config_pynenc import ConfigPynenc

    try:
        ConfigPynenc.field_of("app_id").parse(app_id, "Pynenc(app_id=…)")
    except Exception as error:
        raise ValueError(str(error)) from None
