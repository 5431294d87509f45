"""A table of molecules is told as it is: by the columns that their library's file has, or by their structures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LIBRARY = "{type: molecule, file: small.csv, smiles: structure, name: id}"
SPEC = f"""\
campaign: small
space: {{molecule: {LIBRARY}}}
objective: {{response: {{goal: maximize}}}}
planner: {{batch: 2, surrogate: tanimoto, initial: {{experiments: 2}}}}
budget: {{experiments: 2}}
laboratory: {{adapter: manual}}
"""
MOLECULES = "id,structure\nethanol,OCC\nbenzene,c1ccccc1\namine,CCN\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)
    Path("small.csv").write_text(MOLECULES)


def told(hakken: Any, text: str, *more: str) -> Any:
    Path("t.csv").write_text(text)
    return hakken("tell", "small.yaml", "t.csv", "--json", *more)


def tried(hakken: Any) -> list[str]:
    hakken("export", "small", "out.csv", "--overwrite")
    header, *rows = (line.split(",") for line in Path("out.csv").read_text().splitlines())
    return [row[header.index("settings.molecule")] for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "id,response\nethanol,1\nbenzene,2\n",
        "structure,response\nCCO,1\nC1=CC=CC=C1,2\n",
        "smiles,response\nCCO,1\nC1=CC=CC=C1,2\n",
        "SMILES,response\nOCC,1\nc1ccccc1,2\n",
        "molecule_smiles,response\nOCC,1\nc1ccccc1,2\n",
        "id,structure,response\nethanol,CCO,1\nbenzene,c1ccccc1,2\n",
        "molecule,smiles,response\nethanol,CCO,1\nbenzene,c1ccccc1,2\n",
    ],
)
def test_the_columns_of_the_library_stand_for_the_molecule(hakken: Any, text: str) -> None:
    said = told(hakken, text)

    assert said.code == 0, said.err
    assert said.json["accepted"] == 2
    assert tried(hakken) == ["ethanol", "benzene"]


def test_a_structure_that_is_another_molecules_is_refused_by_its_column(hakken: Any) -> None:
    said = told(hakken, "id,structure,response\nethanol,CCN,1\n")

    assert said.code != 0
    assert "column 'structure': 'CCN' is not the structure of 'ethanol', which is CCO" in said.err


def test_two_columns_of_structures_without_a_name_are_not_guessed_among(hakken: Any) -> None:
    said = told(hakken, "structure,smiles,SMILES,response\nCCO,CCO,CCO,1\n")

    assert said.code == 0, said.err  # the first stands for the molecule, the others say the same
    assert told(hakken, "structure,smiles,response\nCCO,CCN,1\n").code != 0


def test_a_column_that_means_something_else_stands_for_no_molecule(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace(LIBRARY, f"{LIBRARY}, smiles: {{type: number, values: [1, 2]}}"))

    said = told(hakken, "smiles,response\n1,1\n")

    assert said.code != 0
    assert "parameter 'molecule' has no value" in said.err


def test_the_only_component_is_told_by_structure_and_one_of_two_by_its_own_column(hakken: Any) -> None:
    one = SPEC.replace(LIBRARY, "{type: component, options: {ethanol: CCO, amine: CCN}}")
    Path("small.yaml").write_text(one)
    assert told(hakken, "smiles,response\nOCC,1\n").code == 0
    assert tried(hakken) == ["ethanol"]

    base = "base: {type: component, options: {KOH: '[K+].[OH-]', NaOH: '[Na+].[OH-]'}}"
    two = one.replace("campaign: small", "campaign: two").replace("CCN}}}", f"CCN}}}}, {base}}}")
    Path("small.yaml").write_text(two)
    assert "column 'smiles' is unknown" in told(hakken, "smiles,base,response\nOCC,KOH,1\n").err
    assert told(hakken, "molecule_smiles,base_smiles,response\nOCC,[OH-].[K+],1\n").code == 0


def test_a_table_of_others_is_heard_by_structure_and_keeps_its_names(hakken: Any) -> None:
    said = told(hakken, "id,smiles,response\nX1,CCCO,1\nX2,CCO,2\nX3,CCCN,3\n", "--source", "Paper")

    assert said.code == 0, said.err
    assert said.json["accepted"] == 3


@pytest.mark.parametrize("column", ["molecule_smiles", "smiles"])
def test_the_structure_of_a_product_stands_beside_its_reagents(hakken: Any, column: str) -> None:
    products = """{type: products, reaction: "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]",
      reagents: {acid: {options: {acetic: CC(=O)O}}, amine: {options: {methyl: CN, ethyl: CCN}}}}"""
    Path("small.yaml").write_text(SPEC.replace(LIBRARY, products))
    header = f"molecule.acid,molecule.amine,{column},response\n"

    said = told(hakken, f"{header}acetic,methyl,CNC(C)=O,1\n")
    wrong = told(hakken, f"{header}acetic,ethyl,CNC(C)=O,1\n")

    assert said.code == 0, said.err
    assert f"column '{column}': 'CNC(C)=O' is not the structure of" in wrong.err
