"""Two applications on one server, and keys of others beside them."""

from __future__ import annotations

import pytest

from tests.faults.rig.report import Row

BOUND_S = 60.0
PREFIX = b"pynenc:4:{one}:"
OF_NO_INVOCATION = {b"clk", b"n", b"w"}
"""What a purge leaves: when the application was last seen, its numbers, and for a day the names of its workers."""
FOREIGN = {b"pynenc": b"1", b"pynenc:4:other": b"2", b"pynenc:4:{one}": b"3", b"queue": b"4"}
REFUSED = ["a*", "a?", "[ab]", "{a}", "a b", "a:b", "é", "", "x" * 65, "x" * 300, "a\n", "a/b"]


@pytest.mark.parametrize("app_id", REFUSED)
def test_t43_an_id_that_could_meet_another_is_refused(new_engine, app_id) -> None:
    with pytest.raises(ValueError, match="app"):
        new_engine(app_id=app_id)


def test_t43_purging_one_application_leaves_every_byte_of_the_others(new_cluster, direct, snapshot, record) -> None:
    direct.mset(FOREIGN)
    one, other = new_cluster(app_id="one"), new_cluster(app_id="one.b")
    kept = other.submit("work", [(number,) for number in range(50)])
    before = snapshot()
    gone = one.submit("work", [(number,) for number in range(50)])
    one.worker()
    assert [each.get(timeout=BOUND_S)[0] for each in gone] == list(range(50))
    one.stop_workers()
    assert {key: dump for key, dump in snapshot().items() if key in before} == before
    one.app.purge()
    left = {key: dump for key, dump in snapshot().items() if key not in before}
    assert {key.removeprefix(PREFIX).split(b":")[0] for key in left} == OF_NO_INVOCATION
    assert {key: dump for key, dump in snapshot().items() if key in before} == before
    other.worker()
    assert [each.get(timeout=BOUND_S)[0] for each in kept] == list(range(50))
    record(other.check(Row("T43", "purge of a neighbour", 1), kept))
    assert {key: direct.get(key) for key in FOREIGN} == FOREIGN
