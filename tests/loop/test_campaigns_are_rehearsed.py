"""Rehearsing: worlds that answer consistently, plays that go on from a record, and what is told of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from loop.costs import Purse
from loop.errors import PlanError
from loop.history import History, Observation, Pending
from loop.insight.asking import belief_of
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Qualifier
from loop.planner import plan
from loop.record import Arm
from loop.rehearsal.believed import believed_worlds
from loop.rehearsal.drawn import DrawnWorld
from loop.rehearsal.playing import nearest, play
from loop.rehearsal.rehearsing import by_chance, rehearse
from loop.rehearsal.standing import NONE, Measure
from loop.rehearsal.worlds import TableWorld
from loop.space import PointPool, ProductPool
from loop.spec import CampaignSpec, build_costs, build_objective, build_space, read_spec
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.gnn.training import Settings
from loop.surrogates.protocol import TrainingSet
from loop.values import values_of
from tests.loop.campaigns import alcohol_yield, reaction_spec

SPEC = reaction_spec()
SPACE = build_space(SPEC)
POINTS = ProductPool(SPACE).take(np.arange(30))
YIELDS = [alcohol_yield(SPACE.settings(x)) for x in POINTS]


def told(target: str, value: float, unit: str = "%") -> Measured:
    return Measured((Measurement(target, value, unit, value),))


def seen(numbers: range | list[int], shift: float = 0.0) -> History:
    values = ((n, i, YIELDS[i] + shift * (-1) ** n) for n, i in enumerate(numbers))
    return History(tuple(Observation(str(n), POINTS[i], told("yield", v)) for n, i, v in values))


def table(seed: int) -> TableWorld:
    return TableWorld(POINTS, [told("yield", v) for v in YIELDS], build_objective(SPEC), seed=seed)


def believed(history: History, spec: CampaignSpec = SPEC) -> Any:
    return belief_of(spec, build_space(spec), build_objective(spec), history, (), seed=0)


def test_a_table_gives_any_of_its_replicates_and_means_them() -> None:
    above = Measured((Measurement("yield", 95.0, "%", 95.0, qualifier=Qualifier.ABOVE),))
    below = Measured((Measurement("yield", 5.0, "%", 5.0, qualifier=Qualifier.BELOW),))
    outcomes = [told("yield", 10), told("yield", 30), told("yield", 5), above, below]
    world = TableWorld(POINTS[[0, 0, 1, 2, 3]], outcomes, build_objective(SPEC), seed=0)

    drawn = {values_of(world.measure(POINTS[:1])[0])["yield"] for _ in range(30)}

    assert drawn == {10.0, 30.0}
    assert world.measure(POINTS[2:3]) == [above]
    assert world.truth(POINTS[:4]) == [{"yield": 20.0}, {"yield": 5.0}, {"yield": 95.0}, {}]  # at least 95


@pytest.mark.parametrize("surrogate", ["committee", "gp", "ard", "trees"])
def test_a_drawn_world_stays_what_it_is(surrogate: str) -> None:
    spec = reaction_spec(surrogate=surrogate)
    belief = believed(seen(list(range(0, 30, 3))), spec)
    world = DrawnWorld(build_objective(spec), belief, None, seed=3)

    first = world.truth(POINTS[:5])
    world.measure(POINTS[10:20])
    again = world.truth(POINTS[[4, 3, 2, 1, 0]])

    assert again == first[::-1]
    assert len({row["yield"] for row in first}) > 1
    assert all(0.0 <= row["yield"] <= 100.0 for row in first)
    anew = DrawnWorld(build_objective(spec), belief, None, seed=3)
    assert anew.truth(POINTS[:5]) == first


def test_a_function_drawn_point_by_point_is_one_of_those_believed() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}}, surrogate="gp")
    belief = believed(seen([0, 7, 14, 21, 28], shift=20.0), spec)
    at = POINTS[[1, 2, 16]]
    draws = []
    for seed in range(250):
        world = DrawnWorld(build_objective(spec), belief, None, seed=seed)
        draws.append([world.truth(x[None])[0]["yield"] for x in at])
    mean, covariance = belief.models[0].joint(torch.from_numpy(at))
    scale = math.sqrt(float(covariance.diagonal().max()))

    assert np.allclose(np.mean(draws, axis=0), mean.numpy(), atol=0.2 * scale)
    assert np.allclose(np.cov(np.transpose(draws)), covariance.numpy(), atol=0.2 * scale**2)
    assert abs(float(covariance[0, 1])) > 0.3 * scale**2  # else drawing them one by one would tell nothing


def test_what_was_measured_of_an_exact_target_is_so_in_every_world() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%", "exact": True}}, surrogate="gp")
    history = seen([0, 3, 7, 11, 14, 16, 21, 24, 28], shift=5.0)
    at = np.array([o.x for o in history.observations])
    measured = [values_of(o.outcome)["yield"] for o in history.observations]
    worlds = believed_worlds(spec, build_space(spec), history, seed=4)

    for number in range(3):
        world = worlds(number)
        assert [row["yield"] for row in world.truth(at)] == pytest.approx(measured)
        assert [values_of(o)["yield"] for o in world.measure(at[:2])] == pytest.approx(measured[:2])
        new = POINTS[[1, 2]]
        assert [values_of(o) for o in world.measure(new)] == world.truth(new)


def test_known_hits_are_hits_in_every_world() -> None:
    spec = reaction_spec({"y": {"goal": "maximize", "classes": ["no", "yes"]}}, surrogate="gp")
    rows = [(i, float(i % 4 == 0)) for i in range(0, 20, 2)]
    said = [*rows, (2, 1.0)]  # of 2 two results disagree
    history = History(tuple(Observation(str(n), POINTS[i], told("y", v, "")) for n, (i, v) in enumerate(said)))
    known = [(i, v) for i, v in rows if i != 2]
    worlds = believed_worlds(spec, build_space(spec), history, seed=4)

    truths = [[row["y"] for row in worlds(number).truth(POINTS)] for number in range(8)]

    assert all([row[i] for i, _ in known] == [v for _, v in known] for row in truths)
    assert len({tuple(row) for row in truths}) > 1


def test_what_ran_runs_and_what_failed_fails_in_every_world() -> None:
    fault = Fault.of(FaultKind.INPUT_ERROR, "cannot be made")
    failed, ran = [1, 4, 9, 13, 22], [0, 3, 5, 8, 12, 16, 21, 25]
    history = History(
        (
            *seen(ran).observations,
            *(Observation(f"f{i}", POINTS[i], fault) for i in failed),
            Observation("nothing", POINTS[28], Negative("nothing came of it")),  # which ran as intended
        ),
    )
    worlds = believed_worlds(SPEC, SPACE, history, seed=2)

    truths = [worlds(number).truth(POINTS) for number in range(8)]

    assert worlds(0).measure(POINTS[failed]) == [fault] * len(failed)
    assert all(all(row[i] for i in ran) and not any(row[i] for i in failed) for row in truths)
    assert len({tuple(bool(found) for found in row) for row in truths}) > 1


def test_an_exact_target_is_drawn_one_by_one_as_it_is_believed() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%", "exact": True}}, surrogate="gp")
    belief = believed(seen([0, 7, 14, 21, 28], shift=20.0), spec).as_measured()
    at = POINTS[[1, 2, 16]]
    draws = []
    for seed in range(250):
        world = DrawnWorld(build_objective(spec), belief, None, seed=seed)
        draws.append([world.truth(x[None])[0]["yield"] for x in at])
    covariance = belief.models[0].model().posterior(torch.from_numpy(at)).covariance_matrix.detach()
    scale = math.sqrt(float(covariance.diagonal().max()))

    assert np.allclose(np.cov(np.transpose(draws)), covariance.numpy(), atol=0.2 * scale**2)
    assert abs(float(covariance[0, 1])) > 0.2 * scale**2


def test_a_world_of_networks_is_one_of_them() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}}, surrogate="gp")
    small = Settings(width=8, epochs=1, least_steps=2, more_steps=1)
    rows = torch.from_numpy(POINTS[::3].copy())
    values = torch.tensor(YIELDS[::3], dtype=torch.float64)
    data = TrainingSet(rows, values, torch.full_like(values, torch.nan))
    fitted = GraphEnsemble("dmpnn", "dmpnn", settings=small).fit(SPACE, data, seed=0)
    belief = replace(believed(seen([0, 7, 14, 21, 28]), spec), models=(fitted,))
    x = torch.from_numpy(POINTS[[1, 4, 10]])
    means = fitted.joint(x)[0]
    worlds = [DrawnWorld(build_objective(spec), belief, None, seed=seed) for seed in range(100)]

    one_by_one = [[world.truth(x[i : i + 1].numpy())[0]["yield"] for i in range(3)] for world in worlds]
    again = worlds[0].truth(x.numpy())

    assert [row["yield"] for row in again] == one_by_one[0]
    assert np.mean(one_by_one, axis=0) == pytest.approx(
        means.mean(0).numpy(), abs=0.2 * np.std(one_by_one, axis=0).max()
    )


def test_measurements_scatter_about_the_truth_of_a_world() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}}, surrogate="gp")
    belief = believed(seen([0, 0, 7, 7, 14, 21, 28], shift=10.0), spec)
    world = DrawnWorld(build_objective(spec), belief, None, seed=1)
    values = [values_of(world.measure(POINTS[4:5])[0])["yield"] for _ in range(200)]

    assert np.std(values) == pytest.approx(belief.models[0].noise_sd, rel=0.2)
    assert np.mean(values) == pytest.approx(world.truth(POINTS[4:5])[0]["yield"], abs=0.3 * np.std(values))


def test_a_committee_s_draws_and_noise_are_as_wide_as_it_says() -> None:
    spec = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}})
    belief = believed(seen([0, 0, 3, 7, 7, 11, 14, 21, 28], shift=6.0), spec)
    model = replace(belief.models[0], widening=0.25)
    x = POINTS[[1, 16]]
    truths, measured = [], []
    for seed in range(250):
        world = DrawnWorld(build_objective(spec), replace(belief, models=(model,)), None, seed=seed)
        truths.append([row["yield"] for row in world.truth(x)])
        measured.append([values_of(o)["yield"] for o in world.measure(x)])
    errors = np.array(measured) - truths
    _, sd = model.moments(torch.from_numpy(x))

    assert np.std(truths, axis=0) == pytest.approx(sd.numpy(), rel=0.15)
    assert np.std(errors, axis=0) == pytest.approx(model.noise_at(torch.from_numpy(x)).numpy(), rel=0.15)


@pytest.mark.parametrize(
    ("target", "values", "possible"),
    [
        ({"goal": "maximize", "levels": [1, 2, 3]}, [1.0, 2.0, 3.0], {1.0, 2.0, 3.0}),
        ({"goal": "maximize", "classes": ["inactive", "active"]}, [0.0, 1.0, 1.0], {0.0, 1.0}),
    ],
)
def test_levels_and_classes_are_what_they_can_be(target: dict[str, Any], values: list[float], possible: Any) -> None:
    spec = reaction_spec({"yield": target})
    history = History(tuple(Observation(str(i), POINTS[i], told("yield", values[i % 3], "")) for i in range(0, 30, 2)))
    world = DrawnWorld(build_objective(spec), believed(history, spec), None, seed=0)

    truths = [row["yield"] for row in world.truth(POINTS)]
    measured = [values_of(outcome)["yield"] for outcome in world.measure(POINTS)]

    assert set(truths) <= possible
    assert set(measured) <= possible
    assert len(set(truths)) > 1


def test_what_does_not_run_fails_as_the_last_one_did_and_has_no_truth() -> None:
    fault = Fault.of(FaultKind.INPUT_ERROR, "cannot be made")
    fails = [
        Observation(f"f{i}", POINTS[i], fault) for i, x in enumerate(POINTS) if SPACE.settings(x)["alcohol"] == "phenol"
    ]
    history = History((*seen([0, 1, 2, 3, 4, 5, 6, 7]).observations, *fails))
    world = DrawnWorld(build_objective(SPEC), believed(history), fault, seed=0)

    outcomes, truths = world.measure(POINTS), world.truth(POINTS)

    assert fault in outcomes
    assert [outcome == fault for outcome in outcomes] == [not row for row in truths]


def test_a_front_is_measured_beside_a_nought_that_no_factor_brings_near() -> None:
    spec = reaction_spec({"Mn": {"goal": "match", "value": 200, "scale": "log"}, "yield": {"goal": "maximize"}})
    rows = [{"Mn": m, "yield": y} for m, y in ((0.0, 90.0), (100.0, 50.0), (200.0, 20.0), (900.0, 60.0))]

    measure = Measure.of(build_objective(spec), rows)

    assert measure.volume(rows) == pytest.approx(1.0)
    assert 0.0 < measure.volume(rows[1:2]) < 1.0


@pytest.mark.parametrize(
    ("objective", "rows", "curve"),
    [
        ({"y": {"goal": "maximize"}}, [{"y": 1.0}, {}, {"y": 0.5}, {"y": 3.0}], [1, 1, 1, 3]),
        ({"y": {"goal": "minimize"}}, [{"y": 1.0}, {"y": 4.0}, {"y": 0.5}], [1, 1, 0.5]),
        ({"y": {"goal": "maximize", "at_most": 2}}, [{"y": 3.0}, {"y": 1.0}], [None, 1]),
        ({"y": {"goal": "match", "value": 7, "within": 2}}, [{"y": 9.5}, {"y": 8.0}, {"y": 6.5}], [None, 1, 0.5]),
        (
            {"y": {"goal": "maximize"}, "z": {"goal": "minimize"}},
            [{"y": 0.0, "z": 1.0}, {"y": 1.0, "z": 1.0}, {"y": 0.0, "z": 0.0}, {"y": 1.0, "z": 0.0}],
            [0.1 * 0.1 / 1.21, 1.1 * 0.1 / 1.21, (1.1 * 0.1 + 0.1 * 1.0) / 1.21, 1],
        ),
    ],
)
def test_plays_are_measured_by_what_is_wanted(objective: Any, rows: list[Any], curve: list[Any]) -> None:
    spec = reaction_spec(objective)
    measure = Measure.of(build_objective(spec), rows)

    found = measure.curve(POINTS[: len(rows)], rows)

    assert [None if v == NONE else measure.shown(v) for v in found] == pytest.approx(curve)


def test_a_hit_counts_once() -> None:
    measure = Measure.of(build_objective(reaction_spec({"y": {"goal": "maximize", "classes": ["no", "yes"]}})), [])

    found = measure.curve(POINTS[[0, 0, 1, 2]], [{"y": 1.0}, {"y": 1.0}, {"y": 0.0}, {"y": 1.0}])

    assert found.tolist() == [1, 1, 1, 2]


def test_a_play_measures_what_is_pending_first_and_ends_where_nothing_is_left() -> None:
    history = History((), (Pending("a", POINTS[3]),))
    few = PointPool(POINTS[:8])

    done = play(SPEC, SPACE, table(0), history, seed=0, experiments=20, pool=few)

    assert np.array_equal(done.points[0], POINTS[3])
    assert (done.ends[0], done.ends[-1]) == (1, 8)
    assert sorted(map(tuple, done.points)) == sorted(map(tuple, POINTS[:8]))
    assert [row["yield"] for row in done.truths] == [alcohol_yield(SPACE.settings(x)) for x in done.points]


def test_what_was_predicted_of_cheap_versions_is_not_held_against_results() -> None:
    spec = reaction_spec(batch=2, surrogate="gp")
    said = spec.resolved()
    versions = {"type": "fidelity", "options": ["calculated", "measured"], "costs": {"calculated": 1, "measured": 3}}
    spec = CampaignSpec.from_resolved({**said, "space": {**said["space"], "method": versions}})
    space = build_space(spec)
    points = ProductPool(space).take(np.arange(len(ProductPool(space))))
    values = [alcohol_yield(space.settings(x)) for x in points]
    world = TableWorld(points, [told("yield", v) for v in values], build_objective(spec), seed=0)
    histories: list[History] = []
    chosen: list[Any] = []

    def planner(*args: Any, **more: Any) -> Any:
        histories.append(args[1])
        batch = plan(*args, **more)
        chosen.append([p.candidate.settings["method"] for p in batch.proposals if p.arm is not Arm.INITIAL])
        return batch

    play(spec, space, world, History(), seed=0, experiments=20, pool=PointPool(points), planner=planner)

    of_models = [method for batch in chosen[:-1] for method in batch]
    assert len(histories[-1].claims) == of_models.count("measured") > 0
    assert "calculated" in of_models


def test_by_chance_no_play_is_spent_on_cheap_versions() -> None:
    said = reaction_spec(batch=2).resolved()
    versions = {"type": "fidelity", "options": ["calculated", "measured"], "costs": {"calculated": 1, "measured": 3}}
    spec = CampaignSpec.from_resolved({**said, "space": {**said["space"], "method": versions}})
    space = build_space(spec)
    points = ProductPool(space).take(np.arange(60))
    values = [alcohol_yield(space.settings(x)) for x in points]
    world = TableWorld(points, [told("yield", v) for v in values], build_objective(spec), seed=0)

    done = play(by_chance(spec), space, world, History(), seed=0, experiments=12, pool=PointPool(points))

    assert len(done.points) == 12
    assert {space.settings(x)["method"] for x in done.points} == {"measured"}


def test_no_world_is_drawn_where_no_two_results_differ() -> None:
    same = History(tuple(Observation(str(i), POINTS[i], told("yield", 40.0)) for i in (3, 9, 17, 24)))

    with pytest.raises(PlanError, match="no two results of yield are known to differ"):
        believed_worlds(SPEC, SPACE, same, seed=0)


def test_a_world_is_drawn_from_all_results_where_a_part_of_them_is_the_same() -> None:
    """A world that knew 40 alone would spread by a unit, whatever the unit is; results differ by 40 of them."""
    rows = (Observation(str(i), POINTS[i], told("yield", 40.0 if i else 0.0)) for i in range(11))
    worlds = believed_worlds(SPEC, SPACE, History(tuple(rows)), seed=0)

    spreads = [np.std([row["yield"] for row in worlds(k).truth(POINTS)]) for k in range(8)]

    assert min(spreads) > 2.0


def test_a_rehearsal_finds_more_than_chance_and_comes_out_the_same_again() -> None:
    def once() -> Any:
        measure = Measure.of(build_objective(SPEC), [])
        return rehearse(
            SPEC, SPACE, History(), table, measure, plays=5, experiments=13, seed=5, pool=PointPool(POINTS), goal=80.0
        )

    found = once()

    assert [step.experiments for step in found.steps] == [0, 4, 7, 10, 13]
    assert found.steps[0].planned.middle is None
    last = found.steps[-1]
    assert last.planned.middle == max(YIELDS)
    assert last.by_chance.middle is not None
    assert last.by_chance.middle < max(YIELDS)
    assert last.reached == 1.0
    assert last.reached_by_chance is not None
    assert last.reached_by_chance < 1.0
    assert found.needed is not None
    assert found.needed < 13
    assert once() == found


@pytest.mark.parametrize(
    ("experiments", "first", "batch"), [(7, 4, 4), (12, 5, 3), (5, 4, 4), (13, 4, 3)]
)  # the first batch and the last may be others
def test_the_size_is_told_that_most_batches_have(experiments: int, first: int, batch: int) -> None:
    spec = reaction_spec(surrogate="random", initial={"experiments": first})
    objective = build_objective(spec)

    found = rehearse(
        spec, SPACE, History(), table, Measure.of(objective, []), plays=1, experiments=experiments, seed=0,
        pool=PointPool(POINTS),
    )  # fmt: skip

    assert found.batch == batch


def test_by_chance_even_the_first_batch_is_drawn_by_lot() -> None:
    spec = by_chance(reaction_spec(control=0.2))

    assert (spec.planner.surrogate, spec.planner.initial.design, spec.planner.control) == ("random", "random", 0.0)


@pytest.mark.parametrize(
    ("history", "pool", "more", "says"),
    [
        (History(), None, {"plays": 0}, "at least one play of one experiment, got 0 of 5"),
        (History(), None, {"experiments": 0}, "at least one play of one experiment, got 2 of 0"),
        (
            seen(range(8)),
            PointPool(POINTS[:8]),
            {},
            "nothing is left to try; widen the space, or give a table",
        ),
    ],
)
def test_what_cannot_be_rehearsed_says_why(history: History, pool: Any, more: dict[str, int], says: str) -> None:
    counts = {"plays": 2, "experiments": 5, **more}

    with pytest.raises(PlanError, match=says):
        rehearse(SPEC, SPACE, history, table, Measure.of(build_objective(SPEC), []), seed=0, pool=pool, **counts)


def test_the_nearest_row_answers_where_numbers_are_continuous() -> None:
    points = POINTS[[0, 4, 9]]
    near = points + np.array([0.0, 0.0, 3.0])
    far = points[[2]] + np.array([0.0, 0.0, 40.0])  # an option counts before any number

    assert np.array_equal(nearest(SPACE, near, points), points)
    assert np.array_equal(nearest(SPACE, far, np.vstack([points[[2]], far + np.array([1.0, 0.0, 0.0])])), points[[2]])


def test_a_row_answers_once_where_numbers_are_continuous() -> None:
    text = """
campaign: heat
space: {t: {type: number, low: 0, high: 100}}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: gp, batch: 2, initial: {experiments: 2}}
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
    spec = read_spec(text, source="heat.yaml", read=str)
    space, points = build_space(spec), np.array([[0.0], [30.0], [52.0], [61.5], [70.0], [100.0]])
    rows = [told("yield", 90 - abs(x - 56) / 2) for x in points[:, 0]]  # best where there is no row
    world = TableWorld(points, rows, build_objective(spec), seed=0)

    done = play(spec, space, world, History(), seed=1, experiments=20, pool=PointPool(points))

    assert sorted(done.points[:, 0]) == points[:, 0].tolist()


def test_a_budget_that_is_spent_is_said_to_be_the_reason() -> None:
    spec = CampaignSpec.from_resolved({**SPEC.resolved(), "costs": {"unit": "EUR", "experiment": 2}})
    measure = Measure.of(build_objective(spec), [])

    with pytest.raises(PlanError) as refused:
        rehearse(spec, SPACE, seen(range(8)), table, measure, plays=1, experiments=3, seed=0,
                 costs=build_costs(spec, SPACE), purse=Purse(1.0, None))  # fmt: skip

    assert str(refused.value).startswith("the budget is spent: it leaves 1 EUR, and the cheapest experiment costs more")
    assert "raise it in the campaign file" in str(refused.value)
