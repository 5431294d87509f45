"""What a person changes of a proposal that waits: the changed one runs in its place, and both stay on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from flows.engine.looking.replaying import inputs_of
from flows.engine.looking.view import View
from flows.engine.people.approving import waiting_for_approval
from flows.engine.people.bans import place_of_record
from flows.engine.people.conditions import read_candidate
from flows.engine.people.deciding import check_not_banned, check_not_on_its_way, pin_of
from flows.engine.people.writing import deciding
from flows.engine.steps.identifying import identified
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.decision import Amendment
from loop.errors import LedgerError, SpaceError
from loop.history import Said
from loop.plate.layout import unstocked
from loop.record import HEADS, Arm, Candidate, ProposalDraft, ProposalRecord, Settings
from loop.spec import build_space

if TYPE_CHECKING:
    from flows.settings import Settings as Where


def edit(
    settings: Where, name: str, round_number: int, number: int, changes: Sequence[str], *, by: str, why: str
) -> ProposalRecord:
    """Change a proposal that waits for a person; the changed one runs in its place. Returns it.

    It is of the arm manual, linked to the proposal that it came from, with the predictions of the round's own model.

    Args:
        settings: Where the record is.
        name: The campaign.
        round_number: The round.
        number: Of the proposal, as ``hakken show`` gives it.
        changes: Such as ``"temperature=90"``.
        by: Who decides.
        why: The reason.

    Raises:
        NotFound: There is no such round or proposal.
        LedgerError: It was decided, nothing changes, no reason is given, or the new candidate is banned or pinned, at
            work, or waits for approval.
        SpaceError: The new candidate lies outside the space.
    """
    if not why.strip():
        raise LedgerError("an edit needs a reason, which stays on record; give it with --why")
    with open_record(settings) as ledger:

        def look() -> Amendment:
            return _amendment(ledger, name, round_number, number, changes, by=by, why=why)

        with deciding(settings, ledger, name, by, look) as (work, amendment):
            return work.amend(amendment)


def _amendment(
    ledger: Ledger, name: str, round_number: int, number: int, changes: Sequence[str], *, by: str, why: str
) -> Amendment:
    """What an edit puts in the place of a proposal. Raises as ``edit``."""
    (old,) = waiting_for_approval(ledger, name, round_number, (number,))
    view = View(ledger, name)
    before = dict(view.space.as_named(old.draft.candidate.settings, old.draft.candidate.smiles))
    still = {parameter: value for parameter, value in before.items() if parameter in view.space.names}
    wanted = read_candidate(view.space, changes, still)
    if wanted == before:
        raise LedgerError(f"the edit changes nothing of {view.label(before)}; approve it as it is")
    check_not_banned(view, wanted)
    _check_keeps_what_wells_share(view, old, before, wanted)
    _check_brings_no_more_options(view, old, wanted)
    x = view.space.coordinates(wanted)
    check_not_on_its_way(view, wanted, beside=old.id)
    if (pin := pin_of(view, x.tobytes())) is not None:
        raise LedgerError(
            f"{view.label(wanted)} is pinned and runs in the next batch; lift the pin first "
            f"(hakken lift {quote(name)} {pin}), or edit otherwise"
        )
    candidate = identified(view.space, wanted)
    said = _foretold(ledger, name, round_number, candidate, why)
    draft = replace(
        old.draft,
        candidate=candidate,
        arm=Arm.MANUAL,
        reason=f"{HEADS[Arm.MANUAL]}edited by {by} ({why}); proposed was {view.label(before)}",
        model="" if said is None else said.model,
        acquisition="",
        acquisition_value=None,
        predictions=() if said is None else said.predictions,
        neighbour=None if said is None else said.neighbour,
        novelty=None if said is None else said.novelty,
    )
    return Amendment(old.id, draft, by, why)


def _foretold(ledger: Ledger, name: str, round_number: int, wanted: Candidate, why: str) -> ProposalDraft | None:
    """What the models of a round say of a candidate; None where the space that they know had none such.

    The file may have changed since, so that an option had another number, or another name, then.
    """
    from loop.pinning import manual_proposals  # brings torch

    inputs = inputs_of(ledger, name, ledger.round(name, round_number))
    space = build_space(inputs.spec)
    try:
        x = space.coordinates(space.as_named(wanted.settings, wanted.smiles))
    except SpaceError:
        return None
    (said,) = manual_proposals(
        inputs.spec, inputs.history, (Said(x, why),), seed=inputs.seed, first=0, earlier=inputs.earlier
    )
    return said


def _check_keeps_what_wells_share(view: View, old: ProposalRecord, before: Settings, wanted: Settings) -> None:
    """Refuse to give one well of a plate another value of what it shares with its neighbours."""
    place, plate = old.draft.place, view.spec.plate
    if place is None or plate is None:
        return
    for name, scope in plate.share.items():
        mine = [n for n in {*before, *wanted} if n == name or n.startswith(f"{name}.")]
        if any(before.get(n) != wanted.get(n) for n in mine):
            raise LedgerError(
                f"well {place.well} shares {name} with its {scope}; edit another parameter, or refuse the wells of the "
                f"{scope} (hakken approve --refuse)"
            )


def _check_brings_no_more_options(view: View, old: ProposalRecord, wanted: Settings) -> None:
    """Refuse to bring more different options onto a plate than it may hold."""
    if old.draft.place is None or view.spec.plate is None:
        return
    beside = [p for p in view.proposals if p.round_number == old.round_number and p.approved is not False]
    places = [place_of_record(view.space, p.draft.candidate) for p in beside if p.id != old.id]
    others = [np.frombuffer(x) for x in places if x is not None]
    x = view.space.coordinates(wanted)
    for name, limit in view.spec.plate.at_most.items():
        column = view.space.names.index(name)
        free = unstocked(view.space, column)
        there = {float(other[column]) for other in others} - free
        if len(there) >= limit and float(x[column]) not in there | free:
            raise LedgerError(
                f"{name} {wanted[name]} would be one more than the {limit} of plate.at_most; use one that is on the "
                f"plate (hakken show {quote(view.name)} {old.round_number})"
            )
