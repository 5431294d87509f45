"""Plates: every well has the values that it shares, no more options than allowed, controls and repeats in place."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import PlateError, PoolExhausted
from loop.history import History, Observation, Said
from loop.molecules.fingerprints import count_fingerprints
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.plate import Plate, Scope, Shared
from loop.plate.layout import row_name, spread_evenly, well_number
from loop.record import Arm
from loop.space import sample_space
from loop.spec import CampaignSpec, build_plate, build_space, read_spec

SPACE: dict[str, Any] = {
    "base": {"type": "category", "options": ["a", "b", "c", "d", "e"]},
    "solvent": {"type": "category", "options": ["u", "v", "w"]},
    "temperature": {"type": "number", "values": [60, 80, 100], "unit": "degC"},
    "time": {"type": "number", "low": 1, "high": 5, "step": 1, "unit": "h"},
}
CONTROLS = {"wells": 3, "settings": {"base": "a", "solvent": "u", "time": 2}}
PLATE: dict[str, Any] = {
    "rows": 4,
    "columns": 6,
    "blocks": {"rows": 4, "columns": 2},
    "share": {"temperature": "block"},
    "at_most": {"base": 3},
    "controls": CONTROLS,
    "replicates": 3,
}


def spec(plate: dict[str, Any] | None = None, **changes: Any) -> CampaignSpec:
    said: dict[str, Any] = {
        "campaign": "plates",
        "space": SPACE,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "planner": {"surrogate": "gp"},
        "budget": {"experiments": 500},
        "laboratory": {"adapter": "simulated"},
        "plate": PLATE if plate is None else plate,
    }
    return CampaignSpec.from_resolved(said | changes)


def response(x: np.ndarray) -> float:
    return float(30 * (x[0] == 2) + 10 * (x[1] == 1) + 0.3 * x[2] - 3 * (x[3] - 3) ** 2)


def seen(said: CampaignSpec, n: int, seed: int = 0, targets: int = 1) -> History:
    space, rng = build_space(said), np.random.default_rng(seed)
    rows = []
    for i in range(n):
        x = space.coordinates(
            {
                "base": rng.choice(["a", "b", "c", "d", "e"]),
                "solvent": rng.choice(["u", "v", "w"]),
                "temperature": float(rng.choice([60, 80, 100])),
                "time": float(rng.integers(1, 6)),
            }
        )
        values = [("yield", response(x)), ("cost", float(x[2]))][:targets]
        rows.append(Observation(str(i), x, Measured(tuple(Measurement(t, v, "%", v) for t, v in values))))
    return History(tuple(rows))


def by_well(made: Plan, of: str) -> dict[str, Any]:
    places = {p.place.well: p for p in made.proposals if p.place is not None}
    assert len(places) == len(made.proposals)  # a well each
    return {well: p.candidate.settings[of] for well, p in places.items()}


def keeps(made: Plan, said: CampaignSpec) -> None:
    """Everything that a plate promises, looked at without the code that chose it."""
    space, plate = build_space(said), said.plate
    assert plate is not None
    size = plate.blocks
    for name, scope in plate.share.items():
        values: dict[Any, set[Any]] = {}
        for well, value in by_well(made, name).items():
            row, column = ord(well[0]) - ord("A"), int(well[1:]) - 1
            block = (row // size.rows, column // size.columns) if size is not None else 0
            group = {"plate": 0, "row": row, "column": column, "block": block}[scope]
            values.setdefault(group, set()).add(value)
        assert all(len(v) == 1 for v in values.values()), (name, values)
    for name, limit in plate.at_most.items():
        assert len(set(by_well(made, name).values())) <= limit
    assert all(space.contains(p.candidate.settings) for p in made.proposals)
    new = [p for p in made.proposals if p.arm not in (Arm.REFERENCE, Arm.REPLICATE)]
    chosen = [tuple(p.candidate.settings.values()) for p in new]
    assert len(set(chosen)) == len(chosen)
    for p in made.proposals:
        if p.arm is Arm.REPLICATE:
            assert tuple(p.candidate.settings.values()) in chosen
        if p.arm is Arm.REFERENCE and plate.controls is not None:
            assert plate.controls.settings.items() <= p.candidate.settings.items()


@pytest.mark.parametrize("n", [0, 20])
def test_a_whole_plate_keeps_everything_that_it_promises(n: int) -> None:
    said = spec()

    made = plan(said, seen(said, n), seed=3, experiments=100)

    keeps(made, said)
    arms = Counter(p.arm for p in made.proposals)
    assert arms == {Arm.MODEL if n else Arm.INITIAL: 18, Arm.REFERENCE: 3, Arm.REPLICATE: 3}
    assert {p.place.block for p in made.proposals if p.place is not None} == {1, 2, 3}
    assert any("temperature by block" in note for note in made.notes)


@settings(max_examples=25)
@given(data=st.data())
def test_any_plate_keeps_what_it_promises(data: st.DataObject) -> None:
    blocks = data.draw(st.sampled_from([(1, 2), (2, 3), (4, 6), (2, 2), (4, 1)]))
    scopes = st.sampled_from(["plate", "block", "row", "column"])
    share = data.draw(st.dictionaries(st.sampled_from(["temperature", "solvent", "time"]), scopes, max_size=2))
    fixed = {"base": "b", "solvent": "w", "temperature": 80, "time": 4}
    plate: dict[str, Any] = {
        "rows": 4,
        "columns": 6,
        "blocks": {"rows": blocks[0], "columns": blocks[1]},
        "share": share,
        "at_most": data.draw(st.dictionaries(st.sampled_from(["base", "solvent"]), st.integers(1, 3), max_size=2)),
        "replicates": data.draw(st.integers(0, 4)),
    }
    if wells := data.draw(st.integers(0, 4)):
        plate["controls"] = {"wells": wells, "settings": {k: v for k, v in fixed.items() if k not in share}}
    said = spec(plate, constraints=[{"exclude": {"solvent": ["u"], "temperature": [100]}}])

    space = build_space(said)
    free = [x for x in itertools.product(range(5), range(3), (60, 80, 100), range(1, 6)) if (x[1], x[2]) != (0, 100)]
    wanted = data.draw(st.lists(st.sampled_from(free), max_size=5, unique=True))
    pinned = tuple(Said(np.array(x, dtype=np.float64), "a hunch") for x in wanted)
    history = replace(seen(said, data.draw(st.sampled_from([0, 12]))), pinned=pinned)
    try:
        made = plan(said, history, seed=data.draw(st.integers(0, 99)), experiments=99)
    except PoolExhausted as error:  # candidates like the control are left out, and those alone may be on the plate
        assert "beside the control wells, plate.at_most" in str(error)  # noqa: PT017 - one plate in many
        assert plate["at_most"] == {"base": 1, "solvent": 1}
        assert wells
        return

    keeps(made, said)
    seated = [p.candidate.settings for p in made.proposals if p.arm is Arm.MANUAL]
    for one in pinned:
        settings_ = space.settings(one.x)
        note = f"{space.label(settings_)}, pinned, has no well on this plate and stays pinned"
        assert (settings_ in seated) != any(n.startswith(note) for n in made.notes)


def test_a_plate_that_its_controls_leave_nothing_for_is_refused() -> None:
    controls = {"wells": 1, "settings": {"base": "b", "solvent": "w"}}
    share = {"time": "plate", "temperature": "plate"}
    limits = {"base": 1, "solvent": 1}
    said = spec({"rows": 4, "columns": 6, "share": share, "at_most": limits, "controls": controls})

    with pytest.raises(PoolExhausted, match="raise at_most, or change the control's settings"):
        plan(said, History(), seed=0, experiments=99)


def test_what_is_pinned_is_run_though_all_else_was_tried() -> None:
    few = {"base": {"type": "category", "options": ["a", "b"]}, "temperature": {"type": "number", "values": [60, 80]}}
    plate = {
        "rows": 2,
        "columns": 2,
        "share": {"temperature": "row"},
        "controls": {"wells": 1, "settings": {"base": "a"}},
    }
    said = spec(plate, space=few)
    space = build_space(said)
    rows = [space.coordinates({"base": b, "temperature": t}) for b in ("a", "b") for t in (60.0, 80.0)]
    done = tuple(Observation(str(i), x, Measured((Measurement("yield", 1.0 * i, "%", 1.0 * i),)))
                 for i, x in enumerate(rows))  # fmt: skip
    again = Said(rows[3], "once more")
    made = plan(said, History(done, pinned=(again,)), seed=0, experiments=8)

    assert [(p.arm, p.candidate.settings["temperature"]) for p in made.proposals] == [
        (Arm.MANUAL, 80.0),
        (Arm.REFERENCE, 80.0),
    ]
    assert "nothing but what is pinned is left to try; the other wells stay empty" in made.notes
    with pytest.raises(PoolExhausted):
        plan(said, History(done), seed=0, experiments=8)


def test_the_same_seed_gives_the_same_plate_and_another_seed_other_wells() -> None:
    said = spec()

    first, again, other = (plan(said, seen(said, 20), seed=s, experiments=100) for s in (1, 1, 2))

    assert first == again
    where = [[p.place for p in made.proposals if p.arm is Arm.REFERENCE] for made in (first, other)]
    assert where[0] != where[1]


def test_shared_values_are_chosen_for_what_the_wells_bring() -> None:
    said = spec({**PLATE, "share": {"temperature": "block", "solvent": "plate"}, "controls": None, "replicates": 0})

    made = plan(said, seen(said, 40), seed=0, experiments=100)

    assert set(by_well(made, "solvent").values()) == {"v"}  # the best by far
    assert Counter(by_well(made, "temperature").values())[100.0] >= 8  # the best temperature has a block at least


def test_a_plate_without_shared_values_is_the_batch_of_the_best_wells() -> None:
    said = spec({"rows": 2, "columns": 4})

    made = plan(said, seen(said, 40), seed=0, experiments=100)

    assert len(made.proposals) == 8
    assert made.proposals[0].acquisition_value is not None


def test_several_targets_and_exploration_fill_plates_too() -> None:
    objective = {"yield": {"goal": "maximize", "unit": "%"}, "cost": {"goal": "minimize", "unit": "%"}}
    for acquisition, targets in (
        ("pareto", 2),
        ("exploration", 1),
        ("ucb", 1),
        ("thompson", 2),
        ("random", 1),
        ("top", 1),
        ("top", 2),
    ):
        said = spec(
            objective=dict(list(objective.items())[:targets]), planner={"surrogate": "gp", "acquisition": acquisition}
        )

        made = plan(said, seen(said, 20, targets=targets), seed=0, experiments=100)

        keeps(made, said)
        assert {p.acquisition for p in made.proposals if p.arm is Arm.MODEL} == {acquisition}
        counted = [note for note in made.notes if note.startswith("hypervolume is counted from yield ")]
        assert len(counted) == (acquisition == "pareto")


@pytest.mark.parametrize("design", ["medoid", "sobol", "lhs"])
def test_plates_start_with_other_designs_too(design: str) -> None:
    said = spec(planner={"initial": {"design": design, "experiments": 24}})
    made = plan(said, History(), seed=2, experiments=100)
    more = plan(said, seen(said, 12), seed=2, experiments=100)

    for plates in (made, more):
        keeps(plates, said)
        assert Counter(p.arm for p in plates.proposals)[Arm.INITIAL] == 18
    assert plan(said, History(), seed=2, experiments=100) == made


@pytest.mark.parametrize("design", ["medoid", "sobol", "lhs"])
def test_they_cover_the_space_better_than_chance_does(design: str) -> None:
    numbers = {n: {"type": "number", "low": 0, "high": 20, "step": 1} for n in ("p", "q")}
    grid = np.array([(a, b) for a in range(21) for b in range(21)], dtype=np.float64)

    def gap(design: str, seed: int) -> float:
        """Mean distance from a point of the grid to the nearest well."""
        initial = {"design": design, "experiments": 12}
        said = spec({"rows": 3, "columns": 4}, space=numbers, planner={"initial": initial})
        made = plan(said, History(), seed=seed, experiments=12)
        wells = np.array([[p.candidate.settings["p"], p.candidate.settings["q"]] for p in made.proposals])
        return float(np.linalg.norm(grid[:, None] - wells[None], axis=-1).min(axis=1).mean())

    assert np.mean([gap(design, s) for s in range(6)]) < np.mean([gap("random", s) for s in range(6)])


def test_a_latin_hypercube_on_a_plate_without_shared_values_is_one() -> None:
    numbers = {n: {"type": "number", "low": 0, "high": 1} for n in ("p", "q")}
    initial = {"design": "lhs", "experiments": 8}
    said = spec({"rows": 2, "columns": 4}, space=numbers, planner={"initial": initial})
    made = plan(said, History(), seed=0, experiments=8)
    cells = [{int(8 * float(p.candidate.settings[n])) for p in made.proposals} for n in ("p", "q")]

    assert min(len(c) for c in cells) >= 6  # of 8: wells are stood for by a sample of points


@pytest.mark.parametrize("share", [{"temperature": "block"}, {}])
def test_a_search_fills_plates_with_hits_of_the_best_level(share: dict[str, str]) -> None:
    objective = {"yield": {"goal": "maximize", "levels": [1, 2, 3]}}
    planner = {"surrogate": "gp", "acquisition": "search"}
    controls = CONTROLS if share else None
    said = spec({**PLATE, "share": share, "controls": controls}, objective=objective, planner=planner)
    space = build_space(said)

    def level(x: np.ndarray) -> float:
        return 1.0 + (response(x) > 35) + (response(x) > 55)

    rows = seen(said, 40).observations
    graded = [replace(o, outcome=Measured((Measurement("yield", level(o.x), "", level(o.x)),))) for o in rows]
    made = plan(said, History(tuple(graded)), seed=0, experiments=100)
    chosen = [level(space.coordinates(p.candidate.settings)) for p in made.proposals if p.arm is Arm.MODEL]
    every = [level(x) for x in sample_space(space, 225, 0, method="random")]

    keeps(made, said)
    assert {p.acquisition for p in made.proposals if p.arm is Arm.MODEL} == {"search"}
    assert chosen.count(3.0) / len(chosen) > 2 * every.count(3.0) / len(every)


@pytest.mark.parametrize(
    ("target", "acquisition"),
    [({"at_least": 50}, "hits"), ({"classes": ["inactive", "active"]}, "hits"), ({"classes": ["no", "yes"]}, "auto")],
)
def test_plates_look_for_hits_where_results_are_some_or_none(target: dict[str, Any], acquisition: str) -> None:
    said = spec(
        objective={"yield": {"goal": "maximize", **target}}, planner={"surrogate": "gp", "acquisition": acquisition}
    )
    space = build_space(said)
    rows = seen(said, 40).observations
    told = [response(o.x) if "at_least" in target else float(response(o.x) >= 50) for o in rows]
    history = [replace(o, outcome=Measured((Measurement("yield", v, "", v),))) for o, v in zip(rows, told, strict=True)]

    made = plan(said, History(tuple(history)), seed=0, experiments=100)
    wells = [p for p in made.proposals if p.arm is Arm.MODEL]
    hits = [response(space.coordinates(p.candidate.settings)) >= 50 for p in wells]
    every = [response(x) >= 50 for x in sample_space(space, 225, 0, method="random")]

    keeps(made, said)
    assert {p.acquisition for p in wells} == {"hits"}
    assert all("chance of a hit" in p.reason for p in wells)
    assert sum(hits) / len(hits) > 2 * sum(every) / len(every)


TEXT = """
campaign: plates
space:
  base: {type: category, options: [a, b, c, d, e]}
  solvent: {type: category, options: [u, v, w]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
  time: {type: number, low: 1, high: 5, step: 1, unit: h}
objective:
  yield: {goal: maximize, at_least: 50, unit: "%"}
planner: {surrogate: gp, acquisition: hits}
plate: {rows: 4, columns: 6, blocks: {rows: 4, columns: 2}, share: {temperature: block}, at_most: {base: 3}}
budget: {experiments: 48}
laboratory: {adapter: simulated}
"""


def test_a_campaign_file_may_look_for_hits_on_plates() -> None:
    said = read_spec(TEXT, source="c.yaml", read=str)

    made = plan(said, seen(said, 30), seed=0, experiments=48)

    keeps(made, said)
    assert len({p.place.well for p in made.proposals if p.place is not None}) == len(made.proposals) == 24
    assert {(p.arm, p.acquisition) for p in made.proposals} == {(Arm.MODEL, "hits")}


@pytest.mark.parametrize("acquisition", ["hits", "top"])
def test_no_two_molecules_of_a_plate_are_nearly_alike_where_many_of_the_best_are_sought(acquisition: str) -> None:
    chains = {f"C{n}": "C" * n for n in range(4, 24)} | {f"O{n}": "C" * n + "O" for n in range(1, 21)}
    mixed = {"N1": "NCCN", "A1": "c1ccccc1O", "A2": "c1ccncc1", "F1": "FC(F)(F)CO", "S1": "CSC", "K1": "CC(=O)C"}
    space = {"molecule": {"type": "molecule", "options": chains | mixed}}
    objective = {"yield": {"goal": "maximize", "at_least": 8}}

    def chosen(most_similar: float) -> set[str]:
        planner = {"surrogate": "tanimoto", "acquisition": acquisition, "most_similar": most_similar}
        said = spec({"rows": 2, "columns": 4}, space=space, objective=objective, planner=planner)
        known = build_space(said)
        rows = [("C4", 4.0), ("C8", 8.0), ("C12", 12.0), ("O2", 3.0), ("O6", 7.0), ("A1", 2.0)]
        history = [
            Observation(name, known.coordinates({"molecule": name}), Measured((Measurement("yield", v, "", v),)))
            for name, v in rows
        ]
        made = plan(said, History(tuple(history)), seed=0, experiments=8)
        return {str(p.candidate.settings["molecule"]) for p in made.proposals}

    def most_alike(names: set[str]) -> float:
        counts = count_fingerprints([(chains | mixed)[n] for n in sorted(names)])
        every = np.arange(len(names))
        return float((counts.similarity(every, every) - np.eye(len(names))).max())

    assert len(chosen(0.6)) == len(chosen(1.0)) == 8
    assert most_alike(chosen(0.6)) <= 0.6 < most_alike(chosen(1.0))


@pytest.mark.parametrize("target", [{"at_least": 50}, {"classes": ["inactive", "active"]}])
def test_wells_state_the_chance_of_a_hit_and_not_what_they_were_ranked_by(target: dict[str, Any]) -> None:
    said = spec(
        {"rows": 2, "columns": 4},
        objective={"yield": {"goal": "maximize", **target}},
        planner={"surrogate": "gp", "acquisition": "hits"},
    )
    rows = seen(said, 12).observations
    told = [o.outcome.measurements[0].canonical for o in rows if isinstance(o.outcome, Measured)]
    told = told if "at_least" in target else [float(v >= 50) for v in told]
    history = [replace(o, outcome=Measured((Measurement("yield", v, "", v),))) for o, v in zip(rows, told, strict=True)]

    made = plan(said, History(tuple(history)), seed=0, experiments=100)

    chances = [
        NormalDist(p.mean, p.sd).cdf(50.0) if "at_least" in target else 1.0 - p.mean
        for p in (made.predictions[0] for made in made.proposals)
    ]
    values = [p.acquisition_value for p in made.proposals]
    assert values == pytest.approx([1.0 - miss for miss in chances], abs=1e-6)
    assert all(f"(chance of a hit {value:.2g})" in p.reason for p, value in zip(made.proposals, values, strict=True))
    assert f"{sum(v for v in values if v is not None):.1f} hits expected of the 8 chosen by their chance" in made.notes


@pytest.mark.parametrize("acquisition", ["hits", "top"])
def test_a_plate_that_must_hold_near_copies_says_so_and_values_them_as_any(acquisition: str) -> None:
    space = {"molecule": {"type": "molecule", "options": {f"C{n}": "C" * n for n in range(4, 20)}}}

    def made(most_similar: float) -> Plan:
        said = spec(
            {"rows": 2, "columns": 4},
            space=space,
            objective={"yield": {"goal": "maximize", "at_least": 8}},
            planner={"surrogate": "tanimoto", "acquisition": acquisition, "most_similar": most_similar},
        )
        known = build_space(said)
        history = [
            Observation(f"C{n}", known.coordinates({"molecule": f"C{n}"}), Measured((Measurement("yield", n, "", n),)))
            for n in range(4, 20, 2)
        ]
        return plan(said, History(tuple(history)), seed=0, experiments=8)

    apart, any_two = made(0.5), made(1.0)
    assert any("wells are more than 0.5 similar to another" in note for note in apart.notes)
    assert not any("similar" in note for note in any_two.notes)
    assert min(p.acquisition_value or 0.0 for p in apart.proposals) > 1e-3


@pytest.mark.parametrize("acquisition", ["improvement", "hits", "top", "ucb", "thompson"])
def test_no_two_wells_hold_settings_that_a_bench_cannot_tell_apart(acquisition: str) -> None:
    space = {
        "base": SPACE["base"],
        "temperature": {"type": "number", "low": 60, "high": 100, "unit": "degC"},
        "loading": {"type": "number", "low": 1, "high": 5, "unit": "%"},
    }
    plate = {"rows": 2, "columns": 6, "blocks": {"rows": 2, "columns": 3}, "share": {"temperature": "block"}}
    objective = {"yield": {"goal": "maximize", "at_least": 30}}
    said = spec(plate, space=space, objective=objective, planner={"surrogate": "gp", "acquisition": acquisition})
    rng = np.random.default_rng(0)
    rows = [np.array([rng.integers(5), rng.uniform(60, 100), rng.uniform(1, 5)]) for _ in range(16)]
    values = [10.0 * (x[0] == 2) - 3.0 * (x[2] - 3.0) ** 2 + 0.4 * x[1] for x in rows]
    history = [
        Observation(str(i), x, Measured((Measurement("yield", v, "", v),)))
        for i, (x, v) in enumerate(zip(rows, values, strict=True))
    ]

    made = plan(said, History(tuple(history)), seed=0, experiments=12)
    wells = [build_space(said).coordinates(p.candidate.settings) for p in made.proposals]
    scale = np.array([5e-3 / 2, 40.0, 4.0])  # options differ by one at least

    keeps(made, said)
    assert len(wells) == 12
    for one, other in itertools.combinations(wells, 2):
        assert np.abs((one - other) / scale).max() > 4.5e-3  # half a percent, less what rounding takes


def test_where_little_room_is_left_a_plate_is_full_all_the_same() -> None:
    space = {
        "temperature": {"type": "number", "low": 60, "high": 100, "unit": "degC"},
        "loading": {"type": "number", "low": 1, "high": 5, "unit": "%"},
    }
    narrow = [{"sum": {"temperature": 1, "loading": 1}, "at_most": 61.5}, {"sum": {"loading": 1}, "at_most": 1.02}]
    plate = {"rows": 4, "columns": 6, "share": {"temperature": "plate"}}
    said = spec(plate, space=space, constraints=narrow, planner={"surrogate": "gp", "acquisition": "improvement"})
    rows = [np.array([60.0 + 0.05 * i, 1.0 + 0.002 * i]) for i in range(8)]
    history = [
        Observation(str(i), x, Measured((Measurement("yield", float(i), "%", float(i)),))) for i, x in enumerate(rows)
    ]

    made = plan(said, History(tuple(history)), seed=0, experiments=24)

    keeps(made, said)
    assert len(made.proposals) == 24


def test_a_share_of_the_wells_is_drawn_at_random_where_the_control_arm_asks_for_it() -> None:
    said = spec(planner={"surrogate": "gp", "control": 0.25})

    made = plan(said, seen(said, 20), seed=0, experiments=100)

    keeps(made, said)
    assert Counter(p.arm for p in made.proposals)[Arm.CONTROL] >= 4


def test_continuous_values_are_shared_as_well() -> None:
    space = {
        "base": SPACE["base"],
        "temperature": {"type": "number", "low": 20, "high": 120, "unit": "degC"},
        "loading": {"type": "number", "low": 0.5, "high": 5, "unit": "%"},
    }
    plate = {"rows": 4, "columns": 6, "blocks": {"rows": 2, "columns": 2}, "share": {"temperature": "block"}}
    said = spec(plate, space=space)
    build, rng = build_space(said), np.random.default_rng(0)
    rows = [np.array([rng.integers(5), rng.uniform(20, 120), rng.uniform(0.5, 5)]) for _ in range(15)]
    values = [float(-((x[1] - 90) ** 2) / 100 - (x[2] - 2) ** 2 + (x[0] == 1)) for x in rows]
    history = History(
        tuple(
            Observation(str(i), x, Measured((Measurement("yield", v, "%", v),)))
            for i, (x, v) in enumerate(zip(rows, values, strict=True))
        )
    )

    made = plan(said, history, seed=0, experiments=100)

    keeps(made, said)
    loadings = {p.candidate.settings["loading"] for p in made.proposals}
    assert len(loadings) > 12  # what is not shared stays free
    assert all(build.contains(p.candidate.settings) for p in made.proposals)


MIXED = {
    "ligand": {"type": "component", "options": {"XPhos": "CCO", "PPh3": "CCN", "none": None}},
    "loading": {"type": "number", "low": 0.5, "high": 10, "scale": "log", "unit": "%", "unless": {"ligand": "none"}},
    "water": {"type": "number", "low": 0.1, "high": 1, "or_zero": True},
    "temperature": {"type": "number", "low": 20, "high": 120, "unit": "degC"},
}
BLENDS = {
    "base": SPACE["base"],
    "solvent": {"type": "mixture", "parts": ["DMF", "toluene", "water"], "at_most": 2, "step": 0.25},
}


@pytest.mark.parametrize(
    ("space", "plate"),
    [
        (
            MIXED,
            {
                "rows": 2,
                "columns": 6,
                "blocks": {"rows": 2, "columns": 3},
                "share": {"temperature": "block", "water": "row"},
                "controls": {"wells": 2, "settings": {"ligand": "none"}},
            },
        ),
        (BLENDS, {"rows": 2, "columns": 6, "share": {"solvent": "column"}}),
    ],
    ids=["conditional and semi-continuous", "blends"],
)
def test_every_kind_of_parameter_goes_on_plates(space: dict[str, Any], plate: dict[str, Any]) -> None:
    said = spec(plate, space=space)
    built, rng = build_space(said), np.random.default_rng(0)
    drawn = sample_space(built, 14, 1)
    history = History(
        tuple(
            Observation(str(i), x, Measured((Measurement("yield", v := float(rng.normal()), "%", v),)))
            for i, x in enumerate(drawn)
        )
    )

    for known in (History(), history):
        made = plan(said, known, seed=0, experiments=100)

        assert len(made.proposals) == 12
        assert all(built.contains(p.candidate.settings) for p in made.proposals)
        for name, scope in plate["share"].items():
            groups: dict[str, set[Any]] = {}
            for p in made.proposals:
                assert p.place is not None
                group = {"block": str(p.place.block), "row": p.place.well[0], "column": p.place.well[1:]}[scope]
                parts = {n: v for n, v in p.candidate.settings.items() if n == name or n.startswith(f"{name}.")}
                groups.setdefault(group, set()).add(tuple(sorted(parts.items())))
            assert all(len(values) == 1 for values in groups.values())


def test_what_cannot_be_shared_is_refused() -> None:
    for space, share, says in (
        (MIXED, "loading", "does not apply to every candidate"),
        (BLENDS, "solvent.water", "share 'solvent' as a whole"),
        ({**BLENDS, "solvent": {**BLENDS["solvent"], "step": None}}, "solvent", "give the mixture a step"),
    ):
        said = spec({"rows": 2, "columns": 6, "share": {share: "row"}}, space=space)

        with pytest.raises(PlateError, match=says):
            build_plate(said, build_space(said))


def test_a_last_plate_that_the_budget_does_not_fill_keeps_its_shares() -> None:
    said = spec()

    made = plan(said, seen(said, 20), seed=0, experiments=10)

    keeps(made, said)
    assert Counter(p.arm for p in made.proposals) == {Arm.MODEL: 8, Arm.REFERENCE: 1, Arm.REPLICATE: 1}
    assert any("10 experiments are left for a plate of 24 wells: 1 control well, 1" in note for note in made.notes)
    assert Plate(3, 4, (3, 4), controls=1, replicates=1).reserved_for(6) == (1, 1)  # half a plate, a half of each
    assert Plate(3, 4, (3, 4), controls=1, replicates=1).reserved_for(1) == (0, 0)


@pytest.mark.parametrize("share", [{"temperature": "block"}, {}])
@pytest.mark.parametrize("pinned", [0, 1])
def test_no_control_of_a_plate_that_is_not_full_is_alone_in_its_block(share: dict[str, str], pinned: int) -> None:
    plate = {**PLATE, "blocks": {"rows": 2, "columns": 2}, "share": share, "controls": {**CONTROLS, "wells": 6}}
    plate["controls"]["settings"] = {k: v for k, v in CONTROLS["settings"].items() if k not in share}
    if not share:
        plate["controls"]["settings"]["temperature"] = 80
    said = spec(plate)
    history = seen(said, 20)
    if pinned:
        wish = {"base": "b", "solvent": "v", "temperature": 100, "time": 5}
        history = replace(history, pinned=(Said(build_space(said).coordinates(wish), "a hunch"),))
    n_full = 0
    for seed in range(8):
        made = plan(said, history, seed=seed, experiments=6)

        keeps(made, said)
        assert Counter(p.arm for p in made.proposals)[Arm.REFERENCE] == 2
        where = {p.place.well: p.arm for p in made.proposals if p.place is not None}
        blocks = {well: ((ord(well[0]) - ord("A")) // 2, (int(well[1:]) - 1) // 2) for well in where}
        in_use = Counter(blocks[well] for well, arm in where.items() if arm is not Arm.REFERENCE)
        is_full = set(in_use.values()) == {4}  # every block that is in use: then there is no room beside others
        assert is_full or {blocks[well] for well, arm in where.items() if arm is Arm.REFERENCE} <= in_use.keys()
        n_full += is_full
    assert n_full < 8


def test_wells_that_nothing_fits_stay_empty_and_an_empty_space_ends_the_campaign() -> None:
    small = {"base": SPACE["base"], "temperature": SPACE["temperature"]}
    plate = {"rows": 2, "columns": 4, "share": {"temperature": "plate"}}
    said = spec(plate, space=small)

    made = plan(said, History(), seed=0, experiments=100)

    assert len(made.proposals) == 5
    assert any("3 wells stay empty" in note for note in made.notes)
    space = build_space(said)
    every = [space.coordinates({"base": b, "temperature": t}) for b in small["base"]["options"] for t in (60, 80, 100)]
    history = History(
        tuple(Observation(str(i), x, Measured((Measurement("yield", 1.0, "%", 1.0),))) for i, x in enumerate(every))
    )
    with pytest.raises(PoolExhausted):
        plan(said, history, seed=0, experiments=100)


@pytest.mark.parametrize("design", ["spread", "random", "medoid", "sobol", "lhs"])
def test_no_well_of_a_first_plate_repeats_another_where_a_range_is_shared(design: str) -> None:
    few = {"base": SPACE["base"], "temperature": {"type": "number", "low": 60, "high": 120, "unit": "degC"}}
    plate = {"rows": 2, "columns": 4, "share": {"temperature": "plate"}}
    said = spec(plate, space=few, planner={"initial": {"design": design}})

    made = plan(said, History(), seed=0, experiments=100)

    assert {p.candidate.settings["base"] for p in made.proposals} == set(SPACE["base"]["options"])
    assert len(made.proposals) == 5
    assert any("3 wells stay empty" in note for note in made.notes)


def test_a_plate_at_random_leaves_no_well_empty_that_other_shared_values_would_fill() -> None:
    few = {"exclude": {"temperature": [60, 80], "base": ["b", "c", "d", "e"]}}  # 3 conditions at 60 and at 80 degC
    space = {name: SPACE[name] for name in ("base", "solvent", "temperature")}
    plate = {"rows": 2, "columns": 6, "share": {"temperature": "row"}}
    said = spec(plate, space=space, constraints=[few], planner={"initial": {"design": "random"}})

    made = [plan(said, History(), seed=seed, experiments=100) for seed in range(6)]

    assert [len(m.proposals) for m in made] == [12] * 6  # of 15 at 100 degC


def test_the_condition_of_the_controls_is_tried_with_every_shared_value_before_nothing_is_left() -> None:
    space = {"solvent": SPACE["solvent"], "temperature": {"type": "number", "values": [60, 80]}}
    plate = {"rows": 2, "columns": 2, "share": {"temperature": "column"}}
    said = spec(plate | {"controls": {"wells": 1, "settings": {"solvent": "u"}}}, space=space)
    built, tried = build_space(said), list[Any]()

    def measured() -> History:
        value = Measured((Measurement("yield", 50.0, "%", 50.0),))
        return History(tuple(Observation(f"{i}", built.coordinates(s), value) for i, s in enumerate(tried)))

    while {(s["solvent"], s["temperature"]) for s in tried} != set(itertools.product("uvw", (60, 80))):
        made = plan(said, measured(), seed=len(tried), experiments=100).proposals
        assert not any(p.candidate.settings in tried for p in made if p.arm is not Arm.REFERENCE)
        tried += [p.candidate.settings for p in made]

    with pytest.raises(PoolExhausted, match="every candidate was tried"):
        plan(said, measured(), seed=0, experiments=100)


def test_repeats_for_which_no_two_wells_share_their_values_are_said_to_be_missing() -> None:
    plate = {"rows": 2, "columns": 3, "share": {"base": "row", "solvent": "column"}, "replicates": 1}

    made = plan(spec(plate), History(), seed=0, experiments=100)

    assert Counter(p.arm for p in made.proposals) == {Arm.INITIAL: 6}
    assert (
        "0 of 1 replicate well repeats a condition: a repeat needs two free wells with the same shared values; share "
        "fewer of them, or over more wells" in made.notes
    )


@pytest.mark.parametrize("seed", range(4))
def test_values_that_the_options_allowed_cannot_fill_leave_no_well_empty(seed: int) -> None:
    four = {"type": "number", "values": [60, 80, 100, 120], "unit": "degC"}
    some = {"type": "category", "options": ["a", "b", "c", "d", "none"]}
    few = {"base": some, "solvent": SPACE["solvent"], "temperature": four}
    plate = PLATE | {"controls": {"wells": 2, "settings": {"base": "a", "solvent": "u"}}, "replicates": 2}

    made = plan(spec(plate, space=few), History(), seed=seed, experiments=100)

    assert len(made.proposals) == 24  # two blocks of one temperature have twelve conditions, of three bases and none


def test_controls_are_spread_over_blocks_rows_and_columns() -> None:
    plate = Plate(8, 12, (8, 3))

    for seed in range(5):
        wells = plate.control_wells(8, np.random.default_rng(seed))

        assert Counter((wells // 12).tolist()).most_common(1)[0][1] == 1  # eight rows, a well each
        assert set(Counter((wells % 12 // 3).tolist()).values()) == {2}  # four blocks, two each
        assert Counter((wells % 12).tolist()).most_common(1)[0][1] == 1


def test_wells_are_named_as_on_the_plate() -> None:
    plate = Plate(32, 48, (32, 48))

    assert [plate.label(w) for w in (0, 47, 48, 26 * 48, 1535)] == ["A1", "A48", "B1", "AA1", "AF48"]
    assert all(well_number(plate.label(w), 48) == w for w in range(plate.wells))
    assert row_name(51) == "AZ"
    for wrong in ("", "A", "1", "A0", "A49", "a1", "A1B"):
        with pytest.raises(PlateError, match="no well"):
            well_number(wrong, 48)


def test_groups_are_numbered_row_by_row() -> None:
    plate = Plate(4, 6, (2, 3), (Shared(0, Scope.BLOCK),))

    assert plate.group(Scope.BLOCK).reshape(4, 6).tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2


@given(st.integers(0, 30), st.lists(st.integers(0, 12), max_size=8))
def test_replicates_are_divided_by_size_and_never_outnumber_what_they_repeat(total: int, sizes: list[int]) -> None:
    given_ = spread_evenly(total, sizes)

    assert all(g <= size // 2 for g, size in zip(given_, sizes, strict=True))
    assert sum(given_) == min(total, sum(size // 2 for size in sizes))


def test_the_order_of_a_file_decides_nothing() -> None:
    said = {**PLATE, "share": {"time": "row", "temperature": "block"}, "controls": None}
    turned = {**said, "share": dict(reversed(said["share"].items()))}

    first, second = (build_plate(spec(p), build_space(spec(p))) for p in (said, turned))

    assert first is not None
    assert second is not None
    assert first.shared == second.shared


GATED = {
    "ligand": {"type": "category", "options": ["none", "L", "M"]},
    "loading": {"type": "number", "low": 1, "high": 5, "step": 1, "unless": {"ligand": "none"}},
    "base": {"type": "category", "options": ["a", "b", "c"]},
}


@pytest.mark.parametrize(
    ("share", "condition", "says"),
    [
        ("base", {"ligand": "L"}, "lacks 'loading', which applies with the others; give it"),
        ("base", {"ligand": "none", "loading": 2}, "gives 'loading', which does not apply with the others; leave it"),
        ("ligand", {"base": "a"}, "lacks 'loading', which applies with some of the shared values; give it"),
        ("base", {"ligand": "M", "loading": 5}, "constraint 'too much' forbids it; choose a condition of the space"),
        (None, {"ligand": "L", "loading": 1, "base": "c"}, "constraint 'never' forbids it"),
    ],
)
def test_a_control_that_is_no_candidate_is_refused(share: str | None, condition: dict[str, Any], says: str) -> None:
    rules = [
        {"name": "too much", "exclude": {"ligand": "M", "loading": 5}},
        {"name": "never", "exclude": {"ligand": "L", "base": "c"}},
    ]
    plate = {"rows": 2, "columns": 3, "controls": {"wells": 1, "settings": condition}}
    said = spec(plate | ({"share": {share: "row"}} if share else {}), space=GATED, constraints=rules)

    with pytest.raises(PlateError, match=says):
        build_plate(said, build_space(said))


@pytest.mark.parametrize("values", [[80, 100], [40, 80]])
def test_a_control_that_no_shared_value_allows_is_refused_before_anything_is_planned(values: list[float]) -> None:
    few = SPACE | {"temperature": {"type": "number", "values": values, "unit": "degC"}}
    rules = [{"name": "boils", "exclude": {"solvent": "u"}, "where": {"temperature": {"above": 65}}}]
    said = spec({**PLATE, "share": {"temperature": "block"}}, space=few, constraints=rules)

    if min(values) < 65:
        assert build_plate(said, build_space(said)) is not None
        return
    with pytest.raises(PlateError, match="constraint 'boils' forbids it with every value of temperature, which contr"):
        build_plate(said, build_space(said))


def test_a_control_of_which_everything_is_shared_is_refused() -> None:
    few = {"base": SPACE["base"], "solvent": SPACE["solvent"]}
    plate = {"rows": 2, "columns": 3, "share": {"base": "row", "solvent": "column"}}
    said = spec({**plate, "controls": {"wells": 1, "settings": {}}}, space=few)

    with pytest.raises(PlateError, match="every parameter is shared, so that a control well has no condition of its"):
        build_plate(said, build_space(said))


def test_parts_of_a_continuous_mixture_cannot_be_counted() -> None:
    blend = {"base": SPACE["base"], "solvent": {"type": "mixture", "parts": ["water", "ethanol"]}}
    said = spec({"rows": 2, "columns": 3, "at_most": {"solvent.water": 2}}, space=blend)

    with pytest.raises(PlateError, match="it is a continuous part of mixture 'solvent'; give the mixture a step"):
        build_plate(said, build_space(said))


@pytest.mark.parametrize("observed", [0, 12])
def test_a_shared_number_may_be_tied_to_others_by_an_equality(observed: int) -> None:
    numbers = {name: {"type": "number", "low": 0, "high": 1} for name in "abc"}
    rules = [{"name": "all", "sum": {"a": 1, "b": 1, "c": 1}, "equals": 1}]
    said = spec({"rows": 2, "columns": 4, "share": {"a": "row"}}, space=numbers, constraints=rules)
    x = sample_space(build_space(said), observed, 0) if observed else np.empty((0, 3))
    rows = [
        Observation(str(i), p, Measured((Measurement("yield", float(p[1]), "%", float(p[1])),)))
        for i, p in enumerate(x)
    ]

    made = plan(said, History(tuple(rows)), seed=0, experiments=50)

    keeps(made, said)
    assert len(made.proposals) == 8
    assert len({round(p.candidate.settings["b"], 3) for p in made.proposals}) > 4


def test_what_does_not_apply_is_no_option_on_the_plate() -> None:
    gated = {
        "mode": {"type": "category", "options": ["neat", "solution"]},
        "solvent": {"type": "category", "options": ["u", "v", "w"], "when": {"mode": "solution"}},
        "base": SPACE["base"],
    }
    said = spec({"rows": 2, "columns": 5, "at_most": {"solvent": 1}}, space=gated)

    made = plan(said, History(), seed=0, experiments=50)
    used = [p.candidate.settings.get("solvent") for p in made.proposals]

    assert len(made.proposals) == 10  # five bases neat, and with one solvent
    assert len({s for s in used if s is not None}) == 1
    assert None in used


@pytest.mark.parametrize(
    ("of", "nothing", "is_free"),
    [
        ({"type": "component", "options": {"none": None, "LiCl": "[Li]Cl", "TBAB": "[Br-]"}}, "none", True),
        ({"type": "category", "options": ["LiCl", "none", "TBAB"]}, "none", True),
        ({"type": "number", "values": [1, 2], "or_zero": True}, 0.0, True),
        ({"type": "number", "values": [0, 1, 2], "unit": "degC"}, 0.0, False),  # a temperature as any other
    ],
)
def test_what_adds_nothing_needs_no_stock_on_the_plate(of: dict[str, Any], nothing: str | float, is_free: bool) -> None:
    space = {"x": of, "base": SPACE["base"], "solvent": SPACE["solvent"]}
    settings_ = {"base": "a", "solvent": "u", "x": nothing}
    plate = {"rows": 4, "columns": 6, "at_most": {"x": 1}, "controls": {"wells": 1, "settings": settings_}}

    made = plan(spec(plate, space=space), History(), seed=0, experiments=50)
    used = set(by_well(made, "x").values())

    assert nothing in used
    assert len(used) == 1 + is_free
    assert len(made.proposals) == (24 if is_free else 15)  # there are fifteen with one option


def test_a_campaign_of_which_nothing_left_may_lie_beside_its_controls_ends() -> None:
    numbers = {"dose": {"type": "number", "values": [1, 2, 3]}, "heat": {"type": "number", "values": [1, 2, 3]}}
    rules = [{"name": "mild", "expression": "dose * heat <= 3"}]
    plate = {"rows": 1, "columns": 3, "share": {"heat": "row"}, "controls": {"wells": 1, "settings": {"dose": 3}}}
    said = spec(plate, space=numbers, constraints=rules)
    x = [np.array(row) for row in ([1.0, 1.0], [2.0, 1.0], [3.0, 1.0])]  # hotter, the control is not allowed
    seen_ = History(
        tuple(Observation(str(i), p, Measured((Measurement("yield", 1.0, "%", 1.0),))) for i, p in enumerate(x))
    )

    with pytest.raises(PoolExhausted, match="nothing untried can lie beside the control wells"):
        plan(said, seen_, seed=0, experiments=50)


@pytest.mark.parametrize("design", ["random", "spread"])
def test_of_many_candidates_wells_at_random_are_no_more_alike_than_by_chance(design: str) -> None:
    sizes = {"a": 16, "b": 16, "c": 32, "d": 16}
    space = {name: {"type": "category", "options": [f"{name}{i}" for i in range(n)]} for name, n in sizes.items()}
    plate = {"rows": 8, "columns": 12}
    said = spec(plate, space=space, planner={"surrogate": "gp", "initial": {"design": design}})

    made = plan(said, History(), seed=1000, experiments=96)

    rows = [tuple(p.candidate.settings.values())[1:] for p in made.proposals]
    alike = sum(n * (n - 1) // 2 for n in Counter(rows).values())
    assert len(rows) == 96
    assert alike <= 5  # pairs that differ in nothing but a: 0.6 are expected of 96 drawn out of 131,072


@pytest.mark.parametrize("n", [0, 12])
def test_which_group_has_which_of_the_shared_values_is_drawn(n: int) -> None:
    said = spec({"rows": 2, "columns": 3, "share": {"temperature": "column"}})
    first_is = Counter[str]()
    for seed in range(40):
        wells = by_well(plan(said, seen(said, n, seed=seed), seed=seed, experiments=6), "temperature")
        first, last = wells["A1"], wells["A3"]
        first_is["hotter" if first > last else "colder" if first < last else "as hot"] += 1

    different = first_is["hotter"] + first_is["colder"]
    assert different >= 12
    assert min(first_is["hotter"], first_is["colder"]) >= 0.2 * different  # of 12, fewer than 3 come once in fifty


@pytest.mark.parametrize(
    ("limits", "why"), [({}, "remains"), ({"at_most": {"base": 1}}, "remains that brings no further option")]
)
def test_wells_without_shared_values_stay_empty_where_nothing_is_left(limits: dict[str, Any], why: str) -> None:
    space = {name: SPACE[name] for name in ("base", "solvent")}
    said = spec({"rows": 4, "columns": 6, **limits}, space=space, planner={"initial": {"design": "random"}})

    made = plan(said, History(), seed=0, experiments=100)

    empty = 24 - len(made.proposals)
    assert empty == 24 - (3 if limits else 15)
    assert f"{empty} wells stay empty: nothing untried {why}" in made.notes


@pytest.mark.parametrize("surrogate", ["gp", "random"])
@pytest.mark.parametrize("seed", range(6))
def test_no_well_stays_empty_that_other_options_and_shared_values_would_fill(surrogate: str, seed: int) -> None:
    """Six candidates are left. By enumeration: one base fills three wells of two rows, with a temperature for each."""
    space = {**SPACE, "base": {"type": "category", "options": ["a", "b", "c"]}}
    space = {name: space[name] for name in ("base", "solvent", "temperature")}
    plate = {"rows": 2, "columns": 3, "share": {"temperature": "row"}, "at_most": {"base": 1}}
    said = spec(plate, space=space, planner={"surrogate": surrogate})
    left = {("b", "u", 60), ("b", "u", 100), ("b", "v", 100), ("c", "u", 60), ("c", "u", 100), ("c", "u", 80)}
    rows = []
    for base, solvent, temperature in itertools.product("abc", "uvw", (60, 80, 100)):
        if (base, solvent, temperature) not in left:
            x = build_space(said).coordinates({"base": base, "solvent": solvent, "temperature": temperature})
            value = 40.0 * (base == "c") + temperature / 10
            rows.append(Observation(f"{len(rows)}", x, Measured((Measurement("yield", value, "%", value),))))

    made = plan(said, History(tuple(rows)), seed=seed, experiments=100)

    keeps(made, said)
    assert len(made.proposals) == 3
    assert "3 wells stay empty: nothing untried fits their shared values" in made.notes
