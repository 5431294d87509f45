"""Candidates that the laboratory is certain to refuse are counted, with reason and remedy, before any is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: small
space: {molecule: {type: molecule, file: small.smi, name: name}}
objective: {gap: {goal: minimize, unit: eV}}
planner: {batch: 2, surrogate: tanimoto, initial: {experiments: 9}}
budget: {experiments: 9}
laboratory: {adapter: xtb}
"""
SALT = "the part that matters (standardise: {salts: strip} of a library does), or leave the molecule out"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)
    Path("small.smi").write_text(
        "CCO ethanol\nCC(=O)[O-].[Na+] acetate\nC.Cl two\n*C dummy\nO=[U]=O uranyl\nC[N+](C)(C)C ion\n[CH3] radical\n"
        "c1ccccc1 benzene\nCCN amine\n"
    )


def test_validate_counts_them_with_an_example_and_the_remedy_of_each_kind(hakken: Any) -> None:
    said, read = hakken("validate", "small.yaml"), hakken("validate", "small.yaml", "--json").json

    assert said.code == 0, said.err
    assert read["foreseen"]["looked_at"] == 9
    assert read["foreseen"]["is_all"] is True
    assert read["foreseen"]["refused"] == 4
    assert [(r["count"], r["example"]) for r in read["foreseen"]["reasons"]] == [
        (2, "'acetate' (SMILES 'CC(=O)[O-].[Na+]')"),
        (1, "'dummy' (SMILES '*C')"),
        (1, "'uranyl' (SMILES '[O]=[U]=[O]')"),
    ]
    assert "laboratory xtb is certain to refuse 4 of the 9 candidates once they run" in said.out
    assert "2 of them are such as 'acetate' (SMILES 'CC(=O)[O-].[Na+]'), which has separate parts" in said.out
    assert SALT in said.out
    assert 'forbid: "[#92]"' in said.out


def test_a_dry_run_marks_the_proposals_and_leaves_them_in_the_plan(hakken: Any, home: Any) -> None:
    said, read = hakken("run", "--dry-run", "small.yaml"), hakken("run", "--dry-run", "small.yaml", "--json").json

    assert said.code == 0, said.err
    assert len(read["plan"]["proposals"]) == 9
    assert sum(map(bool, read["foreseen"]["proposals"])) == 4
    assert said.out.count("CERTAIN TO BE REFUSED once it runs") == 4
    assert "is certain to refuse 4 of the 9 candidates" in said.out
    assert not (home.home / "small").exists()


def test_lab_check_says_it_of_a_laboratory_and_of_each_of_several(hakken: Any) -> None:
    alone = hakken("lab", "check", "small.yaml", "--json")
    several = "{adapter: several, laboratories: {quick: {adapter: xtb}, more: {adapter: simulated}}}"
    Path("small.yaml").write_text(SPEC.replace("{adapter: xtb}", several))
    each = hakken("lab", "check", "small.yaml", "--json")

    assert alone.code == 0, alone.err
    assert [c["verdict"] for c in alone.json["checks"] if c["subject"] == "candidates"] == ["note"] * 3
    found = [(c["area"], c["verdict"]) for c in each.json["checks"] if c["subject"] == "candidates"]
    assert found == [("quick", "note")] * 3 + [("more", "ok")]  # which takes whatever it is sent


def test_nothing_is_said_once_the_remedies_are_taken(hakken: Any) -> None:
    mended = 'name: name, standardise: {salts: strip}, filters: {forbid: ["[#0]", "[#92]"]}'
    Path("small.yaml").write_text(SPEC.replace("name: name", mended))

    assert hakken("validate", "small.yaml", "--json").json["foreseen"]["refused"] == 0
    assert "certain to refuse" not in hakken("validate", "small.yaml").out


def test_of_a_large_library_some_hundreds_are_looked_at(hakken: Any) -> None:
    Path("small.smi").write_text("".join(f"[{n}CH3]C.[Na+] s{n}\n[{n}CH3]C m{n}\n" for n in range(1, 600)))
    found = hakken("validate", "small.yaml", "--json").json["foreseen"]

    assert found["is_all"] is False
    assert found["looked_at"] == 400
    assert 150 < found["refused"] < 250
    assert "candidates looked at once they run" in hakken("validate", "small.yaml").out
