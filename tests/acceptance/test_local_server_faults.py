"""Users, keepers and servers of the local engine killed at random: one server at a time, and no write lost."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.local_users import APP, Home, User, until

SECONDS = float(os.environ.get("PYNENC_TEST_FAULT_SECONDS", "60"))


def holders_of(lock: Path) -> set[int]:
    """Processes that have the server's lock open and are no keeper."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(os.path.realpath(one) == str(lock) for one in folder.iterdir()):
                found.add(int(folder.parent.name))
    return found


class Storm:
    def __init__(self, home: Home, seed: int) -> None:
        self.home = home
        self.chance = random.Random(seed)
        self.users: list[User] = []
        self.written: list[str] = []
        self.kills = {"user": 0, "keeper": 0, "server": 0, "all": 0}

    def write(self) -> None:
        key = f"k{len(self.written)}"
        assert self.chance.choice(self.users).tell("redis", "SET", key, "v") is True
        self.written.append(key)

    def strike(self) -> None:
        what = self.chance.choice(["user", "user", "keeper", "server", "server", "all"])
        self.kills[what] += 1
        if what == "user":
            self.users.pop(self.chance.randrange(len(self.users))).kill()
        elif what == "keeper":
            with suppress(OSError, ValueError):
                os.kill(self.home.keeper_pid(APP), signal.SIGKILL)
        elif what == "server":
            for pid in self.home.servers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            for pid in [*self.home.processes(), *(user.process.pid for user in self.users)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.users.clear()
        while len(self.users) < 4:
            self.users.append(self.home.user())

    def check(self) -> None:
        servers = [pid for pid in self.home.servers() if pid in holders_of(self.home.local_dir / APP / "server.lock")]
        assert len(servers) <= 1, servers


@pytest.mark.fault
@pytest.mark.timeout(SECONDS + 240)
def test_one_server_and_no_lost_write_whoever_is_killed(home: Home) -> None:
    seed = random.randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    storm = Storm(home, seed)
    storm.users += [home.user() for _ in range(4)]
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in range(storm.chance.randrange(20)):
            storm.write()
        storm.strike()
        storm.check()
    last = home.user()
    missing = [key for key in storm.written if last.tell("redis", "GET", key) != "v"]
    sys.stdout.write(f"{storm.kills} kills, {len(storm.written)} writes\n")
    assert not missing
    assert min(storm.kills.values()) > 0
    until(lambda: len(home.servers()) == 1)
