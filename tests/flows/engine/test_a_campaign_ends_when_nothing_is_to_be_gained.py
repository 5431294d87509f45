"""The statement on regret: made every round, on record, repeated by a replay, and a reason to stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import best, pin, preview, replay, retract, run, status, tick
from flows.engine.looking.claims import claims_of
from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.passes import look, sitting
from flows.engine.steps.training import train_round
from flows.report import build
from flows.settings import Settings
from flows.wiring import open_record
from loop.errors import NothingToGain
from loop.history import History
from loop.record import Arm, Prediction
from loop.spec import CampaignSpec
from loop.values import values_of
from tests.flows.engine.bench import Plan, add, cheap_planner

GP = {"surrogate": "gp", "batch": 5, "initial": {"experiments": 4}, "seed": 7}
SMALL = GP | {"batch": 3}  # of campaigns that another planner plans


def go(settings: Settings, **keywords: Any) -> Any:
    return run(settings, "small", **({"on_tick": lambda _: None, "poll": 0.01, "max_seconds": 60} | keywords))


def stating(chance: float) -> Any:
    """A planner that states a regret, once some of its predictions were held against results."""

    def planner(spec: CampaignSpec, history: History, pool: Any, *, seed: int, experiments: int) -> Plan:
        found = cheap_planner(spec, history, pool, seed=seed, experiments=experiments)
        rules = [{"regret": r.regret, "delta": 0.05, "chance": chance} for r in spec.stop]
        told = {"target": "yield", "unit": "%", "incumbent": "water, DBU, 3", "delta": 0.05, "epsilon": 4.0}
        told |= {"scored": 40, "drawn": 40, "is_all": True, "checked": 4 * len(history.claims), "rules": rules}
        return replace(found, model={"regret": told})

    return planner


RULE = [{"target": "yield", "regret": 5}]


def test_it_ends_before_its_budget_and_says_why(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, stop=RULE, budget={"experiments": 30}, planner=SMALL)

    report = go(settings, planner=stating(0.01))

    assert report.state == "finished"
    assert report.reason.startswith("nothing untried is believed to be better than water, DBU, 3 by more than 5 %")
    assert report.experiments_done == 7  # four, and three of which something was predicted
    with open_ledger(settings.database) as ledger:
        assert [r.number for r in ledger.rounds("small")] == [1, 2]  # the batch that was not worth it is not on record


def test_it_goes_on_while_the_chance_is_too_large_or_no_rule_asks(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, stop=RULE, planner=SMALL)

    assert go(settings, planner=stating(0.06)).reason == "the budget of 10 experiments is spent"


def test_other_ways_to_plan_end_it_likewise(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, stop=RULE, budget={"experiments": 30}, planner=SMALL)
    planner = stating(0.01)
    tick(settings, "small", planner=planner)
    tick(settings, "small", planner=planner)
    with sitting(settings, "small", planner=planner) as session:
        look(session)  # takes in what came, and plans nothing

    with pytest.raises(NothingToGain, match=r"nothing untried is believed .* take the regret out of stop"):
        preview(settings, "small", planner=planner)
    assert train_round(settings, "small", 3, planner=planner).startswith("nothing untried is believed to be better")
    assert status(settings, "small")[0].state == "finished"


def test_what_a_person_pinned_is_run_all_the_same(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, stop=RULE, budget={"experiments": 30}, planner=SMALL)
    tick(settings, "small", planner=stating(0.01))
    tick(settings, "small", planner=stating(0.01))
    pin(settings, "small", ["solvent=water", "base=DBU", "step=2"], by="me", why="curious", again=True)

    report = go(settings, planner=stating(0.01))

    with open_ledger(settings.database) as ledger:
        manual = [p for p in ledger.proposals("small") if p.draft.arm is Arm.MANUAL]
    assert len(manual) == 1
    assert report.reason.startswith("nothing untried")


def test_every_round_with_a_model_has_it_and_a_replay_repeats_it(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=GP, budget={"experiments": 19})
    said = []

    report = go(settings, on_tick=lambda r: said.append(r.regret))

    with open_ledger(settings.database) as ledger:
        models = [r.model for r in ledger.rounds("small")]
        view = View(ledger, "small")
        claims = claims_of(
            view.campaign.spec,
            view.proposals,
            view.attempts,
            view.counted,
            history_of(view.spec, view.space, view.counted, ())[0],
        )
        page = build(ledger, "small", best(settings, "small"))
    assert "regret" not in models[0]
    assert [m["regret"]["checked"] for m in models[1:]] == [0, 5, 10]
    assert len(claims) == 15
    assert all(replay(settings, "small", n).is_identical for n in range(1, 5))
    assert [s for s in said if s] == [
        s for s in said if s.startswith("with probability 0.95 nothing untried is better")
    ]
    assert len([s for s in said if s]) == 3
    standing = status(settings, "small")[0]
    assert standing.regret == page.head.regret != ""
    assert page.head.regret_when == standing.planned == "when round 4 was planned"
    assert json.loads(json.dumps(report.as_json()))["regret"] == ""  # the last pass planned nothing


def test_a_replay_tells_another_statement(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=GP, budget={"experiments": 14})
    go(settings)
    from loop.planner import plan

    def bolder(*args: Any, **keywords: Any) -> Any:
        found = plan(*args, **keywords)
        model = {**found.model, "regret": {**found.model["regret"], "epsilon": 0.0}}
        return replace(found, model=model)

    told = replay(settings, "small", 3, planner=bolder)

    assert not told.is_identical
    assert any(d.startswith("the statement's epsilon was ") for d in told.differences)


def test_a_retracted_result_is_no_longer_held_against_a_prediction(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=GP, budget={"experiments": 9})
    go(settings)
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
        seen = view.counted
        history, _ = history_of(view.spec, view.space, seen[:-1], ())
        spec = view.campaign.spec
        every = claims_of(spec, view.proposals, view.attempts, seen[:-1], history)
        known = {p.id: p for p in view.proposals}
        asked = {a.key: a.proposal_id for a in view.attempts}
    expected = []
    for o in seen[:-1]:
        said = [p for p in known[asked[o.key or ""]].draft.predictions if p.weight is None]
        expected += [(said[0].mean, said[0].sd, values_of(o.outcome)["yield"])] if said else []

    assert [(c.mean, c.sd, c.value) for c in every] == expected
    assert len(every) == 4


def test_what_ran_elsewhere_than_asked_is_held_against_no_prediction(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, budget={"experiments": 7})
    go(settings, planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
    *others, last = view.counted
    spec, history = view.campaign.spec, history_of(view.spec, view.space, view.counted, ())[0]
    near, far = (
        replace(last, context={**last.context, "actual": {"step": float(last.settings["step"]) + by}})
        for by in (0.03, -0.5)
    )

    told = [len(claims_of(spec, view.proposals, view.attempts, [*others, one], history)) for one in (last, near, far)]

    assert told == [3, 3, 2]


def test_what_a_whole_model_said_is_held_against_a_result_and_what_its_members_said_beside_it(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, budget={"experiments": 5})
    go(settings, planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
    *_, last = view.proposals
    said = (
        Prediction("yield", "gp", 1.0, 0.1, weight=0.5),
        Prediction("cost", "gp", 2.0, 0.2, weight=0.5),
        Prediction("yield", "committee", 3.0, 0.3),
        Prediction("cost", "committee", 4.0, 0.4),
    )
    history = history_of(view.spec, view.space, view.counted, ())[0]
    off = replace(history, observations=tuple(replace(o, is_off=True) for o in history.observations))
    asked = last.draft.candidate.settings["step"]
    real, cheap = ({"space": {"step": {"type": "fidelity", "options": [asked, o]}}} for o in (asked, "full"))

    def told(spec: Any = view.campaign.spec, history: History = history, **draft: Any) -> list[Any]:
        changed = replace(last, draft=replace(last.draft, predictions=said, **draft))
        found = claims_of(spec, [changed], view.attempts, view.counted, history)
        return [(c.target, c.mean, c.sd, c.voices) for c in found]

    assert told() == told(real) == [("yield", 3.0, 0.3, {"gp": (1.0, 0.1)})]
    assert told(cheap) == []  # a cheaper version of the measurement
    assert told(history=off) == []  # what really ran has no place in the space
    assert told(acquisition="first") == told(arm=Arm.INITIAL) == []  # sources said it, before the first result


def test_an_end_whose_best_was_retracted_since_is_said_to_hold_no_more(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner=GP, budget={"experiments": 6})
    go(settings)
    named = best(settings, "small").candidates[0].label
    with open_record(settings) as ledger:
        view = View(ledger, "small")
        ids = {o.id: view.label(o.settings) for o in view.observations}
    other = next(i for i, label in ids.items() if label != named)
    retract(settings, "small", other, by="tester", why="spilt")
    before = status(settings, "small")[0].next_step
    for one in (i for i, label in ids.items() if label == named):
        retract(settings, "small", one, by="tester", why="wrong vial")
    after = status(settings, "small")[0].next_step

    assert before.startswith("The campaign is finished: the budget of 6 experiments is spent; believed best: " + named)
    assert after.startswith("The campaign was finished (the budget of 6 experiments is spent; ")
    assert after.endswith(
        f"what is known of {named} was retracted since: hakken best small says what is believed now, and hakken resume "
        "small takes it up."
    )
