"""The private server of the local engine, used by real processes that come, go and are killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.local_users import APP, PROGRAM, Home, kill, until


# -- one server -----------------------------------------------------------------------------------
def test_twenty_processes_at_once_start_one_server(home: Home) -> None:
    users = [home.user() for _ in range(20)]
    assert len({user.url for user in users}) == 1
    assert len({user.server_pid() for user in users}) == 1
    assert len(home.processes()) == 2
    for number, user in enumerate(users):
        assert user.tell("redis", "INCR", "n") == number + 1


def test_the_server_is_private_and_keeps_everything(home: Home) -> None:
    user = home.user()
    path = Path(user.url.removeprefix("unix://"))
    for private in (path.parent, path.parent.parent, home.local_dir / APP):
        assert private.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o077 == 0
    for option, value in {"port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": ""}.items():
        assert user.tell("redis", "CONFIG", "GET", option) == {option: value}
    assert user.tell("redis", "CONFIG", "GET", "maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_applications_and_data_directories_do_not_share(home: Home) -> None:
    names = ["app", "App", "..", "x" * 64, "x" * 63 + "y", "a/b" * 100]
    users = [home.user(name) for name in names]
    users.append(home.user(local_dir=str(home.folder / "elsewhere")))
    for user in users:
        assert user.tell("redis", "INCR", "n") == 1
    assert len(home.servers()) == len(users)
    assert {path.parent for path in home.folder.rglob("server.log")} >= {home.local_dir / "app"}
    assert sorted(path.name for path in home.folder.iterdir()) == ["elsewhere", "run", "state"]


def test_users_with_different_environments_share(home: Home) -> None:
    first = home.user()
    assert first.url
    second = home.user(environment={"XDG_RUNTIME_DIR": ""})
    assert first.url == second.url
    assert len(home.servers()) == 1


# -- users come and go ----------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["leave", "kill"])
def test_it_is_there_until_the_last_user_is_gone(home: Home, how: str) -> None:
    users = [home.user() for _ in range(3)]
    pid = users[0].server_pid()
    for user in users[:-1]:
        assert user.server_pid() == pid
        getattr(user, how)()
    assert users[-1].server_pid() == pid
    getattr(users[-1], how)()
    until(lambda: not home.processes())
    assert not home.sockets()
    assert not (home.local_dir / APP / "address.json").exists()


def test_a_user_that_lets_go_does_not_count(home: Home) -> None:
    user = home.user()
    assert home.processes() or user.url
    assert user.tell("release") == "released"
    until(lambda: not home.processes())


def test_data_outlive_the_server(home: Home) -> None:
    first = home.user()
    assert first.tell("redis", "SET", "k", "v") is True
    first.kill()
    until(lambda: not home.processes())
    assert home.user().tell("redis", "GET", "k") == "v"


def test_users_that_come_as_others_go(home: Home) -> None:
    """Whoever knocks while the server is ending gets the next one."""
    for number in range(1, 16):
        user = home.user()
        assert user.tell("redis", "INCR", "n") == number
        user.kill()


def test_it_is_kept_by_option_until_a_user_says_otherwise(home: Home) -> None:
    first = home.user(local_keep=True)
    pid = first.server_pid()
    first.kill()
    second = home.user(local_keep=True)
    assert second.server_pid() == pid
    second.leave()
    assert home.servers() == [pid]
    last = home.user(local_keep=False)
    assert last.server_pid() == pid
    last.leave()
    until(lambda: not home.processes())


def test_a_kept_server_ends_by_sigterm_to_its_keeper(home: Home) -> None:
    user = home.user(local_keep=True)
    assert user.tell("redis", "SET", "k", "v") is True
    user.leave()
    os.kill(home.keeper_pid(), signal.SIGTERM)
    until(lambda: not home.processes())
    assert home.user().tell("redis", "GET", "k") == "v"


def test_a_forked_child_is_no_user(home: Home) -> None:
    user = home.user()
    child: int = user.tell("fork")
    try:
        user.kill()
        until(lambda: not home.processes())
        os.kill(child, 0)  # it lives
    finally:
        kill(child)


def test_a_forked_child_may_become_one(home: Home) -> None:
    user = home.user()
    child, url = user.tell("fork_user")
    try:
        assert url == user.url
        server = user.server_pid()
        user.kill()
        assert home.user().server_pid() == server
        home.users[-1].kill()
        assert home.servers() == [server]
    finally:
        kill(child)
    until(lambda: not home.processes())


def test_nobody_waits_for_the_output_of_the_keeper(home: Home) -> None:
    """A caller that reads the output of a script gets its end, though the server goes on."""
    settings = f'{{"app_id": "app", "local_dir": "{home.local_dir}", "local_keep": true, "local_server": ""}}'
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, settings],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=home.environment,
        timeout=40,
        check=True,
    )
    assert ran.stdout
    assert len(home.servers()) == 1
    home.user(local_keep=False).leave()


def test_ctrl_c_in_the_terminal_of_a_user_does_not_reach_the_server(home: Home) -> None:
    user = home.user(ignore_interrupt=True)
    pid = user.server_pid()
    for stop in (signal.SIGINT, signal.SIGHUP):
        assert os.getpgid(pid) != os.getpgid(user.process.pid)
        assert os.getsid(pid) != os.getsid(user.process.pid)
        os.kill(home.keeper_pid(), stop)
    os.killpg(user.process.pid, signal.SIGINT)
    assert user.server_pid() == pid


# -- what dies is replaced ------------------------------------------------------------------------
def test_a_killed_server_is_started_again_with_its_data(home: Home) -> None:
    users = [home.user(), home.user()]
    keeper = 0
    for number in range(3):
        pid = users[0].server_pid()
        keeper = keeper or home.keeper_pid()
        assert users[0].tell("redis", "SET", f"k{number}", "v") is True
        kill(pid)
        for user in users:
            assert user.server_pid() != pid
            assert user.tell("redis", "GET", f"k{number}") == "v"
    assert home.keeper_pid() == keeper
    assert len(home.processes()) == 2
    assert "it was killed by signal 9" in (home.local_dir / APP / "server.log").read_text()


def test_a_cut_connection_is_no_death(home: Home) -> None:
    user = home.user()
    pid = user.server_pid()
    for _ in range(3):
        assert user.tell("redis", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 1
        until(lambda: len(user.tell("redis", "CLIENT", "LIST")) >= 2)  # the keeper is back
    assert user.server_pid() == pid
    user.kill()
    until(lambda: not home.processes())


def test_a_killed_keeper_is_replaced_by_its_users(home: Home) -> None:
    users = [home.user() for _ in range(4)]
    assert users[0].tell("redis", "SET", "k", "v") is True
    for _ in range(3):
        keeper = home.keeper_pid()
        kill(keeper)
        until(lambda keeper=keeper: (home.local_dir / APP / "address.json").exists() and home.keeper_pid() != keeper)
        for user in users:
            assert user.tell("redis", "GET", "k") == "v"
        until(lambda: len(home.processes()) == 2)
    for user in users:
        user.kill()
    until(lambda: not home.processes())


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a server end with its keeper")
def test_keeper_and_users_killed_at_once_leave_nothing(home: Home) -> None:
    users = [home.user() for _ in range(3)]
    assert users[0].tell("redis", "SET", "k", "v") is True
    for user in users:
        user.process.send_signal(signal.SIGSTOP)  # so that none of them starts another keeper
    kill(home.keeper_pid())
    for user in users:
        user.kill()
    until(lambda: not home.processes())
    assert home.user().tell("redis", "GET", "k") == "v"


def test_all_killed_at_once_and_what_they_left_does_not_matter(home: Home) -> None:
    user = home.user()
    assert user.tell("redis", "SET", "k", "v") is True
    server = user.server_pid()
    user.process.send_signal(signal.SIGSTOP)
    for pid in (home.keeper_pid(), server):
        kill(pid)
    user.kill()
    until(lambda: not home.processes())
    assert home.sockets()
    (home.local_dir / APP / "address.json.1.new").write_text("{")
    assert home.user().tell("redis", "GET", "k") == "v"


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"sockets": 1}', '{"sockets": "/", "pid": 1, "host": "x"}'])
def test_an_address_without_sense_does_not_matter(home: Home, garbage: str) -> None:
    data = home.local_dir / APP
    data.mkdir(mode=0o700, parents=True)
    (data / "address.json").write_text(garbage)
    for name in ("keeper.lock", "server.lock", "start.lock"):
        (data / name).write_text("12345")
    assert home.user().tell("redis", "PING") is True


def test_sockets_that_somebody_removed_come_back(home: Home) -> None:
    first = home.user()
    assert first.tell("redis", "SET", "k", "v") is True
    for path in home.sockets():
        path.unlink()
    assert home.user().tell("redis", "GET", "k") == "v"
    until(lambda: len(home.processes()) == 2)
    assert first.tell("redis", "GET", "k") == "v"


def test_an_idle_keeper_sleeps(home: Home) -> None:
    status = Path(f"/proc/{os.getpid()}/status")
    if not status.exists():
        pytest.skip("how often a process was woken is read from /proc")
    user = home.user()
    assert user.server_pid()

    def woken() -> list[str]:
        lines = Path(f"/proc/{home.keeper_pid()}/status").read_text().splitlines()
        return [line for line in lines if line.startswith("voluntary_ctxt_switches")]

    before = woken()
    time.sleep(2)
    assert woken() == before


# -- what is refused ------------------------------------------------------------------------------
def refusal(home: Home, **settings: str) -> str:
    user = home.user(**settings)
    assert user.process.wait(60) != 0
    error = user.error()
    assert "LocalServerError" in error
    return error


def test_a_directory_that_others_can_enter_is_refused(home: Home) -> None:
    (home.local_dir / APP).mkdir(parents=True)
    (home.local_dir / APP).chmod(0o750)
    assert "its mode is 0750, which lets others in; accepted: 0700" in refusal(home)
    assert not home.processes()


def test_a_link_is_refused(home: Home) -> None:
    target = home.folder / "target"
    target.mkdir(mode=0o700)
    home.local_dir.mkdir()
    (home.local_dir / APP).symlink_to(target)
    assert "it is a symbolic link" in refusal(home)
    (home.local_dir / APP).unlink()
    (home.sessions / "pynenc").symlink_to(target)
    assert "it is a symbolic link" in refusal(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(home: Home) -> None:
    (home.local_dir / APP).mkdir(mode=0o700, parents=True)
    os.chown(home.local_dir / APP, 12345, -1)
    assert "it belongs to the user 12345" in refusal(home)


def test_a_server_that_does_not_start_is_quoted(home: Home) -> None:
    data = home.local_dir / APP
    (data / "appendonlydir").mkdir(mode=0o700, parents=True)
    data.chmod(0o700)
    (data / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    error = refusal(home)
    assert "it ended with exit code 1; it said:" in error
    assert "manifest" in error
    until(lambda: not home.processes())
    shutil.rmtree(data / "appendonlydir")
    assert home.user().tell("redis", "PING") is True


def test_another_program_is_no_server(home: Home) -> None:
    assert "it does not say that it is Valkey or Redis" in refusal(home, local_server=sys.executable)


@pytest.mark.parametrize("words", [b"\x00" * 10_000, b'{"no": 1}\n', b"[]\n", b"\xff\n"])
def test_a_user_that_talks_nonsense_is_shown_out(home: Home, words: bytes) -> None:
    user = home.user()
    assert user.url
    (path,) = (path for path in home.sockets() if path.name == "keeper.sock")
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.sendall(words)
        with suppress(ConnectionResetError):
            assert stranger.recv(10) == b""
    assert home.user().server_pid() == user.server_pid()
