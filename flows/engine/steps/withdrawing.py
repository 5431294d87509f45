"""Withdrawing: what was not sent yet and must not be made by now, by the file, a ban or the budget, is never sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flows.engine.looking.forbidden import outside
from flows.engine.looking.handouts import waiting
from flows.engine.looking.view import View
from flows.engine.people.bans import among_banned
from flows.engine.session import Session
from flows.spending import unpaid
from loop.checkpoints import reached
from loop.contracts import Handle, TakesOff, Work
from loop.decision import DecisionKind, in_force
from loop.experiment import Event, State
from loop.history import place_in_order
from loop.policy.paying import in_words
from loop.record import AttemptRecord
from loop.wording import plural


def withdraw(session: Session) -> None:
    """End them, each with the reason on record and in a note; what the laboratory has goes on."""
    view = session.view
    unsent = [a for a in view.pending if a.state is State.READY] + [*waiting(view)]
    if not unsent or not view.is_active:
        return
    forbidden = {key: why for key, why in barred(view, unsent).items() if why}
    reasons = _beyond(view, unsent) | _unpaid(view, unsent) | forbidden
    if not reasons:
        return
    with session.work() as work:
        for attempt in unsent:
            if (why := reasons.get(attempt.key)) is None:
                continue
            expire(work, attempt, why)
            what = "was not sent yet and will not be" if attempt.attempt_no == 0 else "is not sent once more"
            session.tally.note(f"{view.label(attempt.settings)} {what}: {why}")
    withdrawn, kept_out = (
        {(a.proposal_id, a.replicate_no) for a in unsent if a.key in keys} for keys in (reasons, forbidden)
    )
    session.tally.failed = [
        replace(
            one,
            is_retried=one.is_retried and one.experiment not in withdrawn,
            is_kept_out=one.experiment in kept_out,
        )
        for one in session.tally.failed
    ]
    session.refresh()
    reached("withdraw.expired")


def expire(work: Work, attempt: AttemptRecord, why: str) -> None:
    """End an attempt that nothing was done of: it was not sent, or waits to be asked for."""
    if attempt.state is not State.READY:
        work.move(attempt.key, Event.ABSENT, f"nobody asked for it, and nobody is to: {why}")
    work.move(attempt.key, Event.EXPIRE, why)


def take_off(session: Session) -> None:
    """Call off what waits in the laboratory for the rest of its plate, and must not be made by now.

    Nothing of it has moved. That it was called off comes back from the laboratory as its end, in the next pass.
    Raises ``AdapterUnavailable``.
    """
    laboratory, view = session.laboratory, session.view
    if not isinstance(laboratory, TakesOff) or not laboratory.capabilities().can_cancel:
        return
    mine = [a for a in view.pending if a.state is State.SUBMITTED and a.handle and a.adapter == session.adapter]
    reasons = barred(view, mine)
    for attempt in mine:
        handle = Handle(attempt.handle or "")
        if (why := reasons[attempt.key]) and laboratory.still_waiting([handle]):
            laboratory.cancel(handle, why)
            well = "" if attempt.place is None else f"{attempt.place.well}: "
            session.tally.note(f"{well}{view.label(attempt.settings)} is taken off its plate before it is made: {why}")
            reached("withdraw.taken-off")


def barred(view: View, attempts: Sequence[AttemptRecord]) -> Mapping[str, str]:
    """By key, why an attempt that did not begin must not: what says so came after it was planned. "" where it may."""
    planned = _versions(view, attempts)
    bans = [d for d in in_force(view.decisions, view.round_number + 1) if d.draft.kind is DecisionKind.BAN]
    named = {a.key: view.space.as_named(a.settings, a.smiles) for a in attempts}
    reasons = {a.key: _changed(view, a, planned) for a in attempts}
    for ban in bans:  # one made before an attempt was planned had its say then
        later = [a for a in attempts if ban.after_round >= a.round_number and not reasons[a.key]]
        if later:
            banned = among_banned(view.spec, view.space, ban, [named[a.key] for a in later])
            reasons |= {a.key: f"ban {ban.number} keeps it out" for a, out in zip(later, banned, strict=True) if out}
    return reasons


def _unpaid(view: View, unsent: Sequence[AttemptRecord]) -> dict[str, str]:
    """By key, what the budget in money and hours leaves where it does not pay for an attempt any more."""
    unit = "" if (costs := view.spending.costs) is None else costs.unit
    left = unpaid(view.accounts, view.attempts, unsent)
    return {key: f"the budget leaves {in_words(purse, unit)}, and it costs more" for key, purse in left.items()}


def _beyond(view: View, unsent: Sequence[AttemptRecord]) -> dict[str, str]:
    """By key, why a file that allows fewer experiments by now leaves no room for an attempt: those that were begun
    count, and are made again after a fault; what would run first comes first."""
    most = view.spec.budget.most
    if view.campaign.version == 1 or view.spent <= most:
        return {}
    waiting, found = {a.key for a in unsent}, {}
    begun = {
        (a.proposal_id, a.replicate_no) for a in view.attempts if a.key not in waiting and a.state is not State.EXPIRED
    }
    for attempt in sorted(unsent, key=place_in_order):
        experiment = (attempt.proposal_id, attempt.replicate_no)
        if experiment in begun or len(begun) < most:
            begun.add(experiment)
        else:
            found[attempt.key] = f"the budget of {plural(most, 'experiment')} leaves no room for it"
    return found


def _versions(view: View, attempts: Sequence[AttemptRecord]) -> Mapping[int, int]:
    """By round, the version of the campaign file that attempts were planned from; none where there is but one."""
    if view.campaign.version == 1:
        return {}
    return {n: view.ledger.round(view.name, n).version for n in {a.round_number for a in attempts}}


def _changed(view: View, attempt: AttemptRecord, planned: Mapping[int, int]) -> str:
    """Why the campaign file has an attempt's candidate no more; "" where it has, or is the one it was planned from."""
    if planned.get(attempt.round_number, view.campaign.version) == view.campaign.version:
        return ""
    rule = outside(view.space, view.space.as_named(attempt.settings, attempt.smiles))
    return rule and f"the campaign file was changed since ({rule})"
