"""What the pages show is run, and what it prints is what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
SESSION = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^\s*print\(.*\)\s+# (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)")


def blocks(page: Path) -> list[str]:
    """The programs of a page, but for those that are shown as a file: their first line names it."""
    return [block for block in BLOCK.findall(page.read_text(encoding="utf-8")) if not FILE.match(block)]


def files(page: Path) -> dict[str, str]:
    found = [(FILE.match(block), block) for block in BLOCK.findall(page.read_text(encoding="utf-8"))]
    return {named[1]: block for named, block in found if named}


def commands(page: Path) -> list[tuple[str, str]]:
    """What is typed in the sessions of a page, and what they say is printed then."""
    parts = [part for block in SESSION.findall(page.read_text(encoding="utf-8")) for part in block.split("$ ")[1:]]
    return [(typed, printed) for typed, _, printed in (part.partition("\n") for part in parts)]


def test_there_are_blocks() -> None:
    assert sum(len(blocks(page)) for page in PAGES) >= 10


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_a_page_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    program = "\n".join(blocks(page))
    expected = PRINTED.findall(program)
    assert expected
    script = tmp_path / "page.py"
    script.write_text(program, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == expected


@pytest.mark.parametrize("engine", ["local", "redis"])
def test_the_readme_runs_over_worker_processes(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    program = "\n".join(blocks(ROOT / "README.md"))
    (tmp_path / "sums.py").write_text(program, encoding="utf-8")
    settings = {"PYNENC__ENGINE": engine, "PYNENC__APP_ID": f"sums-{tmp_path.name}"}
    if engine == "redis":
        settings["PYNENC__REDIS_URL"] = request.getfixturevalue("redis_url")
    else:
        settings |= request.getfixturevalue("home").environment
    ran = subprocess.run(
        [sys.executable, "sums.py"],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == PRINTED.findall(program)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_a_session_goes_as_the_page_says(page: Path, tmp_path: Path) -> None:
    for name, text in files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYNENC")}
    environment["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{environment.get('PATH', '')}"
    for typed, printed in commands(page):
        ran = subprocess.run(
            typed,
            shell=True,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.stdout == printed, typed


def test_there_are_sessions() -> None:
    assert sum(len(commands(page)) for page in PAGES) >= 5


def test_links_lead_somewhere() -> None:
    found = 0
    for page in [*PAGES, ROOT / "DESIGN.md", ROOT / "CHANGELOG.md"]:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            found += 1
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    assert found >= 5


def test_every_setting_is_on_the_page() -> None:
    from pynenc.conf import (
        config_arg_cache,
        config_local,
        config_orchestrator,
        config_pynenc,
        config_redis,
        config_runner,
        config_task,
    )

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    fields = {
        field
        for config in (
            config_pynenc.ConfigPynenc,
            config_task.ConfigTask,
            config_runner.ConfigThreadRunner,
            config_runner.ConfigPersistentProcessRunner,
            config_runner.ConfigMultiThreadRunner,
            config_runner.ConfigProcessRunner,
            config_orchestrator.ConfigOrchestrator,
            config_arg_cache.ConfigArgCache,
            config_local.ConfigLocal,
            config_redis.ConfigOrchestratorRedis,
        )
        for field in config.fields()
    }
    assert len(fields) >= 40
    assert not [field for field in sorted(fields) if f"`{field}`" not in page]


def test_every_command_and_exit_code_is_on_the_page() -> None:
    from pynenc.cli.exit_codes import ExitCode

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert not [code for code in ExitCode if f"| {code.value} |" not in page]
    named = ("demo", "runner start", "config show", "tasks", "version")
    assert not [name for name in named if f"\n## `pynenc {name}`\n" not in page]
