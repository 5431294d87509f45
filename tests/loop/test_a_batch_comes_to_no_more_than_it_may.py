"""Limits of a batch: its experiments together keep to the hours, the money and the amounts that it may come to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from campaigns import measured

from loop.errors import PoolExhausted
from loop.history import History, Observation, Pending, Said
from loop.planner import Plan, plan
from loop.policy.batch_limits import BatchLimits
from loop.spec import CampaignSpec, build_costs, build_space, read_spec
from loop.spec.per_batch import build_batch_limits

FILE = """
campaign: short
space:
  ligand: {type: category, options: [A, B, C, D]}
  volume: VOLUME
  temperature: {type: number, values: [20, 40, 60, 80], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {PLANNER}
budget: {experiments: 60}
laboratory: {adapter: manual}
"""
STEPS, RANGE = "{type: number, values: [1, 2, 5, 10, 20], unit: mL}", "{type: number, low: 0.5, high: 20, unit: mL}"


def spec_of(planner: str, volume: str = STEPS, more: str = "") -> CampaignSpec:
    text = FILE.replace("PLANNER", planner).replace("VOLUME", volume) + more
    return read_spec(text, source="short.yaml", read=lambda _: "")


def yield_of(settings: Mapping[str, Any]) -> float:
    """More of everything is better, so that a limit is felt."""
    return 20 + 5 * "ABCD".index(settings["ligand"]) + settings["volume"] + settings["temperature"] / 8


def played(spec: CampaignSpec, rounds: int, seed: int = 0) -> list[Plan]:
    """So many batches, each after the results of those before."""
    space, history, plans = build_space(spec), History(), []
    for _ in range(rounds):
        plans.append(plan(spec, history, seed=seed, experiments=60 - len(history.observations)))
        seen = [
            Observation(f"{len(plans)}-{i}-{k}", space.coordinates(s), measured(**{"yield": yield_of(s)}))
            for i, p in enumerate(plans[-1].proposals)
            for k, s in enumerate([p.candidate.settings] * p.replicates)
        ]
        history = History((*history.observations, *seen))
    return plans


def volume_of(one: Plan) -> float:
    return sum(float(p.candidate.settings["volume"]) * p.replicates for p in one.proposals)


@pytest.mark.parametrize(
    ("more", "volume"),
    [
        ("", STEPS),
        ("replicates: 2", STEPS),
        ("surrogate: random", STEPS),
        ("acquisition: thompson", STEPS),
        ("control: 0.4, replicates: planned", STEPS),
        ("surrogate: gp", RANGE),
        ("surrogate: random", RANGE),
    ],
    ids=lambda text: text[:30] or "as it is",
)
def test_a_sum_over_the_batch_is_kept_in_every_round(more: str, volume: str) -> None:
    planner = "batch: 5, initial: {experiments: 4}, per_batch: {sums: {volume: 25}}" + (f", {more}" if more else "")

    plans = played(spec_of(planner, volume), 2)

    assert all(0 < volume_of(p) <= 25 + 1e-9 for p in plans), [volume_of(p) for p in plans]
    assert all(any("of 25 mL of volume" in note for note in p.notes) for p in plans)
    without = played(spec_of(planner.replace("per_batch: {sums: {volume: 25}}", "seed: 0"), volume), 2)
    assert any(volume_of(p) > 25 for p in without)  # it would have been more


def test_what_has_no_room_leaves_its_place_to_what_has() -> None:
    """One by one would stop at two of 20 and 10 mL; a batch of hours has place for what takes little."""
    spec = spec_of("batch: 6, initial: {experiments: 3}, per_batch: {sums: {volume: 23}}")

    last = played(spec, 3)[-1]

    assert len(last.proposals) > 2
    assert 20 < volume_of(last) <= 23
    told = f"a batch may come to 23 mL of volume, which has room for {len(last.proposals)} of 6 proposals"
    assert told in last.notes


@pytest.mark.parametrize("volume", [STEPS, RANGE], ids=["steps", "a range"])
def test_a_full_batch_leaves_room_for_all_of_its_places(volume: str) -> None:
    limit = "per_batch: {sums: {volume: 27}, full: true}"

    plans = played(spec_of(f"batch: 5, surrogate: gp, initial: {{experiments: 5}}, {limit}", volume), 3)

    assert [len(p.proposals) for p in plans] == [5, 5, 5]
    assert all(volume_of(p) <= 27 + 1e-9 for p in plans)


def test_hours_are_counted_with_the_changes_of_slow_parameters() -> None:
    costs = "costs: {hours: 0.5, lasts: volume, switch: {temperature: {hours: 1}}}\n"
    times = "{type: number, values: [1, 2, 4], unit: h}"
    spec = spec_of("batch: 6, initial: {experiments: 4}, per_batch: {hours: 8}", times, costs)
    space = build_space(spec)
    built = build_costs(spec, space)
    assert built is not None

    last = None
    for one in played(spec, 3):
        order = sorted(one.proposals, key=lambda p: p.run_order)
        x = np.array([space.coordinates(p.candidate.settings) for p in order])
        assert built.spent(x, last).hours <= 8
        assert len(x) >= 2
    assert any("of 8 h" in note for note in one.notes)


def test_money_counts_a_bottle_once() -> None:
    costs = "costs: {unit: EUR, experiment: 2, once: {ligand: {A: 50, B: 50, C: 50, D: 50}}}\n"
    spec = spec_of("batch: 4, initial: {experiments: 4}, per_batch: {cost: 60}", STEPS, costs)

    (first,) = played(spec, 1)

    assert len({p.candidate.settings["ligand"] for p in first.proposals}) == 1  # a second bottle has no room
    assert len(first.proposals) == 4  # all that one bottle does
    assert "the batch comes to 58 of 60 EUR" in first.notes


def test_hours_that_nothing_says_yet_limit_nothing_and_a_note_says_so() -> None:
    (first,) = played(spec_of("batch: 3, per_batch: {hours: 8}"), 1)

    assert len(first.proposals) == 3
    assert any("a batch keeps to 8 h once results say it" in note for note in first.notes)
    assert not any("the batch comes to" in note for note in first.notes)


def test_a_factorial_is_made_whole_over_several_batches() -> None:
    design = "initial: {design: factorial, levels: {volume: 2, temperature: 2}}"
    spec = spec_of(f"batch: 4, {design}, per_batch: {{sums: {{volume: 41}}}}")

    plans = played(spec, 5)

    ran = [tuple(p.candidate.settings.values()) for one in plans for p in one.proposals if not one.surrogate]
    assert sorted(ran) == sorted(itertools.product("ABCD", (1.0, 20.0), (20.0, 80.0)))
    assert all(volume_of(p) <= 41 for p in plans)


class TestWhatRunsOrIsPinnedCounts:
    def test_where_experiments_are_replaced_as_they_end(self) -> None:
        spec = spec_of("mode: rolling, batch: 4, per_batch: {sums: {volume: 25}}, initial: {experiments: 2}")
        space = build_space(spec)
        seen = [{"ligand": o, "volume": 5.0, "temperature": 20.0} for o in "AB"]
        running = {"ligand": "D", "volume": 20.0, "temperature": 80.0}
        done = [
            Observation(str(i), space.coordinates(s), measured(**{"yield": yield_of(s)})) for i, s in enumerate(seen)
        ]
        history = History(tuple(done), pending=(Pending("p", space.coordinates(running)),))

        one = plan(spec, history, seed=0, experiments=3)

        assert 0 < volume_of(one) <= 5
        full = replace(history, pending=(*history.pending, Pending("q", space.coordinates(seen[0] | {"ligand": "C"}))))
        with pytest.raises(
            PoolExhausted, match="nothing that is left goes into a batch of 25 mL of volume with what runs"
        ):
            plan(spec, full, seed=0, experiments=2)

    def test_pinned_candidates(self) -> None:
        spec = spec_of("batch: 4, per_batch: {sums: {volume: 25}}")
        pinned = Said(build_space(spec).coordinates({"ligand": "D", "volume": 20.0, "temperature": 80.0}), "wanted")

        one = plan(spec, History(pinned=(pinned,)), seed=0, experiments=20)

        assert 0 < volume_of(one) <= 5


def test_a_batch_that_nothing_fits_into_says_what_to_raise() -> None:
    spec = spec_of("batch: 4, per_batch: {sums: {volume: 1}}, initial: {experiments: 4}")
    space = build_space(spec)
    pairs = itertools.product("ABCD", (20.0, 40.0, 60.0, 80.0))
    small = [{"ligand": ligand, "volume": 1.0, "temperature": t} for ligand, t in pairs]
    seen = [Observation(str(i), space.coordinates(s), measured(**{"yield": yield_of(s)})) for i, s in enumerate(small)]

    with pytest.raises(PoolExhausted, match=r"a batch of 1 mL of volume; raise planner\.per_batch to go on"):
        plan(spec, History(tuple(seen)), seed=0, experiments=4)


def test_a_sum_of_a_derived_number_and_of_a_part_of_a_mixture() -> None:
    text = """
campaign: sums
space:
  solvent: {type: mixture, parts: [water, DMSO], step: 0.1}
  volume: {type: number, values: [1, 5, 10], unit: mL}
  DMSO used: {type: derived, expression: "solvent.DMSO * volume", unit: mL}
objective: {yield: {goal: maximize}}
planner: {batch: 6, initial: {experiments: 6}, per_batch: {sums: {DMSO used: 12, solvent.DMSO: 2}}}
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
    spec = read_spec(text, source="sums.yaml", read=lambda _: "")

    one = plan(spec, History(), seed=0, experiments=20)

    settings = [p.candidate.settings for p in one.proposals]
    parts = [float(s["solvent.DMSO"]) for s in settings]
    assert 0 < sum(parts) <= 2 + 1e-9
    assert sum(p * float(s["volume"]) for p, s in zip(parts, settings, strict=True)) <= 12 + 1e-9


def test_no_limit_no_room_and_no_order_of_taking_breaks_it() -> None:
    """``kept`` takes in order; ``room`` never says yes to what ``kept`` would refuse."""
    rng = np.random.default_rng(0)
    spec = spec_of("batch: 5, per_batch: {sums: {volume: 25}, full: true}")
    limits = build_batch_limits(spec, build_space(spec), None)
    assert isinstance(limits, BatchLimits)
    for _ in range(200):
        x = np.column_stack([rng.integers(0, 4, 8), rng.choice([1, 2, 5, 10, 20], 8), rng.choice([20, 80], 8)]).astype(
            float
        )
        before, places = x[:2], int(rng.integers(1, 4))
        taken = limits.kept(x[2:], before, places)
        assert not taken or limits.allow(np.vstack([before, x[2:][taken]]))
        may = limits.room(before, places)(x[2:])
        assert may.tolist() == [bool(limits.kept(one[None], before, places)) for one in x[2:]]


def test_versions_of_a_measurement_share_the_money_of_a_batch() -> None:
    text = """
campaign: versions
space:
  a: {type: number, values: [0, 1, 2, 3, 4, 5]}
  b: {type: number, values: [0, 1, 2, 3, 4, 5]}
  method: {type: fidelity, options: [calculated, measured]}
objective: {yield: {goal: maximize}}
costs: {unit: EUR, options: {method: {calculated: 1, measured: 10}}}
planner: {batch: 4, surrogate: gp, initial: {experiments: 4}, per_batch: {cost: 25}}
budget: {experiments: 60}
laboratory: {adapter: manual}
"""
    spec = read_spec(text, source="versions.yaml", read=lambda _: "")
    space, history, money = build_space(spec), History(), {"calculated": 1, "measured": 10}
    for number in range(4):
        one = plan(spec, history, seed=0, experiments=40)
        assert 0 < sum(money[str(p.candidate.settings["method"])] for p in one.proposals) <= 25
        seen = [
            Observation(
                f"{number}-{i}",
                space.coordinates(p.candidate.settings),
                measured(**{"yield": float(p.candidate.settings["a"]) - (float(p.candidate.settings["b"]) - 3) ** 2}),
            )
            for i, p in enumerate(one.proposals)
        ]
        history = History((*history.observations, *seen))
    methods = {o.x[2] for o in history.observations}
    assert methods == {0.0, 1.0}  # both were used


@pytest.mark.parametrize("volume", [STEPS, RANGE], ids=["steps", "a range"])
def test_a_batch_has_so_many_different_values_at_most(volume: str) -> None:
    limit = "per_batch: {at_most: {temperature: 1, ligand: 2}}"
    spec = spec_of(f"batch: 5, surrogate: gp, initial: {{experiments: 4}}, {limit}", volume)

    plans = played(spec, 3)

    for one in plans:
        settings = [p.candidate.settings for p in one.proposals]
        assert len(settings) >= 4
        assert len({s["temperature"] for s in settings}) == 1
        assert len({s["ligand"] for s in settings}) <= 2
        assert any("1 of 1 value of temperature and" in note for note in one.notes)
    heats = {p.candidate.settings["temperature"] for one in plans for p in one.proposals}
    assert len(heats) > 1  # not the same in every batch
