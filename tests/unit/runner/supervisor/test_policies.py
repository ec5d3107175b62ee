"""Which processes a runner wants, asked of the policies alone."""

from __future__ import annotations

import pytest

from pynenc.runner.supervisor.messages import GoesOn, Loaded, MayWait, Waits, WatchLoad
from pynenc.runner.supervisor.policy import FixedCrew
from pynenc.runner.supervisor.scaled_crew import ScaledCrew
from pynenc.runner.supervisor.single_use_crew import SingleUseCrew
from pynenc.runner.supervisor.worker_process import Phase
from pynenc.runner.tally import Tally


class Process:
    """As much of a worker process as a policy looks at."""

    def __init__(self, number, phase=Phase.SERVING, waits=False):
        self.number = number
        self.phase = phase
        self.waits = waits
        self.reason = ""
        self.tally = Tally()
        self.told = []
        self.board = self

    def read(self):
        return self.tally

    def tell(self, message):
        self.told.append(message)


class Crew(list):
    def count(self, *phases):
        return sum(process.phase in phases for process in self)


class Queue:
    def __init__(self):
        self.asked = 0
        self.found = None

    def ask(self):
        self.asked += 1

    def answer(self):
        found, self.found = self.found, None
        return found


def serving(policy, crew):
    return sum(policy.fills_a_place(process) for process in crew)


def test_a_fixed_crew_replaces_whoever_takes_no_more_work():
    policy = FixedCrew(2)
    crew = Crew([Process(1), Process(2, Phase.LEAVING)])
    assert policy.places(crew) - serving(policy, crew) == 1
    assert policy.standby(crew) == 0
    assert list(policy.attend(crew, 0.0)) == []
    assert policy.look_at(crew, 0.0) is None


# -- a process for each body ----------------------------------------------------------------------
def test_one_that_ends_keeps_its_place_and_one_that_waits_does_not():
    policy = SingleUseCrew(slots=2, standby=2, limit=8)
    crew = Crew([Process(1, Phase.LEAVING), Process(2, waits=True), Process(3, Phase.STANDBY)])
    assert policy.places(crew) - serving(policy, crew) == 1
    assert policy.standby(crew) == 2
    assert policy.room(crew) == 5


def test_a_wait_frees_the_place_until_it_is_over():
    policy = SingleUseCrew(slots=1, standby=1, limit=3)
    crew = Crew([Process(1)])
    policy.heard(crew[0], Waits(), crew)
    assert crew[0].told == [MayWait()]
    assert serving(policy, crew) == 0
    policy.heard(crew[0], GoesOn(), crew)
    assert serving(policy, crew) == 1


def test_the_wait_after_which_nobody_would_run_is_refused():
    policy = SingleUseCrew(slots=1, standby=1, limit=3)
    crew = Crew([Process(1, waits=True), Process(2, waits=True), Process(3)])
    policy.heard(crew[2], Waits(), crew)
    (answer,) = crew[2].told
    assert "process_limit" in answer.refusal
    assert not crew[2].waits


@pytest.mark.parametrize("other", [Phase.STARTING, Phase.STANDBY, Phase.SERVING, Phase.LEAVING])
def test_a_wait_at_the_limit_is_allowed_while_somebody_can_run(other):
    policy = SingleUseCrew(slots=1, standby=1, limit=3)
    crew = Crew([Process(1, waits=True), Process(2, other), Process(3)])
    policy.heard(crew[2], Waits(), crew)
    assert crew[2].told == [MayWait()]


# -- as many as there is work for -----------------------------------------------------------------
@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def scaled(queue):
    return ScaledCrew(least=1, most=4, slots=2, idle_seconds=4.0, queue=queue)


def test_nobody_is_asked_anything_until_somebody_is_loaded(scaled, queue):
    crew = Crew([Process(1)])
    scaled.serves(crew[0])
    for now in (0.0, 10.0):
        assert list(scaled.attend(crew, now)) == []
    assert crew[0].told == [WatchLoad()]
    assert scaled.places(crew) == 1
    assert scaled.look_at(crew, 0.0) is None
    assert queue.asked == 0


def test_work_that_waits_brings_processes_up_to_the_most(scaled, queue):
    crew = Crew([Process(1)])
    scaled.heard(crew[0], Loaded(), crew)
    assert queue.asked == 1
    queue.found = 3
    list(scaled.attend(crew, 0.0))
    assert scaled.places(crew) == 3  # two slots each
    crew += [Process(2, Phase.STARTING), Process(3, Phase.STARTING)]
    queue.found = 3
    list(scaled.attend(crew, 1.0))
    assert scaled.places(crew) == 3  # those on the way will do
    queue.found = 1_000
    list(scaled.attend(crew, 2.0))
    assert scaled.places(crew) == 4


def test_load_without_work_that_waits_changes_nothing(scaled, queue):
    crew = Crew([Process(1)])
    scaled.serves(crew[0])
    scaled.heard(crew[0], Loaded(), crew)
    queue.found = 0
    list(scaled.attend(crew, 0.0))
    assert scaled.places(crew) == 1
    assert crew[0].told == [WatchLoad()]
    again = scaled.look_at(crew, 0.0)
    assert again is not None
    list(scaled.attend(crew, again))
    assert crew[0].told == [WatchLoad(), WatchLoad()]


def test_at_the_most_nobody_is_asked_until_there_is_room_again(scaled, queue):
    crew = grown(scaled, queue, 4)
    for process in crew:
        scaled.heard(process, Loaded(), crew)
    assert queue.asked == 0
    list(scaled.attend(crew, 0.0))
    assert [process.number for process in scaled.attend(crew, 50.0)] == [4, 3, 2]
    assert scaled.look_at(Crew(crew[:1]), 50.0) is not None
    list(scaled.attend(Crew(crew[:1]), 60.0))
    assert crew[0].told == [WatchLoad()]


def grown(scaled, queue, number):
    crew = Crew([Process(each + 1) for each in range(number)])
    queue.found = 2 * (number - 1)
    list(scaled.attend(Crew(crew[:1]), 0.0))
    return crew


def test_those_with_nothing_to_run_leave_down_to_the_least(scaled, queue):
    crew = grown(scaled, queue, 3)
    crew[0].tally = Tally(started=5, done=4)
    assert list(scaled.attend(crew, 100.0)) == []
    assert scaled.look_at(crew, 100.0) is not None
    assert [process.number for process in scaled.attend(crew, 104.0)] == [3, 2]
    assert scaled.places(crew) == 1
    assert "nothing to run for 4 s" in crew[2].reason


def test_one_that_has_run_something_meanwhile_stays(scaled, queue):
    crew = grown(scaled, queue, 2)
    list(scaled.attend(crew, 100.0))
    crew[1].tally = Tally(started=1, done=1)
    crew[0].tally = Tally(started=1, done=1)
    assert list(scaled.attend(crew, 104.0)) == []
    assert [process.number for process in scaled.attend(crew, 108.0)] == [2]
