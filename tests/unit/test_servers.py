"""The servers that other tests stand on do what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from tests.servers import Server

Start = Callable[..., Server]


def test_a_restarted_server_has_what_it_saved(start_server: Start) -> None:
    server = start_server(appendonly="yes", appendfsync="always")
    with server.client() as client:
        client.set("key", "value")
    server.restart()
    with server.client() as client:
        assert client.get("key") == b"value"


def test_a_killed_server_does_not_answer(start_server: Start) -> None:
    server = start_server()
    server.kill()
    with server.client() as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_frozen_server_answers_when_it_is_thawed(start_server: Start) -> None:
    server = start_server()
    server.freeze()
    with server.client(socket_timeout=0.2) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    server.thaw()
    with server.client() as client:
        assert client.ping()


def test_a_port_and_settings_of_its_own(start_server: Start) -> None:
    server = start_server(port=0, maxmemory_policy="noeviction")
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert "maxmemory-policy='noeviction'" in server.describe()


def test_nothing_is_left(start_server: Start) -> None:
    server = Server()
    server.start()
    assert server.process
    process = server.process
    server.remove()
    assert process.poll() is not None
    assert not server.folder.exists()


def test_the_address_for_everyone_is_served(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
