"""One call of a task: the task and its bound arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynenc.arguments import Arguments
from pynenc.exceptions import InvocationConcurrencyWithDifferentArgumentsError
from pynenc.ports import AppPort, BodyPort


def disables_cache(task: BodyPort, name: str) -> bool:
    """Tell whether the argument of this name always travels inline."""
    names = task.conf.disable_cache_args
    return "*" in names or name in names


class Call:
    """A task and the arguments of one call. Equal when task and arguments are.

    :param task: The task.
    :param arguments: Bound to its signature; none by default.
    """

    __slots__ = ("_arguments", "_task")

    def __init__(self, task: BodyPort, _arguments: Arguments | None = None) -> None:
        self._task = task
        self._arguments = _arguments if _arguments is not None else Arguments(app=task.app)

    @property
    def task(self) -> BodyPort:
        """The task."""
        return self._task

    @property
    def app(self) -> AppPort:
        """The application of the task."""
        return self._task.app

    @property
    def arguments(self) -> Arguments:
        """The bound arguments."""
        return self._arguments

    @property
    def call_id(self) -> str:
        """Stands for task and arguments.

        :raises FingerprintError: when an argument has no fingerprint.
        """
        return f"#task_id#{self._task.task_id}#args_id#{self.arguments.args_id}"

    @property
    def serialized_arguments(self) -> dict[str, str]:
        """The arguments as text; large ones as keys of the argument cache.

        :raises SerializationError: naming the argument that cannot be encoded.
        """
        cache = self.app.arg_cache
        return {
            name: cache.serialize(value, disable_cache=disables_cache(self._task, name))
            for name, value in self.arguments.kwargs.items()
        }

    def _inline_arguments(self) -> dict[str, str]:
        """The arguments as text, without keys: whoever reads them may have no such cache."""
        cache = self.app.arg_cache
        return {name: cache.serialize(value, disable_cache=True) for name, value in self.arguments.kwargs.items()}

    @property
    def serialized_args_for_concurrency_check(self) -> dict[str, str] | None:
        """Those arguments that the registration rule compares; ``None`` when it compares none.

        :raises KeyError: when a key argument is missing.
        """
        from pynenc.conf.config_task import ConcurrencyControlType

        mode = self._task.conf.registration_concurrency
        if mode == ConcurrencyControlType.ARGUMENTS:
            return self.serialized_arguments
        if mode == ConcurrencyControlType.KEYS:
            serialized = self.serialized_arguments
            return {name: serialized[name] for name in self._task.conf.key_arguments}
        return None

    def to_json(self) -> str:
        """Write task and arguments as one JSON object."""
        import json

        return json.dumps({"task": self._task.to_json(), "arguments": self._inline_arguments()})

    @classmethod
    def from_json(cls, app: AppPort, text: str) -> Call:
        """Read what :meth:`to_json` wrote.

        :raises TaskNotRegisteredError: when the application has no such task.
        :raises ValueError: when the text is not such an object.
        """
        import json

        data = json.loads(text)
        if not isinstance(data, dict) or data.keys() != {"task", "arguments"}:
            raise ValueError("a call is a JSON object with exactly these keys: task, arguments")
        task: BodyPort = app.restore_task(data["task"])
        kwargs = {name: app.arg_cache.deserialize(value) for name, value in data["arguments"].items()}
        return cls(task, Arguments(kwargs, app=app))

    def __getstate__(self) -> dict[str, Any]:
        return {"task": self._task, "arguments": self._inline_arguments()}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._task = state["task"]
        cache = self._task.app.arg_cache
        kwargs = {name: cache.deserialize(value) for name, value in state["arguments"].items()}
        self._arguments = Arguments(kwargs, app=self._task.app)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.call_id == other.call_id

    def __hash__(self) -> int:
        return hash(self.call_id)

    def __str__(self) -> str:
        return f"{type(self).__name__}({self._task.task_id}, {self.arguments})"

    __repr__ = __str__


def difference_error(task: BodyPort, existing: Any, new: Arguments) -> InvocationConcurrencyWithDifferentArgumentsError:
    """What to raise when a registration rule refuses a call because of an existing invocation."""
    return InvocationConcurrencyWithDifferentArgumentsError.from_call_mismatch(
        task.task_id,
        existing.invocation_id,
        Call(task, new).call_id,
        existing.arguments.summary(),
        new.summary(),
    )


class PreSerializedCall:
    """A call some of whose arguments are text already, shared by many calls.

    :param task: The task.
    :param other_args: Values of this call alone; they win over shared ones of the same name.
    :param pre_serialized_args: Shared arguments, as the argument cache wrote them.
    """

    __slots__ = ("_arguments", "other_args", "pre_serialized_args", "task")

    def __init__(
        self,
        task: BodyPort,
        other_args: Mapping[str, Any] | None = None,
        pre_serialized_args: Mapping[str, str] | None = None,
    ) -> None:
        self.task = task
        self.other_args = dict(other_args or {})
        self.pre_serialized_args = dict(pre_serialized_args or {})
        self._arguments: Arguments | None = None

    @property
    def app(self) -> AppPort:
        """The application of the task."""
        return self.task.app

    @property
    def serialized_arguments(self) -> dict[str, str]:
        """All arguments as text; only those of this call alone are encoded."""
        cache = self.app.arg_cache
        own = {
            name: cache.serialize(value, disable_cache=disables_cache(self.task, name))
            for name, value in self.other_args.items()
        }
        return {**self.pre_serialized_args, **own}

    @property
    def arguments(self) -> Arguments:
        """The arguments as values; the shared ones are decoded when this is first read."""
        if self._arguments is None:
            cache = self.app.arg_cache
            shared = {
                name: cache.deserialize(value)
                for name, value in self.pre_serialized_args.items()
                if name not in self.other_args
            }
            self._arguments = Arguments({**shared, **self.other_args}, app=self.app)
        return self._arguments

    @property
    def call(self) -> Call:
        """The same call with all arguments decoded."""
        return Call(self.task, self.arguments)

    @property
    def call_id(self) -> str:
        """Stands for task and arguments; decodes the shared ones."""
        return self.call.call_id

    def __getstate__(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "other_args": self.other_args,
            "pre_serialized_args": self.pre_serialized_args,
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.task = state["task"]
        self.other_args = state["other_args"]
        self.pre_serialized_args = state["pre_serialized_args"]
        self._arguments = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PreSerializedCall) and self.call_id == other.call_id

    def __hash__(self) -> int:
        return hash(self.call_id)
