"""``pynenc runner start``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pynenc._core import __version__
from pynenc.cli.output import print_line, say
from pynenc.engine.fitness import address
from pynenc.engine.registry import BEYOND_PROCESS, stays_in_process
from pynenc.wiring import make_runner

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.cli.discover import Located


def start_runner(located: Located, *, runner_name: str | None, slots: int | None, quiet: bool) -> None:
    """Run the tasks of an application until a stop signal; blocks.

    The first signal lets running bodies finish, the second hands them back.

    :param runner_name: Class of the runner, instead of the one in the settings.
    :param slots: How many bodies it runs at once, instead of the number in the settings.
    :param quiet: Print warnings only.
    """
    app, name = located
    if runner_name is not None:
        app.conf.runner_cls = runner_name
        app.runner = make_runner(app)
    runner = app.runner
    if slots is not None:
        runner.set_slots(slots)
    rows = {
        "pynenc": __version__,
        "app": f"{name} (id {app.app_id})",
        "engine": f"{app.conf.engine}, {_place(app)}",
        "runner": f"{type(runner).__name__}, {_counted(runner.max_parallel_slots, 'slot')}",
        "tasks": str(len(app.tasks)),
        "lease": f"{app.conf.lease_seconds:g} s",
    }
    if not quiet:
        for title, value in rows.items():
            print_line(f"{title:<8}{value}")
    _warn(located)
    runner.run()


def _place(app: Pynenc) -> str:
    return "in this process" if stays_in_process(app.conf.engine) else address(app)


def _warn(located: Located) -> None:
    app, name = located
    if not app.tasks:
        say(f"warning: {name} has no task; import the modules that define tasks where {name} is made")
    if stays_in_process(app.conf.engine):
        say(
            f"warning: the {app.conf.engine} engine keeps work in its own process: this runner runs only what "
            f"is submitted in this process, and no other program can reach it; {BEYOND_PROCESS}"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
