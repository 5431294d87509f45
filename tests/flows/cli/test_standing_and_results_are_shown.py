"""Where a campaign stands, its rounds and its results, as the command line shows them."""

from __future__ import annotations

import csv
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.wiring import open_record
from loop.experiment import Event
from loop.record import EnvelopeDraft
from tests.flows.cli.small import fill, write

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_the_page_of_a_finished_campaign_is_named_where_there_is_one(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    there = hakken("status", "small").out
    (home.home / "small/report.html").unlink()  # or it ran on another machine

    gone = hakken("status", "small").out

    assert "report.html (hakken report small writes it anew)" in " ".join(there.split())
    assert "report.html" not in gone
    assert "See hakken best small; hakken report small draws its page." in " ".join(gone.split())
    assert "wrote runs/small/report.html" in hakken("report", "small").out


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


def test_status_names_the_best_and_the_next_step(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("status")

    assert "small: finished" in said.out
    assert "4 of 4 experiments done" in said.out
    assert "best single value: yield" in said.out
    assert "best by the mean of its values, without a model" in said.out
    assert "next: " in said.out


def test_status_says_that_the_budget_is_spent(hakken: Any, home: Any) -> None:
    write(**{"adapter: simulated": "adapter: manual", "experiments: 4": "experiments: 2"})
    hakken("tick", "small.yaml")
    with open_record(home) as ledger:
        keys = [a.key for a in ledger.attempts("small")]
    Path("told.csv").write_text("key,yield\n" + "".join(f"{key},5\n" for key in keys))
    assert hakken("tell", "small", "told.csv").code == 0

    said = " ".join(hakken("status", "small").out.split())
    ended = hakken("run", "small").out

    assert "2 of 2 experiments done" in said
    assert "next: The budget of 2 experiments is spent: hakken run small brings the campaign to its end; a" in said
    assert "the budget of 2 experiments is spent" in ended


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
    file = home.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as database, database:  # as a pass killed while it sent
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
    for number in (7, 2**31, 10**30):  # more than a column of the record holds
        for words in (("show", "small"), ("replay", "small"), ("approve", "small")):
            said = hakken(*words, number)
            assert (said.code, f"has no round {number}" in said.err) == (2, True), words


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


def test_beside_what_waits_for_approval_stands_what_waits_for_its_result(hakken: Any) -> None:
    write(
        **{"{adapter: simulated": "{approval: person, adapter: manual"},
        **{"batch: 2": "batch: 6", "experiments: 2": "experiments: 6", "experiments: 4": "experiments: 8"},
    )
    hakken("run", "small.yaml")
    hakken("approve", "small", 1, 1, 2)
    ran = hakken("run", "small.yaml")

    said = ran.out.splitlines()[-1]
    assert said.startswith(
        "next: Round 1 waits for approval: look with hakken show small 1, then hakken approve small 1."
    )
    assert "Meanwhile 2 experiments wait for their results: fill in" in said
    assert said.endswith("worksheet.csv, then hakken run small takes them in.")
    assert hakken("status", "small").out.splitlines()[-1] == said


@pytest.mark.parametrize(
    ("planner", "doubts"),
    [
        ("{replicates: planned, batch: 2,", "the replicates that it plans go to such doubts"),
        ("{batch: 2,", "replicates: planned under planner spends experiments on such doubts"),
        ("{", "replicates: N under plate spends experiments on such doubts"),
    ],
)
def test_best_advises_replicates_only_where_none_are_planned(hakken: Any, planner: str, doubts: str) -> None:
    plate = "" if "batch" in planner else "plate: {rows: 1, columns: 2}\n"
    write(**{"planner: {surrogate: random, batch: 2,": f"{plate}planner: {planner}"})
    hakken("tick", "small.yaml")
    hakken("tick", "small.yaml")

    assert hakken("best", "small").out.splitlines()[-1] == f"next: hakken report small draws all of it; {doubts}"


def test_where_nothing_can_be_named_best_the_next_step_is_that_of_the_campaign(hakken: Any) -> None:
    write(simulated="manual")
    hakken("run", "small.yaml")

    said, stands = hakken("best", "small").out, hakken("status", "small").out

    assert "small: nothing can be named the best yet" in said
    assert "note: no candidate has a value for every target yet" in said
    assert "means of the measured values" not in said
    assert said.splitlines()[-1] == stands.splitlines()[-1]
    assert "wait for their results: fill in" in said.splitlines()[-1]


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
