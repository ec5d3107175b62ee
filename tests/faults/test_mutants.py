"""The classic mistakes, put into the engine's functions one at a time: each makes the test fail that is for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pynenc.exceptions import PynencError
from tests.faults.proxy.faults import Where
from tests.faults.proxy.proxy import Proxy
from tests.faults.test_late_writes import late_write_leaves_no_trace
from tests.faults.test_resend import answered_once
from tests.faults.test_server_down import ticks_before_it_renews
from tests.faults.test_vanished import vanished_work_comes_back

COMPARED = "r.attempt == attempt and r.nonce == nonce and "
FENCED = "    if not holds(r, attempt, nonce) then\n"
NOTES_NOT_FENCED = "    if FINAL_OF[kind] and not holds(r, attempt, nonce) then\n"


@dataclass(frozen=True)
class Mutant:
    """A text of the library, what stands there instead, and the scenario of the test that must see it."""

    name: str
    was: str
    becomes: str
    scenario: Callable[..., None]
    test: str

    def rewrite(self, text: str) -> str:
        """The library with the mistake."""
        return text.replace(self.was, self.becomes)


MUTANTS = [
    Mutant(
        "the attempt is not compared",
        COMPARED,
        "",
        lambda it: late_write_leaves_no_trace(it.new_engine(), it.snapshot, "success", "running"),
        "test_late_writes.py::test_t5_a_late_write_leaves_no_trace",
    ),
    Mutant(
        "popped, and not recorded with it",
        "  if leases[1] then\n",
        "  if false then\n",
        lambda it: vanished_work_comes_back(it.new_engine, bound=3.0),
        "test_vanished.py::test_t3_work_of_a_claim_that_nobody_heard_of_comes_back",
    ),
    Mutant(
        "a late note is not fenced",
        f"{FENCED}        return FENCED + r.status\n      end\n      local told = end_run",
        f"{NOTES_NOT_FENCED}        return FENCED + r.status\n      end\n      local told = end_run",
        lambda it: late_write_leaves_no_trace(it.new_engine(), it.snapshot, "retry later", "running"),
        "test_late_writes.py::test_t5_a_late_write_leaves_no_trace",
    ),
    Mutant(
        "no hold after an outage",
        "  if band(limits.options, HOLDS) ~= 0 then\n",
        "  if false then\n",
        lambda it: ticks_before_it_renews(it.new_engine, it.server),
        "test_server_down.py::test_t9_after_an_outage_nothing_is_rescued_before_the_living_could_renew",
    ),
    Mutant(
        "a claim is not remembered",
        "if is_sent_again(request) then",
        "if false then",
        lambda it: answered_once(it.new_engine, it.proxy, "claim", Where.AFTER),
        "test_resend.py::test_t11_a_step_whose_reply_was_lost_is_done_once",
    ),
    Mutant(
        "an ending is not remembered",
        "    local again = r.token == token\n    if not again then\n      if not holds",
        "    local again = false\n    if not again then\n      if not holds",
        lambda it: answered_once(it.new_engine, it.proxy, "success", Where.AFTER),
        "test_resend.py::test_t11_a_step_whose_reply_was_lost_is_done_once",
    ),
]


@dataclass
class Mutated:
    """What scenarios get: the fixtures of the tests, with an engine whose functions have the mistake."""

    proxy: Proxy
    server: Any
    snapshot: Callable[[], object]
    make: Callable[..., Any]

    def new_engine(self, **options: Any) -> Any:
        """An engine that loads its library through the proxy."""
        return self.make(**{"url": self.proxy.url, **options})


def failure_of(scenario: Callable[[], None]) -> BaseException | None:
    """What would make the test fail: an assertion, or a refusal that it does not expect."""
    try:
        scenario()
    except (AssertionError, pytest.fail.Exception, PynencError) as failure:
        return failure
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_suite_catches_a_mistake(new_proxy, server, snapshot, unchecked_engine, mutant) -> None:
    proxy = new_proxy(rewrite=mutant.rewrite)
    mutated = Mutated(proxy, server, snapshot, unchecked_engine)
    caught = failure_of(lambda: mutant.scenario(mutated))
    assert proxy.tampering.rewritten, "the text of the mutant stands nowhere"
    assert proxy.tampering.runs, "no function with the mistake was called"
    assert caught is not None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mistake_names_the_test_that_sees_it(request, mutant) -> None:
    file, _, name = mutant.test.partition("::")
    text = request.path.with_name(file).read_text("utf-8")
    assert f"def {name}(" in text
