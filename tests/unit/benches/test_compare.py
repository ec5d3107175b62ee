"""The comparison: how it finds its sizes and interpreters, and what its second command makes of a report."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCHES = Path(__file__).parents[3] / "benches"


@pytest.fixture
def of_compare(monkeypatch):
    """Import a module of benches/compare or benches/draw, which are folders of scripts."""

    def load(folder, name):
        monkeypatch.syspath_prepend(str(BENCHES / folder))
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


# -- sizes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("each", [1e-6, 1e-4, 1e-2, 1.0])
def test_a_measure_grows_until_it_takes_long_enough(of_compare, each):
    made = []

    def take(n):
        made.append(n)
        return {"n": n, "seconds": n * each}

    found = of_compare("compare", "driver").grown({"seconds": 1.0, "most": 100_000}, take)
    assert made == sorted(set(made))
    assert found["n"] == made[-1] <= 100_000
    assert found["calls"] == sum(made)
    assert found["seconds"] >= 0.5 or found["n"] == 100_000
    assert all(n * each < 0.5 for n in made[:-1] if 100_000 * each > 12)


def test_the_most_calls_are_made_where_they_are_within_reach(of_compare):
    found = of_compare("compare", "driver").grown(
        {"seconds": 1.0, "most": 100_000}, lambda n: {"n": n, "seconds": n / 10_000}
    )
    assert found["n"] == 100_000


def test_what_starting_takes_ends_no_measure(of_compare):
    found = of_compare("compare", "driver").grown(
        {"seconds": 1.0, "most": 100_000}, lambda n: {"n": n, "seconds": 0.6 + n / 100_000}
    )
    assert found["n"] == 100_000


def test_a_python_that_nobody_has_is_a_failed_installation(of_compare):
    environments = of_compare("compare", "environments")
    assert environments.interpreter((3, 11))[1].startswith("3.")
    with pytest.raises(environments.InstallationError, match=r"Python 3\.99 or newer"):
        environments.interpreter((3, 99))


def test_a_name_that_fits_no_peer_is_refused(of_compare):
    peers = of_compare("compare", "peers")
    assert [peer.name for peer in peers.named(["joblib"], variants=False)] == ["joblib"]
    with pytest.raises(ValueError, match="no peer nobody"):
        peers.named(["nobody"], variants=True)


def test_folders_of_this_machine_are_not_part_of_the_command(of_compare):
    of_compare("python", "processes")
    run = of_compare("compare", "run")
    given = ["huey", "--out", "/a", "--short", "--environments=/b", "--rounds", "3", "--environments", "/c"]
    assert run.without_folders(given) == ["huey", "--short", "--rounds", "3"]


def test_every_peer_has_an_adapter_and_requirements(of_compare):
    peers = of_compare("compare", "peers")
    for peer in peers.PEERS:
        module, _, name = peer.adapter.partition(":")
        assert f"class {name}(" in (BENCHES / "compare" / "adapters" / f"{module}.py").read_text("utf-8")
        assert not peer.environment or peer.environment in peers.REQUIREMENTS


# -- drawing --------------------------------------------------------------------------------------
def answer(n, seconds, **more):
    server = {"commands": n, "cpu": 0.1, "received": 1, "sent": 1, "memory": 1}
    memory = {"producer_memory": 1, "worker_memory": 1, "producer_growth": 0, "worker_growth": 0}
    processors = {"producer_cpu": 0.1, "worker_cpu": 0.1}
    return {"n": n, "calls": n, "seconds": seconds, "took": seconds, "server": server, **memory, **processors, **more}


def peer(rates, **more):
    rounds = [
        {
            "batch": answer(1000, 1000 / rate),
            "backlog": answer(9, 1.0, steps=[{"depth": depth, "seconds": 1 / rate} for depth in (100, 1000)]),
        }
        for rate in rates
    ]
    return {"place": "server", "tracked": True, "rounds": rounds, **more}


@pytest.fixture
def report(tmp_path):
    machine = {"date": "2026-01-02", "pynenc": "1", "build": "release", "python": "3", "cores": 2, "cpu": "some"}
    broken = {"place": "server", "tracked": True, "rounds": [{"batch": {"error": "it <broke>", "took": 1.0}}]}
    peers = {
        "pynenc redis, 2 processes": peer([9000, 30000, 10000, 11000, 12000]),
        "huey, 2 threads": peer([400, 500, 600], versions={"huey": "3.5"}),
        "mayu, 2 processes": peer([22000]),
        "dask": {**peer([50]), "place": "machine"},
        "rq": broken,
        "arq": {"place": "server", "tracked": True, "rounds": [], "failure": "not installed: no"},
    }
    path = tmp_path / "compare.json"
    head = {"form": 2, "machine": machine, "command": "run.py", "server": "valkey", "minutes": 1, "anyway": True}
    path.write_text(json.dumps({**head, "peers": peers}))
    return path


def draw(report, *options):
    command = [sys.executable, str(BENCHES / "draw" / "draw.py"), str(report), "--out", str(report.parent), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_table_holds_medians_spreads_ratios_wins_and_failures(report):
    ran = draw(report)
    assert ran.returncode == 0, ran.stderr
    text = (report.parent / "compare.md").read_text("utf-8")
    rows, costs = {}, {}
    for line in text.splitlines():
        if line.startswith("|"):
            (costs if line.split("|")[1].strip() in rows else rows)[line.split("|")[1].strip()] = line
    assert "| 11,000 (10,000-12,000) |" in rows["**pynenc redis, 2 processes**"]
    assert "| 500 (450-550) · 22x |" in rows["huey 3.5, 2 threads"]
    assert " · " not in rows["dask"]
    assert costs["**pynenc redis, 2 processes**"].endswith("| - | - | - | 200 | 100 | 1.00 |")
    assert "failed" in rows["rq"]
    assert "failed" in rows["arq"]
    assert "- batch, calls/s, through the server: mayu, 2 processes (22,000); pynenc redis" in text
    assert "- rq: batch: it <broke>" in text
    assert "- arq: everything: not installed: no" in text
    assert ">= 15 | 0.5 | NO |" in rows["tiny calls in a batch, beside the fastest that tracks each"]


def test_the_plots_are_pictures_that_name_who_is_in_them(report):
    assert draw(report).returncode == 0
    # Nobody in this report measured a round trip or a shared argument.
    assert sorted(path.stem for path in report.parent.glob("*.svg")) == ["backlog", "throughput"]
    for name in ("throughput", "backlog"):
        picture = ET.parse(report.parent / f"{name}.svg").getroot()
        assert picture.tag.endswith("svg")
    shown = (report.parent / "throughput.svg").read_text("utf-8")
    assert ">huey, 2 threads<" in shown
    assert ">rq<" not in shown


def test_figures_of_a_busy_machine_are_not_published(report):
    readme = (BENCHES.parent / "README.md").read_text("utf-8")
    ran = draw(report, "--publish")
    assert ran.returncode == 1
    assert "busy machine" in ran.stderr
    assert (BENCHES.parent / "README.md").read_text("utf-8") == readme


def test_only_what_is_between_the_marks_changes(of_compare, tmp_path):
    marked = of_compare("draw", "marked")
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- part: begin -->\nold\n<!-- part: end -->\nb\n")
    assert marked.replace(page, "part", "new")
    assert page.read_text() == "a\n<!-- part: begin -->\nnew\n<!-- part: end -->\nb\n"
    assert not marked.replace(page, "part", "new")
    with pytest.raises(marked.MarkError, match="other: begin"):
        marked.replace(page, "other", "new")
