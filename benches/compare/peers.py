"""Who is compared, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Place = Literal["memory", "machine", "server"]


@dataclass(frozen=True)
class Peer:
    """One library in one configuration.

    :param adapter: ``module:class`` in ``adapters/``.
    :param environment: name of the virtual environment; peers of one library share it. Empty: the
        interpreter that runs the comparison, which has this library.
    :param place: where calls and arguments go: nowhere (this process), to other processes of this
        machine by means of the peer's own, or through the server.
    :param tracked: whether each item of a batch has an identity and a result of its own.
    :param settings: environment variables for the adapter.
    """

    name: str
    adapter: str
    environment: str = ""
    place: Place = "server"
    tracked: bool = True
    settings: dict[str, str] = field(default_factory=dict)


REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "executors": ("numpy",),
    "joblib": ("joblib", "numpy"),
    "dask": ("distributed", "numpy"),
    "ray": ("ray", "numpy"),
    "huey": ("huey", "redis", "numpy"),
    "celery": ("celery[redis]", "numpy"),
    "dramatiq": ("dramatiq[redis]", "numpy"),
    "taskiq": ("taskiq", "taskiq-redis", "numpy"),
    "rq": ("rq", "numpy"),
    "arq": ("arq", "numpy"),
    # 0.26 imports typing_extensions without asking for it.
    "saq": ("saq[redis,hiredis]", "typing_extensions", "numpy"),
    "rustvello": ("rustvello", "numpy"),
    "flexiq": ("flexiq[redis]", "numpy"),
    "reference": ("pynenc", "pynenc-redis", "numpy"),
}
"""What is installed in each environment: the newest release that this Python can have."""

PEERS = (
    Peer("pynenc memory", "with_pynenc:Memory", place="memory", settings={"BENCH_ENGINE": "memory"}),
    Peer("pynenc redis", "with_pynenc:Remote"),
    Peer("pynenc redis, 2 processes", "with_pynenc:Processes"),
    Peer("pynenc redis, pipelined", "with_pynenc:Pipelined"),
    Peer("ThreadPoolExecutor", "with_executors:Threads", "executors", "memory"),
    Peer("ProcessPoolExecutor", "with_executors:Processes", "executors", "machine", tracked=False),
    Peer("joblib", "with_joblib:Loky", "joblib", "machine", tracked=False),
    Peer("dask", "with_dask:Distributed", "dask", "machine"),
    Peer("ray", "with_ray:Local", "ray", "machine"),
    Peer("huey, 2 threads", "with_huey:Threads", "huey"),
    Peer("huey, 2 processes", "with_huey:Processes", "huey"),
    Peer("celery, 2 processes", "with_celery:Prefork", "celery"),
    Peer("celery, 2 threads", "with_celery:Threads", "celery"),
    Peer("celery chunks", "with_celery:Chunks", "celery", tracked=False),
    Peer("dramatiq, 2 threads", "with_dramatiq:Threads", "dramatiq"),
    Peer("dramatiq, 2 processes", "with_dramatiq:Processes", "dramatiq"),
    Peer("taskiq, 2 processes", "with_taskiq:Taskiq", "taskiq"),
    Peer("rq, 2 simple workers", "with_rq:Simple", "rq"),
    Peer("rq, 2 forking workers", "with_rq:Forking", "rq"),
    Peer("arq, 10 at once", "with_arq:Arq", "arq"),
    Peer("saq, 2 at once", "with_saq:Saq", "saq"),
    Peer("rustvello, 2 slots", "with_rustvello:Rustvello", "rustvello"),
    Peer("flexiq redis, 2 threads", "with_flexiq:Flexiq", "flexiq"),
    Peer("flexiq sqlite, 2 threads", "with_flexiq:Flexiq", "flexiq", "machine", settings={"BENCH_FLEXIQ": "sqlite"}),
    Peer("reference memory", "with_reference:Reference", "reference", "memory", settings={"BENCH_REFERENCE": "memory"}),
    Peer("reference redis", "with_reference:Reference", "reference"),
)
"""In the order of the table."""


def named(names: list[str]) -> list[Peer]:
    """The peers whose name starts with, or whose environment is, one of these; all without names.

    :raises ValueError: when a name fits none.
    """

    def fits(peer: Peer, name: str) -> bool:
        return peer.name.startswith(name) or peer.environment == name

    strangers = [name for name in names if not any(fits(peer, name) for peer in PEERS)]
    if strangers:
        raise ValueError(f"no peer {', '.join(strangers)}; --list names them")
    return [peer for peer in PEERS if not names or any(fits(peer, name) for name in names)]
