"""Each guarantee of DESIGN.md names a proof that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "DESIGN.md").read_text(encoding="utf-8").partition("## Guarantees")[2]
CONFIGURATIONS = TEXT.partition("### By engine and configuration")[2].partition("###")[0]
PROOF = r"`((?:tests|rust)/[\w/.-]+?\.(?:py|rs)(?:::\w+)?)`"
PROOFS = sorted(set(re.findall(PROOF, TEXT)))
NAMED = dict(re.findall(rf"^- (\w+): {PROOF}$", CONFIGURATIONS, re.MULTILINE))
"""Proofs of the table by configuration, by the letters that stand for them."""


def rows(text: str) -> list[list[str]]:
    """The cells of all rows, but for headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_row_names_a_proof() -> None:
    others = rows(TEXT.replace(CONFIGURATIONS, ""))
    assert len(others) >= 40
    assert not [row for row in others if not re.search(PROOF, row[-1])]


def test_every_cell_of_the_table_by_configuration_names_a_proof() -> None:
    table = rows(CONFIGURATIONS)
    assert len(table) >= 8
    used = set()
    for promise, *cells in table:
        assert len(cells) == 7, promise
        for cell in cells:
            letters = re.findall(r"\b[A-Z]\d*[a-z]?\b", cell)
            assert letters or cell.startswith("—"), (promise, cell)  # a dash says why there is nothing to prove
            used.update(letters)
    assert used == set(NAMED)


def test_every_proof_is_there() -> None:
    assert len(PROOFS) >= 80
    missing = []
    for proof in PROOFS:
        file, _, name = proof.partition("::")
        path = ROOT / file
        how = "def" if path.suffix == ".py" else "fn"
        if not path.exists() or (name and not re.search(rf"\b{how} {name}\b", path.read_text(encoding="utf-8"))):
            missing.append(proof)
    assert not missing
