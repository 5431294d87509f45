"""What people bring in and decide on the command line: results, retractions, approvals, stops, doubts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.wiring import open_record
from loop.experiment import Event, State
from loop.outcome import Fault
from tests.flows.cli.small import fill, write

pytestmark = pytest.mark.usefixtures("small_campaign")


def test_tell_brings_results_in_once(hakken: Any) -> None:
    hakken("tick", "small.yaml")
    Path("told.csv").write_text("ligand,temperature [K],yield\nPCy3,333.15,12\n")

    first, second = hakken("tell", "small", "told.csv"), hakken("tell", "small", "told.csv", "--json")

    assert "1 result accepted, 0 known already" in first.out
    assert (second.json["accepted"], second.json["duplicates"]) == (0, 1)


def test_tell_says_that_nothing_is_learnt_where_nothing_was_filled_in(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: ask_tell"})
    hakken("ask", "small.yaml")
    hakken("export", "small", "todo.csv", "--waiting")

    said = hakken("tell", "small", "todo.csv").out

    assert "not filled in yet" in said
    assert said.splitlines()[-1] == "next: hakken ask small goes on"


def test_what_waits_cannot_be_written_of_a_campaign_that_ended(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("export", "small", "todo.csv", "--waiting").err

    assert "campaign 'small' is finished, and no experiment of it waits for its result; hakken export small" in said


def test_retract_needs_a_reason_and_keeps_the_result(hakken: Any, home: Any) -> None:
    hakken("run", "small.yaml")
    with open_record(home) as ledger:
        one = ledger.observations("small")[0].id

    assert hakken("retract", "small", one).code == 2
    said = hakken("retract", "small", one, "--why", "wrong vial", "--by", "ada")

    assert said.code == 0, said.err
    with open_record(home) as ledger:
        assert [e.actor for e in ledger.audit() if e.action == "retract"] == ["ada"]
    assert "(retracted: wrong vial)" in hakken("show", "small", 1).out
    status = hakken("status", "small").out
    assert re.search(r"simulated: \d+ done, 1 retracted", status), status


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
    assert (
        "or, where it holds no more (a result was retracted, a ban lifted), hakken resume small; to start anew"
        in lines[0]
    )
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
    lifted = hakken("resume", "small", "--stop", "1", "--by", "A", "--why", "cleared")

    lifts = "small is halted by a safety stop: hakken resume small --stop 1 --by NAME --why REASON lifts it"
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
    lifted = hakken("resume", "small", "--stop", "1", "--by", "A", "--why", "cleared").out
    assert "small is finished\nit had finished: the budget of 4 experiments is spent" in lifted
    assert "next: hakken resume small takes it up, then hakken run small goes on, and ends at once where" in lifted


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


def test_a_refusal_that_was_lifted_is_shown_with_who_lifted_it_and_why(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("run", "small.yaml")
    refused = ("--refuse", "--meaning", "preference", "--why", "too dear", "--by", "ada")
    hakken("approve", "small", 1, 1, *refused)

    before = hakken("show", "small", 1).out
    hakken("lift", "small", 1, "--why", "there is money", "--by", "bob")

    said = "decision 1: preference, says ada: too dear"
    assert [line.strip() for line in before.splitlines() if "decision 1" in line] == [said]
    assert f"{said}; lifted by bob (decision 2): there is money" in hakken("show", "small", 1).out


def test_a_number_that_is_given_twice_is_one_proposal(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("run", "small.yaml")

    said = hakken("approve", "small", 1, 1, 1, "--refuse", "--meaning", "cannot", "--why", "no stock")

    assert said.out.startswith("1 proposal of round 1: refused")
    assert len(hakken("decisions", "small", "--json").json["decisions"]) == 1


def test_what_was_approved_by_mistake_can_be_kept_back_by_a_ban_and_is_said_to(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("run", "small.yaml")
    hakken("approve", "small", 1, 1)

    late = hakken("approve", "small", 1, 1, "--refuse", "--why", "no stock")

    assert "was approved already" in late.err
    assert "(hakken pin small); where it was not sent yet, hakken ban small keeps it back" in late.err


def test_who_edits_the_last_that_waits_is_sent_to_no_rest(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("run", "small.yaml")
    proposed = hakken("show", "small", "--json").json["proposals"]
    taken = {p["proposal"]["draft"]["candidate"]["settings"]["temperature"] for p in proposed}
    (free, *_) = {60, 80, 100} - taken

    first = hakken("edit", "small", 1, 1, "--set", f"temperature={free}", "--why", "free")
    for number in range(2, len(proposed)):
        hakken("approve", "small", 1, number)
    last = hakken("edit", "small", 1, len(proposed), "--set", f"temperature={free}", "--why", "free")

    assert "next: hakken approve small 1 decides on the rest; hakken run small sends it" in first.out
    assert last.out.splitlines()[-1] == "next: hakken run small sends it"


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

    stopped = hakken("stop", "small", "--why", "holidays").out
    assert "small is stopped: holidays" in stopped
    assert (
        "note: 2 experiments that the laboratory has go on, as nothing is called off there; hakken tick small takes "
        "their results in"
    ) in stopped
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

    said = hakken("resolve", key, answer, "--by", "ada", "--why", "the vial is empty")

    assert said.code == 0, said.err
    with open_record(home) as ledger:
        faults = [o.outcome.message for o in ledger.observations("small") if isinstance(o.outcome, Fault)]
        assert "says ada (the vial is empty)" in "".join(faults) + ledger.events(key)[-1].detail
        assert ledger.attempt(key).state is (State.ENDED if answer == "--ran" else State.READY)
    assert "not ambiguous" in hakken("resolve", key, "--ran").err


def test_a_run_numbers_a_batch_as_it_is_shown_and_approved(hakken: Any) -> None:
    write(**{"batch: 2, initial: {design: random, experiments: 2}": "initial: {design: spread, experiments: 6}",
             "budget: {experiments: 4}": "budget: {experiments: 6}",
             "{adapter: simulated}": "{adapter: manual, approval: person}"})  # fmt: skip

    ran = hakken("run", "small.yaml").out.splitlines()
    shown = hakken("show", "small").out.splitlines()
    refused = hakken("approve", "small", 1, 2, "--refuse", "--meaning", "preference", "--why", "too dear")

    numbered = [line.split(". ", 1) for line in ran if line.lstrip()[:2] in {f"{n}." for n in range(1, 7)}]
    assert [int(number) for number, _ in numbered] == [1, 2, 3, 4, 5, 6]
    assert [label for _, label in numbered] == [line[5:] for line in shown if line[3:5] == ". "]
    assert refused.code == 0, refused.err
    assert numbered[1][1] in hakken("decisions", "small").out


def test_after_a_batch_was_refused_as_a_whole_another_one_is_what_comes_next(hakken: Any) -> None:
    write(**{"adapter: simulated": "adapter: simulated, approval: person"})
    hakken("tick", "small.yaml")

    refused = hakken("approve", "small", 1, "--refuse", "--why", "too dear")
    hakken("run", "small.yaml")
    later = hakken("approve", "small", 2, "--refuse", "--meaning", "again", "--why", "the oven is broken")
    hakken("run", "small.yaml")
    one = hakken("approve", "small", 3, 1)
    rest = hakken("approve", "small", 3, "--refuse", "--why", "too dear")

    assert refused.out.splitlines()[-1] == "next: hakken run small plans another batch, without these"
    assert later.out.splitlines()[-1] == "next: hakken run small plans another batch, in which these may be again"
    assert "decides on the rest" in one.out
    assert rest.out.splitlines()[-1] == "next: hakken run small goes on with what is approved"


def test_what_was_pinned_and_never_ran_is_told_at_the_end(hakken: Any) -> None:
    write(**{"experiments: 4": "experiments: 2", "{adapter: simulated}": "{adapter: manual}"})
    hakken("tick", "small.yaml")
    made = [one["settings"] for one in hakken("status", "small", "--json").json[0]["at_work"]]
    every = [{"ligand": ligand, "temperature": t} for ligand in ("PPh3", "PCy3") for t in (60.0, 80.0, 100.0)]
    left = [candidate for candidate in every if candidate not in made][:2]
    for candidate in left:
        where = [word for name, value in candidate.items() for word in ("--where", f"{name}={value}")]
        assert hakken("pin", "small", *where, "--by", "ada", "--why", "a hunch").code == 0
    before = hakken("status", "small").out
    fill({"yield [%]": "40"}, {"yield [%]": "50"})

    ended, status = hakken("run", "small"), hakken("status", "small")
    hakken("lift", "small", 1, "--why", "no need")
    one = hakken("status", "small")

    said = "and 1 more were pinned and never ran (decision 1, by ada: a hunch): where the campaign goes on, it runs"
    assert "small is finished" in ended.out
    assert said in ended.out
    assert said in status.out
    assert "never ran" not in before  # they come next, as far as is known
    assert "was pinned and never ran (decision 2, by ada: a hunch)" in one.out
    assert "hakken lift small 2 takes it back" in one.out
