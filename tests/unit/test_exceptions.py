from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import pytest

from pynenc import exceptions
from pynenc.difference import format_difference
from pynenc.exceptions import (
    ConfigError,
    CycleDetectedError,
    InvalidTaskOptionsError,
    InvocationConcurrencyWithDifferentArgumentsError,
    InvocationError,
    InvocationNotFoundError,
    MaxRunTimeError,
    PendingInvocationLockError,
    PynencError,
    RemoteTaskError,
    ResultExpired,
    RetryError,
    SerializationError,
    StateBackendError,
    TaskError,
    TaskRoutingError,
    WaitLimitError,
)

CLASSES = [
    value
    for name, value in vars(exceptions).items()
    if inspect.isclass(value) and issubclass(value, PynencError) and not name.startswith("_")
]

VALUES: dict[str, Any] = {
    "call_ids": ["one", "two"],
    "diff": "line\nline",
    "existing_invocation_id": "inv-1",
    "invocation_id": "inv-2",
    "invocation_ids": ["inv-3", "inv-4"],
    "limit": 1000,
    "message": "what went wrong: ü",
    "new_call_id": "call-1",
    "path": "args.user[3]",
    "remote_args": ("a", 1, None),
    "seconds": 2.5,
    "server": "redis://host:6379/0",
    "task_id": "module.task",
    "traceback_text": "Traceback: …",
    "type_name": "some.where.Error",
}


def sample(kind: type[PynencError]) -> PynencError:
    """An instance with something in every field."""
    if kind._fields:
        return kind(*(VALUES[field] for field in kind._fields))
    return kind("a message")


def state(error: PynencError) -> tuple[Any, ...]:
    return type(error), str(error), error.args, vars(error)


def test_there_are_many() -> None:
    assert len(CLASSES) >= 35


@pytest.mark.parametrize("kind", CLASSES)
class TestEveryClass:
    def test_json(self, kind: type[PynencError]) -> None:
        error = sample(kind)
        assert state(PynencError.from_json(kind.__name__, error.to_json())) == state(error)

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_pickle(self, kind: type[PynencError], protocol: int) -> None:
        error = sample(kind)
        assert state(pickle.loads(pickle.dumps(error, protocol))) == state(error)

    def test_copy(self, kind: type[PynencError]) -> None:
        error = sample(kind)
        assert state(copy.copy(error)) == state(error)

    def test_args_are_the_fields(self, kind: type[PynencError]) -> None:
        error = sample(kind)
        if kind._fields:
            assert error.args == tuple(VALUES[field] for field in kind._fields)
            assert all(getattr(error, field) == VALUES[field] for field in kind._fields)

    def test_message_is_optional(self, kind: type[PynencError]) -> None:
        # A class without fields has the constructor of Exception, which inspect cannot read.
        parameters = inspect.signature(kind).parameters.values() if kind._fields else ()
        error = kind(*(VALUES[each.name] for each in parameters if each.default is each.empty))
        assert isinstance(str(error), str)
        assert state(PynencError.from_json(kind.__name__, error.to_json())) == state(error)


# -- text -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TaskError("m.f"), "TaskError(m.f)"),
        (TaskError("m.f", "broken"), "TaskError(m.f): broken"),
        (
            InvalidTaskOptionsError("m.f", "Invalid options: ['x']"),
            "InvalidTaskOptionsError(m.f): Invalid options: ['x']",
        ),
        (InvocationError("i", "broken"), "InvocationError(i): broken"),
        (InvocationNotFoundError("i"), "InvocationNotFoundError(i)"),
        (PendingInvocationLockError("i"), "PendingInvocationLockError(i)"),
        (CycleDetectedError(["a", "b"]), "the wait closes a cycle: a -> b -> a"),
        (CycleDetectedError(["a"], "own words"), "own words"),
        (WaitLimitError(10), "the chain of waiting invocations has more than 10 links"),
        (SerializationError("args.x", "no"), "args.x: no"),
        (SerializationError("", "no"), "no"),
        (MaxRunTimeError(), "the body ran longer than its task's max_run_seconds"),
        (MaxRunTimeError("i", 2), "MaxRunTimeError(i): ran longer than max_run_seconds=2"),
        (RemoteTaskError("m.E", "text"), "m.E: text"),
        (RemoteTaskError("m.E", ""), "m.E"),
        (RetryError(), ""),
        (RetryError("again"), "again"),
    ],
)
def test_text(error: PynencError, text: str) -> None:
    assert str(error) == text


def test_difference_of_arguments() -> None:
    error = InvocationConcurrencyWithDifferentArgumentsError.from_call_mismatch(
        "m.f", "inv", "call", {"a": 1, "b": 2, "gone": 3}, {"b": 5, "a": 1, "new": 4}
    )
    assert error.diff.split("\n") == [
        "=" * 30,
        "Differences for m.f:",
        "  * Original: {'a': 1, 'b': 2, 'gone': 3}",
        "  * Updated: {'b': 5, 'a': 1, 'new': 4}",
        "-" * 30,
        "  * Changes: ",
        "    - b: 2 -> 5",
        "    - gone: Removed",
        "    - new: Added",
    ]
    head, _, rest = str(error).partition("\n")
    assert head == (
        "InvocationConcurrencyWithDifferentArgumentsError(m.f): call call has other arguments than invocation inv"
    )
    assert rest == error.diff


def test_difference_keeps_no_arguments() -> None:
    class Thing:
        """Cannot be pickled: it is local."""

    error = InvocationConcurrencyWithDifferentArgumentsError.from_call_mismatch(
        "m.f", "inv", "call", {"a": Thing()}, {"a": Thing()}, "own words"
    )
    assert str(pickle.loads(pickle.dumps(error))).startswith(f"{type(error).__name__}(m.f): own words\n")


def test_difference_of_values_that_compare_to_no_boolean() -> None:
    numpy = pytest.importorskip("numpy")
    same, other = numpy.array([1, 2]), numpy.array([1, 3])
    assert "a: " not in format_difference("t", {"a": same}, {"a": same}).partition("Changes")[2]
    assert "    - a: [1 2] -> [1 3]" in format_difference("t", {"a": same}, {"a": other})


def test_a_forked_process_is_told_what_to_use_instead() -> None:
    assert 'engine="local"' in str(exceptions.ForkedProcessError())
    assert str(exceptions.ForkedProcessError("why")) == "why"


# -- classes --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (exceptions.ConcurrencyRetryError, RetryError),
        (InvalidTaskOptionsError, TaskError),
        (InvocationConcurrencyWithDifferentArgumentsError, TaskRoutingError),
        (TaskRoutingError, TaskError),
        (exceptions.TaskParallelProcessingError, TaskError),
        (exceptions.TaskNotRegisteredError, TaskError),
        (exceptions.InvocationCancelledError, InvocationError),
        (exceptions.WorkerLostError, InvocationError),
        (exceptions.FencedError, InvocationError),
        (exceptions.StatusTransitionError, InvocationError),
        (InvocationNotFoundError, StateBackendError),
        (ResultExpired, StateBackendError),
        (exceptions.ConfigMultiInheritanceError, ConfigError),
        (ConfigError, ValueError),
        (exceptions.FingerprintError, SerializationError),
        (exceptions.ResultSerializationError, SerializationError),
        (exceptions.ArgumentTooLargeError, SerializationError),
    ],
)
def test_hierarchy(kind: type[Exception], parent: type[Exception]) -> None:
    assert issubclass(kind, parent)


@pytest.mark.parametrize(
    ("kind", "other"), [(InvocationNotFoundError, InvocationError), (WaitLimitError, CycleDetectedError)]
)
def test_siblings(kind: type[Exception], other: type[Exception]) -> None:
    assert not issubclass(kind, other)


# -- JSON -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["NoSuchError", "ValueError", "Any", "format_difference", ""])
def test_unknown_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"no pynenc exception is called {name!r}"):
        PynencError.from_json(name, "{}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TaskError", "{}"),
        ("TaskError", '{"task_id": "a"}'),
        ("TaskError", '{"task_id": "a", "message": null, "more": 1}'),
        ("TaskError", '{"args": ["a", null]}'),
        ("RetryError", "[]"),
        ("RetryError", '{"message": "x"}'),
        ("RetryError", "not json"),
    ],
)
def test_wrong_json(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a JSON object with these keys|Expecting value"):
        PynencError.from_json(name, text)


def test_what_json_lacks_is_written_as_its_repr() -> None:
    assert json.loads(RetryError({1j}, b"x").to_json()) == {"args": ["{1j}", "b'x'"]}


class UserError(TaskError):
    """With a constructor that no one else can call."""

    def __init__(self, *, code: int) -> None:
        super().__init__("m.f", f"code {code}")
        self.code = code


class OtherUserError(RetryError):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class ForeignArgsError(TaskError):
    def __init__(self) -> None:
        super().__init__("m.f", "x")
        self.args = (1, 2, 3)


def test_subclass_of_a_user_is_rebuilt_without_its_constructor() -> None:
    rebuilt = PynencError.from_json("UserError", UserError(code=3).to_json())
    assert type(rebuilt) is UserError
    assert (rebuilt.task_id, rebuilt.message, str(rebuilt)) == ("m.f", "code 3", "UserError(m.f): code 3")
    other = PynencError.from_json("OtherUserError", OtherUserError(1, "x").to_json())
    assert (type(other), other.args) == (OtherUserError, ("x",))


def test_subclass_of_a_user_with_args_of_its_own() -> None:
    rebuilt = PynencError.from_json("ForeignArgsError", ForeignArgsError().to_json())
    assert (type(rebuilt), rebuilt.args) == (ForeignArgsError, (1, 2, 3))


def test_notes_survive_pickling() -> None:
    error = RetryError("x")
    error.add_note("seen there")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["seen there"]
