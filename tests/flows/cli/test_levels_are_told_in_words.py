"""A campaign whose outcome is a grade in words: told, stored, shown and stopped by them."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.engine.campaigns import read_campaign_file
from flows.settings import Settings
from flows.wiring import open_record
from loop.outcome import Measured
from loop.record import Verdict

CAMPAIGN = """\
campaign: salts
space:
  solvent: {type: category, options: [water, ethanol, acetone, toluene]}
  molarity: {type: number, low: 0.1, high: 2, step: 0.1, unit: mol/L}
objective:
  crystals: {goal: maximize, levels: [clear, powder, small crystals, large], at_least: powder}
stop: [{target: crystals, at_least: Large}]
planner: {surrogate: gp, batch: 2, initial: {design: random, experiments: 3}}
budget: {experiments: 12}
laboratory: {adapter: manual}
"""


@pytest.fixture
def sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("salts.yaml").write_text(CAMPAIGN)
    return tmp_path / "runs/salts/laboratory/worksheet.csv"


def fill(sheet: Path, *words: str) -> None:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, word in zip([row for row in rows if not row["crystals"]], words, strict=True):
        row["crystals"] = word
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.usefixtures("sheet")
def test_a_measured_table_may_hold_words_or_numbers(hakken: Any, home: Any) -> None:
    grades = {"water": "Clear", "ethanol": "powder", "acetone": "4", "toluene": "small crystals"}
    steps = [round(0.1 * n, 1) for n in range(1, 21)]
    rows = [f"{solvent},{molarity},{grade}" for solvent, grade in grades.items() for molarity in steps]
    Path("table.csv").write_text("\n".join(["solvent,molarity,crystals", *rows]))
    told = CAMPAIGN.replace("adapter: manual", "adapter: emulator, table: table.csv, noise: 0.01")
    Path("salts.yaml").write_text(told)

    assert hakken("validate", "salts.yaml").code == 0
    played = hakken("lab", "simulate", "salts.yaml").out
    hakken("run", "salts.yaml")

    results = re.findall(r"<- \w+: crystals (.+)", played)
    assert len(results) == 3
    assert set(results) <= {"clear", "powder", "small crystals", "large"}
    with open_record(home) as ledger:
        measured = [o for o in ledger.observations("salts") if isinstance(o.outcome, Measured)]
    seen = {(o.settings["solvent"], o.outcome.measurements[0].canonical) for o in measured}
    assert seen <= {("water", 1.0), ("ethanol", 2.0), ("acetone", 4.0), ("toluene", 3.0)}
    assert seen


def test_grades_are_told_shown_and_stopped_by_in_words(hakken: Any, sheet: Path, home: Any) -> None:
    assert hakken("run", "salts.yaml").code == 0
    fill(sheet, "Powder", "1", "<small crystals")
    assert hakken("run", "salts").code == 0
    shown, chosen = hakken("show", "salts", "1").out, hakken("show", "salts", "2").out
    fill(sheet, "large", "small crystals")
    finished = hakken("run", "salts").out
    hakken("report", "salts")

    page = (home.home / "salts/report.html").read_text(encoding="utf-8")
    with open_record(home) as ledger:
        values = [m.canonical for o in ledger.observations("salts") for m in o.outcome.measurements]
    assert sorted(values) == [1.0, 2.0, 3.0, 3.0, 4.0]
    assert "crystals powder" in shown
    assert "crystals < small crystals" in shown
    assert "best so far crystals large (" in finished
    assert "crystals clear" in shown
    tips = re.findall(r"<title>(experiment .+?)</title>", page, re.DOTALL)
    said = [line for tip in tips for line in html.unescape(tip).splitlines() if line.startswith("crystals")]
    known = {"crystals = clear", "crystals = powder", "crystals = small crystals", "crystals = large"}
    assert set(said) == known | {"crystals <\N{NO-BREAK SPACE}small crystals"}
    graded = re.findall(r"crystals [\d.]+ ± [\d.]+ expected \((.+?)\), ", chosen)
    assert len(graded) == 2
    for chances in graded:
        told = dict(each.removesuffix(" %").rsplit(" ", 1) for each in chances.split(", "))
        assert list(told) == [w for w in ("large", "small crystals", "powder", "clear") if w in told]
        assert 98 <= sum(int(chance) for chance in told.values()) <= 101  # what is below half a per cent is not told
    assert "crystals reached large, and at least large was wanted" in finished
    best = hakken("best", "salts").out
    assert "measured 1 time: crystals large" in best
    stated = re.findall(r"crystals [\d.]+ (\((?:large|small crystals) \d+ %.*?\)) \[90%: ", best)
    assert len(stated) == 3  # of each candidate that is shown
    assert all(chances in page for chances in stated)
    (first, *_) = json.loads(hakken("best", "salts", "--json").out)["best"]["candidates"]
    told = first["targets"][0]["chances"]
    assert list(told) == ["large", "small crystals", "powder", "clear"]
    assert sum(told.values()) == pytest.approx(1.0)
    assert "best single value: crystals large: " in hakken("status", "salts").out
    assert all(
        f'text-anchor="end" class="tick">{word}</text>' in page
        for word in ("clear", "powder", "small crystals", "large")
    )
    assert "maximise, at least powder, of clear, powder, small crystals, large" in page


@pytest.mark.usefixtures("sheet")
def test_what_levels_are_worth_is_said_in_their_words() -> None:
    worth = "desirable: {from: clear, to: Large}}\n  cost: {goal: minimize, low: 0, high: 9}"
    text = CAMPAIGN.replace("at_least: powder}", worth)
    Path("salts.yaml").write_text(text.replace("stop: [{target: crystals, at_least: Large}]", "tradeoff: desirability"))
    spec = read_campaign_file(Path("salts.yaml"), Settings(home=Path("runs")))

    assert spec.objective["crystals"].desirable == {"from": 1.0, "to": 4.0}


@pytest.mark.usefixtures("sheet")
def test_what_is_no_level_is_refused_by_line_with_the_word_meant(hakken: Any, home: Any) -> None:
    hakken("run", "salts.yaml")
    Path("told.csv").write_text("solvent,molarity,crystals\nwater,0.3,powdr\nwater,0.4,5\nethanol,0.5,Clear\n")

    said = hakken("tell", "salts", "told.csv")

    assert said.code == 2
    known = "none of its levels clear, powder, small crystals, large"
    assert f"line 2: 'crystals': 'powdr' is {known} (did you mean 'powder'?); report one of them, or 1 to 4" in said.err
    assert f"line 3: 'crystals': 5 is {known}; report one of them" in said.err
    with open_record(home) as ledger:
        verdicts = [e.verdict for e in ledger.envelopes("salts")]
    assert verdicts.count(Verdict.MALFORMED) == 2
    assert verdicts.count(Verdict.ACCEPTED) == 1


@pytest.mark.usefixtures("sheet")
def test_a_limit_beyond_which_no_level_lies_is_refused(hakken: Any) -> None:
    hakken("run", "salts.yaml")
    rows = ["water,0.3,>large", "water,0.4,<1", "water,0.5,>small crystals", "water,0.6,<large"]
    Path("told.csv").write_text("\n".join(["solvent,molarity,crystals", *rows, ""]))

    said = hakken("tell", "salts", "told.csv")

    assert "2 results accepted" in said.out
    assert "line 2: 'crystals': no level is > large; report large where it is that level, or a limit that" in said.err
    assert "line 3: 'crystals': no level is < clear; report clear where it is that level" in said.err


@pytest.mark.parametrize("column", ["crystals 2", "crystals (Dora)"])
def test_a_second_judgement_of_one_sample_is_not_lost_unheard(sheet: Path, hakken: Any, column: str) -> None:
    hakken("run", "salts.yaml")
    fill(sheet, "powder", "", "")
    head, first, *others = sheet.read_text(encoding="utf-8-sig").splitlines()
    sheet.write_text("\n".join([f"{head},{column}", f"{first},Large", *others]))

    said = " ".join(hakken("tick", "salts").out.split())
    Path("dora.csv").write_text(f"solvent,molarity,crystals\n{','.join(first.split(',')[2:4])},Large\n")
    told = hakken("tell", "salts", "dora.csv").out

    assert (
        f"'{column}' beside it is kept and not learnt from; a second judgement of crystals is a row of its own" in said
    )
    assert "1 result accepted" in told
