from __future__ import annotations

from pathlib import Path

import pytest

from pynenc.local_server.handshake import LONGEST, Hello, Welcome
from pynenc.local_server.keeper_plan import KeeperPlan


@pytest.mark.parametrize("said", [Hello(True), Hello(False)])
def test_hello(said: Hello) -> None:
    line = said.line()
    assert line.endswith(b"\n")
    assert len(line) < LONGEST
    assert Hello.of(line) == said


@pytest.mark.parametrize("said", [Welcome("/a/b"), Welcome("/\udc80"), Welcome(error="no\nway")])
def test_welcome(said: Welcome) -> None:
    line = said.line()
    assert line.count(b"\n") == 1
    assert Welcome.of(line) == said


def test_a_long_reason_is_cut() -> None:
    assert Welcome.of(Welcome(error="x" * 100_000).line()).error == "x" * 3_000


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b"7\n", b"[]\n", b"\xff\n", b"\x00" * 100, b"[" * 300_000])
def test_nonsense(line: bytes) -> None:
    for kind in (Hello, Welcome):
        with pytest.raises(ValueError):
            kind.of(line)


def test_a_plan_travels() -> None:
    plan = KeeperPlan(Path("/da\udc80ta"), Path("/sockets"), ["program", "--save", ""], True)
    text = plan.to_json()
    assert text.isascii()
    assert KeeperPlan.from_json(text) == plan
    assert plan.places.address == Path("/da\udc80ta/address.json")
