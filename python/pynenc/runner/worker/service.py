"""The main thread of a worker process: it listens to the runner that has started it."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pynenc.exceptions import RunnerError
from pynenc.runner.supervisor.bell import Bell
from pynenc.runner.supervisor.channel import Channel, ChannelClosedError
from pynenc.runner.supervisor.exit_watch import open_descriptor
from pynenc.runner.supervisor.messages import (
    Dump,
    GoesOn,
    HandBack,
    Leaves,
    Left,
    Loaded,
    MayWait,
    Ready,
    Serve,
    Stop,
    ToWorker,
    Unfit,
    Waits,
    WatchLoad,
)
from pynenc.runner.worker.app_loading import load
from pynenc.runner.worker.worker_runner import WorkerRunner

if TYPE_CHECKING:
    from types import FrameType

    from pynenc.runner.supervisor.scoreboard import Scoreboard
    from pynenc.runner.worker.orders import Orders


class Service:
    """Serves until it is told to stop, its runner ends, or its own limits are reached.

    :param end: This process's end of the control socket.
    :param orders: What to do.
    :param board: Where to count.
    """

    def __init__(self, end: socket.socket, orders: Orders, board: Scoreboard) -> None:
        self._channel: Channel[ToWorker] = Channel(end, ToWorker)
        self._orders = orders
        self._board = board
        self._bell = Bell()
        self._answers: SimpleQueue[MayWait] = SimpleQueue()
        self._runner: WorkerRunner | None = None
        self._serving = False
        self._terms = self._terms_obeyed = 0
        self._stopping = False

    def run(self) -> bool:
        """Serve; whether bodies were left behind that do not end."""
        signal.signal(signal.SIGTERM, self._on_term)
        try:
            self._runner = self._make_runner()
        except Exception as error:
            self._say(Unfit(str(error) if isinstance(error, RunnerError) else f"{type(error).__name__}: {error}"))
            return False
        self._say(Ready())
        self._listen()
        self._say(Left())
        return self._runner.abandoned

    def _make_runner(self) -> WorkerRunner:
        app = load(self._orders.source)
        if self._orders.single_use:
            app.conf.inline_waits = False
        app.runtime.engine  # noqa: B018 - an engine that does not answer is better met now than by the first body
        return WorkerRunner(
            app, self._orders, self._board, self._tell, lambda reason: self._say(Leaves(reason)), self._has_ended
        )

    def _has_ended(self) -> None:
        self._stopping, self._serving = True, False
        self._bell.ring()

    # -- the main thread --------------------------------------------------------------------------
    def _listen(self) -> None:
        """Do what the runner says, until there is nothing more to do here."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            if (parent := open_descriptor(self._orders.parent)) is not None:
                selector.register(parent, selectors.EVENT_READ)
            if os.getppid() != self._orders.parent:  # it has ended before it could be watched
                self._hand_back()
            while self._serving or not self._stopping:
                for key, _ in selector.select():
                    if key.fileobj is self._bell:
                        self._bell.silence()
                    elif key.fileobj is self._channel:
                        self._obey_all(selector)
                    else:
                        selector.unregister(key.fileobj)
                        self._hand_back()
                self._obey_signals()

    def _obey_all(self, selector: selectors.BaseSelector) -> None:
        try:
            messages = self._channel.receive()
        except ChannelClosedError:  # the runner has ended, and cannot say what is to become of the work
            selector.unregister(self._channel)
            self._hand_back()
            return
        for message in messages:
            self._obey(message)

    def _obey(self, message: ToWorker) -> None:
        runner = self._runner
        match message:
            case Serve() if runner is not None and not self._stopping:
                self._serving = True
                runner.start_background()
            case Stop(grace):
                self._stop(grace)
            case HandBack():
                self._hand_back()
            case Dump() if runner is not None:
                runner.dump()
            case WatchLoad() if runner is not None:
                runner.watch_load()
            case MayWait():
                self._answers.put(message)
            case _:
                pass

    def _stop(self, grace: float) -> None:
        """Stop once, whoever asks: a service manager may signal the whole family at a time."""
        if not self._stopping and self._runner is not None:
            self._stopping = True
            self._runner.stop_within(grace)

    def _hand_back(self) -> None:
        self._stopping = True
        self._answers.put(MayWait("the runner stops"))
        if self._runner is not None:
            self._runner.hand_back()

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self._terms += 1
        self._bell.ring()

    def _obey_signals(self) -> None:
        if self._terms != self._terms_obeyed:
            self._terms_obeyed = self._terms
            self._stop(self._orders.grace)
            if self._terms > 1:
                self._hand_back()

    # -- threads that run bodies ------------------------------------------------------------------
    def _tell(self, word: str) -> None:
        """Pass on what the pool says.

        :raises RunnerError: to ``waits``, when nobody is left to run what the body would wait for.
        """
        match word:
            case "loaded":
                self._say(Loaded())
            case "goes on":
                self._say(GoesOn())
            case "waits":
                self._say(Waits())
                if refusal := self._answers.get().refusal:
                    raise RunnerError(refusal)
            case _:
                pass

    def _say(self, message: Ready | Unfit | Leaves | Left | Loaded | Waits | GoesOn) -> None:
        with suppress(ChannelClosedError):  # the runner has ended: the main thread sees it, too
            self._channel.send(message)
