"""How the Rust crates stand to each other and to Python."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.structure.tree import BINDINGS, CORE, ROOT, end_of_block, files, name_of, rust_code

PYCLASS = re.compile(r"#\[(?:cfg_attr\([^,]*,\s*)?(?:pyo3::)?pyclass\b(\((?:[^()]|\([^()]*\))*\))?")
CONVERSION = re.compile(
    r"impl\b[^{;]*?\b(?:FromPyObject|IntoPyObject)\b[^{;]*?\bfor\b|derive\([^)]*\b(?:From|Into)PyObject\b"
)
DETACH = re.compile(r"\.(?:detach|allow_threads)\s*\(|\bPython::detach\b")
UNSAFE = re.compile(r"\bunsafe\b(?!_code)")

LIB_LINES = 60


def sources(crate: Path) -> dict[str, str]:
    return {name_of(path): rust_code(path) for path in files(crate / "src", ".rs")}


def test_every_class_shown_to_python_is_frozen() -> None:
    """A class that Python threads share is changed behind a lock of its own, never through `&mut self`."""
    seen = 0
    thawed = []
    for name, code in sources(BINDINGS).items():
        for match in PYCLASS.finditer(code):
            seen += 1
            if not re.search(r"\bfrozen\b", match[1] or ""):
                thawed.append(f"{name}:{code.count(chr(10), 0, match.start()) + 1}")
    assert seen >= 5
    assert not thawed


def test_the_gil_is_released_in_one_place() -> None:
    places = [name for name, code in sources(BINDINGS).items() if DETACH.search(code)]
    assert places == ["rust/pynenc-py/src/gil.rs"]


def test_conversions_stand_in_one_file() -> None:
    places = [name for name, code in sources(BINDINGS).items() if CONVERSION.search(code)]
    assert set(places) <= {"rust/pynenc-py/src/convert.rs"}
    assert (BINDINGS / "src" / "convert.rs").is_file()


def test_the_root_of_the_bindings_only_registers() -> None:
    root = BINDINGS / "src" / "lib.rs"
    assert len(root.read_text("utf-8").splitlines()) <= LIB_LINES
    code = rust_code(root)
    assert "pymodule" in code
    assert not re.search(r"#\[(?:pyfunction|pyclass|pymethods)\b", code)


def test_the_core_knows_nothing_of_python() -> None:
    manifest = tomllib.loads((CORE / "Cargo.toml").read_text("utf-8"))
    tables = [manifest.get(kind, {}) for kind in ("dependencies", "dev-dependencies", "build-dependencies")]
    assert len(tables[0]) >= 3
    assert not [name for table in tables for name in table if name.startswith("pyo3")]

    needed = closure("pynenc-core")
    assert len(needed) >= 5
    assert not [name for name in needed if name.startswith("pyo3") or name == "pynenc-py"]

    code = sources(CORE)
    assert len(code) >= 10
    assert not [name for name, text in code.items() if re.search(r"\bpyo3\b", text)]


def closure(package: str) -> set[str]:
    """Everything that a package of Cargo.lock brings in."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))
    needs: dict[str, set[str]] = {}
    for entry in lock["package"]:
        needs.setdefault(entry["name"], set()).update(need.split()[0] for need in entry.get("dependencies", []))
    assert package in needs
    found: set[str] = set()
    waiting = [package]
    while waiting:
        fresh = needs[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def test_the_core_has_no_unsafe_code() -> None:
    text = (CORE / "src" / "lib.rs").read_text("utf-8")
    assert re.search(r"^#!\[forbid\([^)]*\bunsafe_code\b", text, re.MULTILINE)
    assert re.search(r"^#!\[(?:warn|deny|forbid)\([^)]*\bmissing_docs\b", text, re.MULTILINE)
    code = sources(CORE)
    assert len(code) >= 10
    assert not [name for name, text in code.items() if UNSAFE.search(text)]


def test_the_host_cache_is_unsafe_in_one_place_and_knows_nothing_of_python() -> None:
    crate = ROOT / "rust" / "pynenc-host-cache"
    assert re.search(r"^#!\[deny\(unsafe_code\)", (crate / "src" / "lib.rs").read_text("utf-8"), re.MULTILINE)
    code = sources(crate)
    assert len(code) >= 5
    assert [name for name, text in code.items() for _ in UNSAFE.findall(text)] == [
        "rust/pynenc-host-cache/src/value.rs"
    ]
    assert not [name for name in closure("pynenc-host-cache") if name.startswith("pyo3")]


def test_the_reader_of_rust_sees_code_only(tmp_path: Path) -> None:
    path = tmp_path / "sample.rs"
    path.write_text(
        'fn a<\'x>(v: &\'x str) -> char { /* } */ let s = "}"; let r = r#"}"}"#; \'}\' } // }\nfn b(_: [u8; 2]);\n',
        encoding="utf-8",
    )
    code = rust_code(path)
    end = end_of_block(code, 0)
    assert end is not None
    assert code[end:].split() == ["fn", "b(_:", "[u8;", "2]);"]
    assert end_of_block(code, end) is None
