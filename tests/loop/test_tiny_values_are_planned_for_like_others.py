"""The unit of a target is the chemist's: a diffusion coefficient of 1e-10 m2/s is planned for as one of 100 um2/s.

What overflows when it is squared is said, and stops nothing.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from campaigns import alcohol_yield, measured, observe, reaction_spec
from earlier import earlier_of, first_batch, settings_of

from loop.errors import ObjectiveError
from loop.history import Claim, History
from loop.insight.best import honest_best
from loop.objective import Goal, Target
from loop.planner import plan
from loop.space import Continuous, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.exact import standardisation
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.trees import ExtraTrees

TINY = 2.0**-40  # 9e-13: a power of two, so that nothing is rounded


def seen(spec: CampaignSpec, scale: float) -> History:
    return History(
        tuple(
            observe(spec, s, measured(rate=scale * alcohol_yield(s)), f"o{i}")
            for i, s in enumerate(settings_of(spec)[::3])
        )
    )


def claims(scale: float) -> tuple[Claim, ...]:
    return tuple(Claim("rate", 50 * scale, 10 * scale, (50 + 10 * (-1) ** i) * scale) for i in range(12))


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "thompson"])
def test_the_same_candidates_are_proposed_in_whatever_unit(goal: str, acquisition: str) -> None:
    spec = reaction_spec({"rate": {"goal": goal}}, acquisition=acquisition)

    plans = [
        plan(spec, History(seen(spec, scale).observations, claims=claims(scale)), seed=0, experiments=3)
        for scale in (1.0, TINY)
    ]

    assert [p.candidate for p in plans[1].proposals] == [p.candidate for p in plans[0].proposals]
    for one, tiny in zip(*(p.proposals for p in plans), strict=True):
        assert tiny.predictions[0].sd == pytest.approx(TINY * one.predictions[0].sd)
    regrets: list[dict[str, Any]] = [dict(p.model["regret"]) for p in plans]
    assert regrets[1]["epsilon"] == pytest.approx(TINY * regrets[0]["epsilon"])
    assert regrets[1]["widened"] == pytest.approx(regrets[0]["widened"])


PLATE = {"rows": 4, "columns": 3, "share": {"temperature": "row"}, "at_most": {"alcohol": 3}}
TWO = {"rate": {"goal": "maximize"}, "cost": {"goal": "minimize"}}


def by_plate(acquisition: str, targets: dict[str, Any], *, scale: float = 1.0, shift: float = 0.0) -> list[Any]:
    """The candidates of the next plate, in the order of its wells, where values are in another unit."""
    settings = reaction_spec(targets, acquisition=acquisition).model_dump(exclude_unset=True)
    spec = CampaignSpec.from_resolved({**settings, "plate": PLATE})
    seen = []
    for i, s in enumerate(settings_of(spec)[::3]):
        values = {"rate": alcohol_yield(s), "cost": s["temperature"] - alcohol_yield(s) / 4}
        told = measured(**{name: scale * values[name] + shift for name in targets})
        seen.append(observe(spec, s, told, f"o{i}"))
    return [p.candidate.settings for p in plan(spec, History(tuple(seen)), seed=0, experiments=12).proposals]


@pytest.mark.parametrize(
    ("acquisition", "targets"),
    [
        ("improvement", {"rate": {"goal": "maximize"}}),
        ("exploration", {"rate": {"goal": "maximize"}}),
        ("exploration", TWO),
        ("pareto", TWO),
        ("thompson", TWO),
    ],
)
def test_a_plate_is_filled_alike_in_whatever_unit_and_wherever_values_lie(
    acquisition: str, targets: dict[str, Any]
) -> None:
    usual = by_plate(acquisition, targets)

    assert by_plate(acquisition, targets, scale=TINY) == usual
    assert by_plate(acquisition, targets, shift=-(2.0**24)) == usual  # of which single precision holds whole numbers


@pytest.mark.parametrize("scale", [TINY, 2.0**-20, 2.0**20])
def test_the_chance_to_keep_a_threshold_takes_as_much_off_an_optimistic_value_in_whatever_unit(scale: float) -> None:
    specs = [reaction_spec({"rate": {"goal": "maximize", "at_most": 45 * c}}, acquisition="ucb") for c in (1.0, scale)]

    usual, other = (
        plan(spec, seen(spec, c), seed=0, experiments=3) for spec, c in zip(specs, (1.0, scale), strict=True)
    )

    assert [p.candidate for p in other.proposals] == [p.candidate for p in usual.proposals]


def test_a_front_is_sought_alike_where_values_are_tiny_and_where_all_of_a_target_are_alike() -> None:
    def batch(scale: float, rate: float | None) -> list[Any]:
        spec = reaction_spec(TWO)
        told = []
        for i, s in enumerate(settings_of(spec)[::3]):
            rates = alcohol_yield(s) if rate is None else rate
            outcome = measured(rate=scale * rates, cost=scale * (s["temperature"] - alcohol_yield(s) / 4))
            told.append(observe(spec, s, outcome, f"o{i}"))
        return [p.candidate.settings for p in plan(spec, History(tuple(told)), seed=0, experiments=3).proposals]

    for rate in (None, 0.1):
        assert batch(TINY, rate) == batch(1.0, rate)


def test_the_best_is_known_as_well() -> None:
    spec = reaction_spec({"rate": {"goal": "maximize"}})

    one, tiny = (honest_best(spec, seen(spec, scale), seed=0).candidates[0] for scale in (1.0, TINY))

    assert tiny.label == one.label
    assert tiny.best_of_tried == pytest.approx(one.best_of_tried)


def test_so_is_a_first_batch_by_sources() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize"}}, batch=5, initial={"experiments": 5})

    one, tiny = (
        first_batch(spec, earlier_of(lambda s, scale=scale: scale * alcohol_yield(s), spec=spec))
        for scale in (1.0, TINY)
    )

    assert [p.candidate for p in tiny.proposals] == [p.candidate for p in one.proposals]


def test_values_that_are_all_alike_have_no_scale() -> None:
    for value in (0.0, 50.0, 1e-13):
        assert standardisation(torch.full((5,), value, dtype=torch.float64)) == (pytest.approx(value), 1.0)


@pytest.mark.parametrize("huge", [1e155, -1e300])
def test_a_value_on_record_that_cannot_be_reckoned_with_trains_nothing_and_ends_nothing(huge: float) -> None:
    spec = reaction_spec({"rate": {"goal": "maximize"}})
    usual = seen(spec, 1.0)
    one_more = observe(spec, settings_of(spec)[1], measured(rate=huge), "huge")

    found = plan(spec, History((*usual.observations, one_more)), seed=0, experiments=3)

    assert found.model["training_rows"] == len(usual.observations)
    (note,) = (n for n in found.notes if n.startswith("observation huge: "))
    assert f"'rate': {huge:g} is beyond 1e+60 of the target's unit" in note
    assert "retract the observation" in note


def test_the_largest_values_that_are_taken_are_planned_for() -> None:
    spec = reaction_spec({"a": {"goal": "maximize"}, "b": {"goal": "minimize"}, "c": {"goal": "maximize"}})
    rows = [
        observe(spec, s, measured(a=1e60 * (-1) ** i, b=1e60 / (i + 1), c=alcohol_yield(s)), f"o{i}")
        for i, s in enumerate(settings_of(spec)[::3])
    ]

    found = plan(spec, History(tuple(rows)), seed=0, experiments=3)

    assert len(found.proposals) == 3
    assert all(math.isfinite(p.mean) and math.isfinite(p.sd) for d in found.proposals for p in d.predictions)


def test_a_setting_on_record_that_cannot_be_reckoned_with_is_not_used() -> None:
    space = Space((Continuous("t", 0.0, 1.0, ""),))
    record = {"id": "o", "key": None, "settings": {"t": 1e200}, "smiles": {}, "outcome": measured(y=1.0), "context": {}}
    one, other = SimpleNamespace(**record), SimpleNamespace(**record | {"id": "p"})

    alone = History.of(space, [one], ())  # type: ignore[list-item]  # what is read of one
    both = History.of(space, [one, other], ())  # type: ignore[list-item]

    assert not alone.observations
    assert not both.observations
    assert "observation o is not used: t 1e+200 is beyond 1e+60" in alone.notes[0]
    (note,) = both.notes
    assert note.startswith("observation o and 1 more are not used: t 1e+200 is beyond 1e+60")


def test_a_bound_that_cannot_be_reckoned_with_is_refused() -> None:
    with pytest.raises(ObjectiveError, match=r"finite and within 1e\+60, got 1e\+200; state it in a larger unit"):
        Target("rate", Goal.MAXIMIZE, "", 0.0, 1e200)


@pytest.mark.parametrize(("size", "start"), [(2.0**-40, 0.0), (2.0**20, 0.0), (1.0, 2.0**28)])
def test_trees_see_numbers_alike_in_whatever_unit(size: float, start: float) -> None:
    def fitted(size: float, start: float) -> tuple[torch.Tensor, torch.Tensor]:
        number = {"type": "number", "values": [start + size * k for k in range(9)]}
        said = reaction_spec().model_dump(exclude_unset=True)
        said["space"] = {
            "alone": number,
            "amount": {"type": "number", "low": size, "high": 8 * size},
            "twice": {"type": "derived", "expression": "2 * amount"},
        }
        space = build_space(CampaignSpec.from_resolved(said))
        steps = torch.arange(9, dtype=torch.float64)
        x = torch.stack([start + size * steps, size * (1.0 + (5 * steps) % 8)], dim=1)
        y = (steps - 4).square() + x[:, 1] / size
        data = TrainingSet(x, y, torch.full_like(y, math.nan))
        return ExtraTrees("trees").fit(space, data, seed=0).moments(x)

    for one, other in zip(fitted(1.0, 0.0), fitted(size, start), strict=True):
        torch.testing.assert_close(other, one)


CONTINUOUS: dict[str, dict[str, Any]] = {
    "a value to be matched": {"objective": {"height": {"goal": "match", "value": 5, "within": 3}}},
    "a front": {"objective": {"height": {"goal": "maximize"}, "cost": {"goal": "minimize"}}},
    "a bound": {"objective": {"height": {"goal": "maximize", "at_most": 15}}, "acquisition": "ucb"},
}


def scaled(objective: Any, scale: float) -> Any:
    """What is wanted, in another unit."""
    if isinstance(objective, dict):
        return {key: scaled(value, scale) for key, value in objective.items()}
    return objective if isinstance(objective, str) else objective * scale


def in_ranges(what: str, *, scale: float = 1.0, size: float = 1.0) -> list[Any]:
    """The next batch of a space with continuous numbers, these as shares of ``size``; values are in another unit."""
    case = CONTINUOUS[what]
    said = {
        "campaign": "ranges",
        "space": {
            "x": {"type": "number", "low": 0, "high": 10 * size},
            "kind": {"type": "category", "options": ["a", "b"]},
        },
        "objective": scaled(case["objective"], scale),
        "planner": {"batch": 2, "initial": {"experiments": 4}, "acquisition": case.get("acquisition", "auto")},
        "budget": {"experiments": 30},
        "laboratory": {"adapter": "simulated"},
    }
    spec = CampaignSpec.from_resolved(said)
    seen = []
    for i, x in enumerate((0.5, 2.25, 4.0, 5.5, 7.75, 9.0, 9.5)):
        values = {"height": 12 - (x - 6) ** 2 + 4 * (i % 2), "cost": 2 * x - math.sin(x)}
        told = measured(**{name: scale * values[name] for name in case["objective"]})
        seen.append(observe(spec, {"x": size * x, "kind": "ab"[i % 2]}, told, f"o{i}"))
    batch = plan(spec, History(tuple(seen)), seed=0, experiments=2)
    return [(p.candidate.settings["x"] / size, p.candidate.settings["kind"]) for p in batch.proposals]


@pytest.mark.parametrize("what", CONTINUOUS)
def test_continuous_numbers_are_chosen_alike_in_whatever_unit(what: str) -> None:
    usual = in_ranges(what)

    for other in (in_ranges(what, scale=TINY), in_ranges(what, size=2.0**20)):
        assert [kind for _, kind in other] == [kind for _, kind in usual]
        assert [x for x, _ in other] == pytest.approx([x for x, _ in usual], abs=0.05)  # as numbers are rounded
