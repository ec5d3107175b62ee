"""What a worker process is started with; every setting comes from the environment."""

from __future__ import annotations

from pynenc import Pynenc
from tests.faults.work.tasks import define

app = define(Pynenc())
