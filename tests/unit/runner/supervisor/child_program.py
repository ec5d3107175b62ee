"""A worker process without pynenc: it keeps to the protocol as far as its orders say."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from pathlib import Path


def main() -> None:
    control, orders_fd, board = map(int, sys.argv[1:4])
    orders = json.loads(os.pread(orders_fd, 1 << 20, 0))
    with socket.socket(fileno=control) as end:
        run(end, orders, board)


def run(end: socket.socket, orders: dict[str, str], board: int) -> None:
    def say(*message: object) -> None:
        end.sendall(json.dumps(message).encode() + b"\n")

    die(orders.get("start", ""))
    if reason := orders.get("unfit"):
        say("Unfit", reason)
        return
    say("Ready")
    lines = end.makefile("rb")
    for line in lines:
        name, *fields = json.loads(line)
        os.pwrite(board, struct.pack("Q", os.getpid()), 0)
        if "body at" in orders:
            os.pwrite(board, struct.pack("=Q16s", 1, bytes(16)), int(orders["body at"]))
        action = orders.get(name, "")
        if orders.get("echo"):
            os.write(2, f"{name} {fields}\n".encode())
        die(action)
        if action == "leave":
            say("Leaves", "enough done")
            say("Left")
            return
        if action == "deaf":
            end.shutdown(socket.SHUT_RDWR)
            time.sleep(60)
        if action == "stay" or (name == "Stop" and action == "ignore"):
            continue
        if name in {"Stop", "HandBack"}:
            say("Left")
            return


def die(how: str) -> None:
    if how.startswith("exit "):
        os._exit(int(how.split()[1]))
    if how.startswith("signal "):
        os.kill(os.getpid(), int(how.split()[1]))
        time.sleep(60)
    if how.startswith("once "):
        path = Path(how.split()[1])
        if not path.exists():
            path.touch()
            os._exit(7)
    if how == "sleep":
        time.sleep(60)


main()
