"""``python -m pynenc.runner.worker``: the program of a worker process."""

from __future__ import annotations

import faulthandler
import signal
import socket
import sys

from pynenc.runner.at_exit import end_at_once
from pynenc.runner.supervisor.scoreboard import Scoreboard
from pynenc.runner.worker.orders import read_orders
from pynenc.runner.worker.service import Service


def main() -> None:
    """Serve the runner whose descriptors stand at the end of the command line."""
    # Ctrl-C is the runner's business: it tells its processes what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1)
    faulthandler.enable()
    control, orders, board = (int(text) for text in sys.argv[-3:])
    with socket.socket(fileno=control) as end:
        abandoned = Service(end, read_orders(orders), Scoreboard(board)).run()
    if abandoned:  # they were handed back: this is a good end
        end_at_once(0)


if __name__ == "__main__":
    main()
