"""Draw the comparison: tables, plots, and the parts of README and docs that hold them.

``python benches/draw/draw.py`` reads ``benches/results/compare.json`` and writes ``compare.md`` and the
plots beside it. ``--publish`` also fills ``README.md`` and ``docs/benchmarks.md``, and puts the plots
into ``docs/benchmarks/``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bars import bars
from bars import table as bars_table
from figures import Peer, peers
from marked import MarkError, replace
from plots import PLOTS
from table import SHORT, columns, costs, failures, heading, markdown
from wins import wins

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benches" / "results"
FORM = 2
"""Of the report, as benches/compare/run.py writes it."""
KEY = (
    "`nx`: how many times better pynenc with two worker processes is. `*`: items are not tracked one by one."
    " `-`: the library has no such thing. In parentheses: the quartiles over the rounds."
)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", nargs="?", type=Path, default=RESULTS / "compare.json")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of compare.md and the plots")
    parser.add_argument("--publish", action="store_true", help="fill README.md and docs/ too")
    parser.add_argument("--anyway", action="store_true", help="publish figures of a busy machine or a debug build too")
    return parser.parse_args()


def long_form(report: dict[str, Any], rows: list[Peer]) -> str:
    """Everything in text."""
    failed = failures(rows)
    parts = [heading(report), markdown(rows, columns(rows), spread=True), KEY]
    parts += ["Processor time and commands to the server, a call:", markdown(rows, costs(), spread=False)]
    if found := bars(rows):
        parts.append(bars_table(found))
    if better := wins(rows, columns(rows)):
        parts.append(
            "Where a peer is better than this library at its best:\n\n" + "\n".join(f"- {text}" for text in better)
        )
    if failed:
        parts.append("What failed or was not asked, and why:\n\n" + "\n".join(f"- {text}" for text in failed))
    return "\n\n".join(parts)


def short_form(report: dict[str, Any], rows: list[Peer]) -> str:
    """The table of the README."""
    chosen = [column for column in columns(rows) if column.title in SHORT]
    return "\n\n".join([markdown(rows, chosen, spread=False), heading(report)])


def draw(rows: list[Peer], folder: Path) -> list[str]:
    """Write the plots that there are figures for, and name them."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: picture for name, plot in PLOTS.items() if (picture := plot(rows))}
    for name, picture in drawn.items():
        (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    return list(drawn)


def publish(report: dict[str, Any], rows: list[Peer], *, anyway: bool) -> int:
    """Fill the pages of the repository."""
    if report["anyway"] and not anyway:
        print("not published: the figures were taken on a busy machine or a debug build", file=sys.stderr)
        return 1
    try:
        replace(ROOT / "README.md", "comparison", short_form(report, rows))
        drawn = draw(rows, ROOT / "docs" / "benchmarks")
        pictures = "\n\n".join(f"![{name}](benchmarks/{name}.svg)" for name in drawn)
        replace(ROOT / "docs" / "benchmarks.md", "comparison", f"{long_form(report, rows)}\n\n{pictures}")
    except MarkError as error:
        print(error, file=sys.stderr)
        return 1
    print("published: README.md, docs/benchmarks.md and docs/benchmarks/*.svg")
    return 0


def main() -> int:
    """Draw what was measured."""
    options = parse()
    try:
        report: dict[str, Any] = json.loads(options.report.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"no {options.report}: run benches/compare/run.py first", file=sys.stderr)
        return 2
    if report.get("form") != FORM:
        print(f"{options.report} was written by another version of run.py: measure again", file=sys.stderr)
        return 2
    rows = peers(report)
    draw(rows, options.out)
    text = long_form(report, rows)
    (options.out / "compare.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return publish(report, rows, anyway=options.anyway) if options.publish else 0


if __name__ == "__main__":
    raise SystemExit(main())
