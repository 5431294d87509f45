"""A campaign over a small table of molecules: what is wrong with a line is told, and is fatal to nothing."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: small
space: {molecule: {type: molecule, file: small.csv, name: name}}
objective: {response: {goal: maximize}}
planner: {batch: 2, surrogate: tanimoto, initial: {experiments: 2}}
budget: {experiments: 2}
laboratory: {adapter: simulated}
"""
TABLE = "name,smiles\nethanol,OCC\nbroken,C1CC\nbenzene,c1ccccc1\nEtOH,CCO\namine,CCN\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)
    Path("small.csv").write_text(TABLE)


def test_lines_that_are_no_molecule_are_told_and_the_campaign_runs(hakken: Any) -> None:
    valid, ran, again = hakken("validate", "small.yaml", "--json"), hakken("run", "small.yaml"), hakken("run", "small")

    assert valid.code == 0, valid.err
    assert valid.json["candidates"] == 3
    told = "small.csv: 3 molecules of 5 records; 1 could not be read; 1 came twice"
    assert valid.json["library"] == [told]
    (became, line) = valid.json["problems"]
    assert became.startswith(f"{told}; hakken library show ")
    assert line == "left out of small.csv: line 3: its syntax is wrong: C1CC"
    assert ran.code == 0, ran.err
    assert f"note: {line}" in ran.out
    assert "left out of" not in again.out
    shown = hakken("library", "show", became.split()[-6])
    assert shown.code == 0, shown.err
    assert "unreadable.tsv" in shown.out
    assert "duplicates.tsv" in shown.out


def test_lines_of_a_library_that_grew_are_told_once_more_and_those_of_one_that_did_not_are_not(hakken: Any) -> None:
    hakken("run", "small.yaml")
    with Path("small.csv").open("a") as file:
        file.write("phenol,Oc1ccccc1\nbought,C1CC(\n")

    grown, again = hakken("tick", "small.yaml"), hakken("tick", "small.yaml")

    assert "note: small.csv: 4 molecules of 7 records; 2 could not be read; 1 came twice; hakken library" in grown.out
    assert "note: left out of small.csv: line 8: " in grown.out
    assert "could not be read" not in again.out


def test_molecules_stand_with_their_structures_beside_solvents_and_other_molecules_too(hakken: Any) -> None:
    beside = (
        "{drug: {type: molecule, file: small.csv, name: name}, partner: {type: molecule, options: {acid: CC(=O)O}},"
        " solvent: {type: component, options: {MeOH: CO, water: O}}}"
    )
    Path("small.yaml").write_text(
        SPEC.replace("{molecule: {type: molecule, file: small.csv, name: name}}", beside).replace("simulated", "manual")
    )
    dry = hakken("run", "small.yaml", "--dry-run").out
    hakken("tick", "small.yaml")
    (sheet,) = Path("runs").rglob("worksheet.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    structures = {"ethanol": "CCO", "benzene": "c1ccccc1", "amine": "CCN"}
    shown, page = hakken("show", "small").out, Path("runs/small/report.html").read_text("utf-8")

    assert [row["drug_smiles"] for row in rows] == [structures[row["drug"]] for row in rows]
    assert {row["partner_smiles"] for row in rows} == {"CC(=O)O"}
    assert "solvent_smiles" not in rows[0]  # known by its name
    for row in rows:
        line = f"drug {row['drug_smiles']}; partner CC(=O)O"
        assert line in shown
        assert line in dry
        assert f"structure of drug: {row['drug_smiles']}" in page
    assert "structure of partner: CC(=O)O" in page


def test_the_best_of_a_library_stand_with_their_structures_beside_a_solvent(hakken: Any) -> None:
    solvent = "{solvent: {type: component, options: {MeOH: CO, water: O}}, molecule:"
    Path("small.yaml").write_text(SPEC.replace("{molecule:", solvent, 1))

    out = hakken("run", "small.yaml").out

    _, table = out.split("highest response")
    assert re.search(r"response +candidate +SMILES +round", table)
    structures = {"ethanol": "CCO", "benzene": "c1ccccc1", "amine": "CCN"}
    rows = re.findall(r"(ethanol|benzene|amine)\b.* (\S+) +1 *$", table, re.MULTILINE)
    assert rows
    assert all(structures[name] == smiles for name, smiles in rows)


def test_the_worksheet_has_structures_and_is_told_as_it_is(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("simulated", "manual"))
    hakken("tick", "small.yaml")
    (sheet,) = Path("runs").rglob("worksheet.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with Path("filled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "procedure"])
        writer.writeheader()
        writer.writerows([{**row, "response": "1.5", "procedure": "weigh"} for row in rows])

    told = hakken("tell", "small", "filled.csv")

    assert {row["molecule_smiles"] for row in rows} <= {"CCO", "c1ccccc1", "CCN"}
    assert {row["molecule"] for row in rows} <= {"ethanol", "benzene", "amine"}
    assert told.code == 0, told.err
    assert "2 results accepted" in told.out


def test_a_structure_that_is_not_that_of_the_name_is_named(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("simulated", "manual"))
    hakken("tick", "small.yaml")
    Path("told.csv").write_text("molecule,molecule_smiles,response\nethanol,OCC,1\nbenzene,CCN,2\namine,,3\n")

    told = hakken("tell", "small", "told.csv")

    assert "2 results accepted" in told.out
    assert (
        "column 'molecule_smiles': 'CCN' is not the structure of 'benzene', which is c1ccccc1; correct"
        in told.out + told.err
    )


def test_a_structure_that_is_not_that_of_the_reagents_is_named(hakken: Any) -> None:
    Path("ureas.yaml").write_text(
        """
campaign: ureas
space:
  molecule:
    type: products
    reaction: "[NX3;H2:1].[NX3;H2:2]>>[N:1]C(=O)[N:2]"
    reagents: {left: {options: {methyl: CN}}, right: {options: {ethyl: CCN, propyl: CCCN}}}
objective: {y: {goal: maximize}}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""
    )
    header = "molecule.left,molecule.right,molecule_smiles,y"
    Path("told.csv").write_text(f"{header}\nmethyl,ethyl,CNC(=O)NCC,1\nmethyl,propyl,CNC(=O)NCC,2\n")

    told = hakken("tell", "ureas.yaml", "told.csv")

    assert "1 result accepted" in told.out
    assert "'CNC(=O)NCC' is not the structure of 'molecule', which is CCCNC(=O)NC" in told.out + told.err


def test_an_unknown_feature_is_refused_before_anything_is_read(hakken: Any) -> None:
    said = hakken("library", "build", "small.yaml", "--features", "graph")

    assert said.code == 2
    assert "unknown feature 'graph' (did you mean 'graphs'?); known: atom-pair, descriptors, graphs, morgan" in said.err
    assert "no library" not in hakken("library", "show").out
    assert not list(Path("runs/libraries").glob("*/report.json"))


def test_results_are_told_by_structures_as_the_vendor_writes_them(hakken: Any) -> None:
    standardise = "standardise: {salts: strip, charges: neutralise}"
    Path("small.yaml").write_text(SPEC.replace("name: name", f"name: name, {standardise}"))
    Path("told.csv").write_text("molecule,response\nCC[NH3+].[Cl-],1\nOCC,2\namine,3\n")

    told = hakken("tell", "small.yaml", "told.csv")

    assert told.code == 0, told.err
    hakken("export", "small", "out.csv")
    rows = Path("out.csv").read_text().splitlines()[1:]
    assert [("amine" in row, "ethanol" in row) for row in rows] == [(True, False), (False, True), (True, False)]


def test_a_molecule_told_by_its_structure_is_likened_to_no_name(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("told.csv").write_text("molecule,response\nOCC,1\n")

    def likened(word: str, _: object) -> str:
        pytest.fail(f"{word!r} is likened to thousands of options, row by row")

    monkeypatch.setattr("loop.space.parameters.did_you_mean", likened)
    told = hakken("tell", "small.yaml", "told.csv")

    assert told.code == 0, told.err
    assert "1 result accepted" in told.out


def test_a_told_molecule_that_is_not_in_the_library_is_said_to_be_so(hakken: Any) -> None:
    Path("small.csv").write_text(TABLE + "CCBr,CCBr\n")
    Path("told.csv").write_text("molecule,response\nAmine,1\nCCCl,2\n")

    told = hakken("tell", "small.yaml", "told.csv")

    rule = "parameter 'molecule': none of its 4 molecules has the name or the structure"
    assert told.code == 2
    assert f"line 2: {rule} 'Amine' (did you mean 'amine'?); correct it" in told.err
    assert f"line 3: {rule} 'CCCl'; correct it, or tell results of other molecules with --source TITLE" in told.err


def test_a_told_molecule_that_a_filter_left_out_is_no_slip_for_a_neighbour_in_the_catalogue(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("name: name", "name: name, filters: {forbid: N}"))
    Path("small.csv").write_text("name,smiles\nV02515,CCN\nV02855,OCC\nV02856,c1ccccc1\nV02857,CCC\n")
    Path("told.csv").write_text("molecule,response\nV02515,1\n")

    told = hakken("tell", "small.yaml", "told.csv")

    assert "has the name or the structure 'V02515' (perhaps one of 1 that filters left out: hakken library" in told.err
    assert "did you mean" not in told.err


def test_people_may_call_a_molecule_by_its_structure(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace(", name: name", ""))  # molecules are called by their canonical SMILES
    hakken("tick", "small.yaml")

    banned = hakken("ban", "small", "--where", "molecule=C1=CC=CC=C1", "--why", "smells")
    unknown = hakken("ban", "small", "--where", "molecule=CCCl", "--why", "smells")

    assert banned.code == 0, banned.err
    assert "c1ccccc1" in hakken("decisions", "small").out
    assert "parameter 'molecule' has no option 'CCCl'" in unknown.err


def test_a_misspelt_substance_is_not_read_as_nothing(hakken: Any) -> None:
    component = "ligand: {type: component, options: {none: null, PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1}}"
    Path("ligands.yaml").write_text(SPEC.replace("molecule: {type: molecule, file: small.csv, name: name}", component))
    Path("told.csv").write_text("ligand,response\nPhP3,1\n")

    told = hakken("tell", "ligands.yaml", "told.csv")

    assert told.code == 2
    assert "told.csv line 2: parameter 'ligand' has no option 'PhP3' (did you mean 'PPh3'?)" in told.err


def test_a_table_with_a_broken_line_becomes_a_campaign(hakken: Any) -> None:
    rows = [f"m{n},{'C' * n}O," for n in range(1, 25)]
    Path("library.csv").write_text("\n".join(["name,smiles,gap", *rows, "broken,C1CC,"]) + "\n")

    said = hakken("init", "library.csv", "--target", "gap", "-o", "library.yaml")

    assert said.code == 0, said.err
    assert hakken("validate", "library.yaml", "--json").json["candidates"] == 24


def test_a_campaign_that_was_opened_from_a_plain_table_keeps_its_version(home: Any) -> None:
    """An earlier release read a small table as text; its record holds the molecules, and nothing of the file."""
    from flows import engine
    from flows.wiring import make_record, open_record
    from loop.spec import read_spec

    Path("small.csv").write_text("name,smiles\nethanol,OCC\nbenzene,c1ccccc1\namine,CCN\n")
    plain = read_spec(SPEC, source="small.yaml", read=lambda name: Path(name).read_text())
    with make_record(home) as ledger:
        ledger.open_campaign("small", plain.resolved(), by="test")

    name = engine.add_campaign(home, "small.yaml")

    with open_record(home) as ledger:
        record = ledger.campaign(name)
    assert record.version == 1
    assert record.spec == plain.resolved()
    Path("small.csv").write_text("name,smiles\nethanol,OCC\nbenzene,c1ccccc1\namine,CCN\nether,COC\n")
    engine.add_campaign(home, "small.yaml")
    with open_record(home) as ledger:
        assert ledger.campaign(name).version == 2


def test_capitals_of_smiles_are_atoms_and_those_of_names_are_asked_about(hakken: Any) -> None:
    Path("small.csv").write_text("name,smiles\nAspirin,Oc1ccccc1\naspirin,OC1CCCCC1\n")
    named = hakken("validate", "small.yaml").out
    Path("small.yaml").write_text(SPEC.replace(", name: name", ""))
    called_by_structure = hakken("validate", "small.yaml").out

    assert "note: molecule has 'Aspirin' and 'aspirin', which differ in capitals or spaces only" in named
    assert "capitals" not in called_by_structure


def test_a_molecule_is_told_by_the_name_of_its_duplicate(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("simulated", "manual"))
    Path("told.csv").write_text("molecule,response\nEtOH,1\nethanol,2\namine,3\n")

    said = hakken("tell", "small.yaml", "told.csv")

    assert "3 results accepted" in said.out, said.err
    assert hakken("export", "small", "out.csv").code == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        assert [row["settings.molecule"] for row in csv.DictReader(file)] == ["ethanol", "ethanol", "amine"]


def test_a_name_of_two_molecules_is_told_of_neither(hakken: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("simulated", "manual"))
    Path("small.csv").write_text(f"{TABLE}both,CCO\nboth,NCC\nbenzene,OCC\n")
    Path("told.csv").write_text("molecule,response\nboth,1\nbenzene,2\n")

    said = hakken("tell", "small.yaml", "told.csv")

    assert "told.csv line 2: parameter 'molecule': none of its 3 molecules has the name" in said.err
    assert hakken("export", "small", "out.csv").code == 0
    assert "c1ccccc1" in Path("out.csv").read_text(encoding="utf-8")


def test_a_lone_star_is_no_molecule(hakken: Any) -> None:
    Path("small.csv").write_text(f"{TABLE}star,*\npart,*CC\n")

    valid = hakken("validate", "small.yaml", "--json")

    assert valid.json["candidates"] == 4
    assert "left out of small.csv: line 7: a star is no atom: *" in valid.json["problems"]


def test_a_scaffold_is_banned_and_predicted_by_its_pattern(hakken: Any) -> None:
    names = "".join(f"A{i},{'C' * i}N\nB{i},{'C' * i}O\n" for i in range(1, 7))
    Path("small.csv").write_text(f"name,smiles\n{names}")
    Path("small.yaml").write_text(SPEC.replace("experiments: 2}\nlab", "experiments: 6}\nlab"))
    hakken("tick", "small.yaml")

    banned = hakken("ban", "small", "--where", "molecule~[NH2]", "--why", "stain everything")
    listed = hakken("decisions", "small", "--json")
    nothing = hakken("ban", "small", "--where", "molecule~[Xe]", "--why", "none")
    broken = hakken("predict", "small", "--where", "molecule~c1cc(")

    assert banned.code == 0, banned.err
    region = listed.json["decisions"][0]["decision"]["draft"]["region"]
    assert region["exclude"] == {"molecule": [f"A{i}" for i in range(1, 7)]}
    assert "molecule~[NH2] (6 molecules)" in " ".join(hakken("decisions", "small").out.split())
    assert "no structure of 'molecule' has the pattern [Xe]" in nothing.err
    assert "a pattern: SMARTS 'c1cc(' cannot be read; correct it" in broken.err


def test_a_library_that_lacks_what_was_measured_is_refused_with_the_files_that_have_it(hakken: Any) -> None:
    Path("told.csv").write_text("molecule,response\namine,1\nethanol,2\n")
    hakken("tell", "small.yaml", "told.csv")
    Path("other.csv").write_text("name,smiles\nphenol,Oc1ccccc1\nethane,CC\n")
    Path("small.yaml").write_text(SPEC.replace("small.csv", "other.csv"))

    refused = hakken("run", "small.yaml")
    Path("small.yaml").write_text(SPEC.replace("small.csv", "[small.csv, other.csv]"))
    taken = hakken("run", "small.yaml")

    assert "the changed space no longer reads 2 results, the first observation " in refused.err
    assert "keep small.csv among the files of molecule (file: [small.csv, other.csv]), and hakken ban" in refused.err
    assert taken.code == 0, taken.err


def test_lines_of_what_was_measured_that_are_gone_from_a_library_are_asked_for(hakken: Any) -> None:
    Path("told.csv").write_text("molecule,response\namine,1\n")
    hakken("tell", "small.yaml", "told.csv")
    Path("small.csv").write_text("name,smiles\nethanol,OCC\nbenzene,c1ccccc1\n")

    refused = hakken("run", "small.yaml")

    assert "keep the molecules that were measured in small.csv, and hakken ban small" in refused.err


def test_a_filter_that_leaves_out_what_was_measured_is_refused_with_the_way_to_ban_a_scaffold(hakken: Any) -> None:
    Path("told.csv").write_text("molecule,response\namine,1\nethanol,2\n")
    hakken("tell", "small.yaml", "told.csv")
    Path("small.yaml").write_text(SPEC.replace("name: name", "name: name, filters: {forbid: N}"))

    refused = hakken("run", "small.yaml")

    assert refused.code == 2
    assert "keep the filters of molecule as they were, and hakken ban small --where 'molecule~SMARTS'" in refused.err
