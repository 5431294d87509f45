"""What a source has of the campaign itself, or of another source, is not heard a second time."""

from __future__ import annotations

from pathlib import Path

from db import exchange
from db.ledger import open_ledger
from flows.engine import replay, retract, status, tell, tell_source, tick
from flows.engine.sources.hearing import SOURCES, sources_of
from flows.settings import Settings
from loop.spec import CampaignSpec
from tests.flows.engine.bench import cheap_planner
from tests.flows.engine.memories import campaign, first_round, planned, table


def heard(settings: Settings, name: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """How many results of each source are heard, and the notes."""
    with open_ledger(settings.database) as ledger:
        found, read, notes = sources_of(ledger, CampaignSpec.from_record(ledger.campaign(name).spec))
    assert [len(one.history.observations) for one in found] == [len(what["observations"]) for what in read.values()]
    return {of: len(what["observations"]) for of, what in read.items()}, notes


def in_minutes(path: Path) -> Path:
    """The same table with times in min, and one row more."""
    header, *rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    told = [[a, b, str(60 * int(hours)), value] for a, b, hours, value in rows] + [["water", "KOAc", "150", "7"]]
    other = path.with_name("minutes.csv")
    lines = [[*header[:2], "time [min]", header[3]], *told]
    other.write_text("\n".join(",".join(cells) for cells in lines) + "\n", encoding="utf-8")
    return other


def test_a_table_that_was_told_under_two_titles_is_one_source(settings: Settings, tmp_path: Path) -> None:
    name, path = campaign(settings, tmp_path, "own"), table(tmp_path)
    first, _ = tell_source(settings, name, path, "Smith 2019", by="A")
    second, _ = tell_source(settings, name, in_minutes(path), "Jones 2020", by="A")

    results, notes = heard(settings, name)

    assert results == {first: 12, second: 1}
    assert notes == (
        f"source {second!r}: 12 results of it are those of source {first!r}, with the same settings and values: not "
        "heard a second time",
    )
    planned(settings, name)
    stored = first_round(settings, name)
    assert list(stored.model[SOURCES]) == [second, first]
    assert notes[0] in stored.notes
    assert replay(settings, name, 1).is_identical


def test_a_table_whose_rows_are_the_campaigns_own_results_is_no_source_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    name, path = campaign(settings, tmp_path, "own"), table(tmp_path)
    source, _ = tell_source(settings, name, path, "Smith 2019", by="A")
    report = tell(settings, name, path, by="A")

    results, notes = heard(settings, name)
    retract(settings, name, report.observations[0], by="A", why="it was theirs alone")

    assert results == {}
    assert notes[0].startswith(f"source {source!r}: 12 results of it are this campaign's own, with the same settings")
    assert heard(settings, name)[0] == {source: 1}


def test_of_an_earlier_campaign_what_was_brought_from_there_is_left_out(settings: Settings, tmp_path: Path) -> None:
    old, path = campaign(settings, tmp_path, "old"), table(tmp_path)
    tell(settings, old, path, by="A")
    name = campaign(settings, tmp_path, "own", memory=[old], laboratory={"adapter": "simulated"})
    for _ in range(2):  # results of its own laboratory stand beside what is brought
        tick(settings, name, planner=cheap_planner)
    before = heard(settings, name)
    with open_ledger(settings.database) as ledger:
        exchange.export(ledger, old, exported := tmp_path / "old.csv")
    some = tmp_path / "some.csv"
    some.write_text("\n".join(exported.read_text("utf-8-sig").splitlines()[:6]) + "\n", encoding="utf-8")
    tell(settings, name, some, by="A")

    results, notes = heard(settings, name)

    assert before == ({old: 12}, ())
    assert results == {old: 7}
    assert notes == (
        "source 'old': 5 results of it are this campaign's own, brought from there: not heard a second time",
    )


def test_of_a_source_that_memory_off_keeps_out_nobody_says_that_it_is_heard(settings: Settings, tmp_path: Path) -> None:
    name, path = campaign(settings, tmp_path, "own", memory="off"), table(tmp_path)

    source, report = tell_source(settings, name, path, "Smith 2019", by="A")
    unheard = status(settings, source)[0].next_step
    campaign(settings, tmp_path, "own")

    assert "the file of own has memory: off, so that no source is heard; without that line this one is" in report.notes
    assert unheard == "A source of own, whose file has memory: off, so that it is not heard."
    assert "hakken run own listens to it" in status(settings, source)[0].next_step
