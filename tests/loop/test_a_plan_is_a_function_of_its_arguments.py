"""Law 1: the same record and seed give the same proposals; what is running or tried is never proposed again."""

from __future__ import annotations

import numpy as np
import pytest
from campaigns import alcohol_yield, measured, mixed_spec, observe, reaction_spec, run_rounds

from loop.errors import PoolExhausted
from loop.history import History, Pending
from loop.outcome import Fault, FaultKind
from loop.planner import plan
from loop.record import Arm
from loop.spec import build_space

NAMED = {"alcohol": "butanol", "base": "weak", "temperature": 40}


def yields(settings):
    return measured(**{"yield": alcohol_yield(settings)})


@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "thompson", "ucb", "random"])
def test_the_same_arguments_give_the_same_plan(acquisition):
    spec = reaction_spec(acquisition=acquisition)
    history, _ = run_rounds(spec, yields, 2)

    first = plan(spec, history, seed=5, experiments=9)

    assert plan(spec, history, seed=5, experiments=9) == first
    assert len(first.proposals) == 3


def test_another_seed_gives_another_initial_design():
    designs = {
        frozenset(
            tuple(p.candidate.settings.values())
            for p in plan(reaction_spec(), History(), seed=s, experiments=9).proposals
        )
        for s in range(5)
    }

    assert len(designs) > 1


@pytest.mark.parametrize(
    "surrogate", ["committee", "gp", "gp-descriptors", "gp-mordred", "tanimoto", "ard", "trees", "random"]
)
def test_every_surrogate_runs_a_campaign_until_nothing_is_left(surrogate):
    spec = reaction_spec(surrogate=surrogate, batch=13)
    space = build_space(spec)

    history, plans = run_rounds(spec, yields, 3)
    settings = [tuple(p.candidate.settings.values()) for made in plans for p in made.proposals]

    assert len(set(settings)) == len(settings) == 30
    assert all(space.contains(p.candidate.settings) for made in plans for p in made.proposals)
    again = "$" if surrogate == "random" else "; replicates: planned under planner measures again what may be the best"
    with pytest.raises(PoolExhausted, match=f"widen the space or end the campaign{again}"):
        plan(spec, history, seed=9, experiments=5)


@pytest.mark.parametrize("acquisition", ["improvement", "exploration", "thompson", "ucb", "random"])
def test_a_pending_point_is_not_proposed_again_and_changes_what_is(acquisition):
    spec = reaction_spec(acquisition=acquisition, batch=1)
    history, _ = run_rounds(spec, yields, 3)
    free = plan(spec, history, seed=3, experiments=9).proposals[0].candidate.settings
    waiting = History(history.observations, (Pending("k", build_space(spec).coordinates(free)),))

    conditioned = plan(spec, waiting, seed=3, experiments=9)

    assert conditioned.pending == ("k",)
    assert conditioned.proposals[0].candidate.settings != free


def test_the_committee_finds_the_best_condition():
    history, _ = run_rounds(reaction_spec(), yields, 5)

    best = max(o.outcome.measurements[0].value for o in history.observations)

    assert best == 80.0  # butanol (30), strong (20), 60 degC (30); of 30 conditions 16 were tried
    assert len(history.observations) == 16


def test_controls_take_their_share_and_say_so():
    _, plans = run_rounds(reaction_spec(control=0.25, batch=4), yields, 5)

    arms = [p.arm for made in plans for p in made.proposals]

    assert arms.count(Arm.INITIAL) == 4
    assert arms.count(Arm.CONTROL) == 4  # a quarter of the 16 that follow
    assert arms.count(Arm.MODEL) == 12


@pytest.mark.parametrize("initial", [{"experiments": 4}, {"experiments": 4, "first": [NAMED]}])
def test_a_share_of_controls_that_is_less_than_one_of_a_batch_is_kept_over_several(initial):
    _, plans = run_rounds(reaction_spec(control=0.25, batch=2, surrogate="gp", initial=initial), yields, 5)

    arms = [[p.arm for p in made.proposals] for made in plans]

    assert arms[0] == [Arm.INITIAL] * 4
    assert [batch.count(Arm.CONTROL) for batch in arms[1:]] == [0, 1, 0, 1]


def test_a_budget_is_never_overdrawn():
    spec = reaction_spec(replicates=2)
    history, _ = run_rounds(spec, yields, 2)

    made = plan(spec, history, seed=1, experiments=3)

    assert sum(p.replicates for p in made.proposals) <= 3


def test_run_order_is_a_random_permutation_on_record():
    orders = {
        tuple(p.run_order for p in plan(reaction_spec(), History(), seed=s, experiments=9).proposals) for s in range(8)
    }

    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) > 1


def test_a_model_proposal_states_its_reason_and_every_member():
    _, plans = run_rounds(reaction_spec(), yields, 2)

    p = plans[1].proposals[0]

    assert [x.member for x in p.predictions] == ["committee", "gp", "tanimoto", "gp-mordred"]
    assert sum(x.weight for x in p.predictions[1:]) == pytest.approx(1.0)
    assert all(x.sd > 0 for x in p.predictions)
    assert "improvement" in p.reason
    assert p.neighbour is not None
    assert 0 < p.novelty <= 1
    assert p.acquisition == "improvement"
    assert p.acquisition_value > 0


def test_an_improvement_next_to_nothing_is_told_without_its_number():
    spec = reaction_spec(surrogate="gp", batch=50)
    history, _ = run_rounds(spec, yields, 1)

    rest = [p for p in plan(spec, history, seed=3, experiments=50).proposals if p.arm is Arm.MODEL]

    for proposal in rest:
        sd = proposal.predictions[0].sd
        hardly = "chosen for the improvement it may bring (hardly any is expected); " in proposal.reason
        assert hardly == (proposal.acquisition_value < 1e-3 * sd), proposal.reason
    assert {"hardly any" in p.reason for p in rest} == {True, False}
    assert not any("e-" in p.reason for p in rest)


def test_only_faults_let_the_initial_design_go_on_and_say_why():
    spec = reaction_spec()

    made = run_rounds(spec, lambda _: Fault.of(FaultKind.CONVERGENCE_ERROR, "diverged"), 2)[1][1]

    assert all(p.arm is Arm.INITIAL for p in made.proposals)
    assert any("needs 2 observations" in note for note in made.notes)


def test_informative_faults_steer_away_and_accidents_do_not():
    def with_faults(kind):
        def respond(settings):
            return Fault.of(kind, "no") if settings["base"] == "strong" else yields(settings)

        spec = reaction_spec(batch=5, initial={"experiments": 12})
        return [p.candidate.settings["base"] for p in run_rounds(spec, respond, 2)[1][1].proposals]

    steered = with_faults(FaultKind.SAFETY_STOP).count("strong")

    assert steered < with_faults(FaultKind.INSTRUMENT_FAULT).count("strong")


@pytest.mark.parametrize("acquisition", ["improvement", "thompson", "ucb", "exploration"])
def test_continuous_proposals_lie_in_the_space(acquisition):
    spec = mixed_spec(acquisition=acquisition)
    space = build_space(spec)

    def hill(s):
        return measured(height=-((s["x"] - 1) ** 2) - (s["y"] - 1) ** 2 + (s["kind"] == "b"))

    history, plans = run_rounds(spec, hill, 4)

    assert all(space.contains(p.candidate.settings) for made in plans for p in made.proposals)
    assert len({tuple(o.x) for o in history.observations}) == len(history.observations)


def test_continuous_improvement_climbs_the_hill():
    def hill(s):
        return measured(height=-((s["x"] - 1) ** 2) - (s["y"] - 1) ** 2 + (s["kind"] == "b"))

    history, _ = run_rounds(mixed_spec(), hill, 5)

    assert max(o.outcome.measurements[0].value for o in history.observations) > 0.9  # the top is 1


def test_several_targets_widen_the_front():
    objective = {"yield": {"goal": "maximize", "unit": "%"}, "cost": {"goal": "minimize"}}
    spec = reaction_spec(objective=objective)

    def both(s):
        return measured(**{"yield": alcohol_yield(s), "cost": s["temperature"] / 20 + len(s["alcohol"])})

    history, plans = run_rounds(spec, both, 4)
    p = plans[-1].proposals[0]

    assert p.acquisition == "pareto"
    assert {x.target for x in p.predictions} == {"yield", "cost"}
    assert len({tuple(o.x) for o in history.observations}) == len(history.observations)


def test_an_observation_outside_the_space_is_noted_and_not_used():
    spec = reaction_spec()
    good = observe(spec, {"alcohol": "ethanol", "base": "weak", "temperature": 20}, measured(**{"yield": 5.0}), "o")
    history = History((good,), notes=("observation x is not used: …",))

    made = plan(spec, history, seed=0, experiments=9)

    assert "observation x is not used: …" in made.notes
    assert np.isfinite([p.novelty for p in made.proposals]).all()


def test_planning_compiles_nothing() -> None:
    from botorch.acquisition.multi_objective import logei

    import loop.acquisition.pareto  # noqa: F401 - whose import forbids it

    logei._try_load_fused_kernel()

    assert logei._C is None
