"""What tests with real processes share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from pynenc.exceptions import LocalServerError
from pynenc.local_server.binary import find_binary
from tests.local_users import Home


@pytest.fixture
def home(missing_service: Callable[[str], NoReturn]) -> Iterator[Home]:
    try:
        find_binary()
    except LocalServerError:
        missing_service("server for the local engine")
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        made = Home(Path(folder))
        yield made
        made.clear()
        assert not made.sockets()
