"""``hakken tell --dry-run`` says of a table what telling it would say, and leaves no trace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from flows.wiring import open_record
from tests.flows.cli.small import CAMPAIGN

ROWS = "ligand,temperature,yield\nPPh3,60,0.2\nPCy3,80,0.5\n"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)
    Path("told.csv").write_text(ROWS)
    return Path("told.csv")


def files(home: Settings) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(home.home.rglob("*")) if path.is_file()}


def test_it_says_what_telling_says_and_records_nothing(table: Path, hakken: Any, home: Settings) -> None:
    hakken("tell", "small.yaml", table)
    table.write_text(ROWS + "PCy3,60,0.7\nPCy3,100,0.9\nPPh3,100,0.4\nPPh3,80,0.3\nPCy3,60,0.8\n")
    before = files(home)

    tried = hakken("tell", "small", table, "--dry-run", "--json")
    said = hakken("tell", "small", table, "--dry-run")

    assert files(home) == before
    assert f"{table}: 5 results would be accepted, 2 known already" in said.out
    assert "note once they are told: all 5 values of yield lie from 0.3 to 0.9 %" in said.out
    assert "next: nothing was recorded; mend the file where a note names a slip or a copy; " in said.out
    told = hakken("tell", "small", table, "--json").json
    assert len(told["notes"]) == 1  # of fractions in the place of percent
    assert len(told["observations"]) == 5
    without_ids = [note.split(", once each")[0] for note in told["notes"]]
    assert [note.split(", once each")[0] for note in tried.json["notes"]] == without_ids
    assert tried.json == told | {"dry_run": True, "observations": [], "notes": tried.json["notes"]}


def test_a_campaign_is_tried_that_is_not_on_record(table: Path, hakken: Any, home: Settings) -> None:
    said = hakken("tell", "small.yaml", table, "--dry-run")

    assert "2 results would be accepted" in said.out
    assert not home.home.exists()
    refused = hakken("tell", "small", table, "--dry-run")
    assert (refused.code, str(home.home) in refused.err) == (2, True)


def test_what_cannot_be_used_is_told_by_line(table: Path, hakken: Any, home: Settings) -> None:
    hakken("tell", "small.yaml", table)
    table.write_text(ROWS + "PPh,60,20\n")
    before = files(home)

    said = hakken("tell", "small", table, "--dry-run")

    assert said.code == 2
    assert "each row would be kept on record as it came" in said.err
    assert "told.csv line 4: parameter 'ligand' has no option 'PPh'" in said.err
    assert files(home) == before


def test_a_changed_campaign_file_is_tried_with_it(table: Path, hakken: Any, home: Settings) -> None:
    hakken("tell", "small.yaml", table)
    Path("small.yaml").write_text(CAMPAIGN.replace("[60, 80, 100]", "[60, 80, 100, 120]"))
    table.write_text(ROWS + "PPh3,120,20\n")

    assert "1 result would be accepted, 2 known already" in hakken("tell", "small.yaml", table, "--dry-run").out
    with open_record(home) as ledger:
        assert ledger.campaign("small").spec["space"]["temperature"]["values"] == [60, 80, 100]


def test_a_source_is_tried_too(table: Path, hakken: Any, home: Settings) -> None:
    hakken("tell", "small.yaml", table)

    said = hakken("tell", "small", table, "--source", "Smith 2021", "--dry-run")

    assert "2 results would be accepted" in said.out
    with open_record(home) as ledger:
        assert [c.name for c in ledger.campaigns()] == ["small"]


def test_nobody_who_works_on_the_campaign_is_waited_for(table: Path, hakken: Any, home: Settings) -> None:
    hakken("tell", "small.yaml", table)
    with open_record(home) as ledger:
        ledger.acquire("small", "elsewhere:/srv", timedelta(minutes=5))

        assert hakken("tell", "small", table, "--dry-run").code == 0


def test_rows_of_the_copy_are_named_by_their_lines(table: Path, hakken: Any) -> None:
    known, _ = hakken("tell", "small.yaml", table, "--json").json["observations"]
    table.write_text("ligand,temperature,yield\nPPh3,60,0.3\nPCy3,300,50\nPCy3,300,50\n")

    said = hakken("tell", "small", table, "--dry-run").out

    assert "counts as a replicate: line 4. Where" in said
    assert "hakken retract small ID_OF_LINE_4 --why COPY" in said
    assert "hakken retract small ID_OF_LINE_3 --why SLIP" in said
    assert f"line 2 (in the place of {known}). Where" in said  # which stays
