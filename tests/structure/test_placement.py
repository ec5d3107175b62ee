"""Scripts for servers stand in files of their own language, and layers stand where they belong."""

from __future__ import annotations

import re

from tests.structure.tree import PACKAGE, ROOT, files, name_of

SQL = re.compile(r"\b(?:SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b", re.DOTALL)
LUA = re.compile(r"\bredis\.p?call\b|\bKEYS\[|\bARGV\[")
BACKEND_SWITCH = re.compile(r"\bif\s+[\w.]*(?:engine|backend)[\w.]*\s*(?:==|is)\s*[\"']")


def python_text() -> dict[str, str]:
    found = {name_of(path): path.read_text("utf-8") for path in files(PACKAGE, ".py")}
    assert len(found) >= 40
    return found


def test_no_sql_and_no_lua_in_python() -> None:
    assert not [name for name, text in python_text().items() if SQL.search(text) or LUA.search(text)]


def test_no_lua_in_rust_sources() -> None:
    found = {name_of(path): path.read_text("utf-8") for path in files(ROOT / "rust", ".rs")}
    assert len(found) >= 15
    assert not [name for name, text in found.items() if LUA.search(text)]


def test_nothing_asks_which_engine_it_runs_on() -> None:
    """What differs between engines is behind the port."""
    assert not [name for name, text in python_text().items() if BACKEND_SWITCH.search(text)]


def test_the_patterns_find_what_they_are_for() -> None:
    assert SQL.search("SELECT id\nFROM tasks")
    assert LUA.search("local n = redis.call('GET', KEYS[1])")
    assert BACKEND_SWITCH.search('if conf.engine == "redis":')
    assert not SQL.search("select a runner from the list")
