"""What an engine promises, written to be obviously right: one list, searched from end to end.

Invocations go by their number, oldest first; a claim is ``(number, attempt)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pynenc.exceptions import CycleDetectedError, FencedError, ResultExpired, RunnerError, StatusTransitionError
from pynenc.model.records import Submission
from tests.engines import Limits

FINAL = {"success", "failed", "cancelled"}
HELD = {"pending", "running", "paused"}
STARTED = {"running", "paused", *FINAL}
Claimed = tuple[int, int]


@dataclass
class Invocation:
    number: int
    call: Submission
    status: str
    place: str  # queue, delay, line (set aside), hands (of a worker), end
    due: float = 0.0
    attempt: int = 0
    retries: int = 0
    losses: int = 0
    worker: int | None = None
    claimed_at: int = 0
    awaited: bool = False
    awaits: list[int] = field(default_factory=list)
    cancel_requested: bool = False
    outcome: object = None
    size: int = 0  # of the outcome
    history: list[tuple[str, float]] = field(default_factory=list)
    gone: bool = False


class Model:
    def __init__(self, now: float, limits: Limits) -> None:
        self.now = now
        self.limits = limits
        self.all: list[Invocation] = []
        self.deadlines: dict[int, float] = {}  # of the workers that live
        self.kept: list[int] = []  # those that have ended, in that order
        self.claims = 0

    @property
    def there(self) -> list[Invocation]:
        return [one for one in self.all if not one.gone]

    # -- queue
    def submit(self, batch: Sequence[Submission]) -> list[tuple[str, int, bool]]:
        return [self._submit(call) for call in batch]

    def _submit(self, call: Submission) -> tuple[str, int, bool]:
        answering = [number for number in self.kept if self._answers(self.all[number], call)]
        if answering:
            return "cached", answering[-1], True
        for one in self.there:
            if call.registration_key and one.call.registration_key == call.registration_key:
                same = one.call.arguments_fingerprint == call.arguments_fingerprint
                if one.status not in STARTED:
                    return ("reused" if same or not call.raise_on_difference else "refused"), one.number, same
        one = Invocation(len(self.all), call, "", "queue")
        self.all.append(one)
        if call.delay:
            one.place, one.due = "delay", self.now + call.delay
        self._move(one, "scheduled" if call.delay else "registered")
        return "new", one.number, True

    def _answers(self, one: Invocation, call: Submission) -> bool:
        both = call.reuse_result and one.call.reuse_result
        return both and one.status == "success" and one.call.arguments_fingerprint == call.arguments_fingerprint

    def claim(self, worker: int, limit: int, lane: str) -> list[Claimed]:
        self._check_worker(worker)
        self._promote()
        claimed: list[Claimed] = []
        lanes = [False, True] if lane == "any" else [lane == "async"]
        while len(claimed) < limit:
            queue = [one for one in self.there if one.place == "queue" and one.call.is_async in lanes]
            if not queue:
                break
            # The lanes in turn; in each, what somebody waits for before the others; the oldest first.
            one = min(queue, key=lambda one: (one.call.is_async, not one.awaited, one.number))
            if self._holder(one.call.running_key):
                self._move(one, "rerouted")
                one.place = "line"
            else:
                claimed.append(self._take(one, worker))
        return claimed

    def claim_awaited(self, waiter: Claimed, number: int) -> Claimed | None:
        parent, one = self._held(waiter), self.all[number]
        if one.gone or one.place != "queue" or one.call.is_async or self._holder(one.call.running_key):
            return None
        self._pause(parent, [number])
        one.awaited = True
        assert parent.worker is not None
        claimed = self._take(one, parent.worker)
        self._move(one, "running")
        return claimed

    def queued(self) -> int:
        return sum(one.place == "queue" for one in self.there)

    # -- lifecycle
    def start(self, claim: Claimed) -> None:
        self._move_from(self._held(claim), {"pending"}, "running")

    def finish(self, claim: Claimed, status: str, value: object, size: int) -> None:
        one = self._held(claim)
        self._check(one, {"running"} if status == "success" else HELD, status)
        self._end(one, status, value, size)

    def retry(self, claim: Claimed, delay: float) -> None:
        one = self._held(claim)
        if not one.cancel_requested:
            self._check(one, {"running"}, "retry")
            one.retries += 1
        one.due = self.now + delay
        self._return(one, "retry", "delay" if delay else "queue")

    def release(self, claim: Claimed) -> None:
        self._return(self._held(claim), "rerouted", "queue")

    def cancel(self, number: int) -> str:
        one = self._one(number)
        if one.status in FINAL:
            return "final"
        if one.status in {"running", "paused"}:
            one.cancel_requested = True
            return "requested"
        self._end(one, "cancelled", None, 0)
        return "cancelled"

    # -- waits
    def pause(self, claim: Claimed, awaited: Sequence[int]) -> bool:
        waiter, others = self._held(claim), [self.all[number] for number in awaited]
        if not others or any(one.gone or one.status in FINAL for one in others):
            return False
        if self.reaches(awaited, waiter.number):
            raise CycleDetectedError([], "")
        self._pause(waiter, awaited)
        for one in others:
            one.awaited = True
        return True

    def reaches(self, start: Sequence[int], target: int) -> bool:
        seen: set[int] = set()
        ahead = list(start)
        while ahead:
            number = ahead.pop()
            if number == target:
                return True
            if number not in seen:
                seen.add(number)
                ahead += self.blockers(number)
        return False

    def blockers(self, number: int) -> list[int]:
        """Who must end before this one can."""
        one = self.all[number]
        if one.gone or one.status in FINAL | {"pending", "running"}:
            return []
        holder = self._holder(one.call.running_key)
        return one.awaits if one.status == "paused" else [holder.number] if holder else []

    def resume(self, claim: Claimed) -> None:
        one = self._held(claim)
        self._move_from(one, {"paused"}, "running")
        one.awaits = []

    # -- leases
    def register_worker(self, worker: int) -> None:
        self.deadlines[worker] = self.now + self.limits.lease_seconds

    def renew(self, worker: int) -> bool:
        if worker in self.deadlines:
            self.register_worker(worker)
        return worker in self.deadlines

    def lose(self, worker: int) -> list[int]:
        self.deadlines.pop(worker, None)
        held = sorted((one for one in self.there if one.worker == worker), key=lambda one: one.claimed_at)
        for one in held:
            started = one.status != "pending"  # else it is not to blame for anything
            one.losses += started
            if started and one.losses >= self.limits.max_losses and not one.cancel_requested:
                self._end(one, "failed", None, 0)
            else:
                self._return(one, "rerouted", "queue")
        return [one.number for one in held]

    def tick(self) -> None:
        self._promote()
        for worker in sorted(worker for worker, deadline in self.deadlines.items() if deadline <= self.now):
            self.lose(worker)
        self._drop_old()

    def next_tick(self) -> float | None:
        delayed = [one.due for one in self.there if one.place == "delay"]
        old = [self._ended_at(number) + self.limits.keep_seconds for number in self.kept]
        return min([*delayed, *self.deadlines.values(), *old], default=None)

    # -- queries
    def purge(self) -> int:
        count = len(self.there)
        for one in self.there:
            one.gone = True
        self.kept = []
        return count

    def record(self, number: int) -> dict[str, Any]:
        one = self._one(number)
        names = ("status", "attempt", "retries", "losses", "cancel_requested", "worker", "awaits")
        return {name: getattr(one, name) for name in names} | {"task_id": one.call.task_id}

    # -- the parts of a decision
    def _one(self, number: int) -> Invocation:
        if self.all[number].gone:
            raise ResultExpired(str(number))
        return self.all[number]

    def _held(self, claim: Claimed) -> Invocation:
        one = self._one(claim[0])
        if one.status not in HELD or one.attempt != claim[1]:
            raise FencedError(str(one.number))
        return one

    def _check_worker(self, worker: int) -> None:
        if worker not in self.deadlines:
            raise RunnerError(str(worker))

    def _check(self, one: Invocation, accepted: set[str], to: str) -> None:
        if one.status not in accepted:
            raise StatusTransitionError(str(one.number), f"{one.status} to {to}")

    def _move(self, one: Invocation, to: str) -> None:
        one.status = to
        one.history.append((to, self.now))

    def _move_from(self, one: Invocation, accepted: set[str], to: str) -> None:
        self._check(one, accepted, to)
        self._move(one, to)

    def _pause(self, waiter: Invocation, awaited: Sequence[int]) -> None:
        self._check(waiter, {"running", "paused"}, "paused")
        if waiter.status == "running":
            self._move(waiter, "paused")
        waiter.awaits = list(awaited)

    def _holder(self, key: bytes | None) -> Invocation | None:
        holders = [one for one in self.there if key and one.call.running_key == key and one.status in HELD]
        assert len(holders) <= 1, "two run under one key"
        return holders[0] if holders else None

    def _take(self, one: Invocation, worker: int) -> Claimed:
        self.claims += 1
        one.attempt += 1
        one.place, one.worker, one.claimed_at = "hands", worker, self.claims
        self._move(one, "pending")
        return one.number, one.attempt

    def _return(self, one: Invocation, to: str, place: str) -> None:
        """Go back to wait for another run, unless somebody asked for an end."""
        if one.cancel_requested:
            self._end(one, "cancelled", None, 0)
        else:
            self._leave(one, to, place)

    def _leave(self, one: Invocation, to: str, place: str) -> None:
        """Go where no worker holds it; the oldest in the line of its key, if that is free now, may try."""
        one.place, one.worker, one.awaits = place, None, []
        self._move(one, to)
        key = one.call.running_key
        line = [other for other in self.there if other.place == "line" and other.call.running_key == key]
        if line and not self._holder(key):
            line[0].place = "queue"

    def _end(self, one: Invocation, status: str, value: object, size: int) -> None:
        one.outcome, one.size = value, size
        self._leave(one, status, "end")
        self.kept.append(one.number)
        self._drop_old()

    def _ended_at(self, number: int) -> float:
        return self.all[number].history[-1][1]

    def _promote(self) -> None:
        for one in self.there:
            if one.place == "delay" and one.due <= self.now:
                one.place = "queue"
                if one.status == "scheduled":
                    self._move(one, "registered")

    def _drop_old(self) -> None:
        limits = self.limits
        while self.kept and (
            len(self.kept) > limits.keep_count
            or sum(self.all[number].size for number in self.kept) > limits.keep_bytes
            or self._ended_at(self.kept[0]) + limits.keep_seconds <= self.now
        ):
            self.all[self.kept.pop(0)].gone = True
