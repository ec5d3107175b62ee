"""What a figure may be taken on: a release build, on a machine that has nothing else to do."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

BUSY = 0.35
"""Load of the last minute a core above which a machine counts as busy."""


def refuse_unfit(*, anyway: bool) -> None:
    """Stop when a figure would mean nothing.

    :raises SystemExit: on a debug build or a busy machine, unless ``anyway``.
    """
    from pynenc._core import build_profile

    if anyway:
        return
    if build_profile != "release":
        raise SystemExit(f"this is a {build_profile} build: install a release build, or say --anyway")
    for _ in range(30):
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        if load <= BUSY:
            return
        time.sleep(4)
    raise SystemExit(f"the machine is busy (load {load:.2f} a core, {BUSY} accepted): wait, or say --anyway")


def describe_machine() -> dict[str, Any]:
    """Where and with what the figures were taken."""
    from pynenc._core import __version__, build_profile

    model = "?"
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "date": time.strftime("%Y-%m-%d"),
        "pynenc": __version__,
        "build": build_profile,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": model,
        "cores": os.cpu_count(),
    }
