"""A campaign through the command line: run, look, tell, retract, decide, export, replay."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.wiring import open_record, spec_on_record
from loop.experiment import Event, State
from loop.record import EnvelopeDraft
from tests.flows.engine.outages import Outage

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)


def write(**changes: str) -> None:
    text = CAMPAIGN
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    Path("small.yaml").write_text(text)


def fill(*rows: dict[str, str]) -> None:
    """Type cells into the last rows of the worksheet."""
    sheet = Path("runs/small/laboratory/worksheet.csv")
    typed = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines()))
    for row, cells in zip(typed[-len(rows) :], rows, strict=True):
        row |= cells
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in typed for name in row)))
        writer.writeheader()
        writer.writerows(typed)


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


def test_the_page_of_a_finished_campaign_is_named_where_there_is_one(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    there = hakken("status", "small").out
    (home.home / "small/report.html").unlink()  # or it ran on another machine

    gone = hakken("status", "small").out

    assert "report.html (hakken report small writes it anew)" in " ".join(there.split())
    assert "report.html" not in gone
    assert "See hakken best small; hakken report small draws its page." in " ".join(gone.split())
    assert "wrote runs/small/report.html" in hakken("report", "small").out


def test_a_campaign_that_is_named_says_that_its_file_was_changed(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    same = hakken("tick", "small")
    write(**{"80, 100": "80, 100, 120"})
    changed = hakken("tick", "small")
    write(**{"80, 100": "80, hot"})
    wrong = hakken("run", "--dry-run", "small")

    assert "was changed" not in same.out
    assert "note: small.yaml was changed; hakken run small.yaml takes that up" in changed.out
    assert "note: small.yaml was changed and cannot be used (small.yaml line 4: space.temperature" in wrong.out
    assert "goes on as it is on record" in wrong.out


def test_a_file_is_not_called_changed_where_a_release_has_a_default_that_the_record_lacks(
    hakken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hakken("tick", "small.yaml")

    def older(where: Any, name: str) -> Any:
        found = spec_on_record(where, name)
        assert found is not None
        return {**found, "planner": {k: v for k, v in found["planner"].items() if k != "replicates"}}

    monkeypatch.setattr("flows.engine.campaigns.spec_on_record", older)
    same = hakken("tick", "small")
    write(**{"80, 100": "80, 100, 120"})
    changed = hakken("tick", "small")

    assert same.code == 0, same.err
    assert "was changed" not in same.out
    assert "note: small.yaml was changed" in changed.out


def test_run_again_says_that_nothing_was_left_to_do(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("run", "small.yaml")

    assert said.code == 0
    assert "nothing was left to do" in said.out
    assert "to start anew beside this one: HAKKEN_HOME=runs/again hakken run small.yaml" in said.out


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


def test_a_larger_budget_goes_on(hakken: Any) -> None:
    hakken("run", "small.yaml")
    write(**{"experiments: 4": "experiments: 6"})

    said = hakken("run", "small.yaml", "--json")

    assert said.json["experiments_done"] == 6


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


def test_the_status_tells_each_experiment_that_runs_by_its_key(hakken: Any, home: Any) -> None:
    write(**{"adapter: simulated": "adapter: manual"})
    hakken("tick", "small.yaml")

    (status,) = hakken("status", "small", "--json").json

    with open_record(home) as ledger:
        attempts = ledger.attempts("small")
    assert [a["key"] for a in status["at_work"]] == [a.key for a in attempts]
    assert [a["settings"] for a in status["at_work"]] == [a.settings for a in attempts]
    assert [a["label"] for a in status["at_work"]] == status["running"]
    first = status["at_work"][0]
    assert (first["state"], first["laboratory"], first["round"], first["well"]) == ("submitted", "manual", 1, None)


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


def test_ticks_make_a_campaign(hakken: Any) -> None:
    reports = [hakken("tick", "small.yaml", "--json").json for _ in range(6)]

    assert reports[0]["sent"] == 2
    assert reports[-1]["state"] == "finished"


def test_status_names_the_best_and_the_next_step(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("status")

    assert "small: finished" in said.out
    assert "4 of 4 experiments done" in said.out
    assert "best single value: yield" in said.out
    assert "best by the mean of its values, without a model" in said.out
    assert "next: " in said.out


def test_a_dry_run_of_a_file_calls_candidates_as_a_run_does(hakken: Any) -> None:
    write(**{"  temperature:": "  base: {type: category, options: [KOAc, DBU]}\n  temperature:"})

    previewed = hakken("run", "--dry-run", "small.yaml").out
    ran = hakken("tick", "small.yaml").out

    planned = re.findall(r"^ +\d+\. (.+)$", previewed, re.MULTILINE)
    assert len(planned) == 2
    assert sorted(planned) == sorted(re.findall(r"^    (\S.+degC)$", ran, re.MULTILINE))


def test_status_says_that_nothing_is_left_to_try(hakken: Any) -> None:
    write(**{"experiments: 4": "experiments: 40"})
    rows = [f"{ligand},{t},5" for ligand in ("PPh3", "PCy3") for t in (60, 80, 100)]
    Path("all.csv").write_text("\n".join(["ligand,temperature,yield", *rows[:-1], ""]))
    hakken("tell", "small.yaml", "all.csv")
    before = hakken("status", "small").out
    Path("last.csv").write_text(f"ligand,temperature,yield\n{rows[-1]}\n")
    hakken("tell", "small.yaml", "last.csv")

    said = hakken("status", "small").out
    ended = hakken("run", "small").out

    assert "The next batch is due" in before
    assert "Nothing is left: every candidate of the space was tried. hakken run small" in " ".join(said.split())
    assert "due" not in said
    assert "small is finished: every candidate was tried" in " ".join(ended.split())


def test_status_says_what_a_killed_pass_received_and_did_not_read(hakken: Any, home: Any) -> None:
    write(**{"adapter: simulated": "adapter: manual"})
    hakken("tick", "small.yaml")
    from flows.engine.holding import holding

    payload = '{"outcome": "negative", "reason": "no product"}'
    with open_record(home) as ledger, holding(ledger, home, "small") as held, ledger.work(held.lease) as work:
        work.receive(EnvelopeDraft("manual", ledger.attempts("small")[0].key, payload))
    before = hakken("status").out
    hakken("tick", "small")

    line = "  1 result received and not read yet: hakken tick small reads what came"
    assert line in before.splitlines()
    assert line not in hakken("status").out.splitlines()


def test_status_says_once_what_the_laboratory_has(hakken: Any, home: Any) -> None:
    write(
        **{
            "adapter: simulated": "adapter: manual",
            "experiments: 2": "experiments: 6",
            "experiments: 4": "experiments: 6",
        }
    )
    hakken("tick", "small.yaml")
    from flows.engine.holding import holding

    with open_record(home) as ledger, holding(ledger, home, "small") as held, ledger.work(held.lease) as work:
        work.move(ledger.attempts("small")[0].key, Event.STARTED)

    lines = hakken("status").out.splitlines()

    assert {"  5 submitted", "  1 running"} <= set(lines)
    (said,) = [line for line in lines if line.startswith("  with the laboratory: ")]
    assert said.count(";") == 5
    assert said.endswith("; and 1 more")


def test_status_tells_what_is_being_sent_and_what_is_in_doubt_from_what_the_laboratory_has(
    hakken: Any, home: Any
) -> None:
    write(**{"adapter: simulated": "adapter: manual", "experiments: 2": "experiments: 3"})
    hakken("tick", "small.yaml")
    with sqlite3.connect(home.database.removeprefix("sqlite:///")) as database:  # as a pass killed while it sent
        keys = [key for (key,) in database.execute("SELECT id FROM attempt ORDER BY id")]
        database.execute("UPDATE attempt SET state = 'sending', handle = NULL WHERE id = ?", keys[:1])
        database.execute("UPDATE attempt SET state = 'ambiguous', handle = NULL WHERE id = ?", keys[1:2])
    database.close()

    lines = [line.strip().partition(": ") for line in hakken("status").out.splitlines()]
    said = {where: len(what.split("; ")) for where, _, what in lines}

    assert said["being sent, or were when a pass was killed (the next pass looks them up)"] == 1
    assert said["in doubt, with the laboratory or not"] == 1
    assert said["with the laboratory"] == len(keys) - 2


@pytest.mark.parametrize(
    "words",
    ["show small", "best small", "stop small --why x", "export small x.csv", "audit verify", "tick small"],
)
def test_a_record_that_is_not_there_is_doubted_and_not_made(hakken: Any, words: str) -> None:
    said = hakken(*words.split())

    assert said.code == 2
    assert "there is no record at" in said.err
    assert "hakken run FILE makes one, and HAKKEN_HOME (or HAKKEN_DATABASE) names another" in said.err
    assert not Path("runs").exists()


def test_where_nothing_is_on_record_yet_nothing_is_made(hakken: Any) -> None:
    stands, health = hakken("status"), hakken("doctor")

    assert "no campaign in runs yet" in stands.out
    assert "none at runs/hakken.db yet" in " ".join(health.out.split())
    assert not Path("runs").exists()


def test_a_laboratory_that_sends_no_messages_is_not_listened_to(hakken: Any) -> None:
    hakken("tick", "small.yaml")

    said = hakken("listen", "small", "--max-seconds", 0)

    assert said.code == 2
    assert "the laboratory 'simulated' of campaign 'small' sends no messages; hakken run and hakken tick" in said.err
    assert "webhook_keys" not in said.err


def test_status_of_nothing_says_how_to_begin(hakken: Any) -> None:
    said = hakken("status")

    assert said.code == 0
    assert "hakken init --template reaction" in said.out


def test_show_gives_every_reason_and_result(hakken: Any) -> None:
    hakken("run", "small.yaml")

    first, last = hakken("show", "small", 1), hakken("show", "small", "--json").json

    assert "2 proposals by the initial design" in first.out
    assert first.out.count("result ") == 2
    assert last["round"]["number"] == 2
    assert {p["proposal"]["draft"]["reason"] for p in last["proposals"]} - {""}
    assert all(p["observations"] for p in last["proposals"])


def test_every_name_that_is_not_on_record_is_answered_with_what_there_is(hakken: Any) -> None:
    hakken("tick", "small.yaml")

    for words in (
        ("status", "smal"),
        ("show", "smal"),
        ("report", "smal"),
        ("run", "smal"),
        ("export", "smal", "x.csv"),
    ):
        said = hakken(*words)
        assert said.code == 2, words
        assert "'smal'" in said.err, words
        assert "small" in said.err.replace("'smal'", ""), words
    assert "has no round 7" in hakken("show", "small", 7).err


def test_tell_brings_results_in_once(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    Path("told.csv").write_text("ligand,temperature [K],yield\nPCy3,333.15,12\n")

    first, second = hakken("tell", "small", "told.csv"), hakken("tell", "small", "told.csv", "--json")

    assert "1 result accepted, 0 known already" in first.out
    assert (second.json["accepted"], second.json["duplicates"]) == (0, 1)


def test_retract_needs_a_reason_and_keeps_the_result(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    with open_record(home) as ledger:
        one = ledger.observations("small")[0].id

    assert hakken("retract", "small", one).code == 2
    said = hakken("retract", "small", one, "--why", "wrong vial")

    assert said.code == 0, said.err
    assert "(retracted: wrong vial)" in hakken("show", "small", 1).out


def test_a_finished_campaign_is_taken_up_before_it_goes_on(hakken: Any, home: Any) -> None:
    finished = hakken("run", "small.yaml")
    with open_record(home) as ledger:
        one = ledger.observations("small")[0].id
    Path("told.csv").write_text("ligand,temperature,yield\nPPh3,60,4\n")
    retracted = hakken("retract", "small", one, "--why", "wrong vial")
    told = hakken("tell", "small.yaml", "told.csv")
    lines = [said.out.splitlines()[-1] for said in (finished, retracted, told)]
    resumed = hakken("resume", "small")
    told_again = hakken("tell", "small", "told.csv")

    taken_up = "small is finished: hakken resume small takes it up, then hakken run small"
    assert "or, where it holds no more (a result was retracted), hakken resume small; to start anew" in lines[0]
    assert f"brings in a corrected one; {taken_up} goes on" in lines[1]
    assert f"next: {taken_up}.yaml learns from them and goes on" in lines[2]
    assert resumed.code == 0
    assert told_again.out.splitlines()[-1] == "next: hakken run small learns from them and goes on"


def test_what_a_safety_stop_halts_goes_on_once_it_is_lifted(hakken: Any, home: Any) -> None:
    hakken("tick", "small.yaml")
    hakken("tick", "small")
    with open_record(home) as ledger:
        one = ledger.observations("small")[0].id
    hakken("stop", "small", "--safety", "--why", "smoke")

    said = hakken("retract", "small", one, "--why", "wrong vial")
    lifted = hakken("resume", "small", "--by", "A", "--why", "cleared")

    lifts = "small is halted by a safety stop: hakken resume small --by NAME --why REASON lifts it"
    assert f"brings in a corrected one; {lifts}, then hakken run small goes on" in said.out
    assert lifted.code == 0, lifted.err
    assert lifted.out.endswith("next: hakken run small goes on\n")


def test_of_a_finished_campaign_that_is_halted_both_are_named(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    with open_record(home) as ledger:
        one = ledger.observations("small")[0].id
    hakken("stop", "small", "--safety", "--why", "smoke")

    said = hakken("retract", "small", one, "--why", "wrong vial").out

    assert "lifts it, then hakken resume small takes it up, then hakken run small goes on" in said


def test_a_source_is_listened_to_and_never_run(hakken: Any, home: Any) -> None:
    hakken("tick", "small.yaml")
    Path("paper.csv").write_text("ligand,temperature,yield\nPPh3,60,4\n")
    told = hakken("tell", "small", "paper.csv", "--source", "Smith")
    with open_record(home) as ledger:
        one = ledger.observations("small - Smith")[0].id

    stands = hakken("status", "small - Smith").out
    said = hakken("retract", "small - Smith", one, "--why", "misprint").out

    assert told.code == 0, told.err
    assert "1 result of others; nothing is planned here" in stands
    assert "experiments done" not in stands
    assert said.splitlines()[-1].endswith("brings in a corrected one; hakken run small listens to it")
    assert "resume" not in said


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


def test_what_waits_is_counted_in_words_and_what_is_not_named_is_counted(hakken: Any) -> None:
    write(
        simulated="manual",
        **{"batch: 2": "batch: 6", "experiments: 2": "experiments: 6", "experiments: 4": "experiments: 8"},
    )
    many = hakken("run", "small.yaml")
    said = hakken("status", "small")
    fill(*[{"yield [%]": "5"}] * 5)
    one = hakken("tick", "small")

    assert "next: 6 experiments wait for their results: fill in" in many.out
    assert "  6 submitted\n  with the laboratory: " in said.out
    assert "; and 1 more\n" in said.out
    assert "next: 1 experiment waits for its result: fill in" in one.out


@pytest.mark.parametrize(
    ("planner", "doubts"),
    [
        ("replicates: planned, batch: 2", "the replicates that it plans go to such doubts"),
        ("batch: 2", "replicates: planned (on plates plate: {replicates: N}) spends experiments on such doubts"),
    ],
)
def test_best_advises_replicates_only_where_none_are_planned(hakken: Any, planner: str, doubts: str) -> None:
    write(**{"surrogate: random, batch: 2": planner})
    hakken("tick", "small.yaml")
    hakken("tick", "small.yaml")

    assert hakken("best", "small").out.splitlines()[-1] == f"next: hakken report small draws all of it; {doubts}"


def test_what_was_recorded_beside_a_result_is_shown_and_exported(hakken: Any, home: Any) -> None:
    write(
        simulated="manual",
        **{
            "unit: degC}\n": 'unit: degC}\n  humidity: {type: context, unit: "%"}\n',
            "\nbudget": "\nnoise: {effects: [operator]}\nbudget",
        },
    )
    hakken("run", "small.yaml")
    more = {"operator": "Ada", "humidity [%]": "40.5", "hours": "3", "comment": "turned brown"}
    fill({"yield [%]": "5", **more, "temperature [degC]": "66"}, {"outcome": "negative", "comment": "no spot"})
    hakken("tick", "small")
    shown, stands = hakken("show", "small", "1").out, hakken("status", "small").out
    hakken("report", "small")
    hakken("export", "small", "out.csv")

    assert re.search(r"best single value: yield 5 %: .*temperature \d+ degC \(really temperature 66 degC\)\n", stands)
    beside = "really temperature 66 degC; humidity 40.5 %, operator Ada; comment: turned brown"
    assert f"     {beside}\n" in shown
    assert "comment: no spot" not in shown  # the reason of the negative, which is said
    assert beside in (home.home / "small/report.html").read_text(encoding="utf-8")
    mine = next(row for row in csv.DictReader(Path("out.csv").read_text().splitlines()) if row["outcome"] == "measured")
    assert (mine["comment"], mine["context.operator"], mine["context.humidity"]) == ("turned brown", "Ada", "40.5")
    assert (mine["actual.temperature"], mine["hours"]) == ("66.0", "3.0")


def test_export_writes_csv_and_parquet_and_overwrites_nothing(hakken: Any) -> None:
    hakken("run", "small.yaml")

    assert hakken("export", "small", "out.csv", "--json").json["rows"] == 4
    assert hakken("export", "small", "out.parquet").code == 0
    assert "overwrite" in hakken("export", "small", "out.csv").err
    assert hakken("export", "small", "out.csv", "--overwrite").code == 0
    assert "unknown export format 'xlsx'" in hakken("export", "small", "out.xlsx").err
    assert len(list(csv.DictReader(Path("out.csv").read_text().splitlines()))) == 4
    assert Path("out.parquet").read_bytes()[:4] == b"PAR1"


def test_replay_proves_a_round(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("replay", "small", 2)

    assert said.code == 0, said.out
    assert "comes out again: 2 proposals, identical" in said.out


@pytest.mark.parametrize(
    ("versions", "cause", "remedy"),
    [
        (
            ("hakken was 0.1.0, now 0.2.0", "torch was 1, now 2"),
            "most likely since it was planned on 2026-02-03 with other versions (hakken was 0.1.0, now 0.2.0; torch "
            "was 1, now 2)",
            "install the versions of then in an environment of their own",
        ),
        (
            (),
            "most likely hakken's code was changed within its version since 2026-02-03",
            "take hakken's code as it was on 2026-02-03",
        ),
    ],
)
def test_a_round_that_does_not_come_out_again_is_exit_code_2_with_the_likely_cause(
    hakken: Any, monkeypatch: pytest.MonkeyPatch, versions: tuple[str, ...], cause: str, remedy: str
) -> None:
    from flows import engine
    from flows.engine import ReplayReport

    hakken("tick", "small.yaml")
    planned = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    differs = ReplayReport("small", 1, False, ("position 0: PPh3 then, PCy3 now",), versions, 2, planned)
    monkeypatch.setattr(engine, "replay", lambda *_: differs)
    said = hakken("replay", "small")

    words = " ".join(said.out.split())
    assert said.code == 2
    assert "differs: position 0: PPh3 then, PCy3 now" in words
    assert all(f"version: {version}" in words for version in versions)
    assert cause in words
    assert f"next: to see it come out, {remedy}" in words


def test_an_intact_record_is_said_to_be_intact_with_the_hash_to_keep(hakken: Any, home: Any) -> None:
    hakken("tick", "small.yaml")

    document = hakken("audit", "verify", "--json").json
    said = hakken("audit", "verify").out

    with open_record(home) as ledger:
        last = ledger.audit()[-1]
    assert (document["is_intact"], document["entries"], document["head"]) == (True, last.number, last.hash)
    assert "the record is intact" in said
    assert f"hash of entry {last.number}: {last.hash}" in said


def test_a_changed_record_is_exit_code_2(hakken: Any, home: Any) -> None:
    import sqlite3

    hakken("tick", "small.yaml")
    connection = sqlite3.connect(home.home / "hakken.db")
    with connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f'drop trigger "{name}"')
        connection.execute("update audit_log set actor = 'somebody else' where number = 2")
    connection.close()

    said = hakken("audit", "verify")

    assert said.code == 2
    assert "the record was changed after it was written" in said.err


def test_a_batch_that_waits_for_approval_says_so_and_goes_on(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})

    said = hakken("run", "small.yaml")

    assert "hakken approve small 1" in said.out
    assert "waits for approval" in hakken("show", "small", 1).out
    assert "hakken approve small 1 decides on the rest" in hakken("approve", "small", 1, 1).out
    assert "round 1 of small is approved by tester" in hakken("approve", "small", 1).out
    assert "hakken approve small 2" in hakken("run", "small").out
    assert "is refused by tester" in hakken("approve", "small", 2, "--refuse", "--why", "no solvent left").out
    assert "waits for no decision" in hakken("approve", "small", 1).err


def test_an_edited_proposal_has_the_number_and_the_one_before_it_says_what_it_was(hakken: Any, home: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("run", "small.yaml")
    proposed = hakken("show", "small", "--json").json["proposals"]
    taken = {p["proposal"]["draft"]["candidate"]["settings"]["temperature"] for p in proposed}
    (free, *_) = {60, 80, 100} - taken

    assert hakken("edit", "small", 1, 2, "--set", f"temperature={free}", "--why", "no more of it").code == 0

    shown, document = hakken("show", "small", 1).out, hakken("show", "small", 1, "--json").json
    headings = [line.partition(".")[0] for line in shown.splitlines() if line.startswith(("  2. ", "was 2. "))]
    assert headings == ["  2", "was 2"]
    assert "(1 edited)" in shown
    two = [p for p in document["proposals"] if p["number"] == 2]
    assert [p["replaced_by"] for p in two] == [two[1]["proposal"]["id"], None]
    hakken("report", "small")
    page = (home.home / "small" / "report.html").read_text(encoding="utf-8")
    assert page.count('<span class="soft">was</span> 2') == 1


def test_stop_and_resume(hakken: Any) -> None:
    hakken("tick", "small.yaml")

    assert "small is stopped: holidays" in hakken("stop", "small", "--why", "holidays").out
    assert "small: stopped" in hakken("status").out
    assert "is stopped already" in hakken("stop", "small").err
    said = hakken("run", "small.yaml").out
    assert "nothing was left to do" not in said
    assert said.splitlines()[-1].endswith("Go on with hakken resume small.")
    assert "small is active again" in hakken("resume", "small").out
    assert "finished" in hakken("run", "small").out


def test_a_key_that_is_none_leads_to_where_keys_are_told(hakken: Any, home: Any) -> None:
    write(**{"adapter: simulated": "adapter: manual"})
    hakken("tick", "small.yaml")
    with open_record(home) as ledger:
        key = ledger.attempts("small")[0].key

    assert "hakken show CAMPAIGN ROUND --json lists the keys" in hakken("resolve", "nokey", "--ran").err
    assert key in hakken("show", "small", "1", "--json").out


@pytest.mark.parametrize("answer", ["--ran", "--never-ran"])
def test_a_doubt_is_resolved_by_a_person(hakken: Any, home: Any, answer: str) -> None:
    write(**{"adapter: simulated": "adapter: manual"})
    hakken("run", "small.yaml")
    from flows.engine.holding import holding

    with open_record(home) as ledger, holding(ledger, home, "small") as held:
        key = ledger.attempts("small")[0].key
        with ledger.work(held.lease) as work:
            work.move(key, Event.DOUBTED, "the laboratory lost its memory")
    assert f"hakken resolve {key} --ran or --never-ran" in hakken("status").out

    said = hakken("resolve", key, answer)

    assert said.code == 0, said.err
    with open_record(home) as ledger:
        assert ledger.attempt(key).state is (State.ENDED if answer == "--ran" else State.READY)
    assert "not ambiguous" in hakken("resolve", key, "--ran").err


COMMANDS_WITH_JSON = [
    ("run", "small.yaml"),
    ("run", "--dry-run", "small.yaml"),
    ("tick", "small.yaml"),
    ("validate", "small.yaml"),
    ("init", "--template", "reaction"),
    ("status",),
    ("doctor",),
    ("audit", "verify"),
    ("lab", "list"),
    ("lab", "list", "small.yaml"),
    ("lab", "show", "simulated"),
    ("lab", "check", "small.yaml"),
    ("lab", "simulate", "small.yaml"),
]


@pytest.mark.parametrize("words", COMMANDS_WITH_JSON, ids=lambda words: "-".join(words))
def test_with_json_one_document_is_all_there_is(hakken: Any, words: tuple[str, ...]) -> None:
    if words == ("audit", "verify"):
        hakken("tick", "small.yaml")

    said = hakken(*words, "--json")

    assert said.code == 0, said.err
    assert said.json is not None  # the whole of standard output is read as one document
    assert said.err == ""


@pytest.mark.parametrize("words", COMMANDS_WITH_JSON, ids=lambda words: "-".join(words))
def test_every_command_ends_with_the_next_step(hakken: Any, words: tuple[str, ...]) -> None:
    if words == ("audit", "verify"):
        hakken("tick", "small.yaml")

    assert hakken(*words).out.splitlines()[-1].startswith("next: ")


def test_every_command_takes_json() -> None:
    import inspect

    from flows.cli import app

    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command.callback for group in groups for command in group.registered_commands]
    assert len(commands) == 38
    assert all("as_json" in inspect.signature(command).parameters for command in commands if command is not None)


def test_doctor_names_the_remedy_where_something_cannot_work(
    hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.home.mkdir()
    (home.home / "hakken.db").write_bytes(b"this is no database at all, whatever it is called" * 40)
    monkeypatch.setattr("flows.cli.checks.disk.ENOUGH", 1 << 70)

    said = hakken("doctor")

    assert said.code == 2
    assert "PROBLEM" in said.out
    assert "make room for 1 GiB, or set HAKKEN_HOME to another disk" in said.out
    assert "mend HAKKEN_DATABASE or HAKKEN_HOME" in said.out


def test_doctor_leads_to_the_campaigns_there_are(hakken: Any) -> None:
    write()
    begin = "next: hakken init --template reaction"
    assert begin in hakken("doctor").out
    hakken("tick", "small.yaml")

    said = hakken("doctor").out

    assert begin not in said
    assert "next: hakken status says where its campaigns stand" in said


def test_doctor_looks_at_every_adapter(hakken: Any) -> None:
    from adapters.registry import describe

    checks = hakken("doctor", "--json").json["checks"]

    assert {name for name, _ in describe()} <= {check["subject"] for check in checks}
    assert {"python", "torch", "OpenMP", "disk", "record"} <= {check["subject"] for check in checks}
