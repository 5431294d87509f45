"""A campaign over what is in stock and what can be made of it: validated, run, told, explained and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.libraries import reader

SPEC = """\
campaign: amides
space:
  molecule:
    type: union
    of:
      stock: {type: molecule, file: stock.csv, name: name}
      made:
        type: products
        reaction: "[C:1](=[O:2])[OH].[NX3;H2;!$(NC=O):3]>>[C:1](=[O:2])[N:3]"
        reagents:
          acid: {options: {acetic: CC(=O)O, benzoic: OC(=O)c1ccccc1, malonic: OC(=O)CC(=O)O}}
          amine: {options: {methyl: CN, benzyl: NCc1ccccc1, aniline: Nc1ccccc1}}
objective: {score: {goal: maximize}}
planner: {batch: 2, surrogate: tanimoto, initial: {experiments: 4}}
budget: {experiments: 8}
laboratory: {adapter: emulator, table: scores.csv}
"""
STOCK = {
    "acetanilide": "CC(=O)Nc1ccccc1",
    "phenol": "Oc1ccccc1",
    "anisole": "COc1ccccc1",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "benzocaine": "CCOC(=O)c1ccc(N)cc1",
    "nicotinamide": "NC(=O)c1cccnc1",
}
NAMES = [f"stock: {name}" for name in STOCK]
NAMES += [f"made: {a} + {b}" for a in ("acetic", "benzoic") for b in ("methyl", "benzyl", "aniline")]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("amides.yaml").write_text(SPEC)
    rows = [f"{name},{smiles}" for name, smiles in STOCK.items()]
    Path("stock.csv").write_text("\n".join(["name,smiles", *rows, "broken,C1CC", "again,CC(=O)Nc1ccccc1"]) + "\n")
    Path("scores.csv").write_text("molecule,score\n" + "".join(f"{n},{len(n) % 7}\n" for n in NAMES))


@pytest.mark.parametrize("few", [5_000, 3], ids=["in the record", "stored"])
def test_a_campaign_runs_over_it(hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(reader, "FEW", few)

    valid, dry = hakken("validate", "amides.yaml", "--json"), hakken("run", "--dry-run", "amides.yaml")
    ran, again = hakken("run", "amides.yaml"), hakken("replay", "amides", "2")

    assert valid.code == 0, valid.err
    assert valid.json["candidates"] == 11
    assert valid.json["library"] == ["stock.csv: 6 molecules of 8 records; 1 could not be read; 1 came twice"]
    said = "\n".join(valid.json["problems"])
    assert "left out of stock.csv: line 8: its syntax is wrong: C1CC" in said
    assert "left out of molecule.made.acid: option 'malonic': malonic (O=C(O)CC(=O)O) matches" in said
    listed = "made: acetic + aniline gives CC(=O)Nc1ccccc1, which is stock: acetanilide and counts there"
    assert f"left out of molecule: {listed}" in said
    assert "4 proposals by the initial design" in dry.out
    assert ran.code == 0, ran.err
    assert "8 of 8 done" in ran.out
    assert "comes out again: 2 proposals, identical" in again.out
    page = (home.home / "amides/report.html").read_text()
    assert "made: benzoic + " in page
    assert "of acid benzoic and amine" in page
    assert "from stock" in page
    best, status = hakken("best", "amides"), hakken("status", "amides")
    assert best.out.splitlines()[0].split(": ", 1)[1].split(",")[0] in NAMES
    assert "8 of 8 experiments done" in status.out
    for look in ("explain", "examine", "show"):
        shown = hakken(look, "amides")
        assert shown.code == 0, shown.err


def test_a_file_of_which_the_same_is_made_makes_no_new_version() -> None:
    from flows.engine.campaigns import chosen_from

    def resolved(source: dict[str, Any]) -> dict[str, Any]:
        return {"space": {"molecule": {"type": "union", "of": {"stock": source}}}}

    one, other = ({"options": {"a": "C"}, "stored": {"key": key}} for key in "xy")
    large, larger = ({"stored": {"key": key}} for key in "xy")

    assert chosen_from(resolved(one)) == chosen_from(resolved(other))
    assert chosen_from(resolved(large)) != chosen_from(resolved(larger))


def test_a_person_can_ask_for_a_candidate_by_name_and_not_for_what_is_in_stock(hakken: Any) -> None:
    Path("amides.yaml").write_text(SPEC.replace("{adapter: emulator, table: scores.csv}", "{adapter: manual}"))

    ran = hakken("run", "amides.yaml")
    worksheet = next(Path().rglob("worksheet.csv")).read_text()
    pinned = hakken("pin", "amides", "--where", "molecule=made: benzoic + benzyl", "--why", "w", "--again")
    refused = hakken("pin", "amides", "--where", "molecule=made: acetic + aniline", "--why", "w")
    banned = hakken("ban", "amides", "--where", "molecule=stock: phenol", "--why", "it smells")

    assert ran.code == 0, ran.err
    assert sum(f",{name}," in worksheet for name in NAMES) == 4
    assert "could not be written" not in ran.out  # the page, of a campaign without a result
    assert pinned.code == 0, pinned.err
    assert refused.err.endswith("which is stock: acetanilide and counts there; choose another\n")
    assert banned.code == 0, banned.err


def test_a_person_may_leave_out_the_source_where_one_alone_has_such_a_name(hakken: Any) -> None:
    assert hakken("tick", "amides.yaml").code == 0

    banned = hakken("ban", "amides", "--where", "molecule=caffeine", "--why", "bitter")
    pinned = hakken("pin", "amides", "--where", "molecule=benzoic + methyl", "--why", "asked for", "--again")
    refused = hakken("pin", "amides", "--where", "molecule=acetic + aniline", "--why", "w")

    assert banned.code == 0, banned.err
    assert pinned.code == 0, pinned.err
    assert refused.err.endswith("which is stock: acetanilide and counts there; choose another\n")
    decided = str(hakken("decisions", "amides", "--json").json)
    assert "stock: caffeine" in decided
    assert "made: benzoic + methyl" in decided


def test_results_are_told_by_name_with_or_without_the_source_or_by_a_structure_in_stock(hakken: Any) -> None:
    table = "molecule,score\nmade: benzoic + methyl,1\ncaffeine,2\nOC1=CC=CC=C1,3\nacetic + aniline,4\n"
    Path("told.csv").write_text(table)
    Path("wrong.csv").write_text("molecule,score\nmade: benzoic + methil,1\nCNC(=O)c1ccccc1,2\n")

    told, wrong = hakken("run", "amides.yaml"), hakken("tell", "amides", "wrong.csv")
    hakken("resume", "amides")
    right = hakken("tell", "amides", "told.csv")
    exported = hakken("export", "amides", "all.csv")

    assert told.code == 0, told.err
    assert "the list amine of made has no 'methil' (did you mean 'methyl'?)" in wrong.err
    assert "a candidate is called by its source and name, such as 'stock: acetanilide'" in wrong.err
    assert right.code == 0, right.err
    assert "4 results accepted" in right.out
    assert exported.code == 0, exported.err
    rows = Path("all.csv").read_text()
    for name, value in (("made: benzoic + methyl", 1), ("stock: caffeine", 2), ("stock: phenol", 3)):
        assert any(name in row and f",{value}" in row for row in rows.splitlines()), name
    assert "made: acetic + aniline" not in rows  # it is in stock


def test_a_table_of_others_is_kept_and_said_not_to_be_learnt_from(hakken: Any) -> None:
    Path("amides.yaml").write_text(SPEC.replace("{adapter: emulator, table: scores.csv}", "{adapter: manual}"))
    Path("paper.csv").write_text("molecule,score\nstock: phenol,1\nmade: benzoic + methyl,2\nCCO,3\n")

    hakken("run", "amides.yaml")
    told = hakken("tell", "amides", "paper.csv", "--source", "Smith 2019")

    assert told.code == 0, told.err
    assert "3 results accepted" in told.out
    assert "molecule is a union, which has no candidates in common with a table of others" in told.out


def test_of_a_large_union_single_candidates_alone_can_be_banned(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.space.pool.ENUMERABLE", 10)
    manual = SPEC.replace("{adapter: emulator, table: scores.csv}", "{adapter: manual}")
    Path("amides.yaml").write_text(manual.replace("objective", "  hours: {type: number, values: [1, 8]}\nobjective"))

    hakken("run", "amides.yaml")
    refused = hakken("ban", "amides", "--where", "hours=8", "--why", "too long")
    banned = hakken("ban", "amides", "--where", "molecule=stock: phenol", "--where", "hours=8", "--why", "it smells")

    assert "hours = 8 is more than one candidate, and of 24 combinations with the union 'molecule'" in refused.err
    assert "only single ones can be banned; give every parameter (molecule, hours), or leave those" in refused.err
    assert banned.code == 0, banned.err
