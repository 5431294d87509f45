"""Proposals: what of a batch can be paid, in which order it runs, and what is stated of each choice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.hits import HIT
from loop.acquisition.protocol import Purchase
from loop.belief import Belief, level_chances, predictions_of
from loop.costs import Costs, Purse
from loop.design.reasons import explain_block
from loop.errors import PoolExhausted
from loop.expecting import Mark
from loop.explain import explain_initial, explain_model, nearest, origin_of
from loop.fidelity import fidelity_column, is_real
from loop.insight.best import best_of_belief
from loop.insight.conditions import best_condition, judged_of
from loop.insight.differing import first_alike
from loop.insight.regret import has_regret, regret_of
from loop.insight.saying import best_sentence
from loop.insight.scattering import measured_again, scattered
from loop.insight.statements import DELTA, Believed, HonestBest
from loop.planning.careful import believed_kept
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.policy.paying import BATCH_COSTS, covered, said
from loop.policy.run_order import evenly_between, run_order, within
from loop.record import Arm, Json, ProposalDraft
from loop.space.leaving_out import still_has
from loop.space.rows import is_among
from loop.values import on_scale
from loop.wording import amount_text

NAMED = 4  # options that a note names


def paid(s: Situation, purchase: Purchase, picks: Sequence[Pick]) -> tuple[list[Pick], list[str]]:
    """What of the batch can be paid, with notes on what cannot and on the order of running.

    Raises:
        PoolExhausted: The budget pays for none of it.
    """
    costs, purse, notes = purchase.costs, purchase.purse, []
    x = np.array([p.x for p in picks])
    kept = covered(x, costs, purse, purchase.last, replicates=s.replicates, seed=s.seed)
    if not kept:
        raise PoolExhausted(
            f"the budget leaves {said(purse, costs)}, which pays for none of what was chosen next; raise it to go on"
        )
    if len(kept) < len(picks):
        notes.append(f"the budget leaves {said(purse, costs)}, which pays for {len(kept)} of {len(picks)} proposals")
        hoped = [p.value for i in kept if (p := picks[i]).meaning == HIT and p.value is not None]
        if hoped:  # the choice spoke of all that were chosen
            notes.append(f"{sum(hoped):.1f} hits expected of those that it pays for")
    if costs.switch and len(kept) > 1:
        notes.append("run order: few changes of slow parameters, at random within equal settings of them")
    order = run_order(x[kept], costs, purchase.last, seed=s.seed)
    batch = costs.spent(np.repeat(within(x[kept], order), s.replicates, axis=0), purchase.last)
    if whole := said(Purse(batch.cost if costs.has_money else None, batch.hours or None), costs):
        notes.append(f"{BATCH_COSTS} {whole}{_bought(s, costs, x[kept])}")
    return [picks[i] for i in kept], notes


def _bought(s: Situation, costs: Costs, x: NDArray[np.float64]) -> str:
    """Of what a batch costs, what is spent on what it uses for the first time; "" where that is nothing."""
    bought = costs.bought(x)
    if not bought:
        return ""
    named = [str(s.space.parameters[column].value(option)) for column, option, _ in bought]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    money = amount_text(sum(price for _, _, price in bought))
    unit = f" {costs.unit}" if costs.unit else ""
    return f", {money}{unit} of it for what is used for the first time: {', '.join(named[:NAMED])}{more}"


def proposals(s: Situation, picks: Sequence[Pick]) -> tuple[ProposalDraft, ...]:
    """The picks as the record keeps them: run order, reason, predictions and nearest neighbour of each."""
    belief, purchase = s.belief, s.purchase
    x = torch.from_numpy(np.array([p.x for p in picks]))
    with torch.no_grad():
        stated, levels = predictions_of(s.objective, belief, x), level_chances(s.objective, belief, x)
        used = None if belief is None else belief.as_used()  # by which they were chosen
        hoped = stated if used is belief else predictions_of(s.objective, used, x)
    costs = None if purchase is None else purchase.costs
    is_per = purchase is not None and purchase.per_cost and fidelity_column(s.space) is None
    per = f" per {costs.shown_unit}" if costs is not None and is_per else ""
    order = run_order(x.numpy(), costs, s.history.last, seed=s.seed)
    blocks = np.array([p.block for p in picks])
    named = np.array([p.is_named for p in picks])  # these run first, in their order
    order = np.lexsort((order, np.where(named, np.arange(len(picks)), blocks), ~named)).argsort()  # block after block
    centre = np.array([p.is_centre for p in picks])
    if costs is None or not costs.switch:  # where changes cost, a few of them go before
        order = evenly_between(order, centre, blocks)
    mark = None if used is None else Mark.of(s.question, used)
    drafts = []
    for position, (pick, predictions, told) in enumerate(zip(picks, stated, hoped, strict=True)):
        known = nearest(s.space, pick.x, s.history)
        if pick.arm is Arm.MODEL and used is not None and mark is not None:
            reason = explain_model(
                s.space,
                s.objective,
                used,
                pick.acquisition,
                pick.value,
                told,
                levels[position],
                known,
                pick.x,
                mark=mark,
                per=per,
                condition=pick.meaning if pick.acquisition == "general" else "",
                also=pick.also,
            )
        else:
            reason = explain_initial(pick.arm, pick.meaning, known) + explain_block(pick.block)
        reason += origin_of(s.space, pick.x) + believed_kept(s, pick)
        drafts.append(
            ProposalDraft(
                candidate=s.space.candidate(s.space.settings(pick.x)),
                arm=pick.arm,
                position=position,
                run_order=int(order[position]),
                replicates=s.replicates,
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


def said_blocks(picks: Sequence[Pick]) -> tuple[str, ...]:
    """A note on where each block of the design begins and ends in the order of running; none without blocks."""
    sizes = Counter(p.block for p in picks if p.block)
    if len(sizes) < 2:
        return ()
    ends = np.cumsum([sizes[block] for block in sorted(sizes)]).tolist()
    parts = [f"block {b} is {end - sizes[b] + 1} to {end}" for b, end in zip(sorted(sizes), ends, strict=True)]
    return (f"in the order of running {', '.join(parts)}; a block is run together, such as on one day",)


def describe(s: Situation, picks: Sequence[Pick] = ()) -> Json:
    """What is believed, for the record: costs, the best and what may be better, each target's model, the evidence.

    Of a space that is not listed, what may be better is also sought among the ``picks`` of the batch.
    """
    belief = s.belief
    learnt = {"learnt_costs": s.learnt_costs} if s.learnt_costs else {}
    if belief is None:
        return learnt
    if s.general is None:
        believed = best_of_belief(s.space, s.objective, s.history, belief, None, seed=s.seed)
    else:
        believed = best_condition(s.general, s.objective, s.history, belief, None, seed=s.seed)
    return learnt | {
        "believed_best": best_sentence(believed),
        **judged_of(believed),
        **_regret(s, belief, believed, picks),
        "targets": {t.name: dict(m.summary()) for t, m in zip(s.objective.targets, belief.models, strict=True)},
        **({"race": {r.target: r.told() for r in belief.races}} if belief.races else {}),
        **({"entangled": found} if (found := {t: e for t, e in belief.entangled.items() if e}) else {}),
        "training_rows": len(belief.table),
        "informative_faults": belief.feasibility.faults,
        **({"sources": {t: [j.told() for j in found] for t, found in belief.judged.items()}} if belief.judged else {}),
    }


def _first_that_stands(s: Situation, believed: HonestBest) -> Believed | None:
    """The candidate that others are held against: the best of those that the campaign file still has.

    Where a limit came later, "nothing is better" than what it leaves out, or than what breaks a threshold, would end a
    campaign that has found nothing. So there is none where nothing of them is left, nor where thresholds are not kept.
    """
    x = np.array([s.space.coordinates(one.settings) for one in believed.candidates])
    there = np.flatnonzero(still_has(s.space, x))
    if not len(there):
        return None
    first = believed.candidates[int(there[0])]
    has_thresholds = any(t.has_bounds for t in s.objective.targets)
    return None if has_thresholds and first.keeps is not None and first.keeps < 0.5 else first


def _leaves_some_for_now(s: Situation) -> bool:
    """Whether a single candidate that was not measured is kept out for now only."""
    x = np.array([one.x for one in s.history.kept_out if one.for_now]).reshape(-1, len(s.space.parameters))
    return not is_among(x, s.question.observed.numpy()).all()


def _regret(s: Situation, belief: Belief, believed: HonestBest, picks: Sequence[Pick]) -> Json:
    """How much better something untried may be, under ``regret``; nothing where that has no meaning, or no best."""
    is_named = bool(believed.candidates) and believed.is_kept
    if s.general is not None or not has_regret(s.objective) or not is_named:
        return {}
    if (first := _first_that_stands(s, believed)) is None:
        return {}
    climbed = np.array([p.x for p in picks]).reshape(-1, len(s.space.parameters))
    also = np.unique(np.vstack([s.history.waiting(climbed.shape[1]), climbed]), axis=0)
    also = also[is_real(s.space, also) & ~is_among(also, s.question.observed.numpy())]
    rules = [(r.regret, r.delta or DELTA) for r in s.spec.stop if r.regret is not None]
    is_factor = len(s.objective.wanted) == 1 and s.objective.wanted[0].is_log
    exact = {s.objective.names[i] for i in belief.known}  # measured again they would say nothing new
    with torch.no_grad():
        found = regret_of(
            replace(s.question, models=belief.as_measured().as_used().models, purchase=None),
            torch.from_numpy(s.space.coordinates(first.settings)),
            on_scale(s.history.claims, s.objective),
            torch.from_numpy(also),
            scattered(s.history, s.objective),
            measured_again(s.history, s.objective) | exact,
        )
    is_narrowed = found.is_narrowed or _leaves_some_for_now(s)
    found = replace(found, is_factor=is_factor, unit="" if is_factor else found.unit, is_narrowed=is_narrowed)
    alike = first_alike(s.objective, belief.table) if found.drawn else ""
    if alike:
        found = replace(found, gaps=torch.full_like(found.gaps, math.inf))
    told = found.told(first.label, rules[0][1] if rules else DELTA, rules)
    return {"regret": {**told, **({"alike": alike} if alike else {}), "settings": dict(first.settings)}}
