"""The bars of the engine over a server, as data."""

from __future__ import annotations

from pair import Pair, Single

OVER_REDIS = (
    Single(
        "redis: commands singly", "<= 4 commands a task", 4, "most", "over_redis/noop:singly_commands", 5, "commands"
    ),
    Single(
        "redis: commands in batches",
        "<= 0.2 commands a task",
        0.2,
        "most",
        "over_redis/noop:batch_commands",
        5,
        "commands",
    ),
    Single(
        "redis: server in batches",
        "<= 20 us of the server a task",
        20,
        "most",
        "over_redis/noop:batch_processor",
        5,
        "us",
    ),
    Pair(
        "redis: round trip p50",
        "<= 2 x a push and blocking pop",
        2.0,
        "most",
        "over_redis/noop:round_trip_p50",
        "over_redis/noop:ping_pong_p50",
    ),
    Pair(
        "redis: round trip p99",
        "<= 5 x a push and blocking pop",
        5.0,
        "most",
        "over_redis/noop:round_trip_p99",
        "over_redis/noop:ping_pong_p99",
    ),
    Pair(
        "redis: reused call",
        "<= 1.1 x a plain submission, 10,000 other keys pending",
        1.1,
        "most",
        "over_redis/backlog:reused_submission",
        "over_redis/backlog:plain_submission",
    ),
    Pair(
        "redis: backlog 1M",
        "submit, claim, finish <= 1.2 x at 10,000",
        1.2,
        "most",
        "over_redis/backlog:million",
        "over_redis/backlog:ten_thousand",
    ),
    Single("redis: memory", "<= 400 bytes a queued invocation", 400, "most", "over_redis/backlog:memory", note="bytes"),
    Pair(
        "redis: cpu fan-out",
        ">= 0.9 x a pool of two",
        0.9,
        "least",
        "over_redis/cores:cpu_fan_out",
        "over_redis/cores:pool_fan_out",
        "ms",
    ),
    Single("redis: idle commands", "<= 1 command a second", 1, "most", "over_redis/idle:commands", note="a second"),
    Single(
        "redis: idle share", "< 0.3 % of a core a process", 0.003, "most", "over_redis/idle:share", note="of a core"
    ),
    Single(
        "redis: 1,000 naps", "<= 1.3 x one nap from the last submission", 1.3, "most", "over_redis/waits:naps", 3, "s"
    ),
    Single("redis: 1,000 waiters", "none missed", 0, "most", "over_redis/waits:waiters", 3, "missed"),
    Single("redis: recovery", "<= 1.5 leases after kill -9", 1.5, "most", "over_redis/waits:recovery", 3, "leases"),
)
"""In the order of the table."""
