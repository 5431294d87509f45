"""Before a regret ends a campaign, its best is measured once more where nothing says whether results scatter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from campaigns import measured

from loop.history import Claim, History, Observation, Pending, Said
from loop.insight.saying import regret_sentence
from loop.outcome import Fault, FaultKind, Measured
from loop.planner import Plan, plan
from loop.policy.stopping import regret_settled
from loop.record import Arm
from loop.spec import CampaignSpec, build_space, read_spec

TEXT = """
campaign: heat
space: {{temperature: {{type: number, low: 20, high: 120, step: 5, unit: degC}}}}
objective: {{yield: {{goal: maximize, unit: "%", low: 0, high: 100}}}}
planner: {{surrogate: gp, batch: 3}}
stop: [{{target: yield, regret: 40{rule}}}]
budget: {{experiments: 40}}
laboratory: {{adapter: manual}}
"""


def spec_of(rule: str = "") -> CampaignSpec:
    return read_spec(TEXT.format(rule=rule), source="heat.yaml", read=None)


def observed(spec: CampaignSpec, temperature: float, value: float | None = None, **said: Any) -> Observation:
    true = 90.0 - (temperature - 70.0) ** 2 / 40.0 if value is None else value
    x = build_space(spec).coordinates({"temperature": temperature})
    return Observation(f"{temperature:g} {value}", x, measured(**{"yield": true}), **said)


def sure(spec: CampaignSpec, *more: Observation) -> History:
    """Every tenth degree was measured once, and what was predicted of it came true."""
    seen = [observed(spec, float(t)) for t in range(20, 121, 10)]
    claims = [Claim("yield", 50.0, 5.0, 50.0)] * 20
    return History((*seen, *more), claims=tuple(claims))


def asked(spec: CampaignSpec, history: History) -> Plan:
    return plan(spec, history, seed=1, experiments=20)


def ends(spec: CampaignSpec, made: Plan) -> bool:
    return bool(regret_settled(spec, made.model["regret"]))


def test_the_best_is_the_whole_batch_and_the_campaign_goes_on() -> None:
    spec = spec_of()

    made = asked(spec, sure(spec))

    (again,) = made.proposals
    assert (again.arm, dict(again.candidate.settings)) == (Arm.REPLICATE, {"temperature": 70.0})
    assert "if results hardly scatter; nothing on record says whether they do" in again.reason
    assert "the best is measured once more before a regret ends the campaign" in made.notes
    assert not ends(spec, made)


def test_what_came_out_the_same_ends_it_without_an_if() -> None:
    spec = spec_of()

    made = asked(spec, sure(spec, observed(spec, 70.0, 90.0)))

    assert ends(spec, made)
    assert "hardly scatter" not in regret_settled(spec, made.model["regret"])


def test_of_a_value_to_be_matched_the_if_stays_until_something_says_how_results_scatter() -> None:
    spec = read_spec(
        TEXT.format(rule="").replace("goal: maximize", "goal: match, value: 90"), source="heat.yaml", read=None
    )

    once_more = asked(spec, sure(spec, observed(spec, 70.0, 90.0)))
    told = asked(spec, sure(spec, observed(spec, 70.0, 88.0)))  # replicates that differ

    assert "if results hardly scatter" in regret_sentence(once_more.model["regret"])
    assert "if results hardly scatter" in regret_settled(spec, once_more.model["regret"])
    assert "hardly scatter" not in regret_sentence(told.model["regret"])


def test_what_came_out_otherwise_makes_the_statement_wider() -> None:
    spec = spec_of()

    alike, apart = (asked(spec, sure(spec, observed(spec, 70.0, value))) for value in (90.0, 75.0))

    assert apart.model["regret"]["epsilon"] > alike.model["regret"]["epsilon"]
    assert not any(p.arm is Arm.REPLICATE for p in apart.proposals)


@pytest.mark.parametrize("rule", [", confirm: false", ", confirm: true"])
def test_a_rule_says_whether_it_is_confirmed(rule: str) -> None:
    spec = spec_of(rule)

    assert ends(spec, asked(spec, sure(spec))) == (rule == ", confirm: false")


def test_a_deviation_beside_a_value_is_enough() -> None:
    spec = spec_of()
    history = sure(spec)
    first = history.observations[0]
    assert isinstance(first.outcome, Measured)
    told = tuple(replace(m, sd=0.5, canonical_sd=0.5) for m in first.outcome.measurements)
    first = replace(first, outcome=replace(first.outcome, measurements=told))

    made = asked(spec, replace(history, observations=(first, *history.observations[1:])))

    assert ends(spec, made)
    assert not any(p.arm is Arm.REPLICATE for p in made.proposals)


def test_while_it_runs_again_the_batch_is_another() -> None:
    spec = spec_of()
    history = sure(spec)
    running = Pending("a", build_space(spec).coordinates({"temperature": 70.0}))

    made = asked(spec, replace(history, pending=(running,)))

    assert len(made.proposals) == 3
    assert not any(p.arm is Arm.REPLICATE for p in made.proposals)
    assert not ends(spec, made)


def test_what_a_person_refused_is_not_made_again() -> None:
    spec = spec_of()
    refused = Said(build_space(spec).coordinates({"temperature": 70.0}), "it boils over")

    made = asked(spec, replace(sure(spec), kept_out=(refused,)))

    assert ends(spec, made)
    assert "if results hardly scatter" in regret_settled(spec, made.model["regret"])


def test_it_ends_where_no_second_value_comes() -> None:
    spec = spec_of()
    failed = [
        replace(observed(spec, 70.0), id=f"failed {n}", outcome=Fault.of(FaultKind.INSTRUMENT_FAULT, "no signal"))
        for n in range(2)
    ]

    once, twice = (asked(spec, sure(spec, *failed[:n])) for n in (1, 2))

    assert [p.arm for p in once.proposals] == [Arm.REPLICATE]
    assert ends(spec, twice)
