"""Parts: where one of several laboratories cannot be reached, the attempts of the others go on, and so do batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeGuard

from flows.engine.session import Session
from loop.contracts import Adapter, Handle, HasParts
from loop.errors import AdapterError, AdapterUnavailable, AttemptUnavailable, PartUnavailable
from loop.record import AttemptRecord

NAMED: Final = 8  # experiments about which a pass has a note of its own for each


@contextmanager
def others_go_on(session: Session) -> Iterator[None]:
    """Leave what is done inside where a part cannot be reached, and say so, once for each part.

    An attempt that was being sent stays in doubt and is looked up in the next pass, as for any laboratory.
    """
    try:
        yield
    except AttemptUnavailable as error:
        session.tally.note(
            f"the laboratory {session.adapter!r} gives no answer of an attempt ({error}); asked again next time, and "
            "the others go on"
        )
    except PartUnavailable as error:
        session.tally.out.add(error.part)
        note = f"of the laboratory {session.adapter!r}, {error.part!r} {error.what} ({error}); asked again next time"
        if note not in session.tally.notes:
            session.tally.note(note)


def unreached(session: Session, error: AdapterUnavailable, then: str = "asked again next time") -> str:
    """What is said of a laboratory that gave no answer, or whose code failed."""
    return f"the laboratory {session.adapter!r} {error.what} ({error}); {then}"


def can_work(laboratory: Adapter) -> bool:
    """Whether a laboratory that gave no answer of one attempt may give one of the others."""
    try:
        return laboratory.health().is_ok
    except AdapterUnavailable:
        return False


def untold(session: Session, attempt: AttemptRecord, why: str) -> str:
    """What is said of an attempt of which a laboratory that works gives no answer."""
    label = session.view.label(attempt.settings)
    return (
        f"the laboratory {session.adapter!r} gives no answer of {label} ({attempt.key}): {why}; asked again next "
        "time, and the others go on"
    )


def why_of(message: str) -> str:
    """What a part that cannot work says of that, to stand after it; "" where it says nothing."""
    return f": {' '.join(message.split())}" if message.strip() else ""


def is_out(session: Session, attempt: AttemptRecord) -> bool:
    """Whether an attempt is with a part that gave no answer in this pass; it is not asked for each of its attempts."""
    return bool(session.tally.out) and part_having(session.laboratory, attempt) in session.tally.out


def has_parts(laboratory: Adapter) -> TypeGuard[HasParts]:
    """Whether it is made of several; asked of every attempt, and one without parts is known by its lack of one method,
    where a look for all of a protocol takes a hundred times as long."""
    return hasattr(laboratory, "part_of") and isinstance(laboratory, HasParts)


def part_having(laboratory: Adapter, attempt: AttemptRecord) -> str | None:
    """The part that has an attempt; None where there are no parts, or none of them gave its handle."""
    if attempt.handle is None or not has_parts(laboratory):
        return None
    try:
        return laboratory.part_of(Handle(attempt.handle))
    except AdapterError:  # of a laboratory that the campaign file no longer names
        return None


def is_by_person(laboratory: Adapter, attempt: AttemptRecord) -> bool:
    """Whether a person brings the result of an attempt; of one that no part has yet, whether that may be."""
    part = part_having(laboratory, attempt)
    having = laboratory.parts()[part] if part is not None and has_parts(laboratory) else laboratory
    return having.capabilities().needs_person
