"""What is looked at before it is run, and what is said of a file that was changed since."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from flows.wiring import open_record, spec_on_record
from tests.flows.cli.small import write

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_a_campaign_that_is_named_says_that_its_file_was_changed(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    same = [hakken("tick", "small"), hakken("status", "small")]
    write(**{"80, 100": "80, 100, 120"})
    changed = [hakken("tick", "small"), hakken("status", "small")]
    for_programs = [hakken("status", "small", "--json").json[0], hakken("status", "--json").json[0]]
    write(**{"80, 100": "80, hot"})
    wrong = hakken("run", "--dry-run", "small")

    assert not any("was changed" in one.out for one in same)
    assert all("note: small.yaml was changed; hakken run small.yaml takes that up" in one.out for one in changed)
    assert all("small.yaml was changed; hakken run" in one["edited"] for one in for_programs)
    assert "note: small.yaml was changed and cannot be used (small.yaml line 4: space.temperature" in wrong.out
    assert "goes on as it is on record" in wrong.out


def test_a_changed_file_that_the_record_does_not_take_is_said_to_be_none_it_goes_on_by(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    write(degC="K")
    said, refused = hakken("status", "small"), hakken("run", "small.yaml")

    assert refused.code == 2
    why = refused.err.removeprefix("error: ").strip()
    assert "parameter 'temperature' has experiments in 'degC' on record and is in 'K' now" in why
    assert (
        f"note: small.yaml was changed and cannot be used ({why}); the campaign goes on as it is on record" in said.out
    )


def test_status_stands_where_it_cannot_be_told_whether_the_file_was_changed(hakken: Any, home: Settings) -> None:
    hakken("tick", "small.yaml")
    (home.folder("small") / "origin.json").write_text("{")

    said = hakken("status", "small")

    assert said.code == 0, said.err
    assert "note: whether the campaign file was edited cannot be told: " in said.out
    assert "add the campaign file again, which writes it anew" in " ".join(said.out.split())
    assert "small: active" in said.out


def test_a_file_is_not_called_changed_where_a_release_has_a_default_that_the_record_lacks(
    hakken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hakken("tick", "small.yaml")

    def older(where: Any, name: str) -> Any:
        found = spec_on_record(where, name)
        assert found is not None
        return {**found, "planner": {k: v for k, v in found["planner"].items() if k != "replicates"}}

    monkeypatch.setattr("flows.engine.changes.edits.spec_on_record", older)
    same = hakken("tick", "small")
    write(**{"80, 100": "80, 100, 120"})
    changed = hakken("tick", "small")

    assert same.code == 0, same.err
    assert "was changed" not in same.out
    assert "note: small.yaml was changed" in changed.out


def test_a_dry_run_records_and_sends_nothing(hakken: Any, home: Any) -> None:
    said = hakken("run", "--dry-run", "small.yaml")

    assert said.code == 0, said.err
    assert "next batch of small: 2 proposals" in said.out
    assert "nothing is recorded or sent" in said.out
    assert hakken("status", "--json").json == []
    assert not (home.home / "small").exists()


def test_a_dry_run_shows_what_the_run_then_does(hakken: Any, home: Any) -> None:
    planned = hakken("tick", "--dry-run", "small.yaml", "--json").json["plan"]["proposals"]
    hakken("tick", "small.yaml")

    with open_record(home) as ledger:
        proposed = [p.draft.candidate.settings for p in ledger.proposals("small")]
    assert [p["candidate"]["settings"] for p in planned] == proposed


def test_a_dry_run_of_a_running_campaign_shows_its_next_batch(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    before = hakken("status", "small", "--json").json

    said = hakken("run", "--dry-run", "small")

    assert said.code == 0, said.err
    assert hakken("status", "small", "--json").json == before


def test_a_dry_run_of_a_changed_file_shows_what_the_run_then_does(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    write(**{"batch: 2": "batch: 3", "experiments: 4": "experiments: 9"})
    before = hakken("status", "small", "--json").json

    shown = hakken("run", "--dry-run", "small.yaml", "--json")
    by_name = hakken("run", "--dry-run", "small")
    after = hakken("status", "small", "--json").json
    hakken("tick", "small.yaml")

    assert shown.code == 0, shown.err
    planned = [p["candidate"]["settings"] for p in shown.json["plan"]["proposals"]]
    with open_record(home) as ledger:
        proposed = [dict(p.draft.candidate.settings) for p in ledger.proposals("small", 3)]
    assert len(planned) == 2  # of six candidates, four were run
    assert planned == proposed
    assert "the budget of 4 experiments is spent" in by_name.err  # the record knows nothing of the change
    assert after == before


def test_a_dry_run_refuses_a_changed_file_as_the_run_does(hakken: Any) -> None:
    hakken("run", "small.yaml")
    write(**{'unit: "%", low: 0, high: 100': 'unit: "mg"', "experiments: 4": "experiments: 9"})

    shown, ran = hakken("run", "--dry-run", "small.yaml"), hakken("run", "small.yaml")

    assert (shown.code, ran.code) == (2, 2)
    assert "target 'yield' has results in '%' on record and is in 'mg' now" in shown.err
    assert shown.err == ran.err


def test_what_was_not_as_asked_is_said_by_every_command(hakken: Any, home: Any) -> None:
    limited = "memory: [nope]\nlaboratory: {adapter: simulated, limits: {temperature: {at_most: 90, trim: true}}}"
    write(**{"[60, 80, 100]": "[60, 70, 80, 100]", "laboratory: {adapter: simulated}": limited})
    missing = "note: memory names 'nope', which is not on record; hakken status lists what is"
    trimmed = "note: the laboratory's limit 'temperature' (at most 90 degC) trims temperature"

    checked, first = hakken("validate", "small.yaml"), hakken("run", "--dry-run", "small.yaml")
    was_made = (home.home / "hakken.db").exists()
    ran = hakken("run", "small.yaml")
    shown = hakken("show", "small", "2")
    Path("small.yaml").write_text(Path("small.yaml").read_text().replace("experiments: 4", "experiments: 6"))
    again = hakken("run", "--dry-run", "small.yaml")

    assert not was_made
    for said in (checked, first, ran, shown, again):
        assert missing in said.out
        assert trimmed in said.out
    assert ran.out.count(missing) == 1  # once a run, though both rounds have it on record


def test_a_dry_run_of_a_file_calls_candidates_as_a_run_does(hakken: Any) -> None:
    write(**{"  temperature:": "  base: {type: category, options: [KOAc, DBU]}\n  temperature:"})

    previewed = hakken("run", "--dry-run", "small.yaml").out
    ran = hakken("tick", "small.yaml").out

    planned = re.findall(r"^ +\d+\. (.+)$", previewed, re.MULTILINE)
    assert len(planned) == 2
    assert planned == re.findall(r"^ +\d+\. (.+)$", ran, re.MULTILINE)


def test_a_dry_run_shows_the_next_plate_by_its_number_and_says_what_is_drawn_by_lot(hakken: Any) -> None:
    plates = """campaign: plates
space:
  base: {type: category, options: [KOAc, DBU, TEA]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: random, initial: {experiments: 3}}
plate: {rows: 1, columns: 3}
budget: {experiments: 9}
laboratory: {adapter: simulated}
"""
    Path("plates.yaml").write_text(plates, encoding="utf-8")
    hakken("tick", "plates.yaml")
    hakken("tick", "plates.yaml")

    last, said = hakken("show", "plates", "2"), hakken("run", "--dry-run", "plates.yaml")

    assert "3 proposals at random, from 3 observations" in last.out
    assert "next batch of plates: 3 proposals at random; nothing is recorded or sent\nplate 3, wells by" in said.out


@pytest.mark.parametrize(("adapter", "is_advised"), [("manual", True), ("xtb", False)])
def test_to_measure_again_is_no_advice_where_numbers_come_out_the_same(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: str, is_advised: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    molecules = "{type: component, options: {methane: C, ethane: CC, water: O}}"
    Path("gap.yaml").write_text(
        f"campaign: gap\nspace: {{molecule: {molecules}}}\nobjective: {{gap: {{goal: minimize, unit: eV}}}}\n"
        "planner: {surrogate: gp, batch: 1, initial: {experiments: 2}}\nbudget: {experiments: 9}\n"
        f"laboratory: {{adapter: {adapter}}}\n"
    )
    Path("told.csv").write_text("molecule,gap\nmethane,14\nethane,12\nwater,13\n")
    hakken("tell", "gap.yaml", "told.csv")
    said = hakken("run", "--dry-run", "gap.yaml").err

    assert "every candidate was tried or is being tried; widen the space or end the campaign" in said
    assert ("measures again what may be the best" in said) == is_advised
