"""Concurrency rules under random schedules and under threads: nothing overlaps, nothing starves, everything ends."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import strategies as st

from pynenc._core import Claim, ManualClock, final_statuses
from pynenc.exceptions import CycleDetectedError, FencedError
from pynenc.model.records import Submission
from tests.engines import Limits, Make, TestedEngine, explored

FINAL = set(final_statuses())


def key(number: int | None) -> bytes | None:
    return None if number is None else f"key {number}".ljust(32).encode()


# -- random schedules -----------------------------------------------------------------------------
@dataclass
class Plan:
    """A call: its running key, and which of the others its body waits for, one list after the other."""

    running_key: int | None
    waits: list[list[int]]
    retries: int = 0


@dataclass
class Body:
    """One run of a call, on the way."""

    claim: Claim
    number: int
    worker: int
    waits: list[list[str]]
    awaited: list[str] = field(default_factory=list)


plans = st.lists(
    st.builds(
        Plan,
        st.sampled_from([None, 0, 1, 2]),
        st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=2), max_size=2),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=10,
)


class Schedule:
    """Runs the plans on three workers, in an order drawn at random, and looks at every step."""

    def __init__(self, engine: TestedEngine, plans: list[Plan], chance: random.Random, crashes: int) -> None:
        self.engine = engine
        self.plans = plans
        self.chance = chance
        self.crashes = crashes
        self.workers = [engine.register_worker() for _ in range(3)]
        calls = [Submission("app.body", running_key=key(plan.running_key)) for plan in plans]
        self.ids = [invocation_id for _, invocation_id, _ in engine.submit(calls)]
        self.bodies: list[Body] = []
        self.retried: Counter[int] = Counter()
        self.cycles: list[list[str]] = []
        self.started: list[int] = []

    def run(self) -> None:
        # A body takes a step for each of its waits and resumptions, and begins again after each retry and crash.
        budget = sum(3 + 3 * len(plan.waits) for plan in self.plans) * (3 + self.crashes)
        for _ in range(budget):
            if all(self.engine.status(one) in FINAL for one in self.ids):
                return
            steps = self.possible()
            assert steps, "everybody waits for ever"
            self.chance.choice(steps)()
            self.check()
        raise AssertionError(f"not over after {budget} steps")

    def possible(self) -> list[Callable[[], object]]:
        steps: list[Callable[[], object]] = []
        if self.engine.queued():
            steps.append(self.claim)
        ready = [body for body in self.bodies if all(self.engine.status(one) in FINAL for one in body.awaited)]
        steps += [partial(self.go_on, body) for body in ready]
        if steps and self.crashes and self.bodies:
            steps.append(self.crash)
        return steps

    def check(self) -> None:
        held = [self.plans[body.number].running_key for body in self.bodies]
        assert all(count == 1 for running, count in Counter(held).items() if running is not None)
        assert self.engine.doctor() == []

    def claim(self) -> None:
        worker = self.chance.choice(self.workers)
        for claim in self.engine.claim(worker, self.chance.randint(1, 3)):
            self.engine.start(claim)
            number = self.ids.index(claim.invocation_id)
            self.started.append(number)
            waits = [[self.ids[one % len(self.ids)] for one in group] for group in self.plans[number].waits]
            self.bodies.append(Body(claim, number, worker, waits))

    def go_on(self, body: Body) -> None:
        if body.awaited:
            self.engine.resume(body.claim)
            body.awaited = []
        elif body.waits:
            self.wait(body, body.waits.pop(0))
        elif self.retried[body.number] < self.plans[body.number].retries:
            self.retried[body.number] += 1
            self.end(body, partial(self.engine.retry, body.claim))
        else:
            self.end(body, partial(self.engine.finish, body.claim, "success", body.number))

    def wait(self, body: Body, awaited: list[str]) -> None:
        awaited = [one for one in awaited if self.engine.status(one) not in FINAL]
        try:
            if self.engine.pause(body.claim, awaited):
                body.awaited = awaited
            else:
                assert not awaited
        except CycleDetectedError as cycle:
            self.check_cycle(body, cycle.call_ids, awaited)
            self.cycles.append(cycle.call_ids)
            self.end(body, partial(self.engine.finish, body.claim, "failed", cycle))

    def check_cycle(self, body: Body, path: list[str], awaited: list[str]) -> None:
        """Each of the path waits for the next one, and the last for the first."""
        assert path[0] == body.claim.invocation_id
        assert len(set(path)) == len(path)
        bodies = {other.claim.invocation_id: other for other in self.bodies}
        for one, following in zip(path, [*path[1:], path[0]], strict=True):
            if one == path[0]:
                assert following in awaited
            elif one in bodies:
                assert following in bodies[one].awaited
            else:
                needed = self.plans[self.ids.index(one)].running_key
                assert needed is not None
                assert needed == self.plans[bodies[following].number].running_key

    def end(self, body: Body, write: Callable[[], None]) -> None:
        write()
        self.bodies.remove(body)

    def crash(self) -> None:
        self.crashes -= 1
        worker = self.chance.choice(self.workers)
        gone = [body for body in self.bodies if body.worker == worker]
        assert self.engine.lose(worker) == [body.claim.invocation_id for body in gone]
        self.bodies = [body for body in self.bodies if body.worker != worker]
        self.workers[self.workers.index(worker)] = self.engine.register_worker()
        for body in gone:
            with pytest.raises(FencedError):
                self.engine.finish(body.claim, "success", "late")


@explored(plans=plans, chance=st.randoms(use_true_random=False), crashes=st.integers(0, 4))
def test_whatever_waits_for_whatever_everything_ends(
    make: Make, plans: list[Plan], chance: random.Random, crashes: int
) -> None:
    """Waits in any direction, keys, retries and lost workers: a cycle is refused, so somebody can always go on."""
    schedule = Schedule(make(ManualClock(), Limits(max_losses=3)), plans, chance, crashes)
    schedule.run()
    counts = schedule.engine.counts()
    assert counts["success"] + counts["failed"] == len(plans)


@explored(count=st.integers(2, 8), chance=st.randoms(use_true_random=False))
def test_a_ring_of_waits_across_keys_is_found(make: Make, count: int, chance: random.Random) -> None:
    """Each holds a key and waits for a child that needs the key of the next one."""
    plans = [Plan(number, [[count + number]]) for number in range(count)]
    plans += [Plan((number + 1) % count, []) for number in range(count)]
    engine = make(ManualClock(), Limits())
    schedule = Schedule(engine, plans, chance, crashes=0)
    # All of the ring run before the first of them waits: then the last wait closes the ring.
    while len(schedule.bodies) < count:
        schedule.claim()
        schedule.check()
    schedule.run()
    assert len(schedule.cycles) == 1
    assert len(schedule.cycles[0]) == 2 * count


@explored(
    keys=st.lists(st.integers(0, 2), min_size=1, max_size=30),
    chance=st.randoms(use_true_random=False),
)
def test_a_key_is_served_in_the_order_of_submission(make: Make, keys: list[int], chance: random.Random) -> None:
    engine = make(ManualClock(), Limits())
    schedule = Schedule(engine, [Plan(one, []) for one in keys], chance, crashes=0)
    schedule.run()
    for one in set(keys):
        assert [number for number in schedule.started if keys[number] == one] == [
            number for number, other in enumerate(keys) if other == one
        ]


# -- threads --------------------------------------------------------------------------------------
def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run ``work`` in many threads that begin together; the first error of any is raised here."""
    barrier = threading.Barrier(count)
    errors: list[BaseException] = []

    def body(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=body, args=(number,), name=f"worker {number}", daemon=True) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("batch", [1, 5])
def test_a_thousand_equal_calls_at_once_make_one_invocation(make: Make, batch: int) -> None:
    engine = make(ManualClock(), Limits())
    call = Submission("app.add", registration_key=key(1), arguments_fingerprint=key(2), reuse_result=True)
    receipts: list[tuple[str, str, bool]] = []

    def submit(_: int) -> None:
        for _ in range(50 // batch):
            receipts.extend(engine.submit([call] * batch))

    in_threads(20, submit)
    assert Counter(kind for kind, _, _ in receipts) == {"new": 1, "reused": 999}
    assert {invocation_id for _, invocation_id, _ in receipts} == set(engine.find())
    assert engine.queued() == 1


def test_equal_calls_against_a_worker_that_starts_them(make: Make) -> None:
    """Every call is answered by an invocation that had not started then, so each of them runs once."""
    engine = make(ManualClock(), Limits())
    receipts: list[tuple[str, str, bool]] = []
    runs: Counter[str] = Counter()
    submitting = 8
    over = threading.Barrier(submitting, action=lambda: done.set())
    done = threading.Event()

    def work(number: int) -> None:
        if number < submitting:
            for _ in range(100):
                receipts.extend(engine.submit([Submission("app.add", registration_key=key(1))]))
            over.wait()
            return
        worker = engine.register_worker()
        while not done.is_set() or engine.queued():
            for claim in engine.claim(worker):
                engine.start(claim)
                runs[claim.invocation_id] += 1
                engine.finish(claim, "success", None)

    in_threads(submitting + 1, work)
    new = [invocation_id for kind, invocation_id, _ in receipts if kind == "new"]
    assert len(receipts) == 800
    assert {invocation_id for _, invocation_id, _ in receipts} == set(new)
    assert runs == Counter(new)
    assert engine.doctor() == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_two_threads_run_one_key(make: Make, seed: int) -> None:
    """Threads that run, retry, release and crash: who is in a body of a key is there alone, and all calls end."""
    engine = make(ManualClock(), Limits(max_losses=255))
    calls = [Submission("app.body", running_key=key(number % 5)) for number in range(400)]
    ids = [invocation_id for _, invocation_id, _ in engine.submit(calls)]
    place = {invocation_id: number for number, invocation_id in enumerate(ids)}
    alone = [threading.Lock() for _ in range(5)]
    ended: Counter[str] = Counter()
    tickets = itertools.count()

    def run(claim: Claim, worker: int, chance: random.Random) -> int:
        lock = alone[place[claim.invocation_id] % 5]
        assert lock.acquire(blocking=False), "two run under one key"
        engine.start(claim)
        ticket = next(tickets)
        lock.release()
        match chance.randrange(8):
            case 0:
                engine.retry(claim)
            case 1:
                engine.release(claim)
            case 2 if ticket < 2_000:
                assert engine.lose(worker) == [claim.invocation_id]
                return engine.register_worker()
            case _:
                ended[claim.invocation_id] += 1
                engine.finish(claim, "success", ticket)
        return worker

    def work(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        worker = engine.register_worker()
        while True:
            claims = engine.claim(worker)
            if claims:
                worker = run(claims[0], worker, chance)
                continue
            # What becomes free without an end is found by the thread that let go of it: it comes by here next.
            left = [one for one in ids if engine.status(one) not in FINAL]
            if not left:
                return
            engine.wait_final(left)

    in_threads(8, work)
    assert ended == Counter(ids)
    assert engine.counts()["success"] == len(ids)
    assert engine.doctor() == []


def test_threads_share_a_queue_without_loss_or_repetition(make: Make) -> None:
    engine = make(ManualClock(), Limits())
    claimed: list[str] = []
    submitted: list[str] = []

    def work(number: int) -> None:
        if number % 2:
            for size in range(1, 40):
                submitted.extend(one for _, one, _ in engine.submit([Submission("app.add")] * size))
            return
        worker = engine.register_worker()
        for _ in range(200):
            claimed.extend(claim.invocation_id for claim in engine.claim(worker, 5))

    in_threads(8, work)
    worker = engine.register_worker()
    while claims := engine.claim(worker, 1_000):
        claimed.extend(claim.invocation_id for claim in claims)
    assert len(submitted) == 4 * 780
    assert Counter(claimed) == Counter(submitted)
    assert engine.doctor() == []
