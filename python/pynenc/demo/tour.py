"""The steps of the tour, as data, and the walk through them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pynenc._core import final_statuses, statuses
from pynenc.demo import tasks
from pynenc.demo.tasks import Span, app
from pynenc.engine.registry import load_engine

Question = TypeVar("Question")
Answer = TypeVar("Answer")

CHUNK = 100
TEXT_BYTES = 20_000_000
WORDS = 100
PAGES = 1_000
ACCOUNTS = 16
DEPOSITS_EACH = 25
EQUAL_CALLS = 1_000
LISTS = 32
NUMBERS_EACH = 4_096
NAPS = 1_000
NAP_SECONDS = 1.0
LIMIT_SECONDS = 300.0
MOST_OPEN = 1_000_000

Tick = Callable[[int], None]
"""Told how many more invocations have ended."""


class WrongAnswer(Exception):  # noqa: N818 - it is one
    """A step computed something else than the plain computation."""


class StepReport(NamedTuple):
    """What became of a step; ``checked`` says what was compared, or what went wrong."""

    step: str
    title: str
    invocations: int
    seconds: float
    checked: str
    passed: bool

    @property
    def per_invocation(self) -> float:
        """Seconds."""
        return self.seconds / self.invocations


class Display(Protocol):
    """Where the progress of the tour shows."""

    def begin(self, title: str, invocations: int) -> None:
        """A step begins."""
        ...

    def tick(self, count: int) -> None:
        """So many more of its invocations have ended."""
        ...

    def end(self, report: StepReport) -> None:
        """The step has ended."""
        ...


@dataclass(frozen=True)
class Step(Generic[Question, Answer]):
    """One stop of the tour.

    :param name: Stable key.
    :param title: For people.
    :param prepare: Make the question; gets the number of items that was asked for.
    :param count: How many invocations the question makes.
    :param work: Answer it with tasks; the only part that is timed.
    :param check: Compare with a plain computation: words for what agrees.
    """

    name: str
    title: str
    prepare: Callable[[int], Question]
    count: Callable[[Question], int]
    work: Callable[[Question, Tick], Answer]
    check: Callable[[Question, Answer], str]


def set_up(engine: str) -> None:
    """Choose the engine of the tour's application.

    :raises ConfigError: when there is no engine of that name.
    """
    load_engine(engine)
    app.conf.engine = engine
    app.conf.dev_mode_force_sync_tasks = False  # a setting for somebody's tests, found in this directory


def reach() -> None:
    """Ask the engine something, so that one that is not there is told apart from a step that fails.

    :raises LocalServerError: when the local engine has no server.
    """
    app.runtime.engine.counts()


def walk(steps: Sequence[Step[Any, Any]], display: Display, items: int) -> Iterator[StepReport]:
    """Take the steps in turn; a wrong answer or an error is reported, and the next step is taken.

    :param items: Calls of the parallel map.
    """
    for step in steps:
        question = step.prepare(items)
        invocations = step.count(question)
        display.begin(step.title, invocations)
        began = perf_counter()
        seconds = 0.0
        try:
            answer = step.work(question, display.tick)
            seconds = perf_counter() - began
            checked, passed = step.check(question, answer), True
        except Exception as error:
            seconds = seconds or perf_counter() - began
            checked, passed = f"{type(error).__name__}: {error}", False
        report = StepReport(step.name, step.title, invocations, seconds, checked, passed)
        display.end(report)
        yield report


@contextmanager
def _working() -> Generator[None]:
    """Run the tasks here; whatever ends the block early calls off what is left."""
    with app.running():
        try:
            yield
        except BaseException:
            _call_off()
            raise


def _call_off() -> None:
    open_statuses = sorted(set(statuses()) - set(final_statuses()))
    asked: set[str] = set()
    # Bodies that have not heard of it yet may make further calls.
    while found := set(app.runtime.engine.find(None, open_statuses, MOST_OPEN)) - asked:
        for invocation_id in found:
            app.get_invocation(invocation_id).cancel()
        asked |= found


def _agree(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongAnswer(f"{what}: found {_short(found)}, expected {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


# -- 1: a parallel map in batches -----------------------------------------------------------------
def _ranges(items: int) -> list[tuple[int, int]]:
    return [(start, start + CHUNK) for start in range(0, items * CHUNK, CHUNK)]


def _map_ranges(ranges: list[tuple[int, int]], tick: Tick) -> list[int]:
    with _working():
        group = tasks.count_primes.parallelize(ranges)
        return group.get(timeout=LIMIT_SECONDS, on_progress=lambda _done, _all: tick(1))


def _check_primes(ranges: list[tuple[int, int]], counts: list[int]) -> str:
    top = ranges[-1][1]
    sieve = bytearray([0, 0]) + bytearray([1]) * (top - 2)
    for number in range(2, int(top**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, top, number)))
    _agree("primes of each range", counts, [sum(sieve[start:stop]) for start, stop in ranges])
    return f"{sum(counts):,} primes below {top:,}, as a sieve finds"


# -- 2: a large argument, shared ------------------------------------------------------------------
class _Book(NamedTuple):
    text: str
    counts: Counter[str]


def _write_book(_items: int) -> _Book:
    words = [f"w{number:03}" for number in range(WORDS)]
    page = random.Random(1).choices(words, k=TEXT_BYTES // 5 // 20)  # noqa: S311 - any text will do
    counts = Counter(page)
    return _Book(f"{' '.join(page)} " * 20, Counter({word: 20 * counts[word] for word in words}))


def _count_book(book: _Book, tick: Tick) -> dict[str, int]:
    with _working():
        found = tasks.count_words(book.text, list(book.counts))
    tick(WORDS)
    return found


def _check_book(book: _Book, found: dict[str, int]) -> str:
    _agree("words of the text", found, dict(book.counts))
    return f"{sum(found.values()):,} words in {len(book.text) / 1_000_000:.0f} MB, shared by {WORDS} calls"


# -- 3: retries -----------------------------------------------------------------------------------
class _Fetched(NamedTuple):
    contents: list[str]
    retries: list[int]


def _pages(_items: int) -> list[tuple[int]]:
    return [(page,) for page in range(PAGES)]


def _fetch_pages(pages: list[tuple[int]], tick: Tick) -> _Fetched:
    with _working():
        group = tasks.fetch.parallelize(pages)
        contents = group.get(timeout=LIMIT_SECONDS, on_progress=lambda _done, _all: tick(1))
        return _Fetched(contents, [invocation.num_retries for invocation in group])


def _check_pages(pages: list[tuple[int]], fetched: _Fetched) -> str:
    _agree("contents of the pages", fetched.contents, [tasks.digest(page) for (page,) in pages])
    _agree("retries of each", fetched.retries, [tasks.FAILURES_EACH] * len(pages))
    return f"{sum(fetched.retries):,} failures, each run again; all pages right"


# -- 4: one at a time for each key ----------------------------------------------------------------
class _Bank(NamedTuple):
    openings: int
    balances: list[int]
    spans: list[Span]


def _deposits(_items: int) -> list[dict[str, int]]:
    return [
        {"account": account, "amount": account + number + 1}
        for number in range(DEPOSITS_EACH)
        for account in range(ACCOUNTS)
    ]


def _run_bank(deposits: list[dict[str, int]], tick: Tick) -> _Bank:
    with TemporaryDirectory(prefix="pynenc-demo-") as folder:
        # Nothing runs yet, so the first waits to be started when the others come.
        openings = [tasks.open_accounts(folder, ACCOUNTS) for _ in range(EQUAL_CALLS)]
        with _working():
            openings[0].get(timeout=LIMIT_SECONDS)
            tick(1)
            group = tasks.deposit.parallelize(deposits, common_args={"folder": folder})
            spans = group.get(timeout=LIMIT_SECONDS, on_progress=lambda _done, _all: tick(1))
        balances = [tasks.read_balance(folder, account) for account in range(ACCOUNTS)]
    return _Bank(len({opening.invocation_id for opening in openings}), balances, spans)


def _check_bank(deposits: list[dict[str, int]], bank: _Bank) -> str:
    _agree("invocations made by equal calls", bank.openings, 1)
    of_account: dict[int, list[Span]] = defaultdict(list)
    for span in sorted(bank.spans, key=lambda span: span.began):
        of_account[span.key].append(span)
    overlaps = sum(later.began < earlier.ended for spans in of_account.values() for earlier, later in pairwise(spans))
    _agree("overlapping bodies of one account", overlaps, 0)
    expected = [0] * ACCOUNTS
    for given in deposits:
        expected[given["account"]] += given["amount"]
    _agree("balances", bank.balances, expected)
    return f"no two at once on one of {ACCOUNTS} accounts; {EQUAL_CALLS:,} equal calls made 1 invocation"


# -- 5: waits within waits ------------------------------------------------------------------------
def _lists(_items: int) -> list[tuple[list[int]]]:
    shuffled = random.Random(2)  # noqa: S311 - any numbers will do
    return [([shuffled.randrange(1_000_000) for _ in range(NUMBERS_EACH)],) for _ in range(LISTS)]


def _calls_of_a_sort(length: int) -> int:
    if length <= tasks.LEAF:
        return 1
    return 1 + _calls_of_a_sort(length // 2) + _calls_of_a_sort(length - length // 2)


def _calls_of_sorts(lists: list[tuple[list[int]]]) -> int:
    return sum(_calls_of_a_sort(len(numbers)) for (numbers,) in lists)


def _sort_lists(lists: list[tuple[list[int]]], tick: Tick) -> list[list[int]]:
    with _working():
        group = tasks.merge_sort.parallelize(lists)
        calls = _calls_of_a_sort(NUMBERS_EACH)
        return group.get(timeout=LIMIT_SECONDS, on_progress=lambda _done, _all: tick(calls))


def _check_lists(lists: list[tuple[list[int]]], found: list[list[int]]) -> str:
    _agree("sorted lists", found, [sorted(numbers) for (numbers,) in lists])
    slots = app.runner.max_parallel_slots
    return f"{LISTS} lists of {NUMBERS_EACH:,} numbers in order, by recursion on {slots} slots"


# -- 6: async tasks -------------------------------------------------------------------------------
def _naps(_items: int) -> list[tuple[int, float]]:
    return [(number, NAP_SECONDS) for number in range(NAPS)]


def _nap_all(naps: list[tuple[int, float]], tick: Tick) -> list[Span]:
    async def all_of_them() -> list[Span]:
        group = tasks.nap.parallelize(naps)
        return await group.async_get(timeout=LIMIT_SECONDS, on_progress=lambda _done, _all: tick(1))

    with _working():
        return asyncio.run(all_of_them())


def _check_naps(naps: list[tuple[int, float]], spans: list[Span]) -> str:
    _agree("naps that came back", [span.key for span in spans], [number for number, _ in naps])
    changes = sorted([(span.began, 1) for span in spans] + [(span.ended, -1) for span in spans])
    asleep = most = 0
    for _, change in changes:
        asleep += change
        most = max(most, asleep)
    slots = app.runner.max_parallel_slots
    if most <= slots:
        raise WrongAnswer(f"at most {most} naps at once, no more than there are slots")
    return f"{most:,} asleep at once, on one event loop beside {slots} slots"


STEPS: tuple[Step[Any, Any], ...] = (
    Step("map", "Parallel map, in batches", _ranges, len, _map_ranges, _check_primes),
    Step("shared", "20 MB argument, shared", _write_book, lambda book: len(book.counts), _count_book, _check_book),
    Step("retries", "Retries", _pages, len, _fetch_pages, _check_pages),
    Step("keys", "One at a time for each key", _deposits, lambda given: 1 + len(given), _run_bank, _check_bank),
    Step("nested", "Waits within waits", _lists, _calls_of_sorts, _sort_lists, _check_lists),
    Step("async", "Async tasks", _naps, len, _nap_all, _check_naps),
)
