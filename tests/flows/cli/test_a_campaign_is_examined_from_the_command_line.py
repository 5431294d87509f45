"""``hakken examine``: evidence and verdict of a campaign on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CAMPAIGN = """\
campaign: heat
space:
  ligand: {type: category, options: [A, B, C]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: gp, batch: 12, initial: {experiments: 12}}
budget: {experiments: 24}
laboratory: {adapter: simulated}
"""


OPTIONS = ", ".join(
    f"{head}{'C' * n}: {head}{'C' * n}" for head in ("O", "N", "Cl", "F", "c1ccccc1") for n in range(1, 7)
)
LIBRARY = f"""\
campaign: library
space:
  molecule: {{type: molecule, options: {{{OPTIONS}}}}}
objective:
  worth: {{goal: maximize, unit: eV}}
planner: {{surrogate: tanimoto, batch: 8, initial: {{experiments: 8}}}}
budget: {{experiments: 24}}
laboratory: {{adapter: simulated}}
"""


def test_what_was_held_out_is_shown_with_the_verdict(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    hakken("run", "heat.yaml")

    said, document = hakken("examine", "heat"), hakken("examine", "heat", "--json")

    assert said.code == 0, said.err
    assert "yield: 24 values of 24 candidates" in said.out
    for word in ("random", "option", "time", "nearest", "models "):
        assert word in said.out
    assert "what training knows of what is held out" in said.out
    assert "refits that differ only in their seed, in %" in said.out
    assert "scaffold known" not in said.out  # nothing has one
    assert "next: hakken report heat" in said.out
    found = json.loads(document.out)["targets"]["yield"]
    assert [s["split"] for s in found["skills"]] == ["random", "option", "time"]
    assert found["skills"][0]["tested"] == 24
    assert found["findings"][0]["standing"] in ("good", "warning", "bad")


def test_sources_that_batches_hear_and_the_examination_does_not_are_named(
    hakken: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    prior = "prior: {yield: {temperature: {20: 10, 120: 60}}}\n"
    Path("heat.yaml").write_text(CAMPAIGN.replace("batch: 12", "batch: 2") + prior)
    Path("few.csv").write_text("ligand,temperature,yield\nA,25,12\nB,70,36\nC,100,51\nA,115,57\n")
    hakken("tell", "heat.yaml", "few.csv")
    hakken("tick", "heat.yaml")

    said, document = hakken("examine", "heat"), hakken("examine", "heat", "--json")

    assert document.json["targets"]["yield"]["unheard"] == ["the prior"]
    assert "the prior is heard when batches are planned, and not here" in said.out


def test_enough_for_a_pointer_is_enough_for_a_verdict() -> None:
    from flows.shown.status import ENOUGH
    from loop.examination.verdict import FEW

    assert ENOUGH == FEW


def test_a_report_is_written_where_models_cannot_be_examined(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no such matrix")

    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    hakken("tick", "heat.yaml")
    page = home.home / "heat/report.html"
    page.unlink()
    monkeypatch.setattr("flows.engine.examined", broken)

    said, document = hakken("report", "heat"), hakken("report", "heat", "--json")

    assert said.code == 0, said.err
    assert "note: the models could not be examined (ValueError: no such matrix)" in said.out
    assert document.json["notes"] == ["the models could not be examined (ValueError: no such matrix)"]
    assert page.is_file()


def test_the_end_of_a_run_its_page_and_the_status_bring_the_verdict(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("library.yaml").write_text(LIBRARY)

    ran, status, said = hakken("run", "library.yaml"), hakken("status", "library"), hakken("examine", "library")

    points = "hakken examine library says how far its models can be trusted"
    assert ran.code == 0, ran.err
    assert "models of worth: models " in ran.out
    assert points in ran.out
    assert points in status.out
    page = (home.home / "library/report.html").read_text()
    assert "Verdict on the models" in page
    assert "models have learnt something" in page or "models predict" in page
    for column in ("held out together", "nearest neighbour", "scaffold"):
        assert column in page
    assert "scaffold known" in said.out
    assert "cluster" in said.out
    hakken("report", "library")
    assert (home.home / "library/report.html").read_text().count("what helps") == page.count("what helps")


def test_where_examining_takes_long_or_says_nothing_yet_the_command_is_named(
    hakken: Any, home: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    from flows.engine.looking import examining

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(examining, "MANY", 20)
    Path("library.yaml").write_text(LIBRARY)

    ran = hakken("run", "library.yaml")

    page = (home.home / "library/report.html").read_text()
    assert "models of worth" not in ran.out
    assert "hakken examine library says" in ran.out
    assert "<code>hakken examine library</code> holds results out in several ways" in page


def test_a_campaign_without_values_is_not_sent_to_examine(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("molecule,worth\nOC,1\n")
    Path("library.yaml").write_text(LIBRARY.replace("simulated", "emulator, table: table.csv"))

    ran, said, (stands,) = (
        hakken("run", "library.yaml"),
        hakken("status", "library"),
        hakken("status", "--json").json,
    )

    assert stands["observations"] >= 20
    assert stands["round"] > 1
    assert stands["measured"] < 20
    assert "hakken examine" not in ran.out
    assert "hakken examine" not in said.out


def test_a_campaign_that_is_not_there_is_named(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    hakken("tick", "heat.yaml")

    said = hakken("examine", "nothing")

    assert said.code != 0
    assert "nothing" in said.err


def test_limits_are_counted_as_limits_and_no_cell_is_nan(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    rows = [f"{ligand},{20 + 5 * i},<{5 + i % 3}" for i in range(3) for ligand in "ABC"]
    Path("limits.csv").write_text("\n".join(["ligand,temperature,yield", *rows, ""]))
    hakken("tell", "heat.yaml", "limits.csv")
    none = hakken("examine", "heat")
    document = json.loads(hakken("examine", "heat", "--json").out)["targets"]["yield"]
    Path("one.csv").write_text("ligand,temperature,yield\nA,100,40\n")
    hakken("tell", "heat", "one.csv")
    one = " ".join(hakken("examine", "heat").out.split())

    assert "yield: 9 limits and no value\n" in none.out
    assert "nan" not in none.out
    said = " ".join(none.out.split())
    assert "0 values could be held out, beside 9 limits, of which no error is known; 20 at least" in said
    assert "what helps: most results are limits: a measurement that reaches further" in said
    assert document["stresses"][0]["error_away"] is None
    assert document["signs"]["limits"] == 9
    assert "yield: 1 value of 1 candidate and 9 limits" in one
    assert "1 value could be held out, beside 9 limits" in one
