"""Worker processes of one host fetch a large value once and hold it once, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import redis

from tests.acceptance.runners.conftest import PATIENCE, HostCache, Work, read_when_written, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is in the places of Linux")

WORKERS = 3
SIZE = 24 << 20


@pytest.fixture
def start(
    make_work: Work, start_command: Callable[..., subprocess.Popen[str]], host_cache: HostCache
) -> Iterator[Callable[..., ModuleType]]:
    """Start workers, with more settings; they are ended in good order."""
    runners: list[subprocess.Popen[str]] = []

    def begin(**settings: Any) -> ModuleType:
        work = make_work("PersistentProcessRunner", **{"num_processes": WORKERS, **host_cache.settings, **settings})
        runners.append(start_command(work))
        return work

    yield begin
    for runner in runners:
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=PATIENCE)
    assert not host_cache.root.exists()


def random_array(seed: int, size: int = SIZE) -> Any:
    return np.frombuffer(np.random.default_rng(seed).bytes(size), dtype="u1")


def all_meet(work: ModuleType, array: Any, place: Path) -> list[tuple[int, int, bool, str]]:
    """Have each worker get the array, and keep it."""
    place.mkdir()
    group = work.meet.parallelize([(array, str(place), WORKERS) for _ in range(WORKERS)])
    return list(group.get(timeout=PATIENCE))


def sent_by_server(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        told: Any = client.info("stats")
    return int(told["total_net_output_bytes"])


def pss(pids: list[int]) -> int:
    """What these processes hold, in bytes; what they share counts once."""
    texts = (Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8") for pid in pids)
    return sum(int(line.split()[1]) << 10 for text in texts for line in text.splitlines() if line.startswith("Pss:"))


def test_workers_fetch_and_hold_an_array_once(
    start: Callable[..., ModuleType], host_cache: HostCache, tmp_path: Path, redis_url: str
) -> None:
    work = start()
    pids = sorted(pid for pid, *_ in all_meet(work, random_array(0, 4_096), tmp_path / "first"))
    held, sent = pss(pids), sent_by_server(redis_url)
    array = random_array(1)
    told = all_meet(work, array, tmp_path / "second")
    growth, traffic = pss(pids) - held, sent_by_server(redis_url) - sent
    assert sorted(pid for pid, *_ in told) == pids
    assert {crc for _, crc, _, _ in told} == {zlib.crc32(array)}
    assert not any(writeable for _, _, writeable, _ in told)
    [file] = {file for _, _, _, file in told}
    assert Path(file).parent.parent == host_cache.root
    assert [Path(file).name] == host_cache.names()
    assert Path(file).stat().st_mode & 0o777 == 0o400
    # Once, and generously half as much again for everything else.
    assert SIZE <= traffic < 1.5 * SIZE
    assert growth < 1.5 * SIZE


def test_without_it_each_worker_fetches_its_own(
    start: Callable[..., ModuleType], host_cache: HostCache, tmp_path: Path, redis_url: str
) -> None:
    work = start(host_cache=False)
    sent = sent_by_server(redis_url)
    told = all_meet(work, random_array(2), tmp_path / "place")
    assert sent_by_server(redis_url) - sent >= WORKERS * SIZE
    assert {file for _, _, _, file in told}.isdisjoint(host_cache.names())
    assert not host_cache.root.exists()


def test_a_worker_holds_what_it_has_at_hand_and_nothing_of_how_it_came(start: Callable[..., ModuleType]) -> None:
    work = start(num_processes=1, max_threads=1, host_cache=False)
    pid, _ = work.crc_of(b"").get(timeout=PATIENCE)
    held = pss([pid])
    for seed in range(6, 9):
        data = bytes(random_array(seed))
        assert work.crc_of(data).get(timeout=PATIENCE) == (pid, zlib.crc32(data))
    # The three, and generously half of one for everything else.
    assert pss([pid]) - held < 3.5 * SIZE


def test_what_was_saved_is_counted(start: Callable[..., ModuleType], tmp_path: Path) -> None:
    work = start(num_processes=1)
    place = tmp_path / "place"
    place.mkdir()
    work.meet(random_array(5), str(place), 1).get(timeout=PATIENCE)
    told = work.counters().get(timeout=PATIENCE)
    assert (told["fetched"], told["misses"], told["host_fills"], told["host_hits"]) == (1, 1, 1, 0)
    assert told["bytes_fetched"] == told["host_bytes"]
    assert SIZE <= told["host_bytes"] <= told["host_limit"]


def test_a_worker_killed_while_it_fetches_leaves_nothing_torn(
    start: Callable[..., ModuleType], host_cache: HostCache, tmp_path: Path
) -> None:
    work = start(num_processes=1, max_threads=1)
    for seed in range(10):
        pid, *_ = work.who().get(timeout=PATIENCE)
        array = random_array(seed, 60 << 20)
        place = tmp_path / str(seed)
        place.mkdir()
        waits = work.meet(array, str(place), 1)
        end = time.monotonic() + PATIENCE
        while not (parts := [name for name in host_cache.names() if name.endswith(".part")]):
            assert time.monotonic() < end, "nobody fetches it"
        os.kill(pid, signal.SIGKILL)
        _, crc, _, file = waits.get(timeout=PATIENCE)
        assert crc == zlib.crc32(array)
        assert file
        assert not [name for name in host_cache.names() if name.endswith(".part")]
        if list(place.iterdir()) and not (place / str(pid)).exists():
            assert parts
            return
    pytest.fail("a worker was never killed in time")


def test_other_bytes_than_were_stored_are_refused_and_not_shared(
    make_work: Work,
    start_command: Callable[..., subprocess.Popen[str]],
    host_cache: HostCache,
    tmp_path: Path,
    redis_url: str,
) -> None:
    work = make_work("PersistentProcessRunner", num_processes=1, **host_cache.settings)
    array, place = random_array(10), tmp_path / "place"
    place.mkdir()
    forged = bytearray(array)
    forged[SIZE // 2] ^= 1
    waits = work.meet(array, str(place), 1)
    with redis.Redis.from_url(redis_url) as client:
        [key] = client.scan_iter(f"pynenc:4:{{{work.__name__}}}:b:*".encode())
        client.set(key, bytes(forged), keepttl=True)
        start_command(work)
        with pytest.raises(Exception, match="not the one that was stored"):
            waits.get(timeout=PATIENCE)
        assert host_cache.names() == []
        client.delete(key)
    _, crc, _, file = work.meet(array, str(place), 1).get(timeout=PATIENCE)
    assert (crc, [Path(file).name]) == (zlib.crc32(array), host_cache.names())


def test_a_value_that_makes_room_stays_with_those_who_have_it(
    start: Callable[..., ModuleType], host_cache: HostCache, tmp_path: Path
) -> None:
    work = start(num_processes=2, host_cache_bytes=SIZE * 3 // 2)
    first, second = random_array(3), random_array(4)
    marker, release, place = tmp_path / "marker", tmp_path / "release", tmp_path / "place"
    looks = work.check_again(first, str(marker), str(release))
    read_when_written(marker)
    [before] = host_cache.names()
    place.mkdir()
    _, crc, _, file = work.meet(second, str(place), 1).get(timeout=PATIENCE)
    assert crc == zlib.crc32(second)
    until(lambda: host_cache.names() == [Path(file).name], "the first stays")
    release.touch()
    told = looks.get(timeout=PATIENCE)
    assert told[:2] == (zlib.crc32(first),) * 2
    assert Path(told[2].removesuffix(" (deleted)")).name == before
