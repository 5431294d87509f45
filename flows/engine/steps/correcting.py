"""Correcting: rows that a person wrote anew after their experiments had ended are heard, though nothing else ends."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.looking.whose import BY_PERSON
from flows.engine.session import Session
from flows.engine.steps.parts import is_out, part_having
from loop.contracts import Adapter, Handle, HasParts
from loop.record import AttemptRecord

Ended = Sequence[tuple[AttemptRecord, Handle]]


def with_corrections(session: Session, ended: Ended) -> Ended:
    """What ended, and of each laboratory that people fill in an experiment that ended before.

    With its results, which are on record, comes what was changed since of any other. It is the first that ended: the
    same in every pass, so that what a killed pass had asked for comes again.
    """
    view = session.view
    if not (view.pending or session.adapter in BY_PERSON) or not session.laboratory.capabilities().needs_person:
        return ended
    attempts = {a.key: a for a in view.attempts if a.adapter == session.adapter and a.handle is not None}
    first: dict[str | None, AttemptRecord] = {}
    for o in sorted(view.observations, key=lambda o: o.entry):
        if (attempt := attempts.get(o.key or "")) is not None and not is_out(session, attempt):
            first.setdefault(part_having(session.laboratory, attempt), attempt)
    asked = [a for part, a in first.items() if _is_filled_in(session.laboratory, part)]
    return [*ended, *((a, Handle(a.handle)) for a in asked if a.handle is not None)]


def _is_filled_in(laboratory: Adapter, part: str | None) -> bool:
    """Whether people bring the results of a laboratory, or of a part of it."""
    if not isinstance(laboratory, HasParts):
        return True
    return part is not None and laboratory.parts()[part].capabilities().needs_person
