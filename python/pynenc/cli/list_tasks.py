"""``pynenc tasks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pynenc.cli.exit_codes import ExitCode
from pynenc.cli.output import say, show_rows

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.task import Task


def list_tasks(app: Pynenc, name: str, *, as_json: bool) -> ExitCode:
    """Print the registered tasks by id, each with the options that are not at their default.

    :param name: Where the application stands.
    """
    rows = [_row(task) for _, task in sorted(app.tasks.items())]
    if not rows:
        say(f"{name} has no task: decorate a function with @{name.rpartition(':')[2]}.task")
        return ExitCode.NOTHING_TO_DO
    show_rows(["task", "kind", "options"], rows, as_json=as_json)
    return ExitCode.OK


def _row(task: Task[..., Any]) -> dict[str, Any]:
    conf = task.conf
    options = {
        setting.field: setting.value
        for setting in conf.provenance()
        if setting.value != conf.field_of(setting.field).default
    }
    return {"task": task.task_id, "kind": "async" if task.is_async else "sync", "options": options}
