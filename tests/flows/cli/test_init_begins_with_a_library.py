"""``hakken init --library``: a campaign for molecules of which nothing is measured yet."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import yaml
from rdkit import Chem

SMILES = {"ethanol": "CCO", "amine": "CCN", "benzene": "c1ccccc1"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_list(file: Path) -> None:
    text = "".join(f"{smiles} {name}\n" for name, smiles in SMILES.items())
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())


def write_table(file: Path) -> None:
    rows = "".join(f"{name};{smiles};7\n" for name, smiles in SMILES.items())
    file.write_text(f"Compound ID;Canonical SMILES;MW\n{rows}")


def write_sdf(file: Path) -> None:
    with Chem.SDWriter(str(file)) as writer:
        for name, smiles in SMILES.items():
            mol = Chem.MolFromSmiles(smiles)
            mol.SetProp("_Name", name)
            writer.write(mol)


def write_parquet(file: Path) -> None:
    columns = {"SMILES": list(SMILES.values()), "name": list(SMILES)}
    pyarrow.parquet.write_table(pyarrow.table(columns), file)


@pytest.mark.parametrize(
    ("file", "write", "columns"),
    [
        ("vendor.smi", write_list, {}),
        ("vendor.smi.gz", write_list, {}),
        ("vendor.csv", write_table, {"smiles": "Canonical SMILES", "name": "Compound ID"}),
        ("vendor.sdf", write_sdf, {}),
        ("vendor.parquet", write_parquet, {"smiles": "SMILES"}),
    ],
)
def test_every_format_becomes_a_campaign_that_runs(hakken: Any, file: str, write: Any, columns: dict[str, str]) -> None:
    write(Path(file))

    said = hakken("init", "--library", file, "--target", "Ki:minimize", "--target", "logP", "--json")

    assert said.code == 0, said.err
    assert said.json == {
        "file": "campaign.yaml", "campaign": "vendor", "template": None, "table": None, "library": file, "notes": [],
    }  # fmt: skip
    spec = yaml.safe_load(Path("campaign.yaml").read_text())
    assert spec["space"] == {"molecule": {"type": "molecule", "file": file, "name": "name"} | columns}
    assert spec["objective"] == {"Ki": {"goal": "minimize"}, "logP": {"goal": "maximize"}}
    batch = hakken("run", "--dry-run", "campaign.yaml").out
    assert all(name in batch for name in SMILES)


def test_molecules_without_names_or_with_one_twice_are_called_by_their_structures(hakken: Any) -> None:
    Path("bare.smi").write_text("SMILES\nCCO\nCCN\n")
    Path("some.smi").write_text("CCO a\nCCN\n")
    Path("twice.smi").write_text("CCO a\nCCN a\n")
    for name in ("bare", "some", "twice"):
        said = hakken("init", "--library", f"{name}.smi", "--target", "y", "-o", f"{name}.yaml")

        assert said.code == 0, said.err
        assert "name" not in yaml.safe_load(Path(f"{name}.yaml").read_text())["space"]["molecule"]
        assert hakken("validate", f"{name}.yaml", "--json").json["candidates"] == 2


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("Catalog ID", "Catalog ID"),
        ("zinc_id", "zinc_id"),
        ("CatalogNumber", "CatalogNumber"),
        ("CAS", "CAS"),
        ("note,Molecule Name", "Molecule Name"),
        ("Supplier ID,name", "name"),
        ("formula", None),
        ("lipid", None),
    ],
)
def test_columns_that_may_name_molecules_are_found(hakken: Any, header: str, named: str | None) -> None:
    names = ["same," * header.count(",") + f"A{i}" for i in range(3)]
    rows = "".join(f"{smiles},{name}\n" for smiles, name in zip(SMILES.values(), names, strict=True))
    Path("vendor.csv").write_text(f"smiles,{header}\n{rows}")

    hakken("init", "--library", "vendor.csv", "--target", "y")

    assert yaml.safe_load(Path("campaign.yaml").read_text())["space"]["molecule"].get("name") == named


def test_fields_of_an_sdf_name_molecules_where_titles_do_not(hakken: Any) -> None:
    with Chem.SDWriter("vendor.sdf") as writer:
        for i, smiles in enumerate(SMILES.values()):
            mol = Chem.MolFromSmiles(smiles)
            mol.SetProp("Supplier", "Acme")
            mol.SetProp("IDNUMBER", f"A{i}")
            writer.write(mol)

    hakken("init", "--library", "vendor.sdf", "--target", "y")

    assert yaml.safe_load(Path("campaign.yaml").read_text())["space"]["molecule"]["name"] == "IDNUMBER"
    assert "A2" in hakken("run", "--dry-run", "campaign.yaml").out


def test_a_field_that_some_molecules_of_an_sdf_lack_is_left_to_a_person(hakken: Any) -> None:
    with Chem.SDWriter("vendor.sdf") as writer:
        for i, smiles in enumerate(SMILES.values()):
            mol = Chem.MolFromSmiles(smiles)
            if i != 1:
                mol.SetProp("IDNUMBER", f"A{i}")
            writer.write(mol)

    hakken("init", "--library", "vendor.sdf", "--target", "y")

    written = Path("campaign.yaml").read_text()
    assert re.search(r"The field IDNUMBER may be a name, but .* \(line \d+ has none\)", written)
    assert "name" not in yaml.safe_load(written)["space"]["molecule"]
    assert hakken("validate", "campaign.yaml", "--json").json["candidates"] == 3


def test_an_entry_that_stands_twice_takes_no_name_from_another(hakken: Any) -> None:
    Path("vendor.csv").write_text("smiles,id\nCCO,a\nCCN,b\nCCO,a\n")

    hakken("init", "--library", "vendor.csv", "--target", "y")

    assert yaml.safe_load(Path("campaign.yaml").read_text())["space"]["molecule"]["name"] == "id"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"\n\nsmiles,id\nCCO,a\nCCN,b\n", {"name": "id"}),
        ("smiles,Händler id,zinc id\nCCO,x,a\nCCN,y,b\n".encode("latin-1"), {"name": "Händler id"}),
        ("smiles,编号 id,zinc id\nCCO,x,a\nCCN,y,b\n".encode("gbk"), {"name": "zinc id"}),
        (b'smiles,"zinc\nid"\nCCO,x\nCCN,x\n', {}),
    ],
    ids=["blank lines first", "a header of Latin-1", "a header of GBK", "a header of two lines"],
)
def test_columns_are_found_in_untidy_tables(hakken: Any, text: bytes, named: dict[str, str]) -> None:
    Path("vendor.csv").write_bytes(text)

    said = hakken("init", "--library", "vendor.csv", "--target", "y")

    assert said.code == 0, said.err
    assert yaml.safe_load(Path("campaign.yaml").read_text())["space"]["molecule"] == {
        "type": "molecule", "file": "vendor.csv", "smiles": "smiles", **named
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("v.smi", "CCO a\nCCN\n", "may be a name, but not every molecule has one of its own (line 2 has none)"),
        ("v.csv", "smiles,zinc id\nCCO,a\nCCN,a\n", "its own (line 3 has that of line 2)"),
        ("v.csv", "smiles,zinc id\nCCO,a\nCCN,a\n", "with name: zinc id by it"),
    ],
)  # fmt: skip
def test_names_that_not_every_molecule_has_are_left_to_a_person(hakken: Any, file: str, text: str, told: str) -> None:
    Path(file).write_text(text)

    hakken("init", "--library", file, "--target", "y")

    written = Path("campaign.yaml").read_text()
    assert told in written
    assert "name" not in yaml.safe_load(written)["space"]["molecule"]


def test_what_the_file_says_of_classes_can_be_written(hakken: Any) -> None:
    write_list(Path("vendor.smi"))
    hakken("init", "--library", "vendor.smi", "--target", "act")
    text = Path("campaign.yaml").read_text()
    (told,) = re.findall(r"# (.*classes: \[inactive, active\])", text)

    Path("campaign.yaml").write_text(text.replace("{goal: maximize}", f"{{{told}}}"))
    said = hakken("validate", "campaign.yaml")

    assert said.code == 0, said.err


def test_a_library_in_place_of_a_table_is_told_how_to_begin(hakken: Any) -> None:
    write_list(Path("vendor.smi.gz"))
    write_table(Path("vendor.csv"))

    named, unmeasured = hakken("init", "vendor.smi.gz"), hakken("init", "vendor.csv", "--target", "Ki")

    assert named.code == unmeasured.code == 2
    assert "hakken init --library vendor.smi.gz --target NAME begins a campaign with it" in named.err
    assert "has no column 'Ki' for a target" in unmeasured.err
    assert "write --library before its name" in unmeasured.err


@pytest.mark.parametrize(
    ("content", "arguments", "told"),
    [
        ("CCO a\n", ["--library", "vendor.smi"], "say what is to be measured of the molecules"),
        ("CCO a\n", ["--library", "other.smi", "--target", "y"], "other.smi: no such file"),
        ("CCO a\n", ["--library", "vendor.smi", "--target", "y", "--ignore", "z"], "--ignore goes with a table"),
        ("CCO a\n", ["vendor.smi", "--library", "vendor.smi", "--target", "y"], "give one of: a table"),
        (
            "CCO a\n",
            ["--library", "vendor.smi", "--target", "y", "--target", "y:minimize"],
            "--target y is to be maximised and minimised; give it once",
        ),
        (
            "CCO a\n",
            ["--library", "vendor.smi", "--target", "gap:smallest"],
            "error: --target gap:smallest: the goal must be maximize or minimize, got 'smallest'; write --target "
            "gap:minimize for the smallest, or :maximize for the largest\n",
        ),
        (
            "CCO a\n",
            ["--library", "vendor.smi", "--target", "logD:match"],
            "error: --target logD:match: a target to match has numbers beside its goal; write --target logD, and goal: "
            "match, value and within into the file then\n",
        ),
        (
            "CCO a\n",
            ["--library", "vendor.smi", "--target", "hERG:keep"],
            "write --target hERG, and goal: keep with at_least or at_most into the file then\n",
        ),
        (
            "CCO a\n",
            ["--library", "vendor.smi", "--target", "g/p"],
            "error: campaign.yaml is not written, for it could not be used: objective.g/p: 'g/p' is not a usable name",
        ),
        ("", ["--library", "vendor.smi", "--target", "y"], "the file holds no record"),
        ("", ["--library", "vendor.csv", "--target", "y"], "the file is empty; it needs a header line"),
        (
            "id,mw\na,1\n",
            ["--library", "vendor.csv", "--target", "y"],
            "no column with SMILES in its header (it has id,",
        ),
        (
            "smiles," + 200_000 * "x" + "\n",
            ["--library", "vendor.csv", "--target", "y"],
            "vendor.csv line 1: the header cannot be read: not readable as CSV (field larger",
        ),
        ("CCO\n", ["--library", "vendor.csv.gz", "--target", "y"], "vendor.csv.gz: cannot be unpacked"),
        ("CCO\n", ["--library", "vendor.parquet", "--target", "y"], "vendor.parquet: not readable as Parquet"),
        ("CCO\n", ["--library", "vendor.doc", "--target", "y"], "a library is told by the end of its name"),
    ],
)
def test_what_cannot_begin_a_campaign_is_told_and_writes_nothing(
    hakken: Any, content: str, arguments: list[str], told: str
) -> None:
    for ending in ("smi", "csv", "csv.gz", "parquet", "doc"):
        Path(f"vendor.{ending}").write_text(content)

    said = hakken("init", *arguments)

    assert said.code == 2
    assert told in said.err
    assert not Path("campaign.yaml").exists()
