"""The work of the tour: an application and its tasks, at module level, where any worker can import them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from pynenc.app import Pynenc
from pynenc.conf.config_task import ConcurrencyControlType

FAILURES_EACH = 2
LEAF = 32
HOLD_SECONDS = 0.002

# Files and the environment beat what is said here, in workers as well as in the process that calls.
app = Pynenc(app_id="pynenc-demo", config_values={"max_threads": 2, "num_processes": 2, "logging_level": "error"})


class Span(NamedTuple):
    """When a body ran, in nanoseconds of the machine's monotonic clock."""

    key: int
    began: int
    ended: int


# -- a parallel map -------------------------------------------------------------------------------
@app.task(parallel_batch_size=100)
def count_primes(start: int, stop: int) -> int:
    """Count the primes of a range by trial division."""
    return sum(_is_prime(number) for number in range(start, stop))


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 1
    if number % 2 == 0:
        return False
    divisor = 3
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 2
    return True


# -- a large shared argument ----------------------------------------------------------------------
def _one_call_a_word(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "common_args": {"text": arguments["text"]},
        "param_iter": [{"words": [word]} for word in arguments["words"]],
    }


def _merged(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    return {word: count for part in counts for word, count in part.items()}


@app.direct_task(parallel_func=_one_call_a_word, aggregate_func=_merged)
def count_words(text: str, words: list[str]) -> dict[str, int]:
    """Count how often each word stands in the text."""
    return {word: text.count(word) for word in words}


# -- retries --------------------------------------------------------------------------------------
@app.task(retry_for=(ConnectionError,), max_retries=FAILURES_EACH)
def fetch(page: int) -> str:
    """Fetch a page over a line that breaks on the first attempts at each."""
    attempts_before: int = fetch.invocation.num_retries
    if attempts_before < FAILURES_EACH:
        raise ConnectionError(f"page {page}: the line broke, attempt {attempts_before + 1}")
    return digest(page)


def digest(page: int) -> str:
    """What is on a page."""
    return sha256(f"page {page}".encode()).hexdigest()


# -- concurrency by key ---------------------------------------------------------------------------
@app.task(registration_concurrency=ConcurrencyControlType.ARGUMENTS)
def open_accounts(folder: str, count: int) -> int:
    """Write a file with the balance 0 for each account."""
    for account in range(count):
        _file_of(folder, account).write_text("0", "ascii")
    return count


@app.task(running_concurrency=ConcurrencyControlType.KEYS, key_arguments=("account",))
def deposit(folder: str, account: int, amount: int) -> Span:
    """Add to a balance: read the file, think, write the file. Two at once on one account would lose money."""
    began = time.monotonic_ns()
    balance = read_balance(folder, account)
    time.sleep(HOLD_SECONDS)
    _file_of(folder, account).write_text(str(balance + amount), "ascii")
    return Span(account, began, time.monotonic_ns())


def read_balance(folder: str, account: int) -> int:
    """What an account holds."""
    return int(_file_of(folder, account).read_text("ascii"))


def _file_of(folder: str, account: int) -> Path:
    return Path(folder) / f"account-{account}.txt"


# -- waits within waits ---------------------------------------------------------------------------
@app.task
def merge_sort(numbers: list[int]) -> list[int]:
    """Sort by halves, each a call of this same task that this body waits for."""
    if len(numbers) <= LEAF:
        return sorted(numbers)
    middle = len(numbers) // 2
    left, right = merge_sort.parallelize([(numbers[:middle],), (numbers[middle:],)]).get()
    merged: list[int] = []
    at = 0
    for number in left:
        while at < len(right) and right[at] < number:
            merged.append(right[at])
            at += 1
        merged.append(number)
    return merged + right[at:]


# -- async ----------------------------------------------------------------------------------------
@app.task
async def nap(number: int, seconds: float) -> Span:
    """Sleep on the event loop."""
    began = time.monotonic_ns()
    await asyncio.sleep(seconds)
    return Span(number, began, time.monotonic_ns())
