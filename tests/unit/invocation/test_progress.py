"""How far a group has come, as programs and people are told."""

from __future__ import annotations

import asyncio
import os
import pty
import sys

import pytest

from pynenc import Pynenc
from pynenc.invocation.progress import Lines, following

app = Pynenc(app_id="progress", config_values={"logging_level": "error"})


@app.task
def same(number: int) -> int:
    return number


@pytest.fixture(autouse=True)
def running():
    with app.running():
        yield


def percents(text: str) -> list[str]:
    return [line.partition(": ")[2].partition(" %")[0].strip() for line in text.splitlines()]


def test_a_line_each_ten_percent(capsys):
    lines = Lines("app.task")
    for done in range(1, 1001):
        lines(done, 1000, complete=True)
    written = capsys.readouterr().err
    assert percents(written) == [str(percent) for percent in range(10, 101, 10)]
    assert written.startswith("app.task:  10 %, 100 of 1,000 (")


def test_a_few_members_have_as_many_lines(capsys):
    lines = Lines("app.task")
    for done in range(1, 4):
        lines(done, 3, complete=True)
    assert percents(capsys.readouterr().err) == ["33", "66", "100"]


def test_while_members_arrive_the_number_doubles_from_line_to_line(capsys):
    lines = Lines("app.task")
    for done in range(1, 101):
        lines(done, 100, complete=done == 100)
    counted = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert counted == ["1", "2", "4", "8", "16", "32", "64", "100"]


def test_nothing_is_told_when_nobody_asks(capsys):
    with following("app.task", show=False, on_progress=None) as tell:
        assert tell is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stream", [False, True])
def test_get_shows_and_tells(capsys, stream):
    items = [(number,) for number in range(20)]
    told = []
    group = same.parallelize(iter(items) if stream else items)
    assert group.get(progress=True, on_progress=lambda *numbers: told.append(numbers)) == list(range(20))
    assert told[-1] == (20, 20)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"{__name__}.same: 100 %, 20 of 20 (")


def test_track_yields_the_results(capsys):
    told = []
    group = same.parallelize([(number,) for number in range(20)])
    assert sorted(group.track(on_progress=lambda *numbers: told.append(numbers))) == list(range(20))
    assert told == [(done, 20) for done in range(1, 21)]
    assert percents(capsys.readouterr().err)[-1] == "100"


def test_the_same_without_blocking(capsys):
    async def main() -> tuple[list[int], list[int]]:
        group = same.parallelize([(number,) for number in range(20)])
        tracked = [result async for result in group.async_track()]
        return tracked, await same.parallelize([(number,) for number in range(20)]).async_get(progress=True)

    tracked, got = asyncio.run(main())
    assert (sorted(tracked), got) == (list(range(20)), list(range(20)))
    assert percents(capsys.readouterr().err).count("100") == 2


def test_a_bar_on_a_terminal(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert same.parallelize([(number,) for number in range(20)]).get(progress=True) == list(range(20))
        terminal.flush()
        shown = ""
        while "20/20" not in shown:  # a terminal hands out what it has in pieces
            shown += screen.read(65_536).decode()
    assert "20/20" in shown
    assert "\x1b[" in shown
