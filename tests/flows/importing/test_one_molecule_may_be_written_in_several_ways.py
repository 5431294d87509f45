"""A table whose SMILES come from several programs has one option for each molecule, and every row is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.usefixtures("folder")
ROWS = "20,1\n[OH-].[Na+],30,2\nCC(=O)[O-].[K+],20,3\n[K+].CC([O-])=O,40,4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def options() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(Path("campaign.yaml").read_text())["space"]["base"]["options"]
    return found


def test_a_molecule_without_a_name_is_called_as_it_was_written_first(hakken: Any) -> None:
    Path("t.csv").write_text(f"base,T,yield\n[Na+].[OH-],{ROWS}")

    said = hakken("import", "t.csv", "--target", "yield")

    assert "4 results put on record" in said.out, said.err
    assert list(options()) == ["[Na+].[OH-]", "CC(=O)[O-].[K+]"]
    assert "# also written [K+].CC([O-])=O" in Path("campaign.yaml").read_text()


def test_a_table_that_was_begun_with_is_told_as_it_is(hakken: Any) -> None:
    Path("t.csv").write_text(f"base,T,yield\n[Na+].[OH-],{ROWS}")

    begun = hakken("init", "t.csv", "--target", "yield")

    assert begun.code == 0, begun.err
    assert hakken("tell", "campaign.yaml", "t.csv", "--json").json["accepted"] == 4


def test_a_name_may_have_its_structure_written_in_several_ways(hakken: Any) -> None:
    Path("t.csv").write_text(
        "base,base_smiles,T,yield\nNaOH,[Na+].[OH-],20,1\nNaOH,[OH-].[Na+],30,2\nKOAc,CC(=O)[O-].[K+],20,3\n"
    )

    said = hakken("import", "t.csv", "--target", "yield")

    assert said.code == 0, said.err
    assert options() == {"NaOH": "[Na+].[OH-]", "KOAc": "CC(=O)[O-].[K+]"}


def test_a_name_of_two_molecules_is_refused(hakken: Any) -> None:
    Path("t.csv").write_text("base,base_smiles,T,yield\nNaOH,[Na+].[OH-],20,1\nNaOH,[OH-].[K+],30,2\nA,O,20,3\n")

    said = hakken("import", "t.csv", "--target", "yield")

    assert said.code == 2
    assert "'NaOH' has structure '[OH-].[K+]' here and '[Na+].[OH-]' above" in said.err


def test_a_salt_may_be_drawn_with_its_bonds_or_without(hakken: Any) -> None:
    Path("t.csv").write_text(f"base,T,yield\nNa[OH],{ROWS}CC(=O)O[K],60,5\n".replace("Na[OH]", "[Na]O"))

    said = hakken("import", "t.csv", "--target", "yield")

    assert "5 results put on record" in said.out, said.err
    assert list(options()) == ["[Na]O", "CC(=O)[O-].[K+]"]
    assert "# also written [K+].CC([O-])=O, CC(=O)O[K]" in Path("campaign.yaml").read_text()


def test_a_told_option_may_be_a_salt_drawn_otherwise_an_inchi_or_a_usual_name_of_a_solvent(hakken: Any) -> None:
    Path("c.yaml").write_text(
        """
campaign: c
space:
  base: {type: component, options: {KOAc: "CC(=O)[O-].[K+]", PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1}}
  solvent: {type: component, options: {MeCN: CC#N, DMF: CN(C)C=O}}
objective: {yield: {goal: maximize}}
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
    )
    inchi = "InChI=1S/C18H15P/c1-4-10-16(11-5-1)19(17-12-6-2-7-13-17)18-14-8-3-9-15-18/h1-15H"
    rows = ["CC(=O)O[K],acetonitrile,1", f'"{inchi}",DMF,2', '"InChI=1S/nonsense",DMF,3', "KOPiv,DMF,4", "KOAc,THF,5"]
    Path("t.csv").write_text("\n".join(["base,solvent,yield", *rows, ""]))

    said = hakken("tell", "c.yaml", "t.csv")
    hakken("export", "c", "out.csv")

    assert "2 results accepted" in " ".join(said.out.split()), said.err
    for line in (4, 5, 6):
        assert f"t.csv line {line}: parameter" in said.err
    written = Path("out.csv").read_text()
    assert "KOAc" in written
    assert "MeCN" in written
    assert "PPh3" in written
