"""Looking for the one module of a directory that makes an application, without importing any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pynenc.cli.exit_codes import CommandError, ExitCode

_MAKERS = {"Pynenc", "PynencBuilder"}
_SKIPPED = {"tests", "test", "build", "dist", "node_modules", "site-packages"}
MOST_FILES = 2_000


def scan(folder: Path, looked_at: Sequence[str]) -> str:
    """Find the only module that makes a Pynenc at its top level: a file of the directory, or of a package in it.

    :param looked_at: The other places, for the message.
    :returns: the module's name.
    :raises CommandError: when there is none, or more than one.
    """
    files = list(islice(_sources(folder), MOST_FILES))
    found = [_module_name(folder, path) for path in files if makes_an_app(path)]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"--app {name}" for name in sorted(found))
        raise CommandError(f"more than one module of {folder} makes a Pynenc; choose: {choices}", ExitCode.USAGE)
    places = [*looked_at, f"{len(files)} modules in {folder} (none makes a Pynenc)"]
    raise CommandError(f"no application found; say --app module:attr; looked at: {', '.join(places)}", ExitCode.USAGE)


def makes_an_app(path: Path) -> bool:
    """Tell whether importing the file would call ``Pynenc`` or a builder and keep the result in a name.

    A file that cannot be read or parsed does not.
    """
    try:
        source = path.read_bytes()
        if not any(maker.encode() in source for maker in _MAKERS):
            return False
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return False
    return any(_calls_a_maker(statement.value) for statement in _assignments(tree.body))


def _assignments(body: Sequence[ast.stmt]) -> Iterator[ast.Assign | ast.AnnAssign]:
    """Assignments that run at import; what stands under ``if __name__ == …`` does not."""
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            yield statement
        elif isinstance(statement, ast.If):
            if not any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)):
                yield from _assignments([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            yield from _assignments([*statement.body, *statement.orelse, *statement.finalbody])
        elif isinstance(statement, ast.With):
            yield from _assignments(statement.body)


def _calls_a_maker(value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Call):
        return False
    called = (node.func for node in ast.walk(value) if isinstance(node, ast.Call))
    return any(
        (isinstance(func, ast.Name) and func.id in _MAKERS)
        or (isinstance(func, ast.Attribute) and func.attr in _MAKERS)
        for func in called
    )


def _sources(folder: Path) -> Iterator[Path]:
    """Python files of a directory and of the packages in it, tests apart, nearest first."""
    yield from sorted(path for path in folder.glob("*.py") if _is_wanted(path))
    try:
        inner_folders = sorted(inner for inner in folder.iterdir() if (inner / "__init__.py").is_file())
    except OSError:  # not for this user to read
        return
    for inner in inner_folders:
        if inner.name not in _SKIPPED:
            yield from _sources(inner)


def _is_wanted(path: Path) -> bool:
    return not path.name.startswith("test_") and path.name not in {"conftest.py", "setup.py"}


def _module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
