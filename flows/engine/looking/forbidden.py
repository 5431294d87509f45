"""Forbidden: experiments under way, and proposals that wait, outside of the space since the campaign file changed, and
batches that wait and come to more than it allows by now, or are on another plate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Final

from flows.engine.looking.relaid import unlike_the_plate
from flows.engine.looking.view import View, rounds_of
from flows.engine.people.affording import beyond_batch_by_now
from loop.errors import SpaceError
from loop.experiment import State
from loop.record import CampaignState, ProposalRecord, Settings
from loop.space import Space
from loop.space.checked import checked
from loop.space.leaving_out import lasting

NAMED: Final = 5  # of them; the number tells of the rest


def forbidden(view: View) -> tuple[str, ...]:
    """Sentences that name them, with the way out; none where there are none, or the campaign is finished.

    Only what an earlier version of the file planned can be so. What was not sent yet will not be
    (``flows.engine.steps.withdrawing``).
    """
    if view.campaign.version == 1 or view.campaign.state is CampaignState.FINISHED:
        return ()
    earlier = tuple(
        n for n in rounds_of(view.undecided) if view.ledger.round(view.name, n).version != view.campaign.version
    )
    gone = _to_approve(view)
    within = () if gone else earlier  # what a batch comes to is told of candidates of the space
    told = (said for n in within for said in (beyond_batch_by_now(view, n), unlike_the_plate(view, n)) if said)
    return (*_under_way(view), *gone, *told)


def _to_approve(view: View) -> tuple[str, ...]:
    """A sentence on the proposals that wait for a person and would not be sent."""
    why = outside_since(view, view.undecided)
    if not why:
        return ()
    what, them = ("1 proposal waits", "it is") if len(why) == 1 else (f"{len(why)} proposals wait", "they are")
    return (
        f"{what} for approval outside of the space since the campaign file was changed: "
        f"{listed(view, view.undecided, why)}. Approved, {them} not sent; hakken edit {quote(view.name)} changes one",
    )


def outside_since(view: View, proposals: Sequence[ProposalRecord]) -> Mapping[str, str]:
    """By id, why the campaign file, changed since they were planned, has proposals no more, so that they are not sent;
    those that it has are left out."""
    planned = {n: view.ledger.round(view.name, n).version for n in {p.round_number for p in proposals}}
    found = {}
    for p in proposals:
        candidate = p.draft.candidate
        if planned[p.round_number] != view.campaign.version:
            found[p.id] = outside(view.space, view.space.as_named(candidate.settings, candidate.smiles))
    return {of: why for of, why in found.items() if why}


def listed(view: View, proposals: Sequence[ProposalRecord], why: Mapping[str, str]) -> str:
    """Those of the proposals of which it is said why, by number, with that."""
    found = [
        f"{p.draft.run_order + 1}. {view.label(p.draft.candidate.settings)} ({why[p.id]})"
        for p in proposals
        if p.id in why
    ]
    return "; ".join([*found[:NAMED], *([f"and {len(found) - NAMED} more"] if len(found) > NAMED else [])])


def _under_way(view: View) -> tuple[str, ...]:
    if not view.pending:
        return ()
    sent = [a for a in view.pending if a.state is not State.READY]
    planned = {n: view.ledger.round(view.name, n).version for n in {a.round_number for a in sent}}
    found, is_lost = [], False
    for attempt in sent:
        if planned[attempt.round_number] == view.campaign.version:
            continue
        settings = view.space.as_named(attempt.settings, attempt.smiles)
        if why := outside(view.space, settings):
            found.append(f"{view.label(attempt.settings)} ({attempt.key}, {attempt.state.value}: {why})")
            is_lost |= not _can_be_read(view.space, settings)
    if not found:
        return ()
    more = [f"and {len(found) - NAMED} more"] if len(found) > NAMED else []
    one = len(found) == 1
    what = "1 experiment under way is" if one else f"{len(found)} experiments under way are"
    it, its_result = ("it", "its result is") if one else ("them", "their results are")
    lost = ". Nothing is learnt where an option or a parameter is gone: put it back, and exclude it by a constraint"
    return (
        f"{what} outside of the space since the campaign file was changed: {'; '.join([*found[:NAMED], *more])}. "
        f"Let {it} finish, and {its_result} recorded all the same, or call {it} off at the laboratory"
        + (lost if is_lost else ""),
    )


def _can_be_read(space: Space, settings: Settings) -> bool:
    """Whether the planner can place it at all."""
    try:
        space.coordinates(settings)
    except SpaceError:
        return False
    return True


def outside(space: Space, settings: Settings) -> str:
    """Why the space would not have a candidate; "" where it has it."""
    try:
        checked(space, settings)
    except SpaceError as error:
        if (rule := _for_now(space, settings)) is not None:
            return f"left out for now by {rule!r}"
        said = str(error)
        if _can_be_read(space, settings):  # named beside it; a name may have a semicolon in it
            said = said.removeprefix(f"{space.label(settings)} ")
        return said.partition("; ")[0]  # its remedy is for candidates that are yet to be chosen
    return ""


def _for_now(space: Space, settings: Settings) -> str | None:
    """The name of a rule that holds for now, where nothing but such rules leaves a candidate out."""
    if not _can_be_read(space, settings):
        return None
    x = space.coordinates(settings)[None]
    broken = [rule for rule in space.constraints if not rule.allows(x)[0]]
    return broken[0].name if broken and lasting(space).contains(settings) else None
