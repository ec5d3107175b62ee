"""Nothing grows out of hand: budgets for files, functions and classes, in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.tree import PACKAGE, ROOT, end_of_block, files, name_of, rust_code

FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 50  # without its docstring
CLASS_LINES = 200  # without docstrings
PUBLIC_METHODS = 12  # properties are attributes, and overloads one method
RUST_FUNCTION_LINES = 45

# What may be over budget, and why: "path" or "path::Class.method".
ALLOWED: dict[str, str] = {
    "python/pynenc/_core.pyi": "an extension module is one module, and the stub of a module one file",
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ATTRIBUTE_LIKE = {"property", "cached_property", "overload", "setter", "deleter"}


# -- files ----------------------------------------------------------------------------------------
def library_files() -> list[Path]:
    return [*files(PACKAGE, ".py", ".pyi"), *files(ROOT / "rust", ".rs"), *files(ROOT / "benches", ".py", ".rs")]


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts or path.name == "tests.rs"


def production_lines(path: Path) -> int:
    """Lines of a file; of a Rust file, those before its test module."""
    text = path.read_text("utf-8")
    if path.suffix == ".rs":
        text = re.split(r"^#\[cfg\((?:all\()?test\b[^\n]*\]\s*mod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[0]
    return len(text.splitlines())


def test_files() -> None:
    over = {}
    seen = 0
    for path in [*library_files(), *files(ROOT / "tests", ".py")]:
        budget = TEST_FILE_LINES if is_test(path) else FILE_LINES
        seen += 1
        lines = production_lines(path)
        if lines > budget:
            over[name_of(path)] = f"{lines} lines, at most {budget}"
    assert seen >= 80
    assert_only_allowed(over, kind="file")


# -- Python ---------------------------------------------------------------------------------------
def definitions(path: Path) -> Iterator[tuple[str, ast.ClassDef | FunctionNode]]:
    """Every class and function of a file with its name in an allow-list."""

    def below(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef | FunctionNode]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}"
                yield name, child
                yield from below(child, f"{name}.")
            else:
                yield from below(child, prefix)

    yield from below(ast.parse(path.read_text("utf-8")), f"{name_of(path)}::")


def lines_of(node: ast.ClassDef | FunctionNode) -> int:
    """Lines from the name to the end, without the docstrings in it."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(inner):
            docstring = inner.body[0]
            total -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return total


def public_methods(node: ast.ClassDef) -> set[str]:
    return {
        child.name
        for child in node.body
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        and not child.name.startswith("_")
        and not any(decorator_name(decorator) in ATTRIBUTE_LIKE for decorator in child.decorator_list)
    }


def decorator_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return decorator_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_functions() -> None:
    over = {}
    seen = 0
    for path in [*files(PACKAGE, ".py"), *files(ROOT / "benches", ".py")]:
        for name, node in definitions(path):
            if isinstance(node, ast.ClassDef):
                continue
            seen += 1
            if (lines := lines_of(node)) > FUNCTION_LINES:
                over[name] = f"{lines} lines, at most {FUNCTION_LINES}"
    assert seen >= 300
    assert_only_allowed(over, kind="function")


def test_classes() -> None:
    over = {}
    seen = 0
    for path in files(PACKAGE, ".py"):
        for name, node in definitions(path):
            if not isinstance(node, ast.ClassDef):
                continue
            seen += 1
            if (lines := lines_of(node)) > CLASS_LINES:
                over[name] = f"{lines} lines, at most {CLASS_LINES}"
            elif len(methods := public_methods(node)) > PUBLIC_METHODS:
                over[name] = f"{len(methods)} public methods, at most {PUBLIC_METHODS}: {sorted(methods)}"
    assert seen >= 60
    assert_only_allowed(over, kind="class")


# -- Rust -----------------------------------------------------------------------------------------
RUST_FUNCTION = re.compile(r"\bfn\s+(\w+)\s*[<(]")


def test_rust_functions() -> None:
    over = {}
    seen = 0
    for path in files(ROOT / "rust", ".rs"):
        if is_test(path):
            continue
        code = rust_code(path)
        for match in RUST_FUNCTION.finditer(code):
            end = end_of_block(code, match.start())
            if end is None:
                continue
            seen += 1
            lines = code.count("\n", match.start(), end) + 1
            if lines > RUST_FUNCTION_LINES:
                over[f"{name_of(path)}::{match[1]}"] = f"{lines} lines, at most {RUST_FUNCTION_LINES}"
    assert seen >= 200
    assert_only_allowed(over, kind="rust")


# -- the allow-list -------------------------------------------------------------------------------
def kind_of(name: str) -> str:
    path, _, inner = name.partition("::")
    if not inner:
        return "file"
    if path.endswith(".rs"):
        return "rust"
    return "class" if inner.rpartition(".")[2][:1].isupper() else "function"


def assert_only_allowed(over: dict[str, str], *, kind: str) -> None:
    unexpected = {name: why for name, why in over.items() if name not in ALLOWED}
    assert not unexpected, f"over budget: {unexpected}"
    stale = [name for name in ALLOWED if kind_of(name) == kind and name not in over]
    assert not stale, f"within budget again, take them off the list: {stale}"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    return 1\n", 2),
        ('def f():\n    """One.\n\n    More.\n    """\n    return 1\n', 2),
        ('class C:\n    """One."""\n\n    def f(self):\n        """Two."""\n', 3),
    ],
)
def test_docstrings_do_not_count(source: str, lines: int) -> None:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    assert lines_of(node) == lines
