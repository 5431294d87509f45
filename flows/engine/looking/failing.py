"""Failing: the last experiments all ended in faults of one kind, as where a laboratory is broken or told wrongly.

It is said from the fifth on. At the tenth a campaign stops by itself, where they tell nothing of what was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Final

from flows.engine.looking.view import View
from loop.outcome import Fault, FaultKind
from loop.record import CampaignState

MANY: Final = 5  # in a row that are no chance
TOO_MANY: Final = 10  # in a row of a kind that teaches nothing, after which nothing more is spent unasked
BY_A_PERSON: Final = frozenset({FaultKind.CANCELLED, FaultKind.AMBIGUOUS})


def failing(view: View) -> tuple[str, ...]:
    """A sentence that says so, with the last message and the way out; none where some other outcome came since."""
    faults = _in_a_row(view)
    if len(faults) < MANY:
        return ()
    also = f", and after {TOO_MANY} in a row the campaign stops by itself" if _teaches_nothing(faults[0]) else ""
    return (
        f"{_said(view, faults)}. See to what causes it before more is spent; hakken stop {quote(view.name)} sends "
        f"nothing more until hakken resume{also}",
    )


def why_broken(view: View) -> str:
    """Why nothing more is to be sent until a person has looked; "" where nothing speaks against it."""
    faults = _in_a_row(view)
    return _said(view, faults) if len(faults) >= TOO_MANY and _teaches_nothing(faults[0]) else ""


def _in_a_row(view: View) -> list[Fault]:
    """The faults that an active campaign's last experiments ended in, newest first, as far back as all are alike."""
    if view.campaign.state is not CampaignState.ACTIVE:
        return []
    found: list[Fault] = []
    for one in reversed(view.counted):
        if not isinstance(one.outcome, Fault) or (found and one.outcome.kind is not found[0].kind):
            break
        found.append(one.outcome)
    return found


def _teaches_nothing(fault: Fault) -> bool:
    return not fault.informative and fault.kind not in BY_A_PERSON


def _said(view: View, faults: Sequence[Fault]) -> str:
    since = "yet" if len(faults) == len(view.counted) else "since"
    why = f"{faults[0].kind.value}, the last: {faults[0].message}"
    return f"the last {len(faults)} experiments ended in a fault, and none has had a result {since} ({why})"
