"""What a stranger gets with the wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata, resources
from pathlib import Path

import pynenc
from pynenc import _core

SCRIPTS = Path(sysconfig.get_path("scripts"))


def test_types_come_along() -> None:
    package = resources.files("pynenc")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_core.pyi").is_file()


def test_one_wheel_serves_every_later_python() -> None:
    wheel = metadata.distribution("pynenc").read_text("WHEEL")
    assert wheel is not None
    assert re.search(r"^Tag: cp311-abi3-", wheel, re.MULTILINE)
    assert ".abi3." in Path(_core.__file__).name


def test_the_licence_and_the_needs_are_stated() -> None:
    about = metadata.metadata("pynenc")
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == ">=3.11"
    needs = {re.split(r"[^\w-]", need)[0] for need in metadata.requires("pynenc") or [] if "extra ==" not in need}
    assert needs == {"cloudpickle", "msgspec", "rich", "typer"}


def test_versions_agree() -> None:
    assert _core.__version__ == metadata.version("pynenc")


def test_every_public_name_is_there() -> None:
    assert len(pynenc.__all__) >= 5
    for name in pynenc.__all__:
        assert getattr(pynenc, name) is not None
        assert name in dir(pynenc)


def test_the_command_is_installed() -> None:
    command = shutil.which("pynenc", path=str(SCRIPTS))
    assert command is not None
    for call in ([command, "version"], [sys.executable, "-m", "pynenc", "version"]):
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert metadata.version("pynenc") in done.stdout
