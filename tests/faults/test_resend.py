"""One request each whose reply is lost: it is sent again, and has one effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pynenc.model.records import Submission
from tests.faults.proxy.faults import Cut, Request, Where
from tests.faults.proxy.proxy import Proxy

CALL = Submission("app.add", call=b"x")


@pytest.fixture
def server(emptied_server):
    return emptied_server


class Next:
    """Cuts at the next script whose name ends so, and at no other."""

    def __init__(self, proxy: Proxy, where: Where, ending: bytes) -> None:
        self._proxy = proxy
        self._where = where
        self._ending = ending
        self._cut = True

    def __call__(self, request: Request) -> Cut | None:
        if request.script is None or not self._cut or not request.script.endswith(self._ending):
            return None
        self._cut = False
        return Cut(self._where)

    def cuts(self) -> int:
        return self._proxy.cuts.total()


class Stage:
    """An engine with one invocation in each state that a step can begin in."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.worker = engine.register_worker("worker")
        self.queued = self.new()
        self.claimed = self.claim_new()
        self.running = self.claim_new()
        engine.start(self.running)
        self.paused = self.claim_new()
        engine.start(self.paused)
        self.awaited = self.new(delay=3_600)
        assert engine.pause(self.paused, [self.awaited])

    def new(self, **fields: Any) -> str:
        ((_, invocation_id, _),) = self.engine.submit([Submission("app.add", call=b"x", **fields)])
        return invocation_id

    def claim_new(self) -> Any:
        invocation_id = self.new()
        found = {claim.invocation_id: claim for claim in self.engine.claim(self.worker, 2)}
        for other in set(found) - {invocation_id}:
            self.engine.release(found[other])
        return found[invocation_id]

    def record(self, claim: Any) -> dict[str, Any]:
        return self.engine.record(claim.invocation_id)

    def seen(self) -> list[Any]:
        """All that the port says of all of them, but for when it happened."""
        return [
            (
                self.engine.record(one) | {"invocation_id": "", "awaits": len(self.engine.record(one)["awaits"])},
                [name for name, *_ in self.engine.history(one)],
            )
            for one in self.engine.find(None, None, 100)
        ]


STEPS: dict[str, Callable[[Stage], object]] = {
    "submit": lambda stage: len(stage.engine.submit([CALL, CALL])),
    "submit under a rule": lambda stage: len(stage.engine.submit([Submission("a", b"", registration_key=b"k" * 32)])),
    "claim": lambda stage: [claim.attempt for claim in stage.engine.claim(stage.worker, 1)],
    "claim more than there is": lambda stage: [claim.attempt for claim in stage.engine.claim(stage.worker, 9)],
    "start": lambda stage: stage.engine.start(stage.claimed),
    "success": lambda stage: stage.engine.finish(stage.running, "success", b"r", 1),
    "failed": lambda stage: stage.engine.finish(stage.running, "failed", ValueError("r"), 1),
    "retry": lambda stage: stage.engine.retry(stage.running),
    "retry later": lambda stage: stage.engine.retry(stage.running, 60.0),
    "release": lambda stage: stage.engine.release(stage.running),
    "pause": lambda stage: stage.engine.pause(stage.running, [stage.awaited]),
    "resume": lambda stage: stage.engine.resume(stage.paused),
    "run what it awaits": lambda stage: stage.engine.claim_awaited(stage.running, stage.queued).attempt,
    "cancel what is queued": lambda stage: stage.engine.cancel(stage.queued),
    "cancel what runs": lambda stage: stage.engine.cancel(stage.running.invocation_id),
    "renew": lambda stage: stage.engine.renew(stage.worker),
    "register a worker": lambda stage: bool(stage.engine.register_worker("another")),
    "lose": lambda stage: len(stage.engine.lose(stage.worker)),
    "tick": lambda stage: stage.engine.tick() is not None,
    "purge": lambda stage: stage.engine.purge(),
}
# Those that ask several scripts: which is the one that changes something.
CUT_AT = {"purge": b"_drop"}


def answered_once(new_engine: Callable[..., Any], proxy: Proxy, step: str, where: Where) -> None:
    """Do the step undisturbed on one engine, and with a cut on another: they say and show the same."""
    plain, cut = Stage(new_engine(app_id="plain")), Stage(new_engine(app_id="cut", url=proxy.url))
    expected = STEPS[step](plain)
    at = Next(proxy, where, CUT_AT.get(step, b""))
    proxy.when(at)
    answer = STEPS[step](cut)
    proxy.when(None)
    assert at.cuts() == 1
    assert answer == expected
    assert cut.seen() == plain.seen()
    assert cut.engine.counts() == plain.engine.counts()
    assert cut.engine.queued() == plain.engine.queued()
    assert cut.engine.doctor() == []


@pytest.mark.parametrize("where", [Where.BEFORE, Where.AFTER, Where.MID_REPLY])
@pytest.mark.parametrize("step", STEPS)
def test_t11_a_step_whose_reply_was_lost_is_done_once(new_engine, proxy, step, where) -> None:
    answered_once(new_engine, proxy, step, where)
