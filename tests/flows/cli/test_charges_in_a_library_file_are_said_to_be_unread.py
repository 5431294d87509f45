"""A library file with charges and multiplicities: no calculation reads them, which is said where it is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """
campaign: gaps
space: {molecule: {type: molecule, file: mols.csv, smiles: SMILES, name: Name}}
objective: {gap: {goal: minimize, unit: eV, exact: true}}
budget: {experiments: 9}
laboratory: {adapter: ADAPTER}
"""


@pytest.mark.parametrize(
    ("adapter", "header", "said"),
    [
        ("xtb", "Name;SMILES;Ladung;Mult", "mols.csv has 'Ladung', 'Mult', which no calculation reads"),
        ("xtb", "Name;SMILES;Mass;Notes", ""),
        ("manual", "Name;SMILES;Ladung;Mult", ""),
    ],
)
def test_columns_of_charges_are_named_where_molecules_are_calculated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any], adapter: str, header: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mols.csv").write_text(f"{header}\nO2;O=O;0;3\nTCNE;N#CC(C#N)=C(C#N)C#N;-1;2\nbenzene;c1ccccc1;0;1\n")
    Path("gaps.yaml").write_text(CAMPAIGN.replace("ADAPTER", adapter))

    checked = hakken("validate", "gaps.yaml")

    assert checked.code == 0, checked.err
    assert ("which no calculation reads" in checked.out) == bool(said)
    assert said in " ".join(checked.out.split())
