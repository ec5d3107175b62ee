"""The real command in processes of its own, as somebody at a terminal meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / "pynenc"
LIMIT_SECONDS = 50

SHOP = """
import os
from pynenc import Pynenc

app = Pynenc(app_id="shop", config_values={"max_losses": 4})


@app.task(max_retries=2)
def read(path: str) -> str:
    text = None
    while text is None:
        try:
            with open(path) as pipe:
                text = pipe.read()
        except BaseException:  # it refuses to be interrupted, wherever the interrupt finds it
            continue
    with open(path + ".out", "w") as copy:
        copy.write(text)
    return text


if path := os.environ.get("SHOP_PIPE"):
    read(path)
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PYNENC")}
    return {**kept, "PYTHONWARNINGS": "default", **more}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command in a directory with one application."""
    (tmp_path / "shop.py").write_text(SHOP, "utf-8")

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=tmp_path,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    return call


def test_the_demo_from_end_to_end(run: Run) -> None:
    done = run("demo", "--items", "300", "--json")
    assert done.returncode == 0, done.stderr
    tour = json.loads(done.stdout)
    assert tour["engine"] == "memory"
    assert tour["passed"] is True
    assert [step["step"] for step in tour["steps"]] == ["map", "shared", "retries", "keys", "nested", "async"]
    assert all(step["passed"] and step["invocations"] >= 100 for step in tour["steps"])
    assert len(done.stderr.splitlines()) == 6


def test_the_demo_on_another_engine(run: Run) -> None:
    done = run("demo", "--engine", "paper")
    assert done.returncode == 2
    assert "accepted: local, memory, redis" in done.stderr


def test_ctrl_c_ends_the_demo(tmp_path: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "demo"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()  # a step has ended, so the next one runs
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert first.startswith("ok ")
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "pynenc: interrupted"
    assert "Traceback" not in err


# -- runner start ---------------------------------------------------------------------------------
@pytest.fixture
def runner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A runner whose only work is a body that reads a pipe, which nobody has written to yet."""
    (tmp_path / "shop.py").write_text(SHOP, "utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [COMMAND, "runner", "start", "--slots", "2"],
        cwd=tmp_path,
        env=environment(SHOP_PIPE=str(pipe)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, pipe
        process.kill()


def test_the_first_signal_lets_running_bodies_finish(runner: tuple[subprocess.Popen[str], Path]) -> None:
    process, pipe = runner
    with pipe.open("w") as writer:  # opens when the body does
        process.send_signal(signal.SIGTERM)
        writer.write("finished")
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0, err
    assert pipe.with_name("pipe.out").read_text() == "finished"
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["pynenc", "app", "engine", "runner", "tasks", "lease"]
    assert lines[1] == "app     shop:app (id shop)"
    assert lines[3] == "runner  ThreadRunner, 2 slots"
    assert "no other program can reach it" in err
    assert 'engine="local"' in err


def test_the_second_signal_hands_them_back(runner: tuple[subprocess.Popen[str], Path]) -> None:
    process, pipe = runner
    with pipe.open("w"):
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # two of one number might arrive as one
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 70, out + err  # the body still reads: nobody can end its thread but the process
    assert not pipe.with_name("pipe.out").exists()
    assert "handed back 1" in err


# -- looking --------------------------------------------------------------------------------------
def test_where_settings_come_from(run: Run) -> None:
    done = run("config", "show", "--sources", PYNENC__LEASE_SECONDS="7s", PYNENC__SIGNING_KEY="open-sesame")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "pynenc\tlease_seconds\t7.0\tenvironment PYNENC__LEASE_SECONDS" in lines
    assert "pynenc\tmax_losses\t4\tcode" in lines
    assert "open-sesame" not in done.stdout + done.stderr


def test_an_unknown_variable_is_told_in_one_line(run: Run) -> None:
    done = run("config", "show", PYNENC__LEASE_SECOND="7s")
    assert done.returncode == 0
    assert done.stderr.startswith("pynenc: warning: the environment variable PYNENC__LEASE_SECOND is no setting")
    assert done.stderr.count("\n") == 1


def test_tasks(run: Run) -> None:
    done = run("tasks", PYNENC_APP="shop.app")
    assert (done.returncode, done.stdout, done.stderr) == (0, "shop.read\tsync\tmax_retries=2\n", "")


def test_version(run: Run) -> None:
    version = metadata.version("pynenc")
    assert version in run("version").stdout
    assert json.loads(run("version", "--json").stdout)["version"] == version


def test_a_reader_that_has_gone(run: Run, tmp_path: Path) -> None:
    run("version")
    done = subprocess.run(
        f"{COMMAND} config show | head -n 1",
        shell=True,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# -- mistakes -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["taks"], 2, "tasks"),
        (["--app", "shpo:app", "tasks"], 2, "did you mean 'shop'"),
        (["--app", "shop:ap", "tasks"], 2, "did you mean 'app'"),
        (
            ["runner", "start", "--runner", "NoRunner"],
            2,
            "accepted: DummyRunner, MultiThreadRunner, PersistentProcessRunner, ProcessRunner, ThreadRunner",
        ),
    ],
)
def test_a_mistake_is_one_line(run: Run, arguments: list[str], code: int, words: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("pynenc: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pynenc", "tasks"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert "no application found" in done.stderr
