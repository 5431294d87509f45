"""Experiments under way that lie outside of the space since the file was changed are named, with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from db.ledger import open_ledger
from flows.engine import View, best, status, tick
from flows.engine.looking.forbidden import forbidden, outside
from flows.engine.steps.planning import next_inputs
from flows.settings import Settings
from flows.wiring import open_record
from loop.record import AttemptRecord
from loop.spec import build_space, read_spec
from tests.flows.engine.bench import add, cheap_planner, spec_of

SPACE: dict[str, Any] = spec_of()["space"]


def begun(settings: Settings, folder: Path) -> tuple[AttemptRecord, ...]:
    """What a person has in hand."""
    add(settings, folder, laboratory={"adapter": "manual"})
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        return View(ledger, "small").pending


def said(settings: Settings) -> str:
    (report,) = status(settings, "small")
    return " ".join(report.forbidden)


def answer(settings: Settings, key: str, text: str) -> None:
    """Fill in a row of the worksheet."""
    sheet = settings.folder("small") / "laboratory" / "worksheet.csv"
    header, *rows = sheet.read_text(encoding="utf-8-sig").splitlines()
    place = header.split(",").index("yield [%]")
    for i, row in enumerate(rows):
        cells = row.split(",")
        if cells[0] == key:
            rows[i] = ",".join([*cells[:place], text, *cells[place + 1 :]])
    sheet.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_nothing_is_said_of_what_the_file_still_has(settings: Settings, tmp_path: Path) -> None:
    begun(settings, tmp_path)
    assert said(settings) == ""
    wider = SPACE | {"step": {"type": "number", "values": [1, 2, 3, 4, 5, 6]}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, space=wider)

    assert said(settings) == ""


def test_what_a_new_constraint_excludes_is_named_with_the_rule_until_its_result_is_there(
    settings: Settings, tmp_path: Path
) -> None:
    first, *others = begun(settings, tmp_path)
    rule = {"name": "unstable", "exclude": {name: [value] for name, value in first.settings.items()}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, constraints=[rule])
    with open_record(settings) as ledger:
        view = View(ledger, "small")
        label, notes = view.label(first.settings), next_inputs(view, 3).notes

    assert said(settings) == (
        "1 experiment under way is outside of the space since the campaign file was changed: "
        f"{label} ({first.key}, submitted: breaks 'unstable' of the campaign's constraints). Let it finish, and its "
        "result is recorded all the same, or call it off at the laboratory"
    )
    assert notes.count(said(settings)) == 1
    assert not any(other.key in said(settings) for other in others)
    answer(settings, first.key, "50")
    tick(settings, "small", planner=cheap_planner)
    assert said(settings) == ""
    with open_ledger(settings.database) as ledger:
        assert [o.key for o in ledger.observations("small")] == [first.key]


def test_the_rule_is_said_of_a_substance_with_a_semicolon_in_its_name() -> None:
    options = ["THF; dry", "THF"]
    rule = {"name": "too dear", "exclude": {"solvent": ["THF; dry"]}}
    sections = {"space": SPACE | {"solvent": {"type": "category", "options": options}}, "constraints": [rule]}
    space = build_space(read_spec(yaml.safe_dump(spec_of(**sections)), source="small.yaml", read=None))
    dry, plain = ({"solvent": option, "base": "DBU", "step": 2.0} for option in options)

    assert outside(space, dry) == "breaks 'too dear' of the campaign's constraints"
    assert outside(space, plain) == ""


def test_what_is_left_out_for_now_is_said_to_be_so() -> None:
    out = {"name": "ran out", "exclude": {"solvent": ["DMF"]}, "for_now": True}
    never = {"name": "foams", "exclude": {"solvent": ["DMF"], "base": ["DBU"]}}
    sections = {
        "space": SPACE | {"solvent": {"type": "category", "options": ["DMF", "THF"]}},
        "constraints": [out, never],
    }
    space = build_space(read_spec(yaml.safe_dump(spec_of(**sections)), source="small.yaml", read=None))

    assert outside(space, {"solvent": "DMF", "base": "KOAc", "step": 2.0}) == "left out for now by 'ran out'"
    assert outside(space, {"solvent": "DMF", "base": "DBU", "step": 2.0}).startswith("breaks 'ran out'")
    assert outside(space, {"solvent": "THF", "base": "DBU", "step": 2.0}) == ""


def test_of_an_option_that_is_gone_it_is_said_that_nothing_is_learnt(settings: Settings, tmp_path: Path) -> None:
    attempts = begun(settings, tmp_path)
    gone = attempts[0].settings["solvent"]
    options = [o for o in SPACE["solvent"]["options"] if o != gone]
    space = SPACE | {"solvent": {"type": "category", "options": options}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, space=space)
    mine = [a for a in attempts if a.settings["solvent"] == gone]

    assert all(a.key in said(settings) for a in mine)
    assert said(settings).count(f"parameter 'solvent' has no option '{gone}'") == len(mine)
    assert said(settings).endswith("put it back, and exclude it by a constraint")


def test_the_best_says_which_results_are_not_used_since_an_option_is_gone(settings: Settings, tmp_path: Path) -> None:
    attempts = begun(settings, tmp_path)
    gone = attempts[0].settings["solvent"]
    lost = [a for a in attempts if a.settings["solvent"] == gone]
    options = [o for o in SPACE["solvent"]["options"] if o != gone]
    narrower = SPACE | {"solvent": {"type": "category", "options": options}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, space=narrower)
    for attempt in attempts:
        answer(settings, attempt.key, "50")
    (kept,) = [note for note in tick(settings, "small", planner=cheap_planner).notes if "nothing is learnt" in note]

    assert kept.startswith("the result of ")
    assert f"{gone}, " in kept
    assert kept.endswith("put back what was taken out, and exclude it by a constraint")
    (said,) = [note for note in best(settings, "small").notes if "not used" in note]

    assert said.startswith("1 of 4 results is not used, as the campaign file does not have its settings (any longer): ")
    assert said.count(f"{gone}, ") == len(lost)
    assert said.endswith("Put back what was taken out, and exclude it by a constraint")
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    assert not any("not used" in note for note in best(settings, "small").notes)


def test_of_many_five_are_named(settings: Settings, tmp_path: Path) -> None:
    planner = {"surrogate": "random", "initial": {"design": "random", "experiments": 8}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, planner=planner)
    tick(settings, "small", planner=cheap_planner)
    space = SPACE | {"step": {"type": "number", "values": [10, 20]}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, planner=planner, space=space)
    with open_ledger(settings.database) as ledger:
        (sentence,) = forbidden(View(ledger, "small"))

    assert sentence.startswith("8 experiments under way are outside of the space")
    assert sentence.count("is none of its values") == 5
    assert "; and 3 more. Let them finish" in sentence
