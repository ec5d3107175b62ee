"""The oldest compiler that the manifest names, and what the code asks of one."""

from __future__ import annotations

import re
import tomllib

from tests.structure.tree import ROOT, files, rust_code

LET_CHAIN = re.compile(r"&&\s*let\b")
LET_CHAINS_SINCE = (1, 88)


def oldest_compiler() -> tuple[int, int]:
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
    major, minor = manifest["workspace"]["package"]["rust-version"].split(".")[:2]
    return int(major), int(minor)


def test_the_manifest_names_a_compiler_that_knows_let_chains() -> None:
    users = [path for path in files(ROOT / "rust", ".rs") if LET_CHAIN.search(rust_code(path))]
    assert users
    assert oldest_compiler() >= LET_CHAINS_SINCE


def test_the_readme_names_the_same_compiler() -> None:
    said = re.search(r"Rust toolchain \(≥ (\d+)\.(\d+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert said is not None
    assert (int(said[1]), int(said[2])) == oldest_compiler()
