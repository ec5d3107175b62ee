"""Hints that get lost: a wake-up saves time, and nothing depends on it."""

from __future__ import annotations

import threading
import time

import redis

from tests.faults.rig.report import Row

BOUND_S = 60.0
KILL_EVERY_S = 0.2


def test_t22_without_any_message_or_token_everything_is_seen(new_cluster, proxy, scale, record) -> None:
    rounds = scale(1, 10)
    cluster = new_cluster(url=proxy.url)
    cluster.start(2)
    cluster.until_answering()
    proxy.lose_messages()
    proxy.lose_tokens()
    invocations, took = [], []
    for number in range(rounds):
        began = time.monotonic()
        invocations.append(cluster.task("work")(number))
        invocations[-1].get(timeout=BOUND_S)
        took.append(time.monotonic() - began)
    row = cluster.check(Row("T22", "every message and token lost", sum(proxy.lost.values())), invocations)
    row.recoveries = took
    record(row)
    assert all(proxy.lost[what] for what in ("messages", "tokens"))


def test_t23_subscriptions_that_are_killed_hang_nobody(new_cluster, server, scale, record) -> None:
    rounds, calls = scale((5, 40), (60, 40))
    cluster = new_cluster()
    cluster.start(2)
    cluster.until_answering()
    ended, kills = threading.Event(), [0]

    def kill() -> None:
        with redis.Redis.from_url(server.url) as client:
            while not ended.wait(KILL_EVERY_S):
                kills[0] += client.client_kill_filter(_type="pubsub")

    thread = threading.Thread(target=kill)
    thread.start()
    invocations = []
    try:
        for _ in range(rounds):
            batch = [cluster.task("work")(number, 0.01) for number in range(calls)]
            assert [one.get(timeout=BOUND_S)[0] for one in batch] == list(range(calls))
            invocations += batch
    finally:
        ended.set()
        thread.join()
    record(cluster.check(Row("T23", "subscriptions killed", kills[0]), invocations))
    assert kills[0] >= 1
