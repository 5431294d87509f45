"""A campaign through the command line: run to its end, and gone on with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.small import CAMPAIGN, write
from tests.flows.engine.outages import Outage

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_it_runs_to_its_end_and_says_how_to_go_on(hakken: Any, home: Any) -> None:
    said = hakken("run", "small.yaml")

    assert said.code == 0, said.err
    assert "round 1: 2 planned, 2 sent to the laboratory" in said.out
    assert "best so far yield" in said.out
    assert "small is finished" in said.out
    assert "report: runs/small/report.html" in said.out
    assert said.out.splitlines()[-1].startswith("next: hakken show small")
    assert (home.home / "small/report.html").exists()


@pytest.mark.parametrize("way", [[], ["--json"]])
def test_a_run_says_that_it_waits_for_its_record_and_a_pass_ends(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, way: list[str]
) -> None:
    with monkeypatch.context() as first:
        Outage(first, "dispatch.accepted")
        ended = hakken("tick", "small.yaml")
    Outage(monkeypatch, "ingest.stored")

    said = hakken("run", "small.yaml", *way)

    assert ended.code == 2
    assert "out of reach (the server closed the connection\n\tunexpectedly); try again in a moment" in ended.err
    assert said.code == 0
    notes = said.err if way else said.out
    assert "unexpectedly); waiting for it, 60 min at most. Nothing is sent meanwhile" in notes
    assert re.search(r"note: the record is there again after \d+ s; going on", notes)
    assert not way or json.loads(said.out)["state"] == "finished"


def test_run_again_says_that_nothing_was_left_to_do(hakken: Any) -> None:
    first = hakken("run", "small.yaml")

    said = hakken("run", "small.yaml")

    assert "small is finished" in first.out
    assert "nothing was left to do" not in first.out
    assert said.code == 0
    assert "nothing was left to do" in said.out
    assert "to start anew beside this one: HAKKEN_HOME=runs/again hakken run small.yaml" in said.out


def test_a_run_whose_last_pass_alone_did_nothing_was_not_left_with_nothing_to_do(hakken: Any) -> None:
    once_more = "{adapter: simulated, failures: {instrument_fault: 1}}\ncosts: {experiment: 2}"
    write(**{"{adapter: simulated}": once_more, "{experiments: 4}": "{cost: 5}"})

    said = hakken("run", "small.yaml")

    assert "the budget leaves 1" in said.out
    assert "small is finished" in said.out
    assert "nothing was left to do" not in said.out


def test_run_by_name_says_which_file_to_change(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hakken("run", "small.yaml")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert f"in {tmp_path}/small.yaml and hakken run {tmp_path}/small.yaml" in hakken("run", "small").out
    said = hakken("resume", "small").out
    assert "it had finished: the budget of 4 experiments is spent" in said
    assert f"ends at once where that still holds: change it in {tmp_path}/small.yaml first" in said
    (tmp_path / "small.yaml").unlink()
    assert "in its campaign file and hakken run it, or, where it" in hakken("run", "small").out.splitlines()[-1]


def test_a_name_with_a_space_is_quoted_in_what_to_type_next(hakken: Any) -> None:
    write(**{"campaign: small": "campaign: two words"})
    hakken("tick", "small.yaml")

    assert hakken("stop", "two words").out.splitlines()[-1].startswith("next: hakken resume 'two words' takes it up")
    assert hakken("resume", "two words").out.endswith("next: hakken run 'two words' goes on\n")
    assert "hakken replay 'two words' 1 plans it again" in hakken("show", "two words").out


def test_where_a_campaign_file_was_moved_with_what_lies_beside_it_is_asked_for(hakken: Any) -> None:
    before, after = Path("before"), Path("after")
    before.mkdir()
    rows = "".join(f"{ligand},{t},{t}\n" for ligand in ("PPh3", "PCy3") for t in (60, 80, 100))
    (before / "table.csv").write_text(f"ligand,temperature,yield\n{rows}")
    told = CAMPAIGN.replace("{adapter: simulated}", "{adapter: emulator, table: table.csv}")
    (before / "small.yaml").write_text(told)
    assert hakken("tick", before / "small.yaml").code == 0
    before.rename(after)

    lost = hakken("tick", "small")

    assert lost.code == 2
    assert f"The campaign file is not at {before.absolute() / 'small.yaml'} any more" in lost.err
    assert "hakken tick FILE with its new place notes that" in lost.err
    assert hakken("tick", after / "small.yaml").code == 0
    assert hakken("run", "small").code == 0


def test_a_larger_budget_goes_on(hakken: Any) -> None:
    hakken("run", "small.yaml")
    write(**{"experiments: 4": "experiments: 6"})

    said = hakken("run", "small.yaml", "--json")

    assert said.json["experiments_done"] == 6


def test_ticks_make_a_campaign(hakken: Any) -> None:
    reports = [hakken("tick", "small.yaml", "--json").json for _ in range(6)]

    assert reports[0]["sent"] == 2
    assert reports[-1]["state"] == "finished"


def test_a_laboratory_that_sends_no_messages_is_not_listened_to(hakken: Any) -> None:
    hakken("tick", "small.yaml")

    said = hakken("listen", "small", "--max-seconds", 0)

    assert said.code == 2
    assert "the laboratory 'simulated' of campaign 'small' sends no messages; hakken run and hakken tick" in said.err
    assert "webhook_keys" not in said.err


def test_commands_that_are_named_can_be_typed_where_names_have_spaces(hakken: Any) -> None:
    Path("my table.csv").write_text("base,c,yield\nA,1,5\nB,2,6\nA,3,7\n")
    first = hakken("init", "my table.csv", "--target", "yield", "--name", "my campaign", "-o", "my file.yaml").out
    checked = hakken("validate", "my file.yaml").out
    hakken("tick", "my file.yaml")
    lifted = hakken("lift", "my campaign", "7").err
    approved = hakken("resume", "my campaign").err

    assert "hakken run --dry-run 'my file.yaml' shows the first batch" in first
    assert "hakken tell 'my file.yaml' 'my table.csv'" in first
    assert "next: hakken run --dry-run 'my file.yaml' shows" in checked
    assert "(hakken decisions 'my campaign')" in lifted
    assert "hakken status 'my campaign' says how it stands" in approved
