"""Types of the Rust extension. Proven against the built module by ``mypy.stubtest``."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, Final, Generic, Literal, ParamSpec, Self, TypeVar, final

from typing_extensions import disjoint_base

_P = ParamSpec("_P")
_R_co = TypeVar("_R_co", covariant=True)

__all__ = [
    "AsyncRun",
    "BodyInterrupt",
    "Claim",
    "ContentCache",
    "GroupCore",
    "GroupResults",
    "InvocationHandle",
    "ManualClock",
    "MemoryEngine",
    "Pipeline",
    "RedisEngine",
    "RunContext",
    "Runtime",
    "TaskCore",
    "TaskWire",
    "WorkerPool",
    "__version__",
    "_mark_forked",
    "build_profile",
    "claimable_statuses",
    "final_statuses",
    "fingerprint",
    "fingerprint_arguments",
    "forget_remembered_fingerprints",
    "statuses",
    "transitions",
]
__version__: Final[str]
build_profile: Final[Literal["debug", "release"]]

# -- status table ---------------------------------------------------------------------------------
def statuses() -> list[str]:
    """Names of the statuses, in code order."""

def transitions() -> list[tuple[str | None, str]]:
    """Every allowed edge ``(from, to)``; ``None`` is a new invocation."""

def final_statuses() -> list[str]: ...
def claimable_statuses() -> list[str]: ...

class BodyInterrupt(BaseException):
    """Raised into a body that was called off or ran past ``max_run_seconds``."""

def _mark_forked() -> None:
    """Called in a forked child."""

# -- fingerprints ---------------------------------------------------------------------------------
def fingerprint(value: object, fallback: Callable[[object], bytes] | None = None, /) -> bytes:
    """32 bytes of BLAKE3 over the canonical, type-tagged form of ``value``."""

def fingerprint_arguments(
    names: Sequence[str],
    values: Sequence[object],
    fallback: Callable[[object], bytes] | None = None,
    /,
) -> bytes:
    """32 bytes over the named values, in name order (the order of parameters does not matter)."""

def forget_remembered_fingerprints() -> None:
    """Drop the identity fast path's memory (tests)."""

# -- argument cache -------------------------------------------------------------------------------
@final
class ContentCache:
    """Bounded, thread-safe LRU from a 32-byte digest to an object."""

    def __new__(cls, *, max_count: int, max_bytes: int) -> Self: ...
    def get(self, digest: bytes, /) -> object | None: ...
    def put(self, digest: bytes, value: object, size: int, /) -> bool:
        """``False`` when the digest was there already or the value alone is over ``max_bytes``."""

    def remove(self, digest: bytes, /) -> bool: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def counters(self) -> dict[str, int]:
        """``hits``, ``misses``, ``evictions``, ``bytes_saved`` since creation."""

# -- the engine, as the port sees it --------------------------------------------------------------
@final
class ManualClock:
    """A clock that moves only when told to; seconds since the epoch."""

    def __new__(cls, now: float = 1_000_000_000.0) -> Self: ...
    def now(self) -> float: ...
    def advance(self, seconds: float, /) -> None: ...

@final
class Claim:
    """What a worker holds: an invocation, and the fence (attempt, nonce) that proves it."""

    @property
    def invocation_id(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def nonce(self) -> int: ...
    @property
    def call(self) -> object: ...

@final
class MemoryEngine:
    """The memory engine. Every method is one whole decision under one lock."""

    def __new__(
        cls,
        *,
        clock: ManualClock | None = None,
        lease_seconds: float = 15.0,
        max_losses: int = 3,
        keep_seconds: float = 86_400.0,
        keep_count: int = 100_000,
        keep_bytes: int = 268_435_456,
        wait_links: int = 1_000,
    ) -> Self: ...

    # queue
    def submit(self, batch: Sequence[Any], /) -> list[tuple[str, str, bool]]:
        """Take ``Submission``s; ``(kind, invocation id, same arguments)`` each; kind is ``new``,
        ``reused``, ``cached`` or ``refused``."""

    def claim(self, worker: int, limit: int = 1, lane: Literal["any", "sync", "async"] = "any", /) -> list[Claim]: ...
    def claim_awaited(self, waiter: Claim, invocation_id: str, /) -> Claim | None: ...
    def queued(self) -> int: ...

    # lifecycle: every one raises FencedError when the claim is no longer the holder's
    def start(self, claim: Claim, /) -> None: ...
    def finish(
        self, claim: Claim, status: Literal["success", "failed", "cancelled"], value: object, size: int = 0, /
    ) -> None: ...
    def retry(self, claim: Claim, delay: float = 0.0, /) -> None: ...
    def release(self, claim: Claim, /) -> None: ...
    def cancel(self, invocation_id: str, /) -> Literal["cancelled", "requested", "final"]: ...

    # waits
    def pause(self, claim: Claim, awaited: Sequence[str], /) -> bool:
        """Pause the body until it resumes; what it awaits runs first. ``False``, and nothing
        changed, when one of them is final already. Raises CycleDetectedError, WaitLimitError."""

    def resume(self, claim: Claim, /) -> None: ...
    def wait_final(self, invocation_ids: Sequence[str], timeout: float | None = None, /) -> list[str]:
        """Block until one of them is final (or the time is over); those that are."""

    # leases
    def register_worker(self, name: str = "", /) -> int: ...
    def renew(self, worker: int, /) -> bool: ...
    def lose(self, worker: int, /) -> list[str]: ...
    def tick(self) -> float | None:
        """Promote what is due, rescue what lost its lease, drop what is old; seconds to the next."""

    # queries
    def status(self, invocation_id: str, /) -> str: ...
    def outcome(self, invocation_id: str, /) -> object: ...
    def record(self, invocation_id: str, /) -> dict[str, Any]:
        """``task_id, status, parent_id, attempt, retries, losses, worker`` (a name) and ``awaits`` (ids)."""

    def history(self, invocation_id: str, /) -> list[tuple[str, float, str]]: ...
    def find(
        self,
        task_id: str | None = None,
        statuses: Sequence[str] | None = None,
        limit: int = 1_000,
        /,
    ) -> list[str]: ...
    def counts(self) -> dict[str, int]: ...
    def purge(self) -> int: ...
    def doctor(self) -> list[str]:
        """Violated invariants, a line each; empty when all hold."""

# -- the hot path: tasks, invocations, groups, workers --------------------------------------------
@final
class RedisEngine:
    """The engine of one app on one server: the port, and what the runtime needs. Connects when first used."""

    def __new__(
        cls,
        url: str,
        app_id: str,
        *,
        wire: TaskWire,
        clock: ManualClock | None = None,
        seconds: Mapping[Literal["connect", "reply", "overall", "first"], float] | None = None,
        **limits: float,
    ) -> Self:
        """``limits`` are those of ``MemoryEngine``."""

    @property
    def address(self) -> str:
        """Where it is, without secrets."""

    def examine(self, *, strict: bool = False) -> list[str]:
        """Reach the server, and say what in its settings weakens the promises, a line each."""

    def watch_outages(self, lost: Callable[[str, str], object], back: Callable[[str, float], object], /) -> None:
        """Have it told when the server is lost, with its address and the reason, and when it is back, with its
        address and for how many seconds it was away; from threads of the engine."""

    def close(self, within: float = 5.0, /) -> int:
        """Have acknowledged what can be within the time, end threads and connections; how much was not."""

    def join_host_cache(self, scope: str, directory: str, max_bytes: int, /) -> str | None:
        """Share large values with the other processes of this host from now on; why not, if that is impossible.

        ``directory`` is the one above the user's own; empty: shared memory, else a temporary directory.
        """

    def host_cache_stats(self) -> dict[str, int] | None:
        """``hits, fills, private, evicted`` of this process, ``bytes`` and ``limit`` of the cache;
        ``None``: it takes no part."""

    def blob_counters(self) -> dict[str, int]:
        """What naming large values has saved in this process."""

    def keep_at_hand(self, count: int, size: int) -> None:
        """How many large values this process keeps, and how many bytes of them."""

    def forget_blobs(self) -> None:
        """Forget what is known and kept here of large values, as a process that has just begun."""

    # queue
    def submit(self, batch: Sequence[Any], /) -> list[tuple[str, str, bool]]:
        """Take ``Submission``s; ``(kind, invocation id, same arguments)`` each; kind is ``new``,
        ``reused``, ``cached`` or ``refused``."""

    def claim(self, worker: int, limit: int = 1, lane: Literal["any", "sync", "async"] = "any", /) -> list[Claim]: ...
    def claim_awaited(self, waiter: Claim, invocation_id: str, /) -> Claim | None: ...
    def queued(self) -> int: ...

    # lifecycle: every one raises FencedError when the claim is no longer the holder's
    def start(self, claim: Claim, /) -> None: ...
    def finish(
        self, claim: Claim, status: Literal["success", "failed", "cancelled"], value: object, size: int = 0, /
    ) -> None: ...
    def retry(self, claim: Claim, delay: float = 0.0, /) -> None: ...
    def release(self, claim: Claim, /) -> None: ...
    def cancel(self, invocation_id: str, /) -> Literal["cancelled", "requested", "final"]: ...

    # waits
    def pause(self, claim: Claim, awaited: Sequence[str], /) -> bool:
        """Pause the body until it resumes; what it awaits runs first. ``False``, and nothing
        changed, when one of them is final already. Raises CycleDetectedError, WaitLimitError."""

    def resume(self, claim: Claim, /) -> None: ...
    def wait_final(self, invocation_ids: Sequence[str], timeout: float | None = None, /) -> list[str]:
        """Block until one of them is final (or the time is over); those that are."""

    # leases
    def register_worker(self, name: str = "", /) -> int: ...
    def renew(self, worker: int, /) -> bool: ...
    def lose(self, worker: int, /) -> list[str]: ...
    def worker_died(self, worker_id: int, reason: str, bodies: Sequence[bytes] | None = None, /) -> list[str]:
        """A worker's process has died: those bodies count a loss, and without that knowledge all that it held does.
        The number is the one on its board, and so are the bodies."""

    def worker_left(self, worker_id: int, /) -> list[str]:
        """A worker's process was ended: what it held goes back, counted as nothing."""

    def tick(self) -> float | None:
        """Promote what is due, rescue what lost its lease, drop what is old; seconds to the next."""

    # queries
    def status(self, invocation_id: str, /) -> str: ...
    def outcome(self, invocation_id: str, /) -> object: ...
    def record(self, invocation_id: str, /) -> dict[str, Any]:
        """``task_id, status, parent_id, attempt, retries, losses, worker`` (a name) and ``awaits`` (ids)."""

    def history(self, invocation_id: str, /) -> list[tuple[str, float, str]]: ...
    def find(
        self,
        task_id: str | None = None,
        statuses: Sequence[str] | None = None,
        limit: int = 1_000,
        /,
    ) -> list[str]: ...
    def counts(self) -> dict[str, int]: ...
    def purge(self) -> int: ...
    def doctor(self) -> list[str]:
        """Violated invariants, a line each; empty when all hold."""

# -- the hot path: tasks, invocations, groups, workers --------------------------------------------

@final
class Pipeline:
    """Calls that were taken and are not acknowledged yet. Made by ``Runtime.open_pipeline``."""

    def flush(self) -> None:
        """Have everything acknowledged; raises ``UnacknowledgedError``."""

@final
class TaskWire:
    """How the calls and results of one task travel between processes."""

    def __new__(cls, codec: Any, task_id: str, parameters: Sequence[tuple[str, int, bool, object]], /) -> Self: ...
    def encode_call(self, values: tuple[Any, ...], invocation_id: str, /) -> bytes: ...
    def decode_call(self, data: bytes, invocation_id: str, /) -> tuple[Any, ...]: ...
    def encode_result(self, value: Any, invocation_id: str, attempt: int, /) -> bytes: ...
    def decode_result(self, data: bytes, invocation_id: str, /) -> Any: ...
    def encode_error(self, error: BaseException, invocation_id: str, attempt: int, /) -> bytes: ...
    def decode_error(self, data: bytes, invocation_id: str, /) -> Exception:
        """The error itself, not raised."""

@final
class Runtime:
    """One app's execution state in this process: engine, current context, live workers."""

    def __new__(
        cls,
        engine: MemoryEngine | RedisEngine,
        *,
        invocation_type: type[Any],
        reused_type: type[Any],
        current: Any,
        pipeline: Any,
        host: Any,
    ) -> Self: ...
    @property
    def engine(self) -> MemoryEngine | RedisEngine: ...
    @property
    def remote(self) -> bool:
        """Whether values travel: the engine is not in this process."""

    def open_pipeline(self) -> Pipeline | None: ...
    def know_task(self, task_id: str, /) -> None:
        """Tell the workers of this process of a task that was made after they had begun."""

    @property
    def workers(self) -> int:
        """Live worker pools in this process."""

    def configure(self, *, inline_waits: bool, cycle_control: bool, auto_runner: bool) -> None: ...
    def invalidate(self) -> None:
        """Make every task ask for its plan again at its next call."""

    def invocation(self, invocation_id: str, /) -> Any:
        """A handle for a known id; raises InvocationNotFoundError."""

@final
class RunContext:
    """What ``pynenc.context`` holds while a body runs."""

    @property
    def invocation(self) -> Any: ...
    @property
    def invocation_id(self) -> str: ...
    @property
    def task(self) -> Any: ...
    @property
    def runtime(self) -> Runtime: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    @property
    def is_async(self) -> bool: ...
    @property
    def attempt(self) -> int: ...

@disjoint_base
class TaskCore(Generic[_P, _R_co]):
    """The compiled half of a task: signature, plan, call.

    A subclass gives it, to be called from Rust: ``_prepare()``, which computes the plan and calls
    ``_install``; ``_call_locally(values)``, what a call does when the plan says ``local``;
    ``_round_trip(value, where)``, which encodes and decodes under ``strict_serialization``
    (``where`` is a parameter's name, or ``return``); ``_difference_error(existing, values)``, the
    error for a call that a registration rule refuses.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    def _compile(
        self,
        func: Callable[..., Any],
        task_id: str,
        parameters: Sequence[tuple[str, int, bool, object]],
        is_async: bool,
        /,
    ) -> None:
        """``parameters``: ``(name, kind, has default, default)`` in signature order."""

    def _install(self, plan: Mapping[str, Any], /) -> None: ...
    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], /) -> tuple[Any, ...]:
        """One value a parameter, in signature order, defaults filled. Raises TypeError."""

    def _submit(self, values: tuple[Any, ...], /) -> Any: ...
    # an item is a tuple, a dict, or has a dict ``kwargs`` from parameter name to value
    def _parallelize(self, items: Collection[Any], common: Mapping[str, Any] | None, chunk: int, /) -> GroupCore: ...
    def _stream(self, items: Iterator[Any], common: Mapping[str, Any] | None, chunk: int, /) -> GroupCore: ...

@disjoint_base
class InvocationHandle(Generic[_P, _R_co]):
    """An invocation, seen from the process that made or runs it."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def task(self) -> Any: ...
    @property
    def invocation_id(self) -> str: ...
    @property
    def status_name(self) -> str: ...
    @property
    def values(self) -> tuple[Any, ...]: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def num_retries(self) -> int: ...
    @property
    def result(self) -> _R_co: ...
    def get(self, timeout: float | None = None) -> _R_co: ...
    def done(self) -> bool: ...
    def cancel(self) -> bool: ...
    @property
    def _other_values(self) -> tuple[Any, ...] | None:
        """Of a reused one: the values of the new call, when they differ from ``values``."""

    def _history(self) -> list[tuple[str, float, str]]: ...
    def _take(self) -> _R_co:
        """The result of a final invocation; raises its error, or InvocationError when not final."""

    def _is_at_hand(self) -> bool:
        """Whether taking the result asks no server."""

    def _take_aside(self, callback: Callable[[_R_co | None, BaseException | None], object], /) -> bool:
        """Take it on a thread that fetches, then call ``callback`` there; ``False``: there is no such thread."""

    def _on_final(self, callback: Callable[[], object], /) -> bool:
        """Call ``callback`` once when final, from any thread; ``False``: it is final already."""

    def _off_final(self, callback: Callable[[], object], /) -> None:
        """The wait was given up: forget the callback, and the pause that it stood for."""

@final
class GroupCore:
    """The members of one ``parallelize`` call."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]:
        """The invocations that are members by now; of a stream without those that were returned."""

    @property
    def complete(self) -> bool:
        """Whether no more members will come."""

    def completed(
        self, timeout: float | None = None, return_exceptions: bool = False, indexed: bool = False
    ) -> GroupResults:
        """Results as they come; ``indexed``: ``(index, result)``."""

    def ordered(self, timeout: float | None = None, return_exceptions: bool = False) -> list[Any]: ...
    def feed(self) -> None:
        """Body of the feeder thread of a stream; returns when the input ends or the group closes."""

    def give_up(self) -> None:
        """Of a stream: take no more input, and call off what has not started."""

    def cancel(self) -> int: ...
    def close(self) -> None: ...

@final
class GroupResults:
    """One reading of a group: results as they come."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def _next_ready(self) -> tuple[int, Any] | None:
        """``(index, invocation)`` of a member that ended and was not handed out yet; ``None``: no
        such member now. Raises StopAsyncIteration when all were handed out and the input has ended,
        and the error of the input."""

    def _on_ready(self, callback: Callable[[], object], /) -> bool:
        """Call ``callback`` once when ``_next_ready`` would not give ``None``; ``False``: now."""

    def _off_ready(self, callback: Callable[[], object], /) -> None: ...

@final
class AsyncRun:
    """A claimed invocation of an ``async def`` task, to be run on the loop."""

    @property
    def context(self) -> RunContext: ...
    @property
    def invocation_id(self) -> str: ...
    def coroutine(self) -> Any: ...
    def succeed(self, value: Any, /) -> None: ...
    def fail(self, error: BaseException, /) -> None: ...
    def hand_back(self) -> None: ...
    def on_cancel(self, callback: Callable[[], object], /) -> bool:
        """Call ``callback`` once, from any thread, when somebody cancels it; ``False``: asked already."""

@final
class WorkerPool:
    """The slots of one ThreadRunner, or of one worker process."""

    def __new__(
        cls,
        runtime: Runtime,
        *,
        name: str,
        slots: int,
        async_slots: int,
        spawn: Callable[[], None],
        board: object | None = None,
        duty: Mapping[str, Any] | None = None,
    ) -> Self:
        """``board``: writable memory for :meth:`counts`. ``duty``: ``single_use``, ``max_tasks``,
        ``max_memory``, and ``tell``, which is called with ``loaded``, ``waits`` or ``goes on``."""

    def work(self) -> None:
        """Body of a worker thread: run invocations until the pool stops. Ends at stop only."""

    def next_event(self) -> list[AsyncRun] | None:
        """Block until async work is claimed for the loop; ``None`` when the pool has stopped."""

    def stop(self) -> None:
        """Stop claiming; bodies that run go on. From any thread, and from a signal handler."""

    def hand_back(self) -> list[str]:
        """Give the claims of the bodies that still run back, counted as nothing; their ids."""

    def watch_load(self) -> None:
        """Say ``loaded`` the next time that all slots are taken, or now."""

    @property
    def reason(self) -> str:
        """Why it stopped by itself; empty when it did not."""

    @property
    def busy(self) -> bool:
        """Whether a body runs or waits here, or a thread is about to claim one or to begin it."""

    @property
    def running(self) -> list[str]: ...
    def bodies(self) -> list[tuple[str, str, float, int, bool]]:
        """Id, task, seconds since the start, thread (0: on the loop), whether it waits."""

    def counts(self) -> list[int]:
        """What a board shows, in its order."""

    @property
    def threads(self) -> int: ...
