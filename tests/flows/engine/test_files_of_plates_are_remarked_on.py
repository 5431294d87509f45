"""Files of a plate: what they leave out, what counts elsewhere, and a plate measured again, said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.ledger import open_ledger
from flows.engine import add_campaign, ingest_files, retract, run
from flows.settings import Settings
from loop.errors import LedgerError
from loop.record import ObservationRecord

CAMPAIGN = """\
campaign: NAME
space:
  ligand: {type: category, options: [XPhos, SPhos, PPh3]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
plate: {rows: 3, columns: 4}
planner: {surrogate: random, initial: {design: random}}
budget: {experiments: 24}
analysis:
  yield: {peak: {at: 4.2, within: 0.1}, calibration: {points: {0: 0, 100: 1000}}, detection_limit: 1}
laboratory: {adapter: manual}
"""
WELLS = [f"{row}{column}" for row in "ABC" for column in range(1, 5)]


@pytest.fixture
def waiting(settings: Settings, tmp_path: Path) -> Settings:
    """Two campaigns whose first plates are with a person."""
    for name in ("coupling", "borylation"):
        (tmp_path / f"{name}.yaml").write_text(CAMPAIGN.replace("NAME", name))
        add_campaign(settings, tmp_path / f"{name}.yaml")
        run(settings, name, on_tick=lambda _: None)
    return settings


def file(folder: Path, wells: list[str], area: float = 500.0, name: str = "hplc.csv") -> Path:
    lines = [f"1,{well},4.2,{area + i}" for i, well in enumerate(wells)]
    (folder / name).write_text("\n".join(["plate,well,RT,Area", *lines, ""]))
    return folder / name


def observations(settings: Settings, name: str) -> tuple[ObservationRecord, ...]:
    with open_ledger(settings.database) as ledger:
        return ledger.observations(name)


def test_the_wells_that_a_file_of_a_plate_leaves_out_are_named(waiting: Settings, tmp_path: Path) -> None:
    said = "plate 1: nothing is told of wells B4, C2, C3, which still wait"
    those = file(tmp_path, [w for w in WELLS if w not in ("C3", "B4", "C2")])
    look = ingest_files(waiting, "coupling", [those], by="ada", dry_run=True)
    taken = ingest_files(waiting, "coupling", [those], by="ada")
    rest = ingest_files(waiting, "coupling", [file(tmp_path, ["B4", "C2"])], by="ada")
    whole = ingest_files(waiting, "coupling", [file(tmp_path, ["C3"])], by="ada")

    assert look.notes == taken.notes == (said,)
    assert {r.experiment.partition(":")[0] for r in look.rows} == {
        f"plate 1 {w}" for w in WELLS if w not in ("C3", "B4", "C2")
    }
    assert rest.notes == ("plate 1: nothing is told of well C3, which still waits",)
    assert whole.notes == ()


def test_a_file_of_a_few_wells_leaves_nothing_out(waiting: Settings, tmp_path: Path) -> None:
    assert ingest_files(waiting, "coupling", [file(tmp_path, ["A1", "A2"])], by="ada").notes == ()


def test_a_file_that_counts_in_another_campaign_by_the_same_lines_is_named(waiting: Settings, tmp_path: Path) -> None:
    said = (
        "hplc.csv gave results of 12 experiments of campaign 'coupling' already, by the same lines; where it is of one "
    )
    whole = file(tmp_path, WELLS)
    first = ingest_files(waiting, "coupling", [whole], by="ada")
    look = ingest_files(waiting, "borylation", [whole], by="ada", dry_run=True)
    taken = ingest_files(waiting, "borylation", [whole], by="ada")
    for result in observations(waiting, "coupling"):
        retract(waiting, "coupling", result.id, by="ada", why="of the other campaign")
    after = ingest_files(waiting, "borylation", [whole], by="ada")

    assert first.notes == after.notes == ()
    assert len(look.notes) == len(taken.notes) == 1
    assert said in look.notes[0]
    assert said in taken.notes[0]


def test_files_of_two_plates_that_were_swapped_are_put_right_without_a_word(waiting: Settings, tmp_path: Path) -> None:
    first, second = file(tmp_path, WELLS, name="first.csv"), file(tmp_path, WELLS, 300.0, "second.csv")
    for name, swapped in (("coupling", second), ("borylation", first)):
        ingest_files(waiting, name, [swapped], by="ada")
        for result in observations(waiting, name):
            retract(waiting, name, result.id, by="ada", why="the plates were swapped")

    right = [ingest_files(waiting, n, [f], by="ada") for n, f in (("coupling", first), ("borylation", second))]

    assert [(report.accepted, report.notes) for report in right] == [(12, ()), (12, ())]


def test_a_plate_that_was_measured_again_is_one_problem_and_not_one_for_each_well(
    waiting: Settings, tmp_path: Path
) -> None:
    ingest_files(waiting, "coupling", [file(tmp_path, WELLS)], by="ada")
    again = ingest_files(waiting, "coupling", [file(tmp_path, WELLS, 300.0, "again.csv")], by="ada")

    assert len(again.problems) == 6
    assert all("already ended otherwise; to let this count, hakken retract coupling" in p for p in again.problems[:5])
    assert again.problems[5].startswith("again.csv: so did 7 attempts more; hakken retract with --plate lets all")
    assert again.problems[5].endswith("files that one hakken ingest brings together are readings of one value each")
    assert [r.verdict for r in again.rows] == ["contradictory"] * 12
    assert not [note for note in again.notes if "contradictory" in note]  # the problems say so


def test_all_results_of_a_plate_are_retracted_together_and_it_may_be_told_anew(
    waiting: Settings, tmp_path: Path
) -> None:
    ingest_files(waiting, "coupling", [file(tmp_path, WELLS)], by="ada")
    run(waiting, "coupling", on_tick=lambda _: None)
    second = file(tmp_path, WELLS, 700.0, "second.csv")
    second.write_text(second.read_text().replace("\n1,", "\n2,"))
    ingest_files(waiting, "coupling", [second], by="ada")
    on_first = [o for o in observations(waiting, "coupling") if o.round_number == 1]
    retract(waiting, "coupling", on_first[0].id, by="ada", why="the needle was bent")
    gone = retract(waiting, "coupling", on_first[0].id, by="ada", why="the plates were swapped", whole_plate=True)
    left = observations(waiting, "coupling")
    anew = ingest_files(waiting, "coupling", [file(tmp_path, WELLS, 300.0, "again.csv")], by="ada")

    assert {o.id for o in gone} == {o.id for o in on_first[1:]}
    assert {o.round_number for o in left} == {2}
    assert (anew.accepted, anew.problems) == (12, [])


def test_a_plate_of_which_nothing_counts_is_named(waiting: Settings, tmp_path: Path) -> None:
    (row,) = ingest_files(waiting, "coupling", [file(tmp_path, ["A1"])], by="ada").rows
    retract(waiting, "coupling", str(row.key), by="ada", why="the plates were swapped", whole_plate=True)

    with pytest.raises(LedgerError, match="of plate 1 of campaign 'coupling' no result counts"):
        retract(waiting, "coupling", str(row.key), by="ada", why="again", whole_plate=True)
