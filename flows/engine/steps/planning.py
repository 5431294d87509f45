"""Planning a round: what the planner is given, all of it from the record, and what is stored of its answer."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from flows.engine.looking.claims import claims_of
from flows.engine.looking.derived import by_its_formulas
from flows.engine.looking.forbidden import forbidden
from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.unplannable import no_plate
from flows.engine.looking.untried import left_for_now
from flows.engine.looking.view import View
from flows.engine.people.decisions import decided_next
from flows.engine.sources.hearing import recorded, sources_of
from flows.engine.steps.identifying import identified
from flows.engine.steps.planners import Planner
from flows.engine.steps.regions import Takes, as_json, notes_on, without
from loop.contracts import Ledger
from loop.costs import Purse
from loop.design import WHOLE
from loop.errors import NothingToGain, PoolExhausted, SpaceError, Unproven
from loop.history import Claim, History
from loop.memory.earlier import Earlier
from loop.open_limits import notes_on_open_limits
from loop.policy.paying import BATCH_COSTS, reason_to_end
from loop.policy.stopping import MEASURED_AGAIN, reason_to_stop, regret_settled
from loop.record import Arm, CampaignRecord, Json, ProposalDraft, RoundDraft
from loop.resources import Resource, telling
from loop.space import Space
from loop.spec import CampaignSpec, PlannerSpec, build_objective, build_space
from loop.spec.checks.designing import initial_size
from loop.spec.costs import build_costs
from loop.spec.limits import trimmings
from loop.spec.models import START
from loop.spec.stock import budget_of
from loop.training import regression_table

if TYPE_CHECKING:
    from loop.planner import Plan

# The packages that decide the numbers; a replay names those that are not as they were.
PACKAGES: Final = ("hakken", "torch", "botorch", "gpytorch", "numpy", "scipy", "scikit-learn", "rdkit")
REGRET: Final = "regret"  # in a round's model: how much better something untried may be
LEFT_OUT: Final = "left_out"  # in a round's model: what only lost resources would do
RESOURCES: Final = "resources"  # in a round's model: what the record told of them
PURSE: Final = "purse"  # in a round's model: what the budget left in money and hours
ALLOWED: Final = "experiments_allowed"  # in a round's model: what the budget left when it was planned
LEFT: Final = "experiments_left"  # in a round's model: the same of the whole budget, where that was more


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that decides a batch."""

    number: int  # of the round
    seed: int
    spec: CampaignSpec
    space: Space
    history: History
    experiments: int  # at most so many
    notes: tuple[str, ...] = ()
    purse: Purse | None = None  # what the budget leaves in money and hours
    way_back: str = ""  # how what people keep out of the spec's space comes back; empty where they keep nothing out
    unrun: tuple[str, ...] = ()  # why pinned candidates are passed over
    earlier: tuple[Earlier, ...] = ()  # sources
    read: Json = field(default_factory=dict)  # what the round's model says of them
    resources: tuple[Resource, ...] = ()  # what the record told of them, where experiments cost something
    regions: Mapping[str, Takes] = field(default_factory=dict)  # left out: only lost resources would do them
    left: int | None = None  # how many experiments the budget leaves, where that is more; None for as many

    def noted(self, plan: Plan) -> tuple[str, ...]:
        """Everything that was not as asked: on the way to the plan, and in planning."""
        return tuple(dict.fromkeys((*self.notes, *self.history.notes, *plan.notes)))

    def plan(self, planner: Planner) -> Plan:
        """The batch, of at least one proposal. Raises what the planner raises besides.

        Pinned candidates take their places in the batch, or make it up where they are many.

        Raises:
            PoolExhausted: Nothing is left to propose, perhaps because a person refused all that was.
            NothingToGain: What is left is not worth an experiment, by a rule of the spec; what is pinned always is.
        """
        pinned = self.history.pinned[: self.experiments]
        if not pinned:
            plan = self._planned(planner, self.spec, self.experiments, self.purse)
            if reason := regret_settled(self.spec, plan.model.get(REGRET, {})):
                raise NothingToGain(reason)
            return plan
        if self.spec.plate is not None:  # on a plate the planner itself gives them their wells
            return self._planned(planner, self.spec, self.experiments, self.purse)
        from loop.pinning import manual_proposals, paid_pins  # brings torch: only where something is pinned
        from loop.planner import Plan

        purse: Purse | None = self.purse
        notes: tuple[str, ...] = ()
        if purse is not None:
            pinned, purse, notes = paid_pins(self.spec, self.history, pinned, purse)
        batch, smaller = self.spec.planner.batch, self._beside(len(pinned))
        left = self.experiments - len(pinned)
        try:
            spec = self.spec.model_copy(update={"planner": smaller})
            plan = self._planned(planner, spec, max(left, 1), purse)
        except PoolExhausted:  # what is pinned is run all the same
            if not pinned:
                raise
            seen, waiting = self.history.observations, self.history.pending
            plan = Plan(self.seed, "", {}, (), tuple(o.id for o in seen), tuple(p.key for p in waiting), ())
        is_asked = self.spec.planner.initial.experiments is not None or batch == 1  # the design, whatever is pinned
        comes_first = is_asked and any(p.arm is Arm.INITIAL for p in plan.proposals)
        is_full = not left or (batch <= len(pinned) and not comes_first)
        kept = () if is_full else plan.proposals
        manual = manual_proposals(
            self.spec, self.history, pinned, seed=self.seed, first=len(kept), earlier=self.earlier
        )
        said = [n.replace(BATCH_COSTS, "what is not pinned costs") for n in plan.notes if kept or BATCH_COSTS not in n]
        return replace(plan, proposals=(*kept, *manual), notes=(*said, *notes))

    def _beside(self, pinned: int) -> PlannerSpec:
        """How a batch is chosen of which so many places are taken; of a first one that is no more than a batch too."""
        planner = self.spec.planner
        smaller = planner.model_copy(update={"batch": max(planner.batch - pinned, 1)})
        if planner.initial.experiments is not None or planner.batch == 1:
            return smaller
        known = len(self.history.observations) + len(self.history.pending)
        if planner.begins_with_a_batch and known >= START:
            return smaller.with_first(START)
        return smaller.with_first(known + max(planner.first - planner.copies * pinned, 1))

    def _planned(self, planner: Planner, spec: CampaignSpec, experiments: int, purse: Purse | None) -> Plan:
        more: dict[str, object] = {} if purse is None else {"purse": purse}
        if self.earlier:
            more["earlier"] = self.earlier
        if self.resources:
            more["resources"] = self.resources
        if self.left is not None:
            more["left"] = self.left - (self.experiments - experiments)  # what is pinned is taken off both
        try:
            plan = planner(spec, self.history, None, seed=self.seed, experiments=experiments, **more)
        except Unproven:  # refusals have nothing to do with it
            raise
        except (SpaceError, PoolExhausted) as error:
            if isinstance(error, SpaceError) and not (self.way_back or self.regions):
                raise
            why = str(error).replace(MEASURED_AGAIN, "") if self._comes_out_the_same() else str(error)
            by_people = (f"nothing is left that a person did not refuse: {why}", self.way_back)
            said = by_people if self.way_back else (why,)
            raise PoolExhausted("; ".join((*said, *self.unrun))) from error
        if not plan.proposals:
            raise PoolExhausted("the planner proposed nothing; widen the space or end the campaign")
        return plan

    def _comes_out_the_same(self) -> bool:
        """Whether to measure again what was measured tells nothing."""
        from adapters.registry import repeats

        return repeats(self.spec.laboratory.adapter, self.spec.laboratory.options)


@dataclass(frozen=True, slots=True)
class Need:
    """Whether a batch is due: so many experiments, or none and, where it is over, why."""

    experiments: int = 0
    reason: str = ""  # why the campaign is to end


def what_is_due(view: View, lost: Container[str]) -> Need:
    """Whether the record asks for another batch now.

    In batch mode the next round comes when every attempt of the last has ended, so that it does not depend on the
    order in which results arrive. In rolling mode as many are proposed as were freed. Attempts under the keys ``lost``
    are with a resource that could not work for long: they stay pending, and nothing waits for them.
    """
    if not view.is_active or view.undecided or view.spec.source is not None:
        return Need()
    planner, pending = view.spec.planner, view.pending
    awaited = [a for a in pending if a.key not in lost]
    if planner.mode == "batch" and awaited:
        return Need()
    if reason := _reason_to_stop(view, 0):  # the goal; what was not sent yet is no longer wanted
        return Need(0, reason)
    if reason := reason_to_end(view.spending.costs, view.spending.purse):
        return Need() if pending else Need(0, reason)
    left = view.spec.budget.most - view.spent
    if left <= 0:
        return Need() if pending else Need(0, _reason_to_stop(view, view.spent))
    if no_plate(view):  # said as the next step, before a person has done something
        return Need()
    if planner.replicates != "planned" and left_for_now(view):  # so is this, and no pass plans in vain meanwhile
        return Need()
    if planner.mode == "batch" or view.round_number == 0:
        return Need(left)
    free = min(left, planner.batch * planner.copies - len(awaited))
    return Need(free) if free >= min(planner.copies, left) else Need()


def goal_reached(view: View) -> str:
    """Which rule under ``stop`` a result meets already, as a sentence; "" where none does."""
    return _reason_to_stop(view, 0)


def _reason_to_stop(view: View, spent: int) -> str:
    history, _ = history_of(view.spec, view.space, view.counted, view.pending)
    judged = None if view.spec.general is None else view.judged
    if judged:
        history = replace(history, claims=_claims(view, history))
    return reason_to_stop(view.spec, history, spent, judged)


def next_inputs(view: View, experiments: int, regions: Mapping[str, Takes] | None = None) -> Inputs:
    """What the next round is planned from; ``regions`` are left out of its space."""
    regions = regions or {}
    number = view.round_number + 1
    said = decided_next(view)
    history, unreadable = history_of(view.spec, view.space, view.counted, view.pending)
    claims = _claims(view, history) if number > 1 else ()
    seed = seed_of(view.spec.planner.seed, view.name, number)
    earlier, read, unread = sources_of(view.ledger, view.spec)
    before = view.ledger.round(view.name, number - 1) if read and number > 1 else None
    return Inputs(
        number,
        seed,
        without(said.spec, regions),
        view.space,
        replace(said.history(history), claims=claims),
        experiments,
        (
            *trimmings(view.spec),
            *said.notes,
            *notes_on(regions),
            *unreadable,
            *unread,
            *_rest_of_design(view, history),
            *_open_limits(view, history),
            *forbidden(view),
        ),
        view.spending.purse,
        said.way_back,
        said.unrun,
        earlier,
        recorded(read, before, view.ledger, view.name),
        telling(view.figures) if view.spending.costs is not None else (),
        regions,
        _left(view, experiments),
    )


def _left(view: View, experiments: int) -> int | None:
    """How many experiments the budget leaves, where that is more than may be planned now."""
    left = view.spec.budget.most - view.spent
    return left if left > experiments else None


def _claims(view: View, history: History) -> tuple[Claim, ...]:
    """What was predicted in earlier rounds, and what came of it."""
    spec = view.campaign.spec
    proposals = by_its_formulas(spec, view.proposals, lambda: view.ledger.rounds(view.name))
    return claims_of(spec, proposals, view.attempts, view.counted, history)


def _open_limits(view: View, history: History) -> tuple[str, ...]:
    """Notes where many values are limits of which nothing closes the other side."""
    objective = build_objective(view.spec)
    return notes_on_open_limits(objective, regression_table(view.space, objective, history)[0])


def _rest_of_design(view: View, history: History) -> tuple[str, ...]:
    """A note where results that were brought in leave less than a batch of the initial design to the first round."""
    initial, batch = initial_size(view.spec), view.spec.planner.batch
    known = len(history.observations)
    left = math.ceil((initial - known) / view.spec.planner.copies)
    spec = view.spec.planner.initial
    is_whole = spec.design in WHOLE or view.spec.planner.begins_with_a_batch  # what was told takes nothing off it
    if view.round_number or not known or is_whole or spec.first or view.spec.plate or not 0 < left < batch:
        return ()
    return (
        f"{known} of the {initial} experiments of the initial design are on record, and this batch is the rest of it; "
        f"initial: {{experiments: {known}}} under planner lets a model plan a whole batch now",
    )


def first_inputs(spec: CampaignSpec, ledger: Ledger | None) -> Inputs:
    """What the first round of a campaign is planned from that is not on record yet.

    Sources are in ``ledger``, None where there is no record.
    """
    seed = seed_of(spec.planner.seed, spec.campaign, 1)
    space = build_space(spec)
    budget = budget_of(spec, build_costs(spec, space))
    purse = None if budget == Purse() else budget
    earlier, _, unread = sources_of(ledger, spec)
    notes = trimmings(spec) + unread
    return Inputs(1, seed, spec, space, History(), spec.budget.most, notes, purse=purse, earlier=earlier)


def on_its_plate(inputs: Inputs, plan: Plan) -> Iterator[ProposalDraft]:
    """The proposals of a plan, each in its well of the plate that the round is, where it is one."""
    for p in plan.proposals:
        yield p if p.place is None else replace(p, place=replace(p.place, plate=inputs.number))


def draft_of(inputs: Inputs, plan: Plan, campaign: CampaignRecord) -> RoundDraft:
    """The round as it is put on record; ``campaign`` as it was when the inputs were read."""
    proposals = tuple(
        replace(p, candidate=identified(inputs.space, p.candidate.settings)) for p in on_its_plate(inputs, plan)
    )
    return RoundDraft(
        number=inputs.number,
        seed=inputs.seed,
        data_version=campaign.data_version,
        surrogate=plan.surrogate,
        model={
            **plan.model,
            ALLOWED: inputs.experiments,
            **({} if inputs.left is None else {LEFT: inputs.left}),
            **inputs.read,
            **({} if inputs.purse is None else {PURSE: inputs.purse.as_json}),
            **({RESOURCES: [r.as_json() for r in inputs.resources]} if inputs.resources else {}),
            **({LEFT_OUT: as_json(inputs.regions)} if inputs.regions else {}),
        },
        notes=inputs.noted(plan),
        environment=environment(),
        observations=tuple(o.id for o in inputs.history.observations),
        pending=tuple(p.key for p in inputs.history.pending),
        proposals=proposals,
        approved=inputs.spec.laboratory.approval == "automatic",
        version=campaign.version,
    )


@cache
def environment() -> Mapping[str, str]:
    """Versions of everything that decides the numbers, as this process began with them."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
