"""Results that are told from a table of one's own, while the worksheet still waits for the same experiments."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from flows.engine import retract, status, tell
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from flows.wiring import open_record
from loop.errors import LedgerError, NotFound
from tests.flows.engine.bench import add, once


@pytest.fixture
def waiting(settings: Settings, tmp_path: Path) -> list[tuple[str, dict[str, str]]]:
    """A batch that a person has to run; key and settings of each experiment."""
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    once(settings)
    with open_record(settings) as ledger:
        return [(a.key, {n: str(v) for n, v in a.settings.items()}) for a in ledger.attempts("small")]


def told(settings: Settings, folder: Path, *rows: dict[str, str], file: str = "mine.csv") -> TellReport:
    path = folder / file
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return tell(settings, "small", path, by="tester")


def test_it_is_said_which_are_waited_for_and_how_they_get_their_key(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    (key, first), (_, second) = waiting[:2]

    report = told(settings, tmp_path, {**first, "yield [%]": "50"}, {**second, "yield [%]": "20"})

    (note,) = report.notes
    assert (
        "that of an experiment of round 1 is still waited for, and so are those of 1 more, and without its key" in note
    )
    assert f"hakken retract small {report.observations[0]} --why KEYLESS" in note
    assert f"hakken tell brings it in with its key, {key} in a column key (hakken show small 1 has them all)" in note


def test_done_as_it_says_each_counts_once_and_no_more_is_said(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    key, first = waiting[0]
    report = told(settings, tmp_path, {**first, "yield [%]": "50"})
    retract(settings, "small", report.observations[0], by="tester", why="KEYLESS")

    again = told(settings, tmp_path, {"key": key, "yield [%]": "50"})
    once(settings)
    later = told(settings, tmp_path, {**first, "yield [%]": "51"})  # a replicate, of what is done

    (standing,) = status(settings, "small")
    assert (again.accepted, again.notes) == (1, ())
    assert not any("waited for" in note for note in later.notes)
    assert (standing.observations, standing.experiments_done) == (2, 1)


def test_told_again_with_keys_it_is_said_that_both_count_until_the_whole_file_is_taken_back(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    (key, first), (other, second) = waiting[:2]
    keyless = told(settings, tmp_path, {**first, "yield [%]": "<5"}, {**second, "yield [%]": "20"})
    path = tmp_path / "keyed.csv"
    path.write_text(f"key,yield [%]\n{key},<5.0\n{other},20\n", encoding="utf-8")

    report = tell(settings, "small", path, by="tester")
    (standing,) = status(settings, "small")
    gone = retract(settings, "small", keyless.observations[0], by="tester", why="KEYLESS", whole_file=True)
    (left,) = status(settings, "small")

    assert standing.observations == 4
    (note,) = report.notes
    assert "the same settings and values were told without a key, and both count, and so with each of 1 more" in note
    assert any(f"hakken retract small {i} --why KEYLESS (--file beside it" in note for i in keyless.observations)
    assert {o.id for o in gone} == set(keyless.observations)
    assert (left.observations, left.experiments_done) == (2, 2)


def test_a_result_that_says_something_else_than_what_was_told_is_no_copy(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    (key, first) = waiting[0]
    told(settings, tmp_path, {**first, "yield [%]": "<5"})
    path = tmp_path / "keyed.csv"
    path.write_text(f"key,yield [%]\n{key},5\n", encoding="utf-8")

    assert not any("told without a key" in note for note in tell(settings, "small", path, by="tester").notes)


def test_told_again_without_keys_and_by_another_name_it_is_said_that_both_count(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    rows = [{"key": key, **first, "yield [%]": str(10.0 + n)} for n, (key, first) in enumerate(waiting[:2])]
    told(settings, tmp_path, *rows)
    keyless = [{name: cell for name, cell in one.items() if name != "key"} for one in rows]

    report = told(settings, tmp_path, *keyless, file="again.csv")
    (standing,) = status(settings, "small")
    gone = retract(settings, "small", report.observations[0], by="tester", why="KEYLESS", whole_file=True)

    assert standing.observations == 4
    (note,) = report.notes
    assert "the experiment of round 1 with these settings has the same values, and both count" in note
    assert f"hakken retract small {report.observations[0]} --why KEYLESS (--file beside it" in note
    assert {o.id for o in gone} == {*report.observations}


def test_a_limit_that_an_experiment_has_too_is_no_copy(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    key, first = waiting[0]
    told(settings, tmp_path, {"key": key, **first, "yield [%]": "<1"})

    assert told(settings, tmp_path, {**first, "yield [%]": "<1"}, file="again.csv").notes == ()


def test_only_what_a_told_file_brought_is_taken_back_with_its_file(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    (_, first), (key, second) = waiting[:2]
    mine = told(settings, tmp_path, {**first, "yield [%]": "50"}, {**second, "yield [%]": "20"})
    other = tmp_path / "other.csv"
    other.write_text(f"key,yield [%]\n{key},31\n", encoding="utf-8")
    tell(settings, "small", other, by="tester")

    retract(settings, "small", mine.observations[1], by="tester", why="another assay", whole_file=True)

    with open_record(settings) as ledger:
        (kept,) = ledger.observations("small")
    assert kept.key == key
    with pytest.raises(LedgerError, match="no result counts, so none can be retracted"):
        retract(settings, "small", mine.observations[0], by="tester", why="again", whole_file=True)


def test_a_told_file_is_named_by_itself_from_wherever_it_lies(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    (_, first), (_, second) = waiting[:2]
    mine = told(settings, tmp_path, {**first, "yield [%]": "50"}, {**second, "yield [%]": "20"})

    gone = retract(settings, "small", str(tmp_path / "mine.csv"), by="tester", why="another assay", whole_file=True)

    assert {o.id for o in gone} == set(mine.observations)
    with pytest.raises(NotFound, match=r"no result came in a file 'more\.csv', and no observation begins"):
        retract(settings, "small", "more.csv", by="tester", why="another assay", whole_file=True)


def test_all_results_of_an_assay_plate_that_was_not_planned_are_taken_back_by_what_they_say(
    settings: Settings, tmp_path: Path, waiting: list[tuple[str, dict[str, str]]]
) -> None:
    plates = ("PB-1", "PB-1", *[""] * (len(waiting) - 2))
    values = [{"key": key, "yield [%]": str(20 + i)} for i, (key, _) in enumerate(waiting)]
    report = told(settings, tmp_path, *({**row, "plate": p} for row, p in zip(values, plates, strict=True)))
    with open_record(settings) as ledger:
        on_plate = {o.id for o in ledger.observations("small") if o.context.get("plate") == "PB-1"}

    gone = retract(settings, "small", "PB-1", by="tester", why="failed its controls", whole_plate=True)

    assert {o.id for o in gone} == on_plate
    assert len(on_plate) == 2
    other = max(set(report.observations) - on_plate)
    with pytest.raises(LedgerError, match="lies on no plate; leave --plate out"):
        retract(settings, "small", other, by="tester", why="?", whole_plate=True)
