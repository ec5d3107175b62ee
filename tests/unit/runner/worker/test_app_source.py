"""The application that another process imports is the one that was described, however the program was started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_SECONDS = 50

APP = """
from pynenc import Pynenc
app = Pynenc("shop", config_values={"max_losses": 5})
"""
TASKS = """
@app.task(max_retries=2)
def add(x, y=1):
    return x + y

@app.direct_task
def double(x):
    return add(x, x)
"""
# How a program describes its application: the description goes to the file named by the variable.
DESCRIBE = """
def describe_it(application=None):
    import os, pickle
    from pynenc.runner.worker.app_source import describe
    with open(os.environ["SOURCE"], "wb") as file:
        pickle.dump(describe(application or app), file)
"""
MAIN = """
if __name__ == "__main__":
    describe_it()
"""
LOAD = """
import json, os, pickle, sys
from pynenc.exceptions import RunnerError
from pynenc.runner.worker.app_loading import load
with open(os.environ["SOURCE"], "rb") as file:
    source = pickle.load(file)
try:
    app = load(source)
except RunnerError as error:
    print(json.dumps({"error": str(error)}))
else:
    conf = app.conf
    print(json.dumps({
        "tasks": sorted(app.tasks),
        "app_id": app.app_id,
        "lease": conf.lease_seconds,
        "losses": conf.max_losses,
        "retries": {name: task.conf.max_retries for name, task in app.tasks.items()},
        "sum": next(task for name, task in app.tasks.items() if name.endswith("add")).func(2),
        "main": sys.modules["__main__"].__name__,
    }))
"""


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Run a program that describes its application; what it says on standard error when it fails."""
    monkeypatch.setenv("SOURCE", str(tmp_path / "source"))
    monkeypatch.chdir(tmp_path)

    def run(*command: str) -> str:
        done = python(*command)
        return "" if done.returncode == 0 else done.stderr

    return run


@pytest.fixture
def load(tmp_path):
    def run() -> dict[str, object]:
        done = python("-c", LOAD)
        assert done.returncode == 0, done.stderr
        loaded: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return loaded

    return run


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def test_a_module(tmp_path, describe, load):
    write(tmp_path, shop=APP + TASKS + DESCRIBE)
    assert not describe("-c", "import shop; shop.describe_it()")
    loaded = load()
    assert loaded["tasks"] == ["shop.add", "shop.double"]
    assert (loaded["app_id"], loaded["losses"], loaded["sum"]) == ("shop", 5, 3)


def test_tasks_in_other_modules_than_the_application(tmp_path, describe, load):
    write(
        tmp_path,
        pack__central=APP,
        pack__work="from pack.central import app\n" + TASKS,
        pack__more="import pack.central\n@pack.central.app.task\ndef more(): ...\n",
        run="import pack.work, pack.more\nfrom pack.central import app\n" + DESCRIBE,
    )
    assert not describe("-c", "import run; run.describe_it()")
    assert load()["tasks"] == ["pack.more.more", "pack.work.add", "pack.work.double"]


def test_a_script(tmp_path, describe, load):
    write(tmp_path, shop=APP + TASKS + DESCRIBE + MAIN)
    assert not describe(str(tmp_path / "shop.py"))
    loaded = load()
    assert loaded["tasks"] == ["shop.add", "shop.double"]
    assert loaded["main"] == "shop"


def test_a_script_whose_name_is_no_name_of_a_module(tmp_path, describe, load):
    (tmp_path / "my-shop.v2.py").write_text(APP + TASKS + DESCRIBE + MAIN, "utf-8")
    assert not describe("my-shop.v2.py")
    assert load()["tasks"] == ["my-shop.v2.add", "my-shop.v2.double"]


def test_a_module_run_as_a_program(tmp_path, describe, load):
    write(tmp_path, pack__tool=APP + TASKS + DESCRIBE + MAIN)
    assert not describe("-m", "pack.tool")
    assert load()["tasks"] == ["pack.tool.add", "pack.tool.double"]


def test_an_application_that_only_its_tasks_hold(tmp_path, describe, load):
    factory = "def make():\n    from pynenc import Pynenc\n    return Pynenc('shop')\n"
    tasks = "import factory\n\n@factory.make().task\ndef add(x, y=1):\n    return x + y\n"
    write(tmp_path, factory=factory, shop=tasks + DESCRIBE)
    assert not describe("-c", "import shop; shop.describe_it(shop.add.app)")
    assert load()["tasks"] == ["shop.add"]


def test_what_was_assigned_to_settings_goes_along(tmp_path, describe, load):
    write(tmp_path, shop=APP + TASKS + DESCRIBE)
    change = "shop.app.conf.lease_seconds = 7; shop.add.conf.max_retries = 9"
    assert not describe("-c", f"import shop; {change}; shop.describe_it()")
    loaded = load()
    assert loaded["lease"] == 7
    assert loaded["retries"] == {"shop.add": 9, "shop.double": 0}


# -- programs without a file ----------------------------------------------------------------------
TYPED_IN = APP + TASKS + DESCRIBE + "describe_it()\n"


def test_a_program_without_a_file_is_refused(describe):
    error = describe("-c", TYPED_IN)
    assert "RunnerError" in error
    assert "ship_main=True" in error


def test_a_program_without_a_file_can_be_shipped(describe, load):
    assert not describe("-c", TYPED_IN.replace("max_losses", "ship_main").replace("5", "True"))
    loaded = load()
    assert loaded["tasks"] == ["__main__.add", "__main__.double"]
    assert loaded["sum"] == 3
    assert loaded["retries"] == {"__main__.add": 2, "__main__.double": 0}


def test_functions_typed_in_can_be_shipped_to_an_application_of_a_module(tmp_path, describe, load):
    write(tmp_path, central=APP.replace("max_losses", "ship_main").replace("5", "True"))
    recursive = "@app.task\ndef add(x, y=1):\n    return x + y if x < 5 else add(x - 1).result\n"
    assert not describe("-c", "from central import app\n" + recursive + DESCRIBE + "describe_it()\n")
    assert load()["tasks"] == ["__main__.add"]


# -- what another process would not find ----------------------------------------------------------
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("add(1)", ["shop.py:", "uses the engine", 'if __name__ == "__main__":']),
        ("app.purge()", ["shop.py:", 'if __name__ == "__main__":']),
        ("app.runner.run()", ["shop.py:", 'if __name__ == "__main__":']),
        ("app.runner.start_background()", ["shop.py:", 'if __name__ == "__main__":']),
        ("raise SystemExit(3)", ["shop.py:", "SystemExit: 3"]),
        ("import no_such_module", ["shop.py:", "ModuleNotFoundError", "no_such_module"]),
        ("compile('1 +', 'typo.py', 'exec')", ["SyntaxError", "typo.py:1"]),
        ("del app, add, double", ["shop has no 'app'"]),
        ("app = Pynenc('other')", ["another application", "other"]),
        ("app.tasks.pop('shop.add')", ["no task shop.add"]),
    ],
)
def test_an_import_that_goes_wrong_says_where_and_why(tmp_path, describe, load, monkeypatch, statement, words):
    in_child = f"\nimport os\nif 'CHILD' in os.environ:\n    {statement}\n"
    write(tmp_path, shop=APP + TASKS + DESCRIBE + in_child)
    assert not describe("-c", "import shop; shop.describe_it()")
    monkeypatch.setenv("CHILD", "yes")
    error = str(load()["error"])
    assert all(word in error for word in words), error


def test_an_application_without_a_name_is_refused(tmp_path, describe):
    write(tmp_path, shop="from pynenc import Pynenc\nboxes = [Pynenc('shop')]\n" + DESCRIBE)
    assert "no module holds it" in describe("-c", "import shop; shop.describe_it(shop.boxes[0])")
