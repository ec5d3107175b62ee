"""Finding the application that a command is about."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import NamedTuple

from pynenc.app import Pynenc
from pynenc.cli.exit_codes import CommandError, ExitCode
from pynenc.conf.parsing import nearest

VARIABLE = "PYNENC_APP"
PYPROJECT = "pyproject.toml"
_ACCEPTED = "say --app module:attr"


class Located(NamedTuple):
    """An application, and where it stands as ``module:attr``."""

    app: Pynenc
    name: str


class _Named(NamedTuple):
    """What somebody called the application, and who."""

    text: str
    place: str


def find_app(option: str | None = None) -> Located:
    """Find it: by the option, ``PYNENC_APP``, ``[tool.pynenc] app``, or as the only one in the working directory.

    The working directory is put on ``sys.path``. What the imported modules print goes to standard error.

    :param option: ``module:attr``, ``module.attr``, ``module`` or ``path/to/file.py``, the last two with or
        without ``:attr``.
    :raises CommandError: there is none, or more than one, or it cannot be imported; says what was looked at.
    """
    _put_on_path(Path.cwd())
    named = _named_somewhere(option)
    if named is None:
        from pynenc.cli.scan import scan

        return _in_module(_import(scan(Path.cwd(), _places_without_a_name())), "")
    return _load(named)


# -- where its name may stand ---------------------------------------------------------------------
def _named_somewhere(option: str | None) -> _Named | None:
    if option:
        return _Named(option, "--app")
    if variable := os.environ.get(VARIABLE):
        return _Named(variable, f"environment {VARIABLE}")
    if setting := _from_pyproject():
        return _Named(setting, f"[tool.pynenc] app in {PYPROJECT}")
    return None


def _from_pyproject() -> str | None:
    path = Path(PYPROJECT)
    if not path.is_file():
        return None
    import tomllib

    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("pynenc", {})
    except (OSError, ValueError) as error:
        raise CommandError(f"{path.resolve()} cannot be read: {error}", ExitCode.USAGE) from error
    name = table.get("app")
    if name is None or isinstance(name, str):
        return name
    raise CommandError(f"[tool.pynenc] app in {PYPROJECT} is {name!r}: a text is accepted", ExitCode.USAGE)


def _places_without_a_name() -> list[str]:
    has_file = Path(PYPROJECT).is_file()
    return [
        "--app (not given)",
        f"environment {VARIABLE} (not set)",
        f"{PYPROJECT} ({'no app under [tool.pynenc]' if has_file else 'not in this directory'})",
    ]


# -- from a name to the application ---------------------------------------------------------------
def _load(named: _Named) -> Located:
    target, attribute = _split(named.text)
    try:
        if target.endswith(".py") or os.sep in target or "/" in target:
            return _in_module(_import_file(Path(target)), attribute)
        if ":" in named.text:
            return _in_module(_import(target), attribute)
        return _in_module(*_import_dotted(target))
    except CommandError as error:
        message = f"{named.place} says {named.text!r}: {error}"
        raise CommandError(message, error.code) from (error.__cause__ or None)


def _split(text: str) -> tuple[str, str]:
    """Cut off the attribute; the colon behind a drive's letter is none."""
    target, colon, attribute = text.rpartition(":")
    if not colon or "/" in attribute or "\\" in attribute:
        return text, ""
    return target, attribute


def _in_module(module: ModuleType, attribute: str) -> Located:
    apps = {name: value for name, value in vars(module).items() if isinstance(value, Pynenc)}
    if attribute:
        return Located(_attribute_of(module, attribute, list(apps)), f"{module.__name__}:{attribute}")
    if not apps:
        raise CommandError(f"module {module.__name__} has no Pynenc; {_ACCEPTED}", ExitCode.USAGE)
    if len({id(value) for value in apps.values()}) > 1:
        raise _ambiguous(f"module {module.__name__} has", [f"{module.__name__}:{name}" for name in apps])
    name, app = next(iter(apps.items()))
    return Located(app, f"{module.__name__}:{name}")


def _attribute_of(module: ModuleType, attribute: str, apps: Sequence[str]) -> Pynenc:
    found: object = module
    has = f"; it has {', '.join(apps)}" if apps else "; it has no Pynenc"
    for part in attribute.split("."):
        if not hasattr(found, part):
            hint = nearest(attribute, apps or [name for name in vars(module) if not name.startswith("_")])
            raise CommandError(f"module {module.__name__} has no {attribute!r}{hint}{has}", ExitCode.USAGE)
        found = getattr(found, part)
    if not isinstance(found, Pynenc):
        kind = type(found).__name__
        raise CommandError(f"{attribute} in module {module.__name__} is a {kind}, not a Pynenc{has}", ExitCode.USAGE)
    return found


def _ambiguous(where: str, names: Sequence[str]) -> CommandError:
    choices = ", ".join(f"--app {name}" for name in names)
    return CommandError(f"{where} more than one Pynenc; choose: {choices}", ExitCode.USAGE)


# -- importing ------------------------------------------------------------------------------------
def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import(name: str) -> ModuleType:
    if not all(name.split(".")):
        raise CommandError("that names no module; module:attr is accepted", ExitCode.USAGE)
    try:
        with redirect_stdout(sys.stderr):
            return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise _no_module(missing) from error
        raise _broken(name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _no_module(name: str) -> CommandError:
    parent, _, _ = name.rpartition(".")
    folders = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else [str(Path.cwd())]
    prefix = f"{parent}." if parent else ""
    hint = nearest(name, [f"{prefix}{module.name}" for module in iter_modules(folders)])
    return CommandError(f"no module {name!r} in {', '.join(folders)} or on sys.path{hint}", ExitCode.USAGE)


def _broken(name: str, error: BaseException) -> CommandError:
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}:{error.lineno})"
        return CommandError(f"importing {name} failed: {type(error).__name__}: {error.msg}{where}")
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = "" if frame is None else f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})"
    return CommandError(f"importing {name} failed: {type(error).__name__}: {error}{where}")


def _import_dotted(text: str) -> tuple[ModuleType, str]:
    """Import as many of the parts as are modules; the rest is the attribute."""
    first, *rest = text.split(".")
    module = _import(first)
    while rest and hasattr(module, "__path__") and find_spec(f"{module.__name__}.{rest[0]}") is not None:
        module = _import(f"{module.__name__}.{rest.pop(0)}")
    if rest and not hasattr(module, rest[0]) and hasattr(module, "__path__"):
        raise _no_module(f"{module.__name__}.{rest[0]}")
    return module, ".".join(rest)


def _import_file(path: Path) -> ModuleType:
    """Import a file under the name that it has for Python: its packages from the outermost on."""
    path = path.resolve()
    if not path.is_file():
        folder = path.parent
        others = [other.name for other in folder.glob("*.py")] if folder.is_dir() else []
        raise CommandError(f"no file {path}{nearest(path.name, others)}", ExitCode.USAGE)
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    _put_on_path(folder)
    module = _import(".".join(parts))
    found = Path(module.__file__ or "").resolve()
    if found != path:
        raise CommandError(f"{path} is hidden by another module of the name {module.__name__}: {found}; rename it")
    return module
