"""What the fault tests share: a seed, a scale, servers, proxies, clusters, and the table at the end."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

# What the rig asserts is to be readable when it fails, as in a test: said before it is imported.
# ruff: noqa: E402
pytest.register_assert_rewrite("tests.faults.rig")

from tests.engines import MakeRedis
from tests.faults.proxy.proxy import Proxy
from tests.faults.rig.cluster import Cluster
from tests.faults.rig.ports import Engines, snapshot_of
from tests.faults.rig.report import Row, summed, table
from tests.servers import Server

T = TypeVar("T")

SEED_ENV = "PYNENC_FAULTS_SEED"
ROWS = pytest.StashKey[list[Row]]()
SEED = pytest.StashKey[int]()
SHORT_S, LONG_S = 100, 1_800


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[SEED] = int(os.environ.get(SEED_ENV) or random.SystemRandom().randrange(1 << 31))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table, and what repeats the run."""
    if rows := config.stash[ROWS]:
        terminalreporter.section("faults")
        terminalreporter.write_line(f"seed {config.stash[SEED]} (repeat with {SEED_ENV}={config.stash[SEED]})")
        terminalreporter.write_line(table(summed(rows)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each form has its bound in time: they start processes and servers, on machines that do other work too."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_S if item.get_closest_marker("fault") else SHORT_S))


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """Of everything that a test leaves to chance; printed with a failure, and under the table."""
    found = pytestconfig.stash[SEED]
    sys.stdout.write(f"{SEED_ENV}={found}\n")
    return found


@pytest.fixture(params=["short", pytest.param("long", marks=pytest.mark.fault)])
def scale(request: pytest.FixtureRequest) -> Callable[[T, T], T]:
    """Choose between the number of the short form and that of the long one."""

    def choose(short: T, long: T) -> T:
        return long if request.param == "long" else short

    return choose


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Callable[[Row], None]:
    """Put a row into the table."""
    return pytestconfig.stash[ROWS].append


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    """A server of this test alone, with its append-only file on."""
    return start_server(appendonly="yes", appendfsync="everysec")


@pytest.fixture(scope="module")
def kept_server() -> Iterator[Server]:
    """A server for all tests of a file that does nothing to it."""
    server = Server(appendonly="yes", appendfsync="everysec")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def emptied_server(kept_server: Server) -> Server:
    """That one, with nothing in it: a file with many short tests has it as its ``server``."""
    with kept_server.client() as client:
        client.flushall()
    return kept_server


@pytest.fixture
def direct(server: Server) -> Iterator[redis.Redis]:
    """A plain client of the server, past the proxy and past the engine."""
    with server.client() as client:
        yield client


@pytest.fixture
def new_proxy(server: Server, seed: int) -> Iterator[Callable[..., Proxy]]:
    """Start a proxy before the server; it ends with the test."""
    with ExitStack() as stack:

        def new(**options: Any) -> Proxy:
            return stack.enter_context(Proxy(server.url, seed=seed, **options))

        yield new


@pytest.fixture
def proxy(new_proxy: Callable[..., Proxy]) -> Proxy:
    return new_proxy()


@pytest.fixture
def new_cluster(server: Server, new_proxy: object, seed: int, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Make a cluster; at the end of the test none of its processes is left, while its proxies still stand."""
    clusters: list[Cluster] = []

    def new(url: str | None = None, **settings: Any) -> Cluster:
        folder = tmp_path / f"cluster-{len(clusters)}"
        folder.mkdir()
        clusters.append(Cluster(url or server.url, folder, seed, **settings))
        return clusters[-1]

    yield new
    for cluster in clusters:
        cluster.close()


# -- engines at their port --------------------------------------------------------------------------------------------
@pytest.fixture
def unchecked_engine(server: Server, new_proxy: object) -> Iterator[Callable[..., Any]]:
    """Make engines on the server: ``(url=…, app_id=…, **limits)``."""
    engines = Engines(server.url)
    yield engines.new
    engines.close()


@pytest.fixture
def new_engine(server: Server, new_proxy: object) -> Iterator[Callable[..., Any]]:
    """The same; at the end of the test each of them finds nothing wrong with its records."""
    engines = Engines(server.url)
    yield engines.new
    try:
        engines.examine()
    finally:
        engines.close()


@pytest.fixture
def snapshot(direct: redis.Redis) -> Callable[[], dict[bytes, bytes]]:
    """Take every byte that the server keeps, by key."""
    return snapshot_of(direct)


@pytest.fixture
def make_through(server: Server, new_proxy: object) -> Callable[[Proxy], MakeRedis]:
    """Make what makes engines for the state machine of the port: each goes through the proxy."""

    def make(proxy: Proxy) -> MakeRedis:
        made = MakeRedis(server.url)
        made.url = proxy.url
        return made

    return make
