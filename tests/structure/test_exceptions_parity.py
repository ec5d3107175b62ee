"""Rust binds exceptions by name: each of these names is a class of `pynenc.exceptions`."""

from __future__ import annotations

import builtins
import inspect
import re

from pynenc import exceptions
from tests.structure.tree import BINDINGS, files

IMPORTED = re.compile(r"import_exception!\(\s*pynenc\s*\.\s*exceptions\s*,\s*(\w+)")
QUOTED = re.compile(r'"([A-Z][a-z]\w*(?:Error|Expired|Warning))"')


def bound_names() -> set[str]:
    """Names of exceptions in the sources of the bindings, in a macro or as text, but for Python's own."""
    names: set[str] = set()
    for path in files(BINDINGS / "src", ".rs"):
        code = re.sub(r"//[^\n]*", "", path.read_text("utf-8"))
        names.update(IMPORTED.findall(code), QUOTED.findall(code))
    return {name for name in names if not hasattr(builtins, name)}


def test_every_bound_name_is_one_of_our_exceptions() -> None:
    names = bound_names()
    assert len(names) >= 5
    strangers = [name for name in sorted(names) if not is_ours(name)]
    assert not strangers, f"not in pynenc.exceptions: {strangers}"


def is_ours(name: str) -> bool:
    found = getattr(exceptions, name, None)
    return inspect.isclass(found) and issubclass(found, exceptions.PynencError)


def test_every_public_exception_has_the_one_base() -> None:
    classes = [
        value
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and not name.startswith("_")
    ]
    assert len(classes) >= 20
    assert not [kind for kind in classes if not issubclass(kind, exceptions.PynencError)]
    assert not [kind for kind in classes if not kind.__doc__]
