"""What the log says while the server is away: one line when it is lost, one when it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pynenc import Pynenc
from tests.servers import Server

BOUND_S = 60
PASSWORD = "open-sesame-4711"


def echo(x: int) -> int:
    return x


class Lines(logging.Handler):
    """What an application has logged."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)

    def with_words(self, words: str) -> list[tuple[str, str]]:
        said = [(record.levelname, record.getMessage()) for record in self.all]
        return [(level, message) for level, message in said if words in message]


@pytest.fixture
def server(start_server: Callable[..., Server], tmp_path: Path) -> Server:
    users = tmp_path / "users"
    users.write_text(f"user default on nopass ~* &* +@all\nuser worker on >{PASSWORD} ~* &* +@all\n")
    return start_server(port=0, appendonly="yes", appendfsync="always", aclfile=str(users))


@pytest.fixture
def made(server: Server) -> Iterator[Callable[[str], tuple[Any, Lines]]]:
    apps: list[Pynenc] = []

    def make(app_id: str) -> tuple[Pynenc, Lines]:
        url = f"redis://worker:{PASSWORD}@127.0.0.1:{server.port}/0"
        settings = {"engine": "redis", "redis_url": url, "runner_cls": "ThreadRunner", "logging_level": "info"}
        app, lines = Pynenc(app_id, config_values=settings), Lines()
        # Of two applications of one id in one process; in two they have a logger each as it is.
        app.logger = logging.getLogger(f"pynenc.{app_id}.{len(apps)}")
        app.logger.setLevel(logging.INFO)
        app.logger.addHandler(lines)
        apps.append(app)
        return app, lines

    yield make
    for app in apps:
        app.runtime.engine.close(1)


def until(condition: Callable[[], object]) -> None:
    bound = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < bound
        time.sleep(0.01)


def test_an_outage_is_told_once_at_either_end(server: Server, made: Callable[[str], tuple[Pynenc, Lines]]) -> None:
    app_id = f"outage-{uuid4().hex[:12]}"
    (worker, of_worker), (client, of_client) = made(app_id), made(app_id)
    worker.task(echo)
    task = client.task(echo)
    with worker.running():
        assert task(1).get(timeout=BOUND_S) == 1
        server.kill()
        results: list[int] = []
        waiter = threading.Thread(target=lambda: results.append(task(2).get(timeout=BOUND_S)))
        waiter.start()
        until(lambda: of_worker.with_words("is lost") and of_client.with_words("is lost"))
        time.sleep(1)  # for more attempts, which nobody is to hear of
        server.start()
        waiter.join(BOUND_S)
        assert results == [2]
        until(lambda: of_worker.with_words("is back,") and of_client.with_words("is back,"))
    for lines in (of_worker, of_client):
        ((level, lost),) = lines.with_words("is lost")
        assert level == "WARNING"
        assert lost.startswith(f"the connection to redis://worker:***@127.0.0.1:{server.port}/0 is lost: "), lost
        assert lost.endswith("; trying again until it is back")
        ((level, back),) = lines.with_words("is back,")
        assert level == "INFO"
        assert back.startswith(f"the connection to redis://worker:***@127.0.0.1:{server.port}/0 is back, after ")
        assert not lines.with_words(PASSWORD)


def test_a_connection_that_only_broke_is_no_outage(server: Server, made: Callable[[str], tuple[Pynenc, Lines]]) -> None:
    app, lines = made(f"broke-{uuid4().hex[:12]}")
    task = app.task(echo)
    with app.running():
        for n in range(3):
            assert task(n).get(timeout=BOUND_S) == n
            with server.client() as client:
                client.client_kill_filter(_type="normal", skipme=True)
                client.client_kill_filter(_type="pubsub")
        assert task(3).get(timeout=BOUND_S) == 3
    assert not lines.with_words("the connection to")
