"""A secret in a setting, and what every process writes while things go wrong."""

from __future__ import annotations

import pytest

from pynenc.exceptions import EngineUnreachableError
from tests.faults.rig.report import Row

PASSWORD = "canary-7f3a-password"
ARGUMENT = "canary-7f3a-argument"
BOUND_S = 60.0


def with_password(url: str, password: str) -> str:
    """The address, with these credentials."""
    scheme, rest = url.split("://", 1)
    return f"{scheme}://default:{password}@{rest}"


def test_t48_no_secret_is_ever_written(new_cluster, proxy, direct, record, capfd, caplog) -> None:
    direct.config_set("requirepass", PASSWORD)
    written: list[str] = []
    try:
        cluster = new_cluster(
            url=with_password(proxy.url, PASSWORD),
            logging_level="debug",
            argument_print_mode="hidden",
            lease_seconds=1,
        )
        worker = cluster.worker()
        one = cluster.task("echo")(ARGUMENT)
        assert one.get(timeout=BOUND_S) == ARGUMENT
        written += [repr(cluster.app), str(one), repr(cluster.app.conf), repr(cluster.engine)]
        hasty = new_cluster(url=with_password(proxy.url, PASSWORD), redis_first_contact_seconds=0.5)
        with proxy.broken(proxy.refuse), pytest.raises(EngineUnreachableError) as away:
            hasty.task("echo")(ARGUMENT)
        assert cluster.task("echo")(ARGUMENT).get(timeout=BOUND_S) == ARGUMENT
        wrong = new_cluster(url=with_password(proxy.url, PASSWORD[::-1]))
        with pytest.raises(Exception, match=r".+") as refused:
            wrong.task("echo")(1)
        assert PASSWORD[::-1] not in str(refused.value)
        cluster.stop_workers()
        written += [worker.output(), *capfd.readouterr(), caplog.text, str(refused.value), repr(away.value)]
    finally:
        direct.config_set("requirepass", "")
    text = "\n".join(written)
    assert worker.output()
    assert PASSWORD not in text
    assert ARGUMENT not in text
    record(Row("T48", "secrets in settings and arguments", 2))
