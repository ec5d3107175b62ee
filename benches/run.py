"""Measure every bar and say whether it is met: ``python benches/run.py --help``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "over_redis"))
sys.path.insert(0, str(Path(__file__).parent / "python"))

from bars import OVER_REDIS
from conditions import describe_machine, refuse_unfit
from measures import MEASURES
from report import as_json, as_table


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="measures to take (default: all)")
    parser.add_argument("--over-redis", action="store_true", help="the measures of the engine over a server")
    parser.add_argument("--list", action="store_true", help="say which there are, and stop")
    parser.add_argument("--rounds", type=int, default=21, help="interleaved rounds a measure (default 21)")
    parser.add_argument("--smoke", action="store_true", help="two small rounds of each: does it run?")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine or a debug build too")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the report")
    return parser.parse_args()


def main() -> int:
    """Take the measures one after the other; 1 when a bar is missed."""
    options = parse()
    measures, report = (OVER_REDIS, "over_redis") if options.over_redis else (MEASURES, "bars")
    if options.list:
        for measure in measures:
            print(f"{measure.name:28} {measure.bar}")
        return 0
    refuse_unfit(anyway=options.anyway or options.smoke)
    unknown = sorted(set(options.names) - {measure.name for measure in measures})
    if unknown:
        print(f"no measure {', '.join(unknown)}; --list names them", file=sys.stderr)
        return 2
    chosen = [measure for measure in measures if not options.names or measure.name in options.names]
    results = []
    for measure in chosen:
        result = measure.take(2 if options.smoke else options.rounds, small=options.smoke)
        print(result.line(), flush=True)
        results.append(result)
    machine = describe_machine()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{report}.json").write_text(json.dumps(as_json(results, machine), indent=2) + "\n")
    (options.out / f"{report}.md").write_text(as_table(results, machine))
    print(f"written: {options.out / report}.json and .md")
    return 0 if options.smoke or all(result.met for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
