"""Do the same work on every peer: ``python benches/compare/run.py --help``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from conditions import describe_machine, refuse_unfit
from environments import Environment, InstallationError, make
from peers import PEERS, REQUIREMENTS, Peer, named
from processes import adopt_orphans
from rounds import FULL, SHORT, SMOKE, Size, visit
from server import DURABLE, SETTINGS, serving

RESULTS = Path(__file__).parent.parent / "results"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="peers, by the beginning of their names (default: all)")
    parser.add_argument("--list", action="store_true", help="say which there are, and stop")
    parser.add_argument("--install", action="store_true", help="make the environments, and stop")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each peer, in turn (default 5)")
    parser.add_argument("--short", action="store_true", help="a third of the work: rough figures")
    parser.add_argument("--smoke", action="store_true", help="one tiny round: does it run?")
    parser.add_argument("--only", default="", help="measures, by comma: single, trips, batch, shared, backlog")
    parser.add_argument("--durable", action="store_true", help="servers keep an append-only file")
    parser.add_argument("--minutes", type=float, default=120, help="start no visit after so long (default 120)")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine or a debug build too")
    parser.add_argument("--environments", type=Path, default=RESULTS / "environments", help="folder of theirs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    return parser.parse_args()


def prepare(peers: list[Peer], folder: Path) -> dict[str, Environment | str]:
    """Make what each needs: its environment, or why there is none."""
    made: dict[str, Environment | str] = {"": Environment(sys.executable, {})}
    for name in dict.fromkeys(peer.environment for peer in peers if peer.environment):
        start = time.monotonic()
        try:
            made[name] = make(folder / name, REQUIREMENTS[name])
        except InstallationError as error:
            made[name] = f"not installed: {error}"
        print(f"environment {name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return made


def line(answer: dict[str, Any]) -> str:
    """One measure for a person who waits."""
    if "absent" in answer:
        return "-"
    if "error" in answer:
        return f"FAILED ({answer['error'][:60]})"
    if "steps" in answer:
        return " ".join(f"{step['seconds'] * 1e6:.0f} us at {step['depth']}" for step in answer["steps"])
    if "p50" in answer:
        return f"{answer['p50'] * 1e3:.2f} ms, p99 {answer['p99'] * 1e3:.2f}"
    return f"{answer['seconds']:.3f} s" if "bytes" in answer else f"{answer['n'] / answer['seconds']:,.0f}/s"


def measure(peers: list[Peer], options: argparse.Namespace, size: Size, report: dict[str, Any]) -> None:
    """Visit the peers in turn, another one first each time; what is known is written after each visit."""
    made = prepare(peers, options.environments)
    end = time.monotonic() + options.minutes * 60
    wanted = tuple(filter(None, options.only.split(",")))
    settings = DURABLE if options.durable else SETTINGS
    for peer in peers:
        place = made[peer.environment]
        known = {"place": peer.place, "tracked": peer.tracked, "rounds": []}
        known.update({"failure": place} if isinstance(place, str) else {"versions": place.versions})
        report["peers"][peer.name] = known
    with (options.out / "compare.log").open("ab") as log:
        for number in range(options.rounds):
            for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
                place = made[peer.environment]
                if isinstance(place, str) or time.monotonic() > end:
                    continue
                found = visit(peer, place.python, size, settings, wanted, log)
                report["peers"][peer.name]["rounds"].append(found)
                (options.out / "compare.json").write_text(json.dumps(report, indent=1) + "\n")
                print(
                    f"{number + 1} {peer.name:26} " + "; ".join(f"{name} {line(found[name])}" for name in found),
                    flush=True,
                )


def main() -> int:
    """Measure and write ``compare.json``; ``draw.py`` makes the table and the plots of it."""
    options = parse()
    if options.list:
        for peer in PEERS:
            print(f"{peer.name:28} {peer.place:8} {' '.join(REQUIREMENTS.get(peer.environment, ('this library',)))}")
        return 0
    try:
        peers = named(options.names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    adopt_orphans()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.install:
        failed = [why for why in prepare(peers, options.environments).values() if isinstance(why, str)]
        print("\n".join(failed))
        return 1 if failed else 0
    refuse_unfit(anyway=options.anyway or options.smoke)
    size = SMOKE if options.smoke else SHORT if options.short else FULL
    options.rounds = 1 if options.smoke else options.rounds
    with serving(DURABLE if options.durable else SETTINGS) as server:
        report: dict[str, Any] = {"machine": describe_machine(), **server.describe(), "peers": {}}
    print(f"{report['server']}, {report['settings']}", flush=True)
    measure(peers, options, size, report)
    print(f"written: {options.out / 'compare.json'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
