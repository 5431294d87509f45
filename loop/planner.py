"""``plan``: from a spec and a history to the next batch. Pure: the same arguments give the same batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.fidelities import Fidelities
from loop.acquisition.protocol import Acquisition, Chosen, Purchase, Question
from loop.acquisition.registry import acquisition
from loop.acquisition.streaming import is_among
from loop.belief import Belief, learn, predictions_of
from loop.costs import Purse
from loop.design import Design
from loop.errors import FitError, PoolExhausted, SpaceError, TooFewPoints
from loop.explain import explain_block, explain_initial, explain_model, explain_replicate, nearest
from loop.fidelity import fidelity_column, is_real
from loop.history import History, regression_table
from loop.insight.best import best_of_belief
from loop.insight.saying import best_sentence
from loop.objective import Objective
from loop.plate import Plate, Scope
from loop.plate.planning import acquisition_of, asked_plate, designed_plate
from loop.policy.control import controls_in
from loop.policy.initial import first_experiments, initial_design
from loop.policy.paying import covered, said
from loop.policy.replicate import spend
from loop.policy.run_order import run_order, within
from loop.record import Arm, Json, Place, ProposalDraft
from loop.space import Pool, ProductPool, Space
from loop.spec import CampaignSpec, build_costs, build_objective, build_plate, build_space


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch with everything that led to it; ``model`` and ``notes`` are what the record keeps."""

    seed: int
    surrogate: str  # "" for an initial design
    model: Json
    notes: tuple[str, ...]
    observations: tuple[str, ...]  # ids it was planned from, in order
    pending: tuple[str, ...]
    proposals: tuple[ProposalDraft, ...]


@dataclass(frozen=True)
class _Pick:
    """A chosen point before it becomes a proposal."""

    x: NDArray[np.float64]
    arm: Arm
    acquisition: str
    value: float | None
    meaning: str
    place: Place | None = None
    block: int = 0  # of the initial design, from 1; 0 without blocks


def plan(
    spec: CampaignSpec,
    history: History,
    pool: Pool | None = None,
    *,
    seed: int,
    experiments: int,
    purse: Purse | None = None,
) -> Plan:
    """Choose the next batch.

    Args:
        spec: A resolved spec.
        history: What was observed and what is pending.
        pool: Candidates to choose from; None for all of the space.
        seed: Decides every random choice.
        experiments: At most so many experiments (proposals times replicates): what the budget leaves, or what is free.
        purse: What the budget leaves in money and hours; None where it has neither.

    Raises:
        PoolExhausted: Nothing is left to propose.
        UnknownName: The spec names a surrogate or acquisition function that does not exist.
    """
    space, objective = build_space(spec), build_objective(spec)
    costs = build_costs(spec, space)
    purchase = None
    if costs is not None:
        purchase = Purchase(costs, history.last, purse or Purse(), bool(spec.planner.per_cost))
    if pool is None and space.is_finite:
        pool = ProductPool(space)
    notes = list(history.notes)
    table, table_notes = regression_table(space, objective, history)
    notes.extend(table_notes)
    if spec.planner.copies > experiments:
        notes.append(f"the budget leaves {experiments} of {spec.planner.copies} replicates")
    replicates = min(spec.planner.copies, max(experiments, 1))
    affordable = max(experiments // replicates, 1)
    wanted = spec.planner.initial.experiments - len(history.observations) - len(history.pending)
    belief: Belief | None = None
    wanted_real = False
    if wanted <= 0 and len(table) and np.isnan(table.y).any(axis=1).all():
        notes.append("no experiment has a value for every target yet, so the initial design goes on")
    elif wanted <= 0 and len(table) and not (is_real(space, table.x) & ~np.isnan(table.y).any(axis=1)).any():
        notes.append("nothing real was measured yet, so the initial design goes on with the real thing")
        wanted_real = True
    elif wanted <= 0 and not _is_random(spec):
        try:
            belief = learn(spec, space, objective, history, table, seed=seed)
            notes.extend(belief.notes)
        except (TooFewPoints, FitError) as error:
            notes.append(f"no model this round, the initial design goes on: {error}")
    tried = history.tried(len(space.parameters))
    plate = build_plate(spec, space)
    if plate is not None:
        design = "random" if wanted <= 0 and _is_random(spec) else spec.planner.initial.design
        picks, more = _on_plate(
            plate, spec, space, objective, history, belief, pool, design, wanted > 0, affordable, seed, purchase
        )
    elif belief is not None:
        picks, more = _by_model(
            spec, space, objective, history, belief, pool, min(spec.planner.batch, affordable), seed, purchase
        )
    elif wanted <= 0 and _is_random(spec):
        x = initial_design("random", space, pool, tried, min(spec.planner.batch, affordable), seed=seed)
        picks, more = [_Pick(row, Arm.MODEL, "random", None, "chosen at random") for row in x], []
    else:
        size = min(math.ceil(wanted / replicates) if wanted > 0 else spec.planner.batch, affordable)
        design, more = spec.planner.initial.design, []
        try:
            laid = first_experiments(spec.planner.initial, space, pool, tried, size, seed=seed)
        except SpaceError as error:
            if pool is None:
                raise
            more = [f"design {design!r} found no allowed point ({error}); drawn at random instead"]
            design = "random"
            laid = Design(initial_design(design, space, pool, tried, size, seed=seed))
        more = [*more, *laid.notes]
        blocks = [0] * len(laid.points) if laid.blocks is None else laid.blocks.tolist()
        picks = [_Pick(row, Arm.INITIAL, "", None, design, block=b) for row, b in zip(laid.points, blocks, strict=True)]
    notes.extend(more)
    if wanted_real:
        picks = _made_real(space, picks, tried)
    if not picks:
        raise PoolExhausted("every candidate was tried or is being tried; widen the space or end the campaign")
    if purchase:
        picks = _paid(purchase, picks, replicates, seed, notes)
    name = "" if belief is None else belief.models[0].name
    return Plan(
        seed=seed,
        surrogate=name,
        model=_describe(space, objective, history, belief, seed),
        notes=tuple(dict.fromkeys(notes)),
        observations=tuple(o.id for o in history.observations),
        pending=tuple(p.key for p in history.pending),
        proposals=_proposals(space, objective, history, belief, picks, replicates, seed, purchase),
    )


def _by_model(
    spec: CampaignSpec,
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    batch: int,
    seed: int,
    purchase: Purchase | None,
) -> tuple[list[_Pick], list[str]]:
    """The model's choices, then the controls, which are drawn from what the model left."""
    done = max(len(history.observations) + len(history.pending) - spec.planner.initial.experiments, 0)
    controls = controls_in(batch, done // max(spec.planner.copies, 1), spec.planner.control)
    d = len(space.parameters)
    question = _question(space, objective, history, belief, pool, seed, purchase)
    weighed = 1 if objective.is_scalar else len(objective.wanted)
    function: Acquisition = Fidelities()
    if fidelity_column(space) is None:
        function = acquisition(
            spec.planner.acquisition,
            is_finite=space.is_finite,
            targets=weighed,
            has_levels=len(objective.wanted) == 1 and objective.wanted[0].levels is not None,
        )
    with torch.set_grad_enabled(not space.is_finite):
        choice = function.choose(question, batch - controls) if batch > controls else None
    chosen: Sequence[Chosen] = choice.points if choice else ()
    picks = [_Pick(c.x, Arm.MODEL, function.name, c.value, c.meaning) for c in chosen]
    if spec.planner.replicates == "planned":
        with torch.no_grad():
            picks = _with_replicates(question, picks, belief, history, batch - controls)
    notes = list(choice.notes) if choice else []
    if controls:
        taken = np.vstack([history.tried(d), *(c.x[None, :] for c in chosen)])
        try:
            x = initial_design("random", space, pool, taken, controls, seed=seed + 1)
            picks.extend(_Pick(row, Arm.CONTROL, "", None, "control, chosen at random") for row in x)
        except PoolExhausted:
            notes.append("no candidate was left for the control arm")
    return picks, notes


def _made_real(space: Space, picks: list[_Pick], tried: NDArray[np.float64]) -> list[_Pick]:
    """The same candidates as the real thing, each once and none that was tried."""
    column, taken, found = fidelity_column(space), tried, []
    for pick in picks:
        x = pick.x.copy()
        if column is not None:
            x[column] = space.finite_parameters()[column].size - 1.0
        if not is_among(x[None], taken)[0]:
            found.append(replace(pick, x=x))
            taken = np.vstack([taken, x])
    return found


def _paid(purchase: Purchase, picks: list[_Pick], replicates: int, seed: int, notes: list[str]) -> list[_Pick]:
    """What of the batch can be paid, with notes on what cannot and on the order of running."""
    costs, purse = purchase.costs, purchase.purse
    x = np.array([p.x for p in picks])
    kept = covered(x, costs, purse, purchase.last, replicates=replicates, seed=seed)
    if not kept:
        raise PoolExhausted(
            f"the budget leaves {said(purse, costs)}, which pays for none of the {len(picks)} experiments chosen next; "
            "raise it to go on"
        )
    if len(kept) < len(picks):
        notes.append(f"the budget leaves {said(purse, costs)}, which pays for {len(kept)} of {len(picks)} proposals")
    if costs.switch and len(kept) > 1:
        notes.append("run order: few changes of slow parameters, at random within equal settings of them")
    order = run_order(x[kept], costs, purchase.last, seed=seed)
    batch = costs.spent(np.repeat(within(x[kept], order), replicates, axis=0), purchase.last)
    notes.append(f"the batch costs {said(Purse(batch.cost if costs.has_money else None, batch.hours or None), costs)}")
    return [picks[i] for i in kept]


def _with_replicates(
    question: Question, picks: Sequence[_Pick], belief: Belief, history: History, q: int
) -> list[_Pick]:
    """The model's choices, some of them given up for tried candidates again where that is worth more."""
    used = set(belief.table.ids)
    asked_for = np.unique(np.array([o.x for o in history.observations if o.id in used]), axis=0)  # not what was met
    question = replace(question, observed=torch.from_numpy(asked_for))
    turns = spend(question, [torch.from_numpy(p.x) for p in picks], q)
    kept = []
    for turn in turns:
        if not turn.is_replicate:
            kept.append(picks[turn.index])
            continue
        x = question.observed[turn.index].numpy()
        meaning = explain_replicate(question.objective, turn, history, x)
        kept.append(_Pick(x, Arm.REPLICATE, "replicate", turn.gain, meaning))
    return kept


def _question(
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    seed: int,
    purchase: Purchase | None,
) -> Question:
    d = len(space.parameters)
    complete = ~np.isnan(belief.table.y).any(axis=1) & is_real(space, belief.table.x)
    return Question(
        space=space,
        objective=objective,
        models=belief.models,
        feasibility=belief.feasibility,
        pool=pool,
        observed=torch.from_numpy(np.unique(belief.table.x[complete], axis=0)),
        pending=torch.from_numpy(history.waiting(d)),
        tried=history.tried(d),
        seed=seed,
        purchase=purchase,
    )


def _on_plate(
    plate: Plate,
    spec: CampaignSpec,
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief | None,
    pool: Pool | None,
    design: str,
    is_start: bool,
    experiments: int,
    seed: int,
    purchase: Purchase | None,
) -> tuple[list[_Pick], list[str]]:
    """Every well of the next plate."""
    if belief is not None:
        done = max(len(history.observations) + len(history.pending) - spec.planner.initial.experiments, 0)
        question = _question(space, objective, history, belief, pool, seed, purchase)
        seats, notes = asked_plate(plate, spec, question, done, experiments)
    else:
        arm = Arm.MODEL if design == "random" and not is_start and _is_random(spec) else Arm.INITIAL
        tried = history.tried(len(space.parameters))
        seats, notes = designed_plate(plate, space, pool, tried, design, arm, experiments, seed)
    blocks = plate.group(Scope.BLOCK)
    function = acquisition_of(spec, objective) if belief is not None else "random"
    return [
        _Pick(
            seat.x,
            seat.arm,
            function if seat.arm is Arm.MODEL else "",
            seat.value,
            seat.meaning,
            Place(1, plate.label(seat.well), int(blocks[seat.well]) + 1),
        )
        for seat in seats
    ], list(notes)


def _proposals(
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief | None,
    picks: Sequence[_Pick],
    replicates: int,
    seed: int,
    purchase: Purchase | None,
) -> tuple[ProposalDraft, ...]:
    x = torch.from_numpy(np.array([p.x for p in picks]))
    with torch.no_grad():
        stated = predictions_of(objective, belief, x)
    costs = None if purchase is None else purchase.costs
    is_per = purchase is not None and purchase.per_cost and fidelity_column(space) is None
    per = f" per {costs.shown_unit}" if costs is not None and is_per else ""
    order = run_order(x.numpy(), costs, history.last, seed=seed)
    order = np.lexsort((order, np.array([p.block for p in picks]))).argsort()  # one block after the other
    drafts = []
    for position, (pick, predictions) in enumerate(zip(picks, stated, strict=True)):
        settings = space.settings(pick.x)
        known = nearest(space, pick.x, history)
        if pick.arm is Arm.MODEL and belief is not None:
            reason = explain_model(space, objective, belief, pick.acquisition, pick.value, predictions, known, per=per)
        else:
            reason = explain_initial(pick.arm, pick.meaning, known) + explain_block(pick.block)
        drafts.append(
            ProposalDraft(
                candidate=space.candidate(settings),
                arm=pick.arm,
                position=position,
                run_order=int(order[position]),
                replicates=replicates,
                reason=reason,
                model="" if belief is None else belief.models[0].name,
                acquisition=pick.acquisition,
                acquisition_value=pick.value,
                predictions=predictions,
                neighbour=known.label,
                novelty=known.novelty,
                place=pick.place,
            )
        )
    return tuple(drafts)


def _describe(space: Space, objective: Objective, history: History, belief: Belief | None, seed: int) -> Json:
    if belief is None:
        return {}
    believed = best_of_belief(space, objective, history, belief, None, seed=seed)
    return {
        "believed_best": best_sentence(believed),
        "targets": {t.name: dict(m.summary()) for t, m in zip(objective.targets, belief.models, strict=True)},
        "training_rows": len(belief.table),
        "informative_faults": belief.feasibility.faults,
    }


def _is_random(spec: CampaignSpec) -> bool:
    return spec.planner.surrogate == "random"
