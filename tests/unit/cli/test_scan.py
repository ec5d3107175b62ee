"""Which modules make an application when they are imported: told from their text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynenc.cli.scan import makes_an_app, scan


@pytest.mark.parametrize(
    "text",
    [
        "app = Pynenc()",
        "app: Pynenc = Pynenc(app_id='x')",
        "app = pynenc.Pynenc()",
        "app = PynencBuilder().app_id('x').memory().build()",
        "app = prepared(Pynenc())",
        "if DEBUG:\n    app = Pynenc()\nelse:\n    app = Pynenc()",
        "try:\n    import fast\nexcept ImportError:\n    pass\nelse:\n    app = Pynenc()",
        "with settings():\n    app = Pynenc()",
    ],
)
def test_it_does(tmp_path: Path, text: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(text, "utf-8")
    assert makes_an_app(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from pynenc import Pynenc",
        "from shop import app",
        "kind = Pynenc",
        "name = 'Pynenc()'",
        "# app = Pynenc()",
        "def make():\n    app = Pynenc()\n    return app",
        "class Box:\n    app = Pynenc()",
        "if __name__ == '__main__':\n    app = Pynenc()",
        "app = Pynenc(",
        "app: Pynenc",
        "app = Pynenc() \x00",
    ],
)
def test_it_does_not(tmp_path: Path, text: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(text, "utf-8")
    assert not makes_an_app(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert not makes_an_app(tmp_path / "missing.py")
    (tmp_path / "latin.py").write_bytes(b"app = Pynenc()\nname = '\xff'")
    assert not makes_an_app(tmp_path / "latin.py")


def test_tests_and_plain_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("test_app.py", "conftest.py", "tests/__init__.py", "venv/app.py", "build/__init__.py", "real.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("app = Pynenc()", "utf-8")
    assert scan(tmp_path, []) == "real"


def test_a_package_is_named_without_its_file(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("app = Pynenc()", "utf-8")
    assert scan(tmp_path, []) == "shop"
