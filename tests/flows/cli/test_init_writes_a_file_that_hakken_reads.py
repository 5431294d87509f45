"""``hakken init``: from a template or a table to a campaign file that is valid, commented and never overwritten."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from flows.cli.starting import TEMPLATES, guess_campaign
from loop.errors import SpecError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def guess(text: str, **targets: str) -> dict[str, Any]:
    found = guess_campaign(text, source="t.csv", path="t.csv", campaign="c", targets=targets or {"yield": "maximize"})
    read: dict[str, Any] = yaml.safe_load(found.text)
    return read


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_valid(hakken: Any, template: str) -> None:
    assert hakken("init", "--template", template).code == 0

    said = hakken("validate", "campaign.yaml", "--json")

    assert said.code == 0, said.err
    assert said.json["campaign"] == template
    assert said.json["problems"] == []


@pytest.mark.parametrize("name", [*TEMPLATES, "table", "numbers", "import", "foreign", "example"])
def test_what_is_known_before_stands_in_every_file_that_a_campaign_begins_with(hakken: Any, name: str) -> None:
    Path("t.csv").write_text("base,t,yield\nA,20,1\nB,40,2\nA,40,3\n")
    Path("n.csv").write_text("t,yield\n20,1\n30,2\n40,3\n")
    scope = ROOT / "tests/flows/importing/data/edbo_scope.csv"
    words: dict[str, tuple[Any, ...]] = {
        "table": ("init", "t.csv", "--target", "yield"),
        "numbers": ("init", "n.csv", "--target", "yield"),
        "import": ("import", "t.csv", "--target", "yield"),
        "foreign": ("import", scope),
    }
    if name == "example":
        text = (ROOT / "examples/direct_arylation.yaml").read_text(encoding="utf-8")
        copytree(ROOT / "examples/data", "data")
    else:
        assert hakken(*words.get(name, ("init", "--template", name))).code == 0
        text = Path("campaign.yaml").read_text(encoding="utf-8")

    Path("heard.yaml").write_text(text.replace("# memory:", "memory:").replace("# prior:", "prior:"), encoding="utf-8")
    spec = yaml.safe_load(Path("heard.yaml").read_text(encoding="utf-8"))

    assert spec["memory"] == "auto"
    assert bool(spec.get("prior")) == (name not in ("numbers", "molecules", "continuous"))
    assert hakken("validate", "heard.yaml").code == 0


def test_a_template_explains_itself() -> None:
    for template in TEMPLATES:
        from flows.cli.starting import template_text

        assert template_text(template, "x").count("#") >= 6, template


def test_nothing_is_overwritten_without_force(hakken: Any) -> None:
    Path("campaign.yaml").write_text("mine")

    said = hakken("init", "--template", "reaction")

    assert said.code == 2
    assert "campaign.yaml exists and is not overwritten; add --force" in said.err
    assert Path("campaign.yaml").read_text() == "mine"
    assert hakken("init", "--template", "reaction", "--force").code == 0
    assert "campaign: reaction" in Path("campaign.yaml").read_text()


def test_without_a_table_or_template_it_says_what_there_is(hakken: Any) -> None:
    said = hakken("init")

    assert said.code == 2
    assert all(f"--template {name}" in said.err for name in TEMPLATES)


def test_a_misspelt_template_is_guessed(hakken: Any) -> None:
    said = hakken("init", "--template", "recation")

    assert said.code == 2
    assert "did you mean 'reaction'?" in said.err


def test_a_complete_table_becomes_a_campaign_with_the_table_as_laboratory(hakken: Any) -> None:
    table = ROOT / "examples/data/direct_arylation.csv"

    said = hakken("init", table, "--target", "yield", "--target", "cost:minimize", "-o", "sub/da.yaml")

    assert said.code == 0, said.err
    spec = yaml.safe_load(Path("sub/da.yaml").read_text())
    assert spec["space"]["base"]["options"]["KOAc"] == "CC(=O)[O-].[K+]"
    assert len(spec["space"]["ligand"]["options"]) == 12
    assert spec["space"]["temperature"]["values"] == [90, 105, 120]
    assert spec["objective"]["cost"]["goal"] == "minimize"
    assert spec["laboratory"]["adapter"] == "emulator"
    assert hakken("validate", "sub/da.yaml", "--json").json["candidates"] == 1728


def test_a_library_stays_in_its_file(hakken: Any) -> None:
    lines = (ROOT / "examples/data/molecules.csv").read_text().splitlines()[:40]
    Path("library.csv").write_text("\n".join([f"{lines[0]},gap [eV]", *(f"{line}," for line in lines[1:])]))

    assert hakken("init", "library.csv", "--target", "gap:minimize").code == 0

    spec = yaml.safe_load(Path("campaign.yaml").read_text())
    assert spec["space"]["molecule"] == {"type": "molecule", "file": "library.csv", "smiles": "smiles", "name": "name"}
    assert spec["objective"]["gap"] == {"goal": "minimize", "unit": "eV"}


LIST = ["OCC", "CCO", "C1CC", *("C" * n + "N" for n in range(3, 30))]  # one molecule twice, and one that is none


def _table(header: str, *rest: Any) -> str:
    rows = [",".join([smiles, *(str(r(n)) for r in rest)]) for n, smiles in enumerate(LIST)]
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize("head", ["SMILES", "Canonical SMILES", "Structure", "molecule"])
def test_what_stands_beside_the_molecules_of_a_library_is_not_varied(hakken: Any, head: str) -> None:
    text = _table(
        f"{head},Compound ID,MolWt,Supplier,logS", lambda n: f"id-{n}", lambda n: n * 14.5, lambda _: "A", float
    )
    text = text.replace("N,", "(=O)N,") if head in ("Structure", "molecule") else text  # seen by its bonds
    Path("t.csv").write_text(text)

    said = hakken("init", "t.csv", "--target", "logS")

    assert said.code == 0, said.err
    written = Path("campaign.yaml").read_text()
    assert yaml.safe_load(written)["space"] == {
        "molecule": {"type": "molecule", "file": "t.csv", "smiles": head, "name": "Compound ID"}
    }
    assert "left out: MolWt (the same wherever a molecule stands: it describes it; name it with --target" in written
    assert hakken("validate", "campaign.yaml", "--json").json["candidates"] == len(LIST) - 2


def test_what_was_varied_beside_molecules_is_a_parameter() -> None:
    rows = "\n".join(f"{'C' * (n + 1)}N,{t},{n + t}" for n in range(20) for t in (20, 60))

    spec = guess(f"smiles,temperature [degC],yield\n{rows}\n")

    assert list(spec["space"]) == ["molecule", "temperature"]
    assert spec["space"]["temperature"]["values"] == [20, 60]


def test_what_was_varied_for_a_few_molecules_of_a_library_is_a_parameter() -> None:
    first = [f"{'C' * (n + 1)}N,{(20, 60, 90)[n % 3]},{14.0 * n},{n}" for n in range(30)]
    rows = "\n".join([*first, "CN,90,0.0,3", "CCN,20,14.0,4"])

    text = guess_campaign(
        f"smiles,temperature [degC],MolWt,yield\n{rows}\n",
        source="t.csv", path="t.csv", campaign="t", targets={"yield": "maximize"},
    ).text  # fmt: skip

    assert list(yaml.safe_load(text)["space"]) == ["molecule", "temperature"]
    assert "left out: MolWt (the same wherever a molecule stands" in text
    assert "left out: temperature" not in text


def test_words_that_go_with_one_structure_each_are_its_names_whatever_their_column_is_called() -> None:
    rows = "".join(
        f"{ligand},{smiles},{base},{t},{y}\n"
        for t, y in ((60, 12), (80, 25))
        for base in ("KOAc", "CsOPiv")
        for ligand, smiles in (("PPh3", "c1ccc(P(c2ccccc2)c2ccccc2)cc1"), ("PMe3", "CP(C)C"), ("none", ""))
    )
    ligand = guess(f"ligand,smiles,base,T (degC),yield\n{rows}")["space"]

    assert list(ligand) == ["ligand", "base", "T"]
    structures = {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "PMe3": "CP(C)C", "none": None}
    assert ligand["ligand"] == {"type": "component", "options": structures}


def test_words_that_do_not_go_with_structures_are_varied_beside_them() -> None:
    rows = "".join(
        f"{smiles},{base},{t},{t}\n" for t in (60, 80) for base in ("KOAc", "CsOPiv") for smiles in ("CP(C)C", "CCP")
    )
    space = guess(f"smiles,base,T (degC),yield\n{rows}")["space"]

    assert list(space) == ["molecule", "base", "T"]


def test_a_table_of_ligands_that_each_stand_once_keeps_its_conditions() -> None:
    rows = "\n".join(f"{'C' * (n + 1)}P,{(20, 60, 80)[n % 3]},KOAc,{n}" for n in range(24))

    spec = guess(f"ligand_smiles,temperature [degC],base,yield\n{rows}\n")

    assert list(spec["space"]) == ["ligand", "temperature"]


def test_the_command_that_imports_a_table_is_named_whole(hakken: Any) -> None:
    text = _table("smiles,MolWt,log S", lambda n: n * 14.5, lambda n: n or "")  # not every answer is known
    Path("t.csv").write_text(text)

    said = hakken("init", "t.csv", "--target", "log S:minimize", "--ignore", "MolWt")

    assert "hakken import t.csv --target 'log S:minimize' --ignore MolWt in place of hakken init does both" in said.out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["-o", "sub/x.yaml", "--name", "foo"], " -o sub/x.yaml --name foo"),
        (["-o", "sub/x y.yaml"], " -o 'sub/x y.yaml' --name x_y"),
        (["--name", "foo bar"], " --name 'foo bar'"),
    ],
)
def test_the_command_that_imports_writes_the_same_file_and_name(hakken: Any, options: list[str], named: str) -> None:
    Path("t.csv").write_text(_table("smiles,MolWt,yield", lambda n: n * 14.5, lambda n: n or ""))

    said = hakken("init", "t.csv", "--target", "yield", *options)

    assert f"hakken import t.csv --target yield{named} in place of hakken init does both" in said.out


def test_results_of_a_library_are_imported_with_it(hakken: Any) -> None:
    Path("t.csv").write_text(_table("smiles,name,MolWt,logS", lambda n: f"id-{n}", lambda n: n * 14.5, float))

    refused = hakken("import", "t.csv", "--target", "logS")
    hakken("import", "t.csv", "--target", "logS", "--partly")

    assert "1 of 30 results of t.csv cannot be used" in refused.err  # and no second one: a molecule that stands twice
    assert "line 4: parameter 'molecule': none of its 28 molecules has the name or the structure 'C1CC'" in refused.err
    assert hakken("status", "t", "--json").json[0]["told"] == 29


def test_units_come_from_headers() -> None:
    spec = guess("temperature [degC],time (h),conc [mol/L],yield [%]\n20,1,0.1,5\n40,2,0.2,50\n")

    assert [p["unit"] for p in spec["space"].values()] == ["degC", "h", "mol/L"]
    assert spec["objective"]["yield"] == {"goal": "maximize", "unit": "%", "low": 0, "high": 100}


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("T (C)", "degC"),
        ("T [C]", "degC"),
        ("Temp. (C)", "degC"),
        ("bath temperature (F)", "degF"),
        ("T_rxn (C)", "degC"),
        ("T (oC)", "oC"),
        ("T (deg C)", "deg C"),
        ("charge (C)", "C"),
        ("total (C)", "C"),
    ],
)
def test_degrees_are_read_where_a_temperature_is_spoken_of(head: str, unit: str) -> None:
    (parameter,) = guess(f"{head},yield [%]\n80,5\n100,50\n")["space"].values()

    assert parameter["unit"] == unit


def test_a_table_with_degrees_written_as_a_charge_is_told_as_it_is(hakken: Any) -> None:
    Path("runs.csv").write_text("T (C),charge (C),yield\n80,1,5\n100,2,50\n120,3,60\n")

    assert hakken("init", "runs.csv", "--target", "yield").code == 0
    text = Path("campaign.yaml").read_text()
    assert "C of the header is read as degC" in text
    assert "C is a coulomb here; write degC if degrees are meant" in text
    told = hakken("tell", "campaign.yaml", "runs.csv", "--json")
    assert (told.json["accepted"], told.json["problems"]) == (3, [])
    other = text.replace("campaign: runs", "campaign: others")  # of which nothing is on record
    Path("campaign.yaml").write_text(other.replace("unit: degC}", "unit: C}"))
    checked = hakken("validate", "campaign.yaml").out
    assert "T is in C, which is a charge or a capacitance; write unit: degC for degrees" in checked


@pytest.mark.parametrize(
    ("head", "values", "low"),
    [
        ("Pd (ppm)", "<5,12,30", 0),
        ("titer [mg/L]", "0,12,30", 0),
        ("area (mAU*s)", "4,12,30", 0),
        ("signal (counts)", "4,12,30", 0),
        ("drift (ppm)", "-4,12,30", None),
        ("31P shift (ppm)", "4,12,30", None),
        ("dG [kJ/mol]", "4,12,30", None),
        ("onset (degC)", "4,12,30", None),
    ],
)
def test_a_target_of_which_there_is_never_less_than_none_is_bounded(head: str, values: str, low: int | None) -> None:
    cells = values.split(",")
    table = f"base,{head}\n" + "".join(f"{base},{cell}\n" for base, cell in zip("ABC", cells, strict=True))

    (said,) = guess(table, **{head: "minimize"})["objective"].values()

    assert said.get("low") == low
    assert "high" not in said


def test_brackets_that_hold_no_unit_stay_in_the_name() -> None:
    spec = guess("ligand (commercial),yield\nA,1\nB,2\n")

    assert list(spec["space"]) == ["ligand _commercial"]


def test_many_numbers_become_a_range_and_few_become_values() -> None:
    rows = "\n".join(f"{i / 7},{i % 3},{i}" for i in range(30))

    spec = guess(f"flow,stirring,yield\n{rows}\n")["space"]

    assert spec["flow"] == {"type": "number", "low": 0, "high": pytest.approx(29 / 7)}
    assert spec["stirring"]["values"] == [0, 1, 2]


def test_words_that_yaml_would_misread_stay_words() -> None:
    spec = guess("gas,solvent,yield\nNO,1e5x,3\nN2,on,4\nnull,off,5\n")["space"]

    assert spec["gas"]["options"] == ["NO", "N2", "null"]
    assert spec["solvent"]["options"] == ["1e5x", "on", "off"]


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("", "without a name"),
        *((head, head) for head in ("Unnamed: 0", "#", "exp", "Expt. no.", "Experiment", "Sample", "Versuch")),
    ],
)
def test_the_numbers_of_rows_that_pandas_writes_are_no_parameter(header: str, shown: str) -> None:
    text = guess_campaign(
        f"{header},base,yield\n0,A,1\n1,B,2\n2,A,3\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"yield": "maximize"},
    ).text

    assert list(yaml.safe_load(text)["space"]) == ["base"]
    assert f"left out: {shown} (it counts the rows)" in text


def test_a_german_table_has_its_numbers_of_experiments_and_its_purities_told_apart_from_what_was_varied() -> None:
    text = guess_campaign(
        "Vers.;Base;Reinheit [%];Ausbeute [%]\nX-1;A;91,5;1\nX-2;B;88,0;2\nX-3;A;93,1;3\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"Ausbeute": "maximize"},
    ).text

    assert list(yaml.safe_load(text)["space"]) == ["Base"]
    assert "left out: Vers. (another text in every row, and called an identifier)" in text
    assert "left out: Reinheit [%] (going by its name it was measured" in text


def test_a_choice_with_an_empty_cell_is_left_out_and_that_is_said(tmp_path: Path, hakken: Any) -> None:
    (tmp_path / "r.csv").write_text("variant,pH,% ee\nWT,7,90\nW110A,8,-20\n,8,0\nM3,7,95\n", encoding="utf-8")

    said = hakken("init", tmp_path / "r.csv", "--target", "% ee")

    assert "left out: column variant (empty in 1 of 4 rows; if it was varied, write what" in " ".join(said.out.split())
    assert 'ee: {goal: maximize, unit: "%"}' in Path("campaign.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("header", ["", "Unnamed: 0", "#", "id", "Experiment ID", "entry", "Exp. no.", "Run number"])
@pytest.mark.parametrize("cells", ["0101", "1123"])
def test_what_names_experiments_is_no_parameter_where_it_names_one_twice(header: str, cells: str) -> None:
    rows = "".join(f"{cell},{base},{n}\n" for n, (cell, base) in enumerate(zip(cells, "AABB", strict=True)))

    text = guess_campaign(
        f"{header},base,yield\n{rows}", source="t.csv", path="t.csv", campaign="c", targets={"yield": "maximize"}
    ).text

    assert list(yaml.safe_load(text)["space"]) == ["base"]
    going = "whole numbers without a name say" if header in ("", "#") else "going by its name it says"
    said = f"{going} which experiment a row is of; rename it if it was varied"
    assert f"left out: {header or 'without a name'} ({said})" in text


@pytest.mark.parametrize("header", ["run", "sample", "catalyst id", "ID [mm]", "number of scans", "refractive index"])
def test_what_only_sounds_like_a_name_of_experiments_is_a_parameter_where_cells_come_again(header: str) -> None:
    assert len(guess(f"{header},base,yield\n1,A,1\n2,A,2\n1,B,3\n2,B,4\n")["space"]) == 2


def test_a_number_is_no_counter_for_a_word_in_its_name() -> None:
    text = guess_campaign(
        "run time (min),number of scans,base,yield\n10,1,A,1\n20,2,B,2\n40,3,A,3\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"yield": "maximize"},
    ).text

    assert list(yaml.safe_load(text)["space"]) == ["run time", "base"]
    assert "left out: number of scans (it counts the rows)" in text


def test_amounts_of_a_sample_are_no_counter() -> None:
    assert list(guess("sample,base,yield\n10,A,1\n20,B,2\n40,A,3\n")["space"]) == ["sample", "base"]


def test_a_table_under_headers_in_another_script_is_refused_by_what_it_says(hakken: Any) -> None:
    Path("Übersicht.csv").write_text("配体,T (C),产率(%)\nA,20,1\nB,30,2\n", encoding="utf-8")

    unknown = hakken("init", "Übersicht.csv", "--target", "收率")
    found = hakken("init", "Übersicht.csv", "--target", "产率(%)", "--ignore", "配体")

    assert 'it has "配体", T (C), "产率(%)"' in unknown.err
    assert found.code == 0, found.err
    assert yaml.safe_load(Path("campaign.yaml").read_text(encoding="utf-8"))["campaign"] == "Ubersicht"


def test_identifiers_counters_and_constants_are_left_out_with_the_reason() -> None:
    rows = "\n".join(f"{i},note {i},Pd,{'AB'[i % 2]},{i}" for i in range(25))

    text = guess_campaign(
        f"entry,remark,metal,base,yield\n{rows}\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"yield": "maximize"},
    ).text

    assert list(yaml.safe_load(text)["space"]) == ["base"]
    assert "left out: entry (it counts the rows)" in text
    assert "left out: remark (another text in every row" in text
    assert "left out: metal (always Pd)" in text


def test_an_option_without_a_structure_is_nothing_and_one_row_may_give_it_for_all() -> None:
    rows = "PPh3,c1ccccc1P(c1ccccc1)c1ccccc1,80,1\nPPh3,,90,2\nnone,,80,3\nPMe3,,80,4\nPMe3,CP(C)C,90,5\n"

    found = guess(f"ligand,ligand_smiles,T,yield\n{rows}")

    assert found["space"]["ligand"]["options"] == {
        "PPh3": "c1ccccc1P(c1ccccc1)c1ccccc1",
        "none": None,
        "PMe3": "CP(C)C",
    }
    with pytest.raises(SpecError, match="ligand 'none' and 'PCy3' have no structure in column ligand_smiles; one of"):
        guess(f"ligand,ligand_smiles,T,yield\n{rows}PCy3,,90,7\n")


@pytest.mark.parametrize("name", ["Experiment ID", "Sample", "exp no", "ID"])
def test_a_text_of_its_own_in_each_row_is_no_choice_where_it_is_called_an_identifier(name: str) -> None:
    found = guess(f"{name},Ligand,base,yield\nEXP-1,L1,KOAc,1\nEXP-2,L2,KF,2\nEXP-3,L3,KF,3\n")

    assert list(found["space"]) == ["Ligand", "base"]


@pytest.mark.parametrize(
    "days", [("12.03.2026", "13.03.2026"), ("2026-03-12 09:30", "2026-03-13"), ("3/12/26", "4/1/26")]
)
def test_dates_are_left_out_whatever_their_column_is_called(days: tuple[str, str]) -> None:
    found = guess(f"Datum,base,yield\n{days[0]},KOAc,1\n{days[0]},KF,2\n{days[1]},KF,3\n")

    assert list(found["space"]) == ["base"]


@pytest.mark.parametrize("names", [("7440-05-3", "50-00-0"), ("1.2.3", "1-2"), ("12/03/2026-A", "12.03/2026")])
def test_what_only_resembles_dates_is_varied(names: tuple[str, str]) -> None:
    assert list(guess(f"what,yield\n{names[0]},1\n{names[1]},2\n{names[1]},3\n")["space"]) == ["what"]


def test_two_columns_of_one_name_are_named_with_what_to_do(hakken: Any) -> None:
    Path("t.csv").write_text("Base,Base (eq),T,yield\nKF,1,20,1\nKOAc,2,20,2\nKF,2,30,3\n")

    for command in ("init", "import"):
        said = hakken(command, "t.csv", "--target", "yield:maximize")
        assert said.code == 2
        assert "t.csv: columns 'Base' and 'Base (eq)' would both be called 'Base'; rename one" in said.err
    assert hakken("init", "t.csv", "--target", "yield:maximize", "--ignore", "Base (eq)").code == 0


def test_an_unreadable_structure_is_named_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"line 3, column 'ligand_smiles': SMILES 'C1CC' cannot be read"):
        guess("ligand_smiles,yield\nCCO,1\nC1CC,2\n")


def test_one_name_with_two_structures_is_refused() -> None:
    with pytest.raises(SpecError, match=r"line 3: ligand 'A' has structure 'CO' here and 'CCO' above"):
        guess("ligand,ligand_smiles,yield\nA,CCO,1\nA,CO,2\n")


def test_a_file_that_is_no_text_is_called_what_it_is(hakken: Any) -> None:
    Path("t.csv.gz").write_bytes(gzip.compress(b"smiles,yield\n"))
    Path("t.csv").write_bytes(b"PAR1\x15\x04")

    zipped, parquet, moved = (
        hakken(*words, "--target", "yield").err
        for words in (("init", "t.csv.gz"), ("init", "t.csv"), ("import", "t.csv"))
    )

    assert "t.csv.gz is packed by gzip; unpack it first" in zipped
    assert "t.csv is a Parquet file that is damaged, or is not read here; write it anew, or as CSV" in parquet
    assert "t.csv is a Parquet file that is damaged, or is not read here; write it anew, or as CSV" in moved
    Path("t.json").write_text('[{"base": "A", "yield": 1}]\n')
    Path("t.pdf").write_bytes(b"%PDF-1.7\n")
    assert "t.json is JSON, and no table; save its rows as CSV" in hakken("init", "t.json", "--target", "yield").err
    assert "t.pdf is a PDF; save the table that it shows as CSV" in hakken("init", "t.pdf", "--target", "yield").err


def test_a_table_of_results_may_be_a_parquet_file(hakken: Any) -> None:
    columns = {"base": ["A", "B", "A"], "temperature": [20.0, 40.0, 60.0], "yield": [1.0, 2.0, 3.5]}
    pyarrow.parquet.write_table(pyarrow.table(columns), "t.parquet")

    said = hakken("init", "t.parquet", "--target", "yield")

    assert "hakken tell campaign.yaml t.parquet brings in the 3 results it has" in said.out
    assert "3 results accepted" in hakken("tell", "campaign.yaml", "t.parquet").out


def test_without_targets_the_columns_are_listed(hakken: Any) -> None:
    Path("t.csv").write_text("base,yield [%]\nA,1\nB,2\n")

    said = hakken("init", "t.csv")

    assert said.code == 2
    assert "such as --target yield; it has base, yield" in said.err


def test_results_in_the_table_can_be_told_next(hakken: Any) -> None:
    Path("t.csv").write_text("base,temperature [degC],yield [%]\nA,20,1\nB,40,2\n")

    said = hakken("init", "t.csv", "--target", "yield")

    assert "hakken tell campaign.yaml t.csv brings in the 2 results" in said.out
    assert "2 results accepted" in hakken("tell", "campaign.yaml", "t.csv").out
    assert hakken("status", "t", "--json").json[0]["round"] == 0


GERMAN = (
    "\ufeffLigand;Temperatur (°C);c [mol/L];Ausbeute (%);;\r\n"
    "XPhos;90,5;0,1;45,2;;\r\nSPhos;100;0,15;<5;;\r\nPPh3;120;0,057;12;;\r\n;;;;;\r\n;;;;;\r\n"
)


def test_a_german_spreadsheet_becomes_a_campaign_and_its_results_are_told(hakken: Any) -> None:
    Path("t.csv").write_text(GERMAN, encoding="utf-8", newline="")

    said = hakken("init", "t.csv", "--target", "Ausbeute")

    assert said.code == 0, said.err
    assert "first hakken tell campaign.yaml t.csv brings in the 3 results" in said.out
    written = yaml.safe_load(Path("campaign.yaml").read_text(encoding="utf-8"))
    assert written["space"] == {
        "Ligand": {"type": "category", "options": ["XPhos", "SPhos", "PPh3"]},
        "Temperatur": {"type": "number", "values": [90.5, 100, 120], "unit": "°C"},
        "c": {"type": "number", "values": [0.057, 0.1, 0.15], "unit": "mol/L"},
    }
    assert written["objective"]["Ausbeute"]["unit"] == "%"
    told = hakken("tell", "campaign.yaml", "t.csv")
    assert "3 results accepted" in told.out, told.err
    assert "yield 45" not in told.err
    assert hakken("status", "t", "--json").json[0]["best"][0]["value"] == 45.2
    assert "0 results accepted, 3 known already" in hakken("tell", "t", "t.csv").out


def test_a_complete_table_with_decimal_commas_plays_the_laboratory(hakken: Any) -> None:
    Path("t.csv").write_text("base\tc\tyield\nA\t0,1\t1,5\nA\t0,2\t2,5\nB\t0,1\t3,5\nB\t0,2\t4,5\n")

    assert hakken("init", "t.csv", "--target", "yield").code == 0
    assert hakken("run", "campaign.yaml", "--json").json["best"][0]["value"] == 4.5


@pytest.mark.parametrize("header", ["T / foo", "T [foo%]", "{T}"])
def test_a_column_under_another_name_is_not_said_to_be_told_as_it_is(hakken: Any, header: str) -> None:
    Path("t.csv").write_text(f"base,{header},yield [%]\nA,20,1\nB,40,2\nC,60,2\n")

    said = hakken("init", "t.csv", "--target", "yield")

    assert "brings in the 3 results it has, once its columns are those of campaign.yaml by name" in said.out


def test_a_row_in_which_one_of_two_targets_was_measured_is_a_result_too(hakken: Any) -> None:
    Path("t.csv").write_text("base,T,yield,ee,remark\nA,20,1,5,x\nB,40,2,,y\nC,60,,,z\nC,70,,7,z\n")

    said = hakken("init", "t.csv", "--target", "yield", "--target", "ee")

    assert "brings in the 3 results it has" in said.out


def test_a_cell_that_is_neither_number_nor_limit_is_named_with_its_line() -> None:
    with pytest.raises(
        SpecError, match=r"t\.csv line 3: target 'yield' must hold numbers or limits such as <5, got '<x'"
    ):
        guess("base,yield\nA,>90\nB,<x\n")


def test_a_word_among_decimal_commas_is_what_is_wrong_with_the_table(hakken: Any) -> None:
    text = "Base;L\u00f6sungsmittel;Ausbeute (%);;\nA;DMF;44,74;;\nB;DMF;<1,5;;\nA;THF;n.d.;;\nB;THF;12,5;;\n;;;;\n"
    Path("t.csv").write_text(text, encoding="utf-8-sig")
    guessed = hakken("init", "t.csv", "--target", "Ausbeute")
    imported = hakken("import", "t.csv", "--target", "Ausbeute (%)")
    Path("t.csv").write_text(text.replace("n.d.", ""), encoding="utf-8-sig")
    mended = hakken("import", "t.csv", "--target", "Ausbeute")

    assert "t.csv line 4: target 'Ausbeute (%)' must hold numbers or limits such as <5, got 'n.d.'" in guessed.err
    assert "t.csv line 4: column 'Ausbeute' must hold a finite number, got 'n.d.' (empty where it was" in imported.err
    assert "negative in a column 'outcome'); correct the cell" in imported.err
    assert "3 results put on record" in mended.out, mended.err
    assert "Losungsmittel: {type: category, options: [DMF, THF]}" in Path("campaign.yaml").read_text(encoding="utf-8")


def test_options_that_differ_in_capitals_only_are_said(hakken: Any) -> None:
    Path("t.csv").write_text("solvent,base,yield\nDMAc,A,1\ndmac,B,2\nTHF,A,3\n")
    said = hakken("init", "t.csv", "--target", "yield")
    checked = hakken("validate", "campaign.yaml")

    assert said.code == 0
    assert "# 'DMAc' and 'dmac' differ in capitals only; are they one?" in Path("campaign.yaml").read_text()
    assert "note: solvent has 'DMAc' and 'dmac', which differ in capitals or spaces only" in checked.out


# --- kinds beyond choices and numbers ---------------------------------------------------------------------------


def test_a_target_of_words_is_said_to_be_one(hakken: Any) -> None:
    Path("t.csv").write_text("smiles,Result\nCCO,inactive\nCCN,Active\n")

    made, moved = hakken("init", "t.csv", "--target", "Result"), hakken("import", "t.csv", "--target", "Result")

    told = "target 'Result' holds words ('inactive', 'Active') and no number; write numbers in their place"
    assert told in made.err
    assert told in moved.err
    assert "classes: [inactive, active]" in made.err


def test_a_target_of_zeros_and_ones_is_said_to_be_one_of_classes_perhaps() -> None:
    text = guess_campaign(
        "smiles,hit\nCCO,0\nCCN,1\n", source="t.csv", path="t.csv", campaign="c", targets={"hit": "maximize"}
    ).text

    assert "hit: {goal: maximize}   # 0 and 1 only: with classes: [inactive, active] as many" in text


def test_words_with_an_order_are_ordinal() -> None:
    space = guess("stirring,base,gas,yield\nhigh,weak,N2,1\nLow,strong,Ar,2\nmedium,weak,air,3\n")["space"]

    assert space["stirring"] == {"type": "ordinal", "options": ["Low", "medium", "high"]}
    assert space["base"]["type"] == space["gas"]["type"] == "category"  # two words, and words without an order


def test_orders_of_magnitude_have_a_log_scale() -> None:
    rows = "\n".join(f"{10 ** (i / 10 - 1):.4g},{20 + i},{i}" for i in range(40))

    space = guess(f"loading [%],temperature [degC],yield\n{rows}\n")["space"]

    assert space["loading"]["scale"] == "log"
    assert "scale" not in space["temperature"]
    assert guess("c [mol/L],yield\n0.01,1\n0.1,2\n1,3\n10,4\n")["space"]["c"]["scale"] == "log"


def test_zero_or_an_amount() -> None:
    rows = "\n".join(f"{0 if i % 3 else 1 + i / 30:.4g},{10 * i},{i}" for i in range(60))

    space = guess(f"additive,hours,yield\n{rows}\n")["space"]

    assert space["additive"] == {"type": "number", "low": 1, "high": 2.9, "or_zero": True}
    assert space["hours"] == {"type": "number", "low": 0, "high": 590}


@pytest.mark.parametrize("total", [1, 100])
def test_columns_that_sum_to_one_are_a_mixture(total: int) -> None:
    shares = [(0.5, 0.5, 0), (0.25, 0.75, 0), (0, 0.25, 0.75), (1, 0, 0)]
    rows = "\n".join(",".join(f"{s * total:g}" for s in row) + f",{i},{i}" for i, row in enumerate(shares))

    text = guess_campaign(
        f"solvent.water,solvent.ethanol,solvent.DMSO,hours,yield\n{rows}\n",
        source="t.csv",
        path="t.csv",
        campaign="c",
        targets={"yield": "maximize"},
    )

    assert yaml.safe_load(text.text)["space"]["solvent"] == {
        "type": "mixture",
        "parts": ["water", "ethanol", "DMSO"],
        "at_most": 2,
        "step": 0.25,
    }
    assert text.can_be_told == (total == 1)
    assert ("divide by 100 before hakken tell" in text.text) == (total == 100)


def test_fractions_without_a_common_name_are_found_too() -> None:
    space = guess("a,b,c,hours,yield\n0.2,0.3,0.5,1,5\n0.6,0.3,0.1,2,6\n0.1,0.1,0.8,3,9\n")["space"]

    assert space["mixture"]["parts"] == ["a", "b", "c"]
    assert set(space) == {"mixture", "hours"}


def test_what_is_recorded_and_not_chosen_is_context(hakken: Any) -> None:
    table = "base,lot,humidity,plate,yield\nA,L1,40,1,5\nB,L2,50,1,6\nA,L2,45,2,8\n"
    Path("t.csv").write_text(table)

    said = hakken("init", "t.csv", "--target", "yield")

    assert said.code == 0, said.err
    text = Path("campaign.yaml").read_text()
    space = yaml.safe_load(text)["space"]
    assert space["lot"] == {"type": "context", "options": ["L1", "L2"]}
    assert space["humidity"] == {"type": "context", "unit": ""}
    assert "plate" not in space
    assert "not chosen: plate (recorded with each result" in text
    assert "3 results accepted" in hakken("tell", "campaign.yaml", "t.csv").out


def test_a_table_of_a_large_library_makes_a_campaign(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.libraries.reader.FEW", 3)
    Path("lib.csv").write_text("smiles,logp\n" + "".join(f"{'C' * n}O,{n}\n" for n in range(1, 102)))

    started = hakken("init", "lib.csv", "--target", "logp")
    said = hakken("validate", "campaign.yaml", "--json")

    assert started.code == 0, started.err
    assert said.code == 0, said.err
    assert yaml.safe_load(Path("campaign.yaml").read_text())["space"]["molecule"]["file"] == "lib.csv"


@pytest.mark.parametrize("command", ["init", "import"])
def test_a_scope_in_which_nothing_is_measured_needs_an_empty_column(hakken: Any, command: str) -> None:
    Path("scope.csv").write_text("ligand,t\nA,20\nB,20\nA,40\nB,40\n")
    refused = hakken(command, "scope.csv", "--target", "yield")
    Path("scope.csv").write_text("ligand,t,yield\nA,20,\nB,20,\nA,40,\nB,40,\n")

    begun = hakken(command, "scope.csv", "--target", "yield")

    assert "where nothing is measured yet, give the table an empty column 'yield'" in refused.err
    assert (refused.code, begun.code) == (2, 0)
    assert "4 rows have no result: they say what can be tried" in begun.out + begun.err


@pytest.mark.parametrize(
    ("second", "is_asked"), [(("glycerol", "urea", "DMF"), True), (("THF", "DMAc", "dioxane"), False)]
)
def test_numbered_choices_of_one_list_are_asked_to_be_interchangeable(
    hakken: Any, second: tuple[str, ...], is_asked: bool
) -> None:
    rows = zip(("urea", "DMF", "glycerol"), second, strict=True)
    lines = ["additive 1,additive 2,yield", *(f"{a},{b},{i}" for i, (a, b) in enumerate(rows))]
    Path("t.csv").write_text("\n".join(lines) + "\n")

    assert hakken("init", "t.csv", "--target", "yield").code == 0

    text = Path("campaign.yaml").read_text(encoding="utf-8")
    said = "# Where nothing says which of these is the first, give them the same options, and under constraints:"
    asks = f"{said}\n#   - {{"
    assert (f"{asks}interchangeable: [additive 1, additive 2]}}" in text) == is_asked
    Path("campaign.yaml").write_text(text.replace(asks, "constraints:\n  - {"))
    assert json.loads(hakken("validate", "campaign.yaml", "--json").out)["candidates"] == (6 if is_asked else 9)
