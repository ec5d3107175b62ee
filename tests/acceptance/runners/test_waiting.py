"""Depth and width beyond the slots, in every runner with worker processes."""

from __future__ import annotations

import pytest

from pynenc.exceptions import RunnerError

ONE_SLOT = {
    "ThreadRunner": {"max_threads": 1},
    "PersistentProcessRunner": {"num_processes": 1},
    "MultiThreadRunner": {"max_processes": 1, "max_threads": 1},
}


@pytest.mark.parametrize("runner", ONE_SLOT)
def test_nested_200_deep_on_one_slot(make_work, runner):
    work = make_work(runner, **ONE_SLOT[runner])
    with work.app.running():
        assert work.nested(200).get(timeout=50) == 200


@pytest.mark.parametrize("runner", ONE_SLOT)
def test_1000_wide_on_one_slot(make_work, runner):
    work = make_work(runner, **ONE_SLOT[runner])
    with work.app.running():
        assert work.wide(1_000).get(timeout=50) == sum(range(1_000)) + 1_000


def test_a_process_each_nested_and_wide(make_work):
    work = make_work("ProcessRunner", num_processes=1, standby_processes=1)
    with work.app.running():
        assert work.nested(5).get(timeout=50) == 5
        assert work.wide(8).get(timeout=50) == sum(range(8)) + 8


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_process_each_20_deep_and_100_wide(make_work):
    work = make_work("ProcessRunner")
    with work.app.running():
        assert work.nested(20).get(timeout=250) == 20
        assert work.wide(100).get(timeout=250) == sum(range(100)) + 100


def test_a_process_each_says_when_there_are_too_many(make_work):
    work = make_work("ProcessRunner", num_processes=1, standby_processes=0, process_limit=3)
    with work.app.running():
        with pytest.raises(RunnerError, match=r"all 3 processes .* raise process_limit"):
            work.nested(6).get(timeout=50)
        assert work.nested(1).get(timeout=50) == 1


# -- two runners ----------------------------------------------------------------------------------
TWO_SLOTS = {
    "ThreadRunner": {"max_threads": 2},
    "PersistentProcessRunner": {"num_processes": 2},
    "MultiThreadRunner": {"max_processes": 2, "max_threads": 1},
    "ProcessRunner": {"num_processes": 2, "standby_processes": 1},
}


@pytest.mark.parametrize("runner", TWO_SLOTS)
def test_parents_in_every_slot_of_two_runners_wait_for_children(make_work, start_command, runner):
    parents, children = (3, 1) if runner == "ProcessRunner" else (40, 10)
    work = make_work(runner, **TWO_SLOTS[runner])
    for _ in range(2):
        start_command(work)
    group = work.wide.parallelize([(children,)] * parents)
    assert group.get(timeout=50) == [sum(range(children)) + children] * parents


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner", "MultiThreadRunner"])
def test_a_tree_of_waits_over_two_runners(make_work, start_command, runner):
    work = make_work(runner, **TWO_SLOTS[runner], cycle_control=False)
    for _ in range(2):
        start_command(work)
    assert work.tree(7).get(timeout=50) == 2**7


# -- all at once ----------------------------------------------------------------------------------
@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
def test_a_thousand_naps_at_once(make_work, runner):
    work = make_work(runner, max_threads=1, num_processes=1)
    before = work.threads() if runner == "ThreadRunner" else 0  # earlier tests may have left some in this process
    with work.app.running():
        naps = work.nap.parallelize([(1.0,)] * 1_000)
        seen = naps.get(timeout=30)
        assert len({pid for pid, _ in seen}) == 1
        assert max(threads for _, threads in seen) < before + 30  # the test's own and its server's clients among them


CORES = {
    "PersistentProcessRunner": {"num_processes": 3},
    "MultiThreadRunner": {"max_processes": 3, "max_threads": 1},
    "ProcessRunner": {"num_processes": 3},
}


@pytest.mark.parametrize("runner", CORES)
def test_what_computes_is_spread_over_all_processes(make_work, runner):
    work = make_work(runner, **CORES[runner])
    bodies = 4 if runner == "ProcessRunner" else 18
    with work.app.running():
        pids = work.busy.parallelize([(0.05,)] * bodies).get(timeout=50)
    assert len(set(pids)) == (bodies if runner == "ProcessRunner" else 3)
