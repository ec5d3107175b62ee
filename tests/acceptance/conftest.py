"""What tests of whole applications share: the engines that they run on, and real processes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import pytest

from pynenc import Pynenc
from pynenc.exceptions import LocalServerError
from pynenc.local_server.binary import find_binary
from tests.local_users import Home


@pytest.fixture
def home(missing_service: Callable[[str], NoReturn]) -> Iterator[Home]:
    try:
        find_binary()
    except LocalServerError:
        missing_service("server for the local engine")
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        made = Home(Path(folder))
        yield made
        made.clear()
        assert not made.sockets()


# -- engines --------------------------------------------------------------------------------------
class Place:
    """Where the applications of one test keep their work: each under an id that no other test has."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._apps: list[Pynenc] = []

    def app(self, name: str, **settings: Any) -> Pynenc:
        """An application of this test's own."""
        made = Pynenc(f"{name}-{uuid4().hex[:12]}", config_values={**settings, **self._settings})
        self._apps.append(made)
        return made

    @property
    def is_alone(self) -> bool:
        """Whether no other application can reach what one has."""
        return self._settings["engine"] == "memory"

    def twin(self, app: Pynenc) -> Pynenc:
        """Another application of the same id, as another process would have it."""
        made = Pynenc(app.app_id, config_values=app.config_values)
        self._apps.append(made)
        return made

    def move(self, app: Pynenc) -> None:
        """Bring an application of the module here, as if it had been made here; its tasks go along."""
        name, values, registry = app.app_id.partition(".")[0], app.config_values or {}, app._registry
        if "runtime" in vars(app):
            app.runtime.invalidate()  # or its tasks would go on where they were prepared
        for attribute in [name for name in vars(app) if not name.startswith("_")]:
            delattr(app, attribute)
        app.__init__(f"{name}.{uuid4().hex[:12]}", {**values, **self._settings})  # type: ignore[misc]
        app._registry = registry
        for task in app.tasks.values():
            task.app = app
        self._apps.append(app)

    def leave(self) -> None:
        """End what the applications have open."""
        for app in self._apps:
            if "runtime" in vars(app):
                with suppress(AttributeError):  # an engine in this process has nothing open
                    app.runtime.engine.close()


@pytest.fixture(params=["memory", "redis"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    settings: dict[str, Any] = {"engine": request.param, "runner_cls": "ThreadRunner"}
    if request.param == "redis":
        settings["redis_url"] = request.getfixturevalue("redis_url")
    made = Place(settings)
    yield made
    made.leave()
