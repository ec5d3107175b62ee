"""Each guarantee of DESIGN.md names a proof that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "DESIGN.md").read_text(encoding="utf-8").partition("## Guarantees")[2]
PROOFS = sorted(set(re.findall(r"`((?:tests|rust)/[\w/.-]+?\.(?:py|rs)(?:::\w+)?)`", TABLE)))
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]


def test_every_row_names_a_proof() -> None:
    assert len(ROWS) >= 15
    assert not [row for row in ROWS if not any(f"`{proof}`" in row for proof in PROOFS)]


def test_every_proof_is_there() -> None:
    assert len(PROOFS) >= 25
    missing = []
    for proof in PROOFS:
        file, _, name = proof.partition("::")
        path = ROOT / file
        if not path.exists() or (name and not re.search(rf"def {name}\b", path.read_text(encoding="utf-8"))):
            missing.append(proof)
    assert not missing
