"""What every test gets: hypothesis profiles, a clean environment, and a check that no thread is left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings

import pynenc
from tests.engines import make
from tests.servers import engine_server, redis_url, shared_server, start_server

# Fixtures of all tests, though they are written elsewhere.
__all__ = ["engine_server", "make", "redis_url", "shared_server", "start_server"]

ROOT = Path(__file__).resolve().parents[1]
ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}

# How long a thread may take to see that it was stopped, on a machine that does other work too.
THREAD_GRACE_S = 10.0
THREAD_PREFIX = "pynenc"

# A shell has what runs in its background ignore Ctrl-C, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# -- hypothesis -----------------------------------------------------------------------------------
# No deadlines: how long an example takes says nothing on a shared machine, and `timeout` catches what hangs.
settings.register_profile("dev", deadline=None, print_blob=True, max_examples=50)
# A commit meets the same examples every time it is checked; `nightly` is the one that explores.
settings.register_profile("ci", deadline=None, print_blob=True, max_examples=100, derandomize=True, database=None)
settings.register_profile(
    "nightly",
    deadline=None,
    print_blob=True,
    max_examples=2_000,
    stateful_step_count=100,
    suppress_health_check=[HealthCheck.too_slow],
)
# On an unoptimised extension: few examples, and a failure is reported without being made small.
settings.register_profile(
    "debug",
    deadline=None,
    max_examples=10,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("PYNENC_TEST_PROFILE") or ("ci" if ON_CI else "dev"))


# -- the package under test -----------------------------------------------------------------------
def pytest_report_header() -> str:
    from pynenc import _core

    return f"pynenc {_core.__version__} ({_core.build_profile} build) from {Path(pynenc.__file__).parent}"


def pytest_sessionstart() -> None:
    """On CI the installed package is what counts: a run on the source tree is stopped."""
    if ON_CI and Path(pynenc.__file__).resolve().is_relative_to(ROOT / "python"):
        pytest.exit(f"pynenc is imported from the source tree, {pynenc.__file__}: install it first", returncode=3)


# -- fixtures for every test ----------------------------------------------------------------------
@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.upper().startswith("PYNENC__"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    """Every thread of pynenc that the test started is gone soon after it.

    Teardown runs in reverse order, so fixtures of the test stop what they started before this looks. A test that lets
    the library start a runner by itself hands the app to `stop_after`.
    """
    before = set(threading.enumerate())
    yield
    started = [thread for thread in threading.enumerate() if thread not in before and _is_ours(thread)]
    for thread in started:
        thread.join(THREAD_GRACE_S)
    left = sorted(thread.name for thread in started if thread.is_alive())
    assert not left, f"threads left behind: {left}; an app whose runner starts by itself goes to `stop_after`"


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.lower().startswith(THREAD_PREFIX)


# -- fixtures to ask for --------------------------------------------------------------------------
@pytest.fixture
def stop_after() -> Iterator[Callable[[Any], Any]]:
    """Register an app; its runner, if there is one by then, is stopped at the end of the test.

    Returns the app, so that it can stand around the constructor: ``app = stop_after(Pynenc())``.
    """
    apps: list[Any] = []

    def register(app: Any) -> Any:
        apps.append(app)
        return app

    yield register
    for app in reversed(apps):
        app.runner.stop_runner_loop()


@pytest.fixture
def in_tmp_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the test in an empty directory, where no settings file is found by accident."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def missing_service() -> Callable[[str], NoReturn]:
    """What a fixture calls when a server that it needs is not there: skip on a laptop, fail on CI."""

    def give_up(what: str) -> NoReturn:
        if ON_CI:
            pytest.fail(f"CI has no {what}", pytrace=False)
        pytest.skip(f"no {what} on this machine")

    return give_up
