"""Proposing: the next batch planned and put on record, or the campaign ended with its reason."""

from __future__ import annotations

from flows.engine.planning import Need, draft_of, next_inputs, what_is_due
from flows.engine.session import Session
from loop.checkpoints import reached
from loop.errors import PoolExhausted, SpaceError
from loop.experiment import Event, State
from loop.record import CampaignState


def propose(session: Session) -> None:
    """Plan and store the next round where one is due; finish the campaign where it is over."""
    need = what_is_due(session.view)
    if need.reason:
        finish(session, need.reason)
    elif need.experiments:
        plan_and_store(session, need)


def plan_and_store(session: Session, need: Need) -> None:
    """One round. Nothing is written before the plan is complete, so a killed pass plans the same round again."""
    view = session.view
    state = (view.campaign.version, view.campaign.data_version, tuple(a.key for a in view.pending))
    if session.exhausted == state:
        return
    inputs = next_inputs(view, need.experiments)
    try:
        plan = inputs.plan(session.planner)
        if not plan.proposals:
            raise PoolExhausted("the planner proposed nothing; widen the space or end the campaign")
    except (PoolExhausted, SpaceError) as error:
        if isinstance(error, SpaceError) and inputs.spec is view.spec:
            raise
        # A space emptied by a person's refusals is exhausted too.
        session.exhausted = state  # spares planning it again while the last experiments run
        if not view.pending:
            finish(session, str(error))
        return
    reached("propose.planned")
    with session.work() as work:
        work.record_round(draft_of(inputs, plan, view.campaign.data_version))
    session.tally.proposed += [view.label(p.candidate.settings) for p in plan.proposals]
    session.tally.notes += [f"round {inputs.number}: {note}" for note in plan.notes]
    session.refresh()
    reached("propose.stored")


def finish(session: Session, reason: str) -> None:
    """Send nothing more; once nothing runs any longer, the campaign is finished."""
    pending = session.view.pending
    unsent = [a for a in pending if a.state is State.READY]
    is_over = len(unsent) == len(pending)
    if not unsent and not is_over:
        return
    with session.work() as work:
        for attempt in unsent:
            work.move(attempt.key, Event.EXPIRE, reason)
        if is_over:
            work.set_state(CampaignState.FINISHED, reason)
    session.refresh()
    reached("propose.finished")
