"""Parts: where one of several laboratories cannot be reached, the attempts of the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.engine.session import Session
from loop.errors import PartUnavailable


@contextmanager
def others_go_on(session: Session) -> Iterator[None]:
    """Leave what is done inside where a part cannot be reached, and say so, once for each part.

    An attempt that was being sent stays in doubt and is looked up in the next pass, as for any laboratory.
    """
    try:
        yield
    except PartUnavailable as error:
        note = (
            f"of the laboratory {session.adapter!r}, {error.part!r} cannot be reached ({error}); asked again next time"
        )
        if note not in session.tally.notes:
            session.tally.note(note)
