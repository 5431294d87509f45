"""The batch: by the model where there is one, else by the initial design; well by well where it fills a plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.fidelities import Fidelities, prices, shares_of
from loop.acquisition.protocol import Acquisition, Chosen, Question
from loop.acquisition.registry import acquisition
from loop.costs import Purse, pays_all
from loop.errors import PoolExhausted, Unproven
from loop.explain import explain_replicate
from loop.fidelity import as_real, fidelity_column, is_real
from loop.objective import Tradeoff
from loop.planning.careful import WAYS, nothing_believed, unproven
from loop.planning.designing import by_design, left_out, payable_at_random, payable_controls
from loop.planning.hearing import by_sources
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.planning.versions import made_real, told_by_versions
from loop.plate import Plate, Scope
from loop.plate.pins import Wish
from loop.plate.planning import acquisition_of, asked_plate, designed_plate
from loop.plate.supply import Stocked
from loop.policy.control import controls_in
from loop.policy.paying import covered, said, set_aside
from loop.policy.replicate import spend
from loop.policy.stopping import MEASURED_AGAIN
from loop.record import Arm, Place
from loop.space.rows import is_among
from loop.space.sifting import firsts
from loop.wording import plural

LOOKED_AT = 100_000  # candidates among which one that was not tried is looked for
SMALLER = 4  # times that a plate is planned again with as many wells as can be paid; what is over is left out then


def choose_batch(s: Situation) -> tuple[list[Pick], list[str]]:
    """The next batch in the order of choosing, and notes on what was not as asked.

    Raises:
        PoolExhausted: Nothing is left to propose.
    """
    if s.plate is not None:
        if s.caution is not None and s.belief is None:
            raise Unproven(unproven(s))
        picks, notes = _on_plate(s, s.plate)
    elif s.belief is not None and not len(s.table):
        picks, notes = by_sources(s)
    elif s.belief is not None:
        picks, notes = _by_model(s, min(s.spec.planner.batch, s.affordable))
    elif s.caution is not None and not len(s.first_left):
        raise Unproven(unproven(s))
    elif s.initial_left <= 0 and s.is_random:
        picks, notes = _at_random(s, min(s.spec.planner.batch, s.affordable)), []
    else:
        picks, notes = by_design(s)
    if s.wants_real:
        picks = made_real(s, picks)
    if s.space.has_products and s.plate is None:
        picks = _each_product_once(s, picks)
    if s.twins is not None and s.twins.passed:
        notes = [*notes, _passed_over(len(s.twins.passed))]
    if not picks:
        raise PoolExhausted(_nothing_left(s))
    return picks, notes


def _each_product_once(s: Situation, picks: Sequence[Pick]) -> list[Pick]:
    """The picks without those whose product fails a filter or was chosen before them; replicates stay."""
    new = [i for i, p in enumerate(picks) if p.arm is not Arm.REPLICATE]
    x = np.array([picks[i].x for i in new]).reshape(-1, len(s.space.parameters))
    may = s.admits(s.tried, pays_all)(x)
    chosen = {new[i] for i in firsts(s.space, x, s.twins).tolist() if may[i]}
    return [p for i, p in enumerate(picks) if p.arm is Arm.REPLICATE or i in chosen]


def _passed_over(n: int) -> str:
    what = "1 combination of reagents was" if n == 1 else f"{n} combinations of reagents were"
    return f"{what} passed over: another that gives the same product was tried, is running or stands in the batch"


def _nothing_left(s: Situation) -> str:
    """Why there is no batch, with the way out."""
    tried, bought = "was tried or is being tried", s.purchase
    if s.space.has_products:
        tried = "was tried or is being tried, gives a product that was, or does not pass a filter"
    way = "widen the space or end the campaign"
    if _may_be_measured_again(s):
        way += MEASURED_AGAIN
    real = ""
    if bought is not None and bought.purse != Purse():
        real = " real" if fidelity_column(s.space) is not None else ""
    if bought is not None and bought.purse != Purse() and _may_be_dear(s):
        left = said(bought.purse, bought.costs)
        tried, way = f"was tried, is being tried, or costs more than the budget leaves ({left})", "raise it to go on"
    if s.caution is not None:
        tried, way = f"{tried}, or {nothing_believed(s)}", WAYS
    if s.spec.planner.replicates == "planned" and s.belief is not None:
        tried += ", and no replicate is worth an experiment"
        way = "end the campaign, or widen the space or the budget"
    return f"every{real} candidate {tried}; {way}"


def _may_be_measured_again(s: Situation) -> bool:
    """Whether results may scatter, and planned replicates can tell by how much."""
    has_numbers = not s.objective.has_classes and not all(t.is_exact for t in s.objective.targets)
    return has_numbers and s.belief is not None and s.plate is None and s.spec.general is None


def _may_be_dear(s: Situation) -> bool:
    """Whether something was not tried, and costs too much perhaps; not where all were looked at, and none was."""
    if s.pool is None or len(s.pool) > LOOKED_AT or s.space.has_products:
        return True
    x = s.pool.take(np.arange(len(s.pool)))
    return bool((is_real(s.space, x) & ~is_among(x, s.tried)).any())


def _at_random(s: Situation, n: int) -> list[Pick]:
    x = payable_at_random(s, n)
    return [Pick(row, Arm.MODEL, "random", None, "chosen at random") for row in x]


def _by_model(s: Situation, batch: int) -> tuple[list[Pick], list[str]]:
    """The model's choices, then the controls, which are drawn from what the model left."""
    planner = s.spec.planner
    controls = controls_in(batch, s.after_initial // max(planner.copies, 1), planner.control)
    question, function = s.question, _function(s)
    if isinstance(function, Fidelities) and s.left is not None:
        function = replace(function, left=s.left - controls * s.replicates)
    with torch.set_grad_enabled(not s.space.is_finite):
        choice = function.choose(question, batch - controls) if batch > controls else None
    chosen: Sequence[Chosen] = choice.points if choice else ()
    picks = [Pick(c.x, Arm.MODEL, c.by or function.name, c.value, c.meaning, also=c.also) for c in chosen]
    if planner.replicates == "planned":
        with torch.no_grad():
            picks = _with_replicates(s, question, picks, batch - controls)
    notes = list(choice.notes) if choice else []
    left = function.left if isinstance(function, Fidelities) else None
    if left is not None and (len(picks) + 1) * s.replicates > left:
        notes.append(_last_is_real(s, left))
    if (room := s.affordable - controls) < len(picks):  # of a cheap version many count as one
        what = plural(s.affordable, "experiment")
        has_room = "the budget leaves" if s.left in (None, s.experiments) else "there is room for"
        notes.append(
            f"{len(picks)} experiments were worth a place in this batch, and those that bring most have it: "
            f"{has_room} {what}, of which each version of a candidate is one"
        )
        picks = _most_worth(picks, room)
    if controls:
        taken = np.vstack([s.tried, *(c.x[None, :] for c in chosen)])
        try:
            x = payable_controls(s, taken, controls, s.seed + 1)
            picks.extend(Pick(row, Arm.CONTROL, "", None, "control, chosen at random") for row in x)
        except PoolExhausted:
            notes.append("no candidate was left for the control arm")
    return picks, notes


def _last_is_real(s: Situation, left: int) -> str:
    """What is said where the batch uses up the budget's experiments."""
    what = "1 experiment is" if left == 1 else f"{left} experiments are"
    kept = "the last is" if s.replicates == 1 else f"the last {s.replicates} are"
    return f"{what} left, of which each version of a candidate is one, and {kept} kept for the real thing"


def _most_worth(picks: Sequence[Pick], n: int) -> list[Pick]:
    """So many of the picks, those of the highest value, in their order."""
    best = sorted(range(len(picks)), key=lambda i: -(picks[i].value or 0.0))[:n]
    return [picks[i] for i in sorted(best)]


def _function(s: Situation) -> Acquisition:
    if fidelity_column(s.space) is not None:
        return Fidelities(told_by_versions(s), s.table.x, "improvement" if s.objective.is_scalar else "pareto")
    wanted = s.objective.wanted
    return acquisition(
        s.spec.planner.acquisition,
        is_finite=s.space.is_finite,
        targets=1 if s.objective.is_scalar else len(wanted),
        has_levels=len(wanted) == 1 and wanted[0].levels is not None,
        has_scope=s.general is not None,
        has_classes=s.objective.has_classes and s.objective.tradeoff is Tradeoff.PARETO,
    )


def _with_replicates(s: Situation, question: Question, picks: Sequence[Pick], q: int) -> list[Pick]:
    """The model's choices, some of them given up for tried candidates again where that is worth more."""
    assert s.belief is not None
    used = set(s.belief.table.ids)
    rows = np.array([o.made for o in s.history.observations if o.id in used])  # not how far it strayed
    made, times = np.unique(rows, axis=0, return_counts=True)
    real = is_real(s.space, made)  # a cheap version is named by nobody, and not worth a second look
    made, times = made[real], times[real]
    waiting = question.pending[torch.from_numpy(is_real(s.space, question.pending.numpy()))]
    once = (times == 1) & ~is_among(made, waiting.numpy())
    bundles = _bundles(question, picks)
    question = replace(question, observed=torch.from_numpy(made), pending=waiting)
    fresh = [torch.from_numpy(as_real(s.space, those[0].x[None])[0]) for those in bundles]
    kept: list[Pick] = []
    for turn in spend(question, fresh, q, may=may_run_again(s, made), once=once):
        if not turn.is_replicate:
            kept.extend(bundles[turn.index])
            continue
        x = question.observed[turn.index].numpy()
        meaning = explain_replicate(s.objective, turn, s.history, x, per=question.per)
        kept.append(Pick(x, Arm.REPLICATE, "replicate", turn.gain, meaning))
    return kept


def may_run_again(s: Situation, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which tried candidates ``x``, ``(n, d)``, are candidates still, and nobody refused or banned them: ``(n,)``."""
    return s.space.holds(x) & ~is_among(x, s.refused)


def _bundles(question: Question, picks: Sequence[Pick]) -> list[list[Pick]]:
    """The picks in their order, as many of a cheap version together as count as one experiment of the batch."""
    if fidelity_column(question.space) is None or not picks:
        return [[p] for p in picks]
    x = torch.from_numpy(np.array([p.x for p in picks]))
    real = torch.from_numpy(as_real(question.space, x.numpy()))
    price = prices(question, torch.cat([x, real]))
    found: list[list[Pick]] = []
    full = 1.0
    for pick, share in zip(picks, shares_of(price[: len(x)], float(price[len(x) :].median())).tolist(), strict=True):
        if full > 1.0 - 1e-9:
            found.append([])
            full = 0.0
        found[-1].append(pick)
        full += share
    return found


def _on_plate(s: Situation, plate: Plate) -> tuple[list[Pick], list[str]]:
    """Every well of the next plate; of one that a budget in money or hours does not cover, so many wells as it pays.

    Those are planned as a smaller plate, so that reserved wells keep their share.
    """
    picks, notes = _filled(s, plate, s.affordable)
    if s.purchase is None or s.purchase.purse == Purse():
        return picks, notes
    costs, purse, last = s.purchase.costs, s.purchase.purse, s.purchase.last
    for _ in range(SMALLER):
        kept = covered(np.array([p.x for p in picks]), costs, purse, last, replicates=1, seed=s.seed)
        if not kept or len(kept) == len(picks):
            break
        if not all(
            costs.spent(p.x[None], last).fits(purse) for p in picks
        ):  # too dear by itself: no smaller plate helps
            break
        paid = f"the budget leaves {said(purse, costs)}, which pays for {len(kept)} of {len(picks)} wells"
        picks, notes = _filled(s, plate, len(kept))
        notes = [paid, *notes]
    return picks, notes


def _filled(s: Situation, plate: Plate, experiments: int) -> tuple[list[Pick], list[str]]:
    """The next plate with at most so many experiments."""
    pinned, unpaid = _paid_wishes(s)
    stocks = _stocks(s)
    if s.belief is not None:
        seats, notes = asked_plate(plate, s.spec, s.question, s.after_initial, experiments, pinned, stocks)
        function = acquisition_of(s.spec, s.objective)
    else:
        is_random = s.initial_left <= 0 and s.is_random
        design, arm = ("random", Arm.MODEL) if is_random else (s.spec.planner.initial.design, Arm.INITIAL)
        seats, notes = designed_plate(
            plate, s.space, s.pool, s.tried, design, arm, experiments, s.seed, pinned, s.pays, s.twins, stocks
        )
        notes = (*left_out(s), *notes)
        function = "random"
    blocks = plate.group(Scope.BLOCK)
    return [
        Pick(
            seat.x,
            seat.arm,
            function if seat.arm is Arm.MODEL else "",
            seat.value,
            seat.meaning,
            Place(1, plate.label(seat.well), int(blocks[seat.well]) + 1),
        )
        for seat in seats
    ], [*unpaid, *notes]


def _stocks(s: Situation) -> Stocked | None:
    """What is left of things of which there is so much, for the wells of a plate; None where there is no such thing."""
    if s.purchase is None or not s.purchase.purse.stocks:
        return None
    stocks = s.purchase.costs.stocks
    left = np.array([much for _, much in s.purchase.purse.stocks])
    return Stocked(lambda x: np.column_stack([stock.at(x) for stock in stocks]), left)


def _paid_wishes(s: Situation) -> tuple[list[Wish], list[str]]:
    """What a person wants on the plate and the budget pays for, with a note on what it does not."""
    wishes = [Wish(one.x, one.why) for one in s.history.pinned]
    if not wishes or s.purchase is None:
        return wishes, []
    costs, purse = s.purchase.costs, s.purchase.purse
    kept, _ = set_aside(np.array([w.x for w in wishes]), costs, purse, s.purchase.last)
    notes = [
        f"{s.space.label(s.space.settings(w.x))}, pinned, costs more than the budget leaves ({said(purse, costs)}); "
        "it stays pinned"
        for i, w in enumerate(wishes)
        if i not in kept
    ]
    return [wishes[i] for i in kept], notes
