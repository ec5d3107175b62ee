"""`from pynenc import Pynenc` is cheap: what only some programs need is loaded when they need it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"asyncio", "click", "cloudpickle", "msgspec", "multiprocessing", "numpy", "rich", "tomllib", "typer"}

# What site-packages itself loads at start-up (.pth files) is not ours: only what came with the import counts.
PROBE = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import pynenc", "from pynenc import Pynenc", "from pynenc.app import Pynenc"])
def test_nothing_heavy_comes_along(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "pynenc" in loaded
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


def test_the_import_is_a_real_one() -> None:
    loaded = loaded_by("from pynenc import Pynenc")
    assert {"pynenc.app", "pynenc._core"} <= loaded
    assert len([name for name in loaded if name.startswith("pynenc.")]) >= 10


def test_the_probe_sees_what_is_loaded() -> None:
    assert "asyncio" in loaded_by("import asyncio")
