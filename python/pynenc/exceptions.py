"""Every exception that pynenc raises on purpose: ids and strings, never live objects.

Every class can be built from its own ``args``, and so copied, pickled, and raised again in another process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pynenc.difference import format_difference


class PynencError(Exception):
    """Base of all of them.

    A subclass that has fields lists them in ``_fields``, in the order of its constructor and of ``args``.
    """

    _fields: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> str:
        """Write the fields as a JSON object; a value that JSON lacks is written as its ``repr``.

        A class without fields of its own writes its ``args``.
        """
        import json as codec

        # A user's subclass may have its own ``args``, which are then all that is known of it.
        if self._fields and len(self.args) == len(self._fields):
            return codec.dumps(dict(zip(self._fields, self.args, strict=True)), default=repr)
        return codec.dumps({"args": self.args}, default=repr)

    @staticmethod
    def from_json(name: str, json: str) -> PynencError:
        """Rebuild the exception that :meth:`to_json` wrote.

        :param name: bare class name, of this module or of a subclass that is already loaded in this process.
        :param json: what ``to_json`` returned.
        :raises ValueError: no such class, or ``json`` does not hold its fields.
        """
        import json as codec

        kind = _find_class(name)
        values = codec.loads(json)
        if isinstance(values, dict) and kind._fields and set(values) == set(kind._fields):
            return kind._rebuild({field: values[field] for field in kind._fields})
        if isinstance(values, dict) and set(values) == {"args"} and not (kind._fields and kind.__module__ == __name__):
            return kind._rebuild({}, values["args"])
        raise ValueError(f"{name}: expected a JSON object with these keys: {', '.join(kind._fields or ('args',))}")

    @classmethod
    def _rebuild(cls, fields: Mapping[str, Any], args: Iterable[Any] = ()) -> Self:
        args = tuple(fields.values() or args)
        if cls.__module__ == __name__:
            return cls(*args)
        # The constructor of a user's subclass may want anything, so it is not called.
        rebuilt = cls.__new__(cls, *args)
        rebuilt.args = args
        vars(rebuilt).update(fields)
        return rebuilt


class RetryError(PynencError):
    """Raised by a task's body to ask for another run, within ``max_retries``."""


class ConcurrencyRetryError(RetryError):
    """Asks for another run because a concurrency rule stood in the way."""


class TaskError(PynencError):
    """Something is wrong with a task; its fields are ``task_id`` and ``message``."""

    _fields: ClassVar[tuple[str, ...]] = ("task_id", "message")

    def __init__(self, task_id: str, message: str | None = None) -> None:
        self.task_id, self.message = task_id, message
        super().__init__(task_id, message)

    def __str__(self) -> str:
        return _labelled(self, self.task_id, self.message)


class InvalidTaskOptionsError(TaskError):
    """The options of a task do not exist, or do not fit its signature."""


class TaskNotRegisteredError(TaskError):
    """A message names a task that this process does not have."""


class TaskParallelProcessingError(TaskError):
    """A call could not be split into parts, or their results not be combined."""


class TaskRoutingError(TaskError):
    """A call could not be turned into an invocation."""


class InvocationConcurrencyWithDifferentArgumentsError(TaskRoutingError):
    """A registration rule found an invocation that has the same key and other arguments.

    :param diff: the differing arguments, printed.
    :param message: replaces the default first line.
    """

    _fields: ClassVar[tuple[str, ...]] = ("task_id", "existing_invocation_id", "new_call_id", "diff", "message")

    def __init__(
        self, task_id: str, existing_invocation_id: str, new_call_id: str, diff: str, message: str | None = None
    ) -> None:
        super().__init__(task_id, message)
        self.existing_invocation_id = existing_invocation_id
        self.new_call_id = new_call_id
        self.diff = diff
        self.args = (task_id, existing_invocation_id, new_call_id, diff, message)

    @classmethod
    def from_call_mismatch(
        cls,
        task_id: str,
        existing_invocation_id: str,
        new_call_id: str,
        existing_arguments: Mapping[str, object],
        new_arguments: Mapping[str, object],
        message: str | None = None,
    ) -> Self:
        """Build it from both sets of arguments by name, which are printed here, not shortened, and not kept."""
        diff = format_difference(task_id, existing_arguments, new_arguments)
        return cls(task_id, existing_invocation_id, new_call_id, diff, message)

    def __str__(self) -> str:
        default = f"call {self.new_call_id} has other arguments than invocation {self.existing_invocation_id}"
        return f"{_labelled(self, self.task_id, self.message or default)}\n{self.diff}"


class _AboutInvocation(PynencError):
    _fields: ClassVar[tuple[str, ...]] = ("invocation_id", "message")

    def __init__(self, invocation_id: str, message: str | None = None) -> None:
        self.invocation_id, self.message = invocation_id, message
        super().__init__(invocation_id, message)

    def __str__(self) -> str:
        return _labelled(self, self.invocation_id, self.message)


class InvocationError(_AboutInvocation):
    """Something is wrong with an invocation; its fields are ``invocation_id`` and ``message``."""


class PendingInvocationLockError(InvocationError):
    """Another worker has just claimed the invocation."""


class InvocationCancelledError(InvocationError):
    """The invocation was cancelled, so it has no result."""


class WorkerLostError(InvocationError):
    """The invocation's workers died under it too often; it will not be run again."""


class FencedError(InvocationError):
    """A late write was refused: the writer no longer holds the invocation."""


class StatusTransitionError(InvocationError):
    """The status table has no edge between the invocation's status and the requested one."""


class StateBackendError(PynencError):
    """What is stored about an invocation could not be read or written."""


class InvocationNotFoundError(_AboutInvocation, StateBackendError):  # pyright: ignore[reportUnsafeMultipleInheritance]
    """The engine has no invocation of that id."""


class ResultExpired(_AboutInvocation, StateBackendError):  # pyright: ignore[reportUnsafeMultipleInheritance]
    """Its result is no longer kept: dropped since (retention, or yielded by a stream), or lost with a server's data."""


class RunnerError(PynencError):
    """A runner was used in a way that it does not support, or could not work."""


class RunnerNotExecutableError(PynencError):
    """This runner only stands in for one; it cannot run anything."""


class CycleDetectedError(PynencError):
    """The wait would have closed a circle in which everybody waits for ever.

    :param call_ids: the calls along the circle, the waiting one first.
    """

    _fields: ClassVar[tuple[str, ...]] = ("call_ids", "message")

    def __init__(self, call_ids: Iterable[str], message: str | None = None) -> None:
        self.call_ids = list(call_ids)
        self.message = message
        super().__init__(self.call_ids, message)

    def __str__(self) -> str:
        if self.message is not None:
            return self.message
        return f"the wait closes a cycle: {' -> '.join([*self.call_ids, *self.call_ids[:1]])}"


class WaitLimitError(PynencError):
    """The chain of waits is longer than what is searched for a cycle.

    :param limit: how many links were walked.
    """

    _fields: ClassVar[tuple[str, ...]] = ("limit", "message")

    def __init__(self, limit: int, message: str | None = None) -> None:
        self.limit, self.message = limit, message
        super().__init__(limit, message)

    def __str__(self) -> str:
        return self.message or f"the chain of waiting invocations has more than {self.limit} links"


class BlockingWaitError(PynencError):
    """A coroutine asked for a result in a way that would block its event loop."""


class MaxRunTimeError(PynencError):
    """A body ran longer than its task's ``max_run_seconds``.

    Without arguments it is what the interpreter raises inside the thread of such a body.

    :param invocation_id: the invocation.
    :param seconds: the limit.
    """

    _fields: ClassVar[tuple[str, ...]] = ("invocation_id", "seconds")

    def __init__(self, invocation_id: str = "", seconds: float = 0.0) -> None:
        self.invocation_id = invocation_id
        self.seconds = seconds
        super().__init__(invocation_id, seconds)

    def __str__(self) -> str:
        told = _labelled(self, self.invocation_id, f"ran longer than max_run_seconds={self.seconds:g}")
        return told if self.invocation_id else "the body ran longer than its task's max_run_seconds"


class EngineClosedError(PynencError):
    """The engine was closed; it takes no more work and answers no more waits."""


class EngineError(PynencError):
    """An engine cannot do what it was asked; ``server`` says where it is, without secrets, or nothing."""

    _fields: ClassVar[tuple[str, ...]] = ("server", "message")

    def __init__(self, server: str, message: str) -> None:
        super().__init__(server, message)
        self.server, self.message = server, message

    def __str__(self) -> str:
        return self.message


class EngineUnreachableError(EngineError):
    """The server gave no answer within the time; what was asked may have happened, or not."""


class AccessDeniedError(EngineError):
    """The server refuses user and password, or the user may not do what is needed."""


class BackPressureError(EngineError):
    """The server is full and takes no new work; what it has goes on."""


class UnacknowledgedError(PynencError):
    """Calls of a ``with app.pipelined()`` block may or may not have been taken; ``invocation_ids`` says which."""

    _fields: ClassVar[tuple[str, ...]] = ("invocation_ids", "message")

    def __init__(self, invocation_ids: Iterable[str], message: str) -> None:
        self.invocation_ids, self.message = list(invocation_ids), message
        super().__init__(self.invocation_ids, message)

    __str__ = EngineError.__str__


class LocalServerError(PynencError, ConnectionError):
    """The local engine cannot have its server: no program, no safe place for it, or it does not come up."""


class ForkedProcessError(PynencError):
    """An object that belongs to the parent process was used after a fork."""

    def __str__(self) -> str:
        return super().__str__() or (
            "the engine belongs to the parent process of this fork; start a new interpreter instead, and share work "
            'with it through engine="local" (on this machine) or engine="redis"'
        )


class ConfigError(PynencError, ValueError):
    """A setting is unknown, has a value that does not fit, or its source cannot be read."""


class ConfigMultiInheritanceError(ConfigError):
    """Two unrelated config classes define one field, and a third inherits both."""


class AlreadyInitializedError(PynencError):
    """A component was asked to start a second time."""


class SerializationError(PynencError):
    """A value cannot be written or read.

    :param path: where it is, from the outside in: ``args.user.created``, ``result[3]``.
    :param message: why not, and what is accepted.
    """

    _fields: ClassVar[tuple[str, ...]] = ("path", "message")

    def __init__(self, path: str, message: str) -> None:
        self.path, self.message = path, message
        super().__init__(path, message)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class FingerprintError(SerializationError):
    """A rule needs the value's fingerprint, and it has none."""


class ResultSerializationError(SerializationError):
    """The body ended well, but what it returned cannot be written."""


class ArgumentTooLargeError(SerializationError):
    """An argument is over the size that may travel inline."""


class ArgumentUnavailableError(SerializationError):
    """A large argument is no longer on the server, which has lost it; calling again sends it again."""


class UntrustedPayloadError(PynencError):
    """A payload was refused before it was decoded: no signature, a wrong one, or over a limit."""


class RemoteTaskError(PynencError):
    """The task failed with an exception whose class this process may not, or cannot, rebuild.

    :param type_name: dotted name of the class.
    :param message: its text.
    :param remote_args: its ``args``, as far as they could travel.
    :param traceback_text: the traceback, printed where it happened.
    """

    _fields: ClassVar[tuple[str, ...]] = ("type_name", "message", "remote_args", "traceback_text")

    def __init__(self, type_name: str, message: str, remote_args: Iterable[Any] = (), traceback_text: str = "") -> None:
        self.type_name = type_name
        self.message = message
        self.remote_args = tuple(remote_args)
        self.traceback_text = traceback_text
        super().__init__(type_name, message, self.remote_args, traceback_text)

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


def _labelled(error: PynencError, subject: str, message: str | None = None) -> str:
    return f"{type(error).__name__}({subject})" + (f": {message}" if message else "")


def _find_class(name: str) -> type[PynencError]:
    own = globals().get(name)
    if isinstance(own, type) and issubclass(own, PynencError):
        return own
    unseen = [PynencError]
    while unseen:
        kind = unseen.pop()
        if kind.__name__ == name:
            return kind
        unseen.extend(kind.__subclasses__())
    raise ValueError(f"no pynenc exception is called {name!r}")
