"""What people get wrong when they ask for the best, or decide: one clear message each, and nothing on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
  heat: {type: derived, expression: temperature / 30}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated, approval: person}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)


def test_the_best_of_a_campaign_that_is_not_there(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "smal")

    assert said.code == 2
    assert "no campaign is called 'smal'" in said.err
    assert "small" in said.err


@pytest.mark.parametrize("top", ["0", "many"])
def test_the_best_none_or_many(hakken: Any, top: str) -> None:
    said = hakken("best", "small", "--top", top)

    assert said.code == 2
    assert "--top" in said.err


def test_the_best_before_anything_was_measured(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "small")

    assert said.code == 0
    assert "nothing can be named the best yet" in said.out
    assert "no candidate has a value for every target yet" in said.out


WHY = ("--why", "because")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("edit", "small", "1", "1", "--set", "temperature=95", *WHY), "temperature = 95 is none of its values; near"),
        (("edit", "small", "1", "1", "--set", "ligand=PPh4", *WHY), "PPh4"),
        (("edit", "small", "1", "1", "--set", "pressure=2", *WHY), "no parameter 'pressure'"),
        (("edit", "small", "1", "1", "--set", "temperature=hot", *WHY), "temperature = 'hot' is not a number"),
        (("edit", "small", "1", "9", "--set", "temperature=60", *WHY), "has no proposal 9; there wait 1, 2"),
        (("edit", "small", "1", "1", "--set", "temperature", *WHY), "is no condition; write PARAMETER=VALUE"),
        (("edit", "small", "1", "1", "--set", "temperature=60"), "an edit needs a reason"),
        (("edit", "small", "7", "1", "--set", "temperature=60", *WHY), "round 7"),
        (("pin", "small", "--where", "ligand=PPh3", *WHY), "parameter 'temperature' is missing"),
        (
            ("pin", "small", "--where", "ligand=PPh3,temperature=60", *WHY),
            "'ligand=PPh3,temperature=60' holds a condition of 'temperature' too; give each as an option --where",
        ),
        (("ban", "small", "--where", "ligand=PPh3 and temperature>60", *WHY), "holds a condition of 'temperature' too"),
        (("pin", "small", "--where", "ligand=PPh3", "--where", "temperature>60", *WHY), "gives no value"),
        (("pin", "small", "--where", "ligand=PCy3", "--where", "temperature=100"), "needs a reason"),
        (
            ("pin", "small", "--where", "ligand=PPh3", "--where", "ligand=PCy3", "--where", "temperature=60", *WHY),
            "ligand is given twice, as PPh3 and as PCy3",
        ),
        (
            ("ban", "small", "--where", "ligand=PPh3", "--where", "ligand=PCy3", *WHY),
            "no candidate meets both; where either is meant: ligand=PPh3,PCy3",
        ),
        (
            ("ban", "small", "--where", "temperature>90", "--where", "temperature<70", *WHY),
            "no number meets temperature>90 and temperature<70 at once; where either is meant, give each on its own",
        ),
        (("ban", "small", "--where", "temperature>90", "--where", "temperature<=90", *WHY), "no number meets"),
        (("ban", "small", "--where", "temperature>nan", *WHY), "temperature = 'nan' is not a number"),
        (("ban", "small", "--where", "temperature=60..inf", *WHY), "temperature = 'inf' is not a number"),
        (("ban", "small", "--where", "ligand=XPhos", *WHY), "'XPhos'"),
        (("ban", "small", "--where", "solvent=DMF", *WHY), "no parameter 'solvent'"),
        (
            ("ban", "small", "--where", "heat>3", *WHY),
            "'heat' follows from others; name what is set, of ligand, temper",
        ),
        (("ban", "small", "--where", "ligand=PPh3,PCy3", *WHY), "nothing would be left to try"),
        (("ban", "small", "--where", "temperature>=60", *WHY), "nothing would be left to try"),
        (("ban", "small", "--where", "ligand>PPh3", *WHY), "which has options; write ligand=OPTION"),
        (("ban", "small", "--where", "ligand=PPh3", "--why", "  "), "needs a reason"),
        (("lift", "small", "1", *WHY), "no decision 1; there are: none yet"),
        (("approve", "small", "1", "--meaning", "cannot", *WHY), "only a refusal has a meaning"),
        (("approve", "small", "1", "--refuse", "--meaning", "ugly", *WHY), "means cannot, preference or again"),
        (("approve", "small", "1", "--refuse", "--meaning", "cannot"), "needs a reason"),
        (("approve", "small", "1", "5"), "has no proposal 5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_decision_that_cannot_be(hakken: Any, words: tuple[str, ...], says: str) -> None:
    hakken("run", "small.yaml")

    said = hakken(*words)

    assert said.code == 2, said.out + said.err
    assert says in said.err
    assert said.err.count("error: ") == 1
    assert "nobody decided anything" in hakken("decisions", "small").out


def test_what_was_decided_stands(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1", "1")

    again = hakken("edit", "small", "1", "1", "--set", "temperature=60", *WHY)
    pending = hakken("approve", "small", "1", "1", "--refuse")

    assert (again.code, pending.code) == (2, 2)
    assert "proposal 1 of round 1 was approved already and a decision stands" in again.err
    assert "hakken pin small" in pending.err


def test_a_proposal_that_there_is_not_is_named_with_what_waits_also_where_nothing_of_its_round_does(
    hakken: Any,
) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1", "2", "--refuse", "--why", "no time")
    some_wait = hakken("approve", "small", "1", "9")
    hakken("approve", "small", "1", "1", "--refuse", "--why", "no time")
    none_waits = [
        hakken(*words) for words in (("approve", "small", "1", "9"), ("approve", "small", "1", "9", "--refuse"))
    ]
    decided = hakken("edit", "small", "1", "2", "--set", "temperature=60", *WHY)
    hakken("run", "small")
    elsewhere = hakken("edit", "small", "1", "9", "--set", "temperature=60", *WHY)

    assert "round 1 of campaign 'small' has no proposal 9; there wait 1" in some_wait.err
    for said in none_waits:
        assert "round 1 of campaign 'small' has no proposal 9; none of it waits, nothing does" in said.err
    assert "proposal 2 of round 1 was refused already and a decision stands" in decided.err
    assert "has no proposal 9; none of it waits, round 2 does (proposals 1, 2): hakken approve small 2" in elsewhere.err


def test_the_reason_of_an_approval_and_of_a_refusal_without_a_meaning_is_shown(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1", "1", "--refuse", "--why", "no time", "--by", "ada")
    hakken("approve", "small", "1", "--why", "looks safe", "--by", "bob")

    shown = " ".join(hakken("show", "small", "1").out.split())

    assert "refused by ada: no time" in shown
    assert "approved by bob: looks safe" in shown


def test_a_ban_names_the_proposals_that_wait_and_meet_it(hakken: Any) -> None:
    hakken("run", "small.yaml")
    from flows.settings import Settings
    from flows.wiring import open_record

    with open_record(Settings.from_environment()) as ledger:
        first = next(p for p in ledger.proposals("small", 1) if p.draft.run_order == 0).draft.candidate.settings

    said = hakken("ban", "small", *(w for n, v in first.items() for w in ("--where", f"{n}={v}")), *WHY)

    shown = " ".join(said.out.split())
    assert "proposal 1 of round 1 meets it and waits for approval, and is not sent even then" in shown
    assert "hakken approve small 1 1 --refuse" in shown


@pytest.mark.parametrize(("times", "says"), [("0", "greater than or equal to 1"), ("three", "as an integer")])
def test_a_pin_for_no_number_of_experiments_is_refused(hakken: Any, times: str, says: str) -> None:
    said = hakken("pin", "small", "--where", "ligand=XPhos", "--times", times, *WHY)

    assert said.code == 2
    assert says in " ".join(said.err.replace("│", " ").split())
    assert "--times" in said.err


def test_what_was_edited_is_not_said_to_be_refused(hakken: Any) -> None:
    hakken("run", "small.yaml")
    from flows.settings import Settings
    from flows.wiring import open_record

    with open_record(Settings.from_environment()) as ledger:
        here = next(p for p in ledger.proposals("small", 1) if p.draft.run_order == 0).draft.candidate.settings
    values = [v for v in ("60", "80", "100") if float(v) != here["temperature"]]
    hakken("edit", "small", "1", "1", "--set", f"temperature={values[0]}", *WHY)

    again = hakken("edit", "small", "1", "1", "--set", f"temperature={values[1]}", *WHY)

    assert "proposal 1 of round 1 was edited already and a decision stands (by tester: because); pin" in again.err


def test_a_tried_candidate_is_pinned_only_on_purpose_and_a_banned_one_not(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1")
    hakken("run", "small.yaml")
    from flows.settings import Settings
    from flows.wiring import open_record

    with open_record(Settings.from_environment()) as ledger:
        tried = ledger.observations("small")[0].settings
    words = [w for name, value in tried.items() for w in ("--where", f"{name}={value}")]

    once = hakken("pin", "small", *words, *WHY)
    again = hakken("pin", "small", *words, *WHY, "--again")
    twice = hakken("pin", "small", *words, *WHY, "--again")
    banned = hakken("ban", "small", *words, *WHY, "--by", "ada")
    refused = hakken("pin", "small", *words, *WHY, "--again")
    lifted = hakken("lift", "small", "2", *WHY)
    gone = hakken("lift", "small", "2", *WHY)

    assert (once.code, again.code, twice.code, banned.code) == (2, 0, 2, 0), once.err + again.err + banned.err
    assert "was measured once already; add --again" in once.err
    assert "is pinned already" in twice.err
    assert "is banned (decision 2: because); lift that first: hakken lift small 2" in refused.err
    assert (lifted.code, gone.code) == (0, 2)
    assert "decision 2 was lifted before" in gone.err
    listed = hakken("decisions", "small").out
    assert "ada" in listed
    assert "no" in listed


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (("temperature>200",), "no candidate meets temperature > 200: temperature has 60, 80, 100 degC; it is on"),
        (("temperature=61..79",), "temperature has 60, 80, 100 degC"),
        (("temperature>60", "temperature<70"), "no candidate meets temperature > 60 and temperature < 70: temperature"),
        (("ligand=PPh3", "temperature>200"), "no candidate meets ligand = PPh3 and temperature > 200: temperature has"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_ban_that_meets_no_candidate_is_kept_and_says_so(hakken: Any, where: tuple[str, ...], says: str) -> None:
    hakken("run", "small.yaml")

    said = hakken("ban", "small", *(w for text in where for w in ("--where", text)), *WHY)

    assert said.code == 0, said.err
    assert says in said.out
    assert "hakken lift small 1" in said.out
    assert "because" in hakken("decisions", "small").out


def test_a_ban_of_what_an_earlier_one_keeps_out_says_so(hakken: Any) -> None:
    hakken("run", "small.yaml")

    first = hakken("ban", "small", "--where", "temperature>=100", *WHY)
    second = hakken("ban", "small", "--where", "ligand=PPh3", "--where", "temperature>90", *WHY)

    assert "note:" not in first.out
    assert "constraints or earlier bans leave them out already" in second.out


@pytest.mark.parametrize(
    ("where", "kept_out"),
    [("dose=0", {0.0}), ("dose=1", {1.0}), ("dose=5", {5.0}), ("time=0", {0.0}), ("time=24", {24.0})],
)
def test_the_ends_of_a_continuous_number_and_its_zero_are_banned_alone(where: str, kept_out: set[float]) -> None:
    from flows.engine.people.bans import region_of
    from flows.engine.people.conditions import read_conditions
    from loop.spec import CampaignSpec, build_space

    numbers = {
        "dose": {"type": "number", "low": 1, "high": 5, "or_zero": True},
        "time": {"type": "number", "low": 0, "high": 24},
    }
    described = {
        "campaign": "c",
        "space": numbers,
        "objective": {"y": {"goal": "maximize"}},
        "budget": {"experiments": 4},
        "laboratory": {"adapter": "manual"},
    }
    spec = CampaignSpec.from_resolved(described)
    space = build_space(spec)
    ban = region_of(read_conditions(space, [where]).region, "ban")
    narrowed = build_space(spec.model_copy(update={"constraints": [ban]}))

    name, values = where.partition("=")[0], {"dose": (0.0, 1.0, 1.1, 3.0, 4.9, 5.0), "time": (0.0, 0.1, 12.0, 24.0)}
    inside = {"dose": 3.0, "time": 12.0}
    refused = {v for v in values[name] if not narrowed.contains(inside | {name: v})}
    assert refused == kept_out


def test_a_continuous_number_is_banned_by_no_value_between_its_ends() -> None:
    from flows.engine.people.conditions import read_conditions
    from loop.errors import SpaceError
    from loop.space import Continuous, Space

    space = Space((Continuous("time", 0.0, 24.0, "h"),))
    for where in (["time=3"], ["time=0,24"]):
        with pytest.raises(SpaceError, match=r"nobody meets one of its values twice but for its ends; give a range"):
            read_conditions(space, [*where, "time>0"])


def test_a_range_of_a_continuous_number_that_its_bounds_do_not_reach() -> None:
    from flows.engine.people.conditions import read_conditions, unmet
    from loop.space import Continuous, Space

    space = Space((Continuous("time", 1.0, 24.0, "h"), Continuous("base", 2.0, 5.0, "eq", or_zero=True)))

    def of(*where: str) -> str:
        return unmet(space, read_conditions(space, where).region)

    assert of("time>24") == "time has 1 to 24 h"
    assert of("time>=24") == ""
    assert of("time<1") == "time has 1 to 24 h"
    assert of("base<1") == ""
    assert of("base<1", "base>0") == "base has 0 or 2 to 5 eq"


def test_a_parameter_that_does_not_apply_with_the_options_beside_it() -> None:
    from flows.engine.people.conditions import read_conditions, unmet
    from loop.space import Category, Condition, Continuous, Space

    mode, current, heat = Category("mode", ("dark", "photo", "electro")), Continuous("current", 1, 20), "temperature"
    space = Space(
        (mode, current, Continuous(heat, 20, 120)),
        conditions=(Condition(1, when=((0, frozenset({2.0})),)), Condition(2, unless=((0, frozenset({1.0})),))),
    )

    def of(*where: str) -> str:
        return unmet(space, read_conditions(space, where).region)

    assert of("current<5", "mode=photo") == "current does not apply with mode = photo"
    assert of("current<5", "mode=dark,photo") == "current does not apply with mode = dark or photo"
    assert of("current<5", "mode=photo,electro") == of("current<5") == of("mode=photo") == ""
    assert of("temperature>100", "mode=photo") == "temperature does not apply with mode = photo"
    assert of("temperature>100", "mode=photo,dark") == ""


def test_an_option_that_reads_like_another_condition_is_one() -> None:
    from flows.engine.people.conditions import read_conditions
    from loop.space import Category, Discrete, Space

    space = Space((Category("base", ("K2CO3", "K2CO3, time=2")), Discrete("time", (1.0, 2.0), "h")))

    assert read_conditions(space, ["base=K2CO3, time=2"]).region == {"exclude": {"base": ["K2CO3, time=2"]}}


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        (["approve"], ""),
        (["approve", "--refuse"], ""),
        (["edit", "--set", "temperature=80"], " NUMBER --set NAME=VALUE"),
    ],
)
def test_a_decision_without_a_round_is_told_which_one_waits(hakken: Any, command: list[str], rest: str) -> None:
    first, *options = command
    hakken("run", "small.yaml")

    asked = hakken(first, "small", *options)
    hakken("approve", "small", "1")
    late = hakken(first, "small", *options)

    assert (asked.code, late.code) == (2, 2)
    assert f"the round is missing; round 1 of small waits for approval: hakken {first} small 1{rest}\n" in asked.err
    assert "the round is missing, and none of small waits for approval" in late.err


def test_an_edit_says_what_else_is_missing(hakken: Any) -> None:
    hakken("run", "small.yaml")

    assert "the number of the proposal of round 1 is missing; hakken show small 1" in hakken("edit", "small", "1").err
    assert "what is to be changed is missing; say it with --set" in hakken("edit", "small", "1", "1").err
