"""The situation in which a batch is chosen: what is wanted, what is known and believed, and what may be spent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.caution import Caution
from loop.acquisition.protocol import Purchase, Question
from loop.belief import Belief, learn
from loop.costs import Pays, Purse, Spent, pays_all
from loop.derived import derived
from loop.design import CLASSICAL, WHOLE, points_of
from loop.errors import FitError, PlanError, SpaceError, TooFewPoints
from loop.fidelity import as_real, fidelity_column, is_real, real_option
from loop.generality import Generality
from loop.history import History, Pending
from loop.learnt_costs import learn_costs, taken_by
from loop.memory.earlier import Earlier
from loop.memory.hint import Hint
from loop.memory.hints import hints_of
from loop.objective import Objective
from loop.outcome import Measured
from loop.plate import Plate
from loop.policy.batch_limits import BatchLimits
from loop.record import Json
from loop.resources import Resource, notes_on, sites_of
from loop.space import Pool, ProductPool, Space
from loop.space.leaving_out import still_has
from loop.space.rows import is_among, key_of
from loop.space.sifting import Twins
from loop.spec import CampaignSpec, build_general, build_objective, build_plate, build_space
from loop.spec.checks.coming_first import named_first
from loop.spec.checks.derived_targets import derived_without_value
from loop.spec.checks.deriving import without_value
from loop.spec.checks.designing import initial_size, wish_of
from loop.spec.models import START
from loop.spec.per_batch import build_batch_limits
from loop.training import Table, regression_table
from loop.wording import plural


@dataclass(frozen=True)
class Situation:
    """Everything that a choice depends on, and notes on what was not as asked."""

    spec: CampaignSpec
    space: Space
    objective: Objective
    history: History
    table: Table  # what the regression learns from
    pool: Pool | None  # None where the space has continuous parameters
    plate: Plate | None
    general: Generality | None  # None where one best candidate is looked for
    purchase: Purchase | None  # None where nothing has a price
    seed: int
    experiments: int  # at most so many
    left: int | None  # how many the budget leaves, of which these are the first; None where it counts none
    belief: Belief | None = None  # None while the initial design goes on
    hints: Mapping[str, tuple[Hint, ...]] = field(default_factory=dict)  # by target: what sources expect of it
    wants_real: bool = False  # nothing but cheap versions was measured so far
    notes: tuple[str, ...] = field(default=())
    learnt_costs: Json = field(default_factory=dict)  # what was learnt from results of what experiments cost
    limits: BatchLimits | None = None  # what the batch may come to as a whole, None for as much as the budget pays
    beside: tuple[Pending, ...] = ()  # what counts in those limits: chosen or pinned, or running where batches overlap

    @property
    def replicates(self) -> int:
        """How many experiments are made of each proposal."""
        return min(self.spec.planner.copies, max(self.experiments, 1))

    @property
    def affordable(self) -> int:
        """How many proposals the experiments allow."""
        return max(self.experiments // self.replicates, 1)

    @property
    def pays(self) -> Pays:
        """Which candidates, ``(n, d)``, can be paid and go with what is chosen already, each by itself: ``(n,)``."""
        if self.limits is None:
            return self._careful(self.pays_of_budget)
        paid, room = self.pays_of_budget, self.room(self.beside_x[:0])
        return self._careful(lambda x: paid(x) & room(x))

    def _careful(self, pays: Pays) -> Pays:
        """The same of candidates that caution allows."""
        caution = self.caution
        return pays if caution is None else lambda x: pays(x) & caution.allows(x)

    @cached_property
    def caution(self) -> Caution | None:
        """What has to be believed of whatever is proposed; None where nothing is asked."""
        if not self.objective.is_cautious:
            return None
        models = () if self.belief is None else self.belief.as_used().models
        return Caution.of(self.objective.on_scale, models, self.table.y, self.first)

    @cached_property
    def first(self) -> NDArray[np.float64]:
        """The experiments that the file names to come first, shape ``(k, d)``."""
        return named_first(self.spec, self.space)

    @cached_property
    def first_left(self) -> NDArray[np.float64]:
        """Those of them that were not tried, are not being tried, and nobody ruled out: shape ``(k, d)``."""
        return self.first[~is_among(self.first, self.tried)]

    def room(self, more: NDArray[np.float64]) -> Pays:
        """Which candidates, ``(n, d)``, go with what is chosen and ``more``, ``(k, d)``, each by itself: ``(n,)``."""
        if self.limits is None:
            return pays_all
        may = self.limits.room(np.vstack([self.beside_x, more]), self.places - len(more))
        return (lambda x: may(as_real(self.space, x))) if self.wants_real else may

    @property
    def beside_x(self) -> NDArray[np.float64]:
        """Coordinates of what counts in the limits of the batch already: shape ``(b, d)``."""
        return np.array([p.x for p in self.beside]).reshape(-1, len(self.space.parameters))

    @property
    def places(self) -> int:
        """How many choices a full batch still has."""
        return min(self.wanted, self.spec.planner.batch)

    @property
    def wanted(self) -> int:
        """How many proposals the initial design still asks for; a batch where it is done or goes on without a model."""
        left = math.ceil(self.initial_left / self.replicates)
        return min(left if left > 0 else self.spec.planner.batch, self.affordable)

    @property
    def pays_of_budget(self) -> Pays:
        """Which candidates, ``(n, d)``, the budget has enough for, each by itself with its replicates: ``(n,)``."""
        purchase = self.purchase
        if purchase is None or purchase.purse == Purse():
            return pays_all
        if self.wants_real:  # whatever is chosen will be run as the real thing
            return lambda x: purchase.pays(as_real(self.space, x), self.copies)
        return lambda x: purchase.pays(x, self.copies)

    @cached_property
    def twins(self) -> Twins | None:
        """What was tried of candidates that give one product; None where no two candidates are one."""
        return Twins.of(self.space, self.tried)

    def admits(self, taken: NDArray[np.float64], pays: Pays | None = None) -> Pays:
        """Which candidates may be chosen by themselves, beside those ``taken``, ``(t, d)``: ``(n, d)`` to ``(n,)``.

        They can be paid for (by ``pays``, or what the budget leaves), pass the filters of products, and no other
        combination with the same product is taken. Where the choice will be run as the real thing, no constraint
        forbids that.
        """
        pays = self.pays if pays is None else self._careful(pays)
        if self.wants_real:
            pays = self._allowed_as_real(pays)
        if not self.space.has_products:
            return pays
        known = self.twins
        if known is not None and len(taken) > len(self.tried):
            known = known.beside(taken)

        def may(x: NDArray[np.float64]) -> NDArray[np.bool_]:
            kept = np.array(pays(x), dtype=bool)
            kept[kept] = self.space.keeps(x[kept])
            if known is not None:
                kept[kept] = known.are_new(x[kept])
            return kept

        return may

    def _allowed_as_real(self, pays: Pays) -> Pays:
        return lambda x: self.space.allows(as_real(self.space, x)) & pays(x)

    @property
    def copies(self) -> int:
        """How many experiments are paid for with each choice; on a plate every copy is a well, chosen by itself."""
        return 1 if self.plate is not None else self.replicates

    @property
    def later(self) -> int | None:
        """How many choices the budget leaves after this batch at the most; None where it does not say."""
        left = min((n for n in (self.left, self._paid_for) if n is not None), default=None)
        if left is None:
            return None
        size = self.plate.wells if self.plate is not None else self.spec.planner.batch * self.replicates
        return max(left - min(size, self.experiments), 0) // self.copies

    @property
    def _paid_for(self) -> int | None:
        """How many real experiments money and hours pay for, were each the cheapest (docs/decisions/0109)."""
        if self.purchase is None:
            return None
        return self.purchase.purse.times(self.purchase.costs.cheapest(real_option(self.space)))

    @property
    def initial_left(self) -> int:
        """How many experiments of the initial design are still to be made; zero or below when it is done."""
        asked = sum(not o.is_told for o in self.history.observations) + len(self.history.pending)
        known = asked + self._told_of_design
        left = initial_size(self.spec) - known
        if self.spec.planner.begins_with_a_batch and not self.objective.is_cautious:  # all of it, or nothing any more
            left = initial_size(self.spec) if known < START else min(left, 0)
        if named := len(self.first_left):  # they come before any model, whatever else was tried
            return max(left, self.replicates * named)
        return left

    @cached_property
    def _told_of_design(self) -> int:
        """How many experiments of the initial design results stand for that were told.

        Of a factorial or a fraction, which tells little with a hole in it, points of it alone, each once and with all
        of its replicates, since it is not made again.
        """
        initial, copies = self.spec.planner.initial, self.spec.planner.copies
        told = [key_of(o.x) for o in self.history.observations if o.is_told]
        if not told or initial.design not in WHOLE:
            return len(told)
        try:
            points = points_of(wish_of(initial, 0, copies), self.space)
        except SpaceError:  # a changed file has no such design any more, and what is left of it is drawn at random
            return len(told)
        asked = Counter(key_of(x) for x in self.history.asked)
        left = {point: n - math.ceil(asked[point] / copies) for point, n in Counter(map(key_of, points)).items()}
        return copies * sum(min(n, max(left.get(point, 0), 0)) for point, n in Counter(told).items())

    @property
    def hears_sources(self) -> bool:
        """Whether a batch can be chosen by what sources expect alone: of one number, and of single experiments.

        Every target has to be expected, those that only keep thresholds too. A classical design is kept whole: part of
        it tells nothing.
        """
        return not self.own_first

    @property
    def own_first(self) -> str:
        """What keeps the initial design whole, whatever sources expect; "" where nothing does."""
        if self.objective.is_cautious:
            return "a cautious target"
        if len(self.first_left):
            return "a campaign that names what comes first"
        if self.plate is not None:
            return "a plate"
        if fidelity_column(self.space) is not None:
            return "a campaign with fidelities"
        if self.spec.planner.initial.design in CLASSICAL:
            return "a classical design"
        if not self.objective.is_scalar:
            return "a front of several targets"
        if len(self.objective.measured) < len(self.objective.targets):
            return "a campaign with derived targets"
        untold = [t.name for t in self.objective.targets if t.name not in self.hints]
        return f"a campaign without a source on {untold[0]}" if untold else ""

    @property
    def after_initial(self) -> int:
        """How many experiments came after the initial design."""
        return max(-self.initial_left, 0)

    @property
    def is_random(self) -> bool:
        return self.spec.planner.surrogate == "random"

    def having(self, x: Sequence[NDArray[np.float64]]) -> Situation:
        """The same once ``x``, ``(d,)`` each, are chosen, so that they run, and the batch has so many places less."""
        running = tuple(Pending("", one) for one in x)
        asked = tuple(p for p in running for _ in range(self.replicates))
        planner = self.spec.planner
        smaller = planner.model_copy(update={"batch": max(planner.batch - len(x), 1)})
        if planner.initial.experiments is None:  # as many are left as were, less what is chosen
            known = len(self.history.observations) + len(self.history.pending)
            smaller = smaller.with_first(known + max(self.initial_left, 0))
        return replace(
            self,
            spec=self.spec.model_copy(update={"planner": smaller}),
            history=replace(self.history, pending=(*self.history.pending, *asked)),
            experiments=max(self.experiments - len(asked), 1),
            left=None if self.left is None else max(self.left - len(asked), 1),
            beside=(*self.beside, *running),
        )

    @cached_property
    def tried(self) -> NDArray[np.float64]:
        """Coordinates that are not to be chosen again, shape ``(t, d)``."""
        return self.history.tried(len(self.space.parameters))

    @cached_property
    def refused(self) -> NDArray[np.float64]:
        """Coordinates of candidates that people refused or banned, or that cannot be made, shape ``(r, d)``."""
        said = (*self.history.kept_out, *self.history.impossible)
        return np.array([one.x for one in said]).reshape(-1, len(self.space.parameters))

    def _made(self, table: Table) -> NDArray[np.float64]:
        """The candidate that each row of a table tells of, ``(n, d)``: what was really done may miss it by a little."""
        made = {o.id: o.made for o in self.history.observations}
        return np.array([made[id_] for id_ in table.ids]).reshape(len(table), len(self.space.parameters))

    @cached_property
    def question(self) -> Question:
        """What an acquisition function is asked. The situation must have a belief."""
        assert self.belief is not None
        table = self.belief.table
        complete = ~np.isnan(table.y).any(axis=1) & is_real(self.space, table.x)
        standing = complete & still_has(self.space, self._made(table))
        # where nothing is left of what was measured, all of it says what is usual
        observed = table.x[standing if standing.any() else complete]
        return Question(
            space=self.space,
            objective=self.objective.on_scale,
            models=self.belief.as_used().models,
            feasibility=self.belief.feasibility,
            pool=self.pool,
            observed=torch.from_numpy(np.unique(observed, axis=0)),
            pending=torch.from_numpy(self.history.waiting(len(self.space.parameters))),
            tried=self.tried,
            seed=self.seed,
            purchase=self.purchase,
            general=self.general,
            most_similar=self.spec.planner.similarity_limit,
            copies=self.copies,
            twins=self.twins,
            later=self.later,
            room=None if self.limits is None else self.room,
            caution=self.caution,
        )


def situation_of(
    spec: CampaignSpec,
    history: History,
    pool: Pool | None,
    *,
    seed: int,
    experiments: int,
    purse: Purse | None,
    left: int | None = None,
    earlier: Sequence[Earlier] = (),
    resources: Sequence[Resource] = (),
    device: str = "cpu",
) -> Situation:
    """The situation that ``loop.planner.plan``'s arguments make, with a belief where one can be had.

    Raises:
        PlanError: The purse counts down what nothing in the spec costs.
    """
    space, objective, history = build_space(spec), build_objective(spec), derived(spec, history)
    learnt = learn_costs(spec, space, taken_by(history.observations), history.used)
    purchase = None
    waits: tuple[str, ...] = ()
    if learnt.costs is not None:
        sites = sites_of(space, resources)
        purchase = Purchase(learnt.costs, history.last, purse or Purse(), bool(spec.planner.per_cost), sites)
        waits = notes_on(sites, resources)
    elif purse is not None and purse != Purse():
        raise PlanError(f"{purse!r} is given, and the spec does not say what experiments cost; give costs, or no purse")
    if pool is None and space.is_finite:
        pool = ProductPool(space)
    table, notes = regression_table(space, objective, history)
    plate, general = build_plate(spec, space), build_general(spec, space)
    found = Situation(spec, space, objective, history, table, pool, plate, general, purchase, seed, experiments, left)
    hints, unheard = hints_of(spec, space, objective, earlier)
    empty = (*without_value(space), *derived_without_value(objective, space))
    notes = (*empty, *history.notes, *notes, *learnt.notes, *waits, *unheard)
    if spec.planner.copies > experiments:
        notes = (*notes, f"the budget leaves {experiments} of {spec.planner.copies} replicates")
    limits = build_batch_limits(spec, space, learnt.costs)
    if limits is not None:
        limits = replace(limits, last=history.last, copies=found.replicates, seed=seed)
    beside = (*(history.pending if spec.planner.mode == "rolling" else ()), *(Pending("", p.x) for p in history.pinned))
    found = replace(found, hints=hints, notes=notes, learnt_costs=learnt.figures, limits=limits, beside=beside)
    return _believing(_within_stocks(found), device)


def _within_stocks(s: Situation) -> Situation:
    """The same with what is left of stocks among the limits of the batch; a plate is filled by it well by well.

    What counts in these limits already was taken from the stocks, too, and is not taken twice.
    """
    if s.purchase is None or not s.purchase.purse.stocks or s.plate is not None:
        return s
    costs = s.purchase.costs
    taken = s.replicates * np.array([stock.at(s.beside_x).sum() for stock in costs.stocks])
    stocks = tuple((what, much + mine) for (what, much), mine in zip(s.purchase.purse.stocks, taken, strict=True))
    limits = s.limits or BatchLimits(None, Purse(), (), (), Spent(), last=s.history.last, seed=s.seed)
    limits = replace(limits, costs=costs, purse=replace(limits.purse, stocks=stocks), copies=s.replicates)
    return replace(s, limits=limits)


def _believing(s: Situation, device: str) -> Situation:
    """The same with a belief, or with the reason why the initial design goes on."""
    if s.initial_left > 0 and not s.hears_sources:
        return replace(s, notes=(*s.notes, *_waiting(s)))
    complete, real = ~np.isnan(s.table.y).any(axis=1), is_real(s.space, s.table.x)
    if len(s.table) and (not real.any() or (complete.any() and not (complete & real).any())):
        why = "nothing real was measured yet, so the initial design goes on with the real thing"
        return replace(s, wants_real=True, notes=(*s.notes, why))
    if len(s.table) and not complete.any():
        return replace(s, notes=(*s.notes, _unmeasured(s)))
    if s.is_random:
        return s
    if not len(s.table) and s.hints and not s.hears_sources:
        why = "no experiment has a value yet, and sources alone choose no batch here, so the initial design goes on"
        return replace(s, notes=(*s.notes, why))
    try:
        belief = learn(s.spec, s.space, s.objective, s.history, s.table, seed=s.seed, hints=s.hints, device=device)
    except (TooFewPoints, FitError) as error:
        return replace(s, notes=(*s.notes, f"no model this round, the initial design goes on: {error}"))
    return replace(s, belief=belief, notes=(*s.notes, *belief.notes))


def _unmeasured(s: Situation) -> str:
    """Why results teach nothing yet where none has a value of every target, and how what ran can be made to."""
    values = zip(s.objective.targets, s.table.y.T, strict=True)
    lacking = [t.name for t, y in values if np.isnan(y).all() and t.expression is None]
    if not lacking:
        return "no experiment has a value for every target yet, so the initial design goes on"
    names = " and ".join(lacking)
    counts = Counter(
        name
        for o in s.history.observations
        if isinstance(o.outcome, Measured)
        for name in {m.property for m in o.outcome.measurements} - set(s.objective.names)
    )
    other = "".join(
        f"; {plural(n, 'result')} with a value of {name}, which is no target: where that is {names}, keep its name"
        for name, n in counts.items()
    )
    return (
        f"no experiment has a value of {names} yet, so the initial design goes on, whatever else was measured; where "
        f"what ran can still be measured, hakken export {s.spec.campaign} FILE, a column {lacking[0]} filled in there, "
        f"and hakken tell let a model choose{other}"
    )


def _waiting(s: Situation) -> tuple[str, ...]:
    """A note on what is known before, where the initial design comes first."""
    hints = [h for hints in s.hints.values() for h in hints if not h.is_spare]
    known = list(dict.fromkeys("the prior" if h.kind == "prior" else f"source {h.name!r}" for h in hints))
    if not known or s.is_random:
        return ()
    verb = "waits" if len(known) == 1 else "wait"
    return (f"{' and '.join(known)} {verb} for the first model: {s.own_first} keeps its own first experiments",)
