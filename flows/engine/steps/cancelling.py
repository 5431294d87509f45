"""Cancelling: what runs when a safety stop came, called off where the campaign file says so."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.looking.handouts import waiting
from flows.engine.looking.view import View
from flows.engine.session import Session
from flows.engine.steps.parts import can_work, part_having
from loop.checkpoints import reached
from loop.contracts import Adapter, Handle, HasParts
from loop.errors import AdapterUnavailable
from loop.experiment import State
from loop.record import AttemptRecord
from loop.safety import safety_of, told
from loop.wording import plural


def cancel_what_runs(session: Session) -> bool:
    """While a safety stop is in force and ``laboratory.safety`` says ``running: cancel``, call off what runs.

    Of several laboratories each calls off what it has: one that cannot cancel, or cannot be reached, keeps no other
    from it. Cancelling is idempotent, so every pass does it until the laboratory says that it has ended.

    Returns:
        Whether anything was called off.
    """
    view = session.view
    if not view.stops:
        return False
    session.tally.note(halted_note(view))
    if safety_of(view.campaign.spec).get("running") != "cancel":
        return False
    having: dict[str | None, list[AttemptRecord]] = {}
    idle = {a.key for a in waiting(view)}
    for a in view.pending:
        is_there = a.state in (State.SUBMITTED, State.RUNNING) and a.handle is not None and a.key not in idle
        if is_there and a.adapter == session.adapter:
            having.setdefault(part_having(session.laboratory, a), []).append(a)
    parts = sorted(having, key=lambda part: part in session.tally.out)  # whoever gave no answer in this pass is last
    n = sum([_call_off(session, part, having[part]) for part in parts])
    if n:
        session.tally.note(f"{plural(n, 'experiment')} called off")
    if doubtful := sum(a.state in (State.SENDING, State.AMBIGUOUS) for a in view.pending):
        goes = "it runs, and it was" if doubtful == 1 else "they run, and they were"
        session.tally.note(
            f"of {plural(doubtful, 'experiment')} nobody can tell whether {goes} not called off; look at the laboratory"
        )
    reached("halt.cancelled")
    return n > 0


def halted_note(view: View) -> str:
    """What a pass says of a campaign that is halted."""
    return f"halted by {told(view.name, view.stops)}; nothing is proposed or sent"


def _call_off(session: Session, part: str | None, attempts: Sequence[AttemptRecord]) -> int:
    """Call off what a laboratory, or one part of it, has; returns of how many experiments it was told."""
    laboratory = _having(session.laboratory, part)
    where = f"the laboratory {session.adapter!r}" + ("" if part is None else f", of which {part!r} has them,")
    if not laboratory.capabilities().can_cancel:
        session.tally.note(f"{where} cannot cancel: {still_run(len(attempts))}; see to them there")
        return 0
    told, why = 0, ""
    for attempt in attempts:
        try:
            session.laboratory.cancel(Handle(attempt.handle or ""), f"safety stop: {session.view.stops[0].why}")
            told += 1
        except AdapterUnavailable as error:
            why = why or str(error)
            if not can_work(laboratory):
                break  # nor would it hear of the others
    if why:
        rest = plural(len(attempts) - told, "experiment")
        session.tally.note(
            f"{where} was not told to cancel {rest} ({why}); it is tried again, and a person should look"
        )
    return told


def _having(laboratory: Adapter, part: str | None) -> Adapter:
    return laboratory.parts()[part] if part is not None and isinstance(laboratory, HasParts) else laboratory


def still_run(n: int) -> str:
    """That so many go on."""
    return f"{plural(n, 'experiment')} still {'runs' if n == 1 else 'run'}"
