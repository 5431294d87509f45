"""Thresholds, accidents, partial targets, replicates, two targets over molecules, crowded continuous spaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from campaigns import SPACE, alcohol_yield, measured, mixed_spec, observe, reaction_spec, run_rounds, training

from loop.acquisition.pool import UpperConfidenceBound
from loop.errors import SpecError
from loop.history import History, Pending
from loop.outcome import Fault, FaultKind, Measured, Measurement, Qualifier
from loop.planner import plan
from loop.record import Arm
from loop.spec import CampaignSpec, build_space, read_spec
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation

MOLECULES = {
    s: s for s in ("C", "CC", "CCC", "CCCC", "CO", "CCO", "CCCO", "CN", "CCN", "c1ccccc1", "Cc1ccccc1", "Oc1ccccc1")
}


def yields(settings):
    return measured(**{"yield": alcohol_yield(settings)})


def test_two_targets_over_a_library_use_every_member():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "library",
            "space": {"molecule": {"type": "molecule", "options": MOLECULES}},
            "objective": {"size": {"goal": "maximize"}, "price": {"goal": "minimize"}},
            "planner": {"batch": 2, "initial": {"experiments": 5}},
            "budget": {"experiments": 12},
            "laboratory": {"adapter": "emulator"},
        }
    )

    _, plans = run_rounds(spec, lambda s: measured(size=len(s["molecule"]), price=len(s["molecule"]) % 4), 3)

    assert {p.member for p in plans[-1].proposals[0].predictions} == {
        "committee",
        "tanimoto",
        "gp-descriptors",
        "trees",
    }


def test_a_threshold_on_the_other_side_keeps_proposals_below_it():
    capped = reaction_spec(objective={"yield": {"goal": "maximize", "unit": "%", "at_most": 50}}, batch=4)
    history, _ = run_rounds(reaction_spec(initial={"experiments": 14}), yields, 1)

    free = plan(reaction_spec(batch=4), history, seed=1, experiments=9).proposals
    kept = plan(capped, history, seed=1, experiments=9).proposals

    assert max(p.predictions[0].mean for p in kept) < max(p.predictions[0].mean for p in free)
    assert max(p.predictions[0].mean for p in kept) < 55


def test_an_accident_does_not_cost_the_candidate_its_chance_but_three_do():
    spec, here = reaction_spec(), {"alcohol": "butanol", "base": "strong", "temperature": 60}
    clogged = [observe(spec, here, Fault.of(FaultKind.INSTRUMENT_FAULT, "clogged"), f"f{i}") for i in range(3)]

    assert len(History(tuple(clogged[:2])).tried(3)) == 0
    assert len(History(tuple(clogged)).tried(3)) == 3
    assert len(History((observe(spec, here, Fault.of(FaultKind.SAFETY_STOP, "hot"), "s"),)).tried(3)) == 1


def test_what_ran_out_of_time_is_not_proposed_again_and_says_nothing_of_its_neighbours():
    spec, here = reaction_spec(), {"alcohol": "butanol", "base": "strong", "temperature": 60}
    late, lost = Fault.of(FaultKind.TIMEOUT, "ended after 600 s"), Fault.of(FaultKind.COMPUTE_LOST, "rebooted")

    assert len(History((observe(spec, here, late, "a"),)).tried(3)) == 1
    assert len(History((observe(spec, here, lost, "a"),)).tried(3)) == 0
    assert not late.informative


def test_targets_that_were_never_measured_together_let_the_initial_design_go_on():
    spec = reaction_spec(objective={"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}})
    outcomes = [measured(**{"yield": 1.0}), measured(cost=2.0)] * 3
    places = [
        {"alcohol": a, "base": b, "temperature": 20}
        for a in ("methanol", "ethanol", "phenol")
        for b in ("weak", "strong")
    ]
    seen = tuple(observe(spec, s, o, str(i)) for i, (s, o) in enumerate(zip(places, outcomes, strict=True)))

    made = plan(spec, History(seen), seed=0, experiments=9)

    assert all(p.arm is Arm.INITIAL for p in made.proposals)
    assert any("a value for every target" in note for note in made.notes)


@pytest.mark.parametrize(
    ("known", "wanted", "new", "end"),
    [
        (("yield",), ("yield", "ee"), "ee", "and hakken tell let a model choose"),
        (
            ("yield", "purity"),
            ("isolated yield", "purity"),
            "isolated yield",
            "7 results with a value of yield, which is no target: where that is isolated yield, keep its name",
        ),
    ],
)
def test_a_target_of_which_nothing_has_a_value_yet_is_named_with_what_can_be_done(known, wanted, new, end):
    before, now = (
        reaction_spec(objective={n: {"goal": "maximize"} for n in names}, initial={"experiments": 7})
        for names in (known, wanted)
    )
    history, _ = run_rounds(before, lambda _: measured(**dict.fromkeys(known, 5.0)), 1)

    notes = plan(now, history, seed=0, experiments=5).notes

    (said,) = [note for note in notes if note.startswith(f"no experiment has a value of {new} yet")]
    assert f"hakken export {now.campaign} FILE, a column {new} filled in there" in said
    assert said.endswith(end)


def test_initial_experiments_are_experiments_replicates_included():
    made = plan(reaction_spec(replicates=3, initial={"experiments": 6}), History(), seed=0, experiments=30)

    assert sum(p.replicates for p in made.proposals) == 6


def test_a_crowded_corner_is_not_proposed_again_and_again():
    spec = mixed_spec(batch=4)
    space = build_space(spec)

    def corner(s):  # the best lies where the bounds meet
        return measured(height=s["x"] - s["y"])

    history, plans = run_rounds(spec, corner, 4)
    x = np.array([o.x for o in history.observations]) / np.array([3.0, 3.0, 1.0])
    distances = np.abs(x[:, None] - x[None]).max(axis=2) + np.eye(len(x))

    assert distances.min() > 1e-4
    assert all(space.contains(p.candidate.settings) for made in plans for p in made.proposals)


def test_faults_steer_continuous_proposals_away():
    def proposed(kind):
        def respond(s):
            return Fault.of(kind, "no") if s["kind"] == "b" else measured(height=s["x"])

        _, plans = run_rounds(mixed_spec(batch=4, initial={"experiments": 12}), respond, 2)
        return [p.candidate.settings["kind"] for p in plans[1].proposals].count("b")

    assert proposed(FaultKind.SAFETY_STOP) < proposed(FaultKind.INSTRUMENT_FAULT)


def test_optimism_counts_what_is_running():
    from dataclasses import replace

    from loop.testing.acquisition import question

    asked = question()
    alone = UpperConfidenceBound().choose(replace(asked, pending=asked.pending[:0]), 2).points
    first = torch.from_numpy(alone[0].x)[None, :]
    waiting = replace(asked, pending=first, tried=np.vstack([asked.tried, first.numpy()]))

    then = UpperConfidenceBound().choose(waiting, 1).points[0]

    assert then.x.tolist() == alone[1].x.tolist()  # as the second choice of a batch that holds it


def test_thompson_passes_over_draws_whose_best_is_running():
    spec = reaction_spec(acquisition="thompson", batch=2)
    history, _ = run_rounds(spec, yields, 2)
    pending = Pending("k", build_space(spec).coordinates({"alcohol": "butanol", "base": "strong", "temperature": 60}))

    made = plan(spec, History(history.observations, (pending,)), seed=2, experiments=9)

    assert len(made.proposals) == 2


def test_a_limit_is_vaguer_than_a_value_for_every_member():
    data = training()
    vague = data.sd.clone()
    vague[:4] = 30.0
    for name in ("gp", "ard", "trees"):
        sharp = surrogate(name, SPACE).fit(SPACE, data, seed=0).moments(data.x)[0]
        blurred = surrogate(name, SPACE).fit(SPACE, TrainingSet(data.x, data.y, vague), seed=0).moments(data.x)[0]

        assert (blurred - data.y)[:4].abs().sum() > (sharp - data.y)[:4].abs().sum(), name


def test_replicates_are_left_out_together():
    data = training()
    twice = TrainingSet(
        torch.cat([data.x, data.x[:3]]), torch.cat([data.y, data.y[:3]]), torch.cat([data.sd, data.sd[:3]])
    )
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, twice, seed=0)
    y = ((twice.y - fitted.shift) / fitted.scale).numpy()
    k = fitted.kernel(twice.x, twice.x).numpy() + fitted.noise_variance * np.eye(15)
    others = [i for i in range(15) if i not in (0, 12)]
    solved = np.linalg.solve(k[np.ix_(others, others)], np.column_stack([y[others], k[others, 0]]))
    mean, variance = k[0, others] @ solved[:, 0], k[0, 0] - k[0, others] @ solved[:, 1]
    expected = -0.5 * np.log(2 * np.pi * variance) - 0.5 * (y[0] - mean) ** 2 / variance - np.log(fitted.scale)

    assert fitted.held_out()[[0, 12]].tolist() == pytest.approx([expected, expected], abs=1e-7)


def test_a_limit_outside_what_can_be_is_named():
    outcome = Measured((Measurement("yield", 101, "%", 101, qualifier=Qualifier.ABOVE),))
    spec = reaction_spec()
    seen = observe(spec, {"alcohol": "ethanol", "base": "weak", "temperature": 20}, outcome, "o")

    made = plan(spec, History((seen,)), seed=0, experiments=9)

    assert any("outside what the target can be" in note for note in made.notes)


def test_chance_does_not_call_itself_an_initial_design():
    spec = reaction_spec(surrogate="random")
    _, plans = run_rounds(spec, yields, 2)

    assert plans[1].proposals[0].reason == "chosen at random"


@pytest.mark.parametrize(
    ("planner", "space", "message"),
    [
        ("{surrogate: [gp, gp]}", "{type: number, values: [1, 2]}", "'gp' is given twice"),
        ("{surrogate: []}", "{type: number, values: [1, 2]}", "list of members is empty"),
        ("{surrogate: [gp, random]}", "{type: number, values: [1, 2]}", "'random' cannot be a member"),
        ("{surrogate: trees}", "{type: number, low: 1, high: 2}", "has no slope to climb"),
        ("{surrogate: [gp, dmpnn]}", "{type: number, values: [1, 2]}", "'dmpnn' learns from structures"),
        ("{acquisition: improvement}", "{type: number, values: [1, 2]}", "looks at one target, the objective has 2"),
    ],
)
def test_planners_that_cannot_work_are_refused_before_any_experiment(planner, space, message):
    objective = (
        "{z: {goal: maximize}}" if "improvement" not in planner else "{z: {goal: maximize}, w: {goal: minimize}}"
    )
    text = f"campaign: c\nspace: {{x: {space}}}\nobjective: {objective}\nplanner: {planner}\n"
    text += "budget: {experiments: 9}\nlaboratory: {adapter: simulated}\n"

    with pytest.raises(SpecError, match=message):
        read_spec(text, source="c.yaml", read=lambda name: name)


def test_a_space_too_large_to_count_is_refused():
    numbers = "\n".join(f"  p{i}: {{type: number, low: 0, high: 100, step: 1}}" for i in range(10))
    text = f"campaign: c\nspace:\n{numbers}\nobjective: {{z: {{goal: maximize}}}}\n"
    text += "budget: {experiments: 9}\nlaboratory: {adapter: simulated}\n"

    with pytest.raises(SpecError, match="more than can be counted; leave step out of numbers, or give a coarser one"):
        read_spec(text, source="c.yaml", read=lambda name: name)
