"""Where values come from, and in which order."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc.conf import catalog, sources
from pynenc.conf.config_base import ConfigField, ConfigPynencBase, PynencConfigWarning
from pynenc.exceptions import ConfigError, ConfigMultiInheritanceError


class ConfigAlpha(ConfigPynencBase):
    """A parent.

    :cvar int alpha_number:
        First line,
        second line.
    :cvar tuple[str, ...] alpha_names: on the same line.
    :cvar str alpha_secret:
        Hidden.

    Not part of it.
    """

    alpha_number = ConfigField(1, minimum=0)
    alpha_names: ConfigField[tuple[str, ...]] = ConfigField(())
    alpha_secret = ConfigField("", secret=True)
    alpha_limit = ConfigField(0, secret=True, minimum=0)


class ConfigAlphaChild(ConfigAlpha):
    """A child.

    :cvar bool alpha_flag:
        Its own.
    """

    alpha_flag = ConfigField(False)


class ConfigAlphaSibling(ConfigAlpha):
    """Another one."""


@pytest.fixture(autouse=True)
def _empty_directory(in_tmp_dir: Path) -> None:
    """No file is found by accident."""


def toml(path: str, number: int, section: str = "") -> str:
    head = "[tool.pynenc{}]" if path.endswith("pyproject.toml") else "[{}]"
    head = head.format(f".{section}" if section and "tool" in head else section)
    Path(path).write_text(f"{head if section or 'tool' in head else ''}\nalpha_number = {number}\n")
    return path


# -- precedence, level by level -------------------------------------------------------------------
def test_every_level_beats_the_one_below(monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, Any] = {}
    filepath: str | None = None

    def now() -> tuple[int, str]:
        conf = ConfigAlphaChild(values, filepath)
        return conf.alpha_number, conf.source_of("alpha_number")

    assert now() == (1, "default")
    values["alpha_number"] = 2
    assert now() == (2, "code")
    values["alpha"] = {"alpha_number": 3}
    assert now() == (3, "code [alpha]")
    values["alphachild"] = {"alpha_number": 4}
    assert now() == (4, "code [alphachild]")
    toml("pyproject.toml", 5)
    assert now() == (5, "pyproject.toml [tool.pynenc]")
    toml("pyproject.toml", 6, "alpha")
    assert now() == (6, "pyproject.toml [tool.pynenc] [alpha]")
    filepath = toml("given.toml", 7)
    assert now() == (7, "file given.toml")
    monkeypatch.setenv("PYNENC__FILEPATH", toml("env.toml", 8))
    assert now() == (8, "file env.toml")
    monkeypatch.setenv("PYNENC__CONFIGALPHA__FILEPATH", toml("parent.toml", 9))
    assert now() == (9, "file parent.toml")
    monkeypatch.setenv("PYNENC__CONFIGALPHACHILD__FILEPATH", toml("child.toml", 10))
    assert now() == (10, "file child.toml")
    monkeypatch.setenv("PYNENC__ALPHA_NUMBER", "11")
    assert now() == (11, "environment PYNENC__ALPHA_NUMBER")
    monkeypatch.setenv("PYNENC__CONFIGALPHA__ALPHA_NUMBER", "12")
    assert now() == (12, "environment PYNENC__CONFIGALPHA__ALPHA_NUMBER")
    monkeypatch.setenv("PYNENC__CONFIGALPHACHILD__ALPHA_NUMBER", "13")
    assert now() == (13, "environment PYNENC__CONFIGALPHACHILD__ALPHA_NUMBER")
    conf = ConfigAlphaChild(values, filepath)
    conf.alpha_number = 14
    assert (conf.alpha_number, conf.source_of("alpha_number")) == (14, "assignment")


LEVELS = ["code", "pyproject", "filepath", "env_file", "class_file", "env", "class_env", "assignment"]


@given(st.sets(st.sampled_from(LEVELS)))
def test_the_strongest_of_any_set_of_sources_wins(tmp_path_factory: pytest.TempPathFactory, chosen: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("levels"))
        expected = {
            "code": "code",
            "pyproject": "pyproject.toml [tool.pynenc]",
            "filepath": "file given.json",
            "env_file": "file env.toml",
            "class_file": "file class.json",
            "env": "environment PYNENC__ALPHA_NUMBER",
            "class_env": "environment PYNENC__CONFIGALPHA__ALPHA_NUMBER",
            "assignment": "assignment",
        }
        number = {level: index for index, level in enumerate(LEVELS, 10)}
        values = {"alpha_number": number["code"]} if "code" in chosen else {}
        if "pyproject" in chosen:
            toml("pyproject.toml", number["pyproject"])
        if "filepath" in chosen:
            Path("given.json").write_text(json.dumps({"alpha_number": number["filepath"]}))
        if "env_file" in chosen:
            patch.setenv("PYNENC__FILEPATH", toml("env.toml", number["env_file"]))
        if "class_file" in chosen:
            Path("class.json").write_text(json.dumps({"alpha": {"alpha_number": number["class_file"]}}))
            patch.setenv("PYNENC__CONFIGALPHA__FILEPATH", "class.json")
            expected["class_file"] += " [alpha]"
        if "env" in chosen:
            patch.setenv("PYNENC__ALPHA_NUMBER", str(number["env"]))
        if "class_env" in chosen:
            patch.setenv("PYNENC__CONFIGALPHA__ALPHA_NUMBER", str(number["class_env"]))
        conf = ConfigAlpha(values, "given.json" if "filepath" in chosen else None)
        if "assignment" in chosen:
            conf.alpha_number = number["assignment"]
        winner = max(chosen, key=LEVELS.index, default=None)
        assert conf.alpha_number == (1 if winner is None else number[winner])
        assert conf.provenance()[0] == ("alpha_number", conf.alpha_number, expected.get(winner or "", "default"))


def test_settings_of_a_parent_reach_its_children_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__CONFIGALPHA__ALPHA_NUMBER", "5")
    monkeypatch.setenv("PYNENC__CONFIGALPHACHILD__ALPHA_NAMES", "a,b")
    assert (ConfigAlphaChild().alpha_number, ConfigAlphaSibling().alpha_number) == (5, 5)
    assert ConfigAlphaChild().alpha_names == ("a", "b")
    assert (ConfigAlpha().alpha_names, ConfigAlphaSibling().alpha_names) == ((), ())


def test_a_parent_s_section_sets_a_field_of_the_child() -> None:
    assert ConfigAlphaChild({"alpha": {"alpha_flag": True}}).alpha_flag


def test_none_says_nothing() -> None:
    assert ConfigAlpha({"alpha_number": None}).source_of("alpha_number") == "default"


# -- files ----------------------------------------------------------------------------------------
def test_a_pyproject_without_our_table(in_tmp_dir: Path) -> None:
    Path("pyproject.toml").write_text('[project]\nname = "about-pynenc"\n')
    assert ConfigAlpha().alpha_number == 1
    Path("pyproject.toml").write_bytes(b"this is [not toml, and not ours")
    assert ConfigAlpha().alpha_number == 1


def test_a_pyproject_elsewhere_is_read_by_its_table(in_tmp_dir: Path) -> None:
    (in_tmp_dir / "sub").mkdir()
    assert ConfigAlpha(None, toml("sub/pyproject.toml", 5)).alpha_number == 5


def test_a_changed_file_is_read_again() -> None:
    path = toml("a.toml", 5)
    assert ConfigAlpha(None, path).alpha_number == 5
    toml(path, 66)
    assert ConfigAlpha(None, path).alpha_number == 66


def test_an_unchanged_file_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml("a.toml", 5)
    ConfigAlpha(None, path)
    monkeypatch.setattr(sources, "_parse", lambda path, where: pytest.fail("parsed again"))
    assert ConfigAlpha(None, Path(path)).alpha_number == 5


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.yaml",
            "a: 1",
            r"a\.yaml \(named by config_filepath\) is of an unknown kind: \.toml and \.json are accepted",
        ),
        ("a.yml", "a: 1", r"\.toml and \.json are accepted"),
        ("a", "", r"\.toml and \.json are accepted"),
        ("a.toml", "a = \n", r"a\.toml \(named by config_filepath\) cannot be parsed: .*line 1"),
        ("a.json", "{", r"cannot be parsed: "),
        ("a.json", "[1]", r"must hold a table of settings, not list"),
        ("pyproject.toml", "tool = 1 # pynenc", r"must hold a table under 'tool'"),
        ("pyproject.toml", "[tool]\npynenc = 1", r"must hold a table of settings, not int"),
        ("a.toml", "alpha = 1", r"file a\.toml \[alpha\]: expected a table of settings, got int"),
    ],
)
def test_bad_files(name: str, text: str, message: str) -> None:
    Path("sub").mkdir()
    path = Path(name) if name != "pyproject.toml" else Path("sub") / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        ConfigAlpha(None, path)


def test_bytes_that_are_no_text() -> None:
    Path("a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be parsed"):
        ConfigAlpha(None, "a.toml")


@pytest.mark.parametrize("variable", ["PYNENC__FILEPATH", "PYNENC__CONFIGALPHA__FILEPATH"])
def test_missing_file(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml \(named by config_filepath\): No such file"):
        ConfigAlpha(None, "no.toml")
    monkeypatch.setenv(variable, "")
    assert ConfigAlpha().alpha_number == 1
    monkeypatch.setenv(variable, "no.json")
    with pytest.raises(ConfigError, match=rf"no\.json \(named by environment {variable}\)"):
        ConfigAlpha()


# -- unknown names --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha_numbr": 1}, r"code: unknown setting 'alpha_numbr' \(did you mean 'alpha_number'\?\)"),
        ({"zzz": 1}, r"code: unknown setting 'zzz'$"),
        ({"alphachld": {}}, r"code: unknown setting 'alphachld' \(did you mean 'alphachild'\?\)"),
        (
            {"alpha": {"alpha_numbr": 1}},
            r"code \[alpha\]: unknown setting 'alpha_numbr' \(did you mean 'alpha_number'\?\)",
        ),
        ({"alpha": {"max_retries": 1}}, r"code \[alpha\]: unknown setting 'max_retries'"),
        ({"alphachild": {"sub": {"alpha_flag": 1}}}, r"code \[alphachild\]: unknown setting 'sub'"),
        ({3: 1}, r"code: unknown setting 3"),
        ([1], r"code: expected a table of settings, got list"),
    ],
)
def test_unknown_key_in_code(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ConfigAlpha(values)


def test_unknown_key_in_a_file() -> None:
    Path("pyproject.toml").write_text("[tool.pynenc]\nloging_level = 'info'")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml \[tool\.pynenc\]: unknown .* mean 'logging_level'"):
        ConfigAlpha()


def test_settings_of_other_classes_are_no_strangers() -> None:
    ConfigAlpha({"max_retries": 1, "task": {"max_retries": 2}, "threadrunner": {"max_threads": 1}})


@pytest.fixture
def _fresh_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "_warned", set())


@pytest.mark.usefixtures("_fresh_warnings")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PYNENC__ALPHA_NUMBR", r" \(did you mean 'PYNENC__ALPHA_NUMBER'\?\)"),
        ("PYNENC__CONFIGALPHA__ALPHA_FLAGS", r" \(did you mean 'PYNENC__CONFIGALPHA__ALPHA_FLAG'\?\)"),
        ("PYNENC__CONFIGNONE__ALPHA_NUMBER", ""),
        ("PYNENC__CONFIGTASK__MOD#F__MAX_RETRY", ""),
        ("PYNENC__", ""),
    ],
)
def test_unknown_variable_warns_once(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.warns(PynencConfigWarning, match=f"environment variable {name} is no setting.*{hint}") as caught:
        ConfigAlpha()
    assert "hunter2" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ConfigAlpha()


@pytest.mark.usefixtures("_fresh_warnings")
@pytest.mark.parametrize(
    "name",
    [
        "PYNENC__MAX_RETRIES",
        "PYNENC__CONFIGALPHA__ALPHA_FLAG",
        "PYNENC__CONFIGTASK__MAX_RETRIES",
        "PYNENC__CONFIGTASK__MY__MODULE__F__MAX_RETRIES",
        "PYNENC__CONFIGTASK__MY#MODULE#F__MAX_RETRIES",
        "PYNENC_OTHER",
    ],
)
def test_known_variables_do_not_warn(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    ConfigAlpha()


# -- values ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha_number": "many"}, r"^alpha_number = 'many' from code: expected an integer, at least 0$"),
        ({"alpha_number": -1}, r"^alpha_number = -1 from code: expected an integer, at least 0$"),
        ({"alpha_names": 3}, r"^alpha_names = 3 from code: expected a list of texts, as \[\"a\", \"b\"\] or a,b$"),
        (
            {"alphachild": {"alpha_flag": "perhaps"}},
            r"^alpha_flag = 'perhaps' from code \[alphachild\]: expected true, ",
        ),
        ({"alpha_secret": 12345}, r"^alpha_secret = \*{8} from code: expected a text$"),
        ({"alpha_limit": -12345}, r"^alpha_limit = \*{8} from code: expected an integer, at least 0$"),
        ({"alpha_number": "x" * 1000}, r"^alpha_number = 'x{199}… from code"),
    ],
)
def test_bad_value(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ConfigAlphaChild(values)
    assert "12345" not in str(caught.value) + repr(caught.value.__cause__)


def test_bad_value_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__ALPHA_NUMBER", "x")
    with pytest.raises(
        ConfigError, match=r"^alpha_number = 'x' from environment PYNENC__ALPHA_NUMBER: expected an int"
    ):
        ConfigAlpha()


def test_only_the_value_that_wins_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__ALPHA_NUMBER", "5")
    assert ConfigAlpha({"alpha_number": "x"}).alpha_number == 5


def test_class_access_gives_the_default_and_values_are_per_instance() -> None:
    one, two = ConfigAlpha({"alpha_number": 2}), ConfigAlpha({"alpha_number": 3})
    one.alpha_number = 4
    assert (ConfigAlpha.alpha_number, one.alpha_number, two.alpha_number) == (1, 4, 3)


def test_assignment_is_checked_and_observed() -> None:
    conf = ConfigAlpha()
    seen: list[tuple[str, int]] = []
    conf.on_change(lambda name: seen.append((name, conf.alpha_number)))
    conf.alpha_number = 5
    conf.alpha_names = ["a"]  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"^alpha_number = 'x' from assignment: expected an integer"):
        conf.alpha_number = "x"  # type: ignore[assignment]
    with pytest.raises(
        ConfigError, match=r"^ConfigAlpha: unknown setting 'alpha_numbr' \(did you mean 'alpha_number'\?\)"
    ):
        conf.alpha_numbr = 5
    assert seen == [("alpha_number", 5), ("alpha_names", 5)]
    assert (conf.alpha_number, conf.alpha_names) == (5, ("a",))


def test_what_was_given_is_neither_kept_nor_changed() -> None:
    names = ["a"]
    values = {"alpha": {"alpha_names": names}}
    conf = ConfigAlpha(values)
    names.append("b")
    conf.alpha_number = 3
    assert conf.alpha_names == ("a",)
    assert values == {"alpha": {"alpha_names": ["a", "b"]}}


def test_secrets_are_masked() -> None:
    conf = ConfigAlpha({"alpha_secret": "hunter2"})
    assert conf.alpha_secret == "hunter2"
    assert "hunter2" not in repr(conf) + repr(conf.provenance())
    assert {setting.field: setting.value for setting in conf.provenance()}["alpha_secret"] == "********"
    assert {setting.field: setting.value for setting in ConfigAlpha().provenance()}["alpha_secret"] == ""


def test_pickling_leaves_the_observers_behind() -> None:
    conf = ConfigAlpha({"alpha_number": 3})
    conf.on_change(lambda name: None)
    copy = pickle.loads(pickle.dumps(conf))
    assert copy.provenance() == conf.provenance()
    copy.alpha_number = 4
    assert (conf.alpha_number, copy.alpha_number) == (3, 4)


# -- classes --------------------------------------------------------------------------------------
def test_fields_and_words() -> None:
    assert ConfigAlphaChild.fields() == ("alpha_number", "alpha_names", "alpha_secret", "alpha_limit", "alpha_flag")
    assert ConfigAlphaChild.describe() == {
        "alpha_number": ("int", "First line, second line."),
        "alpha_names": ("tuple[str, ...]", "on the same line."),
        "alpha_secret": ("str", "Hidden."),
        "alpha_limit": ("int", ""),
        "alpha_flag": ("bool", "Its own."),
    }


def test_a_field_of_two_unrelated_parents() -> None:
    class ConfigOne(ConfigPynencBase):
        twice = ConfigField(1)

    class ConfigTwo(ConfigPynencBase):
        twice = ConfigField(2)

    class ConfigBelowTwo(ConfigTwo):
        pass

    with pytest.raises(
        ConfigMultiInheritanceError, match=r"'twice' from two unrelated classes, ConfigOne and ConfigTwo"
    ):
        type("ConfigBoth", (ConfigOne, ConfigTwo), {})
    with pytest.raises(ConfigMultiInheritanceError, match="ConfigOne and ConfigTwo"):
        type("ConfigDeep", (ConfigOne, ConfigBelowTwo), {})

    class ConfigSettled(ConfigOne, ConfigTwo):
        twice = ConfigField(3)

    assert ConfigSettled().twice == 3


def test_a_diamond_is_no_conflict() -> None:
    class ConfigDiamond(ConfigAlphaChild, ConfigAlphaSibling):
        pass

    assert ConfigDiamond({"alphasibling": {"alpha_number": 7}}).alpha_number == 7
