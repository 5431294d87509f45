"""Library files of every format: read in a stream, nothing fatal in a record, duplicates merged, filters counted."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from flows.libraries import opening, preparing, store
from flows.libraries.crew import Crew
from flows.libraries.reader import Reader
from flows.libraries.recipe import Recipe
from flows.libraries.records import records
from flows.libraries.store import Store
from loop.errors import SpecError
from loop.spec.space_models import MoleculeSpec

ROWS = [("ethanol", "OCC"), ("broken", "C1CC"), ("benzene", "c1ccccc1"), ("EtOH", "CCO"), ("salt", "CC(=O)[O-].[Na+]")]
READ = {"ethanol": "CCO", "benzene": "c1ccccc1", "salt": "CC(=O)[O-].[Na+]"}


def spec(file: str | list[str], **more: Any) -> MoleculeSpec:
    return MoleculeSpec.model_validate({"type": "molecule", "file": file, "name": "name", **more})


def read(folder: Path, file: str | list[str], **more: Any) -> Any:
    return Reader(Store(folder / "libraries", workers=1), folder).read(spec(file, **more))


def write(folder: Path, file: str) -> None:
    """The rows in the format that the file's name says."""
    import pyarrow
    import pyarrow.parquet

    plain = folder / file.removesuffix(".gz")
    match plain.suffix:
        case ".smi":
            plain.write_text("".join(f"{smiles} {name}\n" for name, smiles in ROWS))
        case ".csv":
            plain.write_text("name,smiles\n" + "".join(f"{name},{smiles}\n" for name, smiles in ROWS))
        case ".tsv":
            plain.write_text("name\tsmiles\n" + "".join(f"{name}\t{smiles}\n" for name, smiles in ROWS))
        case ".parquet":
            names, structures = zip(*ROWS, strict=True)
            pyarrow.parquet.write_table(pyarrow.table({"name": names, "smiles": structures}), plain)
        case ".sdf":
            blocks = []
            for name, smiles in ROWS:
                molecule = Chem.MolFromSmiles(smiles)
                block = "\n\n\nno block\n" if molecule is None else Chem.MolToMolBlock(molecule)
                blocks.append(f"{name}{block}$$$$\n")
            plain.write_text("".join(blocks))
    if file.endswith(".gz"):
        (folder / file).write_bytes(gzip.compress(plain.read_bytes()))


@pytest.mark.parametrize("ending", ["smi", "smi.gz", "csv", "csv.gz", "tsv", "sdf", "sdf.gz", "parquet", "parquet.gz"])
def test_every_format_says_the_same(tmp_path: Path, ending: str) -> None:
    write(tmp_path, f"library.{ending}")

    stored, molecules = read(tmp_path, f"library.{ending}")

    assert molecules == READ
    assert (stored.molecules, stored.read, stored.unreadable, stored.duplicates) == (3, 5, 1, 1)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_in_utf16_is_read_as_any(tmp_path: Path, name: str) -> None:
    table = "Name,smiles,L\xf6slichkeit\r\nS\xe4ure,CCO,1\r\n".encode("utf-16")
    (tmp_path / name).write_bytes(gzip.compress(table) if name.endswith(".gz") else table)

    _, molecules = read(tmp_path, name, name="Name")

    assert molecules == {"S\xe4ure": "CCO"}


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_in_windows_1252_is_read_as_any_and_said_to_be_so(tmp_path: Path, name: str) -> None:
    table = "Name,smiles,L\xf6slichkeit\r\nS\xe4ure,CCO,1\r\n".encode("cp1252")
    (tmp_path / name).write_bytes(gzip.compress(table) if name.endswith(".gz") else table)

    stored, molecules = read(tmp_path, name, name="Name")

    assert molecules == {"S\xe4ure": "CCO"}
    assert Store(tmp_path / "libraries").report(stored.key).guesses == [
        f"{name} is not in UTF-8, and was read as Windows-1252"
    ]


def test_a_name_in_a_list_of_smiles_ends_with_a_further_tab_and_what_follows_is_said_to_be_passed_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.smi").write_text("CC ethane\nCCO\tethyl alcohol\tEX-1\t7\nCC(=O)O acetic acid\tEX-2\nC\t\n")

    stored, molecules = read(tmp_path, "a.smi", name="name")

    assert molecules == {"ethane": "CC", "ethyl alcohol": "CCO", "acetic acid": "CC(=O)O"}
    (said,) = Store(tmp_path / "libraries").report(stored.key).guesses
    assert said.startswith("a.smi: the name is what stands before a further tab, as 'ethyl alcohol' in line 2")
    assert "such as 'EX-1\\t7', is not read" in said


def test_of_a_list_of_smiles_with_two_fields_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO\tethyl alcohol\nCC(=O)O acetic acid\n")

    stored, molecules = read(tmp_path, "a.smi", name="name")

    assert molecules == {"ethyl alcohol": "CCO", "acetic acid": "CC(=O)O"}
    assert Store(tmp_path / "libraries").report(stored.key).guesses == []


def test_names_in_another_encoding_are_to_be_saved_as_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("Name,smiles\n\u4e59\u9187,CCO\n".encode("gbk"))

    with pytest.raises(SpecError, match=r"line 2: byte 0xd2 is not UTF-8: CCO; save the file as UTF-8"):
        read(tmp_path, "a.csv", name="Name")


def test_a_table_in_another_encoding_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("Name,\u7ed3\u6784,\u6eb6\u89e3\u5ea6\nx,CCO,1\n".encode("gbk"))

    with pytest.raises(
        SpecError, match=r"a\.csv line 1 is not UTF-8, and has no column 'smiles'; save the file as UTF-8"
    ):
        read(tmp_path, "a.csv", name="Name")


def test_fields_of_an_sdf_are_found_however_their_headers_are_written(tmp_path: Path) -> None:
    headers = [">  <CAS No>", ">  <CAS No>  (2) ", "> 25 <CAS No>", "> <CAS No> DT12 (MFCD01)"]
    blocks = [
        f"{Chem.MolToMolBlock(Chem.MolFromSmiles('C' * (i + 1)))}{header}\nC-{i}\n\n$$$$\n"
        for i, header in enumerate(headers)
    ]
    (tmp_path / "vendor.sdf").write_text("".join(blocks))

    _, molecules = read(tmp_path, "vendor.sdf", name="CAS No")

    assert molecules == {"C-0": "C", "C-1": "CC", "C-2": "CCC", "C-3": "CCCC"}


def test_a_field_that_an_sdf_lacks_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    (tmp_path / "a.sdf").write_text(f"{block}>  <CAS No>  (1) \n64-17-5\n\n>  <logS>  (1) \n1.1\n\n$$$$\n")

    with pytest.raises(SpecError, match=r"it has no field 'cas no' \(did you mean 'CAS No'\?\); it has CAS No, logS"):
        read(tmp_path, "a.sdf", name="cas no")


def test_what_is_left_out_is_listed_with_line_and_reason(tmp_path: Path) -> None:
    write(tmp_path, "library.csv.gz")
    (tmp_path / "more.csv").write_bytes(
        gzip.decompress((tmp_path / "library.csv.gz").read_bytes()) + b"a,CCN,1\n,CCC\nsalt,CCCl\nb\x81,CCF\n"
    )

    stored, _ = read(tmp_path, "more.csv", filters={"forbid": "[Na]"})

    folder = Store(tmp_path / "libraries").place(stored.key)
    lines = [line.split("\t") for line in (folder / "unreadable.tsv").read_text().splitlines()[1:]]
    assert lines[0] == ["3", "its syntax is wrong", "C1CC", "broken"]
    assert [line[:2] for line in lines] == [
        ["3", "its syntax is wrong"],
        ["7", "3 cells where the header has 2"],
        ["8", "it has no name"],
        ["10", "byte 0x81 is not UTF-8"],
    ]
    assert (folder / "duplicates.tsv").read_text().splitlines()[1] == "5\tthe same molecule as line 2\tCCO\tEtOH"
    assert (folder / "removed.tsv").read_text().splitlines()[1] == "6\tforbid.[Na]\tCC(=O)[O-].[Na+]\tsalt"
    assert stored.removed == {"forbid.[Na]": 1}


def chain(n: int) -> str:
    """One of as many molecules as there are numbers."""
    return "C" * (n % 30 + 1) + "O" * (n // 30 % 2) + "N" * (n // 60)


OPEN = "a quote is opened and not closed; double or remove it"


def unreadable(folder: Path, key: str) -> list[list[str]]:
    """Line and reason of every record that was left out."""
    text = (Store(folder / "libraries").place(key) / "unreadable.tsv").read_text()
    return [line.split("\t")[:2] for line in text.splitlines()[1:]]


@pytest.mark.parametrize("stray", ['"m2,CCC', 'm2,"CCC', '"m2",CCC,"'])
@pytest.mark.parametrize("rows", [1, 300])
def test_an_open_quote_costs_one_line(tmp_path: Path, stray: str, rows: int) -> None:
    lines = [f"m{n},{chain(n)}" for n in range(1, rows + 1)]
    (tmp_path / "a.csv").write_text("\n".join(["name,smiles", "first,OO", stray, *lines]) + "\n")

    stored, molecules = read(tmp_path, "a.csv")

    assert (stored.read, stored.unreadable, stored.duplicates) == (rows + 2, 1, 0)
    assert list(molecules) == ["first", *(line.split(",")[0] for line in lines)]
    assert unreadable(tmp_path, stored.key) == [["3", OPEN]]


def test_an_open_quote_in_a_long_file_and_one_at_its_end_cost_their_lines(tmp_path: Path) -> None:
    rows = "".join(f"m{n},CO,a note that makes the line long enough\n" for n in range(9_000))
    (tmp_path / "a.csv").write_text(f'name,smiles,note\n"m,CC,\n{rows}last,CCC,"\n')

    found = list(records(Recipe.of(spec("a.csv"), tmp_path)))

    assert len(found) == 9_002
    assert [(r.place, r.fault) for r in found if r.fault] == [(2, OPEN), (9_003, OPEN)]
    assert {(r.place - 3, r.name, r.text) for r in found[1:-1]} == {(n, f"m{n}", "CO") for n in range(9_000)}


def test_quotes_are_read_as_they_are_meant(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'name,smiles,note\n"two\nlines",CCO,"a ""b"", c\n\nd"\n5" tube,CCN,6"\n"a"-b,CCF,x\n'
        '"c" ,"CCCl" ,x\n"x\ny",C1CC\n'
        f'long,{"C" * 140_000},\nlast,CCBr,"all of it"'
    )

    found = list(records(Recipe.of(spec("a.csv"), tmp_path)))

    assert [(r.place, r.name, r.text) for r in found if not r.fault] == [
        (2, "two\nlines", "CCO"),
        (6, '5" tube', "CCN"),
        (7, "a-b", "CCF"),
        (8, "c", "CCCl"),
        (12, "last", "CCBr"),
    ]
    assert [(r.place, r.fault) for r in found if r.fault] == [
        (9, OPEN),
        (10, "2 cells where the header has 3"),
        (
            11,
            "not readable as CSV (field larger than field limit (131072)); shorten its cells, or remove the line",
        ),
    ]


def test_rows_that_quotes_tie_together_are_read_again_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.libraries.records.SWALLOWED", 100)
    rows = "".join(f'",x","m{n},CO,"\n' for n in range(20))  # each closes what the one before it opened
    (tmp_path / "a.csv").write_text(f'name,smiles,note\na,CC,"\n{rows}b,CCC,\n')

    found = list(records(Recipe.of(spec("a.csv"), tmp_path)))

    assert [r.place for r in found] == list(range(2, 24))
    assert all(r.fault for r in found[:-1])
    assert found[-1][1:] == ("CCC", "b", "")


@pytest.mark.parametrize("rows", ['m2,CCO,"\nm3,CCN,"\n', 'm2,CCO,"\nm3,CCN,x\nm4,CCF,"\n', '",CCO,x\n",CCN,x\n'])
def test_no_molecule_goes_lost_between_two_open_quotes(tmp_path: Path, rows: str) -> None:
    (tmp_path / "a.csv").write_text(f"name,smiles,note\nm1,CO,\n{rows}last,CCC,\n")
    lines = rows.splitlines()

    found = list(records(Recipe.of(spec("a.csv"), tmp_path)))

    assert [(r.place, r.fault) for r in found if r.fault] == [
        (number, OPEN) for number, line in enumerate(lines, start=3) if '"' in line
    ]
    assert [r.place for r in found] == list(range(2, len(lines) + 4))


def test_a_text_of_as_many_cells_within_quotes_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('name,smiles,note\na,CCO,"first, second, third\nand, so, on\n,,\nx"\nb,CCN,\n')

    found = list(records(Recipe.of(spec("a.csv"), tmp_path)))

    assert [tuple(r) for r in found] == [(2, "CCO", "a", ""), (6, "CCN", "b", "")]


def test_a_header_with_an_open_quote_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('name,"smiles\na,CC\n')

    with pytest.raises(SpecError) as caught:
        read(tmp_path, "a.csv")

    assert str(caught.value) == f"a.csv line 1: the header cannot be read: {OPEN}"


def test_a_name_that_is_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO a\nCCN b\nCCF a\n")

    stored, molecules = read(tmp_path, "a.smi")

    report = Store(tmp_path / "libraries").report(stored.key)
    assert molecules == {"a": "CCO", "b": "CCN"}
    assert report.first == ["line 3: its name 'a' is that of line 1"]


def test_the_raw_text_stays_beside_the_structure(tmp_path: Path) -> None:
    from flows.libraries.files import mapped

    (tmp_path / "a.smi").write_text("C(O)C.Cl x\n")

    stored, molecules = read(tmp_path, "a.smi", standardise={"salts": "strip"})

    arrays = mapped(Store(tmp_path / "libraries").place(stored.key))
    assert molecules == {"x": "CCO"}
    assert arrays["raw.data"].tobytes() == b"C(O)C.Cl"
    assert arrays["places"].tolist() == [1]


def test_several_files_are_one_library(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO ethanol\nC1CC broken\nCCN amine\n")
    (tmp_path / "b.csv").write_text("name,smiles\nspirit,OCC\nether,COC\namine,CCCN\n")
    write(tmp_path, "library.sdf.gz")

    stored, molecules = read(tmp_path, ["a.smi", "b.csv", "library.sdf.gz"])

    report = Store(tmp_path / "libraries").report(stored.key)
    assert molecules is not None
    assert list(molecules)[:3] == ["ethanol", "amine", "ether"]
    assert set(molecules) == {"ethanol", "amine", "ether", "benzene", "salt"}
    assert stored.source == report.source == "a.smi, b.csv, library.sdf.gz"
    assert report.first == [
        "a.smi line 2: its syntax is wrong: C1CC",
        "library.sdf.gz line 12: the block is no structure that RDKit can read: broken",
        "b.csv line 4: its name 'amine' is that of a.smi line 3",
    ]
    duplicates = (Store(tmp_path / "libraries").place(stored.key) / "duplicates.tsv").read_text().splitlines()
    assert duplicates[1] == "b.csv line 2\tthe same molecule as a.smi line 1\tOCC\tspirit"


def test_the_order_of_files_and_their_content_decide_the_library(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO ethanol\n")
    (tmp_path / "b.smi").write_text("OCC spirit\n")

    first, other = (read(tmp_path, files) for files in (["a.smi", "b.smi"], ["b.smi", "a.smi"]))

    assert (first[1], other[1]) == ({"ethanol": "CCO"}, {"spirit": "CCO"})
    assert first[0].key != other[0].key
    assert read(tmp_path, ["a.smi", "b.smi"]) == first


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["a.smi", "a.smi"], "file names 'a.smi' twice; a library needs each of its files once"),
        (["a.smi", "c.smi"], "c.smi: no such file"),
        (["a.smi", "b.xyz"], "b.xyz: a library is told by the end of its name"),
        (["a.smi", "empty.csv"], "empty.csv: the file is empty; it needs a header line"),
    ],
)
def test_what_is_wrong_with_one_of_several_is_said(tmp_path: Path, files: list[str], says: str) -> None:
    (tmp_path / "a.smi").write_text("CCO ethanol\n")
    (tmp_path / "empty.csv").write_text("")

    with pytest.raises(SpecError) as error:
        read(tmp_path, files)

    assert says in str(error.value)


@pytest.mark.parametrize(
    ("policy", "smiles", "becomes"),
    [
        ({}, "C[NH+](C)C.[Cl-]", "C[NH+](C)C.[Cl-]"),
        ({"salts": "strip"}, "C[NH+](C)C.[Cl-]", "C[NH+](C)C"),
        ({"salts": "strip", "charges": "neutralise"}, "C[NH+](C)C.[Cl-]", "CN(C)C"),
        ({"salts": "strip", "charges": "neutralise"}, "C[NH3+].[O-]C(=O)C(F)(F)F", "CN"),
        ({"salts": "strip"}, "CCCCn1cc[n+](C)c1.c1ccc([B-](c2ccccc2)(c2ccccc2)c2ccccc2)cc1", "CCCCn1cc[n+](C)c1"),
        ({"salts": "strip"}, "CN(C)C=O.Oc1ccccc1", "Oc1ccccc1"),
        ({"salts": "strip"}, "[K+].O=C([O-])C(=O)O", "O=C([O-])C(=O)O"),  # nothing else is there
        ({"salts": "strip"}, "C[C@H](N)c1ccccc1.O=C(O)[C@H](O)[C@@H](O)C(=O)O", "C[C@H](N)c1ccccc1"),
        ({"salts": "strip", "charges": "neutralise"}, "[Na+].[Cl-]", "[Cl-].[Na+]"),
        ({"salts": "strip"}, "N.N.[Cl-].[Cl-].[Pt+2]", "N.N.[Cl-].[Cl-].[Pt+2]"),
        ({"salts": "strip"}, "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1", "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1"),
        ({"tautomers": "canonical"}, "Oc1ccccn1", "O=c1cccc[nH]1"),
        ({"charges": "neutralise"}, "C[N+](C)(C)C", "C[N+](C)(C)C"),
    ],
)
def test_structures_are_standardised_as_the_spec_says(
    tmp_path: Path, policy: dict[str, str], smiles: str, becomes: str
) -> None:
    (tmp_path / "a.smi").write_text(f"{smiles} x\n")

    assert read(tmp_path, "a.smi", standardise=policy)[1] == {"x": becomes}


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"properties": {"MolWt": {"below": 100}}}, {"aniline", "ethanol"}),
        ({"properties": {"NumHDonors": {"at_least": 1, "at_most": 1}}}, {"aniline", "ethanol"}),
        ({"alerts": "BRENK"}, {"ethanol", "taxane"}),
        ({"sa_score": {"at_most": 4}}, {"aniline", "ethanol", "nitro"}),
        ({"require": "c1ccccc1"}, {"aniline", "nitro"}),
        ({"forbid": ["[N+](=O)[O-]", "[OX2H]"]}, {"aniline", "taxane"}),
    ],
)
def test_filters_keep_what_they_say(tmp_path: Path, filters: dict[str, Any], kept: set[str]) -> None:
    # the last is a cage of many stereocentres, which no one makes easily
    (tmp_path / "a.smi").write_text(
        "Nc1ccccc1 aniline\nCCO ethanol\nO=[N+]([O-])c1ccccc1 nitro\n"
        "C[C@]12CC[C@@H]3[C@H]([C@H]1CC[C@]24CCCO4)C3 taxane\n"
    )

    stored, molecules = read(tmp_path, "a.smi", filters=filters)

    assert set(molecules) == kept
    assert sum(stored.removed.values()) == 4 - len(kept)


def test_a_killed_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "PART", 2)
    write(tmp_path, "library.smi")
    prepared: list[int] = []
    really = preparing.prepare

    def prepare(records: Any, *rest: Any) -> int:
        if records[0].place == 5 and len(prepared) == 2:
            raise KeyboardInterrupt
        prepared.append(records[0].place)
        return really(records, *rest)

    monkeypatch.setattr(preparing, "prepare", prepare)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path, "library.smi")
    prepared.append(0)  # from now on it is not interrupted

    _, molecules = read(tmp_path, "library.smi")

    assert prepared == [1, 3, 0, 5]
    assert molecules == READ
    assert not list((tmp_path / "libraries").glob("*.parts"))


def test_processes_make_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "library.smi")
    _, alone = read(tmp_path, "library.smi")
    monkeypatch.setattr(preparing, "PART", 2)
    monkeypatch.setattr(store, "ALONE", 1)

    stored, together = Reader(Store(tmp_path / "others", workers=2), tmp_path).read(spec("library.smi"))

    library = Store(tmp_path / "others").library(stored.key)
    assert together == alone
    assert library is not None
    assert len(library.structures.counts("torsion")) == 3


class Held:
    """Progress of a process that stops in the middle of its work until it is let go on."""

    def __init__(self, at: str) -> None:
        self.at, self.reached, self.go_on = at, Event(), Event()

    def __call__(self, what: str, _done: int) -> None:
        if what == self.at:
            self.reached.set()
            assert self.go_on.wait(60)


def beside(first: Callable[[], object], held: Held, second: Callable[[], object], waits: Event) -> None:
    """``second`` is begun while ``first`` is in the middle of its work, which ends once ``second`` waits for it."""
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(first)
        assert held.reached.wait(60)
        other = pool.submit(second)
        assert waits.wait(60)
        assert not other.done()
        held.go_on.set()
        making.result(60)
        other.result(60)


def test_two_processes_build_a_library_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "library.smi")
    prepared: list[int] = []
    really = preparing.prepare
    monkeypatch.setattr(preparing, "prepare", lambda some, *rest: prepared.append(len(some)) or really(some, *rest))
    held, waits = Held("merging"), Event()
    stores = [
        Store(tmp_path / "libraries", workers=1, progress=progress)
        for progress in (held, lambda what, _: waits.set() if what.startswith("waiting for another") else None)
    ]
    first, second = (partial(Reader(s, tmp_path).read, spec("library.smi")) for s in stores)

    beside(first, held, second, waits)

    assert prepared == [5]
    assert read(tmp_path, "library.smi")[1] == READ


def test_two_processes_make_features_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "library.smi")
    stored, _ = read(tmp_path, "library.smi")
    made: list[str] = []
    really = opening.compute
    monkeypatch.setattr(opening, "compute", lambda kind, *rest: made.append(kind) or really(kind, *rest))
    held, waits = Held("merging"), Event()
    place, library = Store(tmp_path / "libraries").place(stored.key), Store(tmp_path / "libraries").library(stored.key)
    assert library is not None
    first, second = (
        opening.StoredFeatures(place, Crew(1, progress), library.structures)
        for progress in (held, lambda what, _: waits.set() if what.startswith("waiting for another") else None)
    )

    beside(partial(first.counts, "torsion"), held, partial(second.counts, "torsion"), waits)

    assert made == ["torsion"]
    assert len(first.counts("torsion")) == len(second.counts("torsion")) == 3


def test_features_are_those_of_rdkit(tmp_path: Path) -> None:
    from rdkit.Chem import Descriptors, rdFingerprintGenerator

    write(tmp_path, "library.smi")
    stored, _ = read(tmp_path, "library.smi")
    library = Store(tmp_path / "libraries", workers=1).library(stored.key)
    assert library is not None
    molecules = [Chem.MolFromSmiles(smiles) for smiles in library.structures]

    for kind, generator in (
        ("morgan", rdFingerprintGenerator.GetMorganGenerator(radius=2)),
        ("atom-pair", rdFingerprintGenerator.GetAtomPairGenerator()),
        ("torsion", rdFingerprintGenerator.GetTopologicalTorsionGenerator()),
    ):
        counts = library.structures.counts(kind)
        rows = counts.rows(np.arange(3))
        for i, molecule in enumerate(molecules):
            part = slice(rows.indptr[i], rows.indptr[i + 1])
            found = dict(zip(counts.vocabulary[rows.features[part]].tolist(), rows.counts[part].tolist(), strict=True))
            assert found == generator.GetSparseCountFingerprint(molecule).GetNonzeroElements()
    weights = library.structures.descriptors()[:, [name for name, _ in Descriptors.descList].index("MolWt")]
    assert weights == pytest.approx([Descriptors.MolWt(m) for m in molecules], rel=1e-6)


def test_graphs_are_those_of_the_structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.libraries import opening
    from loop.molecules.graphs import molecular_graphs

    write(tmp_path, "library.smi")
    stored, _ = read(tmp_path, "library.smi")
    library = Store(tmp_path / "libraries", workers=1).library(stored.key)
    assert library is not None
    monkeypatch.setattr(opening, "PART", 2)  # several parts are put together

    found, wanted = library.structures.graphs(), molecular_graphs(tuple(library.structures))

    for name in ("atoms", "bonds", "ends", "first_atom", "first_bond"):
        assert np.asarray(getattr(found, name)).tolist() == getattr(wanted, name).tolist()
    assert list((tmp_path / "libraries").rglob("graphs.atoms.bin"))


def test_the_second_time_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "library.smi")
    first = read(tmp_path, "library.smi")
    monkeypatch.setattr(preparing, "prepare", lambda *_: pytest.fail("it is stored already"))

    assert read(tmp_path, "library.smi") == first


@pytest.mark.parametrize(
    ("name", "content", "more", "says"),
    [
        (
            "a.smi",
            "C1CC x\n",
            {},
            "a.smi: none of 1 records is a molecule that can be read; line 1: its syntax is wrong",
        ),
        ("a.smi", "", {}, "a.smi: the file holds no record; give a file with molecules"),
        ("a.xyz", "CCO", {}, "a.xyz: a library is told by the end of its name, one of .smi, .smiles, .csv"),
        ("a.smi.gz", "CCO x", {}, "a.smi.gz: cannot be"),
        ("a.tsv", "nam\tsmiles\nx\tCCO\n", {}, "a.tsv has no column 'name' (did you mean 'nam'?); it has nam, smiles"),
        (
            "a.csv",
            "name,SMILES\nx,CCO\n",
            {},
            "a.csv has no column 'smiles' (did you mean 'SMILES'?); it has name, SMILES",
        ),
        ("a.csv", "ID,smiles\nx,CCO\n", {}, "it has ID, smiles; write name: and the column that holds names"),
        ("a.parquet", "CCO", {}, "; write the file anew, or save it as CSV"),
        (
            "a.smi",
            "CCO x\nCCN y\n",
            {"filters": {"properties": {"MolWt": {"above": 500}}}},
            "a.smi: no molecule is left of 2 (properties.MolWt removed 2; 0 could not be read); "
            "loosen filters.properties.MolWt",
        ),
    ],
)
def test_a_file_that_is_no_library_is_refused(
    tmp_path: Path, name: str, content: str, more: dict[str, Any], says: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(SpecError) as caught:
        read(tmp_path, name, **more)

    assert says in str(caught.value)
    assert not list((tmp_path / "libraries").glob("*/report.json"))


def test_blank_lines_of_a_table_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "blank.csv").write_text("name,smiles\na,CCO\n\n,\n , \nb,CCN\n\n")

    stored, molecules = read(tmp_path, "blank.csv")

    assert molecules == {"a": "CCO", "b": "CCN"}
    assert (stored.read, stored.unreadable) == (2, 0)
