"""Learnt costs: what versions and experiments took by their own results, where the campaign file does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from campaigns import measured

from loop.circumstances import read_expense
from loop.costs import Expense, Purse
from loop.history import History, Observation
from loop.learnt_costs import Learnt, learn_costs, taken_by
from loop.outcome import Fault, FaultKind
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

VERSIONS = ["calculated", "modelled", "measured"]


def spec_of(*, versions: Sequence[str] = VERSIONS, priced: Any = None, **sections: Any) -> CampaignSpec:
    method = {"type": "fidelity", "options": list(versions), **({"costs": priced} if priced else {})}
    number = {"type": "number", "values": list(range(12))}
    return CampaignSpec.from_resolved(
        {
            "campaign": "pair",
            "space": {"a": number, "b": number, **({"method": method} if versions else {})},
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"batch": 2, "surrogate": "gp", "initial": {"design": "random", "experiments": 6}},
            "budget": {"experiments": 100},
            "laboratory": {"adapter": "emulator"},
            **sections,
        }
    )


def took(spec: CampaignSpec, rows: Sequence[tuple[str, float | None, float | None]]) -> tuple[Observation, ...]:
    """An observation for each version, hours and cost."""
    space = build_space(spec)
    found = []
    for k, (method, hours, cost) in enumerate(rows):
        settings = {"a": float(k % 12), "b": float(k * 5 % 12), **({"method": method} if method else {})}
        outcome = measured(y=float(np.sin(k)))
        found.append(Observation(f"o{k}", space.coordinates(settings), outcome, expense=Expense(hours, cost)))
    return tuple(found)


def learnt(spec: CampaignSpec, observations: Sequence[Observation]) -> Learnt:
    return learn_costs(spec, build_space(spec), taken_by(observations))


def prices(found: Learnt) -> list[float]:
    assert found.costs is not None
    return found.costs.own(np.array([[0.0, 0.0, k] for k in range(3)])).tolist()


def test_a_version_costs_the_median_of_what_its_results_took() -> None:
    spec = spec_of()
    rows = [("calculated", 0.1, None), ("calculated", 0.2, None), ("calculated", 9.0, None), ("measured", 4.0, None)]
    found = learnt(spec, took(spec, rows))

    assert prices(found) == [0.2, 4.0, 4.0]  # of two neighbours that are known, the dearer
    assert found.text == "calculated 0.2 h, modelled 4 h, measured 4 h"
    assert (
        "calculated 0.2 h (median of 3), modelled 4 h (as the nearest version, none of its results says)"
        in (found.notes[0])
    )
    assert found.figures["measured"] == {"price": 4.0, "unit": "h", "results": 1}


def test_money_goes_before_hours_and_is_not_counted_twice() -> None:
    spec = spec_of(costs={"unit": "EUR", "experiment": 2, "hour": 10})
    rows = [("calculated", 0.1, 5.0), ("modelled", 1.0, 20.0), ("measured", 4.0, 90.0)]
    found = learnt(spec, took(spec, rows))

    assert prices(found) == pytest.approx([5.0, 20.0, 90.0])  # all told, with the 2 EUR and the hours in it
    assert found.text == "calculated 5 EUR, modelled 20 EUR, measured 90 EUR"


def test_nothing_is_had_for_nothing() -> None:
    spec = spec_of()

    assert prices(learnt(spec, took(spec, [("calculated", 0.0, None), ("measured", 5.0, None)])))[0] == 0.005


def test_before_anything_was_measured_versions_are_equally_dear_and_each_is_in_the_first_batch() -> None:
    spec = spec_of()
    for seed in range(6):  # the draw alone leaves one out in about every fourth batch
        first = plan(spec, History(), seed=seed, experiments=100)

        assert {p.candidate.settings["method"] for p in first.proposals} == set(VERSIONS)
        assert len({tuple(p.candidate.settings.items()) for p in first.proposals}) == 6
    assert any("nothing says yet what its versions cost, so they count as equally dear" in n for n in first.notes)
    assert "learnt_costs" not in first.model
    small = spec.planner.model_copy(update={"initial": spec.planner.initial.model_copy(update={"experiments": 2})})
    notes = plan(spec.model_copy(update={"planner": small}), History(), seed=0, experiments=100).notes

    assert any("found a place among the first" in n for n in notes)


def test_versions_beside_a_continuous_number_are_all_in_the_first_batch_too() -> None:
    number = {"type": "number", "low": 0, "high": 1}
    spec = spec_of(space={"a": number, "method": {"type": "fidelity", "options": VERSIONS}})
    found = plan(spec, History(), seed=1, experiments=100).proposals

    assert {p.candidate.settings["method"] for p in found} == set(VERSIONS)


def test_a_run_that_broke_off_says_nothing_of_the_price() -> None:
    spec = spec_of()
    broken = Observation("f", np.zeros(3), Fault.of(FaultKind.TIMEOUT, "slow"), expense=Expense(100.0))

    assert prices(learnt(spec, (*took(spec, [("calculated", 0.1, None)]), broken))) == [0.1, 0.1, 0.1]


def test_the_planner_goes_by_what_it_learnt_and_the_round_says_so() -> None:
    spec = spec_of(versions=["calculated", "measured"], planner={"batch": 4, "surrogate": "gp"})
    chosen = {}
    for cheap in (0.01, 10.0):
        rows = [(VERSIONS[0] if k % 2 else VERSIONS[2], cheap if k % 2 else 5.0, None) for k in range(12)]
        found = plan(spec, History(took(spec, rows)), seed=3, experiments=100)
        chosen[cheap] = [p.candidate.settings["method"] for p in found.proposals].count("calculated")
        assert found.model["learnt_costs"]["calculated"] == {"price": cheap, "unit": "h", "results": 6}
        assert any(n.startswith("fidelity: costs by the record: calculated") for n in found.notes)

    assert chosen[0.01] > chosen[10.0]


def test_stated_costs_win_and_a_large_contradiction_is_said() -> None:
    priced = spec_of(versions=["a", "b"], priced={"a": 1, "b": 50}, costs={"unit": "h"})
    rows = [("a", 2.5, None)] * 3 + [("b", 40.0, None)] * 3
    found = learnt(priced, took(priced, rows))
    hours = spec_of(versions=[], costs={"experiment": 5, "hours": 1, "unit": "EUR"})
    slow = learnt(hours, took(hours, [("", 4.0, 30.0)] * 3))

    assert found.costs is not None
    assert found.costs.own(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])).tolist() == [1.0, 50.0]
    assert len(found.notes) == 1
    assert found.notes[0].startswith("costs: stated are 1 h, and results of a took 2.5 h (median of 3)")
    assert slow.notes[0].startswith("costs.hours: stated are 1 h, and results took 4 h (median of 3)")
    assert slow.notes[1].startswith("costs: stated are 5 EUR, and results took 30 EUR (median of 3)")
    assert learnt(hours, took(hours, [("", 4.0, 30.0)] * 2)).notes == ()  # two may be chance


def test_stated_hours_count_for_every_version_alike() -> None:
    spec = spec_of(costs={"hours": 2})

    assert prices(learnt(spec, took(spec, [("calculated", 0.1, None), ("measured", 5.0, None)]))) == [2.0, 2.0, 2.0]


def test_hours_of_changes_alone_are_said_to_be_no_hours_of_experiments() -> None:
    changes = {"switch": {"a": {"hours": 1}}}
    slow = spec_of(versions=[], budget={"experiments": 100, "hours": 20}, costs=changes)
    known = spec_of(versions=[], budget={"experiments": 100, "hours": 20}, costs={"hours": 0, **changes})

    assert learnt(slow, took(slow, [])).notes[0].startswith("nothing says yet how long an experiment takes; the budget")
    assert learnt(known, took(known, [])).notes == ()


def test_hours_of_an_experiment_are_learnt_where_the_budget_wants_them() -> None:
    spec = spec_of(versions=[], budget={"experiments": 100, "hours": 20})
    none, some = (learnt(spec, took(spec, rows)) for rows in ([], [("", h, None) for h in (1.0, 3.0, 8.0)]))

    assert "nothing says yet how long an experiment takes; the budget of 20 h is counted down" in none.notes[0]
    assert "(a column hours of the worksheet or table), or costs.hours does" in none.notes[0]
    assert some.costs is not None
    assert some.costs.hours == 3.0
    assert some.notes == ("hours by the record: an experiment 3 h (median of 3)",)
    found = plan(spec, History(took(spec, [("", 3.0, None)] * 7)), seed=0, experiments=50, purse=Purse(None, 4.0))
    assert len(found.proposals) == 1
    assert "the budget leaves 4 h, which pays for 1 of 2 proposals" in found.notes


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({"wall_time_s": 7200, "cost": 3}, Expense(2.0, 3.0)),
        ({"wall_time_s": "long", "cost": True}, Expense()),
        ({"wall_time_s": -1.0, "cost": float("inf")}, Expense()),
        ("a sentence", Expense()),
    ],
)
def test_what_a_result_took_is_read_from_its_provenance(provenance: Any, said: Expense) -> None:
    assert read_expense({"provenance": provenance}) == said


def test_stated_costs_that_exceed_all_that_a_version_took_are_said_to_count() -> None:
    """Each experiment is stated to cost 10; a version that takes 1 in all still counts with those 10."""
    spec = spec_of(costs={"unit": "EUR", "experiment": 10})

    found = learnt(spec, took(spec, [("calculated", None, 1.0), ("measured", None, 40.0), ("modelled", None, 8.0)] * 3))

    assert prices(found) == pytest.approx([10.0, 10.0, 40.0], abs=0.05)
    said = [note for note in found.notes if note.startswith("costs: stated")]
    assert said == [
        "costs: stated are 10 EUR, and results of calculated took 1 EUR (median of 3); "
        "the stated figure counts: correct it, or leave it out to go by the record"
    ]
