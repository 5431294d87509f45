"""A campaign of two classes by the command line: told in words, tallied, ranked, examined and drawn."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.wiring import open_record
from loop.record import Verdict

CAMPAIGN = """\
campaign: acids
space:
  molecule: {type: molecule, file: library.csv, name: name}
objective:
  activity: {goal: maximize, classes: [inactive, active]}
planner: {surrogate: fingerprints, batch: 4, initial: {design: random, experiments: 4}}
budget: {experiments: 12}
laboratory: {adapter: manual}
"""
ENDS = {"acid": "C(=O)O", "ol": "O", "ane": "C"}
LIBRARY = {f"{kind}{n}": f"{'C' * n}{end}" for n in range(1, 9) for kind, end in ENDS.items()}


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The campaign's file and its library; returns the worksheet to be."""
    monkeypatch.chdir(tmp_path)
    Path("acids.yaml").write_text(CAMPAIGN)
    structures = {smiles: name for name, smiles in LIBRARY.items()}  # a longer alkane is a shorter one's neighbour
    Path("library.csv").write_text("name,smiles\n" + "".join(f"{n},{s}\n" for s, n in structures.items()))
    return tmp_path / "runs/acids/laboratory/worksheet.csv"


def fill(sheet: Path) -> None:
    """What a person writes: active for acids."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["activity"] = "Active" if row["molecule"].startswith("acid") else "inactive"
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def told(tmp_path: Path, *rows: str) -> str:
    (tmp_path / "told.csv").write_text("molecule,activity\n" + "".join(f"{row}\n" for row in rows))
    return "told.csv"


@pytest.fixture
def ran(hakken: Any, campaign: Path, tmp_path: Path) -> None:
    """Four told, four of the initial design (by the worksheet), and a batch by the model that waits for its results."""
    assert hakken("run", "acids.yaml").code == 0
    assert hakken("tell", "acids", told(tmp_path, "acid2,active", "ol2,inactive", "ane3,0", "acid4,1")).code == 0
    fill(campaign)
    assert hakken("run", "acids").code == 0


@pytest.mark.usefixtures("ran")
def test_status_says_what_was_found_and_what_is_expected(hakken: Any) -> None:
    said, document = hakken("status", "acids").out, hakken("status", "acids", "--json").json

    tried = document[0]["hits"]["every"]
    assert tried["hits"] >= 2
    assert f"hits: {tried['hits']} of {tried['tried']} tried" in said
    assert "hits expected of the 4 still to come" in said
    assert "best single value" not in said


@pytest.mark.usefixtures("ran")
def test_the_batch_is_chosen_and_explained_by_chances(hakken: Any) -> None:
    said = hakken("show", "acids").out

    assert "among the likeliest hits (chance of a hit" in said
    assert "predicted activity active with a chance of" in said
    assert "hits expected of the 4 chosen by their chance" in said


@pytest.mark.usefixtures("ran")
def test_the_model_finds_the_acids(hakken: Any, campaign: Path) -> None:
    fill(campaign)
    finished = hakken("run", "acids")
    best = hakken("best", "acids", "--top", "2")

    assert "hits of" in finished.out
    assert "hit: acid" in best.out
    assert "measured 1 time: activity active" in best.out
    assert "likeliest of the untried:" in best.out
    document = hakken("status", "acids", "--json").json[0]["hits"]
    assert document["chosen"]["hits"] >= 3
    assert hakken("status", "acids").out.count("hits were expected") == 1


@pytest.mark.usefixtures("ran")
def test_of_the_likeliest_those_whose_results_are_to_come_are_marked(hakken: Any, campaign: Path) -> None:
    with campaign.open(encoding="utf-8-sig", newline="") as file:
        waiting = {row["molecule"] for row in csv.DictReader(file) if not row["activity"]}

    said, found = hakken("best", "acids").out, hakken("best", "acids", "--json").json["best"]

    likely = {one["label"]: one["is_at_work"] for one in found["likeliest"]}
    assert {label for label, is_at_work in likely.items() if is_at_work} == waiting & set(likely)
    assert 0 < len(waiting & set(likely)) < len(likely)
    shown = [line for line in said.splitlines() if line.endswith("; its result is to come")]
    assert {line.split(":")[0].strip() for line in shown} <= waiting
    assert shown


@pytest.mark.usefixtures("ran")
def test_of_the_likeliest_those_that_a_person_banned_come_last_and_are_marked(hakken: Any) -> None:
    before = [one["label"] for one in hakken("best", "acids", "--json").json["best"]["likeliest"]]
    assert hakken("ban", "acids", "--where", f"molecule={before[1]}", "--why", "it smells").code == 0

    found = hakken("best", "acids", "--json").json["best"]["likeliest"]

    assert [one["label"] for one in found] == [before[0], *before[2:], before[1]]
    assert [one["is_kept_out"] for one in found] == [False] * (len(before) - 1) + [True]


@pytest.mark.usefixtures("ran")
def test_they_are_marked_under_another_name_too(hakken: Any) -> None:
    likely = {one["label"] for one in hakken("best", "acids", "--json").json["best"]["likeliest"] if one["is_at_work"]}
    header, *rows = Path("library.csv").read_text().splitlines()
    Path("library.csv").write_text("\n".join([header, *(f"pure {row}" for row in rows)]) + "\n")
    assert hakken("run", "acids.yaml").code == 0

    found = hakken("best", "acids", "--json").json["best"]

    assert {one["label"] for one in found["likeliest"] if one["is_at_work"]} == {f"pure {label}" for label in likely}
    assert likely


@pytest.mark.usefixtures("ran")
def test_the_page_and_the_examination_show_how_hits_are_told(hakken: Any, campaign: Path, home: Any) -> None:
    fill(campaign)
    hakken("run", "acids")
    more = [f"{n},{'active' if n.startswith('acid') else 'inactive'}" for n in LIBRARY if not n.startswith("ane")]
    hakken("tell", "acids", told(home.home.parent, *more))

    assert hakken("report", "acids").code == 0
    page = (home.home / "acids/report.html").read_text(encoding="utf-8")
    examined = hakken("examine", "acids")

    assert "hits so far" in page
    assert "chance stated beforehand" in page
    assert "activity active" in page
    assert "hits were expected of" in examined.out
    assert "BEDROC" in examined.out


@pytest.mark.usefixtures("campaign")
def test_what_is_no_class_is_refused_by_line_and_kept(hakken: Any, home: Any, tmp_path: Path) -> None:
    hakken("run", "acids.yaml")

    said = hakken("tell", "acids", told(tmp_path, "acid1,maybe", "ol1,2", "ane4,<1", "acid3,active"))

    assert said.code == 2
    assert (
        "line 2: 'activity': 'maybe' is none of its classes inactive, active; report one of them, or 0 or 1" in said.err
    )
    assert "line 3: 'activity': 2 is none of its classes inactive, active; report one of them" in said.err
    assert "line 4: 'activity': a class has no limits, got '<'; report it as it is" in said.err
    with open_record(home) as ledger:
        verdicts = [e.verdict for e in ledger.envelopes("acids")]
    assert verdicts.count(Verdict.MALFORMED) == 3
    assert verdicts.count(Verdict.ACCEPTED) == 1


@pytest.mark.usefixtures("campaign")
def test_hits_of_a_number_keep_its_threshold(hakken: Any, tmp_path: Path) -> None:
    text = CAMPAIGN.replace("classes: [inactive, active]", "at_least: 6").replace(
        "surrogate: fingerprints,", "surrogate: fingerprints, acquisition: hits,"
    )
    Path("acids.yaml").write_text(text)
    hakken("run", "acids.yaml")
    hakken("tell", "acids", told(tmp_path, "acid2,7.1", "ol2,3.0", "ane3,4", "acid4,6.5", "ol4,2.5"))

    said = hakken("status", "acids").out

    assert "hits: 2 of 5 tried (40 %)" in said
    assert "best single value: activity 7.1" in said


def test_hits_without_structures_stand_without_a_column_for_them(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = "  batch: {type: category, options: [a, b, c, d]}"
    text = CAMPAIGN.replace("  molecule: {type: molecule, file: library.csv, name: name}", space)
    Path("acids.yaml").write_text(text.replace("surrogate: fingerprints", "surrogate: random"))
    Path("told.csv").write_text("batch,activity\na,active\nb,inactive\nc,active\nd,inactive\n")
    assert hakken("tell", "acids.yaml", "told.csv").code == 0

    said = hakken("run", "acids").out  # nothing is left to try
    exported = hakken("export", "acids").out

    assert "the last of 2 hits" in said
    assert "candidate" in said.partition("the last of")[2]
    assert "SMILES" not in said
    assert "smiles" not in exported.casefold()
