"""What the pages show is run, and what it prints is what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^\s*print\(.*\)\s+# (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)")


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


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


def test_links_lead_somewhere() -> None:
    found = 0
    for page in [*PAGES, ROOT / "DESIGN.md", ROOT / "CHANGELOG.md"]:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            found += 1
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    assert found >= 5


def test_every_setting_is_on_the_page() -> None:
    from pynenc.conf import config_arg_cache, config_orchestrator, config_pynenc, config_runner, config_task

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    fields = {
        field
        for config in (
            config_pynenc.ConfigPynenc,
            config_task.ConfigTask,
            config_runner.ConfigThreadRunner,
            config_orchestrator.ConfigOrchestrator,
            config_arg_cache.ConfigArgCache,
        )
        for field in config.fields()
    }
    assert len(fields) >= 40
    assert not [field for field in sorted(fields) if f"`{field}`" not in page]


def test_every_command_and_exit_code_is_on_the_page() -> None:
    from pynenc.cli.exit_codes import ExitCode

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert not [code for code in ExitCode if f"| {code.value} |" not in page]
    assert not [name for name in ("demo", "runner start", "config show", "tasks", "version") if f"`{name}`" not in page]
