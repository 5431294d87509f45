"""Fidelities: a cheap version of a measurement spares dear ones where it tells something, and does no harm else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from campaigns import measured

from loop.acquisition.fidelities import Fidelities
from loop.costs import Purse
from loop.history import History, Observation, Said
from loop.insight.predicting import predict
from loop.outcome import Fault, FaultKind
from loop.planner import plan
from loop.planning.situation import situation_of
from loop.planning.versions import told_by_versions
from loop.policy.stopping import reason_to_stop
from loop.record import Arm
from loop.spec import CampaignSpec, build_costs, build_space
from loop.surrogates.gp import APART, GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation

PRICE = 20.0
NEAR_BEST = 0.9


def spec_of(*, is_cheap: bool, batch: int = 2, stop: tuple = ()):
    space = {name: {"type": "number", "low": 0, "high": 11, "step": 1} for name in ("a", "b")}
    if is_cheap:
        space["method"] = {
            "type": "fidelity",
            "options": ["calculated", "measured"],
            "costs": {"calculated": 1, "measured": PRICE},
        }
    return CampaignSpec.from_resolved(
        {
            "campaign": "pair",
            "space": space,
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"batch": batch, "surrogate": "gp", "initial": {"design": "random", "experiments": 6}},
            "budget": {"experiments": 500},
            "stop": list(stop),
            "laboratory": {"adapter": "emulator"},
        }
    )


def surfaces(seed: int):
    """Two unrelated smooth surfaces over the grid, each from 0 to 1."""
    rng = np.random.default_rng(seed)
    a, b = np.meshgrid(np.arange(12) / 11, np.arange(12) / 11, indexing="ij")
    found = []
    for _ in range(2):
        z = sum(
            rng.normal() * np.cos(2 * np.pi * (k * a + m * b) / 1.6 + rng.uniform(0, 6))
            for k in range(3)
            for m in range(3)
        )
        found.append((z - z.min()) / (z.max() - z.min()))
    return found


def dear_until_found(*, is_cheap: bool, is_useful: bool, seed: int, most: int = 40) -> tuple[float, int]:
    """The cost, in dear experiments, and how many of them, until one near the best was measured for real."""
    spec = spec_of(is_cheap=is_cheap)
    space = build_space(spec)
    real, other = surfaces(seed)
    cheap = real + 0.1 * other if is_useful else other
    seen: list[Observation] = []
    cost = dear = 0
    for k in range(300):
        found = plan(spec, History(tuple(seen)), seed=1000 * seed + k, experiments=10)
        for p in found.proposals:
            s = p.candidate.settings
            at = int(s["a"]), int(s["b"])
            is_real = s.get("method", "measured") == "measured"
            cost += PRICE if is_real else 1.0
            dear += is_real
            value = real[at] if is_real else cheap[at]
            seen.append(Observation(f"o{len(seen)}", space.coordinates(s), measured(y=float(value))))
            if is_real and value >= NEAR_BEST:
                return cost / PRICE, dear
        if cost >= most * PRICE:
            break
    return cost / PRICE, dear


@pytest.mark.slow
def test_a_cheap_version_spares_dear_experiments_and_a_useless_one_does_no_harm():
    seeds = range(10)
    alone = [dear_until_found(is_cheap=False, is_useful=False, seed=s) for s in seeds]
    useful = [dear_until_found(is_cheap=True, is_useful=True, seed=s) for s in seeds]
    useless = [dear_until_found(is_cheap=True, is_useful=False, seed=s) for s in seeds]
    cost = {name: float(np.mean([c for c, _ in runs])) for name, runs in
            (("alone", alone), ("useful", useful), ("useless", useless))}  # fmt: skip

    assert np.mean([d for _, d in useful]) < np.mean([d for _, d in alone])
    assert cost["useful"] < cost["alone"]
    assert cost["useless"] <= 1.25 * cost["alone"]  # ten runs tell no finer


def training(correlated: bool) -> TrainingSet:
    real, other = surfaces(3)
    rng = np.random.default_rng(0)
    x = np.array([[a, b, f] for f in (0.0, 1.0) for a, b in rng.integers(0, 12, (50, 2))], dtype=np.float64)
    y = [real[int(a), int(b)] if f else (real if correlated else other)[int(a), int(b)] for a, b, f in x]
    nan = torch.full((len(x),), torch.nan, dtype=torch.float64)
    return TrainingSet(torch.from_numpy(x), torch.tensor(y, dtype=torch.float64), nan)


def test_the_evidence_tells_versions_that_agree_from_those_that_do_not():
    space = build_space(spec_of(is_cheap=True))
    recipe = GaussianProcess("gp", Representation.ONE_HOT)
    apart = [recipe.fit(space, training(same), seed=0).details["fidelities_apart"] for same in (True, False)]

    assert apart[0] == APART[0]
    assert apart[1] > apart[0]


def test_only_the_real_thing_ends_a_campaign():
    spec = spec_of(is_cheap=True, stop=({"target": "y", "at_least": 0.9},))
    space = build_space(spec)

    def reason(method):
        x = space.coordinates({"a": 1.0, "b": 1.0, "method": method})
        return reason_to_stop(spec, History((Observation("o", x, measured(y=0.95)),)), 1)

    assert reason("calculated") == ""
    assert reason("measured").startswith("y reached 0.95")


def test_the_first_real_measurements_are_asked_for_where_there_are_none():
    spec = spec_of(is_cheap=True)
    space = build_space(spec)
    rows = [{"a": float(k), "b": float(k), "method": "calculated"} for k in range(7)]
    seen = [Observation(f"o{k}", space.coordinates(r), measured(y=k / 7)) for k, r in enumerate(rows)]
    found = plan(spec, History(tuple(seen)), seed=1, experiments=10)

    assert {p.candidate.settings["method"] for p in found.proposals} == {"measured"}
    assert any("nothing real was measured yet" in note for note in found.notes)


def test_what_is_forbidden_as_the_real_thing_is_not_asked_for_as_such():
    spec = spec_of(is_cheap=True, batch=4)
    space = build_space(spec)
    rows = [{"a": float(k), "b": float(k), "method": "calculated"} for k in range(7)]
    seen = [Observation(f"o{k}", space.coordinates(r), measured(y=k / 7)) for k, r in enumerate(rows)]
    rule = {"name": "ban 1", "exclude": {"method": ["measured"]}, "where": {"a": {"at_least": 2}}}
    banned = CampaignSpec.from_resolved(spec.resolved() | {"constraints": [rule]})

    for seed in range(4):
        found = plan(banned, History(tuple(seen)), seed=seed, experiments=10).proposals

        assert found
        assert all(p.candidate.settings["method"] == "measured" for p in found)
        assert all(p.candidate.settings["a"] < 2 for p in found)


def test_a_fidelity_is_priced():
    spec = spec_of(is_cheap=True)
    costs = build_costs(spec, build_space(spec))

    assert costs is not None
    assert costs.own(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])).tolist() == [1.0, PRICE]


def test_where_the_real_thing_is_wanted_it_is_chosen_among_what_can_be_paid_for_as_such():
    spec = CampaignSpec.from_resolved(
        spec_of(is_cheap=True, batch=1).resolved()
        | {
            "space": {
                "ligand": {"type": "category", "options": list("abcdef")},
                "method": {"type": "fidelity", "options": ["calculated", "measured"]},
            },
            "costs": {
                "unit": "EUR",
                "experiment": 1,
                "options": {
                    "method": {"calculated": 1, "measured": 40},
                    "ligand": dict.fromkeys("bcdef", 30),  # real: 71 EUR, and a 41 EUR
                },
            },
            "planner": {"batch": 1, "surrogate": "gp", "initial": {"design": "random", "experiments": 2}},
        }
    )
    space = build_space(spec)
    seen = [
        Observation(o, space.coordinates({"ligand": o, "method": "calculated"}), measured(y=float(i)))
        for i, o in enumerate("bc")
    ]

    for seed in range(6):
        found = plan(spec, History(tuple(seen)), seed=seed, experiments=9, purse=Purse(cost=60.0)).proposals

        assert [p.candidate.settings for p in found] == [{"ligand": "a", "method": "measured"}]


def seen_at(space, a, method, value):
    x = space.coordinates({"a": float(a), "b": 0.0, "method": method})
    return Observation(f"{a} {method}", x, measured(y=value))


@pytest.mark.parametrize("replicates", [1, "planned"])
def test_a_hopeless_candidate_is_not_measured_again_in_place_of_many_calculations(replicates):
    spec = spec_of(is_cheap=True)
    planner = spec.planner.model_copy(update={"replicates": replicates})
    spec = spec.model_copy(update={"planner": planner})
    space = build_space(spec)
    real = [(0, 10.0), (3, 40.0), (6, 90.0), (11, 12.0)]
    cheap = [(a, 0.8 * y) for a, y in real] + [(1, 15.0), (9, 50.0)]
    rows = [seen_at(space, a, "measured", y) for a, y in real] + [seen_at(space, a, "calculated", y) for a, y in cheap]
    chosen = plan(spec, History(tuple(rows)), seed=0, experiments=60).proposals

    again = [p.candidate.settings for p in chosen if p.arm is Arm.REPLICATE]
    assert all((s["a"], s["method"]) == (6.0, "measured") for s in again)  # the best, if anything
    calculated = [p for p in chosen if p.candidate.settings["method"] == "calculated"]
    measured_now = len(chosen) - len(calculated)
    assert measured_now + len(calculated) / PRICE > 1.0  # a batch of two, and not two calculations


@pytest.mark.parametrize("replicates", [1, "planned"])
def test_cheap_experiments_that_count_as_one_are_no_more_than_there_is_room_for(replicates):
    spec = spec_of(is_cheap=True)
    planner = spec.planner.model_copy(update={"replicates": replicates})
    spec = spec.model_copy(update={"planner": planner})
    batch = plan(spec, towards_the_end(spec), seed=0, experiments=3, left=100)

    assert len(batch.proposals) == 3
    (note,) = (n for n in batch.notes if "there is room for" in n)
    assert note.endswith("there is room for 3 experiments, of which each version of a candidate is one")


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("left", [1, 2, 3, 6])
def test_of_a_budget_in_experiments_the_last_is_kept_for_the_real_thing(left, copies):
    spec = spec_of(is_cheap=True)
    spec = spec.model_copy(update={"planner": spec.planner.model_copy(update={"replicates": copies})})
    made, before = (
        plan(spec, towards_the_end(spec), seed=0, experiments=left * copies, left=n) for n in (None, 100 * copies)
    )

    methods = [p.candidate.settings["method"] for p in made.proposals]
    assert methods.count("measured") >= 1
    assert len(methods) <= left
    assert {p.candidate.settings["method"] for p in before.proposals} == {"calculated"}  # with more to come
    said = [n for n in made.notes if "kept for the real thing" in n]
    number = f"{left * copies} experiments are" if left * copies > 1 else "1 experiment is"
    last = "the last is" if copies == 1 else "the last 2 are"
    assert said == [f"{number} left, of which each version of a candidate is one, and {last} kept for the real thing"]
    assert not any("kept for the real thing" in n for n in before.notes)


def towards_the_end(spec) -> History:
    """Four measurements and six calculations, of which the latter tell well of the former."""
    space = build_space(spec)
    real = [(0, 10.0), (3, 40.0), (6, 90.0), (11, 12.0)]
    cheap = [(a, 0.8 * y) for a, y in real] + [(1, 15.0), (9, 50.0)]
    rows = [seen_at(space, a, "measured", y) for a, y in real] + [seen_at(space, a, "calculated", y) for a, y in cheap]
    return History(tuple(rows))


def test_of_more_candidates_than_are_scored_the_real_thing_is_sought_among_neighbours(monkeypatch):
    monkeypatch.setattr("loop.acquisition.streaming.POOL_LIMIT", 100)  # of 288 candidates
    spec = spec_of(is_cheap=True)
    space = build_space(spec)
    real, _ = surfaces(3)
    rows = [(s, float(real[int(s["a"]), int(s["b"])])) for s in some(np.random.default_rng(0), "measured", 10)]
    seen = [Observation(str(i), space.coordinates(s), measured(y=y)) for i, (s, y) in enumerate(rows)]
    found = plan(spec, History(tuple(seen)), seed=0, experiments=100)

    assert any("and the neighbours of its best" in note for note in found.notes)
    assert {p.acquisition for p in found.proposals} == {"improvement"}


def front_spec(planner=()):
    found = spec_of(is_cheap=True).resolved()
    objective = {"y": {"goal": "maximize"}, "z": {"goal": "maximize"}}
    return CampaignSpec.from_resolved(found | {"objective": objective, "planner": found["planner"] | dict(planner)})


def of_two(a, b):
    """Two targets that pull apart, each from 0 to 1, over the grid."""
    y, other = surfaces(3)
    z = (1 - y + 0.3 * other) / 1.3
    return float(y[int(a), int(b)]), float(z[int(a), int(b)])


def front_seen(space, settings, told=("y", "z")):
    y, z = of_two(settings["a"], settings["b"])
    off = 0.0 if settings["method"] == "measured" else 0.1
    values = {"y": y - off, "z": z + off}
    key = " ".join(str(v) for v in settings.values())
    return Observation(key, space.coordinates(settings), measured(**{k: values[k] for k in told}))


def some(rng, method, n):
    at = rng.permutation(144)[:n]
    return [{"a": float(k // 12), "b": float(k % 12), "method": method} for k in at]


def test_a_front_is_chosen_with_versions():
    spec = front_spec()
    space = build_space(spec)
    rows = some(np.random.default_rng(0), "measured", 8)
    found = plan(spec, History(tuple(front_seen(space, r) for r in rows)), seed=0, experiments=100)

    assert {p.acquisition for p in found.proposals} == {"pareto"}
    assert {p.candidate.settings["method"] for p in found.proposals} >= {"calculated"}
    assert any(note.startswith("hypervolume is counted from") for note in found.notes)
    tried = {tuple(r.values()) for r in rows}
    assert not tried & {tuple(p.candidate.settings.values()) for p in found.proposals}


def test_where_a_version_tells_of_half_the_targets_the_first_real_measurements_are_asked_for():
    spec = front_spec()
    space = build_space(spec)
    rows = some(np.random.default_rng(0), "calculated", 20)
    history = History(tuple(front_seen(space, r, ("y",)) for r in rows))
    found = plan(spec, history, seed=1, experiments=100)

    assert {p.candidate.settings["method"] for p in found.proposals} == {"measured"}
    assert any("nothing real was measured yet" in note for note in found.notes)


def test_a_front_is_counted_from_what_versions_say_not_from_two_real_ones():
    spec = front_spec({"initial": {"design": "random", "experiments": 2}})
    space = build_space(spec)
    best_of_z = sorted(range(144), key=lambda k: -of_two(k // 12, k % 12)[1])[:2]
    real = [{"a": float(k // 12), "b": float(k % 12), "method": "measured"} for k in best_of_z]
    rows = real + some(np.random.default_rng(1), "calculated", 30)
    found = plan(spec, History(tuple(front_seen(space, r) for r in rows)), seed=0, experiments=100)

    note = next(n for n in found.notes if n.startswith("hypervolume is counted from"))
    reference_z = float(note.split()[-1])
    assert reference_z < min(of_two(r["a"], r["b"])[1] for r in real) - 0.2  # where y is high, z is low


@pytest.mark.parametrize("is_front", [True, False])
def test_a_version_that_is_off_by_as_much_everywhere_tells_of_a_value_to_be_matched(is_front):
    """The distances of both from the value are not alike, as one may lie above it and the other below."""
    objective = {name: {"goal": "match", "value": 0.5} for name in ("y", "z")[: 1 + is_front]}
    spec = CampaignSpec.from_resolved(front_spec().resolved() | {"objective": objective})
    space = build_space(spec)
    at = some(np.random.default_rng(2), "measured", 10)
    seen = []
    for i, s in enumerate([*at[:5], *({**s, "method": "calculated"} for s in at)]):
        y, z = of_two(s["a"], s["b"])
        off = 0.5 if s["method"] == "calculated" else 0.0
        seen.append(Observation(str(i), space.coordinates(s), measured(y=2 * y - 0.5 + off, z=2 * z - 0.5 + off)))
    found = plan(spec, History(tuple(seen)), seed=0, experiments=100)

    assert sum(p.candidate.settings["method"] == "calculated" for p in found.proposals) >= 4


@pytest.mark.parametrize("is_front", [True, False])
def test_versions_of_a_target_with_classes_are_learnt(is_front):
    classes = {"hit": {"goal": "maximize", "classes": ["inactive", "active"]}}
    objective = classes | ({"y": {"goal": "maximize"}} if is_front else {})
    found = front_spec().resolved()
    planner = found["planner"] | {"surrogate": "committee"}
    spec = CampaignSpec.from_resolved(found | {"objective": objective, "planner": planner})
    space = build_space(spec)
    rng = np.random.default_rng(0)
    seen = []
    for i, s in enumerate((*some(rng, "measured", 8), *some(rng, "calculated", 12))):
        y, _ = of_two(s["a"], s["b"])
        seen.append(Observation(str(i), space.coordinates(s), measured(y=y, hit=float(y > 0.5))))
    batch = plan(spec, History(tuple(seen)), seed=0, experiments=100)

    assert {p.acquisition for p in batch.proposals} == {"pareto" if is_front else "improvement"}
    assert all("hit active with a chance of" in p.reason for p in batch.proposals)


@pytest.mark.parametrize("what", ["banned", "failed"])
def test_a_front_is_not_counted_from_candidates_without_a_result(what):
    spec = front_spec()
    space = build_space(spec)
    rows = tuple(front_seen(space, r) for r in some(np.random.default_rng(0), "measured", 8))
    at = [space.coordinates(s) for s in some(np.random.default_rng(5), "calculated", 60)]
    if what == "banned":
        other = History(rows, kept_out=tuple(Said(x, "too dear") for x in at))
    else:
        fault = Fault.of(FaultKind.INPUT_ERROR, "no conformer")
        other = History((*rows, *(Observation(str(i), x, fault) for i, x in enumerate(at))))

    def counted_from(history):
        notes = plan(spec, history, seed=0, experiments=100).notes
        return next(n for n in notes if n.startswith("hypervolume is counted from"))

    assert counted_from(other) == counted_from(History(rows))


def test_what_versions_tell_of_is_known_by_their_results():
    spec = front_spec()
    space = build_space(spec)
    rng = np.random.default_rng(0)
    rows = [front_seen(space, r) for r in some(rng, "measured", 6)]
    of_y = [front_seen(space, r, ("y",)) for r in some(rng, "calculated", 3)]

    def told(seen):
        return told_by_versions(situation_of(spec, History(tuple(seen)), None, seed=0, experiments=9, purse=None))

    assert told(rows).tolist() == [[True, True], [True, True]]  # nothing says that it does not
    assert told(rows + of_y).tolist() == [[True, False], [True, True]]


def test_a_version_that_failed_wherever_it_was_tried_is_not_bought():
    spec = front_spec()
    space = build_space(spec)
    rows = [front_seen(space, r) for r in some(np.random.default_rng(1), "measured", 8)]
    fault = Fault.of(FaultKind.INPUT_ERROR, "no conformer")
    at = [space.coordinates(s) for s in some(np.random.default_rng(7), "calculated", 40)]
    failed = [Observation(str(i), x, fault) for i, x in enumerate(at)]

    def bought(*seen):
        found = plan(spec, History(tuple(seen)), seed=0, experiments=100)
        return {p.candidate.settings["method"] for p in found.proposals}

    assert "calculated" in bought(*rows)
    assert bought(*rows, *failed) == {"measured"}


def test_a_version_that_tells_of_half_the_targets_is_worth_half_and_one_that_tells_of_none_is_not_bought():
    spec = front_spec()
    space = build_space(spec)
    rows = some(np.random.default_rng(0), "measured", 8)
    history = History(tuple(front_seen(space, r) for r in rows))
    question = situation_of(spec, history, None, seed=0, experiments=100, purse=None).question

    def chosen(tells):
        with torch.no_grad():
            points = (
                Fidelities(np.array([tells, [True, True]]), question.observed.numpy(), "pareto")
                .choose(question, 2)
                .points
            )
        return [space.settings(p.x)["method"] for p in points], points[0].value

    (both, value), (half, half_value) = chosen([True, True]), chosen([True, False])
    assert both[0] == half[0] == "calculated"
    assert 0.25 * value < half_value < 0.75 * value  # each target has a share of its own
    assert set(chosen([False, False])[0]) == {"measured"}


@pytest.mark.parametrize("left", [20.0, 23.0, 31.0])
def test_so_much_is_kept_back_that_something_real_can_be_bought_after_what_only_tells_of_it(left):
    spec = spec_of(is_cheap=True)
    space = build_space(spec)
    real = [(0, 10.0), (3, 40.0), (6, 90.0), (11, 12.0)]
    cheap = [(a, 0.8 * y) for a, y in real] + [(1, 15.0), (9, 50.0)]
    rows = [seen_at(space, a, "measured", y) for a, y in real] + [seen_at(space, a, "calculated", y) for a, y in cheap]

    made = plan(spec, History(tuple(rows)), seed=0, experiments=60, purse=Purse(cost=left))

    bought = [p.candidate.settings["method"] for p in made.proposals]
    assert bought.count("calculated") <= left - PRICE
    assert bought.count("calculated") + PRICE * bought.count("measured") <= left
    assert bought


def test_controls_are_the_real_thing_which_alone_tells_a_gain_over_chance():
    spec = spec_of(is_cheap=True, batch=4)
    spec = spec.model_copy(update={"planner": spec.planner.model_copy(update={"control": 0.5})})
    space, seen = build_space(spec), towards_the_end(spec)

    for seed in range(5):
        made = plan(spec, seen, seed=seed, experiments=60, purse=Purse(cost=500.0)).proposals
        controls = [p.candidate.settings for p in made if p.arm is Arm.CONTROL]

        assert len(controls) == 2
        assert {c["method"] for c in controls} == {"measured"}
        assert not any((space.coordinates(c) == o.x).all() for c in controls for o in seen.observations)


def test_of_a_version_that_nothing_was_measured_with_no_interval_is_predicted() -> None:
    spec = spec_of(is_cheap=True)
    space, (surface, _) = build_space(spec), surfaces(0)

    def seen(method: str, n: int) -> list[Observation]:
        rows = np.random.default_rng(1).permutation(144)[:n]
        settings = [{"a": float(r // 12), "b": float(r % 12), "method": method} for r in rows]
        return [
            Observation(f"{method} {i:02}", space.coordinates(s), measured(y=float(surface[int(s["a"]), int(s["b"])])))
            for i, s in enumerate(settings)
        ]

    asked = np.array([space.coordinates({"a": 3.0, "b": 5.0, "method": m}) for m in ("calculated", "measured")])
    few = predict(spec, History(tuple(seen("calculated", 20))), asked, seed=0)
    more = predict(spec, History(tuple(seen("calculated", 20) + seen("measured", 2))), asked, seed=0)

    cheap, real = (c.targets[0] for c in few.candidates)
    assert cheap.low is not None
    assert (real.low, real.high) == (None, None)  # how far off the cheap version is, nothing tells
    assert any(note.startswith("no y was measured with method measured yet") for note in few.notes)
    assert all(c.targets[0].low is not None for c in more.candidates)
    assert more.notes == ()
