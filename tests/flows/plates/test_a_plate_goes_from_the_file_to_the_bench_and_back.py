"""A plate by hand: worksheet, printable page, results with their wells, export and replay."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.engine.looking.view import View
from flows.engine.people.slips import slips
from flows.report import build
from flows.settings import Settings
from flows.wiring import open_record
from loop.record import Arm, AttemptRecord

SPEC = """\
campaign: wells
space:
  ligand: {type: category, options: [XPhos, SPhos, PPh3, "<b>"]}
  base: {type: category, options: [KOAc, K3PO4, CsOAc]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
plate:
  rows: 2
  columns: 4
  blocks: {rows: 2, columns: 2}
  share: {temperature: block}
  controls: {wells: 1, settings: {ligand: XPhos, base: KOAc}}
  replicates: 1
planner: {surrogate: gp, initial: {experiments: 8}}
budget: {experiments: 16}
laboratory: {adapter: manual}
"""


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


@pytest.fixture
def spec(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wells.yaml"
    path.write_text(SPEC)
    assert hakken("tick", path).code == 0
    return path


def sheet(home: Any) -> Path:
    (found,) = home.home.rglob("worksheet.csv")
    return Path(found)


def fill(path: Path, **moved: str) -> None:
    """A yield in each row; ``moved`` gives another well to the row of one."""
    filled = rows(path)
    for i, row in enumerate(filled):
        row["yield [%]"] = str(10 + i)
        row["well"] = moved.get(row["well"], row["well"])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)


@pytest.mark.usefixtures("spec")
def test_the_worksheet_names_every_well_once(home: Any) -> None:
    seen = rows(sheet(home))

    assert list(seen[0])[:4] == ["key", "run_order", "plate", "well"]
    assert sorted(r["well"] for r in seen) == ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"]
    assert {r["plate"] for r in seen} == {"1"}
    assert len({(r["well"][1] in "12", r["temperature [degC]"]) for r in seen}) == 2  # a temperature for each block


def test_results_know_their_wells_and_the_round_comes_out_again(
    spec: Path, hakken: Any, home: Any, tmp_path: Path
) -> None:
    fill(sheet(home), A1="C9")
    assert hakken("tick", spec).code == 0
    with open_record(home) as ledger:
        seen = ledger.observations("wells")
        planned = {p.draft.position: p.draft.place for p in ledger.proposals("wells", 1)}

    for o in seen:
        place = planned[o.position]
        assert place is not None
        if place.well == "A1":  # the person says that it went elsewhere, and nothing is made up of it
            assert (o.context["plate"], o.context["well"]) == ("1", "C9")  # the plate stands beside it
            assert "row" not in o.context
        else:
            assert place.context.items() <= o.context.items()
    assert hakken("replay", "wells", 2).code == 0
    assert hakken("export", "wells", tmp_path / "out.csv").code == 0
    exported = rows(tmp_path / "out.csv")
    assert sorted(r["well"] for r in exported)[:2] == ["A2", "A3"]
    assert {r["plate"] for r in exported} == {"1"}
    assert {r["block"] for r in exported} == {"1", "2", ""}


def test_a_well_that_was_changed_is_told_beside_its_result(spec: Path, hakken: Any, home: Any) -> None:
    fill(sheet(home), A1="A2", A2="A1")
    hakken("tick", spec)

    shown, told = hakken("show", "wells", "1").out, hakken("tell", "wells", sheet(home))

    assert told.err == ""
    assert re.findall(r"(A\d): [^\n]*\n(?:(?! +\d+\. )[^\n]+\n)*? +really (well A\d)", shown) in (
        [("A1", "well A2"), ("A2", "well A1")],
        [("A2", "well A1"), ("A1", "well A2")],
    )


@pytest.mark.parametrize("other", ["C9", "A5", "Z1", "somewhere"])
def test_a_well_that_is_not_on_its_plate_is_said_at_once_and_kept(
    spec: Path, hakken: Any, home: Any, other: str
) -> None:
    fill(sheet(home), A1=other)

    said = hakken("tick", spec)

    assert said.code == 0
    assert f"well '{other}' is not on plate 1, which has rows A to B and columns 1 to 4 (planned was A1)" in said.out
    assert said.out.count("is not on plate") == 1
    with open_record(home) as ledger:
        assert other in {o.context["well"] for o in ledger.observations("wells")}


def test_the_attempts_of_a_plate_are_gone_through_once_for_all_its_results(spec: Path, hakken: Any, home: Any) -> None:
    fill(sheet(home))
    hakken("tick", spec)
    passes: list[int] = []

    class Attempts(tuple[AttemptRecord, ...]):
        def __iter__(self) -> Iterator[AttemptRecord]:
            passes.append(len(self))
            return super().__iter__()

    with open_record(home) as ledger:
        view = View(ledger, "wells")
        view.__dict__["attempts"] = Attempts(view.attempts)
        told = [o for o in view.observations if o.context.get("well")]
        notes = slips(view, told)

    assert len(told) == 8
    assert not notes
    assert len(passes) == 1


def test_a_well_that_is_on_its_plate_is_not_remarked_on(spec: Path, hakken: Any, home: Any) -> None:
    fill(sheet(home), A1="b04", B4="A1")

    assert "is not on plate" not in hakken("tick", spec).out


def test_two_results_of_one_well_are_said_once(spec: Path, hakken: Any, home: Any) -> None:
    fill(sheet(home), A1="A2", B1="b02")

    said = " ".join(hakken("tick", spec).out.split())
    again = " ".join(hakken("tick", spec).out.split())

    assert re.search(r"well \S+ of plate 1 has another one, of .*?, and so has each of 1 more; both count\.", said)
    assert said.count("has another one") == 1
    assert "has another one" not in again


def test_told_results_of_one_well_are_said_where_the_plate_is_the_same(spec: Path, hakken: Any, tmp_path: Path) -> None:
    head = "ligand,base,temperature,yield,plate,well\n"
    kept = ["XPhos,KOAc,60,10,P1,A1", "SPhos,KOAc,60,11,P1,A2", "XPhos,KOAc,80,12,P2,A1", "XPhos,KOAc,80,12,,A1"]
    (tmp_path / "told.csv").write_text(head + "".join(f"{row}\n" for row in kept))
    (tmp_path / "twice.csv").write_text(head + "SPhos,KOAc,80,13,P1,A1\n")

    first, twice = (hakken("tell", spec, name) for name in ("told.csv", "twice.csv"))

    assert "4 results accepted" in first.out
    assert "has another one" not in first.out
    said = " ".join(twice.out.split())
    assert re.search(r"well A1 of plate P1 has another one, of [^;]*XPhos[^;]* 60 degC; both count\.", said)


def test_the_second_plate_has_its_own_number(spec: Path, hakken: Any, home: Any) -> None:
    fill(sheet(home))
    assert hakken("tick", spec).code == 0

    with open_record(home) as ledger:
        assert {p.draft.place.plate for p in ledger.proposals("wells", 2) if p.draft.place} == {2}
        arms = [p.draft.arm for p in ledger.proposals("wells", 2)]
    assert (arms.count(Arm.MODEL), arms.count(Arm.REFERENCE), arms.count(Arm.REPLICATE)) == (6, 1, 1)


@pytest.mark.usefixtures("spec")
def test_show_draws_the_plate(hakken: Any) -> None:
    said = hakken("show", "wells")

    assert said.code == 0, said.err
    assert "plate 1, wells by ligand" in said.out
    assert re.search(r"temperature: block 1 \d+ degC, block 2 \d+ degC", said.out)
    assert "* control, ' repeat" in said.out
    assert re.search(r"\n +1\. [AB][1-4]: ", said.out)


@pytest.mark.usefixtures("spec")
def test_the_page_is_whole_safe_and_asks_for_nothing(hakken: Any) -> None:
    said = hakken("plate", "wells", "--json")

    page = Path(said.json["page"]).read_text(encoding="utf-8")
    assert page.count('class="well"') == 3 * 8 - 8  # ligand and base, eight wells each
    assert page.count('class="ring control"') == 2
    assert "&lt;b&gt;" in page  # a ligand of this name, written as text
    assert ">&lt;b&gt;<" in page
    assert "<b><" not in page
    assert not re.search(r'(?:src|href)="https?:', page)
    for text in ("Shared values", "Stock", "Wells, in the order of running", "block 2"):
        assert text in page


@pytest.mark.usefixtures("spec")
def test_page_and_table_go_where_they_are_wanted(hakken: Any, home: Any) -> None:
    said = hakken("plate", "wells", "-o", "monday/page.html", "--out", "monday.csv")
    fill(Path("monday.csv"))
    told = hakken("tell", "wells", "monday.csv", "--json")

    assert "wrote monday/page.html and monday.csv" in said.out
    assert said.out.splitlines()[-1] == "next: print the page; fill in the table and hakken tell wells monday.csv"
    assert "<svg" in Path("monday/page.html").read_text(encoding="utf-8")
    assert not list(home.home.rglob("plate-*"))
    assert told.json["accepted"] == 8


@pytest.mark.usefixtures("spec")
@pytest.mark.parametrize(
    ("out", "says"),
    [
        (["page.pdf"], "--out page.pdf: a page is a file that ends in .html, a table one in .csv"),
        (["a.csv", "b.csv"], "--out b.csv: there is one file of this kind for a plate"),
        (["a.htm", "b.html"], "--out b.html: there is one file of this kind for a plate"),
        (["mine.csv"], "--out mine.csv: this file is there and is no table of a plate; name another"),
    ],
)
def test_a_file_that_is_no_page_and_no_table_is_refused(hakken: Any, out: list[str], says: str) -> None:
    Path("mine.csv").write_text("ligand,yield\nXPhos,40\n")

    said = hakken("plate", "wells", *(word for file in out for word in ("--out", file)))

    assert said.code == 2
    assert says in said.err
    assert Path("mine.csv").read_text() == "ligand,yield\nXPhos,40\n"


def test_a_parameter_that_is_called_like_a_column_of_the_table_has_one_of_its_own(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("base: ", "outcome: "))
    hakken("tick", "wells.yaml")
    hakken("plate", "wells", "--out", "monday.csv")

    table = {row["key"]: row["setting outcome"] for row in rows(Path("monday.csv"))}
    assert table == {row["key"]: row["setting outcome"] for row in rows(sheet(home))}
    assert set(table.values()) <= {"KOAc", "K3PO4", "CsOAc"}
    said = "outcome is called like a column that every table of results has, so that no table can tell it; rename it"
    assert f"note: {said}\n" in hakken("validate", "wells.yaml").out


@pytest.mark.usefixtures("spec")
def test_the_document_has_what_is_in_the_wells(hakken: Any, home: Any) -> None:
    said = hakken("plate", "wells", "--json").json

    assert (said["rows"], said["columns"], said["block"]) == (2, 4, {"rows": 2, "columns": 2})
    assert said["units"] == {"temperature": "degC"}
    of_block = said["shared"][0]["values"]
    for row in rows(sheet(home)):
        (well,) = [w for w in said["wells"] if w["key"] == row["key"]]
        assert (well["well"], str(well["run_order"])) == (row["well"], row["run_order"])
        assert {n: well["settings"][n] for n in ("ligand", "base")} == {n: row[n] for n in ("ligand", "base")}
        assert f"{well['settings']['temperature']:g}" == row["temperature [degC]"]
        assert of_block[f"block {well['block']}"] == f"{row['temperature [degC]']} degC"
    assert sorted(w["arm"] for w in said["wells"]) == ["initial"] * 6 + ["reference", "replicate"]
    assert sum(said["stocks"]["ligand"].values()) == 8


@pytest.mark.usefixtures("spec")
def test_the_table_can_be_filled_in_and_told_and_is_not_overwritten(hakken: Any, home: Any) -> None:
    table = Path(hakken("plate", "wells", "--json").json["table"])
    fill(table)
    before = table.read_bytes()

    asked = hakken("plate", "wells").out.splitlines()[-1]
    said = hakken("tell", "wells", table, "--json")
    ended = hakken("plate", "wells", 1).out.splitlines()[-1]

    assert asked.startswith("next: print the page; fill in the table and hakken tell wells ")
    assert said.code == 0, said.err
    assert ended == "next: every well of it has ended: hakken show wells 1 says what came of each"
    assert said.json["accepted"] == 8
    assert table.read_bytes() == before
    with open_record(home) as ledger:
        assert len({o.context["well"] for o in ledger.observations("wells")}) == 8


def test_the_table_has_no_row_of_a_well_that_waits_for_approval_and_follows_what_is_decided(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    hakken("tick", "wells.yaml")
    before, document = hakken("plate", "wells").out, hakken("plate", "wells", "--json").json
    hakken("approve", "wells", "1", "1", "2")
    some = rows(Path(hakken("plate", "wells", "--json").json["table"]))
    hakken("approve", "wells", "1")
    every = Path(hakken("plate", "wells", "--json").json["table"])

    assert "8 wells wait for approval without a key" in before
    assert "next: hakken approve wells 1 decides on them, and hakken plate wells 1 writes the table then" in before
    assert document["table"] is None
    assert len(some) == 2
    assert len({row["key"] for row in rows(every)} - {""}) == 8


def test_a_table_that_was_filled_in_is_kept_and_wells_that_it_lacks_are_named(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    hakken("tick", "wells.yaml")
    hakken("approve", "wells", "1", "1", "2", "3", "4", "5", "6", "7")
    table = Path(hakken("plate", "wells", "--json").json["table"])
    fill(table)
    hakken("approve", "wells", "1")

    said = hakken("plate", "wells").out

    assert re.search(r"plate-1.csv was filled in before and is kept, and \w\d is not in it as now; move it away", said)
    assert [row["yield [%]"] for row in rows(table)] == [str(10 + i) for i in range(7)]


def test_results_told_without_the_keys_of_wells_that_are_waited_for_are_remarked_on(
    spec: Path, hakken: Any, home: Any
) -> None:
    keyless = sheet(home).with_name("keyless.csv")
    keyless.write_bytes(sheet(home).read_bytes())
    fill(keyless)
    header, *lines = keyless.read_text(encoding="utf-8").splitlines()
    keyless.write_text("\n".join([header, *("," + line.split(",", 1)[1] for line in lines[:2])]))

    said = " ".join(hakken("tell", "wells", keyless).out.split())

    assert re.search(r"that of well \w\d of plate 1 is still waited for, and so are those of 1 more, and without", said)
    assert "Where it is that result: hakken retract wells " in said
    assert hakken("tick", spec).code == 0


def test_of_parameters_with_as_many_options_every_drawing_is_by_the_first_of_the_file(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SPEC.replace("ligand", "zinc source").replace(', "<b>"', "")  # sorted, it comes behind base
    (tmp_path / "wells.yaml").write_text(text)

    dry = hakken("run", "--dry-run", "wells.yaml")
    assert hakken("tick", "wells.yaml").code == 0
    shown, printed = hakken("show", "wells", 1), hakken("plate", "wells")

    by = [re.findall(r"wells by (.*):", said.out) for said in (dry, shown, printed)]
    assert by == [["zinc source"]] * 3


def test_a_dry_run_draws_the_plate_that_is_made_then(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC)

    dry = hakken("run", "--dry-run", "wells.yaml")
    assert hakken("tick", "wells.yaml").code == 0
    shown = hakken("show", "wells", 1)

    drawn = shown.out[shown.out.index("plate 1, wells by") :].partition("   stock of")[0]
    assert "temperature: block 1" in drawn
    assert drawn in dry.out
    wells = [re.findall(r"^ +\d+\. ([A-B][1-4]): ", said.out, re.MULTILINE) for said in (dry, shown)]
    assert len(wells[0]) == 8
    assert wells[0] == wells[1]


def test_a_value_shared_by_block_on_a_plate_of_one_block_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("  blocks: {rows: 2, columns: 2}\n", ""))
    (tmp_path / "tiled.yaml").write_text(SPEC)
    said, tiled = hakken("validate", "wells.yaml"), hakken("validate", "tiled.yaml")

    assert (
        "note: temperature is shared by block, and the plate is one block, so that every well has one value; where "
        "that is not meant, give plate.blocks, such as {rows: 2, columns: 1}" in said.out
    )
    assert "one block" not in tiled.out


def test_a_plate_of_more_wells_than_the_space_has_conditions_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = "space:\n  base: {type: category, options: [KOAc, CsOAc]}\n"
    rest = "objective: {yield: {goal: maximize}}\nbudget: {experiments: 24}\nlaboratory: {adapter: manual}\n"
    for wells, columns in (("many", 2), ("few", 1)):
        plate = f"plate: {{rows: 2, columns: {columns}}}\n"
        (tmp_path / f"{wells}.yaml").write_text(f"campaign: {wells}\n{space}{plate}{rest}")

    said = [hakken("validate", f"{wells}.yaml").out for wells in ("many", "few")]

    note = "note: a plate has 4 wells for new conditions, and the space has 2, so that wells stay empty"
    assert [note in shown for shown in said] == [True, False]
    assert "wells stay" not in said[1]


def test_no_stock_is_prepared_of_what_adds_nothing(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ligand = '{type: component, options: {PPh3: "c1ccc(P(c2ccccc2)c2ccccc2)cc1", bare: null, none: CP}}'
    asked = SPEC.replace('{type: category, options: [XPhos, SPhos, PPh3, "<b>"]}', ligand).replace("XPhos", "PPh3")
    (tmp_path / "wells.yaml").write_text(asked.replace("[KOAc, K3PO4, CsOAc]", "[KOAc, K3PO4, none]"))
    assert hakken("tick", "wells.yaml").code == 0
    told = hakken("plate", "wells")
    page = (home.folder("wells") / "plate-1.html").read_text(encoding="utf-8")
    stock = page.partition("<h2>Stock</h2>")[2].partition("</section>")[0]

    assert "<td>PPh3</td>" in stock
    assert "<td>KOAc</td>" in stock
    assert "bare" not in stock  # no structure; "none" is a phosphine here
    assert "<td>none</td>" not in stock.partition("base: ")[2].partition("</table>")[0]
    assert "bare" not in next(line for line in told.out.splitlines() if "stock of ligand" in line)
    assert "none" not in next(line for line in told.out.splitlines() if "stock of base" in line)


def test_no_stock_is_prepared_of_what_is_called_the_absence_of_something(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("[KOAc, K3PO4, CsOAc]", "[KOAc, No base, Norit]"))
    assert hakken("tick", "wells.yaml").code == 0

    stocks = hakken("plate", "wells", "--json").json["stocks"]

    assert {*stocks["base"]} == {"KOAc", "Norit"}


def test_what_is_recorded_beside_results_has_columns_on_page_and_table(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = """\
  humidity: {type: context, unit: "%"}
  lot: {type: context, options: [L1, L2]}
objective:"""
    noise = "noise: {effects: [plate, operator, humidity]}\nbudget:"
    (tmp_path / "wells.yaml").write_text(SPEC.replace("objective:", asked).replace("budget:", noise))
    assert hakken("tick", "wells.yaml").code == 0
    written = hakken("plate", "wells", "--json").json
    table = Path(written["table"])
    filled = rows(table)

    assert list(filled[0])[-5:] == ["operator", "humidity [%]", "lot", "outcome", "comment"]
    page = Path(written["page"]).read_text(encoding="utf-8")
    assert "<th>operator</th><th>humidity / %</th><th>lot</th><th>note</th>" in page
    assert page.count('<td class="box"></td>') == 8 * 4 + 4 + 3  # four to fill in for each well; the stock list's own
    assert "lot is one of L1, L2." in page
    for row in filled:
        row |= {"yield [%]": "20", "operator": "Ada", "humidity [%]": "41.5", "lot": "L2"}
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)
    assert hakken("tell", "wells", table).code == 0
    with open_record(home) as ledger:
        seen = [{n: o.context[n] for n in ("operator", "humidity", "lot")} for o in ledger.observations("wells")]
    assert seen == [{"operator": "Ada", "humidity": 41.5, "lot": "L2"}] * 8


@pytest.mark.usefixtures("spec")
def test_the_report_draws_the_last_plate(hakken: Any, home: Any) -> None:
    assert hakken("report", "wells").code == 0

    page = (home.home / "wells" / "report.html").read_text(encoding="utf-8")
    assert "plate 1, ligand" in page
    assert page.count('class="well"') == 16


@pytest.mark.usefixtures("spec")
def test_the_report_draws_every_plate_as_measured(hakken: Any, home: Any) -> None:
    """Values lie in the wells in which they were measured, fail and limit included, on one scale for all plates."""
    path = sheet(home)
    fill(path)
    filled = rows(path)
    for row in filled:
        row["yield [%]"] = {"A1": "<0.5", "A2": ""}.get(row["well"], row["yield [%]"])
        row["outcome"] = "fault:instrument_fault" if row["well"] == "A2" else ""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)
    assert hakken("tick", "wells.yaml").code == 0
    assert hakken("report", "wells").code == 0

    page = (home.home / "wells" / "report.html").read_text(encoding="utf-8")
    section = page.partition('<section id="plates">')[2].partition("</section>")[0]
    assert "pale 0 to dark 100" in section
    assert section.count('class="well"') == 8
    for row in filled:
        limit, failed = "yield: &lt;0.5;", "yield: \N{MULTIPLICATION SIGN}, instrument_fault;"
        said = {"A1": limit, "A2": failed}.get(row["well"]) or f"yield: {row['yield [%]']} %;"
        assert f"<title>{row['well']}: {said}" in section


@pytest.mark.usefixtures("spec")
def test_a_well_whose_result_was_retracted_says_so_with_the_reason(hakken: Any, home: Any) -> None:
    path = sheet(home)
    fill(path)
    (key,) = (row["key"] for row in rows(path) if row["well"] == "A2")
    assert hakken("tick", "wells.yaml").code == 0
    assert hakken("retract", "wells", key, "--why", "the vial leaked").code == 0
    assert hakken("report", "wells").code == 0

    page = (home.home / "wells" / "report.html").read_text(encoding="utf-8")
    section = page.partition('<section id="plates">')[2].partition("</section>")[0]
    assert "<title>A2: yield: r, its result was retracted: the vial leaked;" in section
    assert "yield: no result yet" not in section
    assert section.count('class="well"') == 8


def test_a_round_that_is_no_plate_says_so(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head, _, rest = SPEC.partition("plate:\n")
    (tmp_path / "plain.yaml").write_text(head + "planner:" + rest.partition("planner:")[2])
    assert hakken("tick", "plain.yaml").code == 0

    said = hakken("plate", "wells")

    assert said.code == 2
    assert "round 1 of campaign 'wells' is no plate; a section 'plate' in the campaign file" in said.err


def test_after_a_round_that_is_no_plate_the_last_plate_is_shown_and_a_number_that_is_none_says_which_are(
    spec: Path, hakken: Any
) -> None:
    fill(next(spec.parent.rglob("worksheet.csv")))
    head, _, rest = SPEC.partition("plate:\n")
    spec.write_text(head + "planner: {surrogate: random, batch: 2" + rest.partition("planner: {surrogate: gp")[2])
    assert hakken("tick", spec).code == 0

    last, by_number = hakken("plate", "wells"), hakken("plate", "wells", 2)

    assert "note: round 2 of campaign 'wells' is no plate; this is the last plate, of round 1\n" in last.out
    assert "plate 1, wells by ligand" in last.out
    assert by_number.code == 2
    assert "round 2 of campaign 'wells' is no plate; plates were planned in round 1" in by_number.err


def test_an_edit_brings_no_more_options_onto_a_plate_than_it_may_hold(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SPEC.replace("adapter: manual", "adapter: manual, approval: person")
    (tmp_path / "wells.yaml").write_text(text.replace("  replicates: 1", "  replicates: 1\n  at_most: {ligand: 2}"))
    assert hakken("tick", "wells.yaml").code == 0
    with open_record(home) as ledger:
        proposed = ledger.proposals("wells", 1)
    used = {p.draft.candidate.settings["ligand"] for p in proposed}
    first = next(p.draft for p in proposed if p.draft.run_order == 0).candidate.settings["ligand"]
    (there,) = used - {first}
    third = next(name for name in ("XPhos", "SPhos", "PPh3") if name not in used)

    more = hakken("edit", "wells", 1, 1, "--set", f"ligand={third}", "--why", "a hunch")
    same = hakken("edit", "wells", 1, 1, "--set", f"ligand={there}", "--why", "a hunch")

    assert more.code == 2
    assert f"ligand {third} would be one more than the 2 of plate.at_most; use one that is on the plate" in more.err
    assert same.code == 0, same.err


def test_a_person_may_change_a_well_but_not_what_it_shares(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    assert hakken("tick", "wells.yaml").code == 0
    with open_record(home) as ledger:
        first = next(p.draft for p in ledger.proposals("wells", 1) if p.draft.run_order == 0)
    other = next(t for t in (60, 80, 100) if t != first.candidate.settings["temperature"])
    base = next(b for b in ("KOAc", "K3PO4", "CsOAc") if b != first.candidate.settings["base"])

    shared = hakken("edit", "wells", 1, 1, "--set", f"temperature={other}", "--why", "hotter")
    own = hakken("edit", "wells", 1, 1, "--set", f"base={base}", "--set", "ligand=SPhos", "--why", "out of stock")

    assert first.place is not None
    assert shared.code == 2
    assert f"well {first.place.well} shares temperature with its block; edit another parameter" in shared.err
    assert own.code == 0, own.err
    with open_record(home) as ledger:
        made = [p.draft for p in ledger.proposals("wells", 1) if p.draft.arm is Arm.MANUAL]
    assert [d.place for d in made] == [first.place]
    page = Path(hakken("plate", "wells", "--json").json["page"]).read_text(encoding="utf-8")
    assert page.count(f"<b>{first.place.well}</b>") == 1  # what was there before is gone


def test_a_well_with_some_of_its_targets_is_named_until_it_is_said_to_be_complete(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "wells.yaml"
    spec.write_text(SPEC.replace("high: 100}\n", "high: 100}\n  purity: {goal: maximize}\n  mass: {goal: maximize}\n"))
    hakken("tick", spec)
    filled = rows(sheet(home))
    for i, row in enumerate(filled):
        row |= {"yield [%]": str(10 + i), "purity": "90", "mass": "3"} if i else {"yield [%]": "10"}
    key, well = filled[0]["key"], filled[0]["well"]

    def saved() -> Any:
        with sheet(home).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(filled[0]))
            writer.writeheader()
            writer.writerows(filled)
        return hakken("tick", spec, "--json").json

    noted = saved()["notes"]
    filled[0]["outcome"] = "measured"
    after = saved()

    (note,) = [n for n in noted if key in n]
    assert note.startswith(f"{well}: ")
    assert note.endswith(
        "has yield on worksheet.csv, and nothing of purity and mass yet: fill that in, or write measured under outcome "
        "to report it without"
    )
    assert after["experiments_done"] == 8
    assert not [n for n in after["notes"] if "has yield" in n]


def test_a_well_that_was_withdrawn_is_on_no_plate(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wells.yaml"
    path.write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    hakken("tick", path)
    hakken("approve", "wells", "1")
    hakken("ban", "wells", "--where", "ligand=SPhos", "--why", "it caught fire")
    hakken("tick", path)

    drawn = hakken("plate", "wells").out
    shown = hakken("show", "wells").out
    with open_record(Settings.from_environment()) as ledger:
        told = build(ledger, "wells").batch

    assert "stock of ligand: XPhos" in drawn
    assert "SPhos" not in drawn
    assert "SPhos" not in shown[: shown.index("\n  1. ")]
    assert not [row for row in rows(next(tmp_path.rglob("plate-1.csv"))) if row["ligand"] == "SPhos"]
    assert told is not None
    assert told.plate is not None
    assert "SPhos" not in {w.settings["ligand"] for w in told.plate.wells}


def test_a_plate_of_which_every_well_was_withdrawn_says_so(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wells.yaml"
    path.write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    hakken("tick", path)
    hakken("approve", "wells", "1", "--refuse", "--why", "the oven is broken")

    refused = hakken("plate", "wells")

    assert refused.code == 2
    assert "of the plate of round 1 of campaign 'wells' no well is to be made" in " ".join(refused.err.split())


def test_a_banned_condition_is_no_control_well_and_whoever_bans_it_is_told(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = SPEC.replace("  share: {temperature: block}\n", "").replace("base: KOAc}", "base: KOAc, temperature: 80}")
    (tmp_path / "wells.yaml").write_text(fixed.replace("adapter: manual", "adapter: simulated"))
    assert hakken("tick", "wells.yaml").code == 0
    parts = [w for s in ("ligand=XPhos", "base=KOAc", "temperature=80") for w in ("--where", s)]

    said = hakken("ban", "wells", *parts, "--why", "it caught fire")
    ticked, ran, dry = hakken("tick", "wells"), hakken("run", "wells"), hakken("run", "--dry-run", "wells")
    stands = hakken("status", "wells")

    forbidden = "no plate can be planned: plate.controls.settings: constraint 'ban 1' forbids it"
    why = f"{forbidden}; take that ban back (hakken lift wells 1 --why WHY), or give plate.controls another condition"
    assert why in " ".join(said.out.split())
    assert [one.code for one in (ticked, ran, dry, stands)] == [0, 0, 2, 0]  # it waits, and is no fault
    assert all(f"next: N{why[1:]}" in " ".join(one.out.split()) for one in (ticked, ran, stands))
    assert why in " ".join(dry.err.split())

    hakken("lift", "wells", "1", "--why", "it did not")
    assert "round 2: " in hakken("tick", "wells").out


def test_a_replicate_whose_original_was_edited_says_that_it_repeats_nothing(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wells.yaml").write_text(SPEC.replace("adapter: manual", "adapter: manual, approval: person"))
    assert hakken("tick", "wells.yaml").code == 0
    with open_record(home) as ledger:
        proposed = ledger.proposals("wells", 1)
    (repeat,) = (p for p in proposed if p.draft.arm is Arm.REPLICATE)
    original = next(p for p in proposed if p.candidate_id == repeat.candidate_id and p.id != repeat.id)
    number, its = original.draft.run_order + 1, repeat.draft.run_order + 1
    said, gone = "replicate: repeats a condition of this plate", "which is in no other well any more"
    before = hakken("show", "wells", 1).out
    here = original.draft.candidate.settings
    beside = [p.draft.candidate.settings for p in proposed]
    wanted = next(
        (ligand, base)
        for ligand in ("SPhos", "PPh3", "XPhos")
        for base in ("K3PO4", "CsOAc", "KOAc")
        if {**here, "ligand": ligand, "base": base} not in beside
    )

    changes = ("--set", f"ligand={wanted[0]}", "--set", f"base={wanted[1]}", "--why", "out of stock")
    edited = hakken("edit", "wells", 1, number, *changes)
    after = hakken("show", "wells", 1).out

    assert repeat.draft.place is not None
    assert said in before
    assert gone not in before
    assert "' repeat" in before
    assert f"proposal {its} (well {repeat.draft.place.well}) was to repeat what was there before" in edited.out
    assert f"hakken approve wells 1 {its} --refuse --why WHY" in edited.out
    assert f"{said}, {gone}" in " ".join(after.split())
    assert "' repeat" not in after
    assert gone in Path(hakken("report", "wells", "--json").json["report"]).read_text(encoding="utf-8")
