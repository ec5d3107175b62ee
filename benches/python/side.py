"""One side of a pair: a process that runs a round each time that it is told to.

``python side.py [folder/]module:function [small]``, the folder being beside this one: the function is
a context manager whose value runs one round and gives its figure, usually seconds an item. A line on
standard input asks for a round; its figure is a line on standard output; the end of the input ends
the process.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Serve rounds until the input ends."""
    folder, _, name = sys.argv[1].rpartition("/")
    module, function = name.split(":")
    if folder:
        sys.path.insert(0, str(Path(__file__).parents[1] / folder))
    side = getattr(importlib.import_module(module), function)
    with side(small="small" in sys.argv[2:]) as run:
        print("ready", flush=True)
        for _ in sys.stdin:
            print(repr(float(run())), flush=True)


if __name__ == "__main__":
    main()
