"""Withdrawing: what was not sent yet, and the campaign file has no more or a ban keeps out by now, is never sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.engine.looking.forbidden import outside
from flows.engine.looking.view import View
from flows.engine.people.decisions import keeps_out
from flows.engine.session import Session
from loop.checkpoints import reached
from loop.decision import DecisionKind, DecisionRecord, in_force
from loop.experiment import Event, State
from loop.record import AttemptRecord


def withdraw(session: Session) -> None:
    """End them, each with the reason on record and in a note; what the laboratory has goes on."""
    view = session.view
    unsent = [a for a in view.pending if a.state is State.READY]
    if not unsent or not view.is_active:
        return
    planned = _versions(view, unsent)
    bans = [d for d in in_force(view.decisions, view.round_number + 1) if d.draft.kind is DecisionKind.BAN]
    found = [(a, why) for a in unsent if (why := _changed(view, a, planned) or _banned(view, a, bans))]
    if not found:
        return
    with session.work() as work:
        for attempt, why in found:
            work.move(attempt.key, Event.EXPIRE, why)
            session.tally.note(f"{view.label(attempt.settings)} was not sent yet and will not be: {why}")
    session.refresh()
    reached("withdraw.expired")


def _versions(view: View, attempts: Sequence[AttemptRecord]) -> Mapping[int, int]:
    """By round, the version of the campaign file that attempts were planned from; none where there is but one."""
    if view.campaign.version == 1:
        return {}
    return {n: view.ledger.round(view.name, n).version for n in {a.round_number for a in attempts}}


def _changed(view: View, attempt: AttemptRecord, planned: Mapping[int, int]) -> str:
    """Why the campaign file has an attempt's candidate no more; "" where it has, or is the one it was planned from."""
    if planned.get(attempt.round_number, view.campaign.version) == view.campaign.version:
        return ""
    rule = outside(view.space, attempt.settings)
    return rule and f"the campaign file was changed since ({rule})"


def _banned(view: View, attempt: AttemptRecord, bans: Sequence[DecisionRecord]) -> str:
    """Which ban keeps an attempt's candidate out; "" for none. Bans made before it was planned had their say then."""
    for d in bans:
        if d.after_round >= attempt.round_number and keeps_out(view.spec, view.space, d, attempt.settings):
            return f"ban {d.number} keeps it out"
    return ""
