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


@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
def test_a_thousand_naps_at_once(make_work, runner):
    work = make_work(runner, max_threads=1, num_processes=1)
    with work.app.running():
        naps = work.nap.parallelize([(1.0,)] * 1_000)
        assert len(set(naps.get(timeout=30))) == 1
