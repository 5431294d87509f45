"""``metrics`` says of every campaign, in Prometheus' text format, what a monitoring system raises alarms on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.cli.guard import REFUSED
from flows.wiring import open_record
from tests.flows.cli.small import write

Samples = dict[tuple[str, ...], float]


def read(text: str) -> Samples:
    """Every sample by its name and its labels' values, in the order of their names."""
    return {
        (s.name.removeprefix("hakken_"), *(s.labels[name] for name in sorted(s.labels))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


@pytest.mark.usefixtures("small_campaign")
def test_what_was_done_waits_and_was_found_is_told(hakken: Any) -> None:
    write(simulated="manual")
    hakken("run", "small.yaml")
    Path("told.csv").write_text("ligand,temperature,yield\nPPh3,60,41\nPCy3,80,55\n")
    hakken("tell", "small", "told.csv")
    found = read(hakken("metrics").out)

    assert found["campaign_state", "small", "active"] == 1
    assert found["campaign_state", "small", "halted"] == found["campaign_state", "small", "finished"] == 0
    assert found["experiments_pending", "small", "submitted"] == 2
    assert (found["experiments_done", "small"], found["experiments_budget", "small"]) == (0, 4)
    assert (found["results", "small"], found["rounds", "small"]) == (2, 1)
    assert found["best_value", "small", "yield", "%"] == 55
    assert 0 <= time.time() - found["campaign_last_change_timestamp_seconds", "small"] < 600
    assert found["experiments_overdue", "small"] == found["experiments_ambiguous", "small"] == 0


@pytest.mark.usefixtures("small_campaign")
def test_a_halted_campaign_is_told_and_a_file_appears_whole(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("stop", "small", "--safety", "--why", "smoke")
    said = hakken("metrics", "--out", "hakken.prom").out

    found = read(Path("hakken.prom").read_text())
    assert found["campaign_state", "small", "halted"] == 1
    assert found["campaign_state", "small", "active"] == 0
    assert found["laboratory_experiments", "small", "done", "simulated"] == found["experiments_done", "small"] > 0
    assert "wrote the metrics of 1 campaign to hakken.prom" in said
    assert [path.name for path in Path().glob("hakken.prom*")] == ["hakken.prom"]


@pytest.mark.usefixtures("small_campaign")
def test_a_file_that_was_edited_and_is_not_taken_up_is_told_of_each_campaign(hakken: Any) -> None:
    for name in ("other", "small"):
        write(**{"campaign: small": f"campaign: {name}", "simulated": "manual"})
        Path(f"{name}.yaml").write_text(Path("small.yaml").read_text())
        hakken("tick", f"{name}.yaml")
    Path("small.yaml").write_text(Path("small.yaml").read_text().replace("experiments: 4", "experiments: 6"))

    found, status, report = read(hakken("metrics").out), hakken("status").out, hakken("report", "small").out

    assert (found["campaign_file_edited", "small"], found["campaign_file_edited", "other"]) == (1, 0)
    assert status.count("was changed") == 1
    assert "note: small.yaml was changed; hakken run small.yaml takes that up" in status
    assert "note: small.yaml was changed" in report


@pytest.mark.usefixtures("small_campaign")
def test_what_is_not_there_is_named(hakken: Any) -> None:
    hakken("run", "small.yaml")
    missing = hakken("metrics", "nowhere")
    assert (missing.code, "no campaign is called 'nowhere'" in missing.err) == (REFUSED, True)
    nowhere = hakken("metrics", "--out", "no/hakken.prom")
    assert (nowhere.code, "no is no folder; make it first" in nowhere.err) == (REFUSED, True)


@pytest.mark.usefixtures("small_campaign")
@pytest.mark.parametrize("is_a_folder", [False, True])
def test_what_is_wrong_in_the_folder_of_one_campaign_hides_no_other(hakken: Any, is_a_folder: bool) -> None:
    for name in ("small", "other"):
        write(**{"campaign: small": f"campaign: {name}", "simulated": "manual"})
        hakken("tick", "small.yaml")
    origin = Path("runs/small/origin.json")
    origin.unlink()
    origin.mkdir() if is_a_folder else origin.write_text("{cut o")

    status, found = hakken("status"), read(hakken("metrics").out)

    assert status.code == 0
    assert "origin.json cannot be read" in " ".join(status.out.split())
    assert "other: active" in status.out
    assert found["experiments_pending", "small", "submitted"] == found["experiments_pending", "other", "submitted"] == 2


@pytest.mark.usefixtures("small_campaign")
def test_a_batch_that_waits_for_a_person_and_a_decision_are_changes(hakken: Any, home: Any) -> None:
    write(simulated="manual, approval: person")
    hakken("tick", "small.yaml")
    planned = read(hakken("metrics").out)
    hakken("ban", "small", "--where", "ligand=PCy3", "--by", "Ada", "--why", "it smells")
    decided = read(hakken("metrics").out)

    with open_record(home) as ledger:
        last, (ban,) = ledger.round("small", 1).created, ledger.decisions("small")
    name = ("campaign_last_change_timestamp_seconds", "small")
    assert planned["rounds_to_approve", "small"] == 1
    assert planned[name] == last.timestamp()
    assert decided[name] == ban.at.timestamp()
