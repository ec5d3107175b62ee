from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pynenc import Pynenc, context

app = Pynenc(app_id="test-context")


@app.task
def leaf():
    return leaf.invocation.parent_id


@app.task
def parent_of_children():
    own = parent_of_children.invocation.invocation_id
    with ThreadPoolExecutor(1) as pool:
        carried = pool.submit(context.carry(leaf)).result()
        copied = pool.submit(contextvars.copy_context().run, leaf).result()
        bare = pool.submit(leaf).result()
    return own, leaf().result, carried.result, copied.result, bare.result


@app.task
def detached():
    own = context.get_dist_invocation_context(app.app_id)
    previous = context.swap_dist_invocation_context(app.app_id, None)
    alone = leaf()
    assert context.get_dist_invocation_context(app.app_id) is None
    assert context.swap_dist_invocation_context(app.app_id, previous) is None
    assert context.get_dist_invocation_context(app.app_id) == own
    return previous == own, alone.result, leaf().result == own.invocation_id


@app.task
def swaps_to_a_stranger():
    context.swap_dist_invocation_context(app.app_id, leaf())


@app.task
def who_runs():
    runner = context.get_current_runner(app.app_id)
    return runner is app.runner, dict(context.runner_args.get() or {})


@pytest.fixture(autouse=True)
def _running():
    with app.running():
        yield


def test_threads_keep_the_parent_in_the_documented_ways():
    own, direct, carried, copied, bare = parent_of_children().result
    assert direct == carried == copied == own
    assert bare is None


def test_swap_detaches_and_goes_back():
    assert detached().result == (True, None, True)


def test_swap_takes_only_what_runs_here():
    with pytest.raises(ValueError, match="does not run in this context"):
        _ = swaps_to_a_stranger().result


def test_outside_of_a_body_there_is_nothing():
    assert context.get_dist_invocation_context(app.app_id) is None
    assert context.get_dist_invocation_context("another") is None
    assert context.swap_dist_invocation_context(app.app_id, None) is None
    assert context.get_current_runner(app.app_id) is None


def test_a_body_knows_its_runner():
    found, arguments = who_runs().result
    assert found
    assert arguments["runner_cls"] == "ThreadRunner"


def test_current_runner_is_of_this_context():
    context.set_current_runner("some", "runner")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(context.get_current_runner("some")))
    thread.start()
    thread.join()
    assert seen == [None]
    assert context.get_current_runner("some") == "runner"
    context.set_current_runner("some", None)
    assert context.get_current_runner("some") is None


def test_sync_context_is_a_mapping_of_this_context():
    context.sync_inv_context["an-app"] = "invocation"
    assert dict(context.sync_inv_context) == {"an-app": "invocation"}
    assert len(context.sync_inv_context) == 1
    assert contextvars.Context().run(context.sync_inv_context.get, "an-app") is None
    del context.sync_inv_context["an-app"]
    with pytest.raises(KeyError):
        context.sync_inv_context["an-app"]
