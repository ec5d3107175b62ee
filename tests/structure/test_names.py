"""A module is named for what it holds."""

from __future__ import annotations

import ast
import re

from tests.structure.tree import BINDINGS, CORE, PACKAGE, files, name_of

VAGUE = {"util", "helper", "common", "misc", "manager", "stuff", "shared", "base"}
# The abstract bases have the names that users import.
SEED_BASES = re.compile(r"base_\w+|config_base")


def is_vague(name: str) -> bool:
    words = {word.removesuffix("s") for word in name.lower().strip("_").split("_")}
    return bool(words & VAGUE) and not SEED_BASES.fullmatch(name)


def test_modules_and_folders() -> None:
    found = [*files(PACKAGE, ".py"), *files(CORE, ".rs"), *files(BINDINGS, ".rs")]
    assert len(found) >= 60
    vague = {
        name_of(path)
        for path in found
        if any(is_vague(part) for part in path.relative_to(PACKAGE.parents[1]).with_suffix("").parts)
    }
    assert not vague


def test_classes() -> None:
    names = {
        f"{name_of(path)}::{node.name}"
        for path in files(PACKAGE, ".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert len(names) >= 60
    assert not [name for name in names if re.search(r"(?:Util|Helper|Manager|Misc)s?$", name)]


def test_vague_names_are_known_when_seen() -> None:
    assert all(map(is_vague, ["utils", "task_helpers", "common", "_misc", "manager"]))
    assert not any(map(is_vague, ["base_runner", "config_base", "task", "engine"]))
