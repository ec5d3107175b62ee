"""Who is compared, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from environments import Requirement

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
    :param variant: a second configuration of a library, left out of the short form.
    """

    name: str
    adapter: str
    environment: str = ""
    place: Place = "server"
    tracked: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    variant: bool = False


REQUIREMENTS = {
    "executors": Requirement(("numpy",)),
    "joblib": Requirement(("joblib", "numpy")),
    "dask": Requirement(("distributed", "numpy")),
    "ray": Requirement(("ray", "numpy")),
    "huey": Requirement(("huey", "redis", "numpy")),
    "celery": Requirement(("celery[redis]", "numpy")),
    "dramatiq": Requirement(("dramatiq[redis]", "numpy")),
    "taskiq": Requirement(("taskiq", "taskiq-redis", "numpy")),
    "rq": Requirement(("rq", "numpy")),
    "arq": Requirement(("arq", "numpy")),
    # 0.26 imports typing_extensions without asking for it.
    "saq": Requirement(("saq[redis,hiredis]", "typing_extensions", "numpy")),
    "rustvello": Requirement(("rustvello", "numpy")),
    "flexiq": Requirement(("flexiq[redis]", "numpy")),
    "ardiq": Requirement(("ardiq", "numpy"), (3, 12)),
    "mayu": Requirement(("mayu", "numpy"), (3, 13)),
    # The newest two that fit together; the newest of each do not (see "reference newest").
    "reference": Requirement(("pynenc==0.1.1", "pynenc-redis==0.1.5", "numpy")),
    "reference newest": Requirement(("pynenc", "pynenc-redis", "numpy"), (3, 12)),
}
"""What is installed in each environment: the newest release, where nothing else is said."""

MEMORY = {"BENCH_ENGINE": "memory"}
PEERS = (
    Peer("pynenc memory", "with_pynenc:Memory", place="memory", settings=MEMORY),
    Peer("pynenc redis", "with_pynenc:Remote"),
    Peer("pynenc redis, 2 processes", "with_pynenc:Processes"),
    Peer("pynenc redis, pipelined", "with_pynenc:Pipelined"),
    Peer("pynenc local, 2 processes", "with_pynenc:Local", place="machine", settings={"BENCH_ENGINE": "local"}),
    Peer("mayu, 2 processes", "with_mayu:Mayu", "mayu"),
    Peer("ardiq, 2 processes", "with_ardiq:ArdiqPeer", "ardiq"),
    Peer("huey, 2 threads", "with_huey:Threads", "huey"),
    Peer("ThreadPoolExecutor", "with_executors:Threads", "executors", "memory"),
    Peer("ProcessPoolExecutor", "with_executors:Processes", "executors", "machine", tracked=False),
    Peer("joblib", "with_joblib:Loky", "joblib", "machine", tracked=False),
    Peer("dask", "with_dask:Distributed", "dask", "machine"),
    Peer("ray", "with_ray:Local", "ray", "machine"),
    Peer("huey, 2 processes", "with_huey:Processes", "huey", variant=True),
    Peer("celery, 2 processes", "with_celery:Prefork", "celery"),
    Peer("celery, 2 threads", "with_celery:Threads", "celery", variant=True),
    Peer("celery chunks", "with_celery:Chunks", "celery", tracked=False),
    Peer("dramatiq, 2 threads", "with_dramatiq:Threads", "dramatiq"),
    Peer("dramatiq, 2 processes", "with_dramatiq:Processes", "dramatiq", variant=True),
    Peer("taskiq, 2 processes", "with_taskiq:Taskiq", "taskiq"),
    Peer("rq, 2 simple workers", "with_rq:Simple", "rq"),
    Peer("rq, 2 forking workers", "with_rq:Forking", "rq", variant=True),
    Peer("arq, 10 at once", "with_arq:Arq", "arq"),
    Peer("saq, 2 at once", "with_saq:Saq", "saq"),
    Peer("rustvello, 2 slots", "with_rustvello:Rustvello", "rustvello"),
    Peer("flexiq redis, 2 threads", "with_flexiq:Flexiq", "flexiq"),
    Peer(
        "flexiq sqlite, 2 threads",
        "with_flexiq:Flexiq",
        "flexiq",
        "machine",
        settings={"BENCH_FLEXIQ": "sqlite"},
        variant=True,
    ),
    Peer("reference memory", "with_reference:Reference", "reference newest", "memory", settings=MEMORY),
    Peer("reference redis", "with_reference:Reference", "reference"),
    Peer("reference newest, redis", "with_reference:Reference", "reference newest", variant=True),
)
"""In the order of the table, and of the first round: where time is short, the last ones get less of it."""


def named(names: list[str], *, variants: bool) -> list[Peer]:
    """The peers whose name starts with, or whose environment is, one of these; without names all, or all but variants.

    :raises ValueError: when a name fits none.
    """

    def fits(peer: Peer, name: str) -> bool:
        return peer.name.startswith(name) or peer.environment == name

    strangers = [name for name in names if not any(fits(peer, name) for peer in PEERS)]
    if strangers:
        raise ValueError(f"no peer {', '.join(strangers)}; --list names them")
    if not names:
        return [peer for peer in PEERS if variants or not peer.variant]
    return [peer for peer in PEERS if any(fits(peer, name) for name in names)]
