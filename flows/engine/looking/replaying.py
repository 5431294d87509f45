"""Replaying: a stored round planned again from the record alone, and compared with what was stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flows.engine.looking.claims import claims_of
from flows.engine.looking.derived import by_its_formulas, with_derived
from flows.engine.looking.former_names import with_former_names
from flows.engine.looking.histories import history_of
from flows.engine.looking.reports import ReplayReport
from flows.engine.people.decisions import decided, meant_otherwise
from flows.engine.sources.hearing import earlier_of, read_of
from flows.engine.steps.planners import Planner, default_planner, devices_in, on_device
from flows.engine.steps.planning import ALLOWED, LEFT, LEFT_OUT, PURSE, REGRET, RESOURCES, Inputs, environment
from flows.engine.steps.regions import read_regions, without
from flows.labels import in_any_order
from flows.unsent import never_sent
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.costs import Purse
from loop.errors import LedgerError, PlanError
from loop.record import Json, Prediction, ProposalDraft, RoundRecord
from loop.resources import Resource
from loop.space import Category, Component
from loop.spec import CampaignSpec, build_space
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings

TOLERANCE: Final = 1e-6  # relative: what another order of summation may cost, far below any difference that matters


def replay(settings: Settings, name: str, round_number: int, *, planner: Planner | None = None) -> ReplayReport:
    """Plan a stored round again and say what differs.

    Nothing but the record is used: the spec in force then, the observations by id (also those retracted since), the
    attempts that were pending, the seed, and what the budget left.

    Raises:
        NotFound: There is no such campaign or round.
        LedgerError: An observation that the round was planned from is not on record.
    """
    with open_record(settings) as ledger:
        stored = ledger.round(name, round_number)
        later = {d.replacement_id for d in ledger.decisions(name)}  # edits of a person, which no planner made
        before = [p.draft for p in ledger.proposals(name, round_number) if p.id not in later]
        inputs = inputs_of(ledger, name, stored)
    differences: list[str]
    notes: tuple[str, ...] = ()
    device = ""
    try:
        now = inputs.plan(planner or on_device(default_planner, settings.device))
    except PlanError as error:
        differences = [f"no batch could be planned now: {error}"]
    else:
        choices = (p.name for p in inputs.space.parameters if isinstance(p, Category | Component))
        names = (*choices, *(m.name for m in inputs.space.mixtures))
        differences = [
            *_compare(before, now.proposals, names),
            *_regrets(stored.model.get(REGRET), now.model.get(REGRET), names),
        ]
        notes, device = now.notes, devices_in(now.model)
        if now.surrogate != stored.surrogate:
            differences.insert(0, f"the model was {stored.surrogate!r}, now {now.surrogate!r}")
    then, here = stored.environment, environment()
    if was := devices_in(stored.model):
        then, here = {**then, "device": was}, {**here, "device": device or was}
    versions = tuple(_versions(then, here))
    return ReplayReport(
        name, round_number, not differences, tuple(differences), versions, len(before), stored.created, notes
    )


def inputs_of(ledger: Ledger, name: str, stored: RoundRecord) -> Inputs:
    """What a stored round was planned from."""
    spec = CampaignSpec.from_record(ledger.spec_version(name, stored.version))
    space = with_former_names(build_space(spec), ledger, name, stored.version)
    observations = {o.id: o for o in ledger.observations(name, with_retracted=True)}
    attempts = {a.key: a for a in ledger.attempts(name)}
    for what, ids, there in (("observation", stored.observations, observations), ("attempt", stored.pending, attempts)):
        if missing := [i for i in ids if i not in there]:
            raise LedgerError(
                f"round {stored.number} of campaign {name!r} was planned from {what} {missing[0]}, which is not on "
                "record; hakken audit verify looks for damage"
            )
    resolved = ledger.spec_version(name, stored.version)
    seen = with_derived(resolved, [observations[i] for i in stored.observations])
    history, _ = history_of(spec, space, seen, [attempts[k] for k in stored.pending])
    proposals = ledger.proposals(name)
    foretold = by_its_formulas(resolved, proposals, lambda: ledger.rounds(name))
    claims = claims_of(resolved, foretold, tuple(attempts.values()), seen, history)
    unsent = never_sent(attempts.values(), stored.pending)
    said = decided(
        spec,
        space,
        proposals,
        ledger.decisions(name),
        stored.number,
        observations=seen,
        unsent=unsent,
        otherwise=meant_otherwise(ledger, name, spec, proposals),
    )
    allowed = int(stored.model.get(ALLOWED, spec.budget.most))
    planned = replace(said.history(history), claims=claims)
    regions = read_regions(stored.model.get(LEFT_OUT, {}))
    purse = Purse.of(stored.model[PURSE]) if PURSE in stored.model else None
    return Inputs(
        stored.number,
        stored.seed,
        without(said.spec, regions),
        space,
        planned,
        allowed,
        said.notes,
        purse,
        said.way_back,
        earlier=earlier_of(ledger, read_of(ledger, name, stored)),
        regions=regions,
        resources=tuple(Resource.of(told) for told in stored.model.get(RESOURCES, ())),
        left=stored.model.get(LEFT),
    )


def _compare(before: Sequence[ProposalDraft], now: Sequence[ProposalDraft], names: Sequence[str]) -> Iterator[str]:
    if len(before) != len(now):
        yield f"there {'was' if len(before) == 1 else 'were'} {plural(len(before), 'proposal')}, now {len(now)}"
    old_ones, new_ones = sorted(before, key=_position), sorted(now, key=_position)
    for old, new in zip(old_ones, new_ones, strict=False):
        yield from (f"proposal {old.position}: {text}" for text in _differences(old, new, names))


def _is_one(old: object, new: object, names: Sequence[str]) -> bool:
    """Whether two labels are of one candidate; of rounds of before options had the name of their parameter too, or of
    when the campaign file had its parameters in another order.
    """
    if isinstance(old, str) and isinstance(new, str):
        return in_any_order(old, names) == in_any_order(new, names)
    return old == new


def _regrets(then: Json | None, now: Json | None, names: Sequence[str]) -> Iterator[str]:
    """What differs of the statement on regret; rounds of before it was made have none."""
    if then is None:
        return
    for what in ("incumbent", "epsilon"):
        old, new = then.get(what), (now or {}).get(what)
        if not (_is_one(old, new, names) or (what == "epsilon" and _close(old, new))):
            yield f"the statement's {what} was {old}, now {new}"


def _position(draft: ProposalDraft) -> int:
    return draft.position


def _differences(old: ProposalDraft, new: ProposalDraft, names: Sequence[str]) -> Iterator[str]:
    then, now = old.candidate.settings, new.candidate.settings
    for name in dict.fromkeys((*then, *now)):
        if then.get(name) != now.get(name):
            yield f"{name} was {then.get(name)}, now {now.get(name)}"
    for what in ("arm", "position", "run_order", "replicates", "model", "acquisition"):
        if getattr(old, what) != getattr(new, what):
            yield f"{what.replace('_', ' ')} was {getattr(old, what)}, now {getattr(new, what)}"
    if not _is_one(old.neighbour, new.neighbour, names):
        yield f"neighbour was {old.neighbour}, now {new.neighbour}"
    if (where := _where(old)) != (there := _where(new)):
        yield f"it lay {where}, now {there}"
    for what in ("acquisition_value", "novelty"):
        if not _close(getattr(old, what), getattr(new, what)):
            yield f"{what.replace('_', ' ')} was {getattr(old, what)}, now {getattr(new, what)}"
    yield from _predictions({(p.target, p.member): p for p in old.predictions}, new.predictions)


def _where(draft: ProposalDraft) -> str:
    # The number of the plate is that of the round, which the planner does not know.
    return "on no plate" if draft.place is None else f"in well {draft.place.well} of block {draft.place.block}"


def _predictions(old: Mapping[tuple[str, str], Prediction], new: Sequence[Prediction]) -> Iterator[str]:
    now = {(p.target, p.member): p for p in new}
    for place in dict.fromkeys((*old, *now)):
        target, member = place
        if place not in old or place not in now:
            yield f"{member} {'said nothing' if place not in old else 'said something'} of {target}, now otherwise"
            continue
        for what in ("mean", "sd", "weight"):
            then_, now_ = getattr(old[place], what), getattr(now[place], what)
            if not _close(then_, now_):
                yield f"{member}'s {what} of {target} was {then_}, now {now_}"


def _close(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=1e-12) or (math.isnan(old) and math.isnan(new))


def _versions(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for package in dict.fromkeys((*then, *now)):
        old, new = then.get(package, "not recorded"), now.get(package, "not installed")
        if old != new:
            yield f"{package} was {old}, now {new}"
