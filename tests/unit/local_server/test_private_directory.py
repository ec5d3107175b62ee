from __future__ import annotations

import os
from pathlib import Path

import pytest

from pynenc.exceptions import LocalServerError
from pynenc.local_server.private_directory import is_private, make_private

USE = "a directory for tests"


def test_it_is_made_private_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = make_private(tmp_path / "a" / "b", USE)
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o700
    assert made.parent.stat().st_mode & 0o777 == 0o700
    assert is_private(made)
    assert make_private(made, USE) == made


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o770, 0o777])
def test_one_that_lets_others_in(tmp_path: Path, mode: int) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(mode)
    with pytest.raises(LocalServerError, match=f"/d, a directory for tests, is refused: its mode is {mode:04o}"):
        make_private(tmp_path / "d", USE)
    assert not is_private(tmp_path / "d")


def test_a_link(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("link", "loop"):
        with pytest.raises(LocalServerError, match=r"symbolic link|cannot be made"):
            make_private(tmp_path / name, USE)
        assert not is_private(tmp_path / name)


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(LocalServerError, match="/f, a directory for tests, cannot be made: File exists"):
        make_private(tmp_path / "f", USE)
    with pytest.raises(LocalServerError, match="/f/d, a directory for tests, cannot be made"):
        make_private(tmp_path / "f" / "d", USE)
    assert not is_private(tmp_path / "f")


def test_one_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(LocalServerError, match=f"it belongs to the user {mine}, and this process runs as {mine + 1}"):
        make_private(tmp_path / "d", USE)


def test_one_that_everybody_could_replace(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(LocalServerError, match="everybody may write to"):
        make_private(tmp_path / "d", USE)
    tmp_path.chmod(0o1777)
    assert is_private(tmp_path / "d")


def test_one_that_is_not_there(tmp_path: Path) -> None:
    assert not is_private(tmp_path / "nowhere")
