"""Do the same work on every peer: ``python benches/compare/run.py --help``."""

from __future__ import annotations

import argparse
import platform
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from campaign import Campaign
from conditions import describe_machine, refuse_unfit
from environments import Environment, InstallationError, make
from peers import PEERS, REQUIREMENTS, Peer, named
from processes import adopt_orphans
from server import DURABLE, SETTINGS, serving
from sizes import FULL, SHORT, SMOKE

RESULTS = Path(__file__).parent.parent / "results"
FORM = 2
"""Of the report; benches/draw/draw.py reads this one."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="peers, by the beginning of their names (default: all)")
    parser.add_argument("--list", action="store_true", help="say which there are, and stop")
    parser.add_argument("--install", action="store_true", help="make the environments, and stop")
    parser.add_argument("--rounds", type=int, default=5, help="visits to each peer, in turn (default 5)")
    parser.add_argument("--short", action="store_true", help="less of everything, no second configurations")
    parser.add_argument("--smoke", action="store_true", help="one tiny round: does it run?")
    parser.add_argument("--only", default="", help="measures, by comma: single, trips, batch, shared, backlog")
    parser.add_argument("--durable", action="store_true", help="servers keep an append-only file")
    parser.add_argument(
        "--minutes", type=float, default=120, help="end after about so long, installing aside (default 120)"
    )
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine or a debug build too")
    parser.add_argument("--environments", type=Path, default=RESULTS / "environments", help="folder of theirs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    return parser.parse_args()


def prepare(peers: list[Peer], folder: Path) -> dict[str, Environment | str]:
    """Make what each needs: its environment, or why there is none."""
    made: dict[str, Environment | str] = {"": Environment(sys.executable, platform.python_version(), {})}
    for name in dict.fromkeys(peer.environment for peer in peers if peer.environment):
        start = time.monotonic()
        try:
            made[name] = make(folder.resolve() / name.replace(" ", "-"), REQUIREMENTS[name])
        except InstallationError as error:
            made[name] = f"not installed: {error}"
        print(f"environment {name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return made


def without_folders(arguments: list[str]) -> list[str]:
    """Arguments as others can give them: folders of this machine change no figure."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if name in {"--environments", "--out"}:
            if not equals:
                next(rest, None)
        else:
            kept.append(argument)
    return kept


def begin(options: argparse.Namespace) -> dict[str, Any]:
    """The head of the report: what the figures are taken on, and how to take them again."""
    with serving(DURABLE if options.durable else SETTINGS) as server:
        described = server.describe()
    command = shlex.join(["python", "benches/compare/run.py", *without_folders(sys.argv[1:])])
    report: dict[str, Any] = {"form": FORM, "machine": describe_machine(), "command": command, **described, "peers": {}}
    report["anyway"] = bool(options.anyway or options.smoke)
    print(f"{report['server']}, the same for all: {report['settings']}", flush=True)
    return report


def measure(peers: list[Peer], options: argparse.Namespace) -> None:
    """Make the environments, then visit the peers in turn."""
    made = prepare(peers, options.environments)
    campaign = Campaign(
        peers=peers,
        made=made,
        size=SMOKE if options.smoke else SHORT if options.short else FULL,
        settings=DURABLE if options.durable else SETTINGS,
        wanted=frozenset(filter(None, options.only.split(","))),
        minutes=options.minutes,
        report=begin(options),
        out=options.out,
    )
    campaign.run(1 if options.smoke else options.rounds)


def main() -> int:
    """Measure and write ``compare.json``; ``benches/draw/draw.py`` makes the table and the plots of it."""
    options = parse()
    if options.list:
        for peer in PEERS:
            needs = REQUIREMENTS[peer.environment].packages if peer.environment else ("this library",)
            print(f"{peer.name:28} {peer.place:8} {' '.join(needs)}")
        return 0
    try:
        peers = named(options.names, variants=not options.short)
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
    # However it is told to end, every process that was started ends on the way out. In the background of
    # a shell script it would be deaf to Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        measure(peers, options)
    except KeyboardInterrupt:
        print(f"\nstopped; what was measured before is in {options.out / 'compare.json'}", file=sys.stderr)
        return 130
    print(f"written: {options.out / 'compare.json'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
