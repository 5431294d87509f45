"""Late: what a laboratory answers of experiments that had ended by then, as by what a person told."""

from __future__ import annotations

from flows.engine.session import Session
from flows.engine.steps.parts import unreached
from flows.webhooks.message import is_message
from loop.contracts import Envelope, Handle, HearsLate
from loop.errors import AdapterFailed, AdapterUnavailable, NotSetUp
from loop.experiment import State


def late_answers(session: Session) -> list[Envelope]:
    """What came of attempts that have ended on record, and that this session has not seen; none where the laboratory
    hears no such, or cannot be asked.

    Nothing is kept of what was given: the same again is on record already, and that is all.
    """
    view = session.view
    ended = {a.key: a for a in view.attempts if a.state is State.ENDED and a.adapter == session.adapter}
    answered = {o.key for o in view.observations if o.source == session.adapter or is_message(o.source)}
    otherwise = [Handle(a.handle) for a in ended.values() if a.handle is not None and a.key not in answered]
    if not (otherwise or view.pending):
        return []
    try:
        laboratory = session.laboratory
        came = laboratory.late(otherwise) if isinstance(laboratory, HearsLate) else ()
    except NotSetUp:
        return []
    except AdapterUnavailable as error:
        if view.pending or view.is_active or isinstance(error, AdapterFailed):  # else nobody waits for it any more
            session.tally.note(unreached(session, error))
        return []
    new = [e for e in came if e.key in ended and (e.key, e.payload) not in session.late]
    session.late.update((e.key, e.payload) for e in new)
    return new
