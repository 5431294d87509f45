"""``hakken stop --safety`` and ``hakken resume --by`` from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: NAME
space: {temperature: {type: number, low: 40, high: 120, step: 10, unit: degC}}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated, safety: {bench: hood 2, may_lift: [ada]}}
"""


@pytest.fixture
def bench(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two campaigns of one bench, each with a first batch."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(f"{name}.yaml").write_text(CAMPAIGN.replace("NAME", name))
        assert hakken("tick", f"{name}.yaml").code == 0


@pytest.mark.usefixtures("bench")
def test_it_is_pressed_told_everywhere_and_lifted_by_name(hakken: Any) -> None:
    pressed = hakken("stop", "one", "--safety", "--reason", "it smells of gas", "--by", "bob")
    status = hakken("status")
    tick = hakken("tick", "two")
    run = hakken("run", "one", "--json")
    page = hakken("report", "one")
    halted = Path("runs/one/report.html").read_text()
    plain = hakken("resume", "two", "--by", "ada", "--why", "a larger budget")
    nameless = hakken("resume", "two", "--stop", "1")
    reasonless = hakken("resume", "two", "--stop", "1", "--by", "ada")
    stranger = hakken("resume", "two", "--stop", "1", "--by", "eve", "--why", "it is fine")
    lifted = hakken("resume", "two", "--stop", "1", "--by", "ada", "--why", "the valve was closed")

    assert "one, two halted for safety: it smells of gas (bob)" in pressed.out
    assert status.out.count("halted (it smells of gas (bob, campaign one, ") == 2
    assert "next: Halted by safety stop 1: it smells of gas" in tick.out
    assert run.json["state"] == "halted"
    assert run.json["sent"] == 0
    assert page.code == 0
    assert '<span class="state halted">halted</span> halted by safety stop 1: it smells of gas (bob' in halted
    assert halted.count("UTC; ada may lift it)") == 1
    assert status.out.count("UTC; ada may lift it)") == 4
    for refused, says in (
        (plain, "campaign 'two' is halted by safety stop 1: it smells of gas"),
        (nameless, "a safety stop is lifted by a named person and for a reason: --by NAME --why REASON"),
        (reasonless, "a safety stop is lifted by a named person and for a reason: --by NAME --why REASON"),
        (stranger, "'eve' may not lift a safety stop of campaign 'one'; its file named ada"),
    ):
        assert refused.code == 2
        assert says in refused.err
        assert "Traceback" not in refused.err + refused.out
    assert "safety stop 1 lifted by ada: it smells of gas (bob, campaign one" in lifted.out
    assert "two is active again\none: halted by it too, and no longer" in lifted.out
    listed = [line for line in hakken("decisions", "two").out.splitlines() if line.startswith("safety stop ")]
    assert [line.partition("; ")[0].partition(" (")[0] for line in listed] == ["safety stop 1: it smells of gas"]
    assert "; lifted by ada: the valve was closed (" in listed[0]
    assert "may lift it" not in listed[0]
    assert hakken("decisions", "two", "--json").json["stops"][0]["lifted_by"] == "ada"
    hakken("report", "two")
    page = Path("runs/two/report.html").read_text()
    assert '<section id="stops">' in page
    assert '<td data-label="number"><span>1</span></td>' in page
    assert "the valve was closed" in page
    assert hakken("audit", "verify").code == 0
    assert hakken("run", "one").out.count("halted") == 0
    assert hakken("status", "--json").json[0]["state"] == "finished"


@pytest.mark.usefixtures("bench")
def test_what_makes_no_stop_is_refused(hakken: Any) -> None:
    assert "no campaign is called 'nobody'" in hakken("stop", "nobody", "--safety").err
    said = hakken("stop", "one", "--safety", "--why", " ")
    assert (said.code, "a safety stop needs somebody who makes it and a reason" in said.err) == (2, True)
    assert hakken("status", "one", "--json").json[0]["state"] == "active"


@pytest.mark.usefixtures("bench")
def test_of_several_those_are_lifted_that_are_named_and_no_other(hakken: Any) -> None:
    pressed = hakken("stop", "one", "--safety", "--why", "it smells of gas", "--by", "bob")
    hakken("stop", "two", "--safety", "--why", "the shaker smokes", "--by", "carl")

    unnamed = hakken("resume", "one", "--by", "ada", "--why", "aired")
    mistyped = hakken("resume", "one", "--stop", "all", "--by", "ada", "--why", "aired")
    first = hakken("resume", "one", "--stop", "1", "--by", "ada", "--why", "aired")
    again = hakken("resume", "one", "--stop", "1-2", "--by", "ada", "--why", "aired")
    second = hakken("resume", "one", "--stop", "2", "--by", "ada", "--why", "unplugged", "--json")

    lifts = "next: hakken resume one --stop 1 --by NAME --why REASON lifts it, when the laboratory is safe"
    assert pressed.out.splitlines()[-1] == f"{lifts}; ada may lift it"
    assert (unnamed.code, mistyped.code, again.code) == (2, 2, 2)
    assert "halted by 2 safety stops: 1: it smells of gas (bob, campaign one, " in unnamed.err
    assert "hakken resume one --stop 1-2 --by NAME --why REASON" in unnamed.err
    assert "--stop 'all' names no safety stop; it takes numbers, such as 3 or 3-5, and hakken decisions one" in (
        mistyped.err
    )
    assert "one is still halted by safety stop 2: the shaker smokes (carl, campaign two, " in first.out
    assert "hakken resume one --stop 2 --by NAME --why REASON lifts it, then hakken run one" in first.out
    assert "safety stop 1 of campaign 'one' was lifted by ada (aired) before" in again.err
    assert ([s["number"] for s in second.json["lifted"]], second.json["left"]) == ([2], [])
    assert (second.json["state"], second.json["also_lifted"]) == ("active", ["two"])


@pytest.mark.usefixtures("bench")
def test_who_lifts_a_stop_takes_up_nothing_that_was_stopped_beside_it(hakken: Any) -> None:
    hakken("stop", "one", "--safety", "--why", "it smells of gas", "--by", "bob")
    hakken("stop", "one", "--why", "the column is worn out", "--by", "carl")

    lifted = hakken("resume", "one", "--stop", "1", "--by", "ada", "--why", "aired")

    assert "one is stopped\n" in lifted.out
    assert "it had been stopped: the column is worn out (carl)" in lifted.out
    assert "next: one is stopped: hakken resume one takes it up, then hakken run one goes on" in lifted.out
    assert hakken("resume", "one").code == 0
    assert hakken("status", "one", "--json").json[0]["state"] == "active"


@pytest.mark.usefixtures("bench")
def test_who_stops_a_campaign_that_is_halted_is_told_what_takes_it_up_again(hakken: Any) -> None:
    hakken("stop", "one", "--safety", "--why", "it smells of gas", "--by", "bob")

    stopped = hakken("stop", "two", "--why", "enough").out

    assert "hakken resume two --stop 1 --by NAME --why REASON lifts it, then hakken resume two takes it up" in stopped


def test_who_may_lift_at_a_wrong_place_is_told_before_that_a_laboratory_at_work_stays(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = CAMPAIGN.replace("NAME", "one").replace("simulated, safety: {bench: hood 2, may_lift: [ada]}", "manual")
    Path("one.yaml").write_text(plain)
    assert hakken("tick", "one.yaml").code == 0
    Path("one.yaml").write_text(plain.replace("adapter: manual", "adapter: manual, may_lift: [ada]"))
    misplaced = [hakken(*said) for said in (("validate", "one.yaml"), ("tick", "one.yaml"))]
    dry = hakken("run", "--dry-run", "one.yaml")
    Path("one.yaml").write_text(plain.replace("adapter: manual", "adapter: manual, worksheet: sheet.csv"))
    changed = hakken("validate", "one.yaml")

    told = "one.yaml line 6: laboratory: laboratory 'manual': unknown option 'may_lift' (it belongs under safety:"
    for said in (*misplaced, dry):
        assert (said.code, told in said.err, "cannot be changed" in said.err) == (2, True, False)
    assert "the laboratory's options (worksheet) cannot be changed while 2 attempts are with 'manual'" in changed.err
