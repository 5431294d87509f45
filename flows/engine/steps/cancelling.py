"""Cancelling: what runs when a safety stop came, called off where the campaign file says so."""

from __future__ import annotations

from flows.engine.session import Session
from loop.checkpoints import reached
from loop.contracts import Handle
from loop.errors import AdapterUnavailable
from loop.experiment import State
from loop.safety import safety_of


def cancel_what_runs(session: Session) -> None:
    """While a safety stop is in force and ``laboratory.safety`` says ``running: cancel``, call off what runs.

    Cancelling is idempotent, so every pass does it until the laboratory says that it has ended.
    """
    view = session.view
    if not view.stops:
        return
    session.tally.note(f"halted by a safety stop: {view.stops[0].text}; nothing is proposed or sent")
    running = [a for a in view.pending if a.state in (State.SUBMITTED, State.RUNNING) and a.handle is not None]
    mine = [a for a in running if a.adapter == session.adapter]
    if not mine or safety_of(view.campaign.spec).get("running") != "cancel":
        return
    if not session.laboratory.capabilities().can_cancel:
        session.tally.note(
            f"the laboratory {session.adapter!r} cannot cancel: {len(mine)} experiments still run; see to them there"
        )
        return
    try:
        for attempt in mine:
            session.laboratory.cancel(Handle(attempt.handle or ""), f"safety stop: {view.stops[0].why}")
    except AdapterUnavailable as error:
        session.tally.note(f"what runs could not be cancelled ({error}); it is tried again, and a person should look")
    reached("halt.cancelled")
