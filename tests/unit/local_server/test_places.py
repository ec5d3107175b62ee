from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pynenc.exceptions import LocalServerError
from pynenc.local_server.places import (
    LONGEST_SOCKET_PATH,
    Address,
    Places,
    keeper_socket,
    places_of,
    server_socket,
    sockets_for,
    this_machine,
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_of("app", str(tmp_path / "state"))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A short path, as that of a session is."""
    folder = Path(tempfile.mkdtemp(prefix="s-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
    (folder / "tmp").mkdir(mode=0o700)
    return folder


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    places = places_of("app", str(tmp_path / "above" / "state"))
    assert places.data == (tmp_path / "above" / "state" / "app").resolve()
    assert places.data.stat().st_mode & 0o777 == 0o700
    assert places_of("app", str(tmp_path / "above" / "state")) == places


def test_the_state_directory_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert places_of("app", "").data == (tmp_path / "home/.local/state/pynenc/app").resolve()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    assert places_of("app", "").data == (tmp_path / "states/pynenc/app").resolve()
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    assert places_of("app", "").data == (tmp_path / "home/.local/state/pynenc/app").resolve()
    assert places_of("app", "~/mine").data == (tmp_path / "home/mine/app").resolve()


def test_names_never_meet(tmp_path: Path) -> None:
    """Not even where capitals and small letters are the same, nor above or outside the directory."""
    names = ["app", "App", "APP", ".", "..", ".app", "-app", "a b", "a_b", "é", "e", "\udc80", "x" * 64, "x" * 65, ""]
    names += ["x" * 200, "x" * 199 + "y", "a/b", "a\0b", "a\nb"]
    found = [places_of(name, str(tmp_path)).data for name in names]
    assert len({str(path).lower() for path in found}) == len(names)
    assert {path.parent for path in found} == {tmp_path.resolve()}
    assert max(len(os.fsencode(path.name)) for path in found) < 80


def test_sockets_are_in_the_directory_of_the_session(places: Places, session: Path) -> None:
    sockets = sockets_for(places)
    assert sockets.parent == session / "pynenc"
    assert sockets_for(places) == sockets
    assert [path.stat().st_mode & 0o777 for path in (sockets, sockets.parent)] == [0o700, 0o700]
    assert {keeper_socket(sockets).parent, server_socket(sockets).parent} == {sockets}


def test_each_data_directory_has_its_own_sockets(places: Places, tmp_path: Path, session: Path) -> None:
    others = [places_of("other", str(tmp_path / "state")), places_of("app", str(tmp_path / "elsewhere"))]
    assert len({sockets_for(one) for one in (places, *others)}) == 3


@pytest.mark.parametrize("unfit", ["missing", "open", "relative", "long", "unset"])
def test_without_a_fit_directory_of_the_session(
    unfit: str, places: Places, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = session / "opened"
    opened.mkdir()
    opened.chmod(0o755)
    long = session / ("x" * LONGEST_SOCKET_PATH)
    long.mkdir(mode=0o700)
    value = {
        "missing": str(session / "nowhere"),
        "open": str(opened),
        "relative": "run",
        "long": str(long),
        "unset": "",
    }
    monkeypatch.setenv("XDG_RUNTIME_DIR", value[unfit])
    assert sockets_for(places).parent == session / "tmp" / f"pynenc-{os.geteuid()}"


def test_an_earlier_keeper_says_where_its_sockets_were(places: Places, session: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.mkdir(mode=0o700)
    Address(earlier, 1, this_machine()).write(places.address)
    assert sockets_for(places) == earlier
    earlier.chmod(0o755)
    assert sockets_for(places).parent == session / "pynenc"


def test_no_path_is_short_enough(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynenc.local_server.places.LONGEST_SOCKET_PATH", 10)
    with pytest.raises(LocalServerError, match="at most 10 bytes"):
        sockets_for(places)


def test_an_address_is_read_as_it_was_written(places: Places) -> None:
    address = Address(Path("/some/where/\udc80"), 7, "host")
    address.write(places.address)
    assert Address.read(places.address) == address
    assert [path.name for path in places.data.iterdir()] == ["address.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"sockets": "/"}', '{"sockets": 1, "pid": 1, "host": ""}'])
def test_no_address(places: Places, text: str) -> None:
    places.address.write_text(text)
    assert Address.read(places.address) is None
