"""Nothing is left for later, and nobody is sent to the other package of this name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.structure.tree import ROOT, files, name_of

# Put together from pieces, so that this file can be looked at too.
UNFINISHED = re.compile(
    r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b"
    r"|\bNotImplemented" + r"Error\b"
    r"|\b(?:todo|unimplemented)" + r"!\s*\("
    r"|\bfor " + r"now\b(?!\s+in\b)"
    r"|\bplace" + r"holder implementation\b"
)
OTHER_PACKAGE = re.compile(
    r"\bpip3?\s+(?:install|download)\s+(?:-\S+\s+)*['\"]?pyn" + r"enc\b(?!\.|-)|\buv\s+add\s+['\"]?pyn" + r"enc\b"
)
PUBLISHED_TEXT = [".py", ".pyi", ".rs", ".md", ".toml", ".lua", ".html", ".txt"]


def texts() -> dict[str, str]:
    found: list[Path] = [path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"}]
    for folder in ("python", "rust", "docs", "benches", "tests"):
        found += files(ROOT / folder, *PUBLISHED_TEXT)
    found += [path for path in (ROOT / ".ci").iterdir() if path.is_file()]
    assert len(found) >= 80
    return {name_of(path): path.read_text("utf-8") for path in found}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_for_later() -> None:
    assert not lines_with(UNFINISHED)


def test_nobody_is_sent_to_the_other_package() -> None:
    """The public index has an unrelated package of this name: say `pip install .`, or install the wheel."""
    assert not lines_with(OTHER_PACKAGE)


@pytest.mark.parametrize(
    "text", ["# TO" + "DO: later", "raise NotImplemented" + "Error", "todo" + "!()", "good for " + "now"]
)
def test_unfinished_work_is_found(text: str) -> None:
    assert UNFINISHED.search(text)


@pytest.mark.parametrize(
    "text", ["pip install pyn" + "enc", "pip install -U 'pyn" + "enc[redis]'", "uv add pyn" + "enc"]
)
def test_the_other_package_is_found(text: str) -> None:
    assert OTHER_PACKAGE.search(text)


@pytest.mark.parametrize(
    "text", ["pip install .", "pip install '.[test]'", "pip install pyn" + "enc-0.1.0-cp311-abi3.whl"]
)
def test_our_own_package_is_not(text: str) -> None:
    assert not OTHER_PACKAGE.search(text)
