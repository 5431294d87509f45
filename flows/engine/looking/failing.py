"""Failing: what ended in a fault, and whether the last experiments all did, as where a laboratory is broken.

A fault is said in the pass that takes it in, a row of one kind from the fifth on in every pass. At the tenth a campaign
stops by itself, where they tell nothing of what was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Final

from flows.engine.looking.view import View
from loop.outcome import Fault, FaultKind
from loop.record import CampaignState, ObservationRecord

MANY: Final = 5  # in a row that are no chance
TOO_MANY: Final = 10  # in a row of a kind that teaches nothing, after which nothing more is spent unasked
_LONGEST: Final = 300  # characters of a message in a line about the fault; hakken show has all of it


@dataclass(frozen=True, slots=True)
class Failed:
    """An experiment whose fault a pass took in."""

    label: str
    fault: Fault
    is_retried: bool
    experiment: tuple[str, int] = ("", 0)  # its proposal and replicate number
    is_kept_out: bool = False  # by a ban or the campaign file, so that it is not proposed again either
    key: str = ""  # of its attempt
    ran_out_of: str = ""  # "timeout" or "memory", of which it would again


def failed(name: str, came: Sequence[Failed]) -> tuple[str, ...]:
    """For each kind of fault that a pass over campaign ``name`` took in one sentence with its reason, and whether it is
    tried again.
    """
    by_kind: dict[FaultKind, list[Failed]] = {}
    for one in came:
        by_kind.setdefault(one.fault.kind, []).append(one)
    return tuple(_ended(name, alike) for alike in by_kind.values())


def _ended(name: str, alike: Sequence[Failed]) -> str:
    last, n_retried = alike[-1], sum(one.is_retried for one in alike)
    kind, why = last.fault.kind.value, _both_ends(last.fault.message)
    if len(alike) == 1:
        again = f"it is {'' if n_retried else 'not '}tried again"
        what = f"{last.label} ended in a fault ({kind})"
    else:
        how_many = {0: "none of them is", 1: "one of them is", len(alike): "all are"}.get(n_retried, f"{n_retried} are")
        again = f"{how_many} tried again"
        what = f"{len(alike)} experiments ended in a fault ({kind}), the last {last.label}"
    return f"{what}: {why}; {again}{'' if n_retried or last.is_kept_out else _later(name, last)}"


def _both_ends(message: str) -> str:
    """A message without its middle where it is long: a traceback has its cause at the end."""
    said = " ".join(message.split())
    if len(said) <= _LONGEST:
        return said
    begin, end = said[: _LONGEST // 2], said[-_LONGEST // 2 :]
    return f"{begin.rpartition(' ')[0] or begin} ... {end.partition(' ')[2] or end}"


def _later(name: str, last: Failed) -> str:
    """What becomes of a candidate whose fault is its last word."""
    if last.fault.leaves_open and not last.ran_out_of:
        return " now, and may be proposed again"
    if last.fault.informative and last.fault.kind is FaultKind.CONVERGENCE_ERROR:  # of the molecule, or of the options
        return (
            "; where the calculation was allowed too little, such as steps, allow more and retract this: "
            f"hakken retract {quote(name)} {last.key} --why 'too few steps'"
        )
    if last.fault.informative:
        return ""
    too_little = (
        ("memory was too little", "too little") if last.ran_out_of == "memory" else ("time was too short", "too short")
    )
    return (
        f", nor proposed again: where its {too_little[0]}, allow more and retract this {last.fault.kind.value}: "
        f"hakken retract {quote(name)} {last.key} --why '{too_little[1]}'"
    )


def failing(view: View) -> tuple[str, ...]:
    """A sentence that says so, with the last message and the way out; none where some other outcome came since."""
    faults = _in_a_row(view)
    if len(faults) < MANY:
        return ()
    also = f", and after {TOO_MANY} in a row the campaign stops by itself" if _teach_nothing(faults) else ""
    return (
        f"{_said(view, faults)}. See to what causes it before more is spent; hakken stop {quote(view.name)} sends "
        f"nothing more until hakken resume{also}",
    )


def why_broken(view: View) -> str:
    """Why nothing more is to be sent until a person has looked; "" where nothing speaks against it."""
    faults = _in_a_row(view)
    return _said(view, faults) if len(faults) >= TOO_MANY and _teach_nothing(faults) else ""


def _in_a_row(view: View) -> list[Fault]:
    """The faults that an active campaign's last experiments ended in, newest first, as far back as all are alike."""
    if view.campaign.state is not CampaignState.ACTIVE:
        return []
    found: list[Fault] = []
    for one in reversed(_let_run(view)):
        if not isinstance(one.outcome, Fault) or (found and one.outcome.kind is not found[0].kind):
            break
        found.append(one.outcome)
    return found


def _are_parted(view: View, n: int) -> bool:
    """Whether among the last experiments there are some that were called off, beside the ``n`` last that were not."""
    return n > 0 and _as_they_came(view)[-n:] != _let_run(view)[-n:]


def _as_they_came(view: View) -> list[ObservationRecord]:
    """What counts in the order of the record, whatever the place in its batch; first what was told of no attempt."""
    return sorted(view.counted, key=lambda o: (o.key is not None, o.entry))


def _let_run(view: View) -> list[ObservationRecord]:
    """What counts without what was called off, by a person or a safety stop: that tells nothing of a laboratory."""
    called_off = FaultKind.CANCELLED
    return [o for o in _as_they_came(view) if not (isinstance(o.outcome, Fault) and o.outcome.kind is called_off)]


def _teach_nothing(faults: Sequence[Fault]) -> bool:
    """Whether none of the last faults, newest first, tells of what was tried, as a laboratory may say of each."""
    return not any(fault.informative or fault.kind is FaultKind.AMBIGUOUS for fault in faults[:TOO_MANY])


def _said(view: View, faults: Sequence[Fault]) -> str:
    since = "yet" if len(faults) == len(_let_run(view)) else "since"
    why = f"{faults[0].kind.value}, the last: {_both_ends(faults[0].message)}"
    let_run = " that were not called off" if _are_parted(view, len(faults)) else ""
    return f"the last {len(faults)} experiments{let_run} ended in a fault, and none has had a result {since} ({why})"
