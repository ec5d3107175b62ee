"""What the fault tests stand on: processes that leave nothing behind, a witness, and a table."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.rig import witness
from tests.faults.rig.processes import Processes, until
from tests.faults.rig.report import HEADINGS, Row, summed, table
from tests.faults.rig.witness import Witness

NEVER_ENDS = "import time\nwhile True: time.sleep(1)"
HAS_A_CHILD = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {NEVER_ENDS!r}], start_new_session=True).pid, flush=True)
{NEVER_ENDS}
"""


def test_nothing_is_left_of_a_run_not_even_what_left_its_session(tmp_path) -> None:
    processes = Processes(tmp_path)
    process = processes.start(["-c", HAS_A_CHILD], {})
    until(process.output, "the child has started")
    child = int(process.output())
    assert {process.pid, child} <= set(processes.left())
    assert process.children() == [child]
    processes.close()
    assert processes.left() == []


def test_a_process_is_frozen_thawed_and_asked_to_stop(tmp_path) -> None:
    processes = Processes(tmp_path)
    process = processes.start(["-c", NEVER_ENDS], {})
    process.freeze()
    process.send(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.thaw()
    assert process.wait() == -signal.SIGTERM
    processes.close()


WRITES = """
import sys
from tests.faults.rig import witness
for number in range(200):
    witness.write(sys.argv[1], "start", sys.argv[2], number)
"""


def test_lines_of_many_processes_are_whole(tmp_path) -> None:
    seen = Witness(tmp_path / "witness")
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", WRITES, seen.path, name], cwd=root) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert sorted(sight.token for sight in seen.starts()) == [
        (name, number) for name in "abcd" for number in range(200)
    ]
    assert seen.double_starts() == []


def test_the_witness_tells_doubles_and_recoveries(tmp_path) -> None:
    seen = Witness(tmp_path / "witness")
    lines = [
        "start a 1 10 1.0",  # lost with process 10
        "start b 1 10 1.0",
        "effect b 1 10 1.5",
        "start a 2 11 4.0",
        "effect a 2 11 4.5",
        "effect a 1 10 4.6",
        "start c 1 11 5.0",
        "start c 1 12 5.0",
    ]
    seen.path.write_text("".join(f"{line} \n" for line in lines), "utf-8")
    assert seen.double_starts() == [("c", 1)]
    assert seen.extra_effects() == 1
    assert seen.recoveries({10: 3.0}) == [1.0]


def test_a_note_of_the_witness_may_have_spaces(tmp_path) -> None:
    seen = Witness(tmp_path / "witness")
    witness.write(seen.path, "start", "a", 1, "one two")
    assert [sight.note for sight in seen.starts()] == ["one two"]


def test_rows_of_one_fault_are_added_up_in_the_order_of_the_tests() -> None:
    rows = [
        Row("T17", "forgotten", 2, 5),
        Row("T1 T4", "kill", 1, 10, 0, 1, 0, [0.5]),
        Row("T1 T4", "kill", 3, 30, 1, 0, 2, [1.5]),
        Row("T1 T4", "stop", 1, 1),
    ]
    assert summed(rows) == [Row("T1 T4", "kill", 4, 40, 1, 1, 2, [0.5, 1.5]), rows[3], rows[0]]


def test_the_table_lines_up() -> None:
    rows = [Row("T1", "kill", 12, 300, 0, 2, 0, [0.5, 1.5, 1.0]), Row("T17", "scripts forgotten", 9, 200)]
    lines = table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(HEADINGS)
    assert lines[2].endswith("| 1.00 / 1.50 s      |")
