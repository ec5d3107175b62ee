"""Tasks: decorated functions that an application can run anywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, overload

from pynenc._core import TaskCore
from pynenc.arguments import Arguments, annotations_of, invoke, is_coroutine_function, parameters_of
from pynenc.call import difference_error
from pynenc.context import get_dist_invocation_context, sync_inv_context
from pynenc.exceptions import (
    ConfigError,
    InvalidTaskOptionsError,
    RetryError,
    TaskNotRegisteredError,
)
from pynenc.model.task_id import check_function, find_function, task_id_of
from pynenc.serializer.round_trip import round_trip_call
from pynenc.serializer.task_codec import make_wire
from pynenc.types import Func, Params, Result

if TYPE_CHECKING:
    from pynenc.conf.config_task import ConcurrencyControlType, ConfigTask
    from pynenc.invocation import BaseInvocationGroup, DistributedInvocation
    from pynenc.log import TaskLoggerAdapter
    from pynenc.ports import AppPort


class TaskOptions(TypedDict, total=False):
    """Options of the ``task`` decorator; ``None`` is the same as not given."""

    parallel_batch_size: int | None
    retry_for: tuple[type[Exception], ...] | None
    max_retries: int | None
    running_concurrency: ConcurrencyControlType | None
    registration_concurrency: ConcurrencyControlType | None
    key_arguments: tuple[str, ...] | None
    on_diff_non_key_args_raise: bool | None
    call_result_cache: bool | None
    disable_cache_args: tuple[str, ...] | Literal["*"] | None
    max_run_seconds: float | None


class TaskDecorator(Protocol):
    """What the ``task`` decorator gives when it is called with options only."""

    @overload
    def __call__(self, func: Callable[Params, Coroutine[Any, Any, Result]], /) -> Task[Params, Result]: ...

    @overload
    def __call__(self, func: Func[Params, Result], /) -> Task[Params, Result]: ...


class Task(TaskCore[Params, Result]):
    """A function that an application runs. Calling it submits a call and gives an invocation.

    :param app: The application; may be replaced later, which moves later calls to the other one.
    :param func: A function at the top level of a module.
    :param options: Settings of this task, by the names of ``ConfigTask``.
    :raises ValueError: when the function is local, a method or a lambda.
    :raises InvalidTaskOptionsError: on an unknown option, or key arguments that the signature lacks.
    """

    if TYPE_CHECKING:
        __name__: str
        __qualname__: str
        __wrapped__: Callable[..., Any]

        def __call__(self, *args: Params.args, **kwargs: Params.kwargs) -> DistributedInvocation[Params, Result]:
            """Bind and submit one call.

            :raises TypeError: when the arguments do not fit the signature.
            """
            ...

    def __init__(self, app: AppPort, func: Callable[..., Any], options: Mapping[str, Any] | None = None) -> None:
        check_function(func)
        self._app = app
        self._conf: ConfigTask | None = None
        self._hints: dict[str, Any] | None = None
        self.func = func
        self.task_id = task_id_of(func)
        self.options = dict(options or {})
        self.is_async = is_coroutine_function(func)
        self._parameters = parameters_of(func)
        self.parameter_names = tuple(parameter[0] for parameter in self._parameters)
        _check_options(self)
        self._compile(func, self.task_id, self._parameters, self.is_async)
        self.__name__ = func.__name__
        self.__qualname__ = func.__qualname__
        self.__module__ = func.__module__
        self.__doc__ = func.__doc__
        self.__wrapped__ = func

    # -- settings ---------------------------------------------------------------------------------
    @property
    def app(self) -> AppPort:
        """The application that runs it."""
        return self._app

    @app.setter
    def app(self, app: AppPort) -> None:
        made = vars(self._app).get("runtime")  # not to be made for this
        self._app = app
        self._conf = None
        app.take_task(self)
        if made is not None:
            made.invalidate()

    @property
    def conf(self) -> ConfigTask:
        """Its settings, from every source."""
        if self._conf is None:
            from pynenc.conf.config_task import ConfigTask

            app = self._app
            self._conf = ConfigTask(
                task_id=self.task_id,
                config_values=app.config_values,
                config_filepath=app.config_filepath,
                task_options=self.options,
            )
            self._conf.on_change(lambda _field: self._app.runtime.invalidate())
        return self._conf

    @property
    def retriable_exceptions(self) -> tuple[type[Exception], ...]:
        """What the body may raise to be run again: ``retry_for``, and always ``RetryError``."""
        chosen = tuple(self.conf.retry_for)
        return chosen if RetryError in chosen else (*chosen, RetryError)

    @property
    def logger(self) -> TaskLoggerAdapter:
        """A logger that names the task, and the invocation whose body logs."""
        from pynenc.log import TaskLoggerAdapter

        def current() -> tuple[str | None, str | None]:
            running = self._running()
            return (None, None) if running is None else (running.task.task_id, running.invocation_id)

        return TaskLoggerAdapter(self._app.logger, self.task_id, current)

    # -- calls ------------------------------------------------------------------------------------
    @property
    def invocation(self) -> Any:
        """The invocation whose body runs here, of whatever task of the application.

        :raises RuntimeError: when none does.
        """
        running = self._running()
        if running is None:
            raise RuntimeError("Task has not been invoked yet")
        return running

    def _running(self) -> Any | None:
        app_id = self._app.app_id
        return get_dist_invocation_context(app_id) or sync_inv_context.get(app_id)

    def args(self, *args: Params.args, **kwargs: Params.kwargs) -> Arguments:
        """Bind a call without making it; defaults are filled in.

        :raises TypeError: when the arguments do not fit the signature.
        """
        return self._arguments(self._bind(args, kwargs))

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Bind a call: one value a parameter, in signature order.

        :raises TypeError: when the arguments do not fit the signature.
        """
        return self._bind(args, kwargs)

    def submit(self, values: tuple[Any, ...]) -> Any:
        """Submit a call of which every parameter's value is known, in signature order."""
        if self._app.conf.dev_mode_force_sync_tasks:
            return self._call_locally(values)
        return self._submit(values)

    def parallelize(
        self, param_iter: Iterable[Any], common_args: Mapping[str, Any] | None = None
    ) -> BaseInvocationGroup[Params, Result, Any]:
        """Make one call an element.

        A sized input is wholly submitted on return. An iterator is read by a thread, a few chunks
        of ``parallel_batch_size`` ahead of the workers; its errors are raised by the group.

        :param param_iter: Tuples (positional), dicts (by name) or ``Arguments``.
        :param common_args: Arguments that all calls share; an element's own value wins.
        :raises ValueError: when an element is not a dict although there are common arguments.
        :raises TypeError: when an element, named by its index, is something else or does not fit.
        """
        _check_input(param_iter, common_args)
        if self._app.conf.dev_mode_force_sync_tasks:
            from pynenc.invocation.local_calls import parallelize

            local: BaseInvocationGroup[Params, Result, Any] = parallelize(self, param_iter, common_args)
            return local
        from pynenc.invocation.group import DistributedInvocationGroup

        chunk = self.conf.parallel_batch_size
        common = None if common_args is None else dict(common_args)
        if isinstance(param_iter, Collection):
            return DistributedInvocationGroup(self, self._parallelize(param_iter, common, chunk))
        stream = self._stream(iter(param_iter), common, chunk)
        return DistributedInvocationGroup(self, stream, streamed=True)

    def call_body(self, kwargs: Mapping[str, Any]) -> Any:
        """Call the function here, with bound arguments; what it returns."""
        return invoke(self.func, self._parameters, [kwargs[name] for name in self.parameter_names])

    def check_result(self, value: Any) -> Any:
        """What a caller gets for a returned value.

        :raises ResultSerializationError: under ``strict_serialization``, when it cannot be encoded.
        """
        return self._round_trip(value, "return") if self._app.conf.strict_serialization else value

    def check_argument(self, name: str, value: Any) -> Any:
        """What the body gets for an argument.

        :raises SerializationError: under ``strict_serialization``, when it cannot be encoded.
        """
        return self._round_trip(value, name) if self._app.conf.strict_serialization else value

    # -- what the core asks for -------------------------------------------------------------------
    def _prepare(self) -> None:
        conf = self.conf
        _check_key_arguments(self, conf.key_arguments)
        app = self._app
        remote = app.runtime.remote
        travels = (self._parameters, self._annotations, conf.disable_cache_args)
        mode = "remote" if remote else "strict" if app.conf.strict_serialization else "live"
        self._install(
            {
                "runtime": app.runtime,
                "mode": "local" if app.conf.dev_mode_force_sync_tasks else mode,
                "wire": make_wire(app, self.task_id, *travels) if remote else None,
                "retry_for": self.retriable_exceptions,
                "max_retries": conf.max_retries,
                "registration": _rule(conf.registration_concurrency),
                "running": _rule(conf.running_concurrency),
                "key_arguments": tuple(conf.key_arguments),
                "raise_on_difference": conf.on_diff_non_key_args_raise,
                "reuse_result": conf.call_result_cache,
                "max_run_seconds": conf.max_run_seconds or 0.0,
                "fallback": app.serializer.encode,
                "parallel_batch_size": conf.parallel_batch_size,
                "disable_cache_args": tuple(conf.disable_cache_args),
            }
        )

    def _call_locally(self, values: tuple[Any, ...], /) -> Any:
        from pynenc.invocation.local_calls import call

        return call(self, values)

    def _round_trip(self, value: Any, where: str, /) -> Any:
        return round_trip_call(value, where, self._app.serializer, self._annotations().get(where))

    def _annotations(self) -> dict[str, Any]:
        if self._hints is None:
            self._hints = annotations_of(self.func, self._parameters)
        return self._hints

    def _difference_error(self, existing: Any, values: tuple[Any, ...], /) -> BaseException:
        return difference_error(self, existing, self._arguments(values))

    def _arguments(self, values: tuple[Any, ...]) -> Arguments:
        return Arguments(dict(zip(self.parameter_names, values, strict=True)), app=self._app)

    # -- travelling -------------------------------------------------------------------------------
    def to_json(self) -> str:
        """Write id and decorator options as one JSON object."""
        import json

        return json.dumps({"task_id": self.task_id, "options": self.conf.options_to_json()})

    @classmethod
    def from_json(cls, app: AppPort, text: str) -> Task[..., Any]:
        """Make the task again in another application, importing its module.

        :raises ValueError: when the text is not what :meth:`to_json` writes.
        :raises TaskNotRegisteredError: when the module has no such task or function.
        """
        import json

        from pynenc.conf.config_task import ConfigTask

        data = json.loads(text)
        if not isinstance(data, dict) or data.keys() != {"task_id", "options"}:
            raise ValueError("a task is a JSON object with exactly these keys: task_id, options")
        return cls(app, find_function(data["task_id"])[0], ConfigTask.options_from_json(data["options"]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._app, self.to_json())

    def __str__(self) -> str:
        return f"Task(func={self.func.__name__})"

    def __repr__(self) -> str:
        return str(self)


class TaskRegistry:
    """The tasks of one application.

    :param app: The application.
    :param imports: Whether a task that is asked for may be found by importing its module: so in a
        copy of an application that came by pickle.
    """

    def __init__(self, app: AppPort, *, imports: bool = False) -> None:
        self._app = app
        self._imports = imports
        self.tasks: dict[str, Task[..., Any]] = {}

    def add(self, func: Callable[..., Any], options: Mapping[str, Any]) -> Task[..., Any]:
        """Make a task; one of the same id is replaced."""
        task: Task[..., Any] = Task(self._app, func, options)
        self._app.take_task(task)
        return task

    def find(self, task_id: str) -> Task[..., Any] | None:
        """Find a task; ``None`` when there is none."""
        found = self.tasks.get(task_id)
        if found is None and self._imports:
            try:
                return self.add(*find_function(task_id))
            except TaskNotRegisteredError:
                return None
        return found

    def restore(self, text: str) -> Task[..., Any]:
        """Find the task that ``Task.to_json`` described.

        :raises TaskNotRegisteredError: when there is none.
        """
        import json

        task_id: str = json.loads(text)["task_id"]
        found = self.tasks.get(task_id)
        if found is None:
            if not self._imports:
                raise TaskNotRegisteredError(task_id, f"application {self._app.app_id} has no such task")
            found = self.tasks[task_id] = Task.from_json(self._app, text)
        return found


def _restore(app: AppPort, text: str) -> Any:
    return app.restore_task(text)


def _check_options(task: Task[..., Any]) -> None:
    from pynenc.conf.config_task import ConfigTask

    unknown = [name for name in task.options if name not in ConfigTask.fields()]
    if unknown:
        raise InvalidTaskOptionsError(task.task_id, f"Invalid options: {unknown}")
    try:
        for name, value in task.options.items():
            ConfigTask.field_of(name).parse(value, f"decorator of {task.task_id}")
    except ConfigError as error:
        raise InvalidTaskOptionsError(task.task_id, str(error)) from error
    _check_key_arguments(task, task.options.get("key_arguments") or ())


def _check_input(param_iter: Any, common_args: Any) -> None:
    if not isinstance(param_iter, Iterable) and not hasattr(param_iter, "__getitem__"):
        raise TypeError(f"param_iter is a {type(param_iter).__name__}; accepted: an iterable of calls")
    if not isinstance(common_args, Mapping | None):
        raise TypeError(f"common_args is a {type(common_args).__name__}; accepted: a dict from parameter name to value")


def _check_key_arguments(task: Task[..., Any], names: Iterable[str]) -> None:
    missing = [name for name in names if name not in task.parameter_names]
    if missing:
        raise InvalidTaskOptionsError(
            task.task_id, f"key_arguments {missing} are not parameters; accepted: {list(task.parameter_names)}"
        )


def _rule(mode: Any) -> str:
    name: str = mode.name.lower()
    return "" if name == "disabled" else name
