"""The local engine in programs: they share work, survive kills, and leave nothing running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local_users import BOUND_S, Home, kill, until

MODULE = """
import os, time
from pynenc import Pynenc

app = Pynenc("app", config_values={{"engine": "local", "local_dir": {local_dir!r}, "lease_seconds": 5}})

@app.task
def where(n: int) -> tuple[int, int]:
    return n, os.getpid()

@app.task
def slow(n: int) -> int:
    time.sleep(0.05)
    return n

if __name__ == "__main__":
    import sys
    code = sys.argv[1]
    exec(code)
"""


@pytest.fixture
def shop(home: Home) -> Path:
    path = home.folder / "shop.py"
    path.write_text(MODULE.format(local_dir=str(home.local_dir)))
    return path


@pytest.fixture
def program(home: Home, shop: Path) -> Callable[[str], str]:
    def run(code: str) -> str:
        ran = subprocess.run(
            [sys.executable, str(shop), code],
            cwd=shop.parent,
            env=home.environment,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


@contextmanager
def worker(home: Home, shop: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "pynenc", "--app", "shop:app", "runner", "start", "--slots", "2"]
    log = home.folder / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=shop.parent, env=home.environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def test_a_program_runs_its_own_tasks_in_worker_processes(home: Home, program: Callable[[str], str]) -> None:
    said = program(
        "import json\n"
        "with app.running() as runner:\n"
        "    found = where.parallelize([(n,) for n in range(50)]).get(timeout=30)\n"
        "print(json.dumps([type(runner).__name__, [n for n, _ in found], os.getpid() in {pid for _, pid in found}]))"
    )
    assert json.loads(said) == ["PersistentProcessRunner", list(range(50)), False]
    until(lambda: not home.processes())


def test_programs_share_work(home: Home, shop: Path, program: Callable[[str], str]) -> None:
    with worker(home, shop):
        assert program("print(where(1).get(timeout=30)[0])") == "1\n"
        assert program("print([n for n, _ in where.parallelize((n,) for n in range(9)).get(timeout=30)])") == (
            "[0, 1, 2, 3, 4, 5, 6, 7, 8]\n"
        )
        assert len(home.servers()) == 1
    until(lambda: not home.processes())


def test_what_is_queued_waits_for_the_next_program(home: Home, shop: Path, program: Callable[[str], str]) -> None:
    identity = program("print(where(7).invocation_id, end='')")
    until(lambda: not home.processes())
    with worker(home, shop):
        assert program(f"print(app.get_invocation({identity!r}).get(timeout=30)[0])") == "7\n"


def test_the_server_is_killed_under_running_work(home: Home, shop: Path, program: Callable[[str], str]) -> None:
    with worker(home, shop):
        until(home.servers)
        said = program(
            "import pathlib, redis, signal\n"
            "group = slow.parallelize([(n,) for n in range(60)])\n"
            # While the disk is busy a server puts writing off: the hole that the table of guarantees names.
            f"(socket,) = pathlib.Path({str(home.sessions)!r}).rglob('server.sock')\n"
            "server = redis.Redis(unix_socket_path=str(socket))\n"
            "while server.info('persistence')['aof_buffer_length']:\n"
            "    time.sleep(0.01)\n"
            f"os.kill({home.servers()[0]}, signal.SIGKILL)\n"
            "print(sum(group.get(timeout=35)))"
        )
        assert said == f"{sum(range(60))}\n"
        assert len(home.servers()) == 1
    until(lambda: not home.processes())


def test_an_application_that_is_dropped_lets_go(home: Home, program: Callable[[str], str]) -> None:
    said = program(
        "import gc, threading\n"
        "from pynenc.local_server.lock import locked_if_free\n"
        "own = Pynenc('other', config_values={'engine': 'local', 'local_dir': app.config_values['local_dir']})\n"
        "print(own.runtime.engine.counts() is not None)\n"
        "lock = __import__('pathlib').Path(own.config_values['local_dir']) / 'other' / 'keeper.lock'\n"
        "del own\n"
        "end = time.monotonic() + 30\n"
        "while time.monotonic() < end:\n"
        "    gc.collect()\n"
        "    with locked_if_free(lock) as free:\n"
        "        if free:\n"
        "            break\n"
        "    time.sleep(0.02)\n"
        "print(free, [one.name for one in threading.enumerate() if one.name.startswith('pynenc-local')])"
    )
    assert said == "True\nTrue []\n"


def test_a_killed_program_leaves_nothing(home: Home, shop: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            str(shop),
            "with app.running():\n    print(where(1).get(timeout=30)[0], flush=True)\n    time.sleep(600)",
        ],
        cwd=shop.parent,
        env=home.environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    kill(process.pid)
    process.wait(BOUND_S)
    process.stdout.close()
    until(lambda: not home.processes())


# -- the demo -------------------------------------------------------------------------------------
def demo(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pynenc", *words],
        cwd=home.folder,
        env={**home.environment, "TMPDIR": str(home.folder), **environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.timeout(200)
def test_the_demo_runs_over_worker_processes(home: Home) -> None:
    ran = demo(home, "demo", "--engine", "local", "--items", "500", "--json")
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout)
    assert (summary["engine"], summary["passed"], len(summary["steps"])) == ("local", True, 6)
    assert not home.processes()
    assert sorted(path.name for path in home.folder.iterdir()) == ["run"]


def test_the_demo_without_a_server(home: Home) -> None:
    ran = demo(home, "demo", "--engine", "local", PYNENC__LOCAL_SERVER="/nowhere/server")
    assert ran.returncode == 4
    assert ran.stdout == ""
    assert "local_server is '/nowhere/server': there is no program of that name" in ran.stderr


def interrupt_demo(home: Home, *, when: Callable[[], object]) -> subprocess.Popen[bytes]:
    """Press Ctrl-C in a demo that runs in a session of its own; the process, ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pynenc", "-q", "demo", "--engine", "local"],
        cwd=home.folder,
        env={**home.environment, "TMPDIR": str(home.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until(when)
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
        process.wait()
    assert (printed, said) == (b"", b"pynenc: interrupted\n")
    # The interpreter itself ends by the signal when that came while it ran code from a string, as dataclasses are made.
    assert process.returncode in {130, -signal.SIGINT}
    return process


def in_session(leader: int) -> list[str]:
    """The processes of a session that have not ended."""
    listed = subprocess.run(["ps", "-eww", "-o", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()]
    return [args for session, state, args in lines if int(session) == leader and not state.startswith("Z")]


def test_ctrl_c_in_the_demo_leaves_nothing(home: Home) -> None:
    process = interrupt_demo(home, when=home.servers)
    assert not in_session(process.pid)
    until(lambda: not home.processes())  # the keeper's last step is its own end, which nobody can wait for
    assert sorted(path.name for path in home.folder.iterdir()) == ["run"]


def test_ctrl_c_while_the_server_of_the_demo_comes_up_leaves_nothing(home: Home) -> None:
    process = interrupt_demo(home, when=home.processes)
    assert not in_session(process.pid)
    until(lambda: not home.processes())
    assert sorted(path.name for path in home.folder.iterdir()) == ["run"]
