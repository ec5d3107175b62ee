"""The bars, as data."""

from __future__ import annotations

from pair import Pair, Single

# By way of cargo, which knows where it puts what it builds.
BLAKE3 = ["cargo", "run", "--quiet", "--release", "--locked", "--package", "pynenc-core", "--example", "blake3_rate"]

MEASURES = (
    Pair("no-op", ">= 1.5 x ThreadPoolExecutor(2)", 1.5, "least", "noop:pynenc_end_to_end", "noop:pool_end_to_end"),
    Pair("submit", "<= 0.5 x ThreadPoolExecutor.submit", 0.5, "most", "noop:pynenc_submit", "noop:pool_submit"),
    Pair("round trip p50", "<= 2 x an Event ping-pong", 2.0, "most", "noop:pynenc_round_trip", "noop:event_ping_pong"),
    Pair(
        "parallelize 100k",
        ">= 3 x the ThreadPoolExecutor rate",
        3.0,
        "least",
        "noop:pynenc_parallelize",
        "noop:pool_end_to_end",
    ),
    Pair(
        "backlog 1M", "submit + claim <= 1.2 x at 10,000 queued", 1.2, "most", "backlog:million", "backlog:ten_thousand"
    ),
    Single(
        "backlog memory", "<= 400 bytes an invocation beyond its arguments", 400, "most", "backlog:memory", note="bytes"
    ),
    Pair("nested fib(20)", "<= 1.5 x a flat no-op, an invocation", 1.5, "most", "nested:fib", "nested:flat"),
    Single("nested threads", "<= slots + 8 threads", 10, "most", "nested:threads", note="threads, 2 slots"),
    Pair(
        "shared 20 MB str",
        "<= 1.2 x (one BLAKE3 pass + 100 no-ops)",
        1.2,
        "most",
        "shared:text",
        "shared:text_floor",
        "ms",
    ),
    Pair(
        "shared 20 MB bytes",
        "<= 1.2 x (one BLAKE3 pass + 100 no-ops)",
        1.2,
        "most",
        "shared:data",
        "shared:data_floor",
        "ms",
    ),
    Pair(
        "shared 20 MB numpy",
        "<= 1.2 x (one BLAKE3 pass + 100 no-ops)",
        1.2,
        "most",
        "shared:array",
        "shared:array_floor",
        "ms",
    ),
    Pair("fingerprint 20 MB", ">= 0.7 x the blake3 crate's rate", 0.7, "least", "shared:fingerprint", BLAKE3, "ms"),
    Single("idle", "< 0.3 % of a core over 60 s", 0.003, "most", "idle:share", note="of a core"),
    Pair(
        "import",
        "<= 1.5 x import asyncio, inspect, logging",
        1.5,
        "most",
        "start_up:import_pynenc",
        "start_up:import_standard",
        "ms",
    ),
    Pair(
        "--help",
        "<= 1.3 x an empty two-command typer app",
        1.3,
        "most",
        "start_up:help_pynenc",
        "start_up:help_typer",
        "ms",
    ),
)
"""In the order of the table."""
