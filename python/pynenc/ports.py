"""What the layers ask of each other, as protocols.

Nothing here does anything. An engine satisfies :class:`EnginePort` by shape, the application
:class:`AppPort`, a task :class:`TaskPort`; so no layer has to import one that lies above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from pynenc._core import Claim, Runtime
    from pynenc.conf.config_pynenc import ConfigPynenc
    from pynenc.conf.config_task import ConfigTask
    from pynenc.model.records import Submission


class QueuePort(Protocol):
    """Taking calls in and handing them out. Every method is one atomic step."""

    def submit(self, batch: Sequence[Submission], /) -> list[tuple[str, str, bool]]:
        """Take the calls; ``(kind, invocation id, same arguments)`` for each, as in ``Receipt``."""
        ...

    def claim(self, worker: int, limit: int = 1, lane: Literal["any", "sync", "async"] = "any", /) -> list[Claim]:
        """Hand at most ``limit`` invocations to a worker, under its lease; never blocks."""
        ...

    def claim_awaited(self, waiter: Claim, invocation_id: str, /) -> Claim | None:
        """Hand one invocation to the worker of the body that waits for it."""
        ...

    def queued(self) -> int:
        """How many a worker could claim now."""
        ...


class LifecyclePort(Protocol):
    """What the holder of a claim reports; a claim that is no longer valid raises ``FencedError``."""

    def start(self, claim: Claim, /) -> None:
        """The body starts."""
        ...

    def finish(
        self, claim: Claim, status: Literal["success", "failed", "cancelled"], value: object, size: int = 0, /
    ) -> None:
        """The body ended for good; ``size`` is what the value weighs in bytes."""
        ...

    def retry(self, claim: Claim, delay: float = 0.0, /) -> None:
        """The body ended with an error after which it is to run again, in ``delay`` seconds at the soonest."""
        ...

    def release(self, claim: Claim, /) -> None:
        """Hand it back; counted as nothing."""
        ...

    def cancel(self, invocation_id: str, /) -> Literal["cancelled", "requested", "final"]:
        """Call it off: at once when no body runs, else ask its holder to stop."""
        ...


class WaitPort(Protocol):
    """Waiting for others."""

    def pause(self, claim: Claim, awaited: Sequence[str], /) -> bool:
        """The body waits; what it awaits runs first. ``False``, and nothing changed: one of them is final.

        :raises CycleDetectedError: when the wait would close a cycle.
        :raises WaitLimitError: when the chain of waits is too long to tell.
        """
        ...

    def resume(self, claim: Claim, /) -> None:
        """The wait is over."""
        ...

    def wait_final(self, invocation_ids: Sequence[str], timeout: float | None = None, /) -> list[str]:
        """Block until one of them is final, or for ``timeout`` seconds; those that are."""
        ...


class LeasePort(Protocol):
    """Who is alive."""

    def register_worker(self, name: str = "", /) -> int:
        """Begin a lease; the number of the worker."""
        ...

    def renew(self, worker: int, /) -> bool:
        """Prolong the lease; ``False`` when it was lost already."""
        ...

    def lose(self, worker: int, /) -> list[str]:
        """Treat the worker as dead; the invocations that went back."""
        ...

    def tick(self) -> float | None:
        """Promote what is due, rescue what lost its lease, drop what is old; seconds to the next time."""
        ...


class QueryPort(Protocol):
    """Looking, without changing."""

    def status(self, invocation_id: str, /) -> str:
        """Name of its status."""
        ...

    def record(self, invocation_id: str, /) -> dict[str, Any]:
        """The fields of ``InvocationRecord``."""
        ...

    def history(self, invocation_id: str, /) -> list[tuple[str, float, str]]:
        """``(status, seconds since the epoch, worker)``, oldest first."""
        ...

    def find(
        self, task_id: str | None = None, statuses: Sequence[str] | None = None, limit: int = 1_000, /
    ) -> list[str]:
        """Ids, oldest first; ``None`` means any."""
        ...

    def counts(self) -> dict[str, int]:
        """How many there are of each status."""
        ...

    def purge(self) -> int:
        """Forget everything; how many invocations that were."""
        ...


class BlobPort(Protocol):
    """Reading what a finished body left behind."""

    def outcome(self, invocation_id: str, /) -> object:
        """The stored result; raises the stored error, or ``InvocationError`` when it is not final."""
        ...


class EnginePort(QueuePort, LifecyclePort, WaitPort, LeasePort, QueryPort, BlobPort, Protocol):
    """A whole engine."""


class SerializerPort(Protocol):
    """Values to bytes and back."""

    def serialize(self, obj: Any) -> str | bytes:
        """Write the value alone."""
        ...

    def deserialize(self, data: Any) -> Any:
        """Read what ``serialize`` wrote."""
        ...

    def encode(self, value: Any, path: str = "value", /) -> bytes:
        """Write the value with its envelope; ``path`` names it in errors."""
        ...

    def decode(self, data: bytes, annotation: Any = None, path: str = "value", /) -> Any:
        """Read what ``encode`` wrote, as the annotation says."""
        ...


class ArgCachePort(Protocol):
    """Values to text and back, large ones by reference."""

    def serialize(self, obj: Any, disable_cache: bool = False) -> str:
        """Encode the value, or store it and give its key."""
        ...

    def deserialize(self, data: str) -> Any:
        """Decode, or look the key up."""
        ...

    def counters(self) -> dict[str, int]:
        """How it did."""
        ...

    @property
    def blobs_from(self) -> int | None:
        """From how many bytes on the engine sends a value by its digest; ``None``: never."""
        ...


class SettingsPort(Protocol):
    """Where the settings of an application come from."""

    @property
    def conf(self) -> ConfigPynenc:
        """The resolved settings."""
        ...

    @property
    def config_values(self) -> Mapping[str, Any] | None:
        """Those given in code."""
        ...

    @property
    def config_filepath(self) -> str | None:
        """The file given in code."""
        ...


class AppPort(SettingsPort, Protocol):
    """The application, as the layers below it see it."""

    @property
    def app_id(self) -> str:
        """Its id."""
        ...

    @property
    def logger(self) -> logging.Logger:
        """Where it logs."""
        ...

    @property
    def serializer(self) -> SerializerPort:
        """How it encodes values."""
        ...

    @property
    def arg_cache(self) -> ArgCachePort:
        """How it encodes arguments."""
        ...

    @property
    def runtime(self) -> Runtime:
        """Its execution state in this process."""
        ...

    def restore_task(self, text: str) -> Any:
        """The task that ``Task.to_json`` described."""
        ...

    def take_task(self, task: Any) -> None:
        """Have a task among its own; the workers of this process, if there are any, are told."""
        ...


class RunnerHostPort(AppPort, Protocol):
    """The application, as its runner and its wiring see it."""

    @property
    def tasks(self) -> dict[str, Any]:
        """Its tasks, by id."""
        ...

    def get_task(self, task_id: str) -> Any | None:
        """A task, by its id; ``None`` when there is none."""
        ...

    @property
    def orchestrator(self) -> Any:
        """Its orchestrator."""
        ...

    @property
    def runner(self) -> Any:
        """The runner in charge."""
        ...

    @runner.setter
    def runner(self, value: Any) -> None: ...


class TaskPort(Protocol):
    """A task, as calls and arguments see it."""

    @property
    def task_id(self) -> str:
        """Its id."""
        ...

    @property
    def app(self) -> AppPort:
        """The application that it belongs to."""
        ...

    @property
    def conf(self) -> ConfigTask:
        """Its settings."""
        ...

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in signature order."""
        ...

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Bind a call: one value a parameter, in signature order."""
        ...

    def submit(self, values: tuple[Any, ...]) -> Any:
        """Submit one bound call; its invocation."""
        ...

    def to_json(self) -> str:
        """Id and decorator options."""
        ...


class BodyPort(TaskPort, Protocol):
    """A task, as an invocation that runs it here sees it."""

    @property
    def func(self) -> Callable[..., Any]:
        """The body."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether calling the body gives a coroutine."""
        ...

    @property
    def retriable_exceptions(self) -> tuple[type[Exception], ...]:
        """What the body may raise to be run again."""
        ...

    def call_body(self, kwargs: Mapping[str, Any]) -> Any:
        """Call the body with bound arguments; what it returns."""
        ...

    def check_argument(self, name: str, value: Any) -> Any:
        """What the body gets for an argument; encoded and decoded under ``strict_serialization``."""
        ...

    def check_result(self, value: Any) -> Any:
        """What a caller gets for a returned value; encoded and decoded under ``strict_serialization``."""
        ...
