"""Centre points: replicates of the middle of every number, beside a classical design, evenly through its order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from campaigns import measured

from loop.costs import Purse
from loop.design.centre import centre_points, conditions
from loop.history import History, Observation, Said
from loop.insight.scattering import measured_again
from loop.objective import Objective
from loop.planner import Plan, plan
from loop.record import Arm, ProposalDraft
from loop.spec import CampaignSpec, build_objective, build_space

NUMBERS: dict[str, Any] = {
    "temperature": {"type": "number", "low": 60, "high": 120, "unit": "degC"},
    "hours": {"type": "number", "low": 2, "high": 16, "unit": "h"},
    "loading": {"type": "number", "low": 0.01, "high": 1, "scale": "log"},
}
BASES: dict[str, Any] = {"base": {"type": "category", "options": ["KOAc", "CsOAc"]}}
KEYS = ("design", "centre", "experiments", "blocks", "levels", "model")
MIDDLE = {"temperature": 90.0, "hours": 9.0, "loading": 0.1}


def spec_of(space: dict[str, Any], *, replicates: int = 1, **said: Any) -> CampaignSpec:
    initial = {key: said.pop(key) for key in KEYS if key in said}
    return CampaignSpec.from_resolved(
        {
            "campaign": "screen",
            "space": space,
            "objective": {"yield": {"goal": "maximize"}},
            "planner": {"initial": {"design": "factorial", **initial}, "replicates": replicates},
            "budget": {"experiments": 200},
            "laboratory": {"adapter": "manual"},
            **said,
        }
    )


def planned(spec: CampaignSpec, history: History | None = None, experiments: int = 200, **more: Any) -> Plan:
    return plan(spec, history or History(), seed=1, experiments=experiments, **more)


def is_central(p: ProposalDraft) -> bool:
    return "centre point" in p.reason


def centre_of(batch: Plan) -> list[ProposalDraft]:
    return [p for p in batch.proposals if is_central(p)]


def seen(spec: CampaignSpec, settings: Any, number: int, *, is_told: bool = False) -> Observation:
    x = build_space(spec).coordinates(settings)
    return Observation(str(number), x, measured(**{"yield": 50.0 + number}), is_told=is_told)


# --- which they are ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("design", "whole"), [("factorial", 8), ("fractional", 4)])
def test_centre_points_are_replicates_of_the_middle_beside_all_of_the_design(design: str, whole: int) -> None:
    batch = planned(spec_of(NUMBERS, design=design, centre=3, experiments=whole + 3))

    assert len(batch.proposals) == whole + 3
    assert [dict(p.candidate.settings) for p in centre_of(batch)] == [MIDDLE] * 3
    assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
    assert [p.replicates for p in batch.proposals] == [1] * (whole + 3)
    assert len({tuple(p.candidate.settings.values()) for p in batch.proposals}) == whole + 1
    first, *_, last = (p.reason for p in centre_of(batch))
    assert "centre point 1 of 3: the middle of every number, where curvature shows" in first
    assert "centre point 3 of 3: the middle of every number, a replicate of centre point 1" in last
    assert "3 centre points at temperature 90 degC, hours 9 h, loading 0.1" in batch.notes


def test_results_of_centre_points_tell_of_scatter() -> None:
    spec = spec_of(NUMBERS, centre=2, experiments=10)
    objective: Objective = build_objective(spec)

    history = History(tuple(seen(spec, p.candidate.settings, i) for i, p in enumerate(planned(spec).proposals)))

    assert measured_again(history, objective) == {"yield"}


def test_what_has_no_middle_is_taken_in_every_combination_in_turn() -> None:
    space = NUMBERS | BASES | {"stirring": {"type": "number", "values": [300, 900]}}
    batch = planned(spec_of(space, centre=6, experiments=38))

    taken = [(p.candidate.settings["base"], p.candidate.settings["stirring"]) for p in centre_of(batch)]

    assert len(set(taken[:4])) == 4
    assert [len(set(pair)) for pair in zip(*taken[:2], strict=True)] == [2, 2]  # each option once
    assert taken[4:] == taken[:2]
    assert [note for note in batch.notes if "6 centre points" in note and "with base x stirring in turn" in note]


def test_where_no_condition_comes_twice_a_note_says_that_scatter_does_not_show() -> None:
    once, twice = (planned(spec_of(NUMBERS | BASES, centre=n, experiments=16 + n)) for n in (2, 4))
    copied = planned(spec_of(NUMBERS | BASES, centre=2, experiments=36, replicates=2))

    assert any("no condition comes twice" in note and "centre: 4 makes two of each" in note for note in once.notes)
    assert not any("no condition comes twice" in note for note in (*twice.notes, *copied.notes))


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        ({"type": "number", "low": 0, "high": 1, "step": 0.2}, {"p": 0.4}),  # as near as 0.6, and lower
        ({"type": "number", "values": [1, 2, 4, 16], "scale": "log"}, {"p": 4.0}),
        ({"type": "number", "values": [1, 2, 4, 16]}, {"p": 4.0}),
        ({"type": "number", "low": 2, "high": 10, "or_zero": True}, {"p": 6.0}),
        ({"type": "number", "values": [0.0, 2, 5, 10]}, {"p": 5.0}),
        ({"type": "number", "low": 1, "high": 10, "scale": "log"}, {"p": 3.16}),
        ({"type": "ordinal", "options": ["low", "mid", "high"]}, {"p": "mid"}),
        ({"type": "ordinal", "options": ["a", "b", "c", "d"]}, {"p": "b"}),
        ({"type": "mixture", "parts": ["a", "b", "c"]}, {"p.a": 0.334, "p.b": 0.333, "p.c": 0.333}),
        ({"type": "mixture", "parts": ["a", "b", "c"], "step": 0.1}, {"p.a": 0.4, "p.b": 0.3, "p.c": 0.3}),
    ],
)
def test_the_middle_is_that_of_the_scale_or_the_step_nearest_to_it(
    parameter: dict[str, Any], middle: dict[str, Any]
) -> None:
    spec = spec_of({"p": parameter, **NUMBERS}, centre=2)

    x = centre_points(build_space(spec), 2)

    assert [build_space(spec).settings(row) for row in x] == [middle | MIDDLE] * 2
    assert build_space(spec).holds(x).all()


def test_options_with_which_the_middle_is_forbidden_are_passed_over() -> None:
    heat = {"exclude": {"base": "KOAc"}, "where": {"temperature": {"above": 80}}, "name": "decomposes"}

    batch = planned(spec_of(NUMBERS | BASES, centre=2, experiments=14, constraints=[heat]))

    assert [p.candidate.settings["base"] for p in centre_of(batch)] == ["CsOAc", "CsOAc"]


def test_a_number_that_does_not_apply_makes_no_condition_twice() -> None:
    space = BASES | NUMBERS | {"water": {"type": "number", "low": 1, "high": 3, "when": {"base": "KOAc"}}}

    found = conditions(build_space(spec_of(space)))

    assert len(found) == 2


# --- where they stand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("centre", "places"), [(1, [4]), (2, [0, 9]), (3, [0, 5, 10]), (4, [0, 4, 7, 11])])
def test_they_stand_evenly_in_the_order_of_running(centre: int, places: list[int]) -> None:
    batch = planned(spec_of(NUMBERS, centre=centre, experiments=8 + centre))

    assert [p.run_order for p in centre_of(batch)] == places
    assert sorted(p.run_order for p in batch.proposals) == list(range(8 + centre))


def test_each_block_has_as_many_of_every_condition() -> None:
    batch = planned(spec_of(NUMBERS | BASES, centre=8, blocks=2, experiments=24))

    found = Counter((f"block {b}," in p.reason, p.candidate.settings["base"]) for b in (1,) for p in centre_of(batch))
    orders = {b: sorted(p.run_order for p in batch.proposals if f"block {b}," in p.reason) for b in (1, 2)}
    first = [p.run_order for p in centre_of(batch) if "block 1," in p.reason]

    assert set(found.values()) == {2}
    assert orders == {1: list(range(12)), 2: list(range(12, 24))}
    assert first == [0, 4, 7, 11]


def test_what_changes_slowly_is_changed_no_more_often_for_them() -> None:
    costs = {"experiment": 1, "switch": {"temperature": {"hours": 1}}}

    batch = planned(spec_of(NUMBERS, centre=3, experiments=11, costs=costs))

    ran = [p.candidate.settings["temperature"] for p in sorted(batch.proposals, key=lambda p: p.run_order)]
    assert sum(a != b for a, b in pairwise(ran)) == 2


# --- how many there are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "left"), [(1, 2), (3, 0), (5, 0)])
def test_those_that_were_told_are_not_made_again_and_the_design_stays_whole(told: int, left: int) -> None:
    spec = spec_of(NUMBERS, centre=3, experiments=11)

    batch = planned(spec, History(tuple(seen(spec, MIDDLE, i, is_told=True) for i in range(told))))

    assert len(centre_of(batch)) == left
    assert len(batch.proposals) == 8 + left
    assert not any("drawn at random" in note for note in batch.notes)


def test_what_is_left_of_a_design_is_made_with_what_is_left_of_its_centre() -> None:
    spec = spec_of(NUMBERS, design="fractional", centre=3, experiments=7)
    whole = planned(spec).proposals
    made = [p for p in whole if not is_central(p)][:3] + [p for p in whole if is_central(p)][:1]

    rest = planned(spec, History(tuple(seen(spec, p.candidate.settings, i) for i, p in enumerate(made))))

    assert len(rest.proposals) == 3
    assert len(centre_of(rest)) == 2
    assert "centre point 3 of 3" in centre_of(rest)[-1].reason
    assert "2 of 3 centre points" in " ".join(rest.notes)


def test_where_room_is_short_the_design_goes_before_its_centre_points() -> None:
    spec = spec_of(NUMBERS, centre=3, experiments=11)

    batch = planned(spec, experiments=9)

    assert len(batch.proposals) == 9
    assert len(centre_of(batch)) == 1


def test_money_that_does_not_pay_for_all_pays_for_the_design_first() -> None:
    spec = spec_of(NUMBERS, centre=3, experiments=11, costs={"experiment": 10}, budget={"cost": 300})

    batch = planned(spec, purse=Purse(cost=95.0))

    assert len(batch.proposals) == 9
    assert len(centre_of(batch)) == 1


def test_a_middle_that_is_a_combination_too_is_made_once_more() -> None:
    spec = spec_of(NUMBERS, levels=3, centre=2, experiments=29)
    batch = planned(spec)
    at_middle = [p for p in batch.proposals if dict(p.candidate.settings) == MIDDLE]

    rest = planned(spec, History((seen(spec, MIDDLE, 0),)))

    assert (len(at_middle), len(centre_of(batch))) == (3, 2)
    assert len(rest.proposals) == 28
    assert len(centre_of(rest)) == 2


def test_a_middle_that_a_person_banned_is_not_made() -> None:
    steps = {"temperature": [60, 90, 120], "hours": [2, 9, 16]}
    space = {name: {"type": "number", "values": values} for name, values in steps.items()}
    spec = spec_of(space, levels=2, centre=3, experiments=7)
    banned = build_space(spec).coordinates({"temperature": 90, "hours": 9})

    batch = planned(spec, replace(History(), kept_out=(Said(banned, "it froze"),)))

    assert len(batch.proposals) == 4
    assert not centre_of(batch)


def test_a_middle_that_lies_in_what_was_banned_since_is_said_to_be_made_no_more() -> None:
    steps = {"temperature": [60, 90, 120], "hours": [2, 9, 16]}
    space = {name: {"type": "number", "values": values} for name, values in steps.items()}
    banned = [{"name": "ban 1", "exclude": {"temperature": [90], "hours": [9]}}]

    batch = planned(spec_of(space, levels=2, centre=3, experiments=7, constraints=banned))

    (note,) = (n for n in batch.notes if "no centre points are made any more: the middle of every number" in n)
    assert note.endswith("(temperature 90, hours 9) breaks constraint 'ban 1'")


def test_of_each_centre_point_there_are_as_many_experiments_as_replicates_says() -> None:
    spec = spec_of(NUMBERS, centre=3, experiments=22, replicates=2)
    batch = planned(spec)
    half = [p for p in batch.proposals if not is_central(p)] + centre_of(batch)[:1]

    made = [seen(spec, p.candidate.settings, 2 * i + k) for i, p in enumerate(half) for k in range(2)]
    rest = planned(spec, History(tuple(made)))

    assert [p.replicates for p in centre_of(batch)] == [2] * 3
    assert len(centre_of(rest)) == len(rest.proposals) == 2


# --- beside designs for a model ---------------------------------------------------------------------------------


@pytest.mark.parametrize("design", ["d-optimal", "i-optimal"])
def test_an_optimal_design_counts_on_its_centre_points(design: str) -> None:
    spec = spec_of(NUMBERS, design=design, model="quadratic", centre=4, experiments=16)

    batch = planned(spec)

    assert len(batch.proposals) == 16
    assert [dict(p.candidate.settings) for p in batch.proposals].count(MIDDLE) == len(centre_of(batch)) == 4
    assert any(f"{design} design (with 4 centre points): 10 terms" in note for note in batch.notes)


def test_what_was_told_makes_an_optimal_design_smaller_and_leaves_its_centre_points() -> None:
    spec = spec_of(NUMBERS, design="d-optimal", centre=3, experiments=11)
    corners = [p.candidate.settings for p in planned(spec).proposals if not is_central(p)]

    rest = planned(spec, History(tuple(seen(spec, s, i, is_told=True) for i, s in enumerate(corners[:5]))))

    assert len(rest.proposals) == 6
    assert len(centre_of(rest)) == 3


def test_points_of_an_optimal_design_keep_away_from_its_centre() -> None:
    spec = spec_of(NUMBERS, design="d-optimal", model="quadratic", centre=3, experiments=16)
    x = np.array([build_space(spec).coordinates(p.candidate.settings) for p in planned(spec).proposals])

    assert len(np.unique(x, axis=0)) == 14  # without centre points one of thirteen lies there
