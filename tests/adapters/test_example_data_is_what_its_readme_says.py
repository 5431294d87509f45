"""The example data: counts, canonical structures, licences beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from rdkit import Chem

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("direct_arylation.csv", 1728),
        ("bases.csv", 4),
        ("ligands.csv", 12),
        ("solvents.csv", 4),
        ("molecules.csv", 2000),
        ("buchwald_hartwig.csv", 3955),
        ("aryl_halides.csv", 15),
        ("additives.csv", 22),
        ("amination_bases.csv", 3),
        ("amination_ligands.csv", 4),
    ],
)
def test_every_table_has_the_rows_and_the_mention_that_the_readme_gives(name: str, count: int) -> None:
    assert len(rows(name)) == count
    assert name in (DATA / "README.md").read_text()


def test_the_grid_is_complete_and_its_best_yield_is_100() -> None:
    table = rows("direct_arylation.csv")
    conditions = {tuple(row[c] for c in ("base", "ligand", "solvent", "concentration", "temperature")) for row in table}

    assert len(conditions) == 4 * 12 * 4 * 3 * 3
    assert max(float(row["yield"]) for row in table) == 100.0


@pytest.mark.parametrize(("parameter", "file"), [("base", "bases"), ("ligand", "ligands"), ("solvent", "solvents")])
def test_options_have_the_structures_of_the_grid(parameter: str, file: str) -> None:
    listed = {row["name"]: row["smiles"] for row in rows(f"{file}.csv")}

    assert listed == {row[parameter]: row[f"{parameter}_smiles"] for row in rows("direct_arylation.csv")}


def test_the_amination_lacks_five_conditions_and_names_known_reagents() -> None:
    columns = {
        "aryl_halide": "aryl_halides",
        "additive": "additives",
        "base": "amination_bases",
        "ligand": "amination_ligands",
    }
    table = rows("buchwald_hartwig.csv")
    options = {column: {row["name"]: row["smiles"] for row in rows(f"{file}.csv")} for column, file in columns.items()}

    assert len({tuple(row[c] for c in columns) for row in table}) == 15 * 22 * 3 * 4 - 5
    assert {c: {row[c] for row in table} for c in columns} == {c: set(options[c]) for c in columns}
    assert all(Chem.CanonSmiles(s) == s for named in options.values() for s in named.values())
    assert max(float(row["yield"]) for row in table) == pytest.approx(100.0, abs=1e-4)


def test_molecules_are_distinct_whole_and_named() -> None:
    molecules = rows("molecules.csv")
    smiles = [row["smiles"] for row in molecules]

    assert len(set(smiles)) == len({row["name"] for row in molecules}) == len(molecules)
    assert all("." not in text and Chem.MolFromSmiles(text) is not None for text in smiles)
    assert all(Chem.GetFormalCharge(Chem.MolFromSmiles(text)) == 0 for text in smiles)


def test_licences_lie_beside_the_data_and_all_of_it_is_small() -> None:
    for name in ("edbo", "edboplus", "graphium", "molpal"):
        licence = DATA / f"LICENSE.{name}.txt"
        assert licence.name in (DATA / "README.md").read_text()
        assert "Copyright" in licence.read_text()
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 1_000_000
