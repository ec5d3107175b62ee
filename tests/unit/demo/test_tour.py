"""Every step of the tour, made small: it computes, it checks, and it can be stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pynenc._core import final_statuses
from pynenc.cli import run_demo
from pynenc.cli.exit_codes import ExitCode
from pynenc.cli.main_cli import run
from pynenc.demo import tasks, tour
from pynenc.demo.screen import LineDisplay, QuietDisplay, duration, rows_of, summary_of
from pynenc.demo.tour import STEPS, Step, StepReport, WrongAnswer, walk
from pynenc.exceptions import ConfigError

BY_NAME = {step.name: step for step in STEPS}
ITEMS = 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    sizes = {"TEXT_BYTES": 100_000, "PAGES": 20, "ACCOUNTS": 4, "DEPOSITS_EACH": 3, "EQUAL_CALLS": 20}
    sizes |= {"LISTS": 2, "NUMBERS_EACH": 256, "NAPS": 50}
    for name, value in sizes.items():
        monkeypatch.setattr(tour, name, value)
    monkeypatch.setattr(tour, "NAP_SECONDS", 0.2)
    tour.set_up("memory")
    yield
    tasks.app.purge()


class Recorder(QuietDisplay):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, title: str, invocations: int) -> None:
        self.events.append((title, invocations))

    def tick(self, count: int) -> None:
        self.events.append(count)

    def end(self, report: StepReport) -> None:
        self.events.append(report)


def report_of(step: Step[Any, Any]) -> StepReport:
    (report,) = walk([step], QuietDisplay(), ITEMS)
    return report


def test_what_the_tour_shows() -> None:
    assert [step.name for step in STEPS] == ["map", "shared", "retries", "keys", "nested", "async"]


@pytest.mark.parametrize("name", BY_NAME)
def test_each_step_is_right(name: str) -> None:
    display = Recorder()
    (report,) = walk([BY_NAME[name]], display, ITEMS)
    assert report.passed, report.checked
    begin, *ticks, end = display.events
    assert begin == (report.title, report.invocations)
    assert end is report
    assert sum(ticks) == report.invocations >= 1
    assert report.seconds > 0


WRONG: dict[str, Any] = {
    "map": lambda answer: [*answer[:-1], answer[-1] + 1],
    "shared": lambda answer: {**answer, "w000": -1},
    "retries": lambda answer: answer._replace(retries=[1, *answer.retries[1:]]),
    "keys": lambda answer: answer._replace(balances=[0] * len(answer.balances)),
    "nested": lambda answer: [answer[0][::-1], *answer[1:]],
    "async": lambda answer: answer[1:],
}


@pytest.mark.parametrize("name", BY_NAME)
def test_each_step_sees_a_wrong_answer(name: str) -> None:
    step = BY_NAME[name]
    question = step.prepare(ITEMS)
    answer = step.work(question, lambda _: None)
    step.check(question, answer)
    with pytest.raises(WrongAnswer, match=r"found .* expected"):
        step.check(question, WRONG[name](answer))


def test_more_ways_to_be_wrong() -> None:
    step = BY_NAME["keys"]
    question = step.prepare(ITEMS)
    bank = step.work(question, lambda _: None)
    with pytest.raises(WrongAnswer, match="equal calls: found 2, expected 1"):
        step.check(question, bank._replace(openings=2))
    together = [span._replace(began=0, ended=10) for span in bank.spans]
    with pytest.raises(WrongAnswer, match="overlapping bodies"):
        step.check(question, bank._replace(spans=together))
    naps = BY_NAME["async"]
    one_by_one = [tasks.Span(number, 2 * number, 2 * number + 1) for number in range(50)]
    with pytest.raises(WrongAnswer, match="at most 1 naps at once"):
        naps.check([(number, 0.2) for number in range(50)], one_by_one)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "shared"])
def test_ctrl_c_calls_off_what_is_left(name: str) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    step = BY_NAME[name]
    with pytest.raises(KeyboardInterrupt):
        step.work(step.prepare(500), interrupt)
    counts = tasks.app.runtime.engine.counts()
    assert not {status: count for status, count in counts.items() if count and status not in final_statuses()}


def test_a_step_that_raises_is_reported_and_the_next_is_taken() -> None:
    def fail(_question: Any, _tick: Any) -> Any:
        raise OSError("no disk")

    broken = Step("broken", "Broken", lambda _: [1], len, fail, lambda _question, _answer: "")
    reports = list(walk([broken, BY_NAME["retries"]], QuietDisplay(), ITEMS))
    assert [report.passed for report in reports] == [False, True]
    assert reports[0].checked == "OSError: no disk"


def test_another_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match="accepted: local, memory"):
        tour.set_up("disk")
    assert tasks.app.conf.engine == "memory"


def test_synchronous_mode_found_in_the_settings_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.app.conf, "dev_mode_force_sync_tasks", True)
    tour.set_up("memory")
    assert not tasks.app.conf.dev_mode_force_sync_tasks


# -- what is shown --------------------------------------------------------------------------------
GOOD = StepReport("map", "Map", 1_000, 0.5, "all right", True)
BAD = StepReport("keys", "Keys", 10, 0.5, "WrongAnswer: found 1, expected 2", False)


def test_the_table() -> None:
    good, bad = rows_of([GOOD, BAD])
    assert good == {
        "step": "Map",
        "invocations": "1,000",
        "seconds": "0.500",
        "per_invocation": "500.0 µs",
        "checked": "all right",
    }
    assert bad["checked"] == "WRONG: WrongAnswer: found 1, expected 2"


def test_the_table_as_json() -> None:
    summary = summary_of([GOOD, BAD], engine="memory", slots=2)
    assert list(summary) == ["engine", "slots", "passed", "seconds", "steps"]
    assert summary["passed"] is False
    assert summary["seconds"] == 1.0
    assert summary["steps"][0] == {
        "step": "map",
        "title": "Map",
        "invocations": 1_000,
        "seconds": 0.5,
        "seconds_per_invocation": 0.0005,
        "checked": "all right",
        "passed": True,
    }


def test_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    display = LineDisplay()
    display.begin("Map", 1_000)
    display.tick(1)
    display.end(GOOD)
    display.end(BAD)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "ok    Map: all right (500.00 ms)",
        "WRONG Keys: WrongAnswer: found 1, expected 2 (500.00 ms)",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(2.5, "2.50 s"), (0.0125, "12.50 ms"), (0.0000305, "30.5 µs")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_command_fails_on_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(_question: Any, _answer: Any) -> str:
        raise WrongAnswer("found 1, expected 2")

    broken = Step("broken", "Broken", lambda _: [1], len, lambda question, _tick: question, wrong)
    monkeypatch.setattr(run_demo, "STEPS", (broken,))
    assert run(["-q", "demo", "--json"]) == ExitCode.FAILED
    printed = capsys.readouterr()
    assert json.loads(printed.out)["passed"] is False
    assert printed.err == "pynenc: demo: Broken: WrongAnswer: found 1, expected 2\n"


def test_the_command_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run_demo, "STEPS", (BY_NAME["retries"],))
    assert run(["demo"]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.out.startswith("Retries\t20\t")
    assert printed.err.startswith("ok    Retries: ")
