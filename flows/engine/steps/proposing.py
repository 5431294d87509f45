"""Proposing: the next batch planned and put on record, or the campaign ended with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.looking.handouts import waiting
from flows.engine.looking.untried import left_for_now
from flows.engine.session import Session
from flows.engine.steps.losing import Lost, lost_parts
from flows.engine.steps.planning import Inputs, Need, draft_of, next_inputs, what_is_due
from flows.engine.steps.withdrawing import expire
from loop.checkpoints import reached
from loop.errors import Halted, LedgerError, PoolExhausted, StaleLease, Unproven
from loop.experiment import State
from loop.insight.saying import best_sentence
from loop.record import CampaignRecord, CampaignState
from loop.wording import plural

if TYPE_CHECKING:
    from loop.planner import Plan


def propose(session: Session) -> None:
    """Plan and store the next round where one is due; finish the campaign where it is over."""
    lost = lost_parts(session)
    need = what_is_due(session.view, lost.keys)
    if need.reason:
        finish(session, need.reason)
    elif need.experiments:
        plan_and_store(session, need, lost)


def plan_and_store(session: Session, need: Need, lost: Lost) -> None:
    """One round, without what only lost resources would do.

    Nothing is written before the plan is complete, so a killed pass plans the same round again.
    """
    view = session.view
    pending = tuple(a.key for a in view.pending)
    state = (view.campaign.version, view.campaign.data_version, pending, len(view.decisions), sorted(lost.regions))
    if session.exhausted == state:
        return
    inputs = next_inputs(view, need.experiments, lost.regions)
    try:
        plan = inputs.plan(session.planner)
    except PoolExhausted as error:
        session.exhausted = state  # spares planning it again while the last experiments run
        if lost.regions:  # there is more to do once they are back
            session.tally.note(f"nothing is left that does not need what is lost ({error})")
            return
        if n := len(view.pending):
            session.tally.note(
                f"no more is proposed while {plural(n, 'experiment')} {'runs' if n == 1 else 'run'}: {error}"
            )
        elif isinstance(error, Unproven):  # what is told or pinned lets it go on
            raise
        elif session.refresh().campaign.version == view.campaign.version and not left_for_now(session.view):
            finish(session, str(error))  # else it waits for what is left out for now, as the next step says
        return
    reached("propose.planned")
    if not store(session, inputs, plan, view.campaign):
        if session.view.stops:
            session.tally.note(f"round {inputs.number}: a safety stop came while it was planned; it is left out")
            return
        session.tally.note(f"round {inputs.number}: the spec was changed while it was planned; it is planned anew")
        return
    as_run = sorted(plan.proposals, key=lambda p: p.run_order)  # numbered so wherever a person decides on one
    session.tally.proposed += [view.label(p.candidate.settings) for p in as_run]
    for note in inputs.noted(plan):
        # what was so before the planner was asked holds from round to round: a run says it once
        session.tally.note(note if note in inputs.notes else f"round {inputs.number}: {note}")
    session.refresh()
    reached("propose.stored")


def store(session: Session, inputs: Inputs, plan: Plan, campaign: CampaignRecord) -> bool:
    """Put a round on record; False where ``campaign``, from which it was planned, has another spec in force by now, or
    a safety stop came."""
    try:
        with session.work() as work:
            work.record_round(draft_of(inputs, plan, campaign))
    except StaleLease:
        raise
    except Halted:
        session.refresh()
        return False
    except LedgerError:
        if session.refresh().campaign.version == campaign.version:
            raise
        return False
    return True


def finish(session: Session, reason: str) -> None:
    """Send nothing more; once nothing runs any longer, the campaign is finished."""
    pending = session.view.pending
    unsent = [a for a in pending if a.state is State.READY] + [*waiting(session.view)]
    is_over = len(unsent) == len(pending)
    if not unsent and not is_over:
        return
    said = _with_best(session, reason) if is_over else reason
    with session.work() as work:
        for attempt in unsent:
            expire(work, attempt, reason)
        if is_over:
            work.set_state(CampaignState.FINISHED, said)
    session.refresh()
    reached("propose.finished")


def _with_best(session: Session, reason: str) -> str:
    """The reason, and the candidate that the campaign ends with: the one believed best, not the luckiest."""
    if session.judge is None:
        return reason
    sentence = best_sentence(session.judge(session.view))
    return f"{reason}; {sentence}" if sentence else reason
