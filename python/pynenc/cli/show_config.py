"""``pynenc config show``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pynenc.cli.output import show_rows
from pynenc.conf.catalog import section_of
from pynenc.conf.config_local import ConfigLocal
from pynenc.conf.config_task import ConfigTask

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.conf.config_base import ConfigPynencBase


def show_config(app: Pynenc, *, sources: bool, as_json: bool) -> None:
    """Print every setting of an application, each secret as a mask.

    :param sources: Print where each came from, too. JSON always says it.
    """
    columns = ["section", "setting", "value", *(["source"] if sources else [])]
    show_rows(columns, settings_of(app), as_json=as_json)


def settings_of(app: Pynenc) -> Iterator[dict[str, Any]]:
    """Every setting as ``section``, ``setting``, ``value``, ``source`` and ``meaning``.

    ``section`` is the one that sets it in a file; ``task`` is what tasks have in general.
    """
    for conf in _parts(app):
        meanings = conf.describe()
        for setting in conf.provenance():
            value, source = setting.value, setting.source
            if setting.field == "app_id" and value != app.app_id:
                value, source = app.app_id, "constructor"
            yield {
                "section": section_of(type(conf).__name__),
                "setting": setting.field,
                "value": value,
                "source": source,
                "meaning": meanings[setting.field].text,
            }


def _parts(app: Pynenc) -> list[ConfigPynencBase]:
    return [
        app.conf,
        app.orchestrator.conf,
        app.broker.conf,
        app.state_backend.conf,
        app.arg_cache.conf,
        app.runner.conf,
        ConfigLocal(config_values=app.config_values, config_filepath=app.config_filepath),
        ConfigTask(config_values=app.config_values, config_filepath=app.config_filepath),
    ]
