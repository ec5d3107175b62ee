"""An application on a real server, with worker processes beside the test's own."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pynenc import InvocationStatus, Pynenc
from tests.faults.rig import witness
from tests.faults.rig.processes import BOUND_S, Process, Processes, until
from tests.faults.rig.report import Row
from tests.faults.rig.witness import Witness
from tests.faults.work import tasks

APP = "tests.faults.work.app:app"
ENDED = [status for status in InvocationStatus if status.is_final()]
OPEN = [status for status in InvocationStatus if not status.is_final()]


class Cluster:
    """One application, its processes, and what they did.

    :param url: Where the test's own process finds the server.
    :param folder: For logs and the witness.
    :param seed: Of everything that is left to chance.
    :param settings: Of the application, in every process.
    """

    def __init__(self, url: str, folder: Path, seed: int, **settings: Any) -> None:
        self.random = random.Random(seed)
        self.witness = Witness(folder / "witness")
        self.processes = Processes(folder)
        self.lost: dict[int, float] = {}  # when a process was lost, by its number
        self.settings = {
            "engine": "redis",
            "redis_url": url,
            "app_id": f"faults-{seed}",
            "logging_level": "warning",
            **settings,
        }
        self.app = tasks.define(Pynenc(config_values=self.settings))

    # -- processes
    def start(self, count: int = 1, **how: Any) -> None:
        """Start so many workers."""
        for _ in range(count):
            self.worker(**how)

    def worker(
        self,
        *,
        url: str | None = None,
        app: str = APP,
        runner: str = "ThreadRunner",
        slots: int = 1,
        before: Sequence[str] = (),
    ) -> Process:
        """Start one worker, as a user does."""
        command = ["-m", "pynenc", "runner", "start", "--app", app, "--runner", runner, "--slots", str(slots)]
        return self.processes.start(command, self.environment(url), before)

    def environment(self, url: str | None = None) -> dict[str, str]:
        """The settings, as a process is given them."""
        settings = {**self.settings, "redis_url": url or self.settings["redis_url"]}
        return {
            witness.ENV: str(self.witness.path),
            **{f"PYNENC__{name.upper()}": str(value) for name, value in settings.items()},
        }

    @property
    def living(self) -> list[Process]:
        """The workers that have not ended."""
        return [process for process in self.processes.all if process.lives]

    def kill(self, process: Process) -> None:
        """End a worker with no warning, and remember when; its children are lost with it."""
        doomed = [process.pid, *process.children()]
        when = process.kill()
        self.lost.update(dict.fromkeys(doomed, when))

    def kill_one(self) -> None:
        """End one of them by chance."""
        self.kill(self.random.choice(self.living))

    # -- work
    def task(self, name: str) -> Any:
        """A task of the application."""
        return self.app.tasks[f"{tasks.__name__}.{name}"]

    def submit(self, name: str, calls: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Submit calls of one task; their invocations."""
        return list(self.task(name).parallelize(list(calls)))

    @property
    def engine(self) -> Any:
        """The engine, as this process sees it."""
        return self.app.runtime.engine

    def until_started(self, count: int = 1) -> None:
        """Wait until so many bodies have started."""
        until(lambda: len(self.witness.starts()) >= count, f"{count} bodies have started")

    def until_answering(self) -> None:
        """Wait until some worker runs what is submitted."""
        self.task("leaf")(0).get(timeout=BOUND_S)

    def until_ended(self, bound: float) -> None:
        """Wait until everything that was submitted has ended."""
        until(lambda: not self.engine.find(None, OPEN, 1), "everything has ended", bound)

    # -- what must be true at rest
    def check(self, row: Row, invocations: list[Any]) -> Row:
        """Hold what happened against the promises, and complete the row of the table.

        Everything submitted has ended with its own result, nothing was started twice under one
        attempt, and the engine finds nothing wrong with itself.
        """
        assert self.witness.double_starts() == []
        assert self.witness.nameless() == []
        assert self.engine.doctor() == []
        records = [self.engine.record(one.invocation_id) for one in invocations]
        row.submitted = len(invocations)
        row.lost = sum(record["status"] not in ENDED for record in records)
        row.duplicates = self.witness.extra_effects()
        row.recoveries = self.witness.recoveries(self.lost)
        winners = {(one.invocation_id, record["attempt"]) for one, record in zip(invocations, records, strict=True)}
        known = {one.invocation_id for one in invocations}
        row.fenced = sum(
            sight.token not in winners and sight.pid not in self.lost
            for sight in self.witness.effects()
            if sight.invocation_id in known
        )
        assert row.lost == 0, [record for record in records if record["status"] not in ENDED]
        return row

    def check_results(self, invocations: list[Any]) -> None:
        """Each has the result of the attempt that its record names: no late one took its place."""
        for number, one in enumerate(invocations):
            assert one.get(timeout=BOUND_S) == [number, self.engine.record(one.invocation_id)["attempt"]]

    # -- the end
    def stop_workers(self) -> None:
        """Ask every worker to finish, and wait until all have."""
        living = self.living
        for process in living:
            process.send(signal.SIGTERM)
        for process in living:
            process.wait()

    def close(self) -> None:
        """End every process and let go of the server."""
        self.processes.close()
        self.app.runner.stop_runner_loop()
