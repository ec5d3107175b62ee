"""A bound on the memory of a process and its children, where the kernel lets this user set one."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# The two versions of control groups: where a group is made, and the file that takes its limit.
VERSIONS = ((ROOT / "memory", "memory.limit_in_bytes"), (ROOT, "memory.max"))
JOIN = 'echo $$ > "$1"; shift; exec "$@"'
GONE_S = 10.0


@contextlib.contextmanager
def memory_limit(size: int) -> Iterator[list[str] | None]:
    """What to put before a command so that it has so many bytes, or ``None`` where that cannot be done."""
    group = _new_group(size)
    if group is None:
        yield None
        return
    try:
        yield ["sh", "-c", JOIN, "sh", str(group / "cgroup.procs")]
    finally:
        end = time.monotonic() + GONE_S
        while group.exists():
            with contextlib.suppress(OSError):
                group.rmdir()  # refused while a killed process is still on its way out
            assert time.monotonic() < end, f"{group} is still in use"
            time.sleep(0.02)


def _new_group(size: int) -> Path | None:
    for parent, limit in VERSIONS:
        group = parent / f"pynenc-faults-{uuid.uuid4().hex}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(size), "ascii")
        except OSError:
            group.rmdir()
            continue
        return group
    return None
