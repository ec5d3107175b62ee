"""What travels between the library and an engine, as frozen data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from pynenc.model.status import InvocationStatus


@dataclass(frozen=True, slots=True)
class Submission:
    """One call, as an engine takes it.

    :param task_id: The task to run.
    :param call: What the worker needs in order to run it; the engine does not look inside.
    :param is_async: Whether the body is a coroutine function, which runs beside the worker slots.
    :param parent_id: The invocation whose body makes the call.
    :param delay: Seconds before it may be claimed.
    :param registration_key: Allows one invocation of this key that has not started.
    :param running_key: Allows one invocation of this key that runs or is paused.
    :param arguments_fingerprint: All arguments; tells an equal call from a different one.
    :param raise_on_difference: Refuse, rather than reuse, a call of the same key whose arguments differ.
    :param reuse_result: Answer from a kept successful result of the same arguments.
    :raises ValueError: on an empty task id, a negative delay, or a key that is not 32 bytes.
    """

    task_id: str
    call: object = None
    is_async: bool = False
    parent_id: str | None = None
    delay: float = 0.0
    registration_key: bytes | None = None
    running_key: bytes | None = None
    arguments_fingerprint: bytes | None = None
    raise_on_difference: bool = False
    reuse_result: bool = False

    def __post_init__(self) -> None:
        if not self.task_id:
            raise ValueError("a submission needs the id of its task")
        if not self.delay >= 0:
            raise ValueError(f"delay is {self.delay!r}; accepted: seconds from now, not negative")
        for name in ("registration_key", "running_key", "arguments_fingerprint"):
            key = getattr(self, name)
            if key is not None and len(key) != 32:
                raise ValueError(f"{name} has {len(key)} bytes; accepted: 32 bytes or None")
        if self.reuse_result and self.arguments_fingerprint is None:
            raise ValueError("reuse_result needs arguments_fingerprint")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An engine's answer to one submission.

    :param kind: ``new``, ``reused``, ``cached`` (a kept result answers it) or ``refused``.
    :param invocation_id: The invocation that stands for the call.
    :param same_arguments: Whether that invocation has the arguments of the call.
    """

    kind: str
    invocation_id: str
    same_arguments: bool

    def __post_init__(self) -> None:
        if self.kind not in ("new", "reused", "cached", "refused"):
            raise ValueError(f"kind is {self.kind!r}; accepted: new, reused, cached, refused")


@dataclass(frozen=True, slots=True)
class InvocationRecord:
    """What an engine knows of one invocation, at one moment.

    :param attempt: How often it was claimed.
    :param retries: How often it was tried again after an error.
    :param losses: How many workers were lost with it.
    :param worker: Name of the worker that holds it, or an empty text.
    :param awaits: The invocations that its paused body waits for.
    """

    invocation_id: str
    task_id: str
    status: InvocationStatus
    parent_id: str | None = None
    attempt: int = 0
    retries: int = 0
    losses: int = 0
    worker: str = ""
    awaits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvocationHistory:
    """One move of an invocation.

    :param invocation_id: The invocation.
    :param status: The status that it moved to.
    :param timestamp: When, in UTC.
    :param execution_context: Name of the worker that moved it; empty when none held it.
    """

    invocation_id: str
    status: InvocationStatus
    timestamp: datetime
    execution_context: str = ""

    @classmethod
    def from_event(cls, invocation_id: str, event: tuple[str, float, str]) -> InvocationHistory:
        """Read an engine's ``(status, seconds since the epoch, worker)``."""
        status, seconds, worker = event
        return cls(invocation_id, InvocationStatus(status), datetime.fromtimestamp(seconds, UTC), worker)

    def to_json(self) -> str:
        """Write it as one JSON object."""
        return json.dumps(
            {
                "invocation_id": self.invocation_id,
                "status": self.status.value,
                "timestamp": self.timestamp.isoformat(),
                "execution_context": self.execution_context,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> InvocationHistory:
        """Read what :meth:`to_json` wrote.

        :raises ValueError: when the text is not such an object.
        """
        data = json.loads(text)
        try:
            return cls(
                data["invocation_id"],
                InvocationStatus(data["status"]),
                datetime.fromisoformat(data["timestamp"]),
                data["execution_context"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a history entry: {text[:80]!r}") from error
