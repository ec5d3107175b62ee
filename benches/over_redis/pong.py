"""The other end of the ping-pong: answers every push to one list by a push to another."""

from __future__ import annotations

import sys

import redis

if __name__ == "__main__":
    client = redis.Redis.from_url(sys.argv[1])
    while client.blpop(["ping"]):
        client.rpush("pong", b"x")
