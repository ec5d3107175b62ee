"""Where the application is looked for, in which order, and what is said when it is not there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pynenc.cli.discover import find_app
from pynenc.cli.exit_codes import CommandError, ExitCode

Write = Callable[[dict[str, str]], Path]

APP = "from pynenc import Pynenc\napp = Pynenc(app_id={!r})\n"


@pytest.mark.parametrize("spec", ["shop:app", "shop.app", "shop", "shop.py", "./shop.py", "shop.py:app"])
def test_every_way_to_write_it(shop: Path, spec: str) -> None:
    located = find_app(spec)
    assert located.app.app_id == "shop"
    assert located.name == "shop:app"


@pytest.mark.parametrize(
    "spec", ["big.inner.store:app", "big.inner.store.app", "big.inner.store", "big/inner/store.py"]
)
def test_in_a_package(project: Write, spec: str) -> None:
    project({"big/__init__.py": "", "big/inner/__init__.py": "", "big/inner/store.py": APP.format("deep")})
    assert find_app(spec).name == "big.inner.store:app"


def test_an_attribute_of_an_attribute(project: Write) -> None:
    project({"holder.py": "from pynenc import Pynenc\nclass Box:\n    app = Pynenc(app_id='boxed')\n"})
    assert find_app("holder:Box.app").app.app_id == "boxed"
    assert find_app("holder.Box.app").app.app_id == "boxed"


def test_a_package_that_exports_the_app_of_a_module_with_the_same_name(project: Write) -> None:
    project({"store/__init__.py": "from store.app import app\n", "store/app.py": APP.format("inner")})
    assert find_app("store.app").app.app_id == "inner"
    assert find_app("store:app").app.app_id == "inner"


def test_a_file_elsewhere(project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project({"far/away.py": APP.format("away"), "here/nothing.txt": ""})
    monkeypatch.chdir(tmp_path / "here")
    located = find_app(str(tmp_path / "far" / "away.py"))
    assert located.name == "away:app"
    assert str(tmp_path / "far") in sys.path


def test_the_order(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project({f"{name}.py": APP.format(name) for name in ("option", "variable", "setting")})
    project({"pyproject.toml": '[tool.pynenc]\napp = "setting:app"\n'})
    assert find_app().app.app_id == "setting"
    monkeypatch.setenv("PYNENC_APP", "variable:app")
    assert find_app().app.app_id == "variable"
    assert find_app("option:app").app.app_id == "option"


def test_the_setting_in_pyproject_is_no_setting_of_the_application(project: Write) -> None:
    project({"shop.py": APP.format("shop"), "pyproject.toml": '[tool.pynenc]\napp = "shop:app"\nmax_losses = 5\n'})
    assert find_app().app.conf.max_losses == 5


def test_the_only_one_here(project: Write) -> None:
    project(
        {"notes.py": "import nothing_of_that_name\n", "package/__init__.py": "", "package/core.py": APP.format("x")}
    )
    assert find_app().name == "package.core:app"
    assert "notes" not in sys.modules


def test_what_a_module_prints_goes_to_standard_error(project: Write, capsys: pytest.CaptureFixture[str]) -> None:
    project({"loud.py": APP.format("loud") + "print('hello')\n"})
    find_app("loud:app")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "hello\n"


# -- errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("shpo:app", ["--app says 'shpo:app'", "no module 'shpo'", "did you mean 'shop'"]),
        ("shop:ap", ["module shop has no 'ap'", "did you mean 'app'", "it has app"]),
        ("shop.ap", ["module shop has no 'ap'", "did you mean 'app'"]),
        ("shop:add", ["add in module shop is a Task, not a Pynenc", "it has app"]),
        ("shpo.py", ["no file", "did you mean 'shop.py'"]),
        ("nowhere/shop.py", ["no file"]),
        ("email.mesage:x", ["no module 'email.mesage'", "did you mean 'email.message'"]),
        ("email.mesage", ["no module 'email.mesage'", "did you mean 'email.message'"]),
        ("email.message:Message", ["is a type, not a Pynenc", "it has no Pynenc"]),
        ("email.message", ["module email.message has no Pynenc"]),
        (":app", ["names no module", "module:attr"]),
        (".shop", ["names no module", "module:attr"]),
    ],
)
def test_a_name_that_leads_nowhere(shop: Path, spec: str, words: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        find_app(spec)
    assert caught.value.code is ExitCode.USAGE
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_that_name", ["ModuleNotFoundError", "nothing_of_that_name", "broken.py:1"]),
        ("\n1 / 0", ["ZeroDivisionError: division by zero", "broken.py:2"]),
        ("x = (", ["SyntaxError", "broken.py:1"]),
        ("raise SystemExit('enough')", ["SystemExit: enough", "broken.py:1"]),
    ],
)
def test_a_module_that_cannot_be_imported(project: Write, text: str, words: list[str]) -> None:
    project({"broken.py": text})
    with pytest.raises(CommandError) as caught:
        find_app("broken:app")
    assert caught.value.code is ExitCode.FAILED
    for word in ["importing broken failed", *words]:
        assert word in str(caught.value)


def test_two_in_a_module(project: Write) -> None:
    project({"two.py": "from pynenc import Pynenc\none = Pynenc()\nother = Pynenc()\nagain = one\n"})
    with pytest.raises(CommandError, match="more than one Pynenc; choose: --app two:one, --app two:other") as caught:
        find_app("two")
    assert caught.value.code is ExitCode.USAGE
    assert find_app("two:other").name == "two:other"


def test_one_under_two_names_is_one(project: Write) -> None:
    project({"twice.py": "from pynenc import Pynenc\napp = celery = Pynenc()\n"})
    assert find_app("twice").name == "twice:app"


def test_two_here(project: Write) -> None:
    project({"one.py": APP.format("one"), "two.py": APP.format("two")})
    with pytest.raises(CommandError, match="choose: --app one, --app two"):
        find_app()
    assert not {"one", "two"} & set(sys.modules)


def test_none_anywhere(project: Write) -> None:
    folder = project({"notes.py": ""})
    with pytest.raises(CommandError) as caught:
        find_app()
    assert caught.value.code is ExitCode.USAGE
    for word in ["--app (not given)", "PYNENC_APP (not set)", "pyproject.toml (not in this", f"1 modules in {folder}"]:
        assert word in str(caught.value)


def test_the_place_that_named_it_is_told(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project({"pyproject.toml": '[tool.pynenc]\napp = "missing_module:app"\n'})
    with pytest.raises(CommandError, match=r"\[tool.pynenc\] app in pyproject.toml says 'missing_module:app'"):
        find_app()
    monkeypatch.setenv("PYNENC_APP", "absent_module:app")
    with pytest.raises(CommandError, match="environment PYNENC_APP says 'absent_module:app'"):
        find_app()


@pytest.mark.parametrize(
    ("text", "words"), [("[tool", "cannot be read"), ("[tool.pynenc]\napp = 3\n", "is 3: a text is accepted")]
)
def test_a_bad_pyproject(project: Write, text: str, words: str) -> None:
    project({"pyproject.toml": text})
    with pytest.raises(CommandError, match=words) as caught:
        find_app()
    assert caught.value.code is ExitCode.USAGE


def test_a_file_hidden_by_another_module(project: Write) -> None:
    project({"colorsys.py": APP.format("hidden")})
    import colorsys  # the standard library's: it is imported by now, so the file of that name cannot be

    assert "colorsys" in sys.modules
    if "site-packages" in (colorsys.__file__ or "") or not (colorsys.__file__ or "").endswith("colorsys.py"):
        pytest.skip("this Python has no file for that module")
    with pytest.raises(CommandError, match="hidden by another module of the name colorsys"):
        find_app("./colorsys.py")
