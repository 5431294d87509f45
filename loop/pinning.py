"""Candidates that a person wants: in the next batch, or in a proposal's place, with what the model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from loop.belief import Belief, learn, predictions_of
from loop.costs import Purse
from loop.derived import derived
from loop.errors import FitError, TooFewPoints
from loop.explain import nearest
from loop.history import History
from loop.learnt_costs import learn_costs, taken_by
from loop.memory.earlier import Earlier
from loop.memory.hints import hints_of
from loop.policy.paying import said, set_aside
from loop.record import HEADS, Arm, ProposalDraft
from loop.spec import CampaignSpec, build_objective, build_space
from loop.training import regression_table

if TYPE_CHECKING:
    from loop.history import Said


def paid_pins(
    spec: CampaignSpec, history: History, wanted: Sequence[Said], purse: Purse
) -> tuple[tuple[Said, ...], Purse, tuple[str, ...]]:
    """Those of the wanted candidates that a purse pays for, what it leaves for the rest of the batch, and notes."""
    space = build_space(spec)
    costs = learn_costs(spec, space, taken_by(history.observations), history.used).costs
    if costs is None or not wanted:
        return tuple(wanted), purse, ()
    kept, left = set_aside(np.array([w.x for w in wanted]), costs, purse, history.last)
    notes = [
        f"{space.label(space.settings(w.x))}, pinned, costs more than the budget leaves ({said(purse, costs)}); "
        "it stays pinned"
        for i, w in enumerate(wanted)
        if i not in kept
    ]
    if kept:
        notes.append(f"pinned candidates are paid first, which leaves {said(left, costs)} for the rest of the batch")
    return tuple(wanted[i] for i in kept), left, tuple(notes)


def manual_proposals(
    spec: CampaignSpec,
    history: History,
    wanted: Sequence[Said],
    *,
    seed: int,
    first: int,
    earlier: Sequence[Earlier],
) -> tuple[ProposalDraft, ...]:
    """Proposals of the arm manual, each with the reason that a person gave and the predictions of the model.

    Args:
        spec: A resolved spec.
        history: What the model learns from; without enough of it nothing is predicted.
        wanted: The candidates.
        seed: Of the round, so that the model is the round's own.
        first: Position and place in the run order of the first of them.
        earlier: The sources of the round.
    """
    space, objective = build_space(spec), build_objective(spec)
    x = np.array([w.x for w in wanted]).reshape(-1, len(space.parameters))
    belief = _belief(spec, history, x, seed, earlier)
    with torch.no_grad():
        stated = predictions_of(objective, belief, torch.from_numpy(x))
    drafts = []
    for i, (one, predictions) in enumerate(zip(wanted, stated, strict=True)):
        known = nearest(space, one.x, history)
        drafts.append(
            ProposalDraft(
                candidate=space.candidate(space.settings(one.x)),
                arm=Arm.MANUAL,
                position=first + i,
                run_order=first + i,
                replicates=1,
                reason=HEADS[Arm.MANUAL] + one.why,
                model="" if belief is None else belief.models[0].name,
                acquisition="",
                acquisition_value=None,
                predictions=predictions,
                neighbour=known.label,
                novelty=known.novelty,
            )
        )
    return tuple(drafts)


def _belief(
    spec: CampaignSpec, history: History, x: NDArray[np.float64], seed: int, earlier: Sequence[Earlier]
) -> Belief | None:
    if spec.planner.surrogate == "random" or not len(x):
        return None
    space, objective = build_space(spec), build_objective(spec)
    history = derived(spec, history)
    table, _ = regression_table(space, objective, history)
    if not len(table) or np.isnan(table.y).all(axis=0).any():
        return None
    try:
        hints, _ = hints_of(spec, space, objective, earlier)
        return learn(spec, space, objective, history, table, seed=seed, hints=hints)
    except (TooFewPoints, FitError):
        return None
