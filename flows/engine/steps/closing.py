"""Closing plates: a laboratory that makes a plate in one run is told when no more of its experiments will come.

It is told in every pass, and does nothing the second time: a pass may be killed before or after it.
"""

from __future__ import annotations

from collections import defaultdict

from flows.engine.session import Session
from flows.engine.steps.parts import unreached
from flows.engine.steps.withdrawing import take_off
from loop.checkpoints import reached
from loop.contracts import Cautions, Handle, RunsTogether
from loop.errors import AdapterUnavailable
from loop.experiment import State
from loop.record import AttemptRecord

COMING = frozenset({State.READY, State.SENDING})  # the laboratory does not have them yet, and will


def close_plates(session: Session) -> None:
    """Close every plate of which all that will ever come is with the laboratory.

    A proposal that waits for a person keeps its plate open; an attempt in doubt does not.
    """
    laboratory, view = session.laboratory, session.view
    if not isinstance(laboratory, RunsTogether) or not view.is_active:
        return
    open_rounds = {p.round_number for p in view.undecided}
    plates: dict[int, list[AttemptRecord]] = defaultdict(list)
    for attempt in view.pending:
        if attempt.place is not None:
            plates[attempt.place.plate].append(attempt)
    try:
        take_off(session)
        for plate, attempts in sorted(plates.items()):
            if any(a.state in COMING or a.round_number in open_rounds for a in attempts):
                continue
            handles = [Handle(a.handle) for a in attempts if a.handle is not None and a.adapter == session.adapter]
            if handles and not session.is_halted:  # closing a plate sets it going
                if isinstance(laboratory, Cautions) and (said := laboratory.caution()):
                    session.tally.note(said)
                laboratory.close(str(plate), handles)
                reached("dispatch.closed")
    except AdapterUnavailable as error:
        session.tally.note(unreached(session, error))
